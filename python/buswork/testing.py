"""What tests of a program with a bus need: to see what was published, and to mute handlers.

>>> from buswork import EventBus
>>> from buswork.testing import record
>>> bus = EventBus()
>>> with record(bus) as recorder:
...     bus.publish("hello")
>>> recorder.assert_published(str)
'hello'

A recorder and a mute concern their bus alone, and end where their `with` block ends: nothing is
patched, and nothing is left for the next test. They nest. With `scope="context"` they concern
only what is published in the same context (`contextvars`), and so in tasks begun there: tests that
run side by side on one bus do not see each other.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Mapping
from contextvars import ContextVar
from types import UnionType
from typing import cast

from buswork._buswork import (
    Bus,
    Subscription,
    classes_of,
    is_same_handler,
    topic_matches,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Literal, Self, TypeVar, overload

    _Event = TypeVar("_Event")
    _Scope = Literal["bus", "context"]
    _Verb = Literal["publish", "deliver", "post"]

__all__ = ["Mute", "Recorded", "Recorder", "assert_wiring", "mute", "record"]

#: Held while a bus is given its watch, or takes leave of it. A collection may come by then, and end
#: a generator that leaves a recorder: in the same thread.
_CHANGING = RLock()

#: The tokens of the recorders and mutes of scope "context" that were entered in a context.
_ENTERED: ContextVar[frozenset[object]] = ContextVar("buswork testing", default=frozenset())


def record(bus: Bus, *, scope: _Scope = "bus") -> Recorder:
    """Record what is published, delivered and posted on a bus.

    Parameters
    ----------
    bus
        An `EventBus` or `AsyncEventBus`.
    scope
        `"bus"`: everything on the bus, in any thread and task. `"context"`: only what is published
        in the context in which the recorder is entered, and in copies of it.

    Returns
    -------
    Recorder
        A context manager, which records between its entry and its exit. It may be left in another
        context than it was entered in, and entered anew.

    Notes
    -----
    An event is recorded when it is published, before any middleware and handler, and whether or
    not anybody handles it. Not recorded: what a broker or a journal delivers.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from buswork import EventBus
    >>> from buswork.testing import record
    >>> @dataclass
    ... class OrderPlaced:
    ...     order_id: str
    >>> bus = EventBus()
    >>> with record(bus) as recorder:
    ...     bus.publish(OrderPlaced("123"))
    >>> recorder.events
    [OrderPlaced(order_id='123')]
    >>> recorder.assert_published_once(OrderPlaced, order_id="123")
    OrderPlaced(order_id='123')
    """
    return Recorder(bus, scope)


def mute(bus: Bus, *types_or_handlers: Any, scope: _Scope = "bus") -> Mute:
    """Keep handlers from being called.

    Parameters
    ----------
    bus
        An `EventBus` or `AsyncEventBus`.
    *types_or_handlers
        Event types: no handler gets events of these, or of their subclasses. Topics or patterns, as
        strings. Handlers, or their subscriptions: they are not called, whatever the event. None of
        these: nobody is called.
    scope
        As for `record`.

    Returns
    -------
    Mute
        A context manager. It may be left in another context than it was entered in.

    Notes
    -----
    What is muted is recorded as muted, and raises nothing: neither failures nor `UnhandledEvent`.
    Deliveries that were posted before are not concerned.

    Examples
    --------
    >>> from buswork import EventBus
    >>> from buswork.testing import mute, record
    >>> bus = EventBus()
    >>> _ = bus.subscribe(str, print)
    >>> with record(bus) as recorder, mute(bus, print):
    ...     bus.publish("unheard")
    >>> bus.publish("heard")
    heard
    """
    return Mute(bus, types_or_handlers, scope)


def assert_wiring(
    bus: Bus,
    expected: Mapping[Any, Iterable[Any]] | None = None,
    *,
    lock: str | os.PathLike[str] | None = None,
    missing_ok: bool = False,
    more_ok: bool = False,
) -> None:
    """Assert that what is subscribed to a bus is what should be.

    Parameters
    ----------
    bus
        An `EventBus` or `AsyncEventBus`.
    expected
        Events, each with its handlers. An event is a class, `A | B`, or a string: a topic, or the
        name of a class, `module.qualname`. A handler is the callable itself, or its name,
        `module:qualname`.
    lock
        A lock file, which `buswork wiring lock` writes, instead.
    missing_ok
        Whether some of it may be missing: where a lock file is about several buses.
    more_ok
        Whether there may be more.

    Raises
    ------
    AssertionError
        When the two differ. It lists each difference.
    OSError, ValueError
        When the lock file cannot be read, or is none.
    TypeError
        When not exactly one of the two is given, or something in it is no event or no handler.

    Notes
    -----
    Compared are the keys that handlers are subscribed to, not their subclasses, and the names of
    handlers, not the objects that methods are bound to. Neither order nor options are compared.
    A handler that is subscribed twice is expected twice, but by a lock file, which tells that once.

    Examples
    --------
    >>> from buswork import EventBus
    >>> from buswork.testing import assert_wiring
    >>> bus = EventBus()
    >>> _ = bus.subscribe(str, print)
    >>> assert_wiring(bus, {str: [print]})
    >>> assert_wiring(bus, {str: [print], int: [print]})
    Traceback (most recent call last):
        ...
    AssertionError: the bus is not wired as expected:
      missing: builtins.int → builtins:print
    """
    __tracebackhide__ = True
    # Only here: it needs the bus itself, and most tests record only.
    from buswork import _wired  # noqa: PLC0415

    if (expected is None) == (lock is None):
        raise TypeError("give either what is expected, or a lock file")
    if lock is not None:
        edges, wanted = _wired.locked(lock), f"{lock} says"
    else:
        edges, wanted = _wired.expected_of(expected or {}), "expected"
    lines = _wired.differences(
        bus, edges, missing_ok=missing_ok, more_ok=more_ok, once=lock is not None
    )
    if lines:
        raise AssertionError("\n  ".join([f"the bus is not wired as {wanted}:", *lines]))


class Recorded:
    """One event, as a recorder saw it."""

    __slots__ = ("event", "muted", "topic", "verb")

    def __init__(self, verb: _Verb, event: Any, topic: str | None, muted: bool) -> None:  # noqa: FBT001
        #: `"publish"`, `"deliver"` or `"post"`.
        self.verb = verb
        #: The event itself.
        self.event = event
        #: The topic that it was published to, if any.
        self.topic = topic
        #: Whether no handler was called, or would have been, because of a mute.
        self.muted = muted

    def __repr__(self) -> str:
        """Show the event, and what became of it."""
        where = "" if self.topic is None else f" on {self.topic}"
        muted = ", muted" if self.muted else ""
        return f"<{self.verb} {self.event!r}{where}{muted}>"


class _Part:
    """What can be entered: a recorder or a mute."""

    def __init__(self, bus: Bus, scope: _Scope) -> None:
        if not isinstance(bus, Bus):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"give a bus, an EventBus or an AsyncEventBus, got {bus!r}"
            raise TypeError(message)
        if scope not in ("bus", "context"):
            message = f'scope must be "bus" or "context", got {scope!r}'
            raise ValueError(message)
        self._bus = bus
        self._scope = scope
        self._is_entered = False
        #: Stands for it in contexts, which live longer: another one at each entry.
        self._token = object()

    def __enter__(self) -> Self:
        """Begin."""
        if self._is_entered:
            message = f"this {type(self).__name__.lower()} is entered already: make another one"
            raise RuntimeError(message)
        self._is_entered = True
        self._token = object()
        if self._scope == "context":
            _ENTERED.set(_ENTERED.get() | {self._token})
        _begin_to_watch(self._bus, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End, in whatever context."""
        self._is_entered = False
        _cease_to_watch(self._bus, self)
        if self._scope == "context":
            _ENTERED.set(_ENTERED.get() - {self._token})

    def concerns_this_context(self) -> bool:
        """Say whether it is entered where this is called."""
        return self._scope == "bus" or self._token in _ENTERED.get()


