"""What can happen in the shop. Plain data; no module owns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """A customer has bought CDs."""

    number: int
    customer: str
    day: date
    discs: int
    dollars: Decimal


@dataclass(frozen=True, slots=True)
class InvoicePaid:
    """The invoice of an order is paid."""

    order_number: int
    dollars: Decimal


@dataclass(frozen=True, slots=True)
class StockLow:
    """The shelf needs filling."""

    discs_left: int


@dataclass(frozen=True, slots=True)
class StockReordered:
    """CDs were ordered from the supplier, and came."""

    discs: int


@dataclass(frozen=True, slots=True)
class RowRejected:
    """A row of the purchase file could not be read."""

    line: int
    reason: str
