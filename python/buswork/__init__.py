"""Buswork: publish an event, and every handler subscribed to its type runs.

>>> from dataclasses import dataclass
>>> from buswork import EventBus
>>> @dataclass
... class OrderPlaced:
...     order_id: str
>>> bus = EventBus()
>>> @bus.on(OrderPlaced)
... def confirm(event: OrderPlaced) -> None:
...     print(f"a mail about {event.order_id}")
>>> bus.publish(OrderPlaced("123"))
a mail about 123
"""

from __future__ import annotations

from buswork._async_bus import AsyncEventBus
from buswork._buswork import (
    Attempted,
    Breaker,
    DeadLetter,
    DeadLettered,
    DeadLetters,
    Delivery,
    Dispatch,
    EventBus,
    Failure,
    HandlerStats,
    Limit,
    Policy,
    Report,
    Retry,
    Subscription,
    Trace,
    TracedDelivery,
    Tracing,
)
from buswork._errors import (
    BreakerOpen,
    BusworkError,
    HandlerCancelled,
    HandlerErrors,
    HandlerTimeout,
    LimitFull,
    PublishRecursionError,
    QueueFull,
    UnhandledEvent,
)
from buswork._handlers import Handlers, SubscriptionGroup, handles

__all__ = [
    "AsyncEventBus",
    "Attempted",
    "Breaker",
    "BreakerOpen",
    "BusworkError",
    "DeadLetter",
    "DeadLettered",
    "DeadLetters",
    "Delivery",
    "Dispatch",
    "EventBus",
    "Failure",
    "HandlerCancelled",
    "HandlerErrors",
    "HandlerStats",
    "HandlerTimeout",
    "Handlers",
    "Limit",
    "LimitFull",
    "Policy",
    "PublishRecursionError",
    "QueueFull",
    "Report",
    "Retry",
    "Subscription",
    "SubscriptionGroup",
    "Trace",
    "TracedDelivery",
    "Tracing",
    "UnhandledEvent",
    "handles",
]