class Mute(_Part):
    """Keeps handlers from being called, between its entry and its exit. Made by `mute`."""

    def __init__(self, bus: Bus, types_or_handlers: tuple[Any, ...], scope: _Scope) -> None:
        super().__init__(bus, scope)
        #: Whether nobody is called, whatever the event.
        self._is_total = not types_or_handlers
        self._types: list[type] = []
        self._patterns: list[str] = []
        self._handlers: list[Callable[..., object]] = []
        for given in types_or_handlers:
            if isinstance(given, str):
                topic_matches(given, "any")  # Refuses what is malformed.
                self._patterns.append(given)
            elif isinstance(given, Subscription):
                if given.handler is not None:
                    self._handlers.append(given.handler)
            elif isinstance(given, type) or _is_type_form(given):
                self._types += classes_of(given)
            elif callable(given):
                self._handlers.append(given)
            else:
                message = (
                    "mute takes event types, topics, handlers and subscriptions, got"
                    f" {type(given).__qualname__}"
                )
                raise TypeError(message)

    def mutes_event(self, event: object, topic: str | None) -> bool:
        """Say whether no handler may get an event."""
        if self._is_total:
            return True
        if topic is not None:
            return any(topic_matches(pattern, topic) for pattern in self._patterns)
        return _is_of(event, *self._types)

    def mutes_handler(self, handler: object) -> bool:
        """Say whether a handler may get no event."""
        return any(is_same_handler(handler, muted) for muted in self._handlers)

    def has_handlers(self) -> bool:
        """Say whether it mutes single handlers."""
        return bool(self._handlers)


