"""Memory bars: what a program does for a long time must not grow.

Short by default; `BUSWORK_SOAK=1` runs the full counts of the bars.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from buswork import AsyncEventBus, EventBus, HandlerErrors

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


def stays_flat(what: str, work: Callable[[int], None], times: int) -> bool:
    """Say whether the resident size grows by no more than allowed over `times` rounds, once warm."""
    work(max(times // 10, 1000))
    gc.collect()
    warm = resident()
    work(times)
    gc.collect()
    grown = resident() - warm
    print(f"\n{grown / MEBIBYTE:+6.2f} MiB over {times:,} {what}")
    return grown <= ALLOWED


def test_traces_do_not_grow(tmp_path: Path) -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: bus.publish("nested"))
    bus.subscribe(str, lambda _: None)
    with bus.tracing(keep=100), bus.trace(tmp_path / "trace.jsonl", max_bytes=100_000, keep=1):

        def work(times: int) -> None:
            for number in range(times):
                bus.publish(Placed())
                bus.publish(type("Passing", (), {})() if number % 1000 == 0 else number)

        assert stays_flat("traced events", work, count(1_000_000, 20_000))
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3 * MEBIBYTE


def test_publishing_does_not_grow() -> None:
    bus = EventBus()
    for _ in range(12):
        bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, lambda _: None, when=lambda _: False)

    def work(times: int) -> None:
        for _ in range(times):
            bus.publish(Placed())

    assert stays_flat("events", work, count(10_000_000, 200_000))


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

    assert stays_flat("reports and failures", work, count(1_000_000, 20_000))


def test_subscribing_and_cancelling_does_not_grow() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: None)

    def work(times: int) -> None:
        for number in range(times):
            subscription = bus.subscribe(Placed, lambda _: None, name=f"handler {number}")
            if number % 10 == 0:
                bus.publish(Placed())
            subscription.cancel()

    assert stays_flat("subscribe and cancel pairs", work, count(100_000, 10_000))


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

    assert stays_flat("dead classes", work, count(100_000, 5_000))


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

    assert stays_flat("dropped buses", work, count(100_000, 10_000))


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

    assert stays_flat("dead weak handlers", work, count(100_000, 10_000))
    assert bus.handlers(Placed) == []


def test_awaiting_does_not_grow() -> None:
    bus = AsyncEventBus()

    async def quick(_event: Placed) -> None: ...

    async def waits(_event: Placed) -> None:
        await asyncio.sleep(0)

    async def fails(_event: Placed) -> None:
        await asyncio.sleep(0)
        raise ValueError

    for handler in (quick, waits, fails):
        bus.subscribe(Placed, handler)

    async def publish(times: int) -> None:
        for number in range(times):
            publishing = asyncio.ensure_future(bus.publish(Placed()))
            await asyncio.sleep(0)
            if number % 10 == 0:
                publishing.cancel()
            await asyncio.wait([publishing])
            if not publishing.cancelled():
                publishing.exception()

    def work(times: int) -> None:
        asyncio.run(publish(times))

    assert stays_flat("awaited publishes, some cancelled", work, count(1_000_000, 10_000))


def test_distinct_topics_do_not_grow() -> None:
    bus = EventBus()
    bus.subscribe("devices.*.reading", lambda _: None)
    published = 0

    def work(times: int) -> None:
        nonlocal published
        for number in range(published, published + times):
            bus.publish(number, topic=f"devices.{number}.reading")
        published += times

    assert stays_flat("distinct topics", work, count(1_000_000, 20_000))


def test_posting_does_not_grow() -> None:
    bus = EventBus(on_error=lambda _: None)
    bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, lambda _: 1 / 0, priority=1)

    def work(times: int) -> None:
        for _ in range(times):
            bus.post(Placed())
        bus.drain()

    work(20_000)  # so that as many have been pending as ever will be
    assert stays_flat("posts", work, count(1_000_000, 20_000))


def test_posting_on_a_loop_does_not_grow() -> None:
    bus = AsyncEventBus()

    async def waits(_event: Placed) -> None:
        await asyncio.sleep(0)

    async def quick(_event: Placed) -> None: ...

    for handler in (waits, quick, lambda _: None):
        bus.subscribe(Placed, handler)

    async def post(times: int) -> None:
        for number in range(times):
            bus.post(Placed())
            if number % 1_000 == 0:
                await bus.drain()
        await bus.drain()

    def work(times: int) -> None:
        asyncio.run(post(times))

    assert stays_flat("posts on a loop", work, count(1_000_000, 20_000))
