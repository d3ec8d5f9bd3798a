"""Policies beside everything else: topics, middleware, muting, traces, figures, several at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    Breaker,
    EventBus,
    HandlerErrors,
    Limit,
    Policy,
    Retry,
    UnhandledEvent,
)
from buswork.testing import mute, record

PATIENCE = 10.0
THRICE = Policy(retry=Retry(3))


class Boom(Exception): ...


class Flaky:
    """Fails so many times."""

    def __init__(self, failures: int = 2) -> None:
        self.left = failures
        self.calls: list[Any] = []

    def handle(self, event: object) -> str:
        self.calls.append(event)
        if self.left > 0:
            self.left -= 1
            raise Boom
        return "done"


def test_topic_handlers_have_policies() -> None:
    bus, flaky = EventBus(), Flaky()
    bus.on("orders.*.placed", policy=THRICE)(flaky.handle)
    bus.publish(1, topic="orders.eu.placed")
    assert flaky.calls == [1, 1, 1]
    flaky.left = 2
    report = bus.deliver(2, topic="orders.us.placed")
    assert report.deliveries[0].attempts == 3
    flaky.left = 2
    bus.post(3, topic="orders.us.placed")
    bus.drain(PATIENCE)
    assert flaky.calls == [1] * 3 + [2] * 3 + [3] * 3


def test_a_breaker_of_a_topic_handler_counts_all_its_topics() -> None:
    bus, flaky = EventBus(on_error="log"), Flaky(9)
    bus.on("a.*", policy=Policy(breaker=Breaker(2, pause=3600)))(flaky.handle)
    for topic in ("a.b", "a.c", "a.d"):
        bus.publish(1, topic=topic)
    assert len(flaky.calls) == 2


def test_a_layer_sees_a_publish_once_whatever_the_attempts() -> None:
    bus, flaky = EventBus(), Flaky()
    passed: list[Any] = []

    @bus.add_middleware
    def layer(event: object, call_next: Any) -> None:
        passed.append(event)
        call_next(event)

    bus.subscribe(int, flaky.handle, policy=THRICE)
    bus.publish(1)
    assert (passed, flaky.calls) == ([1], [1, 1, 1])
    flaky.left = 2
    assert bus.deliver(2).deliveries[0].attempts == 3
    flaky.left = 2
    bus.post(3)
    bus.drain(PATIENCE)
    assert passed == [1, 2, 3]
    assert flaky.calls[-3:] == [3, 3, 3]


def test_a_posted_failure_behind_a_layer_is_a_letter_about_the_event() -> None:
    bus = EventBus(on_error=lambda _: None)
    bus.add_middleware(lambda event, call_next: call_next(event * 10))
    bus.subscribe(int, Flaky(9).handle, policy=THRICE)
    bus.post(1)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    assert (letter.event, letter.event_type, len(letter.attempts)) == (10, int, 3)


def test_a_layer_around_a_handler_in_the_background() -> None:
    bus, flaky = EventBus(), Flaky(1)
    passed: list[Any] = []

    @bus.add_middleware
    def layer(event: object, call_next: Any) -> None:
        passed.append(event)
        call_next(event)

    policy = Policy(retry=Retry(2, backoff=0.001))
    bus.subscribe(int, flaky.handle, policy=policy, background=True)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert (passed, flaky.calls) == ([1], [1, 1])


def test_a_muted_handler_is_not_called_and_nothing_is_counted_against_it() -> None:
    bus, flaky = EventBus(on_error="log"), Flaky(9)
    bus.subscribe(int, flaky.handle, policy=Policy(breaker=Breaker(1, pause=3600), retry=Retry(2)))
    other: list[int] = []
    bus.subscribe(int, other.append)
    with mute(bus, flaky.handle):
        bus.publish(1)
        report = bus.deliver(2)
    assert report.deliveries[0].reason == "muted"
    assert flaky.calls == []
    assert other == [1, 2]
    assert bus.stats()[0].breaker == "closed"
    bus.publish(3)
    assert flaky.calls == [3, 3]


def test_a_muted_handler_in_the_background_is_not_posted_to() -> None:
    bus, flaky = EventBus(), Flaky(0)
    bus.subscribe(int, flaky.handle, background=True)
    with mute(bus, flaky.handle):
        bus.publish(1)
    with mute(bus, int):
        bus.publish(2)
    bus.drain(PATIENCE)
    assert flaky.calls == []
    bus.publish(3)
    bus.drain(PATIENCE)
    assert flaky.calls == [3]


def test_a_recorder_has_an_event_once_whatever_the_attempts() -> None:
    bus, flaky = EventBus(), Flaky()
    bus.subscribe(int, flaky.handle, policy=THRICE)
    with record(bus) as recorder:
        bus.publish(1)
    assert list(recorder.events) == [1]


def outcomes(dispatch: Any) -> list[str]:
    return [f"{one.outcome} {one.error or one.reason}" for one in dispatch.deliveries]


def test_a_trace_has_each_attempt() -> None:
    bus, flaky = EventBus(), Flaky()
    bus.subscribe(int, flaky.handle, policy=THRICE)
    with bus.tracing() as tracing:
        bus.publish(1)
        flaky.left = 2
        bus.post(2)
        bus.drain(PATIENCE)
        first, second = tracing
    for dispatch in (first, second):
        assert outcomes(dispatch) == ["failed Boom", "failed Boom", "ok None"]


def test_a_trace_has_what_is_refused_and_dropped() -> None:
    bus = EventBus(on_error="log")
    entered, opened = threading.Event(), threading.Event()

    @bus.on(int, policy=Policy(limit=Limit(1, overflow="drop_new")))
    def handle(_number: int) -> None:
        entered.set()
        assert opened.wait(PATIENCE)

    with bus.tracing() as tracing:
        thread = threading.Thread(target=bus.publish, args=(1,))
        thread.start()
        assert entered.wait(PATIENCE)
        bus.publish(2)
        opened.set()
        thread.join(PATIENCE)
        assert outcomes(list(tracing)[1]) == ["skipped limit"]


def test_a_trace_of_the_async_bus() -> None:
    async def main() -> None:
        bus, flaky = AsyncEventBus(), Flaky()

        async def handle(event: int) -> None:
            await asyncio.sleep(0)
            flaky.handle(event)

        bus.subscribe(int, handle, policy=THRICE)
        with bus.tracing() as tracing:
            await bus.publish(1)
            async with bus:
                flaky.left = 9
                bus.post(2)
                await bus.drain()
            first, second = tracing
        # One line a delivery, from its beginning to its end.
        assert outcomes(first)[-1] == "ok None"
        assert outcomes(second)[-1] == "failed Boom"

    asyncio.run(main())


def test_handlers_nested_in_an_attempt_are_caused_by_it() -> None:
    bus = EventBus()
    flaky = Flaky(1)

    @bus.on(int, policy=THRICE)
    def outer(number: int) -> None:
        bus.publish("nested")
        flaky.handle(number)

    bus.subscribe(str, lambda _: None)
    with bus.tracing() as tracing:
        bus.publish(1)
        first, *nested = tracing
    assert [one.causation for one in nested] == [first.id, first.id]


def test_a_handler_in_the_background_handles_an_event() -> None:
    bus = EventBus(unhandled="raise")
    seen: list[int] = []
    bus.subscribe(int, seen.append, background=True)
    bus.publish(1)
    with pytest.raises(UnhandledEvent):
        bus.publish("nobody")
    bus.drain(PATIENCE)
    assert seen == [1]


def test_a_handler_in_the_background_runs_beside_direct_ones() -> None:
    bus = EventBus()
    threads: dict[str, int] = {}
    bus.subscribe(int, lambda _: threads.update(now=threading.get_ident()))
    bus.subscribe(
        int, lambda _: threads.update(later=threading.get_ident()), background=True, priority=9
    )
    bus.publish(1)
    assert threads["now"] == threading.get_ident()
    bus.drain(PATIENCE)
    assert threads["later"] != threading.get_ident()


def test_a_failure_in_the_background_is_not_the_publishers() -> None:
    bus = EventBus()
    bus.subscribe(int, Flaky(9).handle, background=True, on_error=lambda _: None)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert len(bus.dead_letters) == 1
    bus.subscribe(int, Flaky(9).handle)
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(2)
    assert len(raised.value.exceptions) == 1
    bus.drain(PATIENCE)


def test_a_publish_behind_more_than_ten_handlers_has_its_rounds() -> None:
    bus = EventBus(on_error="log")
    log: list[int] = []
    flaky = Flaky(2)

    def handler(place: int) -> Any:
        def handle(event: int) -> None:
            log.append(place)
            if place in (3, 17):
                flaky.handle(event)

        return handle

    for place in range(25):
        policy = THRICE if place in (3, 17) else None
        bus.subscribe(int, handler(place), policy=policy)
    bus.publish(1)
    assert log == [*range(25), 3, 17]


def test_subclasses_and_several_types_go_through_one_policy() -> None:
    class Base: ...

    class Derived(Base): ...

    bus, flaky = EventBus(on_error="log"), Flaky(9)
    bus.on(Base, int, policy=Policy(breaker=Breaker(2, pause=3600)))(flaky.handle)
    for event in (Derived(), 1, Base(), 2):
        bus.publish(event)
    assert len(flaky.calls) == 2
    (figures,) = bus.stats()
    assert figures.failed == 4


# Figures.


def test_figures_are_kept_of_handlers_with_a_policy() -> None:
    bus = EventBus(on_error="log")
    bus.subscribe(int, Flaky(1).handle, policy=THRICE, name="a", when=lambda number: number > 0)
    bus.subscribe(int, Flaky(0).handle, name="without")
    for number in range(3):
        bus.publish(number)
    (figures,) = bus.stats()
    assert (figures.name, figures.delivered, figures.retried) == ("a", 2, 1)
    assert (figures.skipped, figures.failed, figures.breaker) == (1, 0, None)
    assert figures.latency() is None
    assert repr(figures) == "<HandlerStats a: 2 delivered, 1 retried, 1 skipped>"


def test_figures_of_all_handlers_when_asked_for() -> None:
    bus = EventBus(on_error="log", stats=True)
    bus.subscribe(int, Flaky(0).handle, name="well", priority=-1)
    bus.subscribe(int, Flaky(9).handle, name="badly")
    for number in range(3):
        bus.publish(number)
        bus.post(number)
    bus.drain(PATIENCE)
    well, badly = bus.stats()
    assert (well.name, well.delivered, well.failed) == ("well", 6, 0)
    assert (badly.name, badly.delivered, badly.failed, badly.dead_lettered) == ("badly", 0, 6, 3)


def test_latency_when_asked_for() -> None:
    bus = EventBus(stats="latency")
    bus.subscribe(int, lambda _: threading.Event().wait(0.002))
    for number in range(10):
        bus.publish(number)
    (figures,) = bus.stats()
    median, most = figures.latency(), figures.latency(1.0)
    assert median is not None
    assert most is not None
    assert 0.001 <= median <= most < PATIENCE
    with pytest.raises(ValueError, match="part must be from 0 to 1"):
        figures.latency(2)


@pytest.mark.parametrize("stats", [True, "latency"])
def test_figures_of_the_async_bus(stats: Any) -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None, stats=stats)

        async def well(_number: int) -> None:
            await asyncio.sleep(0)

        async def badly(_number: int) -> None:
            await asyncio.sleep(0)
            raise Boom

        bus.subscribe(int, well, name="well")
        bus.subscribe(int, badly, name="badly")
        bus.subscribe(int, lambda _: None, name="sync")
        bus.subscribe(int, lambda number: badly(number), name="retried", policy=THRICE)
        async with bus:
            for number in range(3):
                await bus.publish(number)
                bus.post(number)
            await bus.drain()
        found = {
            one.name: (one.delivered, one.failed, one.retried, one.dead_lettered)
            for one in bus.stats()
        }
        assert found == {
            "well": (6, 0, 0, 0),
            "badly": (0, 6, 0, 3),
            "sync": (6, 0, 0, 0),
            "retried": (0, 6, 12, 3),
        }
        if stats == "latency":
            assert all(one.latency() is not None for one in bus.stats())

    asyncio.run(main())


def test_without_stats_and_policies_there_are_no_figures() -> None:
    bus = EventBus()
    bus.subscribe(int, print)
    assert bus.stats() == []
