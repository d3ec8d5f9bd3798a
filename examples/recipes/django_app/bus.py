"""The bus of the project, and its events. Knows no models, so everybody may import it."""

from __future__ import annotations

from dataclasses import dataclass

from buswork import EventBus

bus = EventBus()


@dataclass(frozen=True)
class OrderPlaced:
    """An order is being written; its transaction is open. To be published."""

    order_id: int
    item: str


@dataclass(frozen=True)
class OrderCommitted:
    """An order is in the database. To be posted."""

    order_id: int
