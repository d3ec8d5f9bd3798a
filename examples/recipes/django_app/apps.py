"""The composition root: where handlers and bus meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.apps import AppConfig

from recipes.django_app.bus import bus

if TYPE_CHECKING:
    from buswork import SubscriptionGroup


class OrdersConfig(AppConfig):
    """Subscribes the handlers once a process."""

    name = "recipes.django_app"
    subscribed: ClassVar[SubscriptionGroup | None] = None

    def ready(self) -> None:
        """Subscribe. Django may call this again, in tests that change INSTALLED_APPS."""
        from recipes.django_app.handlers import handlers  # noqa: PLC0415 - it needs the models

        if OrdersConfig.subscribed is None:
            OrdersConfig.subscribed = bus.include(handlers)