class Recorder(_Part):
    """Sees what is published on a bus, between its entry and its exit. Made by `record`."""

    def __init__(self, bus: Bus, scope: _Scope) -> None:
        super().__init__(bus, scope)
        self._records: list[Recorded] = []

    @property
    def events(self) -> list[Any]:
        """The events, in the order in which they were published, muted ones as well."""
        return [record.event for record in self._records]

    @property
    def records(self) -> list[Recorded]:
        """The same, with what is known of each."""
        return list(self._records)

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self._records.clear()

    if TYPE_CHECKING:

        @overload
        def assert_published(self, event_type: str, /, **attributes: object) -> Any: ...
        @overload
        def assert_published(self, event_type: type[_Event], /, **attributes: object) -> _Event: ...

    def assert_published(self, event_type: type[Any] | str, /, **attributes: object) -> Any:
        """Assert that an event was published.

        Parameters
        ----------
        event_type
            Its type, or a base of that; or a topic, or a pattern of topics, as a string.
        **attributes
            What some of its attributes are equal to; of a mapping, what its keys are mapped to.

        Returns
        -------
        object
            The first event that fits.

        Raises
        ------
        AssertionError
            When there is none; it lists what was published.
        TypeError, ValueError
            When it is no event type, or a malformed pattern, whatever was published.
        """
        return self._found(event_type, attributes)[0]

    if TYPE_CHECKING:

        @overload
        def assert_published_once(self, event_type: str, /, **attributes: object) -> Any: ...
        @overload
        def assert_published_once(
            self, event_type: type[_Event], /, **attributes: object
        ) -> _Event: ...

    def assert_published_once(self, event_type: type[Any] | str, /, **attributes: object) -> Any:
        """Assert that exactly one such event was published, as for `assert_published`."""
        found = self._found(event_type, attributes)
        if len(found) > 1:
            self._fail(f"{_described(event_type, attributes)} was published {len(found)} times")
        return found[0]

    def assert_not_published(self, event_type: type[Any] | str, /, **attributes: object) -> None:
        """Assert that no such event was published, as for `assert_published`."""
        if self._matching(event_type, attributes):
            self._fail(f"{_described(event_type, attributes)} was published")

    def assert_nothing_published(self) -> None:
        """Assert that no event was published."""
        if self._records:
            count = len(self._records)
            self._fail(f"{count} event{'s were' if count > 1 else ' was'} published")

    def _note(self, record: Recorded) -> None:
        self._records.append(record)

    def _found(self, event_type: Any, attributes: dict[str, object]) -> list[Any]:
        found = self._matching(event_type, attributes)
        if not found:
            self._fail(f"{_described(event_type, attributes)} was not published")
        return found

    def _matching(self, event_type: Any, attributes: dict[str, object]) -> list[Any]:
        fits = _reads(event_type)
        return [
            record.event
            for record in self._records
            if fits(record)
            and all(_has(record.event, name, value) for name, value in attributes.items())
        ]

    def _fail(self, what: str) -> None:
        shown = "".join(f"\n  {record!r}" for record in self._records)
        raise AssertionError(f"{what}; published were:{shown or ' no events'}")

    def __repr__(self) -> str:
        """Say how many events there are."""
        count = len(self._records)
        return f"<Recorder of {count} event{'' if count == 1 else 's'}>"


