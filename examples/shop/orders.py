"""Takes orders: reads purchases, a row each, and publishes what they mean."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from shop.events import OrderPlaced, RowRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from buswork import EventBus

COLUMNS = "customer_id, date, number_of_cds, dollar_value"


def take(bus: EventBus, lines: Iterable[str]) -> None:
    """Publish what the purchases mean."""
    for event in read(lines):
        bus.publish(event)


def read(lines: Iterable[str]) -> Iterator[OrderPlaced | RowRejected]:
    """Yield an `OrderPlaced` a purchase, and a `RowRejected` for each row that is none.

    The first line is a header. Columns are parted by runs of blanks.
    """
    number = 0
    for line_number, line in enumerate(lines, start=1):
        fields = line.split()
        if line_number == 1 or not fields:
            continue
        try:
            order = _order(number + 1, fields)
        except ValueError as error:
            yield RowRejected(line_number, str(error))
            continue
        number += 1
        yield order


def _order(number: int, fields: list[str]) -> OrderPlaced:
    if len(fields) != len(COLUMNS.split(", ")):
        message = f"{len(fields)} columns instead of {COLUMNS}"
        raise ValueError(message)
    customer, day, discs, dollars = fields
    return OrderPlaced(number, customer, _day(day), _discs(discs), _dollars(dollars))


def _day(text: str) -> date:
    if re.fullmatch(r"\d{8}", text, re.ASCII):
        with suppress(ValueError):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    message = f"{text[:20]!r} is no date of the form 19970131"
    raise ValueError(message)


def _discs(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text, re.ASCII):
        message = f"{text[:20]!r} is no number of CDs"
        raise ValueError(message)
    return int(text)


def _dollars(text: str) -> Decimal:
    if not re.fullmatch(r"\d{1,17}(\.\d{0,2})?", text, re.ASCII):
        message = f"{text[:20]!r} is no amount of dollars"
        raise ValueError(message)
    return Decimal(text)
