"""Handlers declared without a bus, in modules and classes, and how a bus takes them in."""

from collections.abc import Callable
from types import TracebackType
from typing import (
    Any,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
    type_check_only,
)

# For type checkers only, which bring their own copy: the package does not need it to run.
from typing_extensions import TypeForm

from buswork._buswork import EventBus, Policy, Subscription, _Handler, _OnError, _Publishes

__all__ = ["Handlers", "SubscriptionGroup", "handles", "include"]

_Event = TypeVar("_Event")
_Event1 = TypeVar("_Event1")
_Event2 = TypeVar("_Event2")
_Event3 = TypeVar("_Event3")
_Event4 = TypeVar("_Event4")
_Result = TypeVar("_Result")
_Result_co = TypeVar("_Result_co", covariant=True)
_Parameters = ParamSpec("_Parameters")

@type_check_only
class _Options(TypedDict, Generic[_Event], total=False):
    """The options of `EventBus.on`."""

    name: str | None
    priority: int
    when: Callable[[_Event], object] | None
    once: bool
    weak: bool
    exact: bool
    on_error: _OnError | None
    policy: Policy | None
    background: bool
    publishes: _Publishes | None

@type_check_only
class _Declare(Protocol[_Event]):
    """What `Handlers.on` returns: declares a handler, and returns it unchanged."""

    def __call__(
        self, handler: _Handler[_Event, _Parameters, _Result], /
    ) -> Callable[_Parameters, _Result]: ...

@type_check_only
class _Method(Protocol[_Event, _Parameters, _Result_co]):  # type: ignore[misc] # pyright: ignore[reportInvalidTypeVarUse]
    """A function in a class that takes its object and an event; an intersection like `_Handler`."""

    @overload
    def __call__(self, owner: Any, event: _Event, /) -> object: ...
    @overload
    def __call__(self, *args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result_co: ...

@type_check_only
class _Handles(Protocol[_Event]):
    """What `handles` returns: marks a method, and returns it unchanged.

    A static method is seen as the function in it, wherever `@staticmethod` stands.
    """

    @overload
    def __call__(
        self, method: _Handler[_Event, _Parameters, _Result], /
    ) -> Callable[_Parameters, _Result]: ...
    @overload
    def __call__(
        self, method: _Method[_Event, _Parameters, _Result], /
    ) -> Callable[_Parameters, _Result]: ...

class Handlers:
    """A collection of handlers without a bus: a module declares, the composition root wires.

    One collection can be included in several buses. It keeps its handlers alive. Declarations
    that come after an `EventBus.include` are not in it.

    Examples
    --------
    >>> from buswork import EventBus, Handlers
    >>> handlers = Handlers()
    >>> @handlers.on(int)
    ... def show(number: int) -> None:
    ...     print("got", number)
    >>> bus = EventBus()
    >>> group = bus.include(handlers)
    >>> bus.publish(3)
    got 3
    >>> group.cancel()
    """

    def __init__(self) -> None: ...
    @overload
    def on(
        self,
        event_type: str,
        /,
        *event_types: TypeForm[Any] | str,
        **options: Unpack[_Options[Any]],
    ) -> _Declare[Any]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[Any],
        event_type_2: str,
        /,
        *event_types: TypeForm[Any] | str,
        **options: Unpack[_Options[Any]],
    ) -> _Declare[Any]: ...
    @overload
    def on(
        self, event_type: TypeForm[_Event], /, **options: Unpack[_Options[_Event]]
    ) -> _Declare[_Event]:
        """Declare the decorated function as a handler, and return it unchanged.

        Parameters
        ----------
        *event_types
            One or several types, or patterns of topics, as for `EventBus.on`.
        **options
            The options of `EventBus.subscribe`: `name`, `priority`, `when`, `once`, `weak`,
            `exact`, `on_error`, `policy`, `background`, `publishes`.

        Raises
        ------
        TypeError, ValueError
            When a bus would refuse the types or the options. What is wrong with the handler is
            raised when it is decorated, as by `EventBus.subscribe`; but a coroutine function can
            be declared, and is refused when an `EventBus` includes it.

        Examples
        --------
        >>> from buswork import Handlers
        >>> handlers = Handlers()
        >>> @handlers.on(int, float, priority=10, when=lambda number: number > 10)
        ... def show(number: int | float) -> None:
        ...     print("got", number)
        >>> len(handlers)
        1
        """
    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        /,
        **options: Unpack[_Options[_Event1 | _Event2]],
    ) -> _Declare[_Event1 | _Event2]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        event_type_3: TypeForm[_Event3],
        /,
        **options: Unpack[_Options[_Event1 | _Event2 | _Event3]],
    ) -> _Declare[_Event1 | _Event2 | _Event3]: ...
    @overload
    def on(
        self,
        event_type_1: TypeForm[_Event1],
        event_type_2: TypeForm[_Event2],
        event_type_3: TypeForm[_Event3],
        event_type_4: TypeForm[_Event4],
        /,
        **options: Unpack[_Options[_Event1 | _Event2 | _Event3 | _Event4]],
    ) -> _Declare[_Event1 | _Event2 | _Event3 | _Event4]: ...
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
        **options: Unpack[_Options[Any]],
    ) -> _Declare[Any]: ...
    def __len__(self) -> int:
        """Count the declarations."""

