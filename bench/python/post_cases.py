"""The cases in which events are posted, and it is waited until every handler has had them all."""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal

from handlers import distinct
from post_contenders import AsyncPosting, Posting, Tasks, Threads, skipped
from rounds import ONE_GO, Contest
from thread_cases import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from rounds import Loop

POSTS = 20_000
"""Posts in a go."""

BURST = 1_000
"""Of these, what is posted before it is waited, on a loop: a full queue raises there."""


def _sync_loop(contender: Threads | Posting, threads: int) -> Loop:
    def many(times: int) -> None:
        for _ in repeat(None, times):
            if threads == 1:
                contender.post(POSTS)
            else:
                at_once(threads, lambda: contender.post(POSTS // threads))
            contender.drain()

    return many


def posting(threads: str, count: str) -> Contest:
    """From so many threads to so many handlers."""
    lacking = skipped("sync")
    makers = [make for make in (Threads, Posting) if make.name not in lacking]

    def finish() -> None:
        handlers, calls = _counting(int(count))
        for make in makers:
            calls.clear()
            _sync_loop(make(handlers), int(threads))(1)
            _compare(make.name, calls, int(count))

    return Contest(
        {
            make.name: _sync_loop(make(distinct("function", int(count))), int(threads))
            for make in makers
        },
        lacking,
        ONE_GO,
        finish=finish,
    )


def _async_loop(contender: Tasks | AsyncPosting, runner: asyncio.Runner) -> Loop:
    async def many(times: int) -> None:
        for _ in repeat(None, times * (POSTS // BURST)):
            await contender.post(BURST)
            await contender.drain()

    return lambda times: runner.run(many(times))


def posting_async(kind: Literal["function", "quick"], count: str) -> Contest:
    """On a loop, to so many handlers, plain functions or coroutine functions that never wait."""
    lacking = skipped("async")
    makers = [make for make in (Tasks, AsyncPosting) if make.name not in lacking]
    runners: list[asyncio.Runner] = []

    def loop(make: Callable[[Any], Tasks | AsyncPosting], handlers: list[Any]) -> Loop:
        async def begin() -> Tasks | AsyncPosting:
            return make(handlers)

        runner = asyncio.Runner()
        runners.append(runner)
        return _async_loop(runner.run(begin()), runner)

    def finish() -> None:
        handlers, calls = _counting(int(count))
        if kind == "quick":
            handlers = [_awaited(handler) for handler in handlers]
        for make in makers:
            calls.clear()
            loop(make, handlers)(1)
            _compare(make.name, calls, int(count))
        for runner in runners:
            runner.close()

    return Contest(
        {make.name: loop(make, distinct(kind, int(count))) for make in makers},
        lacking,
        ONE_GO,
        finish=finish,
    )


def _counting(count: int) -> tuple[list[Callable[[Any], None]], dict[int, int]]:
    """Handlers that count their calls: one handler runs one event at a time."""
    calls: dict[int, int] = {}

    def handler(number: int) -> Callable[[Any], None]:
        def handle(event: object) -> None:
            calls[number] = calls.get(number, 0) + 1

        return handle

    return [handler(number) for number in range(count)], calls


def _awaited(handler: Callable[[Any], None]) -> Callable[[Any], Any]:
    async def handle(event: object) -> None:
        handler(event)

    return handle


def _compare(name: str, calls: dict[int, int], count: int) -> None:
    if calls != dict.fromkeys(range(count), POSTS):
        raise AssertionError(f"{name} did not give {POSTS} events to {count} handlers: {calls}")
