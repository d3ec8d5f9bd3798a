"""The exceptions of the package, one tree under `BusworkError`."""

from __future__ import annotations

TYPE_CHECKING = False  # a type checker takes it for true; `import typing` would take milliseconds
if TYPE_CHECKING:
    from collections.abc import Sequence


class BusworkError(Exception):
    """The base of every exception that the bus itself raises."""


class HandlerErrors(BusworkError, ExceptionGroup[Exception]):  # noqa: N818 - they are several
    """Handlers of a published event failed; each failure is a member, in call order.

    All handlers have run by the time it is raised. Each member carries a note that names the event
    type, the handler with its file and line, and the place of the publish. The members of a nested
    publish that failed form a group of their own.

    Examples
    --------
    >>> from buswork import EventBus, HandlerErrors
    >>> bus = EventBus()
    >>> @bus.on(int)
    ... def divide(event: int) -> None:
    ...     1 / event
    >>> try:
    ...     bus.publish(0)
    ... except* ZeroDivisionError as failures:
    ...     print(len(failures.exceptions), "handler divided by zero")
    1 handler divided by zero
    """

    def derive(self, excs: Sequence[Exception], /) -> HandlerErrors:  # type: ignore[override]
        """Make a group of the same kind for a part of the members, as `except*` needs it."""
        return HandlerErrors(self.message, excs)


def group(event_type: str, handlers: int, errors: Sequence[Exception]) -> HandlerErrors:
    """Make the exception of a publish of which so many handlers failed."""
    return HandlerErrors(f"{len(errors)} of {handlers} handlers of {event_type} failed", errors)


class HandlerCancelled(BusworkError):  # noqa: N818 - the contract's name
    """A handler of the async bus was cancelled, or cancelled itself, and not by its publisher."""


class PublishRecursionError(BusworkError, RecursionError):
    """Publishes were nested deeper than `max_depth`; the message prints the cycle of event types.

    It is never collected with other failures: it unwinds every enclosing publish at once.
    """


class UnhandledEvent(BusworkError, LookupError):  # noqa: N818 - the contract's name
    """Nobody is subscribed to a published event, on a bus or for a type that minds."""


class QueueFull(BusworkError):  # noqa: N818 - the contract's name
    """So many posted deliveries are pending as `max_pending` says, and the post must not wait."""


class BreakerOpen(BusworkError):  # noqa: N818 - the contract's name
    """The breaker of a handler is open: it has failed often, and is left in peace for a while."""


class LimitFull(BusworkError):  # noqa: N818 - the contract's name
    """A handler has as many deliveries in progress, and waiting, as its limit lets through."""


class HandlerTimeout(BusworkError, TimeoutError):  # noqa: N818 - as the others
    """A handler took longer than its policy allows."""
