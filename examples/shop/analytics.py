"""Counts. Its handlers stand in a collection, which the application includes."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from buswork import Handlers
from shop.events import InvoicePaid, OrderPlaced, RowRejected

REASONS_KEPT = 5


class Analytics:
    """What the shop has sold, and what went by on the bus."""

    def __init__(self) -> None:
        self.purchases = 0
        self.customers: set[str] = set()
        self.discs = 0
        self.dollars = Decimal(0)
        self.rejected = 0
        self.first_rejections: list[RowRejected] = []
        self.published: Counter[type[object]] = Counter()
        self.handlers = handlers = Handlers()
        handlers.on(OrderPlaced)(self.count_order)
        handlers.on(InvoicePaid)(self.count_money)
        handlers.on(RowRejected)(self.count_rejection)
        # Every event is an object; low priority, so that it counts what the others have handled.
        handlers.on(object, priority=-10)(self.count_event)

    def count_order(self, order: OrderPlaced) -> None:
        """Count a purchase, its customer and its CDs."""
        self.purchases += 1
        self.customers.add(order.customer)
        self.discs += order.discs

    def count_money(self, invoice: InvoicePaid) -> None:
        """Count what was paid."""
        self.dollars += invoice.dollars

    def count_rejection(self, row: RowRejected) -> None:
        """Count a rejected row, and keep the first few."""
        self.rejected += 1
        if len(self.first_rejections) < REASONS_KEPT:
            self.first_rejections.append(row)

    def count_event(self, event: object) -> None:
        """Count an event of any type."""
        self.published[type(event)] += 1