@overload
def handles(
    event_type: str, /, *event_types: TypeForm[Any] | str, **options: Unpack[_Options[Any]]
) -> _Handles[Any]: ...
@overload
def handles(
    event_type_1: TypeForm[Any],
    event_type_2: str,
    /,
    *event_types: TypeForm[Any] | str,
    **options: Unpack[_Options[Any]],
) -> _Handles[Any]: ...
@overload
def handles(
    event_type: TypeForm[_Event], /, **options: Unpack[_Options[_Event]]
) -> _Handles[_Event]:
    """Mark a method as a handler, for `EventBus.include` of an instance of its class.

    A method that overrides a marked one keeps the mark, unless it has marks of its own. A subclass
    switches an inherited mark off with `name = None`. Marks add up, and `@staticmethod` and
    `@classmethod` may stand above or below them.

    Parameters
    ----------
    *event_types
        One or several types, as for `EventBus.on`.
    **options
        The options of `EventBus.subscribe`: `name`, `priority`, `when`, `once`, `weak`, `exact`,
        `on_error`, `policy`, `background`, `publishes`.

    Raises
    ------
    TypeError, ValueError
        When a bus would refuse the types or the options; when what is marked is no method (a
        property, a `functools.partialmethod`), or takes something else than its object and the
        event. A coroutine function can be marked, and is refused when an `EventBus` includes it.

    Notes
    -----
    A checker sees a function that is yet to be made a static method, and a method, so a function
    that takes the event alone is right to it as well. Without `@staticmethod`, `EventBus.include`
    refuses it.

    Examples
    --------
    >>> from buswork import EventBus, handles
    >>> class Stock:
    ...     def __init__(self, number: int) -> None:
    ...         self.number = number
    ...     @handles(int, priority=10)
    ...     def reserve(self, number: int) -> None:
    ...         self.number -= number
    >>> bus, stock = EventBus(), Stock(10)
    >>> group = bus.include(stock)
    >>> bus.publish(3)
    >>> stock.number
    7
    """

@overload
def handles(
    event_type_1: TypeForm[_Event1],
    event_type_2: TypeForm[_Event2],
    /,
    **options: Unpack[_Options[_Event1 | _Event2]],
) -> _Handles[_Event1 | _Event2]: ...
@overload
def handles(
    event_type_1: TypeForm[_Event1],
    event_type_2: TypeForm[_Event2],
    event_type_3: TypeForm[_Event3],
    /,
    **options: Unpack[_Options[_Event1 | _Event2 | _Event3]],
) -> _Handles[_Event1 | _Event2 | _Event3]: ...
@overload
def handles(
    event_type_1: TypeForm[_Event1],
    event_type_2: TypeForm[_Event2],
    event_type_3: TypeForm[_Event3],
    event_type_4: TypeForm[_Event4],
    /,
    **options: Unpack[_Options[_Event1 | _Event2 | _Event3 | _Event4]],
) -> _Handles[_Event1 | _Event2 | _Event3 | _Event4]: ...
@overload
def handles(
    event_type_1: TypeForm[Any],
    event_type_2: TypeForm[Any],
    event_type_3: TypeForm[Any],
    event_type_4: TypeForm[Any],
    event_type_5: TypeForm[Any],
    /,
    *event_types: TypeForm[Any],
    **options: Unpack[_Options[Any]],
) -> _Handles[Any]: ...

class SubscriptionGroup:
    """The subscriptions of one `EventBus.include`, as one handle: a plugin unloads in one call.

    It is a context manager that cancels on exit. Dropping it does nothing.

    Examples
    --------
    >>> from buswork import EventBus, Handlers
    >>> handlers = Handlers()
    >>> _ = handlers.on(int)(print)
    >>> bus = EventBus()
    >>> with bus.include(handlers) as group:
    ...     bus.publish(1)
    1
    >>> group.active
    False
    >>> bus.publish(2)
    """

    def __init__(self, subscriptions: tuple[Subscription, ...]) -> None: ...
    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """The single handles, in order of declaration."""

    @property
    def active(self) -> bool:
        """Whether any of them is active."""

    def cancel(self) -> None:
        """Cancel them all. Doing it twice does no harm."""

    def pause(self) -> None:
        """Pause them all."""

    def resume(self) -> None:
        """Resume them all."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

def include(bus: EventBus, source: object) -> SubscriptionGroup:
    """Subscribe all that `source` declares, or nothing. What `EventBus.include` does."""
