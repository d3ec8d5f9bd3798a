"""The bus that people write themselves, word for word; what all others are compared with."""
# ruff: noqa: I001, UP035 (kept as it was written)

from collections import defaultdict
from typing import Callable, Any


class EventBus:
    def __init__(self):
        self._handlers: dict[type, list[Callable]] = defaultdict(list)

    def subscribe(self, event_type: type, handler: Callable):
        self._handlers[event_type].append(handler)

    def publish(self, event: Any):
        for handler in self._handlers[type(event)]:
            handler(event)
