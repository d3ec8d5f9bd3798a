"""`AsyncEventBus`: the bus whose handlers may be coroutine functions, and run side by side."""

from __future__ import annotations

import sys

from buswork._buswork import AsyncBus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta
    from types import CodeType, FrameType
    from typing import Any, Self

    from buswork._buswork import Report


class AsyncEventBus(AsyncBus):
    """An event bus for asyncio: sync and async handlers side by side.

    As `EventBus`, but `publish` is awaited, and handlers may be coroutine functions. Each async
    handler runs as a task of its own, in a copy of the publisher's context, beside the others;
    one that never waits for anything has run to its end when it was started (from Python 3.12
    on), and never goes through the loop. Sync handlers run on the loop's thread, in call order,
    and block it. Async handlers are started in call order.

    A bus belongs to no loop: several loops in several threads may use one at the same time.

    Parameters
    ----------
    on_error, unhandled, max_depth, max_pending, overflow, policy, stats, max_dead_letters
        As for `EventBus`. `"stop"` cancels the other handlers and waits for them. Depth is counted
        along the causal chain of publishes in progress, through tasks too; so is how many of one
        chain go round in a cycle at one depth, at most 4,096.

    Notes
    -----
    Not promised: an order between sync and async handlers, or among async handlers once they
    wait for something.

    Examples
    --------
    >>> import asyncio
    >>> from buswork import AsyncEventBus
    >>> bus = AsyncEventBus()
    >>> @bus.on(int)
    ... async def slowly(number: int) -> None:
    ...     await asyncio.sleep(0)
    ...     print("slowly:", number)
    >>> @bus.on(int)
    ... def at_once(number: int) -> None:
    ...     print("at once:", number)
    >>> asyncio.run(bus.publish(3))
    at once: 3
    slowly: 3
    """

    def publish(self, event: object, *, topic: str | None = None) -> Coroutine[Any, Any, None]:
        """Run every handler of the event's type, all of them before it is done.

        Nothing runs before it is awaited. It finishes when every handler has: none is left
        running, whatever the others do. Cancelling it cancels them, and waits for them; failures
        that were collected by then are the `__context__` of its `CancelledError`.

        Parameters
        ----------
        event
            Any object, as for `EventBus.publish`.
        topic
            A topic to publish to, as for `EventBus.publish`.

        Returns
        -------
        Coroutine
            To be awaited once, in a running loop. Forgetting to await it warns.

        Raises
        ------
        HandlerErrors, UnhandledEvent, PublishRecursionError, TypeError
            When awaited, as by `EventBus.publish`. A handler that is cancelled, or cancels itself,
            while its publisher is not, has failed with `HandlerCancelled`.

        Examples
        --------
        >>> import asyncio
        >>> from buswork import AsyncEventBus, HandlerErrors
        >>> bus = AsyncEventBus()
        >>> @bus.on(int)
        ... async def fail(number: int) -> None:
        ...     raise ValueError(number)
        >>> async def main() -> None:
        ...     try:
        ...         await bus.publish(3)
        ...     except HandlerErrors as errors:
        ...         print(errors.exceptions)
        >>> asyncio.run(main())
        (ValueError(3),)
        """
        # Where this is called is told of failures. Nothing else happens before it is awaited.
        caller = _caller()
        return self._publish(event, topic, caller.f_code, caller.f_lasti)

    def deliver(self, event: object, *, topic: str | None = None) -> Coroutine[Any, Any, Report]:
        """Publish, and report what came of each delivery instead of raising handlers' failures.

        Parameters
        ----------
        event
            Any object, as for `publish`.
        topic
            A topic to publish to, as for `publish`.

        Returns
        -------
        Coroutine
            To be awaited; its result is a `Report` with one `Delivery` a subscription, in call
            order. A handler that was cancelled because of another's `"stop"` is `"skipped"`.

        Raises
        ------
        UnhandledEvent, PublishRecursionError, TypeError
            When awaited, as by `publish`. Never anything for a handler that fails.
        """
        caller = _caller()
        return self._deliver(event, topic, caller.f_code, caller.f_lasti)

    def drain(self, timeout: float | timedelta | None = None) -> Coroutine[Any, Any, None]:
        """Wait until no posted delivery is pending, on any loop.

        Parameters
        ----------
        timeout
            Seconds, or a `timedelta`; as long as it takes, if `None`.

        Raises
        ------
        TimeoutError
            When something was pending still; it names the handlers.
        RuntimeError
            From inside a handler of this bus, which would wait for itself.

        Examples
        --------
        >>> import asyncio
        >>> from buswork import AsyncEventBus
        >>> bus = AsyncEventBus()
        >>> @bus.on(int)
        ... async def show(number: int) -> None:
        ...     print(number)
        >>> async def main() -> None:
        ...     bus.post(3)
        ...     print("posted")
        ...     await bus.drain()
        >>> asyncio.run(main())
        posted
        3
        """
        from buswork._waiting import until_ended  # noqa: PLC0415 - imports asyncio

        # Looked at here, and not in a task that somebody may make of it.
        self._refuse_inside("drain")
        return until_ended(self, self._seconds(timeout))

    def close(self, timeout: float | timedelta | None = None) -> Coroutine[Any, Any, None]:
        """Take no more posts, and wait until no delivery is pending.

        Handlers that are running may still post, or what they began would stay unfinished. To
        publish remains possible. To enter the bus again, with `async with`, opens it.

        Parameters
        ----------
        timeout
            As for `drain`.

        Raises
        ------
        TimeoutError, RuntimeError
            As by `drain`. The bus is closed all the same; what is pending goes on.
        """
        from buswork._waiting import close  # noqa: PLC0415 - imports asyncio

        self._refuse_inside("close")
        return close(self, self._seconds(timeout))

    async def __aenter__(self) -> Self:
        """Make the running loop the bus's home, where posts from other threads are delivered."""
        from buswork._waiting import enter  # noqa: PLC0415 - imports asyncio

        enter(self)
        return self

    async def __aexit__(self, *_details: object) -> None:
        """Close the bus, unless somebody else has entered it as well: then drain it."""
        await (self.close() if self._leave() else self.drain())

    def _refuse_inside(self, verb: str) -> None:
        if self._is_inside():
            message = (
                f"{verb} was called from inside a handler of the bus, which would wait for itself:"
                " call it where nothing is being handled"
            )
            raise RuntimeError(message)

    async def _publish(
        self, event: object, topic: str | None, code: CodeType, instruction: int
    ) -> None:
        round_ = self._start(event, topic, code, instruction, False)  # noqa: FBT003
        if round_ is not None:
            await round_.finish()

    async def _deliver(
        self, event: object, topic: str | None, code: CodeType, instruction: int
    ) -> Report:
        round_ = self._start(event, topic, code, instruction, True)  # noqa: FBT003
        return await round_.report()


def _caller() -> FrameType:
    """Find who calls a method of a bus; for a bus that is a handler, the publisher."""
    caller = sys._getframe(2)  # noqa: SLF001
    while caller.f_code.co_filename == __file__ and caller.f_back is not None:
        caller = caller.f_back
    return caller


# What `repr` and a warning of a coroutine that was never awaited show.
AsyncEventBus._publish.__qualname__ = AsyncEventBus.publish.__qualname__  # noqa: SLF001
AsyncEventBus._deliver.__qualname__ = AsyncEventBus.deliver.__qualname__  # noqa: SLF001
