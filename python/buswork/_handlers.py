"""Handlers declared without a bus, in modules and classes, and how a bus takes them in."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Self, TypeVar

    from buswork._buswork import EventBus, Subscription

    _Handler = TypeVar("_Handler", bound=Callable[..., object])

#: Where a method keeps its marks.
_MARKS = "__buswork_handles__"


class _Mark:
    """One wish to be subscribed: to which types, with which options."""

    __slots__ = ("event_types", "options")

    def __init__(self, event_types: tuple[Any, ...], options: dict[str, Any]) -> None:
        self.event_types = event_types
        self.options = options


class Handlers:
    """A collection of handlers without a bus: a module declares, the composition root wires."""

    def __init__(self) -> None:
        self._declared: list[tuple[_Mark, Callable[..., object]]] = []

    def on(self, *event_types: Any, **options: Any) -> Callable[[_Handler], _Handler]:
        """Declare a handler, with the types and options of `EventBus.on`."""
        mark = _mark(event_types, options)

        def declare(handler: _Handler) -> _Handler:
            self._declared.append((mark, handler))
            return handler

        return declare

    def __len__(self) -> int:
        """Count the declarations."""
        return len(self._declared)

    def __repr__(self) -> str:
        """Say how many declarations there are."""
        return f"<Handlers with {len(self)} declarations>"

    def wishes(self) -> Iterator[tuple[_Mark, Callable[..., object]]]:
        """Yield the declarations, for `EventBus.include`."""
        yield from self._declared


def handles(*event_types: Any, **options: Any) -> Callable[[_Handler], _Handler]:
    """Mark a method as a handler, for `EventBus.include` of an instance of its class."""
    mark = _mark(event_types, options)

    def attach(method: _Handler) -> _Handler:
        if not callable(method) or isinstance(method, type):
            message = f"@handles marks a method, not {type(method).__qualname__}"
            raise TypeError(message)
        setattr(method, _MARKS, (*getattr(method, _MARKS, ()), mark))
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
    wishes = list(source.wishes() if isinstance(source, Handlers) else _marked(source))
    subscriptions: list[Subscription] = []
    try:
        for mark, handler in wishes:
            decorator = bus.on(*mark.event_types, **mark.options)
            subscriptions.append(decorator.subscribe(handler))
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
    return SubscriptionGroup(tuple(subscriptions))


_OPTIONS = frozenset({"name", "priority", "when", "once", "weak", "exact", "on_error"})


def _mark(event_types: tuple[Any, ...], options: dict[str, Any]) -> _Mark:
    if unknown := options.keys() - _OPTIONS:
        message = f"unknown option {min(unknown)!r}: the options are {', '.join(sorted(_OPTIONS))}"
        raise TypeError(message)
    if not event_types:
        message = "no event type given: name the class of the events, as in on(OrderPlaced)"
        raise TypeError(message)
    return _Mark(event_types, options)


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
    return {name: None for base in reversed(cls.__mro__) for name in vars(base)}


def _marks(cls: type, name: str) -> tuple[_Mark, ...]:
    """Return the marks of a method: its own, or else those of the method that it overrides."""
    for base in cls.__mro__:
        if name not in vars(base):
            continue
        method = vars(base)[name]
        function = getattr(method, "__func__", method)
        if marks := getattr(function, "__dict__", {}).get(_MARKS):
            return tuple(marks)
    return ()
