"""Routing: by class identity along the MRO, ABCs, protocols, exact, dead classes."""

from __future__ import annotations

import abc
import gc
import weakref
from abc import ABC, abstractmethod
from collections.abc import Sized
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import pytest

from buswork import EventBus, HandlerErrors


class Base: ...


class Left(Base): ...


class Right(Base): ...


class Both(Left, Right): ...


def seen_by(bus: EventBus, event_type: Any, **options: Any) -> list[str]:
    seen: list[str] = []
    bus.subscribe(event_type, lambda event: seen.append(type(event).__name__), **options)
    return seen


def test_a_handler_of_a_base_class_gets_events_of_subclasses() -> None:
    bus = EventBus()
    seen = seen_by(bus, Base)
    for event in (Base(), Left(), Both(), 3):
        bus.publish(event)
    assert seen == ["Base", "Left", "Both"]


def test_a_handler_of_a_subclass_gets_no_events_of_its_base() -> None:
    bus = EventBus()
    seen = seen_by(bus, Left)
    bus.publish(Base())
    bus.publish(Right())
    assert seen == []


def test_object_means_every_event() -> None:
    bus = EventBus()
    seen = seen_by(bus, object)
    for event in (Base(), 3, None, "text", object()):
        bus.publish(event)
    assert len(seen) == 5


def test_order_goes_by_priority_and_subscription_not_by_distance_in_the_mro() -> None:
    bus = EventBus()
    order: list[str] = []
    bus.subscribe(object, lambda _: order.append("object"))
    bus.subscribe(Both, lambda _: order.append("Both"))
    bus.subscribe(Left, lambda _: order.append("Left"), priority=1)
    bus.publish(Both())
    assert order == ["Left", "object", "Both"]


def test_through_a_diamond_each_subscription_runs_once() -> None:
    bus = EventBus()
    seen = seen_by(bus, Left | Right | Base)
    bus.publish(Both())
    assert seen == ["Both"]


def test_exact_takes_no_subclass() -> None:
    bus = EventBus()
    seen = seen_by(bus, Base, exact=True)
    bus.publish(Left())
    bus.publish(Base())
    assert seen == ["Base"]


def test_exact_on_object_takes_bare_objects_only() -> None:
    bus = EventBus()
    seen = seen_by(bus, object, exact=True)
    bus.publish(Base())
    bus.publish(object())
    assert seen == ["object"]


def test_two_classes_of_one_name_are_two_types() -> None:
    def make() -> type:
        class Event: ...

        return Event

    bus = EventBus()
    one, other = make(), make()
    seen = seen_by(bus, one)
    bus.publish(other())
    assert seen == []


def test_a_plan_already_made_learns_of_new_subscriptions_anywhere_in_the_mro() -> None:
    bus = EventBus()
    bus.publish(Both())
    for event_type in (Both, Left, Base, object):
        seen = seen_by(bus, event_type)
        bus.publish(Both())
        assert seen == ["Both"]


class Billable(ABC):
    @abstractmethod
    def bill(self) -> None: ...


class Invoice(Billable):
    def bill(self) -> None: ...


@runtime_checkable
class Shippable(Protocol):
    def ship(self) -> None: ...


class Parcel:
    def ship(self) -> None: ...


def test_an_abc_gets_its_real_subclasses() -> None:
    bus = EventBus()
    seen = seen_by(bus, Billable)
    bus.publish(Invoice())
    bus.publish(Parcel())
    assert seen == ["Invoice"]


def test_an_abc_gets_classes_registered_with_it_even_after_the_fact() -> None:
    class Open(ABC): ...

    class Early: ...

    class Late: ...

    class Child(Late): ...

    Open.register(Early)
    bus = EventBus()
    seen = seen_by(bus, Open)
    for event in (Early(), Late(), Child()):
        bus.publish(event)
    assert seen == ["Early"]
    Open.register(Late)
    bus.publish(Late())
    bus.publish(Child())
    assert seen == ["Early", "Late", "Child"]


def test_registering_with_a_base_of_the_subscribed_abc_does_not_match_it() -> None:
    class Top(ABC): ...

    class Bottom(Top): ...

    class Event: ...

    bus = EventBus()
    top, bottom = seen_by(bus, Top), seen_by(bus, Bottom)
    bus.publish(Event())
    Top.register(Event)
    bus.publish(Event())
    assert (len(top), len(bottom)) == (1, 0)


def test_an_abc_with_a_subclass_hook_decides_itself() -> None:
    bus = EventBus()
    seen = seen_by(bus, Sized)
    bus.publish([])
    bus.publish(3)
    bus.publish("text")
    assert seen == ["list", "str"]


def test_a_runtime_protocol_of_methods_gets_what_has_them() -> None:
    bus = EventBus()
    seen = seen_by(bus, Shippable)
    bus.publish(Parcel())
    bus.publish(Invoice())
    assert seen == ["Parcel"]


def test_an_abc_with_exact_takes_no_virtual_subclass() -> None:
    class Open(ABC): ...

    class Event: ...

    Open.register(Event)
    bus = EventBus()
    seen = seen_by(bus, Open, exact=True)
    bus.publish(Event())
    bus.publish(Open())
    assert len(seen) == 1


def test_a_metaclass_that_decides_who_its_subclasses_are_is_asked() -> None:
    class Meta(type):
        def __subclasscheck__(cls, other: type) -> bool:
            return other.__name__.startswith("Order")

    class Orders(metaclass=Meta): ...

    class OrderPlaced: ...

    bus = EventBus()
    seen = seen_by(bus, Orders)
    bus.publish(OrderPlaced())
    bus.publish(Base())
    assert len(seen) == 1


