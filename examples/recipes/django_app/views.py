"""What a client can ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.http import JsonResponse
from django.views.decorators.http import require_POST

from buswork import HandlerErrors
from recipes.django_app.bus import OrderCommitted, OrderPlaced, bus
from recipes.django_app.handlers import NotOnSaleError
from recipes.django_app.models import Order

if TYPE_CHECKING:
    from django.http import HttpRequest


@require_POST
def place_order(_request: HttpRequest, item: str) -> JsonResponse:
    """Store an order. Who is posted to never sees one that was rolled back."""
    try:
        with transaction.atomic():
            order = Order.objects.create(item=item)
            transaction.on_commit(lambda: bus.post(OrderCommitted(order.pk)))
            bus.publish(OrderPlaced(order.pk, item))
    except HandlerErrors as errors:
        _refused, others = errors.split(NotOnSaleError)
        if others is not None:
            raise
        return JsonResponse({"error": f"no {item} on sale"}, status=409)
    return JsonResponse({"order": order.pk}, status=201)
