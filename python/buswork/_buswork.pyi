"""The native half of buswork: the bus, and what it hands out."""

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextvars import Context
from datetime import timedelta
from os import PathLike
from types import CodeType, FrameType, TracebackType
from typing import (
    Any,
    ClassVar,
    Literal,
    ParamSpec,
    Protocol,
    Self,
    TypeAlias,
    TypeVar,
    final,
    overload,
    type_check_only,
)

# For type checkers only, which bring their own copy: the package does not need it to run.
from typing_extensions import TypeForm

from buswork._handlers import SubscriptionGroup
from buswork._middleware import Layered
from buswork._rounds import Round
from buswork.wiring import Wiring

__all__ = [
    "AsyncBus",
    "Attempt",
    "Attempted",
    "Breaker",
    "Bus",
    "Cause",
    "DeadLetter",
    "DeadLettered",
    "DeadLetters",
    "Deadline",
    "Delivery",
    "Dispatch",
    "EventBus",
    "Failure",
    "Gate",
    "HandlerStats",
    "Limit",
    "Link",
    "Passage",
    "Passing",
    "Policy",
    "Publish",
    "Report",
    "Retry",
    "Runner",
    "Running",
    "Subscription",
    "Timed",
    "Trace",
    "TracedDelivery",
    "Tracing",
    "Turn",
    "Worker",
    "classes_of",
    "finish_posts",
    "flush_traces",
    "forget_posts",
    "forget_traces",
    "is_awaitable",
    "is_same_handler",
    "topic_matches",
]

_Event = TypeVar("_Event")
_Event1 = TypeVar("_Event1")
_Event2 = TypeVar("_Event2")
_Event3 = TypeVar("_Event3")
_Event4 = TypeVar("_Event4")
_Result = TypeVar("_Result")
_Result_co = TypeVar("_Result_co", covariant=True)
_Parameters = ParamSpec("_Parameters")
_Layer = TypeVar("_Layer", bound=Callable[[Any, Callable[[Any], Any]], object])

_OnError: TypeAlias = Literal["raise", "log", "stop"] | Callable[[Failure], object]
_Unhandled: TypeAlias = Literal["ignore", "warn", "raise"]
_Overflow: TypeAlias = Literal["wait", "raise", "drop_new", "drop_old"]
_Publishes: TypeAlias = type | str | Sequence[type | str]
_Matcher: TypeAlias = (
    type[BaseException] | tuple[type[BaseException], ...] | Callable[[Exception], object]
)

