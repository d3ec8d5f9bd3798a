"""Sends invoices. The bank answers when it likes; in this shop it does so at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buswork import handles
from shop.events import InvoicePaid, OrderPlaced

if TYPE_CHECKING:
    from buswork import AsyncEventBus


class Billing:
    """Bills each order, and says when it is paid."""

    def __init__(self, bus: AsyncEventBus) -> None:
        self._bus = bus

    @handles(OrderPlaced)
    async def bill(self, order: OrderPlaced) -> None:
        """Bill an order. Runs for free CDs too: their invoice is over nothing."""
        await self._bus.publish(InvoicePaid(order.number, order.dollars))
