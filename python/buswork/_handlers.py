"""Handlers declared without a bus, in modules and classes, and how a bus takes them in."""

from __future__ import annotations

from buswork._buswork import EventBus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from buswork._buswork import Subscription

    _Handler = TypeVar("_Handler", bound=Callable[..., object])

__all__ = ["Handlers", "SubscriptionGroup", "handles", "include"]

#: Where a method keeps its marks.
_MARKS = "__buswork_handles__"


class _Mark:
    """One wish to be subscribed: to which types, with which options."""

    __slots__ = ("event_types", "options")

    def __init__(self, event_types: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.event_types = event_types
        self.options = options

    def subscribe(self, bus: EventBus, handler: Callable[..., object]) -> Subscription:
        """Subscribe a handler as wished."""
        # Not `bus.on`: a subclass may have made a plain decorator of it.
        return EventBus.on(bus, *self.event_types, **self.options).subscribe(handler)


class Handlers:
    """A collection of handlers without a bus: a module declares, the composition root wires."""

    def __init__(self) -> None:
        self._declared: list[tuple[_Mark, Callable[..., object]]] = []

    def on(self, *event_types: Any, **options: Any) -> Callable[[_Handler], _Handler]:
        """Declare a handler, with the types and options of `EventBus.on`."""
        mark = _mark("handlers.on", event_types, options)

        def declare(handler: _Handler) -> _Handler:
            _try(mark, handler)
            self._declared.append((mark, handler))
            return handler

        return declare

    def __len__(self) -> int:
        """Count the declarations."""
        return len(self._declared)

    def __repr__(self) -> str:
        """Say how many declarations there are."""
        return f"<Handlers with {len(self)} declarations>"


def handles(*event_types: Any, **options: Any) -> Callable[[_Handler], _Handler]:
    """Mark a method as a handler, for `EventBus.include` of an instance of its class."""
    mark = _mark("handles", event_types, options)

    def attach(method: _Handler) -> _Handler:
        _refuse_unfit(method)
        function = _function(method)
        try:
            setattr(function, _MARKS, (*_own_marks(function), mark))
        except (AttributeError, TypeError):
            raise TypeError(_no_method(function)) from None
        return method

    return attach


class SubscriptionGroup:
    """The subscriptions of one `include`, as one handle: a plugin unloads in one call."""

    def __init__(self, subscriptions: tuple[Subscription, ...]) -> None:
        self._subscriptions = subscriptions

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The single handles, in order of declaration."""
        return self._subscriptions

    @property
    def active(self) -> bool:
        """Whether any of them is active."""
        return any(subscription.active for subscription in self._subscriptions)

    def cancel(self) -> None:
        """Cancel them all."""
        for subscription in self._subscriptions:
            subscription.cancel()

    def pause(self) -> None:
        """Pause them all."""
        for subscription in self._subscriptions:
            subscription.pause()

    def resume(self) -> None:
        """Resume them all."""
        for subscription in self._subscriptions:
            subscription.resume()

    def __enter__(self) -> Self:
        """Return the group itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Cancel them all."""
        self.cancel()

    def __repr__(self) -> str:
        """Say how many subscriptions there are."""
        return f"<SubscriptionGroup of {len(self._subscriptions)} subscriptions>"


def include(bus: EventBus, source: Any) -> SubscriptionGroup:
    """Subscribe all that `source` declares, or nothing. What `EventBus.include` does."""
    wishes = list(source._declared if isinstance(source, Handlers) else _marked(source))  # noqa: SLF001
    subscriptions: list[Subscription] = []
    try:
        for mark, handler in wishes:
            subscriptions.append(mark.subscribe(bus, handler))
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
    return SubscriptionGroup(tuple(subscriptions))


def _anything(event: object) -> None:
    """Stand in for a handler that is not known yet, or not for this bus."""


#: The options that are callables, and may be coroutine functions.
_CALLABLES = frozenset({"when", "on_error"})

#: What a decorator is given in place of an event type when its brackets are forgotten.
_DECORATED = (type(_anything), staticmethod, classmethod)


def _mark(decorator: str, event_types: tuple[Any, ...], options: dict[str, Any]) -> _Mark:
    """Make a mark; refuse types and options as a bus does."""
    if any(type(given) in _DECORATED for given in event_types):
        message = (
            f"{decorator} needs the event type in brackets: @{decorator}(OrderPlaced)"
            " above the function"
        )
        raise TypeError(message)
    mark = _Mark(event_types, options)
    _try(mark, _anything)
    return mark


def _try(mark: _Mark, handler: Any) -> None:
    """Subscribe to a bus that is thrown away, and which refuses what any bus would refuse."""
    callables = {name: mark.options[name] for name in _CALLABLES & mark.options.keys()}
    settled = {name: _settled(given, name) for name, given in callables.items()}
    trial = _Mark(mark.event_types, mark.options | settled)
    trial.subscribe(EventBus(), _settled(handler, "handler"))


def _settled(given: Any, role: str) -> Any:
    """Return a callable, or a stand-in for one that this bus would only refuse to await."""
    from buswork import _signatures  # noqa: PLC0415 - takes time that `import buswork` spares

    if not callable(given) or not _signatures.is_awaited(given):
        return given
    if reason := _signatures.objection_anywhere(given, role):
        raise TypeError(reason)
    return _anything


def _refuse_unfit(method: Any) -> None:
    """Refuse to mark what is no method, and one that could not be called with an event."""
    from buswork import _signatures  # noqa: PLC0415 - as above

    function = _function(method)
    if not callable(function) or isinstance(function, type):
        raise TypeError(_no_method(function))
    if function is method:
        counts = (2, 1)  # With its object; alone, where `@staticmethod` will stand above it.
    else:
        counts = (1,) if issubclass(type(method), staticmethod) else (2,)
    if reason := _signatures.objection_anywhere(function, "handler", counts):
        raise TypeError(reason)


def _no_method(given: Any) -> str:
    kind = type(given).__qualname__
    return f"@handles marks a method, not {kind}: write a method that does it, and mark that"


def _marked(source: object) -> Iterator[tuple[_Mark, Callable[..., object]]]:
    """Find the marked methods of an object, in the order in which their classes define them."""
    if isinstance(source, type):
        message = (
            f"include takes an object, not the class {source.__qualname__}:"
            f" give an instance, include({source.__qualname__}(...))"
        )
        raise TypeError(message)
    found = False
    cls = type(source)
    for name in _method_names(cls):
        marks = _marks(cls, name)
        if not marks:
            continue
        method = getattr(source, name)
        for mark in marks:
            found = True
            yield mark, method
    if not found:
        message = (
            f"nothing to include: {type(source).__qualname__} is no Handlers, and none of its"
            " methods is marked with @handles"
        )
        raise TypeError(message)


def _method_names(cls: type) -> dict[str, None]:
    """Return the names that a class and its bases define, base first, each once."""
    bases = [base for base in reversed(cls.__mro__) if base is not object]
    return {name: None for base in bases for name in vars(base)}


def _marks(cls: type, name: str) -> tuple[_Mark, ...]:
    """Return the marks of a method: its own, or else those of the method that it overrides."""
    for base in cls.__mro__:
        if name not in vars(base):
            continue
        attribute = vars(base)[name]
        if attribute is None:
            return ()
        if marks := _own_marks(attribute):
            return marks
        if _own_marks(_covered(attribute)):
            message = (
                f"{base.__qualname__}.{name} is a {type(attribute).__qualname__}, and @handles"
                " marks methods: mark a method that does the same"
            )
            raise TypeError(message)
    return ()


def _own_marks(attribute: Any) -> tuple[_Mark, ...]:
    import inspect  # noqa: PLC0415 - takes milliseconds that `import buswork` spares

    # Statically: a class may have attributes that raise, or load something, when they are asked.
    marks: tuple[_Mark, ...] = inspect.getattr_static(_function(attribute), _MARKS, ())
    return marks


def _function(attribute: Any) -> Any:
    """Return what keeps the marks: of a static or class method, the function in it."""
    if issubclass(type(attribute), (staticmethod, classmethod)):
        return attribute.__func__
    return attribute


def _covered(attribute: Any) -> Any:
    """Return the function in an attribute that is no method, and gives something else."""
    import functools  # noqa: PLC0415 - takes time that `import buswork` spares

    if issubclass(type(attribute), property):
        return attribute.fget
    by_function = (
        functools.cached_property,
        functools.partialmethod,
        functools.singledispatchmethod,
    )
    return attribute.func if issubclass(type(attribute), by_function) else None