@type_check_only
class _Handler(Protocol[_Event, _Parameters, _Result_co]):  # type: ignore[misc] # pyright: ignore[reportInvalidTypeVarUse]
    """A callable that takes an event of the type, and whatever its own signature says.

    A function fits an overloaded protocol when it fits each overload, so this is an intersection:
    the first says what the bus needs, the second captures what the function is.
    """

    @overload
    def __call__(self, event: _Event, /) -> object: ...
    @overload
    def __call__(self, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result_co: ...

@type_check_only
class _On(Protocol[_Event]):
    """What `EventBus.on` returns: subscribes a handler, and returns it unchanged."""

    def __call__(
        self, handler: _Handler[_Event, _Parameters, _Result], /
    ) -> Callable[_Parameters, _Result]: ...
    def subscribe(self, handler: Callable[[_Event], object], /) -> Subscription:
        """Subscribe a handler, and return the handle. What `EventBus.include` uses."""

class Bus:
    """What `EventBus` and `AsyncEventBus` have in common, which is all but publishing.

    Not to be made itself.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    def __init__(
        self,
        *,
        on_error: _OnError = "raise",
        unhandled: _Unhandled = "ignore",
        max_depth: int = 100,
        max_pending: int = 10_000,
        overflow: _Overflow = "wait",
        policy: Policy | None = None,
        stats: bool | Literal["latency"] = False,
        max_dead_letters: int = 1_000,
    ) -> None: ...
    @overload
    def subscribe(
        self,
        event_type: str,
        handler: Callable[[Any], object],
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[Any], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> Subscription: ...
    @overload
    def subscribe(
        self,
        event_type: TypeForm[_Event],
        handler: Callable[[_Event], object],
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[_Event], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> Subscription:
        """Subscribe a handler to a type of events.

        Parameters
        ----------
        event_type
            A class, an ABC, a runtime protocol that has methods only, or a union `A | B` of these.
            `object` means every event that is routed by its class. Or a pattern of topics, a
            string like `"orders.*.placed"`: `*` stands for one segment, `**` for any number.
        handler
            Any callable that takes the event: a function, a bound method, a callable object. What
            it returns is kept in the report of `deliver`, and ignored by `publish`.
        name
            A name for reports and errors, unique on this bus. Without one it is
            `module:qualname` of the handler, which need not be unique.
        priority
            High runs first; equal ones run in order of subscription.
        when
            A predicate: the handler gets only events for which it returns a true value. When the
            predicate raises, that is a failure of the handler.
        once
            End the subscription with its first call. The call is spent before the handler runs,
            so it is made exactly once whatever nested publishes and other threads do. A skip (by
            `when`, or by a pause) does not spend it.
        weak
            Do not keep the object of a bound method alive. The subscription ends when the object
            dies, and says so in the log.
        exact
            Take events of exactly this type, not of its subclasses.
        on_error
            What a failure of this handler does, instead of what the bus says.
        policy
            What a delivery may take, and what is done when it fails: a `Policy`, instead of the
            bus's. An empty one, `Policy()`, is none.
        background
            Call the handler in the background only, by `publish` and `deliver` as well: they post
            to it, and do not wait. So it may wait between two attempts, and on `EventBus` have a
            timeout.
        publishes
            What the handler publishes in turn: a type of events, a topic, or several in a list. It
            changes nothing; it tells readers, `bus.wiring()`, and `buswork wiring`, which checks it
            against the code (rule BW307).

        Returns
        -------
        Subscription
            The handle, to cancel or pause it. Dropping the handle does nothing.

        Raises
        ------
        TypeError
            When the event type is not one; when the handler is not callable, cannot take exactly
            one argument, or is a coroutine or generator function; when `weak` does not suit it.
        ValueError
            When another subscription of this bus has that `name`; when a pattern is malformed;
            when the policy asks for what cannot be kept. That is a `timeout` of a handler that
            runs on the publisher's thread or on the loop's, and on `EventBus` a `backoff` without
            `background=True`.

        Warns
        -----
        UserWarning
            When the same handler is subscribed to the same type already: it will run twice.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> subscription = bus.subscribe(int, print, when=lambda number: number > 10)
        >>> bus.publish(5)
        >>> bus.publish(50)
        50
        >>> subscription.cancel()
        """

    @overload
    def on(
        self,
        event_type: str,
        /,
        *event_types: TypeForm[Any] | str,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[Any], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[Any]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[Any],
        event_type_2: str,
        /,
        *event_types: TypeForm[Any] | str,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[Any], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[Any]: ...
    @overload
    def on(
        self,
        event_type: TypeForm[_Event],
        /,
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[_Event], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[_Event]:
        """Subscribe the decorated function, and return it unchanged.

        Parameters
        ----------
        *event_types
            One or several types, of the kinds that `subscribe` takes. The handler runs once an
            event, however many of its types match. Checkers follow up to four; for more, write
            one union.
        name, priority, when, once, weak, exact, on_error, policy, background, publishes
            The options of `subscribe`.

        Raises
        ------
        TypeError
            When no event type is given, or one is not an event type. What is wrong with the
            handler is raised when it is decorated, as by `subscribe`.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> @bus.on(int, float, priority=10)
        ... def show(number: int | float) -> None:
        ...     print("got", number)
        >>> bus.publish(2.5)
        got 2.5
        """

    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        /,
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[_Event1 | _Event2], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[_Event1 | _Event2]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        event_type_3: TypeForm[_Event3],
        /,
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[_Event1 | _Event2 | _Event3], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[_Event1 | _Event2 | _Event3]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        event_type_3: TypeForm[_Event3],
        event_type_4: TypeForm[_Event4],
        /,
        *,
        name: str | None = None,
        priority: int = 0,
        when: Callable[[_Event1 | _Event2 | _Event3 | _Event4], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[_Event1 | _Event2 | _Event3 | _Event4]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[Any],
        event_type_2: TypeForm[Any],
        event_type_3: TypeForm[Any],
        event_type_4: TypeForm[Any],
        event_type_5: TypeForm[Any],
        /,
        *event_types: TypeForm[Any],
        name: str | None = None,
        priority: int = 0,
        when: Callable[[Any], object] | None = None,
        once: bool = False,
        weak: bool = False,
        exact: bool = False,
        on_error: _OnError | None = None,
        policy: Policy | None = None,
        background: bool = False,
        publishes: _Publishes | None = None,
    ) -> _On[Any]: ...
    @overload
    def unsubscribe(self, event_type: str, handler: Callable[[Any], object]) -> None: ...
    @overload
    def unsubscribe(
        self, event_type: TypeForm[_Event], handler: Callable[[_Event], object]
    ) -> None:
        """End every subscription of a handler to exactly this type.

        Parameters
        ----------
        event_type
            What was given to `subscribe` or `on`: of a subscription to several types, all of
            them as a union. Subscriptions to base classes and subclasses stay.
        handler
            The handler. A bound method is the same handler when it is the same function of the
            same object; everything else is compared by identity, never by `==`.

        Raises
        ------
        LookupError
            When that handler is not subscribed to that type.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> subscription = bus.subscribe(int, print)
        >>> bus.unsubscribe(int, print)
        >>> subscription.active
        False
        """

    def clear(self) -> None:
        """Cancel every subscription of this bus.

        Its settings stay. A publish that is under way calls no further handler.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(int, print)
        >>> bus.clear()
        >>> bus
        <EventBus with 0 subscriptions>
        """

    def include(self, source: object) -> SubscriptionGroup:
        """Subscribe all that a `Handlers` collection or an object with `@handles` marks declares.

        All or nothing: when one of them cannot be subscribed, none is.

        Parameters
        ----------
        source
            A `Handlers`, or an instance of a class that marks methods with `@handles`. A method
            that overrides a marked one keeps the mark.

        Returns
        -------
        SubscriptionGroup
            One handle that cancels or pauses them all.

        Raises
        ------
        TypeError
            When it is a class (give an instance), or an object without marks.

        Examples
        --------
        >>> from buswork import EventBus, handles
        >>> class Stock:
        ...     @handles(int)
        ...     def reserve(self, number: int) -> None:
        ...         print("reserved", number)
        >>> bus = EventBus()
        >>> plugin = bus.include(Stock())
        >>> bus.publish(2)
        reserved 2
        >>> plugin.cancel()
        >>> bus.publish(2)
        """

    def set_unhandled(self, event_type: TypeForm[object], policy: _Unhandled) -> None:
        """Say what happens to unhandled events of a type and its subclasses.

        Handled means that somebody is subscribed, even if paused or kept off by a predicate.

        Parameters
        ----------
        event_type
            A type as for `subscribe`. What was said of the nearest base class holds.
        policy
            `"ignore"`, `"warn"` or `"raise"`, as for the bus.

        Raises
        ------
        TypeError, ValueError
            When the type is not an event type, or the word is unknown.

        Examples
        --------
        >>> from buswork import EventBus, UnhandledEvent
        >>> bus = EventBus()
        >>> bus.set_unhandled(ArithmeticError, "raise")
        >>> try:
        ...     bus.publish(ZeroDivisionError())
        ... except UnhandledEvent:
        ...     print("nobody handles it")
        nobody handles it
        """

    def handlers(self, event_type: TypeForm[object] | str) -> list[Subscription]:
        """List the subscriptions that an event of a type would go to, in call order.

        Parameters
        ----------
        event_type
            A type as for `subscribe`; of a union, the subscriptions of any of its members.

        Returns
        -------
        list[Subscription]
            A new list. Paused subscriptions are in it.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(object, print, name="audit")
        >>> _ = bus.subscribe(int, print, name="count", priority=1)
        >>> [subscription.name for subscription in bus.handlers(int)]
        ['count', 'audit']
        """

    def add_middleware(self, layer: _Layer) -> _Layer:
        """Wrap each publish of this bus in a layer, and return the layer unchanged.

        A layer is called with the event and `call_next`, and goes on by calling that with the
        event, or with another one. What it does not pass on, no handler gets. It sees what
        `call_next` raises, and may raise itself. Layers that were added first are outermost. On the
        async bus a layer is a coroutine function, and awaits `call_next`.

        A layer wraps a publish, not a delivery: it is called once an event, however many handlers
        there are, and also if there is none. `call_next` returns the `Report` of a `deliver`, and
        else `None`; what a layer returns is ignored. An event that is posted goes through the
        layers in the background, in the order of the posts, before its deliveries; what a layer
        raises there is logged.

        Parameters
        ----------
        layer
            A callable that takes an event and `call_next`.

        Raises
        ------
        TypeError
            When it is not callable, does not take two arguments, or is a coroutine function on a
            bus that awaits nothing.

        Notes
        -----
        A publish in progress keeps the layers that it started with. Not promised: that a layer
        sees events which were published before it was added, or deliveries of a journal or a
        broker.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(str, print)
        >>> @bus.add_middleware
        ... def shout(event, call_next):
        ...     call_next(event.upper())
        >>> bus.publish("hello")
        HELLO
        """

    def remove_middleware(self, layer: Callable[[Any, Callable[[Any], Any]], object]) -> None:
        """Take a layer away that `add_middleware` has added.

        Raises
        ------
        LookupError
            When it is no layer of this bus.
        """

    @property
    def _watcher(self) -> Any:
        """Who watches the bus for tests: `buswork.testing`."""

    @_watcher.setter
    def _watcher(self, watcher: object) -> None: ...
    @property
    def pending(self) -> int:
        """How many posted deliveries wait, or are in progress."""

    @property
    def dropped(self) -> int:
        """How many posted deliveries were dropped since the bus was made.

        As the `overflow` of the bus says, or that of a handler's `Limit`.
        """

    @property
    def dead_letters(self) -> DeadLetters:
        """The deliveries that have failed to their end, and are kept. An object like a list.

        Examples
        --------
        >>> import logging
        >>> from buswork import EventBus
        >>> logging.getLogger("buswork").setLevel(logging.CRITICAL)
        >>> with EventBus() as bus:
        ...     _ = bus.subscribe(int, lambda number: 1 / number, name="invert")
        ...     bus.post(0)
        >>> bus.dead_letters
        <DeadLetters: 1 letter>
        """

    def stats(self) -> list[HandlerStats]:
        """Say what has become of the deliveries of each handler that has a policy, in numbers.

        With `stats=True`, of every handler. In order of subscription.

        Returns
        -------
        list[HandlerStats]
            The figures of this moment: they do not change any more, but for the latency.

        Notes
        -----
        Each number is exact. Not promised: that they are read all at the same moment, while
        deliveries go on.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus(stats=True)
        >>> _ = bus.subscribe(int, print, name="show")
        >>> bus.publish(3)
        3
        >>> bus.stats()
        [<HandlerStats show: 1 delivered>]
        """

    def explain(self, event_type: TypeForm[object] | str) -> str:
        """Say in words which subscriptions an event of a type would go to, which not, and why.

        Parameters
        ----------
        event_type
            A type as for `subscribe`.

        Returns
        -------
        str
            A text of several lines for people to read, with the file and line of each handler.
            Its wording may change.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(object, print, name="audit", exact=True)
        >>> print(bus.explain(int))
        int: no handler
          - audit: does not run, it takes exactly object (exact=True)
          an event of this type is ignored (unhandled="ignore")
        """

    def wiring(self) -> Wiring:
        """Say what is subscribed now, as a graph: in the form of `buswork wiring --format json`.

        Returns
        -------
        Wiring
            A `dict` for `json.dumps`: the events that are subscribed to, with their fields and
            bases; the handlers, with where they stand and what they take; and the subscriptions,
            with their options. Who publishes what is not known to a bus: a trace tells that, or
            the code. `buswork.wiring` has the types.

        Notes
        -----
        It reads docstrings, annotations and, before Python 3.13, the lines of source files.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> @bus.on(int)
        ... def show(number: int) -> None:
        ...     print(number)
        >>> wiring = bus.wiring()
        >>> wiring["handlers"][0]["annotation"], wiring["events"][0]["handled_by"]
        ('int', [0])
        """

    def trace(
        self, path: str | PathLike[str], *, max_bytes: int = 16_777_216, keep: int = 4
    ) -> Trace:
        """Record each publish and each delivery in a file, until the trace or the bus is closed.

        A record has ids that say what came of what, the publish site, the handler, how long it
        waited and ran, and how that ended; never the event itself, nor the text of an error. While
        nobody traces, that costs nothing. The form of the file is told in the guide to tracing.

        Parameters
        ----------
        path
            The file, which only its owner may read. One that is there already is kept as
            `path.1`, as if it were a full one. Each process needs a file of its own. A pipe or
            a terminal is refused.
        max_bytes
            How many bytes of records a file takes. When it is full, it is kept as `path.1`, and the
            one before as `path.2`. Each file begins with all edges that were seen until then, so
            that what is lost with the oldest is not lost altogether.
        keep
            How many full files are kept.

        Returns
        -------
        Trace
            The handle, also a context manager. It need not be kept.

        Raises
        ------
        OSError
            When the file cannot be opened, or something is there that is no ordinary file. Later
            failures go to the log, once, and end the trace.
        ValueError
            For a `max_bytes` below 1, or a negative `keep`.

        Examples
        --------
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(int, print, name="show")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "trace.jsonl"
        ...     with bus.trace(path):
        ...         bus.publish(3)
        ...     records = [json.loads(line) for line in path.read_text().splitlines()]
        3
        >>> [record["type"] for record in records]
        ['trace', 'event', 'delivery', 'edges', 'edges']
        >>> records[2]["name"], records[2]["outcome"]
        ('show', 'ok')
        """

    def tracing(self, *, keep: int = 10_000) -> Tracing:
        """Keep each publish and each delivery in memory, the newest of them.

        Parameters
        ----------
        keep
            How many dispatches are kept. The oldest make room, and are counted.

        Returns
        -------
        Tracing
            A context manager: the trace begins now, and ends with the block. It ends as well when
            nobody has the handle any more.

        Raises
        ------
        ValueError
            For a `keep` below 1.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> @bus.on(int)
        ... def halve(number: int) -> None:
        ...     bus.publish(number / 2)
        >>> with bus.tracing() as tracing:
        ...     bus.publish(4)
        >>> [dispatch.event for dispatch in tracing]
        ['builtins.int', 'builtins.float']
        >>> tracing.dispatches[1].cause == tracing.dispatches[0].deliveries[0].handler
        True
        """

class EventBus(Bus):
    """An event bus: publish an event, and every handler subscribed to its type runs.

    An event is any object, and its key is its class. A handler of a class gets the events of its
    subclasses too. Handlers run one after another on the publishing thread, high priority first,
    then in order of subscription. Every handler runs, whatever the others do.

    Any thread may publish and subscribe at any time. A bus can be subclassed, given attributes,
    and referred to weakly.

    Parameters
    ----------
    on_error
        What a handler's failure does, unless its subscription says otherwise. `"raise"`: the
        failures are raised together as `HandlerErrors` when all handlers have run. `"log"`: they
        go to the log `buswork` with their tracebacks. `"stop"`: the first failure is raised as it
        is, and the rest of the handlers do not run. A callable: it gets each `Failure`; when it
        raises itself, both errors are logged.
    unhandled
        What happens to an event that nobody is subscribed to: nothing (`"ignore"`), a warning in
        the log (`"warn"`), or `UnhandledEvent` (`"raise"`). `set_unhandled` says it for one type.
    max_depth
        How deep publishes on this bus may be nested, at least 1.
    max_pending
        How many deliveries may be pending in the background: waiting, or in progress.
    overflow
        What a post does when so many are pending. `"wait"`: it waits for room; on a thread that
        runs an event loop, or that runs posted deliveries itself, it raises `QueueFull` instead.
        `"raise"`: it raises `QueueFull`. `"drop_new"`: its deliveries are dropped.
        `"drop_old"`: the oldest ones that wait are dropped. What is dropped is counted by
        `dropped`, and the first time is logged.
    policy
        The `Policy` of each handler that is subscribed without one. Each handler has a breaker, a
        limit and figures of its own.
    stats
        Keep figures of every handler, and not only of those with a policy. `"latency"` keeps how
        long calls take besides, for which each has to read the clock.
    max_dead_letters
        How many dead letters are kept. When there are more, the oldest go; they are counted, and
        the first time is logged.

    Raises
    ------
    TypeError
        When `on_error` is neither one of the words nor callable, or `policy` is no `Policy`.
    ValueError
        When one of the words is unknown, or one of the numbers is less than 1 (`max_dead_letters`:
        less than 0).

    Notes
    -----
    Not promised: an order between publishes of different threads; that a handler which another
    thread is calling just now has returned when it is cancelled; delivery through a crash.

    A string is a pattern of topics, and never the name of a class. A checker cannot tell that a
    coroutine function does not belong on this bus; that is refused at subscription.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from buswork import EventBus
    >>> @dataclass
    ... class OrderPlaced:
    ...     order_id: str
    >>> bus = EventBus()
    >>> @bus.on(OrderPlaced)
    ... def confirm(event: OrderPlaced) -> None:
    ...     print(f"a mail about {event.order_id}")
    >>> bus.publish(OrderPlaced("123"))
    a mail about 123
    """

    def publish(self, event: object, *, topic: str | None = None) -> None:
        """Run every handler of the event's type, all of them before it returns.

        A handler may publish, subscribe, cancel, and even drop the bus. A nested publish runs to
        its end before the handler that published goes on. A publish in progress keeps the
        handlers that it started with, but does not call one that was cancelled or paused
        meanwhile. It keeps no event alive when it has returned.

        Parameters
        ----------
        event
            Any object; the handlers of `type(event)` and of its bases run.
        topic
            A topic, like `"orders.eu.placed"`. The handlers of the patterns that match it run
            then, and no others.

        Raises
        ------
        HandlerErrors
            When handlers failed and their `on_error` is `"raise"`: an exception group with one
            member a failure, raised when all handlers have run.
        UnhandledEvent
            When nobody is subscribed to the type, and the bus minds.
        PublishRecursionError
            When publishes are nested deeper than `max_depth`. It ends every enclosing publish at
            once.
        TypeError
            When a class is published instead of an instance, and nobody is subscribed to classes.
        ValueError
            When the topic is malformed: at most 32 segments, none empty, without wildcards.

        Notes
        -----
        Not promised: which thread runs a handler is the publisher's choice. `KeyboardInterrupt`
        and `SystemExit` in a handler go straight through, and the rest of the handlers do not
        run.

        Examples
        --------
        >>> from buswork import EventBus, HandlerErrors
        >>> bus = EventBus()
        >>> @bus.on(int)
        ... def fail(number: int) -> None:
        ...     raise ValueError(number)
        >>> @bus.on(int)
        ... def show(number: int) -> None:
        ...     print("still runs:", number)
        >>> try:
        ...     bus.publish(3)
        ... except HandlerErrors as errors:
        ...     print(errors.exceptions)
        still runs: 3
        (ValueError(3),)
        """

    def deliver(self, event: object, *, topic: str | None = None) -> Report:
        """Publish, and report what came of each delivery instead of raising handlers' failures.

        Parameters
        ----------
        event
            Any object, as for `publish`.
        topic
            A topic to publish to, as for `publish`.

        Returns
        -------
        Report
            One `Delivery` a subscription, in call order.

        Raises
        ------
        UnhandledEvent, PublishRecursionError, TypeError, ValueError
            As by `publish`. Never anything for a handler that fails.

        Notes
        -----
        `on_error` counts here as well: `"log"` logs, `"stop"` keeps the rest from running, a
        callable is called. The report has every failure in any case.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> _ = bus.subscribe(int, lambda number: number * 2, name="double")
        >>> report = bus.deliver(21)
        >>> report.deliveries[0].name, report.deliveries[0].result
        ('double', 42)
        """

    def post(self, event: object, *, topic: str | None = None) -> None:
        """Have every handler of the event's type run later, on threads of the bus.

        The handlers are those that are subscribed now; one that is cancelled or paused by the time
        of its turn is not called. Posts to one handler run in their order, one at a time, beside
        those to other handlers. Each runs in a copy of the poster's context, and begins a causal
        chain of its own. Threads are started when they are needed, at most 32, and end when they
        have been idle for some seconds.

        A failure goes to `on_error`, where `"raise"` and `"stop"` mean that it is logged with its
        traceback, since nobody waits for it. The delivery is kept in `dead_letters`, unless the
        handler's policy says otherwise.

        What is posted is held strongly, as is the bus, until it has been delivered. Posts are
        delivered before the interpreter ends; a forked child forgets them, as they are its
        parent's to deliver.

        Parameters
        ----------
        event
            Any object, as for `publish`.
        topic
            A topic to publish to, as for `publish`.

        Raises
        ------
        QueueFull
            When `max_pending` deliveries are pending, as `overflow` says.
        RuntimeError
            When the bus is closed.
        UnhandledEvent, TypeError, ValueError
            As by `publish`.

        Notes
        -----
        Not promised: delivery through a crash; an order among handlers; that a handler that never
        returns does not keep the program from its end.

        Examples
        --------
        >>> from buswork import EventBus
        >>> with EventBus() as bus:
        ...     _ = bus.subscribe(int, print)
        ...     bus.post(1)
        ...     bus.post(2)
        1
        2
        """

    def drain(self, timeout: float | timedelta | None = None) -> None:
        """Wait until no posted delivery is pending.

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
        >>> from buswork import EventBus
        >>> bus = EventBus()
        >>> seen = []
        >>> _ = bus.subscribe(int, seen.append)
        >>> bus.post(3)
        >>> bus.drain(timeout=5.0)
        >>> seen
        [3]
        """

    def close(self, timeout: float | timedelta | None = None) -> None:
        """Take no more posts, wait until no delivery is pending, and end the threads.

        Handlers that are running may still post, or what they began would stay unfinished. To
        publish remains possible. To enter the bus again, as a context manager, opens it.

        Parameters
        ----------
        timeout
            As for `drain`.

        Raises
        ------
        TimeoutError, RuntimeError
            As by `drain`. The bus is closed all the same; what is pending goes on.
        """

    def __enter__(self) -> Self:
        """Take posts, also on a bus that was closed."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
        /,
    ) -> None:
        """Close the bus, unless somebody else has entered it as well: then drain it."""

