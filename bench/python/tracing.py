"""What tracing costs a delivery, in nanoseconds: `tracing.py [ROUNDS]` prints a table.

The same bus, with no trace, with one in memory, and with one in a file, interleaved. What a case
without a trace takes is what tracing must not change.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING

from buswork import AsyncEventBus, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable

    from buswork import Trace, Tracing

TIMES = 2_000


class Event:
    pass


def synchronous(handlers: int) -> tuple[EventBus, Callable[[], None]]:
    bus = EventBus()
    for _ in range(handlers):
        bus.subscribe(Event, lambda _: None)
    event = Event()

    def many() -> None:
        for _ in repeat(None, TIMES):
            bus.publish(event)

    return bus, many


def asynchronous(handlers: int, *, waits: bool) -> tuple[AsyncEventBus, Callable[[], None]]:
    bus = AsyncEventBus()

    def handler() -> Callable[[Event], object]:
        async def at_once(_: Event) -> None:
            pass

        async def waiting(_: Event) -> None:
            await asyncio.sleep(0)

        return waiting if waits else at_once

    for _ in range(handlers):
        bus.subscribe(Event, handler())
    event = Event()

    async def main() -> None:
        for _ in repeat(None, TIMES):
            await bus.publish(event)

    def many() -> None:
        asyncio.run(main())

    return bus, many


def measure(
    bus: EventBus | AsyncEventBus, many: Callable[[], None], handlers: int, rounds: int
) -> list[float]:
    """Nanoseconds a delivery: without a trace, in memory, in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.jsonl"
        begin: list[Callable[[], Tracing | Trace | None]] = [
            lambda: None,
            bus.tracing,
            lambda: bus.trace(path, keep=1),
        ]
        times: list[list[float]] = [[] for _ in begin]
        for _ in range(rounds):
            for place, start in enumerate(begin):
                trace = start()
                many()  # compiles the plan, and warms up
                began = perf_counter_ns()
                many()
                times[place].append((perf_counter_ns() - began) / TIMES / handlers)
                if trace is not None:
                    trace.close()
    return [median(each) for each in times]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print("| handlers | no trace | in memory | in a file | memory, more | file, more |")
    print("| --- | --- | --- | --- | --- | --- |")
    for handlers in (1, 3, 10):
        cases = {
            f"{handlers} sync": synchronous(handlers),
            f"{handlers} async": asynchronous(handlers, waits=False),
            f"{handlers} async that wait": asynchronous(handlers, waits=True),
        }
        for name, (bus, many) in cases.items():
            off, memory, file = measure(bus, many, handlers, rounds)
            row = [off, memory, file, memory - off, file - off]
            print(f"| {name} |", " | ".join(f"{figure:,.0f} ns" for figure in row), "|")


if __name__ == "__main__":
    main()