class _Watch:
    """Who records and mutes on one bus: what the bus asks before each publish."""

    def __init__(self) -> None:
        #: In the order of their entries.
        self.parts: dict[_Part, None] = {}

    def __call__(
        self, verb: _Verb, event: object, topic: str | None
    ) -> bool | Callable[[object], bool] | None:
        """Record an event. Say who must not get it: all, those of whom this is true, or none."""
        parts = [part for part in list(self.parts) if part.concerns_this_context()]
        mutes = [part for part in parts if isinstance(part, Mute)]
        is_muted = any(part.mutes_event(event, topic) for part in mutes)
        for part in parts:
            if isinstance(part, Recorder):
                part._note(Recorded(verb, event, topic, is_muted))  # noqa: SLF001
        if is_muted:
            return True
        choosing = [part for part in mutes if part.has_handlers()]
        if not choosing:
            return None
        return lambda handler: any(part.mutes_handler(handler) for part in choosing)


def _begin_to_watch(bus: Bus, part: _Part) -> None:
    with _CHANGING:
        while True:
            watch = bus._watcher  # noqa: SLF001
            if not isinstance(watch, _Watch):
                watch = bus._watcher = _Watch()  # noqa: SLF001
            watch.parts[part] = None
            if bus._watcher is watch:  # noqa: SLF001 - or else a collection came by
                return


def _cease_to_watch(bus: Bus, part: _Part) -> None:
    with _CHANGING:
        watch = bus._watcher  # noqa: SLF001
        if isinstance(watch, _Watch):
            watch.parts.pop(part, None)
            if not watch.parts:
                bus._watcher = None  # noqa: SLF001


def _is_type_form(given: object) -> bool:
    """Say whether it is a union, or another form that stands for types."""
    return isinstance(given, UnionType) or type(given).__module__ == "typing"


def _is_of(event: object, *types: type) -> bool:
    # As the bus does, which does not believe a mock that takes itself for something else.
    return issubclass(type(event), types)


def _reads(event_type: Any) -> Callable[[Recorded], bool]:
    """Return what says whether a record is of an event type, which is refused if it is none."""
    if isinstance(event_type, str):
        topic_matches(event_type, "any")  # Refuses what is malformed.
        return lambda it: it.topic is not None and topic_matches(event_type, it.topic)
    classes = classes_of(event_type)
    return lambda it: _is_of(it.event, *classes)


_MISSING = object()


def _has(event: Any, name: str, value: object) -> bool:
    found: object = _MISSING
    if isinstance(event, Mapping):
        found = cast("Mapping[object, object]", event).get(name, _MISSING)
    if found is _MISSING:
        found = getattr(cast("object", event), name, _MISSING)
    return found is not _MISSING and bool(found == value)


def _described(event_type: Any, attributes: dict[str, object]) -> str:
    name = getattr(event_type, "__qualname__", None) or repr(event_type)
    if not attributes:
        return str(name)
    wanted = ", ".join(f"{key}={value!r}" for key, value in attributes.items())
    return f"{name}({wanted})"