class AsyncBus(Bus):
    """The native half of `AsyncEventBus`."""

    def post(self, event: object, *, topic: str | None = None) -> None:
        """Have every handler of the event's type run later, on an event loop.

        That is the loop that runs in the posting thread, or else the home of the bus: the loop in
        which it was entered (`async with bus:`), or the first one that it was published on. So
        any thread may post.

        Posts to one handler run in their order, one at a time, beside those to other handlers. A
        handler that waits for something is a task of its own; those that do not wait share one.
        Each runs in a copy of the poster's context, and begins a causal chain of its own.

        A failure goes to `on_error`, where `"raise"` and `"stop"` mean that it is logged with its
        traceback, since nobody waits for it. The delivery is kept in `dead_letters`, unless the
        handler's policy says otherwise.

        A loop that ends in an orderly way, as at the end of `asyncio.run`, cancels its tasks:
        a handler that waits then has failed with `HandlerCancelled`, and what has not begun is
        delivered before the loop is closed. What was posted to a loop that is closed without that
        is logged as lost, by the names of the handlers.

        Parameters
        ----------
        event
            Any object, as for `publish`.
        topic
            A topic to publish to, as for `publish`.

        Raises
        ------
        QueueFull
            When `max_pending` deliveries are pending, as `overflow` says.
        RuntimeError
            When the bus is closed; or when no loop runs in this thread, and the bus has no home,
            or one that is closed.
        UnhandledEvent, TypeError, ValueError
            As by `publish`.

        Notes
        -----
        Not promised: delivery through a crash; an order among handlers; which task runs a handler
        that does not wait.

        Examples
        --------
        >>> import asyncio
        >>> from buswork import AsyncEventBus
        >>> bus = AsyncEventBus()
        >>> @bus.on(int)
        ... async def show(number: int) -> None:
        ...     print(number)
        >>> async def main() -> None:
        ...     async with bus:
        ...         bus.post(1)
        ...         bus.post(2)
        ...         print("posted")
        >>> asyncio.run(main())
        posted
        1
        2
        """

    def _enter(self, event_loop: AbstractEventLoop) -> None:
        """Make a loop the home, and take posts."""

    def _leave(self) -> bool:
        """Leave a `with` block; say whether that was the last one."""

    def _close(self, is_done: bool) -> None:
        """Begin to close, or end it."""

    def _when_ended(self, wake: Callable[[], object]) -> bool:
        """Have `wake` called when no delivery is pending; not, and `False`, if none is."""

    def _stop_waiting(self, wake: Callable[[], object]) -> bool:
        """Undo that. Says whether it had not been called."""

    def _is_inside(self) -> bool:
        """Whether a handler of this bus is running in this context."""

    @staticmethod
    def _seconds(timeout: float | timedelta | None) -> float | None:
        """Read a time to wait."""

    def _timed_out(self, seconds: float) -> TimeoutError:
        """Make the exception of a wait that took too long."""

    @overload
    def _start(
        self,
        event: object,
        topic: str | None,
        code: CodeType,
        instruction: int,
        for_report: Literal[True],
    ) -> Round | Layered:
        """Start every handler of an event; return what is to be finished, if anything is."""

    @overload
    def _start(
        self,
        event: object,
        topic: str | None,
        code: CodeType,
        instruction: int,
        for_report: Literal[False],
    ) -> Round | Layered | None: ...
    def _start_within(
        self,
        event: object,
        topic: str | None,
        code: CodeType,
        instruction: int,
        for_report: bool,
        muted: Callable[[object], bool] | None,
        link: Link,
    ) -> Round | None:
        """Do the same behind the last layer."""

    def _enter_link(self, event: object, topic: str | None) -> Link:
        """Make the link of a publish that goes through middleware."""

    @staticmethod
    def _report(
        event_type: type[Any], topic: str | None, deliveries: tuple[Delivery, ...]
    ) -> Report:
        """Make a report."""

