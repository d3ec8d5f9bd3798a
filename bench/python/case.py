"""One case in a process of its own: `case.py NAME ROUNDS` prints nanoseconds a round as JSON.

Of its own, because the interpreter specialises code for what it saw there: a loop that has called
functions before is not the loop that it would have been.
"""

from __future__ import annotations

import json
import sys
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

from async_cases import awaiting, one_slow
from contenders import CONTENDERS, SEED, OrderPlaced, event
from handlers import Kind, distinct
from policy_cases import counted, retried
from post_cases import posting, posting_async
from rounds import Contest, interleave
from thread_cases import publishing_threads

from buswork import EventBus, HandlerErrors

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from contenders import Publisher
    from rounds import Loop

OTHER_TYPES = 10_000


def publish(kind: str, count: str) -> Contest:
    """Everybody, publishing to so many handlers."""
    publishers: dict[str, Publisher] = {}
    for contender in CONTENDERS:
        handlers = distinct(cast("Kind", kind), int(count), keywords=contender.keywords)
        publishers[contender.name] = contender.build(handlers)

    def finish() -> None:
        for name, publisher in publishers.items():
            _check(name, publisher, int(count))

    return Contest({name: each.many for name, each in publishers.items()}, finish=finish)


def _check(name: str, publisher: Publisher, count: int) -> None:
    """Refuse the figures of a contender whose handlers were not all called.

    It happens easily: several hold them weakly. Looked at afterwards, on the very buses that were
    measured, since a profiler leaves its traces in specialised code.
    """
    called = 0

    def profile(frame: FrameType, what: str, _: object) -> None:
        nonlocal called
        called += what == "call" and frame.f_code.co_name.startswith("handle_")

    sys.setprofile(profile)
    try:
        publisher.once()
    finally:
        sys.setprofile(None)
    if called != count:
        raise AssertionError(f"{name} called {called} of {count} handlers")


def _loop(bus: EventBus, event: object) -> Loop:
    """A publishing loop with code of its own."""

    def many(times: int, bus: EventBus = bus, event: object = event) -> None:
        for _ in repeat(None, times):
            bus.publish(event)

    many.__code__ = many.__code__.replace()
    return many


def _plain(count: int) -> Loop:
    bus = EventBus()
    for handler in distinct("function", count):
        bus.subscribe(OrderPlaced, handler)
    return _loop(bus, event)


def bases(count: str) -> Contest:
    """The event's class has eight bases in a line, and the handlers are subscribed to the root."""
    root = kind = type("Base0", (), {})
    for number in range(1, 8):
        kind = type(f"Base{number}", (kind,), {})
    derived = type("Derived", (kind,), {})
    bus = EventBus()
    for handler in distinct("function", int(count)):
        bus.subscribe(root, handler)
    return Contest({"plain": _plain(int(count)), "bases": _loop(bus, derived())})


def _others(bus: EventBus) -> list[type]:
    """Ten thousand other types with a handler each, all of them published once."""
    others: list[type] = []
    for number, handler in enumerate(distinct("function", OTHER_TYPES)):
        other = type(f"Other{number}", (), {})
        bus.subscribe(other, handler)
        bus.publish(other())
        others.append(other)
    return others


def others(count: str) -> Contest:
    """The bus has ten thousand other event types."""
    bus = EventBus()
    keep = _others(bus)
    for handler in distinct("function", int(count)):
        bus.subscribe(OrderPlaced, handler)

    def many(times: int, loop: Loop = _loop(bus, event), _keep: object = keep) -> None:
        loop(times)

    return Contest({"plain": _plain(int(count)), "others": many})


def raising() -> Contest:
    """One of three handlers raises, and the publisher catches what comes of it."""

    def fail(event: object) -> None:
        raise ValueError

    first, _, third = distinct("function", 3)
    bus = EventBus()
    for handler in (first, fail, third):
        bus.subscribe(OrderPlaced, handler)

    def many(times: int, bus: EventBus = bus, event: object = event) -> None:
        for _ in repeat(None, times):
            try:
                bus.publish(event)
            except HandlerErrors:
                pass

    seed = SEED.build([first, fail]).once

    def alone(times: int, publish: Callable[[], object] = seed) -> None:
        for _ in repeat(None, times):
            try:
                publish()
            except ValueError:
                pass

    return Contest({"plain": _plain(3), "raising": many, "seed, raising": alone})


def subscribing() -> Contest:
    """Subscribe and cancel, on a bus with ten thousand types and on one with none."""

    def loop(bus: EventBus, kind: type) -> Loop:
        ring = distinct("function", 100)

        def many(times: int, subscribe: Any = bus.subscribe) -> None:
            for number in range(times):
                subscribe(kind, ring[number % 100]).cancel()

        return many

    beside, alone = EventBus(), EventBus()
    return Contest(
        {"beside": loop(beside, _others(beside)[5_000]), "alone": loop(alone, OrderPlaced)}
    )


CASES: dict[str, Callable[..., Contest]] = {
    "publish": publish,
    "bases": bases,
    "others": others,
    "raising": raising,
    "subscribing": subscribing,
    "awaiting": awaiting,
    "one-slow": one_slow,
    "posting": posting,
    "posting-async": posting_async,
    "threads": publishing_threads,
    "counted": counted,
    "retried": retried,
}


def main() -> None:
    """Run the case `NAME:ARGUMENT:ARGUMENT`."""
    name, *arguments = sys.argv[1].split(":")
    contest = CASES[name](*arguments)
    figures = interleave(contest.loops, int(sys.argv[2]), contest.turn)
    contest.finish()
    print(json.dumps({"figures": figures | contest.more, "skipped": contest.skipped}))


if __name__ == "__main__":
    main()
