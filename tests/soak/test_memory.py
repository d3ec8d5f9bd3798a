"""Memory bars: what a program does for a long time must not grow.

Short by default; `BUSWORK_SOAK=1` runs the full counts of the bars.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from buswork import EventBus, HandlerErrors

IS_FULL = bool(os.environ.get("BUSWORK_SOAK"))
MEBIBYTE = 1024 * 1024
ALLOWED = 2 * MEBIBYTE

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads the resident size from /proc"
)


class Placed: ...


def count(full: int, short: int) -> int:
    return full if IS_FULL else short


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def growth(work: Callable[[int], None], times: int) -> int:
    """Return by how much the resident size grows over `times` rounds, once warm."""
    work(max(times // 10, 1000))
    gc.collect()
    warm = resident()
    work(times)
    gc.collect()
    return resident() - warm


def test_publishing_does_not_grow() -> None:
    bus = EventBus()
    for _ in range(12):
        bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, lambda _: None, when=lambda _: False)

    def work(times: int) -> None:
        for _ in range(times):
            bus.publish(Placed())

    assert growth(work, count(10_000_000, 200_000)) <= ALLOWED


def test_delivering_and_failing_does_not_grow() -> None:
    bus = EventBus()
    bus.subscribe(int, lambda number: 1 / number)

    def work(times: int) -> None:
        for _ in range(times):
            bus.deliver(1)
            try:
                bus.publish(0)
            except HandlerErrors:
                pass

    assert growth(work, count(1_000_000, 20_000)) <= ALLOWED


def test_subscribing_and_cancelling_does_not_grow() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: None)

    def work(times: int) -> None:
        for number in range(times):
            subscription = bus.subscribe(Placed, lambda _: None, name=f"handler {number}")
            if number % 10 == 0:
                bus.publish(Placed())
            subscription.cancel()

    assert growth(work, count(100_000, 10_000)) <= ALLOWED


def test_dead_classes_do_not_grow() -> None:
    bus = EventBus()
    bus.subscribe(object, lambda _: None)

    def work(times: int) -> None:
        for _ in range(times):
            event_type = type("Event", (), {})
            bus.publish(event_type())
            bus.subscribe(event_type, lambda _: None).cancel()
            del event_type
        gc.collect()

    assert growth(work, count(100_000, 5_000)) <= ALLOWED


def test_dropped_buses_do_not_grow() -> None:
    class Owner:
        def __init__(self) -> None:
            self.bus = EventBus(on_error=self.look)
            self.subscription = self.bus.subscribe(Placed, self.handle)
            self.bus.publish(Placed())

        def handle(self, event: Placed) -> None: ...

        def look(self, failure: object) -> None: ...

    def work(times: int) -> None:
        for _ in range(times):
            Owner()

    assert growth(work, count(100_000, 10_000)) <= ALLOWED


def test_weak_handlers_that_die_do_not_grow() -> None:
    bus = EventBus()

    class Owner:
        def handle(self, event: Placed) -> None: ...

    def work(times: int) -> None:
        for _ in range(times):
            owner = Owner()
            bus.subscribe(Placed, owner.handle, weak=True)
            bus.publish(Placed())
            del owner

    assert growth(work, count(100_000, 10_000)) <= ALLOWED
    assert bus.handlers(Placed) == []