@final
class Attempt:
    """One delivery of the async bus that has not ended at once."""

    @property
    def place(self) -> int:
        """Its place in the call order."""

    def judge(
        self,
        bus: Bus,
        event: object,
        event_type: type[Any],
        topic: str | None,
        site: str,
        error: BaseException,
    ) -> Literal["collect", "stop", "done"]:
        """Do with a failure what its subscription or the bus says."""

    def ok(self, result: object) -> Delivery:
        """Say that the handler returned."""

    def failed(self, error: BaseException) -> Delivery:
        """Say that the handler failed."""

    def skipped(self, reason: str) -> Delivery:
        """Say that the handler was not called."""

@final
class Link:
    """A publish of the async bus in its causal chain."""

    def end(self) -> None:
        """Note that the publish has ended."""

    def verdict(self) -> None:
        """Raise, when a publish of the chain went too deep."""

    def wake(self, gate: Gate) -> None:
        """Have a gate woken, should a publish of the chain go too deep while it is awaited."""

@final
class Publish:
    """What a publish of the async bus was, that is not done at once."""

    @property
    def bus(self) -> AsyncBus: ...
    @property
    def event(self) -> Any: ...
    @property
    def event_type(self) -> type[Any]: ...
    @property
    def topic(self) -> str | None: ...
    @property
    def event_name(self) -> str: ...
    @property
    def link(self) -> Link: ...
    @property
    def owns_link(self) -> bool: ...
    @property
    def code(self) -> CodeType: ...
    @property
    def instruction(self) -> int: ...
    @property
    def handlers(self) -> int: ...
    @property
    def for_report(self) -> bool: ...

