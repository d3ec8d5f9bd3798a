"""Events that nobody is subscribed to: ignored, warned of, or raised."""

from __future__ import annotations

import logging
from abc import ABC

import pytest

from buswork import BusworkError, EventBus, UnhandledEvent


class Placed: ...


class RushPlaced(Placed): ...


class Other: ...


def test_an_unhandled_event_is_ignored_by_default() -> None:
    bus = EventBus()
    bus.publish(Placed())
    assert bus.deliver(Placed()).deliveries == ()


def test_raise_raises_a_lookup_error_that_says_what_to_do() -> None:
    bus = EventBus(unhandled="raise")
    with pytest.raises(
        UnhandledEvent, match=r"nobody handles Placed: subscribe a handler"
    ) as caught:
        bus.publish(Placed())
    assert isinstance(caught.value, BusworkError)
    assert isinstance(caught.value, LookupError)


def test_warn_writes_to_the_log_where_it_was_published(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus(unhandled="warn")
    with caplog.at_level(logging.WARNING, "buswork"):
        bus.publish(Placed())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "nobody handles Placed" in record.getMessage()
    assert "test_unhandled.py:" in record.getMessage()


@pytest.mark.parametrize("state", ["paused", "kept off by a predicate"])
def test_handled_means_that_somebody_is_subscribed(state: str) -> None:
    bus = EventBus(unhandled="raise")
    subscription = bus.subscribe(Placed, print, when=lambda _: False)
    if state == "paused":
        subscription.pause()
    bus.publish(Placed())


def test_a_handler_of_a_base_class_counts() -> None:
    bus = EventBus(unhandled="raise")
    bus.subscribe(object, lambda _: None)
    bus.publish(Placed())


def test_after_the_last_cancel_an_event_is_unhandled_again() -> None:
    bus = EventBus(unhandled="raise")
    subscription = bus.subscribe(Placed, lambda _: None)
    bus.publish(Placed())
    subscription.cancel()
    with pytest.raises(UnhandledEvent):
        bus.publish(Placed())


def test_a_spent_once_is_no_subscription_any_more() -> None:
    bus = EventBus(unhandled="raise")
    bus.subscribe(Placed, lambda _: None, once=True)
    bus.publish(Placed())
    with pytest.raises(UnhandledEvent):
        bus.publish(Placed())


def test_set_unhandled_speaks_for_a_type_and_its_subclasses() -> None:
    bus = EventBus()
    bus.publish(RushPlaced())
    bus.set_unhandled(Placed, "raise")
    for event in (Placed(), RushPlaced()):
        with pytest.raises(UnhandledEvent):
            bus.publish(event)
    bus.publish(Other())


def test_what_was_said_of_the_nearest_class_holds() -> None:
    bus = EventBus(unhandled="raise")
    bus.set_unhandled(object, "raise")
    bus.set_unhandled(RushPlaced, "ignore")
    bus.publish(RushPlaced())
    with pytest.raises(UnhandledEvent):
        bus.publish(Placed())
    bus.set_unhandled(RushPlaced, "raise")
    with pytest.raises(UnhandledEvent):
        bus.publish(RushPlaced())


def test_set_unhandled_takes_unions_and_abcs() -> None:
    class Open(ABC): ...

    Open.register(Other)
    bus = EventBus()
    bus.set_unhandled(Placed | Open, "raise")
    for event in (Placed(), Other()):
        with pytest.raises(UnhandledEvent):
            bus.publish(event)


def test_an_unknown_policy_is_refused() -> None:
    bus = EventBus()
    with pytest.raises(ValueError, match=r'"ignore", "warn" or "raise", got "explode"'):
        bus.set_unhandled(Placed, "explode")  # type: ignore[arg-type]


def test_an_unhandled_nested_event_is_a_failure_of_the_handler_that_published_it() -> None:
    bus = EventBus()
    bus.set_unhandled(Other, "raise")
    bus.subscribe(Placed, lambda _: bus.publish(Other()))
    (delivery,) = bus.deliver(Placed()).deliveries
    assert isinstance(delivery.error, UnhandledEvent)


def test_of_several_abcs_the_nearest_decides_whatever_was_said_first() -> None:
    class Wide(ABC): ...

    class Narrow(Wide): ...

    class Foreign: ...

    Narrow.register(Foreign)
    for order in ([Wide, Narrow], [Narrow, Wide]):
        bus = EventBus()
        for kind in order:
            bus.set_unhandled(kind, "raise" if kind is Wide else "ignore")
        bus.set_unhandled(Wide, "raise")
        bus.publish(Foreign())


def test_a_policy_for_an_abc_notices_who_registers_later() -> None:
    class Event(ABC): ...

    class Foreign: ...

    bus = EventBus()
    bus.set_unhandled(Event, "raise")
    bus.publish(Foreign())
    Event.register(Foreign)
    with pytest.raises(UnhandledEvent):
        bus.publish(Foreign())
