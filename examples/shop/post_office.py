"""Writes the confirmations, as mails in one mbox file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from buswork import handles
from shop.events import OrderPlaced

if TYPE_CHECKING:
    from typing import TextIO


class PostOffice:
    """Appends a mail for each order to an mbox (RFC 4155)."""

    def __init__(self, mbox: TextIO) -> None:
        self._mbox = mbox

    @handles(OrderPlaced)
    def confirm(self, order: OrderPlaced) -> None:
        """Write one mail."""
        sent = order.day.strftime("%a %b %d 00:00:00 %Y")
        self._mbox.write(
            f"From shop@example.com {sent}\n"
            "From: shop@example.com\n"
            f"To: customer-{order.customer}@example.com\n"
            f"Subject: Your order {order.number}\n"
            "\n"
            f"Thank you for {order.discs} CDs at ${order.dollars:.2f}.\n"
            "\n"
        )
