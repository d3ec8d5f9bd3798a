"""`buswork.testing` and the pytest plugin."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from buswork import AsyncEventBus, EventBus
from buswork.testing import mute, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from buswork.pytest_plugin import MuteEvents, RecordEvents


@dataclass
class Placed:
    order_id: str
    amount: float = 0.0


class Express(Placed): ...


def test_a_recorder_sees_events_in_order_whether_or_not_somebody_handles_them() -> None:
    bus = EventBus()
    handled: list[object] = []
    bus.subscribe(int, handled.append)
    bus.publish(0)
    with record(bus) as recorder:
        bus.publish(1)
        bus.publish("nobody")
        bus.deliver(2)
        bus.publish(3, topic="a.b")
        bus.post(4)
        bus.drain()
    bus.publish(5)
    assert recorder.events == [1, "nobody", 2, 3, 4]
    assert [one.verb for one in recorder.records] == [
        "publish",
        "publish",
        "deliver",
        "publish",
        "post",
    ]
    assert recorder.records[3].topic == "a.b"
    assert handled == [0, 1, 2, 4, 5]
    assert repr(recorder) == "<Recorder of 5 events>"


def test_nested_publishes_and_failing_ones_are_recorded() -> None:
    bus = EventBus(on_error="log")
    bus.subscribe(int, lambda event: bus.publish(str(event)))
    bus.subscribe(str, lambda _: 1 / 0)
    with record(bus) as recorder:
        bus.publish(1)
    assert recorder.events == [1, "1"]


def test_assertions_return_the_event_or_say_what_was_published() -> None:
    bus = EventBus()
    with record(bus) as recorder:
        recorder.assert_nothing_published()
        recorder.assert_not_published(Placed)
        bus.publish(Placed("1", 5.0))
        bus.publish(Express("2"))
        bus.publish({"order_id": "3"}, topic="orders.eu")
    assert recorder.assert_published(Placed) == Placed("1", 5.0)
    assert recorder.assert_published(Placed, order_id="2") == Express("2")
    assert recorder.assert_published_once(Express).order_id == "2"
    assert recorder.assert_published("orders.*", order_id="3") == {"order_id": "3"}
    assert recorder.assert_published_once("orders.eu") == {"order_id": "3"}
    recorder.assert_not_published(Placed, order_id="3")
    recorder.assert_not_published("payments.**")
    recorder.assert_not_published(int)
    published = r"published were:\n  <publish Placed\(order_id='1', amount=5.0\)>\n"
    for assertion, why in (
        (lambda: recorder.assert_published(int), "int was not published"),
        (lambda: recorder.assert_published(Placed, no="2"), r"Placed\(no='2'\) was not published"),
        (lambda: recorder.assert_published_once(Placed), "Placed was published 2 times"),
        (lambda: recorder.assert_not_published(Express), "Express was published"),
        (lambda: recorder.assert_not_published("**"), r"'\*\*' was published"),
        (recorder.assert_nothing_published, "3 events were published"),
    ):
        with pytest.raises(AssertionError, match=f"^{why}; {published}"):
            assertion()
    recorder.clear()
    with pytest.raises(AssertionError, match="published were: no events"):
        recorder.assert_published(int)


@pytest.mark.parametrize("given", [(Placed,), (), (object,)])
def test_a_mute_keeps_events_from_every_handler(given: tuple[Any, ...]) -> None:
    bus = EventBus(unhandled="raise")
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    with record(bus) as recorder, mute(bus, *given):
        bus.publish(Express("1"))
        bus.post(Placed("2"))
        report = bus.deliver(Placed("3"))
        bus.drain()
    assert seen == []
    assert [(one.event.order_id, one.muted) for one in recorder.records] == [
        ("1", True),
        ("2", True),
        ("3", True),
    ]
    assert [(one.status, one.reason) for one in report.deliveries] == [("skipped", "muted")]
    assert repr(recorder.records[0]) == "<publish Express(order_id='1', amount=0.0), muted>"
    bus.publish(Placed("4"))
    assert seen == [Placed("4")]


def test_other_types_and_topics_are_not_muted() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.on(object, "**")(seen.append)
    with mute(bus, Placed, "a.*"):
        bus.publish(1)
        bus.publish(2, topic="b")
        bus.publish(Placed("3"), topic="b")
        bus.publish(4, topic="a.b")
    assert seen == [1, 2, Placed("3")]


def test_single_handlers_and_subscriptions_can_be_muted() -> None:
    bus = EventBus()
    seen: list[str] = []

    class Service:
        def handle(self, event: object) -> None:
            seen.append("method")

    def function(event: object) -> None:
        seen.append("function")

    service = Service()
    bus.subscribe(int, service.handle)
    bus.subscribe(int, Service().handle)
    subscription = bus.subscribe(int, function)
    with record(bus) as recorder, mute(bus, service.handle, subscription):
        bus.publish(1)
        report = bus.deliver(1)
        bus.post(1)
        bus.drain()
    assert seen == ["method"] * 3
    assert [one.reason for one in report.deliveries] == ["muted", None, "muted"]
    assert not any(one.muted for one in recorder.records)


def test_recorders_and_mutes_nest_and_end_in_any_order() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    first, second = record(bus), record(bus)
    outer, inner = mute(bus, int), mute(bus, int)
    first.__enter__()
    outer.__enter__()
    second.__enter__()
    inner.__enter__()
    bus.publish(1)
    outer.__exit__(None, None, None)
    bus.publish(2)
    first.__exit__(None, None, None)
    inner.__exit__(None, None, None)
    bus.publish(3)
    second.__exit__(None, None, None)
    bus.publish(4)
    assert seen == [3, 4]
    assert first.events == [1, 2]
    assert second.events == [1, 2, 3]


def test_a_recorder_may_be_entered_again_but_not_twice_at_once() -> None:
    bus = EventBus()
    recorder = record(bus)
    with recorder:
        bus.publish(1)
        with pytest.raises(RuntimeError, match="this recorder is entered already"):
            recorder.__enter__()
    bus.publish(2)
    with recorder:
        bus.publish(3)
    assert recorder.events == [1, 3]


def test_other_buses_are_not_concerned() -> None:
    bus, other = EventBus(), EventBus()
    seen: list[int] = []
    other.subscribe(int, seen.append)
    with record(bus) as recorder, mute(bus):
        other.publish(1)
    assert seen == [1]
    recorder.assert_nothing_published()


def test_scope_context_concerns_one_context_and_its_copies() -> None:
    bus = EventBus()
    seen: list[str] = []
    bus.subscribe(str, seen.append)

    def elsewhere(event: str) -> None:
        thread = threading.Thread(target=bus.publish, args=(event,))
        thread.start()
        thread.join()

    with record(bus, scope="context") as recorder, mute(bus, scope="context"):
        elsewhere("another thread")
        contextvars.copy_context().run(bus.publish, "a copy")
        bus.publish("here")
    bus.publish("after")
    assert recorder.events == ["a copy", "here"]
    assert seen == ["another thread", "after"]


def test_scope_context_tells_tasks_apart() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        barrier = asyncio.Barrier(2)

        async def test(name: str) -> list[Any]:
            with record(bus, scope="context") as recorder:
                await barrier.wait()
                await bus.publish(name)
                await asyncio.create_task(bus.publish(f"{name}, in a task"))
                bus.post(f"{name}, posted")
                await barrier.wait()
            return recorder.events

        one, two = await asyncio.gather(test("one"), test("two"))
        assert one == ["one", "one, in a task", "one, posted"]
        assert two == ["two", "two, in a task", "two, posted"]

    asyncio.run(main())


def test_they_may_be_left_in_another_context() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    recorder, muted = record(bus, scope="context"), mute(bus, scope="context")
    entered = contextvars.copy_context()
    entered.run(recorder.__enter__)
    entered.run(muted.__enter__)
    entered.run(bus.publish, 1)
    bus.publish(2)
    recorder.__exit__(None, None, None)
    muted.__exit__(None, None, None)
    entered.run(bus.publish, 3)
    assert recorder.events == [1]
    assert seen == [2, 3]


def test_on_the_async_bus() -> None:
    async def main() -> None:
        bus = AsyncEventBus(unhandled="raise")
        seen: list[int] = []

        @bus.on(int)
        async def handle(event: int) -> None:
            seen.append(event)

        bus.subscribe(int, lambda event: seen.append(-event))
        with record(bus) as recorder:
            with mute(bus, handle):
                await bus.publish(1)
                report = await bus.deliver(2)
                bus.post(3)
                await bus.drain()
            with mute(bus, int):
                await bus.publish(4)
                assert {one.reason for one in (await bus.deliver(5)).deliveries} == {"muted"}
        await bus.publish(6)
        assert [one.reason for one in report.deliveries] == ["muted", None]
        assert sorted(seen) == [-6, -3, -2, -1, 6]
        assert [(one.event, one.muted) for one in recorder.records] == [
            (1, False),
            (2, False),
            (3, False),
            (4, True),
            (5, True),
        ]

    asyncio.run(main())


def test_what_is_recorded_is_what_was_published_and_not_what_middleware_made_of_it() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(int, seen.append)

    def other(event: object) -> None:
        seen.append("other")

    bus.subscribe(int, other)
    passed: list[object] = []

    @bus.add_middleware
    def double(event: Any, call_next: Callable[[Any], object]) -> None:
        passed.append(event)
        call_next(event * 2)

    with record(bus) as recorder:
        with mute(bus, other):
            bus.publish(1)
            assert [one.reason for one in bus.deliver(1).deliveries] == [None, "muted"]
            bus.post(1)
            bus.drain()
        with mute(bus):
            bus.publish(2)
            assert len(bus.deliver(2).deliveries) == 2
            bus.post(2)
    assert recorder.events == [1, 1, 1, 2, 2, 2]
    assert seen == [2, 2, 2]
    assert passed == [1, 1, 1]


def test_a_collection_may_end_a_recorder_while_another_is_entered() -> None:
    bus = EventBus()

    def recording() -> Iterator[None]:
        with record(bus):
            yield

    def leave_garbage() -> None:
        generator = recording()
        next(generator)
        cell: list[object] = [generator]
        cell.append(cell)

    threshold = gc.get_threshold()
    try:
        for count in range(1, 60):
            gc.disable()
            leave_garbage()
            recorder = record(bus)
            gc.set_threshold(count)
            gc.enable()
            with recorder:
                bus.publish(count)
            recorder.assert_published_once(int)
    finally:
        gc.set_threshold(*threshold)
        gc.enable()


def test_the_keys_of_a_mapping_come_before_its_methods() -> None:
    bus = EventBus()
    with record(bus) as recorder:
        bus.publish({"items": [1]}, topic="a")
    recorder.assert_published("a", items=[1])


def test_a_mock_is_of_its_own_type_as_on_the_bus() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    bus.subscribe(Mock, seen.append)
    with record(bus) as recorder, mute(bus, Placed):
        bus.publish(Mock(spec=Placed))
    assert len(seen) == 1
    recorder.assert_not_published(Placed)
    recorder.assert_published(Mock)


def test_unions_and_built_in_methods_are_muted() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(int, seen.append)
    bus.subscribe(str, seen.append)
    with mute(bus, seen.append):
        bus.publish(1)
    with mute(bus, int | str):
        bus.publish(1)
        bus.publish("1")
    assert seen == []
    with record(bus) as recorder:
        bus.publish(1)
    recorder.assert_published(int | str)
    with pytest.raises(AssertionError, match=r"str \| float was not published"):
        recorder.assert_published(str | float)
    with pytest.raises(ValueError, match="malformed"):
        recorder.assert_not_published("a..b")


@pytest.mark.parametrize(
    ("event_type", "error"),
    [(Placed("1"), TypeError), (list[int], TypeError), ("a..b", ValueError)],
)
def test_what_is_no_event_type_is_refused_also_where_nothing_was_published(
    event_type: Any, error: type[Exception]
) -> None:
    with record(EventBus()) as recorder:
        with pytest.raises(error):
            recorder.assert_not_published(event_type)
        with pytest.raises(error):
            recorder.assert_published(event_type)


def test_a_context_is_forgotten_when_a_recorder_is_entered_anew() -> None:
    bus = EventBus()
    entered, recorder = contextvars.copy_context(), record(bus, scope="context")
    entered.run(recorder.__enter__)
    recorder.__exit__(None, None, None)
    with recorder:
        entered.run(bus.publish, 1)
        bus.publish(2)
    assert recorder.events == [2]


def test_a_muted_post_needs_no_loop() -> None:
    bus = AsyncEventBus()
    bus.subscribe(int, print)
    with mute(bus):
        bus.post(1)


def test_wrong_use_is_refused() -> None:
    bus = EventBus()
    no_bus: Any
    for no_bus in (EventBus, "bus"):
        with pytest.raises(TypeError, match="give a bus, an EventBus or an AsyncEventBus"):
            record(no_bus)
    wrong: Any = "everywhere"
    with pytest.raises(ValueError, match='scope must be "bus" or "context"'):
        record(bus, scope=wrong)
    with pytest.raises(ValueError, match="malformed"):
        mute(bus, "a..b")
    with pytest.raises(TypeError, match="mute takes event types.*got int"):
        mute(bus, 3)


def test_nothing_is_left_on_the_bus() -> None:
    bus = EventBus()
    handled: list[object] = []
    bus.subscribe(int, handled.append)
    event = Placed("1")
    freed = weakref.ref(event)
    with record(bus) as recorder, mute(bus):
        bus.publish(event)
    del event
    assert freed() is not None
    recorder.clear()
    assert freed() is None
    gone = weakref.ref(bus)
    with record(bus):
        bus.publish(1)
    del bus, recorder
    gc.collect()
    assert gone() is None


def test_the_fixtures_record_and_mute_until_the_test_ends(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from buswork import EventBus

        bus = EventBus()
        seen = []
        bus.subscribe(int, seen.append)

        def test_one(record_events, mute_events):
            recorder = record_events(bus)
            mute_events(bus, int)
            bus.publish(1)
            recorder.assert_published_once(int)
            assert seen == []

        def test_two(record_events):
            recorder = record_events(bus, scope="context")
            recorder.assert_nothing_published()
            bus.publish(2)
            assert seen == [2]
            assert recorder.events == [2]
        """
    )
    pytester.runpytest("-p", "no:randomly").assert_outcomes(passed=2)


def test_the_fixtures_in_this_run(record_events: RecordEvents, mute_events: MuteEvents) -> None:
    bus = EventBus()
    bus.subscribe(int, lambda _: pytest.fail("called"))
    mute_events(bus)
    recorder = record_events(bus)
    bus.publish(1)
    assert recorder.events == [1]
