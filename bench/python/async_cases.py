"""The cases in which a publish is awaited."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from itertools import repeat
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from async_contenders import ASYNC_CONTENDERS, AsyncContender, AsyncPublisher
from contenders import BUSWORK
from handlers import Kind, distinct
from rounds import Contest

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from rounds import Loop

TURN = 5_000_000
"""Longer than the others' turns, as entering the loop takes a while."""

TRIED = 120
"""Publishes that a contender must manage before it is measured: some stop at a hundred."""

PATIENCE = 30
"""Seconds for those."""

SLOW = 0.001
"""Seconds that the slow handler sleeps."""


class _Entrant(NamedTuple):
    publisher: AsyncPublisher
    runner: asyncio.Runner

    def loop(self, times: int) -> None:
        """Publish so many times."""
        self.runner.run(self.publisher.many(times))


class _Field:
    """Those who work here, each on an event loop of its own: some leave tasks running there."""

    def __init__(self, make: Callable[[bool], list[Callable[..., Any]]]) -> None:
        """Try everybody out, with handlers made for one who gives keywords or for one who does not."""
        self.entrants: dict[str, _Entrant] = {}
        self.skipped: dict[str, str] = {}
        for contender in ASYNC_CONTENDERS:
            runner = asyncio.Runner()
            try:
                publisher = runner.run(_try_out(contender, make(contender.keywords)))
            except Exception as error:
                if contender.distribution in {None, BUSWORK.distribution}:
                    raise
                self.skipped[contender.name] = f"{type(error).__name__}: {error}"
            else:
                self.entrants[contender.name] = _Entrant(publisher, runner)

    def leave(self) -> None:
        """Stop them all and close their loops."""
        for publisher, runner in self.entrants.values():
            runner.run(_stop(publisher))
            runner.close()


async def _try_out(contender: AsyncContender, handlers: list[Callable[..., Any]]) -> AsyncPublisher:
    async with asyncio.timeout(PATIENCE):
        publisher = contender.build(handlers)
        await publisher.many(TRIED)
    return publisher


async def _stop(publisher: AsyncPublisher) -> None:
    await publisher.stop()


def awaiting(kind: str, count: str) -> Contest:
    """Everybody, awaiting a publish to so many coroutine functions."""
    field = _Field(lambda keywords: distinct(cast("Kind", kind), int(count), keywords=keywords))
    loops = {name: entrant.loop for name, entrant in field.entrants.items()}

    def finish() -> None:
        for name, loop in loops.items():
            _check(name, loop, int(count), 2 if kind == "once" else 1)
        field.leave()

    return Contest(loops, field.skipped, TURN, finish=finish)


def _check(name: str, loop: Loop, count: int, steps: int) -> None:
    """Refuse the figures of a contender that has not awaited all its handlers to their ends.

    So many steps lead through a handler: a coroutine is entered anew after each suspension.
    """
    entered: Counter[FrameType] = Counter()

    def profile(frame: FrameType, what: str, _: object) -> None:
        if what == "call" and frame.f_code.co_name.startswith("handle_"):
            entered[frame] += 1

    sys.setprofile(profile)
    try:
        loop(1)
    finally:
        sys.setprofile(None)
    if list(entered.values()) != [steps] * count:
        raise AssertionError(f"{name} took {entered.total()} of {count} × {steps} steps")


def one_slow() -> Contest:
    """Everybody, awaiting a publish to three handlers, of which the first one sleeps.

    Noted besides is when the other two had run.
    """
    done: list[int] = []

    def make(keywords: bool) -> list[Callable[..., Any]]:
        async def slow(event: object, **_: object) -> None:
            await asyncio.sleep(SLOW)

        async def handle_1(event: object, **_: object) -> None:
            done.append(perf_counter_ns())

        async def handle_2(event: object, **_: object) -> None:
            done.append(perf_counter_ns())

        return [slow, handle_1, handle_2]

    field = _Field(make)
    others: dict[str, list[float]] = {}

    def loop(name: str, entrant: _Entrant) -> Loop:
        many, run = entrant.publisher.many, entrant.runner.run
        noted = others.setdefault(f"{name}, the quick ones", [])

        async def timed(times: int) -> None:
            for _ in repeat(None, times):
                done.clear()
                started = perf_counter_ns()
                await many(1)
                if len(done) != 2 or perf_counter_ns() - started < SLOW * 1e9 * 0.9:
                    raise AssertionError(f"{name} ran {len(done)} of 2 handlers, or did not wait")
                noted.append(max(done) - started)

        return lambda times: run(timed(times))

    loops = {name: loop(name, entrant) for name, entrant in field.entrants.items()}
    return Contest(loops, field.skipped, TURN, others, field.leave)
