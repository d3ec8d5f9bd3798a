"""A publish of the async bus, from the first handler that fails or waits for something on.

The native side starts the handlers, and gives a round each one that is not done yet, or has failed.
The round waits for all of them, whatever becomes of the others or of the publisher: none is left
behind. There is none for a publish whose handlers all end well at their start.
"""

from __future__ import annotations

from asyncio import CancelledError
from contextvars import ContextVar
from types import NoneType

from buswork._buswork import AsyncBus, Gate
from buswork._errors import HandlerCancelled, HandlerErrors, group
from buswork._log import logger
from buswork._place import place
from buswork._policies import NotCalled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Awaitable
    from typing import Any

    from buswork._buswork import Attempt, Delivery, Link, Publish, Report, Running

#: The publish that is in progress in a context: where its nested publishes find it.
CHAIN: ContextVar[Link | None] = ContextVar("buswork publish", default=None)


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """Await what is no coroutine, for a task."""
    return await awaitable


def cancelled() -> HandlerCancelled:
    """Make the failure of a handler that was cancelled by somebody else than its publisher."""
    return HandlerCancelled("the handler was cancelled, and not by its publisher")


class Round:
    """One publish that is not done at once."""

    #: Whether the first failure has ended the publish.
    _stopped = False
    #: Whether the handlers that still run have been cancelled.
    _aborted = False
    #: What goes straight through: an interrupt, a recursion error.
    _straight: BaseException | None = None
    #: The publisher's own end.
    _cancelled: CancelledError | None = None

    def __init__(self, publish: Publish, running: Running) -> None:
        self._publish = publish
        #: The handlers that wait for something. The native side puts them there.
        self._running = running
        self._failures: list[tuple[int, Exception]] = []
        self._deliveries: list[tuple[int, Delivery]] = []

    # What the native side calls.

    def watch(self, task: Task[Any]) -> None:
        """Look at a handler as soon as it has ended.

        Others are looked at when their turn comes, in call order. That takes one callback in all,
        where handlers end at about the same time.
        """
        task.add_done_callback(self._watched_ended)

    def fail(self, attempt: Attempt, error: Exception) -> bool:
        """Take note of a failure. Says whether the others are to be started."""
        publish = self._publish
        try:
            effect = attempt.judge(
                publish.bus,
                publish.event,
                publish.event_type,
                publish.topic,
                self._site(),
                error,
            )
        except BaseException as straight:  # noqa: BLE001 - kept, and raised at the end
            self.abort(straight)
            return False
        if publish.for_report:
            self._deliveries.append((attempt.place, attempt.failed(error)))
        if effect != "done":
            self._failures.append((attempt.place, error))
        if effect == "stop":
            self._stopped = True
            self.abort()
        return effect != "stop"

    def cancelled(self, attempt: Attempt, error: Exception) -> None:
        """Take note of a handler that was cancelled: by its publisher, or by somebody else."""
        if self._aborted:
            self.skipped(attempt, "stopped")
        else:
            self.fail(attempt, error)

    def returned(self, attempt: Attempt, result: object) -> None:
        """Take note of a handler that has ended well, for a report."""
        if isinstance(result, NotCalled):
            self.skipped(attempt, result.reason)
        else:
            self._deliveries.append((attempt.place, attempt.ok(result)))

    def skipped(self, attempt: Attempt, reason: str) -> None:
        """Take note of a handler that is not called, or not to its end."""
        if self._publish.for_report:
            self._deliveries.append((attempt.place, attempt.skipped(reason)))

    def abort(self, straight: BaseException | None = None) -> None:
        """Cancel what runs; raise `straight` when all of it has ended."""
        if isinstance(straight, CancelledError):
            # A loop that ends cancels publishers and handlers alike: those that are cancelled by
            # now have not failed.
            self._cancelled = self._cancelled or straight
        else:
            self._straight = self._straight or straight
            if not self._aborted:
                # Those that have ended by now were not cancelled by this.
                self._running.all_ended(self, self._publish)
        if not self._aborted:
            self._aborted = True
            self._running.cancel()

    # What the publish awaits.

    async def finish(self) -> None:
        """Wait for all handlers; then raise what there is to raise."""
        await self._wait()
        if not self._failures:
            return
        errors = self._collected()
        if self._stopped and len(errors) == 1:
            raise errors[0]
        raise self._group(errors)

    async def report(self) -> Report:
        """Wait for all handlers; then say what came of them."""
        await self._wait()
        deliveries = tuple(delivery for _, delivery in sorted(self._deliveries, key=_by_place))
        publish = self._publish
        return AsyncBus._report(publish.event_type, publish.topic, deliveries)  # noqa: SLF001

    async def _wait(self) -> None:
        publish, running = self._publish, self._running
        try:
            while task := running.first_running(self, publish):
                gate = Gate(task)
                publish.link.wake(gate)
                try:
                    await gate
                    publish.link.verdict()
                except (CancelledError, RecursionError) as error:
                    self.abort(error)
        finally:
            if publish.owns_link:
                publish.link.end()
            running.cancel()  # Nobody is left, unless the coroutine was closed.
        if self._straight is not None or self._cancelled is not None:
            self._raise_straight()

    def _raise_straight(self) -> None:
        """Raise what goes straight through, without losing what was collected before."""
        straight, self._straight = self._straight, None
        cancelled, self._cancelled = self._cancelled, None
        errors = self._collected()
        # No exception may refer to itself, by way of its traceback and the frame of this.
        try:
            if cancelled is None or not isinstance(straight, (Exception, NoneType)):
                for error in errors:
                    logger.error(
                        "a handler failed, and its publish was interrupted", exc_info=error
                    )
                raise straight or self._group(errors)
            if straight is None and not errors:
                raise cancelled
            try:
                raise straight or self._group(errors)  # noqa: TRY301 - to be the context
            except Exception:  # noqa: BLE001 - whatever it is
                # In here, so that it is the context, before what the publisher handles itself.
                cancelled.__context__ = None
                raise cancelled  # noqa: B904 - no cause, a context
        finally:
            del straight, cancelled, errors

    def _watched_ended(self, task: Task[Any]) -> None:
        self._running.ended(task, self, self._publish)

    def _collected(self) -> list[Exception]:
        return [error for _, error in sorted(self._failures, key=_by_place)]

    def _group(self, errors: list[Exception]) -> HandlerErrors:
        return group(self._publish.event_name, self._publish.handlers, errors)

    def _site(self) -> str:
        return place(self._publish.code, self._publish.instruction)


def _by_place(placed: tuple[int, object]) -> int:
    return placed[0]
