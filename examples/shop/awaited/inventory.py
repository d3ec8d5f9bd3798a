"""Keeps the shelf filled, from a supplier whom one may have to wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buswork import handles
from shop.events import OrderPlaced, StockLow, StockReordered

if TYPE_CHECKING:
    from buswork import AsyncEventBus


class Inventory:
    """A shelf of CDs."""

    FULL = 1_000
    LOW = 100

    def __init__(self, bus: AsyncEventBus) -> None:
        self._bus = bus
        self.discs = self.FULL

    @handles(OrderPlaced, priority=10)
    async def reserve(self, order: OrderPlaced) -> None:
        """Take an order's CDs from the shelf."""
        self.discs -= order.discs
        if self.discs < self.LOW:
            await self._bus.publish(StockLow(self.discs))

    @handles(StockLow)
    async def reorder(self, low: StockLow) -> None:
        """Order what is missing."""
        missing = self.FULL - low.discs_left
        self.discs += missing
        await self._bus.publish(StockReordered(missing))