@final
class Running:
    """The handlers of a publish that wait for something, in call order."""

    def first_running(self, waiting: Round, publish: Publish) -> Task[Any] | None:
        """Tell the round of those that have ended, up to one that has not; return its task."""

    def all_ended(self, waiting: Round, publish: Publish) -> None:
        """Tell the round of all that have ended."""

    def ended(self, task: Task[Any], waiting: Round, publish: Publish) -> None:
        """Tell the round of the end of one, unless that was told before."""

    def cancel(self) -> None:
        """Cancel them all."""

@final
class Passage:
    """What `call_next` is in the last layer of a publish."""

    def __call__(self, event: object) -> Report | None:
        """Go on."""

    def end(self) -> None:
        """Note that the way of the event has ended."""

@final
class Passing:
    """An event on its way through the layers, in the background."""

    @property
    def layers(self) -> tuple[Callable[[Any, Callable[[Any], Any]], object], ...]: ...
    @property
    def event(self) -> Any: ...
    @property
    def passage(self) -> Passage: ...

@final
class Worker:
    """A thread's part in the deliveries of a bus."""

    def work(self, wake: Callable[[], object]) -> float | None:
        """Run what is ready; return how long to wait for `wake`, or `None` for the end."""

@final
class Runner(Coroutine[Any, Any, None]):
    """The coroutine of a task that runs posted deliveries on a loop."""

    __name__: str
    __qualname__: str

    def __await__(self) -> Generator[Any, Any]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any) -> Any: ...
    def throw(
        self,
        error: type[BaseException] | BaseException,
        value: object = None,
        _traceback: TracebackType | None = None,
    ) -> Any: ...
    def close(self) -> None: ...
    @property
    def cr_running(self) -> bool: ...
    @property
    def cr_suspended(self) -> bool: ...
    @property
    def cr_await(self) -> Any: ...
    @property
    def cr_frame(self) -> FrameType | None: ...

@final
class Cause:
    """The delivery whose handler runs in a context."""

@final
class Timed(Coroutine[Any, Any, Any]):
    """The coroutine of a handler, while its bus is traced."""

    def __await__(self) -> Generator[Any, Any, Any]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any) -> Any: ...
    def throw(
        self,
        error: type[BaseException] | BaseException,
        value: object = None,
        _traceback: TracebackType | None = None,
    ) -> Any: ...
    def close(self) -> None: ...

def flush_traces() -> None:
    """Write what is in the buffers of all traces, at the end of the program."""

def forget_traces() -> None:
    """End all traces in a forked child."""

@final
class Turn:
    """A delivery of the async bus to a handler with a policy."""

    @property
    def timeout(self) -> float | None:
        """For how many seconds an attempt may run."""

    @property
    def is_posted(self) -> bool:
        """Whether the delivery is in the background."""

    @property
    def is_active(self) -> bool:
        """Whether it is in progress."""

    def is_held_by(self, other: Turn) -> bool:
        """Whether another delivery to the same handler is in progress."""

    def wait(self, wake: Callable[..., object], is_new: bool) -> bool:
        """Wait for a slot, `wake` being what wakes; `False` if it was dropped before."""

    def stop_waiting(self) -> None:
        """Leave those who wait, with a slot or without."""

    def rest(self, wake: Callable[[], object]) -> None:
        """Rest until the next attempt; `wake` is called if the subscription ends before."""

    def stop_resting(self, wake: Callable[[], object]) -> None:
        """Rest no more."""

    def give_up(self) -> None:
        """Note that it was cancelled while it waited."""

    def begin(self, now: float, is_woken: bool) -> float | None:
        """Begin, and return `None`; or return for how many seconds to wait, -1 for a wake."""

    def begin_again(self) -> bool:
        """Begin another attempt; not, and `False`, if the handler was cancelled or paused."""

    def skip(self) -> str | None:
        """Say why a delivery whose turn has come is not made, and count it; `None` if it is."""

    def failed(self, error: BaseException) -> float | None:
        """Note a failed attempt; return after how many seconds to try again, if at all."""

    def succeeded(self) -> None:
        """Note that the delivery has gone well."""

    def abandon(self) -> None:
        """End it, if it has not ended; nothing is known of it."""

    def timed_out(self) -> Exception:
        """Count an attempt that took too long, and make its exception."""

    def nested(self) -> Exception:
        """Make the exception of a delivery that would wait for one that it is nested in."""

@final
class Deadline:
    """When an attempt on a worker thread has taken too long."""

    @property
    def is_over(self) -> bool:
        """Whether it need not be called any more."""

    def pass_(self) -> None:
        """Note that the time is up."""

def is_awaitable(given: object) -> bool:
    """Say whether something can be awaited."""

def finish_posts() -> None:
    """Deliver what is pending on every bus, at the end of the program."""

def forget_posts() -> None:
    """Forget what is pending, in a forked child."""

def classes_of(given: object) -> list[type[Any]]:
    """Return the classes that an event type stands for."""

def is_same_handler(one: object, other: object) -> bool:
    """Say whether two callables are the same handler."""

def topic_matches(pattern: str, topic: str) -> bool:
    """Say whether a topic matches a pattern."""

@final
class Gate:
    """Ends with a task, but does not pass a cancellation on to it."""

    _asyncio_future_blocking: bool

    def __new__(cls, task: Task[Any]) -> Self: ...
    def __await__(self) -> Generator[Any]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Self: ...
    def __call__(self, _task: Task[Any], /) -> None: ...
    def add_done_callback(self, callback: Callable[[Gate], object], *, context: Context) -> None:
        """Take the awaiting task's wake-up."""

    def cancel(self, msg: object = None) -> bool:
        """Wake the awaiting task with a `CancelledError`."""

    def result(self) -> None:
        """Raise, when it was cancelled."""

    def get_loop(self) -> AbstractEventLoop:
        """Return the loop of the task."""

