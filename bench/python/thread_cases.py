"""Several threads that publish on one bus at once."""

from __future__ import annotations

from itertools import repeat
from threading import Barrier, Thread
from typing import TYPE_CHECKING

from contenders import BUSWORK, SEED
from handlers import distinct
from rounds import ONE_GO, Contest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rounds import Loop

THREADS = 4
PUBLISHES = 400_000
"""In a go, of all threads together: some times as long as the interpreter lets one thread run."""


def at_once(threads: int, work: Callable[[], None]) -> None:
    """Let so many threads, all started, do the work, and wait for them."""
    barrier = Barrier(threads)

    def begin() -> None:
        barrier.wait()
        work()

    crew = [Thread(target=begin) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()


def publishing_threads(count: str) -> Contest:
    """The hand-written bus and ours, each with so many handlers and four threads that publish."""

    def loop(many: Callable[[int], None]) -> Loop:
        def goes(times: int) -> None:
            for _ in repeat(None, times):
                at_once(THREADS, lambda: many(PUBLISHES // THREADS))

        return goes

    return Contest(
        {
            contender.name: loop(contender.build(distinct("function", int(count))).many)
            for contender in (SEED, BUSWORK)
        },
        turn=ONE_GO,
    )
