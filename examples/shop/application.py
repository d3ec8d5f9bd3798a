"""The composition root: the one place that knows all modules, and wires them to the bus."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buswork import AsyncEventBus, EventBus
from shop import orders
from shop.analytics import Analytics
from shop.awaited import billing, inventory
from shop.awaited import orders as awaited_orders
from shop.billing import Billing
from shop.inventory import Inventory
from shop.post_office import PostOffice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What is left of one run of the shop."""

    bus: EventBus | AsyncEventBus
    analytics: Analytics
    mbox: Path
    seconds: float


def run(lines: Iterable[str], mbox: Path, trace: Path | None = None) -> Run:
    """Wire the shop and feed it purchases; the mails go to `mbox`, which is made anew.

    What runs is recorded in `trace`, if that is given.
    """
    bus = EventBus(unhandled="raise")
    analytics = Analytics()
    tracing = bus.trace(trace) if trace else nullcontext()
    with mbox.open("w", encoding="utf-8", newline="\n") as mails, tracing:
        for module in (Inventory(bus), Billing(bus), PostOffice(mails), analytics.handlers):
            bus.include(module)
        started = time.perf_counter()
        orders.take(bus, lines)
        seconds = time.perf_counter() - started
    return Run(bus, analytics, mbox, seconds)


def run_awaited(lines: Iterable[str], mbox: Path, trace: Path | None = None) -> Run:
    """Do the same on an async bus."""
    bus = AsyncEventBus(unhandled="raise")
    analytics = Analytics()
    tracing = bus.trace(trace) if trace else nullcontext()
    with mbox.open("w", encoding="utf-8", newline="\n") as mails, tracing:
        modules = (inventory.Inventory(bus), billing.Billing(bus), PostOffice(mails))
        for module in (*modules, analytics.handlers):
            bus.include(module)
        started = time.perf_counter()
        asyncio.run(awaited_orders.take(bus, lines))
        seconds = time.perf_counter() - started
    return Run(bus, analytics, mbox, seconds)