@final
class Subscription:
    """A handler subscribed to one or more types: the handle that cancels and pauses it.

    It is a context manager that cancels on exit. It can be referred to weakly. Dropping it does
    nothing, and it keeps neither the bus nor an ended handler alive.

    Examples
    --------
    >>> from buswork import EventBus
    >>> bus = EventBus()
    >>> with bus.subscribe(int, print) as subscription:
    ...     bus.publish(1)
    1
    >>> subscription.active
    False
    >>> bus.publish(2)
    """

    @property
    def active(self) -> bool:
        """Whether the handler would be called: neither paused nor ended."""

    @property
    def name(self) -> str:
        """The name that was given, or `module:qualname` of the handler."""

    @property
    def event_types(self) -> tuple[type[Any] | str, ...]:
        """The classes and patterns subscribed to, each once; a union counts as its members."""

    @property
    def handler(self) -> Callable[[Any], object] | None:
        """The handler, or `None` once the subscription has ended."""

    @property
    def priority(self) -> int:
        """High runs first."""

    @property
    def policy(self) -> Policy | None:
        """Its policy, or the bus's at the time when it was subscribed; `None` if it has none."""

    def _described(self) -> tuple[str, list[str], str | None, str | None]: ...
    @property
    def publishes(self) -> tuple[type | str, ...]:
        """What the handler declares to publish, by `publishes=`; empty when it declares nothing."""

    @property
    def location(self) -> str | None:
        """Where the handler's code begins, as `file:line`; `None` when that is not known."""

    def cancel(self) -> None:
        """End the subscription for good, and let the handler go. Doing it twice does no harm.

        The handler is not called again, not even by a publish that is under way. Not promised: a
        call that another thread has begun is not waited for.
        """

    def pause(self) -> None:
        """Keep the handler from being called until `resume`, also by publishes under way."""

    def resume(self) -> None:
        """End a pause. What was published meanwhile is not delivered late."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None: ...

@final
class Report:
    """What came of one `deliver`: each delivery, in call order.

    Examples
    --------
    >>> from buswork import EventBus
    >>> bus = EventBus()
    >>> _ = bus.subscribe(int, lambda number: 1 / number)
    >>> report = bus.deliver(0)
    >>> report
    <Report on int: 0 ok, 1 failed, 0 skipped>
    >>> report.failures[0].error
    ZeroDivisionError('division by zero')
    """

    @property
    def event_type(self) -> type[Any]:
        """The class of the event."""

    @property
    def topic(self) -> str | None:
        """The topic that it was published to, if any."""

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """One delivery a subscription, in call order."""

    @property
    def failures(self) -> tuple[Delivery, ...]:
        """Those deliveries that failed."""

    def raise_for_errors(self) -> None:
        """Raise the failures as `HandlerErrors`, whatever their `on_error`; nothing if none.

        Raises
        ------
        HandlerErrors
            When a delivery failed.
        """

@final
class Delivery:
    """One event to one handler, and how it ended."""

    @property
    def handler(self) -> Callable[[Any], object] | None:
        """The handler; `None` when its subscription had ended before its turn."""

    @property
    def name(self) -> str:
        """The subscription's name."""

    @property
    def status(self) -> Literal["ok", "failed", "skipped"]:
        """Whether the handler returned, failed, or was not called."""

    @property
    def reason(
        self,
    ) -> (
        Literal[
            "cancelled", "paused", "when", "once", "gone", "stopped", "muted", "limit", "posted"
        ]
        | None
    ):
        """Why it was skipped, in one word; `None` unless it was.

        `"cancelled"` or `"once"`: the subscription ended after the publish began. `"paused"`: it
        is paused. `"when"`: its predicate said no. `"gone"`: the object that it was bound to
        weakly has died. `"stopped"`: an earlier failure under `on_error="stop"` ended the publish.
        `"muted"`: a test has muted it. `"limit"`: its limit had no room for it, and drops.
        `"posted"`: the handler is called in the background, which is on its way.
        """

    @property
    def result(self) -> Any:
        """What the handler returned; `None` when it did not return."""

    @property
    def error(self) -> Exception | None:
        """What the handler, or its predicate, raised."""

    @property
    def elapsed(self) -> float:
        """Seconds from the start of the delivery to its end; 0.0 for one that was skipped."""

    @property
    def attempts(self) -> int:
        """How often the handler was called: more than once with a `Retry`, 0 for one skipped."""

@final
class Trace:
    """A trace in a file, from `bus.trace(path)`.

    It ends when it is closed, when the bus is closed or gone, or when the file cannot be written
    to. What it has is written in large pieces, at the latest a second after the one before if there
    is more to record, and at the end of the program.
    """

    @property
    def path(self) -> str:
        """The file, as given."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    def flush(self) -> None:
        """Write what was recorded until now."""

    def close(self) -> None:
        """End the trace. Once is enough, but more does no harm."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
        /,
    ) -> None:
        """Close it."""

@final
class Tracing:
    """A trace in memory, from `bus.tracing()`: an iterable of its dispatches, oldest first.

    What is kept can be looked at after the end; deliveries that end only then are told of as well.
    """

    @property
    def dispatches(self) -> tuple[Dispatch, ...]:
        """What is kept, oldest first."""

    @property
    def dropped(self) -> int:
        """How many dispatches were dropped for want of room."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    def tree(self, dispatch: Dispatch | None = None) -> str:
        """Draw what came of what: each event, its handlers, and beneath them what they published.

        Parameters
        ----------
        dispatch
            The one to be drawn, with what came of it; all, if `None`.

        Returns
        -------
        str
            A text of several lines for people to read, in the order in which things began. Its
            wording may change.
        """

    def save(self, path: str | PathLike[str]) -> None:
        """Write what is kept to a new file, in the form of `bus.trace`.

        Raises
        ------
        OSError
            When it is there already, or cannot be written.
        """

    def close(self) -> None:
        """End the trace. Once is enough, but more does no harm."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None = ...,
        exc_value: BaseException | None = ...,
        traceback: TracebackType | None = ...,
        /,
    ) -> None:
        """Close it."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Dispatch]: ...

@final
class Dispatch:
    """One published event, as a trace has it. Equal to others of the same event."""

    @property
    def id(self) -> str:
        """The event's own id: 32 hexadecimal digits, told apart from those of other processes."""

    @property
    def causation(self) -> str | None:
        """The id of the event whose handler published this one, if a traced one did."""

    @property
    def correlation(self) -> str:
        """The id of the event that all this began with, which may be this one."""

    @property
    def event(self) -> str:
        """The event's class, `module.qualname`."""

    @property
    def topic(self) -> str | None:
        """The topic that it was published to, if any."""

    @property
    def verb(self) -> Literal["publish", "deliver", "post"]:
        """How it was given to the bus."""

    @property
    def function(self) -> str | None:
        """The function that published it, `module:qualname`; `module:` for a module's own code."""

    @property
    def file(self) -> str | None:
        """The file of the publish."""

    @property
    def line(self) -> int | None:
        """The line of the publish."""

    @property
    def cause(self) -> str | None:
        """The handler that published it, `module:qualname`, if a traced one did."""

    @property
    def at(self) -> int:
        """When it was published, in nanoseconds since 1970."""

    @property
    def deliveries(self) -> tuple[TracedDelivery, ...]:
        """The deliveries that have ended by now, in the order of their ends."""

@final
class TracedDelivery:
    """One event to one handler, as a trace has it."""

    @property
    def handler(self) -> str:
        """The handler, `module:qualname`."""

    @property
    def name(self) -> str:
        """The subscription's name."""

    @property
    def subscribed(self) -> tuple[str, ...]:
        """What it is subscribed to: classes, `module.qualname`, and patterns of topics."""

    @property
    def subscription(self) -> int:
        """The number of the subscription, which tells two of one handler apart."""

    @property
    def file(self) -> str | None:
        """The file in which the handler begins."""

    @property
    def line(self) -> int | None:
        """The line where it begins."""

    @property
    def wait(self) -> int:
        """Nanoseconds from the publish to the handler's start."""

    @property
    def run(self) -> int:
        """Nanoseconds from the handler's start to its end, those in which it waited among them."""

    @property
    def outcome(self) -> Literal["ok", "failed", "skipped", "cancelled"]:
        """How it ended. `"cancelled"`: with a `CancelledError`, whoever asked for that."""

    @property
    def reason(
        self,
    ) -> (
        Literal[
            "cancelled", "paused", "when", "once", "gone", "stopped", "muted", "limit", "posted"
        ]
        | None
    ):
        """Why it was skipped, as in a `Delivery`."""

    @property
    def error(self) -> str | None:
        """The class of what it raised, and never the text."""

