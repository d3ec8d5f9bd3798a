"""Keeps the shelf filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buswork import handles
from shop.events import OrderPlaced, StockLow, StockReordered

if TYPE_CHECKING:
    from buswork import EventBus


class Inventory:
    """A shelf of CDs. Goes first, so that nothing is promised that is not there."""

    FULL = 1_000
    LOW = 100

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self.discs = self.FULL

    @handles(OrderPlaced, priority=10)
    def reserve(self, order: OrderPlaced) -> None:
        """Take an order's CDs from the shelf."""
        self.discs -= order.discs
        if self.discs < self.LOW:
            self._bus.publish(StockLow(self.discs))

    @handles(StockLow)
    def reorder(self, low: StockLow) -> None:
        """Order what is missing. The supplier is next door."""
        missing = self.FULL - low.discs_left
        self.discs += missing
        self._bus.publish(StockReordered(missing))
