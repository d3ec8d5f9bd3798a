"""Who handles what. Imports models, so it is imported when the apps are ready."""

from __future__ import annotations

from contextlib import closing

from django.core.mail import send_mail
from django.db import connections

from buswork import Handlers
from recipes.django_app.bus import OrderCommitted, OrderPlaced
from recipes.django_app.models import Order

ON_SALE = {"teapot", "mug"}

handlers = Handlers()


class NotOnSaleError(Exception):
    """The shop does not have it."""


@handlers.on(OrderPlaced)
def check(order: OrderPlaced) -> None:
    """Refuse an order, in its transaction: what is raised here rolls it back."""
    if order.item not in ON_SALE:
        raise NotOnSaleError(order.item)


@handlers.on(OrderCommitted)
def confirm(order: OrderCommitted) -> None:
    """Write to the customer, on a thread of the bus.

    A thread has a database connection of its own. Django closes the one of a request; this one is
    ours to close.
    """
    with closing(connections["default"]):
        stored = Order.objects.get(pk=order.order_id)
        send_mail("Your order", f"A {stored.item} is on its way.", None, ["u1@example.com"])
        stored.is_confirmed = True
        stored.save()