@final
class Retry:
    """How often a delivery that failed is tried again: a part of a `Policy`.

    Parameters
    ----------
    attempts
        How many attempts there are in all, the first included, at least 1.
    backoff
        How long to wait before the second attempt: seconds, or a `timedelta`. The wait doubles with
        each further one. Where it is 0, attempts follow one another at once.
    max_backoff
        The longest wait, before jitter.
    jitter
        By which part of itself a wait is lengthened at most, drawn anew each time, so that what
        failed together does not come back together: 0.1 for a tenth. It never shortens one.
    retry_on
        What is worth another attempt: an exception class, a tuple of them, or a callable that takes
        the exception and says yes or no. Every `Exception`, if `None`.
    give_up_on
        What is not, though `retry_on` matches. Of the same kinds.

    Raises
    ------
    ValueError
        When there is to be no attempt, or a time or the jitter is negative.
    TypeError
        When a time is none, or `retry_on` or `give_up_on` cannot say whether an exception matches.

    Notes
    -----
    Other handlers of the event are not called again. Not promised: that a handler which has failed
    half way has done nothing; it has to bear being called again. A predicate that raises is logged,
    and there is no further attempt.

    Examples
    --------
    >>> from buswork import EventBus, Policy, Retry
    >>> bus = EventBus()
    >>> answers = iter([OSError("busy"), None])
    >>> @bus.on(int, policy=Policy(retry=Retry(3, retry_on=OSError)))
    ... def send(number: int) -> None:
    ...     if error := next(answers):
    ...         raise error
    ...     print("sent", number)
    >>> bus.publish(1)
    sent 1
    """

    def __new__(
        cls,
        attempts: int = 3,
        *,
        backoff: float | timedelta | None = 0,
        max_backoff: float | timedelta | None = None,
        jitter: float = 0.1,
        retry_on: _Matcher | None = None,
        give_up_on: _Matcher | None = None,
    ) -> Self: ...
    @property
    def attempts(self) -> int:
        """How many attempts there are in all."""

    @property
    def backoff(self) -> float:
        """Seconds before the second attempt."""

    @property
    def max_backoff(self) -> float | None:
        """The longest wait in seconds, before jitter."""

    @property
    def jitter(self) -> float:
        """By which part of itself a wait is lengthened at most."""

    @property
    def retry_on(self) -> _Matcher | None:
        """What is worth another attempt."""

    @property
    def give_up_on(self) -> _Matcher | None:
        """What is not."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Breaker:
    """When a handler that fails is left in peace, and for how long: a part of a `Policy`.

    Closed at first: deliveries go through. So many failures within the window open it: none goes
    through for the time of the pause. Then it is half open, and one goes through, to probe. If that
    goes well, it is closed again, and what failed before is forgotten; else it is open for another
    pause.

    Posted deliveries wait in their handler's line while it is open. Direct ones fail at once, with
    `BreakerOpen`. When it opens, that is logged.

    Parameters
    ----------
    failures
        How many failures open it, at least 1. A delivery that was retried and went well is none;
        one that failed to its end is one.
    window
        How far apart the first and the last of these may be: seconds, or a `timedelta`.
    pause
        How long it is open: seconds, or a `timedelta`.

    Raises
    ------
    ValueError, TypeError
        When `failures` is less than 1, or a time is negative or none.

    Notes
    -----
    It is the circuit breaker of Michael Nygard's *Release It!* (2007). Each handler has one of its
    own, also where several share a `Policy`. Not promised: that it is closed as soon as what the
    handler needs is there again; that is found out at the next delivery after the pause.

    Examples
    --------
    >>> from buswork import Breaker, BreakerOpen, EventBus, Policy
    >>> bus = EventBus(on_error="stop")
    >>> _ = bus.subscribe(int, lambda number: 1 / number, policy=Policy(breaker=Breaker(2)))
    >>> for number in (0, 0, 1):
    ...     try:
    ...         bus.publish(number)
    ...     except (ZeroDivisionError, BreakerOpen) as error:
    ...         print(type(error).__name__)
    ZeroDivisionError
    ZeroDivisionError
    BreakerOpen
    """

    def __new__(
        cls,
        failures: int = 5,
        *,
        window: float | timedelta | None = 60,
        pause: float | timedelta | None = 30,
    ) -> Self: ...
    @property
    def failures(self) -> int:
        """How many failures open it."""

    @property
    def window(self) -> float:
        """How far apart they may be, in seconds."""

    @property
    def pause(self) -> float:
        """How long it is open, in seconds."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Limit:
    """How many deliveries of a handler are in progress at once: a part of a `Policy`.

    What has to wait does so in order: posted deliveries in the handler's line, and on the async
    bus direct ones too. A direct delivery of an `EventBus` cannot wait, as its publisher's thread
    would: with no slot free, `overflow` says at once what becomes of it.

    Posts to one handler are made one at a time; a limit makes that `concurrency` at a time, in
    threads or tasks, and there is no order among these.

    Parameters
    ----------
    concurrency
        How many at once, at least 1.
    queue
        How many may wait; any number, if `None`.
    overflow
        What becomes of one more. `"raise"`: it fails with `LimitFull`, which is a failure of its
        handler like others. `"drop_new"`: it is dropped. `"drop_old"`: the one that waits longest
        is dropped, and where none waits, the new one. What is dropped is counted, and in a report
        it is `"skipped"`, for the reason `"limit"`.

    Raises
    ------
    ValueError
        When a number is too small, or the word is unknown. It cannot be `"wait"`: leave `queue`
        out.

    Notes
    -----
    It is the bulkhead of Michael Nygard's *Release It!* (2007). Each handler has slots of its own,
    also where several share a `Policy`. A delivery has its slot from its first attempt to its end,
    waits between attempts included. One that is nested in another of the same handler must not wait
    for it: when no slot is free, it fails with `LimitFull`.

    Examples
    --------
    >>> import asyncio
    >>> from buswork import AsyncEventBus, Limit, Policy
    >>> bus, running, most = AsyncEventBus(), 0, 0
    >>> @bus.on(int, policy=Policy(limit=Limit(2)))
    ... async def ask(number: int) -> None:
    ...     global running, most
    ...     running += 1
    ...     most = max(most, running)
    ...     await asyncio.sleep(0)
    ...     running -= 1
    >>> async def main() -> None:
    ...     await asyncio.gather(*(bus.publish(number) for number in range(10)))
    >>> asyncio.run(main())
    >>> most
    2
    """

    def __new__(
        cls,
        concurrency: int,
        *,
        queue: int | None = None,
        overflow: Literal["raise", "drop_new", "drop_old"] = "raise",
    ) -> Self: ...
    @property
    def concurrency(self) -> int:
        """How many at once."""

    @property
    def queue(self) -> int | None:
        """How many may wait."""

    @property
    def overflow(self) -> Literal["raise", "drop_new", "drop_old"]:
        """What becomes of one more."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class Policy:
    """What a delivery may take, and what is done when it fails.

    The parts nest in one order, whatever the order in which they are given::

        dead letter ( limit ( breaker ( retry ( timeout ( handler )))))

    One can be given to any number of handlers, or as the default of a bus. It is only a wish: what
    is counted is counted for each handler alone. `str(policy)` writes the nesting of what is set.

    Parameters
    ----------
    timeout
        How long one attempt may take: seconds, or a `timedelta`. One that takes longer has failed
        with `HandlerTimeout`. A coroutine is cancelled then. A thread cannot be: a handler of an
        `EventBus` with `background=True` goes on running, and its delivery ends without it.
    retry
        How often a delivery that failed is tried again.
    breaker
        When the handler is left in peace.
    limit
        How many deliveries are in progress at once.
    dead_letter
        Whether a delivery that has failed to its end is kept in `bus.dead_letters`, and no failure
        of its publisher's. If `None`, posted ones are kept, and direct ones raised and not kept.

    Raises
    ------
    TypeError, ValueError
        When a part is of another type, or the time is negative or none.

    Examples
    --------
    >>> from buswork import Breaker, Policy, Retry
    >>> policy = Policy(timeout=5, retry=Retry(3, backoff=0.2), breaker=Breaker(5))
    >>> policy
    Policy(timeout=5, retry=Retry(3, backoff=0.2), breaker=Breaker(5, window=60, pause=30))
    >>> print(policy)
    breaker 5 in 60s, pause 30s (retry 3, backoff 200ms (timeout 5s (handler)))
    """

    def __new__(
        cls,
        *,
        timeout: float | timedelta | None = None,
        retry: Retry | None = None,
        breaker: Breaker | None = None,
        limit: Limit | None = None,
        dead_letter: bool | None = None,
    ) -> Self: ...
    @property
    def timeout(self) -> float | None:
        """How long one attempt may take, in seconds."""

    @property
    def retry(self) -> Retry | None:
        """How often a delivery that failed is tried again."""

    @property
    def breaker(self) -> Breaker | None:
        """When the handler is left in peace."""

    @property
    def limit(self) -> Limit | None:
        """How many deliveries are in progress at once."""

    @property
    def dead_letter(self) -> bool | None:
        """Whether a delivery that has failed to its end is kept, if anything is said of that."""

    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@final
class HandlerStats:
    """The figures of one handler, from `bus.stats()`.

    A delivery that has ended is one of `delivered`, `failed`, `skipped`, `dropped`. What is waiting
    or in progress is none of these yet, and one that its publisher has cancelled never is.

    Examples
    --------
    >>> from buswork import EventBus, Policy, Retry
    >>> bus = EventBus(on_error="log")
    >>> answers = iter([OSError("busy"), None])
    >>> @bus.on(int, name="send", policy=Policy(retry=Retry(3)))
    ... def send(number: int) -> None:
    ...     if error := next(answers):
    ...         raise error
    >>> bus.publish(1)
    >>> [stats] = bus.stats()
    >>> stats
    <HandlerStats send: 1 delivered, 1 retried>
    """

    @property
    def name(self) -> str:
        """The subscription's name."""

    @property
    def delivered(self) -> int:
        """How many deliveries went well, after however many attempts."""

    @property
    def failed(self) -> int:
        """How many failed to their end, also those that a breaker or a limit refused."""

    @property
    def retried(self) -> int:
        """How many attempts there were beyond the first ones."""

    @property
    def timed_out(self) -> int:
        """How many attempts took too long."""

    @property
    def skipped(self) -> int:
        """How many did not reach the handler: it was paused, say, or its predicate said no."""

    @property
    def dropped(self) -> int:
        """How many its limit had no room for, and dropped."""

    @property
    def dead_lettered(self) -> int:
        """How many of those that failed were kept as dead letters."""

    @property
    def in_progress(self) -> int:
        """How many have begun and not ended. One that waits between two attempts is among them."""

    @property
    def waiting(self) -> int:
        """How many wait for their turn: in the handler's line, or for a slot of its limit."""

    @property
    def breaker(self) -> Literal["closed", "open", "half-open"] | None:
        """The state of its breaker, if it has one."""

    def latency(self, part: float = 0.5) -> float | None:
        """Say in how many seconds a part of all calls was over: a quantile.

        Parameters
        ----------
        part
            From 0 to 1: 0.5 for the median, 0.99 for what one call in a hundred exceeds.

        Returns
        -------
        float | None
            Seconds, up to a quarter too many, never too few. `None` before the first call, and on
            a bus without `stats="latency"`. It is of all calls until now, also those after
            `stats()`.

        Raises
        ------
        ValueError
            When `part` is less than 0 or more than 1.

        Examples
        --------
        >>> from buswork import EventBus
        >>> bus = EventBus(stats="latency")
        >>> _ = bus.subscribe(int, lambda number: None)
        >>> for number in range(100):
        ...     bus.publish(number)
        >>> bus.stats()[0].latency(0.99) < 1.0
        True
        """

