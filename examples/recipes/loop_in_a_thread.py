"""An event loop in a thread: a sync program posts, and async handlers do the work."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buswork import AsyncEventBus

if TYPE_CHECKING:
    from collections.abc import Generator


@dataclass(frozen=True)
class PageWanted:
    """Somebody wants a page."""

    address: str


@contextmanager
def at_home_in_a_thread(bus: AsyncEventBus) -> Generator[asyncio.AbstractEventLoop]:
    """Give a bus a loop in a thread of its own, until what was posted to it is delivered.

    Yields the loop, for `asyncio.run_coroutine_threadsafe`.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def live() -> None:
        leave = asyncio.Event()
        async with bus:
            started.set_result((asyncio.get_running_loop(), leave))
            await leave.wait()

    with ThreadPoolExecutor(1, "bus-loop") as thread:
        life = thread.submit(lambda: asyncio.run(live()))
        loop, leave = started.result()
        try:
            yield loop
        finally:
            with suppress(RuntimeError):  # The loop is closed: life has failed, and raises why.
                loop.call_soon_threadsafe(leave.set)
            life.result()


def main() -> None:
    """Fetch two pages beside each other, from a program that awaits nothing."""
    bus = AsyncEventBus()

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        await asyncio.sleep(0.01)  # the network
        print(f"fetched {page.address}")

    with at_home_in_a_thread(bus) as loop:
        bus.post(PageWanted("/later"))
        publishing = asyncio.run_coroutine_threadsafe(bus.publish(PageWanted("/now")), loop)
        publishing.result()


if __name__ == "__main__":
    main()
