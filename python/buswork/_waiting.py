"""How a coroutine waits for the deliveries in the background of a bus."""

from __future__ import annotations

from asyncio import get_running_loop, timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future

    from buswork._buswork import AsyncBus


def enter(bus: AsyncBus) -> None:
    """Make the running loop the home of a bus."""
    bus._enter(get_running_loop())  # noqa: SLF001


async def close(bus: AsyncBus, seconds: float | None) -> None:
    """Take no more posts, and wait until no delivery is pending."""
    bus._close(is_done=False)  # noqa: SLF001
    # What is left after the time is over goes on, and may post.
    await until_ended(bus, seconds)
    bus._close(is_done=True)  # noqa: SLF001


async def until_ended(bus: AsyncBus, seconds: float | None) -> None:
    """Wait until no delivery of a bus is pending, on any loop."""
    loop = get_running_loop()
    ended: Future[None] = loop.create_future()

    def wake() -> None:
        loop.call_soon_threadsafe(_resolve, ended)

    if not bus._when_ended(wake):  # noqa: SLF001
        return
    try:
        async with timeout(seconds):
            await ended
    except TimeoutError:
        # It may have come to its end when the time was just over.
        if bus._stop_waiting(wake):  # noqa: SLF001
            raise bus._timed_out(seconds or 0.0) from None  # noqa: SLF001
    finally:
        bus._stop_waiting(wake)  # noqa: SLF001


def _resolve(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