@final
class DeadLetter:
    """A delivery that has failed to its end: one event, one handler.

    It keeps the event, strongly, and of its errors the text.
    """

    @property
    def id(self) -> int:
        """A number that no other dead letter of the bus has or will have."""

    @property
    def event(self) -> Any:
        """The event."""

    @property
    def event_type(self) -> type[Any]:
        """The class of the event."""

    @property
    def topic(self) -> str | None:
        """The topic that it was published to, if any."""

    @property
    def handler(self) -> str:
        """The subscription's name."""

    @property
    def location(self) -> str | None:
        """Where the handler's code begins, as `file:line`; `None` when that is not known."""

    @property
    def site(self) -> str | None:
        """Where the event was published, as `file:line`; `None` when that is not known."""

    @property
    def attempts(self) -> tuple[Attempted, ...]:
        """The attempts that have failed, in their order: at least one."""

    @property
    def error(self) -> str:
        """What the last attempt raised, as text: class and message."""

@final
class Attempted:
    """An attempt of a delivery that has failed."""

    @property
    def at(self) -> float:
        """When it had failed, in seconds since 1970."""

    @property
    def error(self) -> str:
        """What it raised, as text: class and message, without a traceback."""

@final
class DeadLettered:
    """The event that tells of a dead letter. A bus posts it to whom it may concern.

    It goes to handlers that are subscribed to it, or to `object`. When one of these fails, that is
    logged, and makes no further dead letter.

    Examples
    --------
    >>> import logging
    >>> from buswork import DeadLettered, EventBus
    >>> logging.getLogger("buswork").setLevel(logging.CRITICAL)
    >>> with EventBus() as bus:
    ...     @bus.on(DeadLettered)
    ...     def alarm(event: DeadLettered) -> None:
    ...         print(event.letter.handler, "has failed:", event.letter.error)
    ...     _ = bus.subscribe(int, lambda number: 1 / number, name="invert")
    ...     bus.post(0)
    invert has failed: ZeroDivisionError: division by zero
    """

    def __new__(cls, letter: DeadLetter) -> Self: ...
    @property
    def letter(self) -> DeadLetter:
        """The dead letter."""

@final
class DeadLetters:
    """The dead letters of a bus, oldest first, at most `max_dead_letters` of them.

    They are in memory: not promised is that they outlive the process. Any thread may look at them.

    Examples
    --------
    >>> import logging
    >>> from buswork import EventBus
    >>> logging.getLogger("buswork").setLevel(logging.CRITICAL)
    >>> bus, is_down = EventBus(), True
    >>> @bus.on(int, name="send")
    ... def send(number: int) -> None:
    ...     if is_down:
    ...         raise OSError("no network")
    ...     print("sent", number)
    >>> bus.post(1)
    >>> bus.drain()
    >>> [letter] = bus.dead_letters
    >>> letter.handler, letter.event, letter.error
    ('send', 1, 'OSError: no network')
    >>> is_down = False
    >>> bus.dead_letters.retry(letter)
    >>> bus.drain()
    sent 1
    >>> len(bus.dead_letters)
    0
    """

    @property
    def lost(self) -> int:
        """How many had to go for newer ones, ever."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[DeadLetter]: ...
    def retry(self, letter: DeadLetter | int) -> None:
        """Post the event of a letter anew, to its handler alone, and take the letter out.

        It is a delivery like others, with its own attempts, and a new letter if it fails.

        Parameters
        ----------
        letter
            The letter, or its id.

        Raises
        ------
        LookupError
            When it is not there any more, or the subscription of its handler has ended. Then the
            letter stays.
        QueueFull, RuntimeError
            As by `post`. The letter stays.
        """

    def discard(self, letter: DeadLetter | int) -> None:
        """Throw a letter away.

        Raises
        ------
        LookupError
            When it is not there any more.
        """

    def clear(self) -> None:
        """Throw all letters away."""

@final
class Failure:
    """What an `on_error` callable is given: one handler's failure.

    Examples
    --------
    >>> from buswork import EventBus, Failure
    >>> def report(failure: Failure) -> None:
    ...     print(failure.name, "on", failure.event, "raised", repr(failure.error))
    >>> bus = EventBus(on_error=report)
    >>> _ = bus.subscribe(int, lambda number: 1 / number, name="invert")
    >>> bus.publish(0)
    invert on 0 raised ZeroDivisionError('division by zero')
    """

    @property
    def event(self) -> Any:
        """The event."""

    @property
    def event_type(self) -> type[Any]:
        """The class of the event."""

    @property
    def topic(self) -> str | None:
        """The topic that it was published to, if any."""

    @property
    def handler(self) -> Callable[[Any], object] | None:
        """The handler; `None` when its subscription has ended meanwhile."""

    @property
    def name(self) -> str:
        """The subscription's name."""

    @property
    def error(self) -> Exception:
        """What the handler, or its predicate, raised."""

    @property
    def site(self) -> str | None:
        """Where the event was published, as `file:line`; `None` when that is not known."""