def test_an_abc_that_raises_when_asked_is_left_out_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Meta(type):
        angry = False

        def __subclasscheck__(cls, other: type) -> bool:
            if Meta.angry:
                raise ZeroDivisionError
            return False

    class Odd(metaclass=Meta): ...

    bus = EventBus()
    seen, others = seen_by(bus, Odd), seen_by(bus, Base)
    Meta.angry = True
    bus.publish(Base())
    assert (len(seen), len(others)) == (0, 1)
    (record,) = caplog.records
    assert "gets no Base" in record.getMessage() and "ZeroDivisionError" in caplog.text


T = TypeVar("T")


def test_generic_classes_are_routed_by_their_class() -> None:
    class Changed(Generic[T]): ...

    bus = EventBus()
    seen = seen_by(bus, Changed)
    bus.publish(Changed[int]())
    assert len(seen) == 1


def test_named_tuples_enums_and_exceptions_are_events_like_any_other() -> None:
    class Moved(NamedTuple):
        x: int

    bus = EventBus()
    seen = seen_by(bus, tuple), seen_by(bus, Exception)
    bus.publish(Moved(1))
    bus.publish(KeyError())
    assert [len(each) for each in seen] == [1, 1]


def test_the_type_itself_counts_not_what_the_class_attribute_says() -> None:
    class Liar:
        @property
        def __class__(self) -> type:  # type: ignore[override]
            return int

    bus = EventBus()
    numbers, liars = seen_by(bus, int), seen_by(bus, Liar)
    bus.publish(Liar())
    assert (len(numbers), len(liars)) == (0, 1)


def test_a_dead_class_takes_its_plan_along_and_its_successor_never_gets_it() -> None:
    bus = EventBus()
    ran: list[object] = []
    for number in range(2000):
        event_type = type("Event", (), {})
        if number % 2:
            bus.subscribe(event_type, ran.append, once=True)
        bus.publish(event_type())
        assert len(ran) == (number % 2)
        ran.clear()
        watched = weakref.ref(event_type)
        del event_type
        gc.collect(0)
    gc.collect()
    assert watched() is None


def test_a_bus_keeps_no_class_alive_that_was_only_published() -> None:
    bus = EventBus()
    bus.subscribe(object, lambda _: None)
    event_type = type("Event", (), {})
    bus.publish(event_type())
    bus.handlers(event_type)
    bus.explain(event_type)
    watched = weakref.ref(event_type)
    del event_type
    gc.collect()
    assert watched() is None


def test_a_subscription_to_a_class_keeps_it_until_cancelled() -> None:
    bus = EventBus()
    event_type = type("Event", (), {})
    subscription = bus.subscribe(event_type, lambda _: None)
    watched = weakref.ref(event_type)
    del event_type
    gc.collect()
    assert watched() is not None
    subscription.cancel()
    del subscription
    gc.collect()
    assert watched() is None


def test_changing_the_bases_of_a_class_is_noticed_after_the_next_change_of_subscriptions() -> None:
    class One: ...

    class Two: ...

    class Event(One): ...

    bus = EventBus()
    two = seen_by(bus, Two)
    bus.publish(Event())
    Event.__bases__ = (Two,)
    bus.subscribe(Event, lambda _: None)
    bus.publish(Event())
    assert len(two) == 1


def test_a_failure_in_a_base_handler_names_the_class_of_the_event() -> None:
    bus = EventBus()

    def fail(_event: Base) -> None:
        raise ValueError

    bus.subscribe(Base, fail)
    with pytest.raises(HandlerErrors, match="Both"):
        bus.publish(Both())


def test_many_concrete_event_classes_below_one_abc_ask_nobody() -> None:
    class Event(ABC):
        asked = 0

        @classmethod
        def count(cls) -> None:
            cls.asked += 1

    bus = EventBus()
    kinds = [type(f"Event{number}", (Event,), {}) for number in range(200)]
    seen = [seen_by(bus, kind) for kind in kinds]
    everything = seen_by(bus, Event)
    for kind in kinds:
        bus.publish(kind())
    assert [len(each) for each in seen] == [1] * len(kinds)
    assert len(everything) == len(kinds)
    # Nobody was asked, so the caches of the ABCs are as empty as they were.
    dumps = [abc._get_dump(kind) for kind in kinds]
    assert all(not cache and not negative for _, cache, negative, _ in dumps)


@pytest.mark.parametrize("through", ["itself", "a subclass"])
def test_a_class_registered_later_with_an_abc_is_noticed_at_once(through: str) -> None:
    class Event(ABC): ...

    class Special(Event): ...

    class Foreign: ...

    bus = EventBus()
    seen, others = seen_by(bus, Event), seen_by(bus, Base)
    bus.publish(Foreign())
    bus.publish(Base())
    (Event if through == "itself" else Special).register(Foreign)
    bus.publish(Foreign())
    bus.publish(Base())
    assert (len(seen), len(others)) == (1, 2)


def test_a_dead_class_whose_bus_came_back_to_life_leaves_its_plan_to_nobody() -> None:
    saved: list[EventBus] = []
    got: list[str] = []

    class Keeper:
        def __init__(self, bus: EventBus, kind: type) -> None:
            self.bus, self.kind, self.me = bus, kind, self

        def __del__(self) -> None:
            saved.append(self.bus)

    def scene() -> None:
        class Root: ...

        bus = EventBus()
        kind = type("D", (Root,), {})
        bus.subscribe(Root, lambda event: got.append(type(event).__name__))
        bus.publish(kind())
        bus.me = bus  # type: ignore[attr-defined]
        Keeper(bus, kind)

    scene()
    gc.collect()
    (bus,) = saved
    got.clear()
    for number in range(2_000):
        bus.publish(type(f"New{number}", (), {})())
    assert got == []
