"""`handlers`, `explain`, and reprs: short and true."""

from __future__ import annotations

from abc import ABC

import pytest

from buswork import EventBus, Subscription


class Placed: ...


class RushPlaced(Placed): ...


class Other: ...


def handle(event: Placed) -> None: ...


def test_handlers_lists_subscriptions_in_call_order_with_file_and_line() -> None:
    bus = EventBus()
    bus.subscribe(object, print, name="audit")
    bus.subscribe(Placed, handle, name="first", priority=2)
    found = bus.handlers(RushPlaced)
    assert all(isinstance(each, Subscription) for each in found)
    assert [each.name for each in found] == ["first", "audit"]
    assert found[0].location == f"{__file__}:{handle.__code__.co_firstlineno}"
    assert found[1].location is None


def test_handlers_knows_methods_partials_and_callable_objects_by_their_place() -> None:
    import functools

    class Owner:
        def handle(self, event: object) -> None: ...

        def __call__(self, event: object) -> None: ...

    bus = EventBus()
    method = bus.subscribe(Placed, Owner().handle)
    partial = bus.subscribe(Placed, functools.partial(handle))
    instance = bus.subscribe(Placed, Owner())
    lines = [
        each.location and int(each.location.rpartition(":")[2]) for each in bus.handlers(Placed)
    ]
    assert lines == [
        Owner.handle.__code__.co_firstlineno,
        handle.__code__.co_firstlineno,
        Owner.__call__.__code__.co_firstlineno,
    ]
    assert method.name.endswith("Owner.handle")
    assert instance.name.endswith("Owner")
    assert partial.name.endswith(":handle")


def test_handlers_of_a_union_lists_each_once() -> None:
    bus = EventBus()
    bus.on(Placed, Other)(handle)
    bus.subscribe(Other, print, name="print", priority=1)
    assert [each.name for each in bus.handlers(Placed | Other)] == [
        "print",
        f"{__name__}:handle",
    ]


def test_a_listed_handle_is_as_good_as_the_first_one() -> None:
    bus = EventBus()
    given = bus.subscribe(Placed, handle)
    (listed,) = bus.handlers(Placed)
    listed.pause()
    assert not given.active
    listed.cancel()
    assert given.handler is None


def test_handlers_has_paused_ones_and_no_ended_ones() -> None:
    bus = EventBus()
    bus.subscribe(Placed, handle).pause()
    bus.subscribe(Placed, print).cancel()
    assert len(bus.handlers(Placed)) == 1


def test_explain_says_why_each_runs_or_not() -> None:
    class Open(ABC): ...

    Open.register(RushPlaced)
    bus = EventBus()
    bus.subscribe(RushPlaced, print, name="own", priority=5)
    bus.subscribe(Placed, handle, name="base")
    bus.subscribe(Open, print, name="virtual", once=True)
    bus.subscribe(Placed, print, name="exact", exact=True)
    bus.subscribe(RushPlaced, repr, name="paused").pause()
    bus.subscribe(RushPlaced, str, name="picky", when=lambda _: False)
    bus.subscribe(Other, print, name="stranger")
    lines = bus.explain(RushPlaced).splitlines()
    place = f"{__file__}:{handle.__code__.co_firstlineno}"
    assert lines == [
        "RushPlaced: 5 handlers, in this order",
        "  1. own: runs, subscribed to exactly this type, priority 5",
        f"  2. base ({place}): runs, subscribed to its base class Placed",
        f"  3. virtual: runs, subscribed to {Open.__qualname__}, of which it is a virtual subclass, once",
        "  4. paused: does not run, it is paused; subscribed to exactly this type",
        "  5. picky: runs, subscribed to exactly this type, if its predicate says yes",
        "  - exact: does not run, it takes exactly Placed (exact=True)",
        "  1 other subscription is to types that RushPlaced is not",
    ]


def test_explain_shows_near_misses_and_what_happens_to_unhandled_events() -> None:
    bus = EventBus(unhandled="raise")
    bus.subscribe(RushPlaced, print, name="rush")
    text = bus.explain(Placed)
    assert "Placed: no handler" in text
    assert "rush: does not run, it takes only the subclass RushPlaced" in text
    assert "UnhandledEvent" in text


def test_explain_calls_nobody() -> None:
    def never(_event: object) -> bool:
        raise AssertionError

    bus = EventBus()
    bus.subscribe(Placed, never, when=never, once=True)
    bus.explain(Placed)
    assert bus.handlers(Placed)[0].active


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "<EventBus with 0 subscriptions>"),
        (1, "<EventBus with 1 subscription>"),
        (2, "<EventBus with 2 subscriptions>"),
    ],
)
def test_the_repr_of_a_bus_counts_its_subscriptions(count: int, text: str) -> None:
    bus = EventBus()
    for _ in range(count):
        bus.subscribe(Placed, lambda event: None)
    assert repr(bus) == text


def test_the_repr_of_a_subscription_names_handler_types_place_and_state() -> None:
    bus = EventBus()
    subscription = bus.on(Placed, Other, name="fraud").subscribe(handle)
    place = f"{__file__}:{handle.__code__.co_firstlineno}"
    assert repr(subscription) == f"<Subscription fraud on Placed | Other at {place}>"
    subscription.pause()
    assert repr(subscription) == f"<Subscription fraud on Placed | Other at {place}, paused>"
    subscription.cancel()
    assert repr(subscription) == f"<Subscription fraud on Placed | Other at {place}, ended>"
