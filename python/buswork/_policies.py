"""How a delivery of the async bus waits, for its turn or for its next attempt.

The native side makes the first attempt, and counts (`Turn`). What is not done at once goes on here,
in the task of its handler.
"""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop, sleep, timeout, wait
from contextvars import ContextVar

from buswork._buswork import is_awaitable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable
    from typing import Any

    from buswork._buswork import Turn

#: The deliveries that are in progress in a context, outermost first: one that is nested in another
#: of the same handler must not wait for it.
HELD: ContextVar[tuple[Turn, ...]] = ContextVar("buswork turns", default=())


class NotCalled:
    """What a delivery returns whose handler was not called, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


async def in_turn(turn: Turn, handler: Callable[[Any], Any], event: object) -> Any:
    """Wait for the turn of a delivery, and make it."""
    held = HELD.get()
    if not turn.is_posted and any(turn.is_held_by(other) for other in held):
        raise turn.nested()
    if not await _begin(turn):
        return NotCalled("limit")
    reason = turn.skip()
    if reason is not None:
        return NotCalled(reason)
    return await first(turn, handler, event, _attempt(handler, event))


async def again(
    turn: Turn, handler: Callable[[Any], Any], event: object, error: Exception, pause: float
) -> Any:
    """Go on with a delivery whose first attempt has failed at once."""
    try:
        await _rest(turn, pause)
    except BaseException as straight:
        turn.abandon()
        straight.__context__ = error
        raise
    if not turn.begin_again():
        try:
            raise error
        finally:
            del error  # as in `first`
    return await first(turn, handler, event, _attempt(handler, event))


async def first(
    turn: Turn, handler: Callable[[Any], Any], event: object, awaitable: Awaitable[Any]
) -> Any:
    """Await the first attempt of a delivery, and make others while they are needed."""
    # A task that a handler starts has these too, and so have those that it starts.
    HELD.set((*(other for other in HELD.get() if other.is_active), turn))
    failure: Exception | None = None
    try:
        while True:
            try:
                result = await _in_time(turn, awaitable)
            except Exception as error:
                pause = turn.failed(error)
                if pause is None:
                    raise
                failure = error
            else:
                turn.succeeded()
                return result
            await _rest(turn, pause)
            if not turn.begin_again():
                raise failure
            awaitable = _attempt(handler, event)
    finally:
        # No exception may refer to itself, by way of its traceback and the frame of this.
        failure = None
        turn.abandon()


async def _attempt(handler: Callable[[Any], Any], event: object) -> Any:
    result = handler(event)
    return await result if is_awaitable(result) else result


async def _in_time(turn: Turn, awaitable: Awaitable[Any]) -> Any:
    seconds = turn.timeout
    if seconds is None:
        return await awaitable
    limit = timeout(seconds)
    try:
        async with limit:
            return await awaitable
    except TimeoutError as error:
        if not limit.expired():
            raise
        # Its traceback says where the handler was.
        raise turn.timed_out() from error


async def _rest(turn: Turn, pause: float) -> None:
    """Wait for the next attempt, or for the end of the subscription."""
    if pause <= 0:
        await sleep(0)
        return
    loop = get_running_loop()
    woken: Future[bool] = loop.create_future()

    def wake() -> None:
        loop.call_soon_threadsafe(_resolve, woken, False)  # noqa: FBT003

    turn.rest(wake)
    try:
        await wait((woken,), timeout=pause)
    finally:
        turn.stop_resting(wake)


async def _begin(turn: Turn) -> bool:
    """Wait until a delivery may begin. Says whether it does, and was not dropped."""
    loop = get_running_loop()
    woken: Future[bool] = loop.create_future()

    def wake(is_dropped: bool = False) -> None:  # noqa: FBT001, FBT002 - called by the native side
        loop.call_soon_threadsafe(_resolve, woken, is_dropped)

    is_woken = False
    try:
        if not turn.wait(wake, True):  # noqa: FBT003
            return False
        while True:
            # Nobody wakes for a slot that has become free before this waited.
            seconds = turn.begin(loop.time(), is_woken)
            if seconds is None:
                return True
            # Not within a timeout, which would cancel what wakes.
            await wait((woken,), timeout=seconds if seconds >= 0 else None)
            is_woken = woken.done()
            if not is_woken:
                continue
            if woken.result():
                return False
            woken = loop.create_future()
            turn.wait(wake, False)  # noqa: FBT003
    except CancelledError:
        turn.give_up()
        raise
    finally:
        turn.stop_waiting()


def _resolve(future: Future[bool], is_dropped: bool) -> None:  # noqa: FBT001 - as above
    if not future.done():
        future.set_result(is_dropped)
