"""`include`: collections without a bus, marked methods, and one handle for all."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import pytest

from buswork import EventBus, Handlers, SubscriptionGroup, handles


class Placed: ...


class Cancelled: ...


class Stock:
    def __init__(self) -> None:
        self.seen: list[str] = []

    @handles(Placed, priority=5)
    def reserve(self, event: Placed) -> None:
        self.seen.append("reserve")

    @handles(Cancelled)
    @handles(Placed)
    def count(self, event: object) -> None:
        self.seen.append("count")

    def unmarked(self, event: Placed) -> None:
        self.seen.append("unmarked")


def test_a_collection_declares_and_a_bus_subscribes() -> None:
    handlers = Handlers()
    seen: list[object] = []

    @handlers.on(Placed, priority=1)
    def first(event: Placed) -> None:
        seen.append("first")

    handlers.on(Placed, Cancelled, priority=2)(seen.append)
    assert seen == []
    one, other = EventBus(), EventBus()
    group = one.include(handlers)
    other.include(handlers)
    assert isinstance(group, SubscriptionGroup)
    event = Placed()
    one.publish(event)
    other.publish(event)
    assert seen == [event, "first", event, "first"]


def test_the_decorator_of_a_collection_returns_the_function_unchanged() -> None:
    def handle(event: Placed) -> None: ...

    assert Handlers().on(Placed)(handle) is handle


def test_marked_methods_of_an_object_are_subscribed() -> None:
    bus = EventBus()
    stock = Stock()
    group = bus.include(stock)
    assert len(group.subscriptions) == 3
    bus.publish(Placed())
    assert stock.seen == ["reserve", "count"]
    bus.publish(Cancelled())
    assert stock.seen == ["reserve", "count", "count"]


def test_a_marked_method_stays_an_ordinary_method() -> None:
    stock = Stock()
    stock.reserve(Placed())
    assert stock.seen == ["reserve"]


def test_one_call_unloads_a_plugin() -> None:
    bus = EventBus()
    stock = Stock()
    group = bus.include(stock)
    group.pause()
    assert not group.active
    bus.publish(Placed())
    group.resume()
    assert group.active
    bus.publish(Placed())
    group.cancel()
    group.cancel()
    bus.publish(Placed())
    assert stock.seen == ["reserve", "count"]
    assert not group.active
    assert bus.handlers(Placed) == []


def test_a_group_is_a_context_manager() -> None:
    bus = EventBus()
    with bus.include(Stock()) as group:
        assert group.active
    assert not group.active


def test_an_override_keeps_the_mark_of_its_base() -> None:
    class QuietStock(Stock):
        def reserve(self, event: Placed) -> None:
            self.seen.append("quietly")

    bus = EventBus()
    stock = QuietStock()
    bus.include(stock)
    bus.publish(Placed())
    assert stock.seen == ["quietly", "count"]


def test_an_override_with_a_mark_of_its_own_has_that_one_alone() -> None:
    class OtherStock(Stock):
        @handles(Cancelled)
        def reserve(self, event: Any) -> None:
            self.seen.append("other")

    bus = EventBus()
    stock = OtherStock()
    bus.include(stock)
    bus.publish(Placed())
    assert stock.seen == ["count"]


def test_marking_a_subclass_does_not_mark_its_base() -> None:
    class Base:
        def handle(self, event: Placed) -> None: ...

    class Child(Base):
        handle = handles(Placed)(lambda self, event: None)

    with pytest.raises(TypeError, match="nothing to include"):
        EventBus().include(Base())
    assert len(EventBus().include(Child()).subscriptions) == 1


def test_a_subclass_switches_an_inherited_mark_off() -> None:
    class NoReserve(Stock):
        reserve = None  # type: ignore[assignment]

    class AnyReserve(NoReserve):
        def reserve(self, event: Placed) -> None:  # type: ignore[assignment]
            self.seen.append("unmarked again")

    for kind in (NoReserve, AnyReserve):
        stock = kind()
        bus = EventBus()
        bus.include(stock)
        bus.publish(Placed())
        assert stock.seen == ["count"]


def test_static_and_class_methods_can_be_marked_in_either_order() -> None:
    seen: list[str] = []

    class Plugin:
        @staticmethod
        @handles(Placed)
        def static_above(event: Placed) -> None:
            seen.append("static above")

        @handles(Placed)
        @staticmethod
        def static_below(event: Placed) -> None:
            seen.append("static below")

        @classmethod
        @handles(Placed)
        def class_above(cls, event: Placed) -> None:
            seen.append(f"{cls.__name__} above")

        @handles(Placed)
        @classmethod
        def class_below(cls, event: Placed) -> None:
            seen.append(f"{cls.__name__} below")

    bus = EventBus()
    bus.include(Plugin())
    bus.publish(Placed())
    assert seen == ["static above", "static below", "Plugin above", "Plugin below"]
    Plugin.static_below(Placed())
    Plugin.class_below(Placed())
    assert seen[4:] == ["static below", "Plugin below"]


def test_marks_above_and_below_a_static_method_add_up() -> None:
    class Plugin:
        @handles(Placed)
        @staticmethod
        @handles(Cancelled)
        def handle(event: object) -> None: ...

    group = EventBus().include(Plugin())
    assert {each.event_types for each in group.subscriptions} == {(Placed,), (Cancelled,)}


def test_a_mark_shows_through_a_decorator_that_wraps() -> None:
    def loudly(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def wrapper(*arguments: object) -> None:
            method(*arguments)

        return wrapper

    class Plugin:
        @loudly
        @handles(Placed)
        def handle(self, event: Placed) -> None: ...

    assert len(EventBus().include(Plugin()).subscriptions) == 1


COVERS: list[Any] = [
    property,
    functools.cached_property,
    functools.partialmethod,
    functools.singledispatchmethod,
]


@pytest.mark.parametrize("cover", COVERS)
def test_a_mark_above_what_is_no_method_is_refused(cover: Any) -> None:
    def method(self: object, event: Placed) -> None: ...

    with pytest.raises(TypeError, match=f"marks a method, not {cover.__name__}"):
        handles(Placed)(cover(method))


@pytest.mark.parametrize("cover", COVERS)
def test_a_mark_below_what_is_no_method_is_refused_and_not_lost(cover: Any) -> None:
    @handles(Placed)
    def method(self: object, event: Placed) -> None: ...

    class Plugin(Stock):
        covered = cover(method)

    bus = EventBus()
    with pytest.raises(TypeError, match=rf"Plugin\.covered is a {cover.__name__}, and @handles"):
        bus.include(Plugin())
    assert bus.handlers(Placed) == []


def test_properties_are_not_asked() -> None:
    class Plugin:
        @property
        def expensive(self) -> object:
            raise AssertionError

        @handles(Placed)
        def handle(self, event: Placed) -> None: ...

    assert len(EventBus().include(Plugin()).subscriptions) == 1


class Lazy:
    """An object that must not be touched before its time."""

    def __getattribute__(self, name: str) -> Any:
        raise SystemExit

    def __call__(self, *arguments: object) -> object:
        raise SystemExit


class LazyWithoutDictionary:
    __slots__ = ()

    @property
    def __class__(self) -> Any:
        raise SystemExit

    def __getattr__(self, name: str) -> Any:
        raise SystemExit

    __call__ = Lazy.__call__


def test_foreign_attributes_of_the_class_are_left_alone() -> None:
    class Plugin(Stock):
        before = Lazy()
        request = LazyWithoutDictionary()

    assert len(EventBus().include(Plugin()).subscriptions) == 3


def test_a_bus_may_have_an_on_and_a_subscribe_of_its_own() -> None:
    class ShopBus(EventBus):
        def on(self, *event_types: Any, **options: Any) -> Any:  # type: ignore[override]
            decorator = super().on(*event_types, **options)
            return lambda handler: decorator(handler)

        def subscribe(self, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]
            raise AssertionError

    bus = ShopBus()
    stock = Stock()
    group = bus.include(stock)
    bus.publish(Placed())
    assert stock.seen == ["reserve", "count"]
    group.cancel()
    assert bus.handlers(Placed) == []


def test_include_is_all_or_nothing() -> None:
    handlers = Handlers()
    handlers.on(Placed, name="same")(lambda event: None)
    handlers.on(Placed, name="same")(lambda event: None)
    bus = EventBus()
    with pytest.raises(ValueError, match="same"):
        bus.include(handlers)
    assert bus.handlers(Placed) == []
    bus.subscribe(Placed, print, name="same")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Stock, r"not the class Stock: give an instance, include\(Stock\(\.\.\.\)\)"),
        (object(), r"nothing to include: object is no Handlers"),
        (3, r"nothing to include: int"),
        (None, r"nothing to include: NoneType"),
    ],
)
def test_what_declares_nothing_is_refused(source: object, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        EventBus().include(source)


def test_an_empty_collection_is_included_as_nothing() -> None:
    assert EventBus().include(Handlers()).subscriptions == ()


# Wrong declarations fail at once, with the words of the bus.

DECLARE: list[Callable[..., Any]] = [Handlers().on, handles]


def error_of(act: Callable[[], object]) -> tuple[type[Exception], str]:
    with pytest.raises((TypeError, ValueError)) as caught:
        act()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("declare", DECLARE)
@pytest.mark.parametrize(
    ("event_types", "options"),
    [
        ((), {}),
        ((3,), {}),
        ((None,), {}),
        ((Placed, Placed()), {}),
        ((list[int],), {}),
        ((Any,), {}),
        ((Placed,), {"prio": 3}),
        ((Placed,), {"name": 3}),
        ((Placed,), {"priority": "high"}),
        ((Placed,), {"once": "yes"}),
    ],
)
def test_a_wrong_type_or_option_is_refused_as_by_the_bus(
    declare: Callable[..., Any], event_types: tuple[Any, ...], options: dict[str, Any]
) -> None:
    said = error_of(lambda: declare(*event_types, **options))
    assert said == error_of(lambda: EventBus().on(*event_types, **options))


@pytest.mark.parametrize("declare", DECLARE)
@pytest.mark.parametrize(
    "options",
    [
        {"when": 3},
        {"when": lambda: True},
        {"on_error": 3},
        {"on_error": "explode"},
        {"on_error": lambda: None},
    ],
)
def test_a_wrong_predicate_or_policy_is_refused_before_there_is_a_handler(
    declare: Callable[..., Any], options: dict[str, Any]
) -> None:
    said = error_of(lambda: declare(Placed, **options))
    assert said == error_of(lambda: EventBus().subscribe(Placed, print, **options))


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (Handlers().on, r"on needs the event type in brackets: @handlers\.on\(OrderPlaced\)"),
        (handles, r"handles needs the event type in brackets: @handles\(OrderPlaced\)"),
    ],
)
@pytest.mark.parametrize("kind", [lambda function: function, staticmethod, classmethod])
def test_forgotten_brackets_are_refused(
    declare: Callable[..., Any], words: str, kind: Callable[..., Any]
) -> None:
    with pytest.raises(TypeError, match=words):

        @declare
        @kind
        def handle(event: Placed) -> None: ...

    with pytest.raises(TypeError, match=words):
        declare(Placed, kind(print_event))


def print_event(event: object) -> None: ...


def generate(event: object) -> Any:
    yield event


class Abstract:
    def handle(self, event: Placed) -> None: ...


@pytest.mark.parametrize(
    ("handler", "options"),
    [
        (42, {}),
        (None, {}),
        (lambda: None, {}),
        (lambda event, more: None, {}),
        (Abstract.handle, {}),
        (generate, {}),
        (functools.partial(print_event, Placed()), {}),
        (lambda event: None, {"weak": True}),
    ],
)
def test_a_wrong_handler_is_refused_when_it_is_declared(
    handler: Any, options: dict[str, Any]
) -> None:
    handlers = Handlers()
    said = error_of(lambda: handlers.on(Placed, **options)(handler))
    assert said == error_of(lambda: EventBus().subscribe(Placed, handler, **options))
    assert len(handlers) == 0


def test_nonsense_is_refused_whatever_it_is_taken_for() -> None:
    with pytest.raises(TypeError):
        Handlers().on("nonsense")(42)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        handles("nonsense")(42)  # type: ignore[call-overload]


async def later(event: object) -> bool:
    return True


async def never() -> None: ...


async def generate_later(event: object) -> Any:
    yield event


@types.coroutine
def in_the_old_way(event: object) -> Any:
    yield


class Later:
    async def __call__(self, event: object) -> None: ...
    async def handle(self, event: object) -> None: ...


@pytest.mark.parametrize(
    "handler", [later, in_the_old_way, Later(), Later().handle, functools.partial(later)]
)
def test_a_coroutine_function_is_declared_and_refused_by_the_bus_that_awaits_nothing(
    handler: Any,
) -> None:
    handlers = Handlers()
    assert handlers.on(Placed)(handler) is handler
    with pytest.raises(TypeError, match="AsyncEventBus"):
        EventBus().include(handlers)


@pytest.mark.parametrize("options", [{"when": later}, {"on_error": later}])
def test_a_coroutine_function_as_an_option_is_left_to_the_bus(options: dict[str, Any]) -> None:
    handlers = Handlers()
    handlers.on(Placed, **options)(later)
    with pytest.raises(TypeError, match="AsyncEventBus"):
        EventBus().include(handlers)


@pytest.mark.parametrize("handler", [never, generate_later])
def test_a_coroutine_function_that_no_bus_can_run_is_refused(handler: Any) -> None:
    with pytest.raises(TypeError, match="with one argument|is a generator function"):
        Handlers().on(Placed)(handler)


def test_a_coroutine_method_can_be_marked() -> None:
    class Plugin:
        @handles(Placed)
        async def handle(self, event: Placed) -> None: ...

    with pytest.raises(TypeError, match="AsyncEventBus"):
        EventBus().include(Plugin())


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (3, r"marks a method, not int"),
        (None, r"marks a method, not NoneType"),
        (Stock, r"marks a method, not type"),
        (Stock().unmarked, r"marks a method, not method"),
        (print, r"marks a method, not builtin_function_or_method"),
        (lambda: None, r"cannot be called with one argument"),
        (lambda self, event, more: None, r"cannot be called with one argument"),
        (staticmethod(lambda self, event: None), r"cannot be called with one argument"),
        (classmethod(lambda event: None), r"cannot be called with one argument"),
        (generate, r"is a generator function"),
    ],
)
def test_what_is_no_method_for_an_event_cannot_be_marked(method: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        handles(Placed)(method)


def test_reprs_are_short_and_true() -> None:
    handlers = Handlers()
    handlers.on(Placed)(print)
    assert len(handlers) == 1
    assert "1 declaration" in repr(handlers)
    assert "1 subscription" in repr(EventBus().include(handlers))
