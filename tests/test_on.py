"""`on`: a decorator that subscribes and returns the function unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from buswork import EventBus, HandlerErrors


class Placed: ...


class Cancelled: ...


def test_the_function_stays_what_it_is() -> None:
    bus = EventBus()

    def handle(event: Placed) -> int:
        return 3

    assert bus.on(Placed)(handle) is handle


def test_it_takes_several_types() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.on(Placed, Cancelled)(seen.append)
    for event in (Placed(), Cancelled(), 3):
        bus.publish(event)
    assert [type(event) for event in seen] == [Placed, Cancelled]
    (subscription,) = bus.handlers(Placed)
    assert subscription.event_types == (Placed, Cancelled)


def test_a_union_counts_as_its_members_each_once() -> None:
    bus = EventBus()
    bus.on(Placed | Cancelled, Cancelled)(print)
    (subscription,) = bus.handlers(Cancelled)
    assert subscription.event_types == (Placed, Cancelled)


def test_it_takes_the_options_of_subscribe() -> None:
    bus = EventBus()
    seen: list[object] = []
    failures: list[object] = []

    @bus.on(int, name="last", priority=-1, when=lambda number: number > 1, once=True)
    def keep(event: int) -> None:
        seen.append(event)

    @bus.on(int, exact=True, on_error=failures.append)
    def fail(event: int) -> None:
        raise ValueError

    for number in (1, 2, 3, True):
        bus.publish(number)
    assert seen == [2]
    assert len(failures) == 3
    assert [each.name for each in bus.handlers(int)] == [
        f"{__name__}:test_it_takes_the_options_of_subscribe.<locals>.fail"
    ]


def test_decorators_can_be_stacked_and_one_can_be_used_twice() -> None:
    bus = EventBus()
    seen: list[str] = []

    @bus.on(Placed)
    @bus.on(Cancelled)
    def both(event: object) -> None:
        seen.append(type(event).__qualname__)

    on_placed = bus.on(Placed)
    on_placed(lambda _: seen.append("one"))
    on_placed(lambda _: seen.append("two"))
    bus.publish(Cancelled())
    bus.publish(Placed())
    assert seen == ["Cancelled", "Placed", "one", "two"]


def test_it_decorates_static_methods() -> None:
    bus = EventBus()
    seen: list[object] = []

    class Plugin:
        @staticmethod
        @bus.on(Placed)
        def handle(event: Placed) -> None:
            seen.append(event)

    bus.publish(Placed())
    Plugin.handle(Placed())
    assert len(seen) == 2


def test_no_type_at_all_is_refused() -> None:
    with pytest.raises(TypeError, match=r"no event type given.*on\(OrderPlaced\)"):
        EventBus().on()  # type: ignore[call-overload]


def test_a_forgotten_pair_of_brackets_is_refused() -> None:
    bus = EventBus()
    wrong: Any = bus.on
    with pytest.raises(TypeError, match="must be a class"):

        @wrong
        def handle(event: Placed) -> None: ...


def test_a_wrong_handler_is_refused_when_it_is_decorated() -> None:
    bus = EventBus()
    with pytest.raises(TypeError, match="cannot be called with one argument"):

        @bus.on(Placed)  # type: ignore[arg-type]
        def handle() -> None: ...

    with pytest.raises(TypeError, match="cannot be called with one argument"):

        class Plugin:
            @bus.on(Placed)  # type: ignore[arg-type]
            def handle(self, event: Placed) -> None: ...

    with pytest.raises(TypeError, match="AsyncEventBus"):

        @bus.on(Placed)
        async def later(event: Placed) -> None: ...

    assert bus.handlers(Placed) == []


def test_a_decorated_handler_is_isolated_like_any_other() -> None:
    bus = EventBus()

    @bus.on(Placed)
    def fail(event: Placed) -> None:
        raise ValueError

    with pytest.raises(HandlerErrors):
        bus.publish(Placed())
