"""`include`: collections without a bus, marked methods, and one handle for all."""

from __future__ import annotations

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


def test_static_and_class_methods_can_be_marked() -> None:
    seen: list[str] = []

    class Plugin:
        @staticmethod
        @handles(Placed)
        def statically(event: Placed) -> None:
            seen.append("static")

        @classmethod
        @handles(Placed)
        def by_class(cls, event: Placed) -> None:
            seen.append("class")

    bus = EventBus()
    bus.include(Plugin())
    bus.publish(Placed())
    assert seen == ["static", "class"]


def test_properties_are_not_asked() -> None:
    class Plugin:
        @property
        def expensive(self) -> object:
            raise AssertionError

        @handles(Placed)
        def handle(self, event: Placed) -> None: ...

    assert len(EventBus().include(Plugin()).subscriptions) == 1


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


def test_wrong_declarations_fail_at_once() -> None:
    with pytest.raises(TypeError, match="no event type given"):
        Handlers().on()
    with pytest.raises(TypeError, match="unknown option 'prio'"):
        handles(Placed, prio=3)
    with pytest.raises(TypeError, match="marks a method"):
        handles(Placed)(3)  # type: ignore[type-var]


def test_reprs_are_short_and_true() -> None:
    handlers = Handlers()
    handlers.on(Placed)(print)
    assert len(handlers) == 1
    assert "1 declaration" in repr(handlers)
    assert "1 subscription" in repr(EventBus().include(handlers))
