"""What handlers do to the bus while a publish of it is suspended."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, HandlerErrors, UnhandledEvent
from tests.async_programs import run, turns

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


class Rush(Placed): ...


def test_a_publish_keeps_the_handlers_that_it_started_with(run: Run) -> None:
    bus = AsyncEventBus()
    late: list[object] = []

    @bus.on(Placed, once=True)
    async def subscribe_another(_event: Placed) -> None:
        await turns(1)
        bus.subscribe(Placed, late.append)
        await turns(1)

    async def main() -> None:
        await bus.publish(Placed())
        assert late == []
        await bus.publish(Placed())
        assert len(late) == 1

    run(main)


@pytest.mark.parametrize("verb", ["cancel", "pause", "clear", "unsubscribe"])
def test_a_handler_ended_before_its_turn_is_not_started(run: Run, verb: str) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []

    async def later(event: object) -> None:
        ran.append(event)

    def end(_event: object) -> None:
        if verb == "clear":
            bus.clear()
        elif verb == "unsubscribe":
            bus.unsubscribe(Placed, later)
        else:
            getattr(subscription, verb)()

    bus.subscribe(Placed, end)
    subscription = bus.subscribe(Placed, later)
    run(lambda: bus.publish(Placed()))
    assert ran == []


@pytest.mark.parametrize("verb", ["cancel", "pause", "clear"])
def test_a_handler_that_runs_goes_on_when_its_subscription_ends(run: Run, verb: str) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        await turns(3)
        ended.append("well")

    (listed,) = bus.handlers(Placed)

    async def main() -> None:
        task = asyncio.create_task(bus.publish(Placed()))
        await turns(2)
        if verb == "clear":
            bus.clear()
        else:
            getattr(listed, verb)()
        gc.collect()
        await task
        assert ended == ["well"]
        await bus.publish(Placed())
        assert ended == ["well"]

    run(main)


@pytest.mark.parametrize("policy", ["raise", "log", "call"])
def test_its_failure_is_told_as_its_subscription_said(
    run: Run, caplog: pytest.LogCaptureFixture, policy: str
) -> None:
    bus = AsyncEventBus()
    called: list[Any] = []
    error = ValueError("after the end")

    async def handle(_event: object) -> None:
        await turns(2)
        subscription.cancel()
        gc.collect()
        await turns(2)
        raise error

    subscription = bus.subscribe(
        Placed,
        handle,
        on_error=called.append if policy == "call" else policy,  # type: ignore[arg-type]
    )

    async def main() -> None:
        if policy == "raise":
            with pytest.raises(HandlerErrors) as caught:
                await bus.publish(Placed())
            (note,) = caught.value.exceptions[0].__notes__
            assert f"{__file__}:{handle.__code__.co_firstlineno}" in note
        else:
            await bus.publish(Placed())

    run(main)
    if policy == "call":
        assert [(each.error, each.handler) for each in called] == [(error, handle)]
    if policy == "log":
        assert "after the end" in caplog.text


def test_once_is_spent_once_under_concurrent_publishes(run: Run) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []

    async def handle(event: object) -> None:
        await turns(2)
        ran.append(event)

    subscription = bus.subscribe(Placed, handle, once=True)

    async def main() -> None:
        await asyncio.gather(*(bus.publish(Placed()) for _ in range(10)))

    run(main)
    assert len(ran) == 1 and not subscription.active


def test_once_is_spent_before_its_call(run: Run) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []

    @bus.on(Placed, once=True)
    async def again(event: Placed) -> None:
        ran.append(event)
        await bus.publish(Placed())
        await turns(1)
        await bus.publish(Placed())

    run(lambda: bus.publish(Placed()))
    assert len(ran) == 1


def test_once_is_spent_by_a_call_not_by_a_skip(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    async def handle(number: int) -> None:
        await turns(1)
        seen.append(number)

    bus.subscribe(int, handle, once=True, when=lambda number: number > 10)

    async def main() -> None:
        for number in (5, 60, 70):
            await bus.publish(number)

    run(main)
    assert seen == [60]


def test_predicates_keep_events_off_and_are_asked_at_the_start(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []
    limit = [10]

    @bus.on(int, when=lambda number: number > limit[0])
    async def handle(number: int) -> None:
        limit[0] = 1000
        await turns(1)
        seen.append(number)

    async def main() -> None:
        await bus.publish(5)
        await bus.publish(50)
        await bus.publish(60)

    run(main)
    assert seen == [50]


def test_a_predicate_that_raises_is_a_failure_of_its_handler(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    error = ValueError()

    def ask(_event: object) -> bool:
        raise error

    async def handle(event: object) -> None:
        seen.append(event)

    bus.subscribe(Placed, handle, when=ask)
    bus.subscribe(Placed, lambda event: handle(event))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert caught.value.exceptions == (error,)

    run(main)
    assert len(seen) == 1


class Owner:
    def __init__(self, seen: list[object]) -> None:
        self.seen = seen

    async def handle(self, event: object) -> None:
        await turns(3)
        self.seen.append(event)


def test_a_weak_handler_runs_to_its_end_and_ends_with_its_object(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    owners = [Owner(seen)]
    subscription = bus.subscribe(Placed, owners[0].handle, weak=True)

    async def main() -> None:
        task = asyncio.create_task(bus.publish(Placed()))
        await turns(2)
        owners.clear()
        gc.collect()
        await task
        del task
        await turns(2)
        assert len(seen) == 1
        gc.collect()
        with caplog.at_level(logging.DEBUG, "buswork"):
            await bus.publish(Placed())
        assert len(seen) == 1 and not subscription.active

    run(main)


def test_a_weak_handler_whose_object_died_before_its_turn_is_skipped_as_gone(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    owners = [Owner(seen)]

    def drop(_event: object) -> None:
        owners.clear()
        gc.collect()

    bus.subscribe(Placed, drop)
    bus.subscribe(Placed, owners[0].handle, weak=True)

    async def main() -> None:
        _, second = (await bus.deliver(Placed())).deliveries
        assert (second.status, second.reason) == ("skipped", "gone")

    run(main)
    assert seen == []


def test_the_bus_may_be_dropped_by_a_handler(run: Run) -> None:
    ended: list[str] = []

    async def main() -> None:
        buses = [AsyncEventBus()]

        @buses[0].on(Placed)
        async def drop(_event: Placed) -> None:
            await turns(1)
            buses.clear()
            gc.collect()
            await turns(1)
            ended.append("first")

        @buses[0].on(Placed)
        async def other(_event: Placed) -> None:
            await turns(5)
            ended.append("other")

        await buses[0].publish(Placed())

    run(main)
    assert ended == ["first", "other"]


def test_a_handler_may_wait_for_an_event_that_another_publish_brings(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[str] = []

    async def main() -> None:
        came = asyncio.Event()

        @bus.on(Placed)
        async def wait(_event: Placed) -> None:
            with bus.subscribe(int, lambda _: came.set()):
                await came.wait()
            order.append("came")

        task = asyncio.create_task(bus.publish(Placed()))
        await turns(2)
        await bus.publish(3)
        await task

    run(main)
    assert order == ["came"]


def test_hundreds_of_subscriptions_that_come_and_go_during_publishes(run: Run) -> None:
    bus = AsyncEventBus()
    counts = {"started": 0, "ended": 0}

    async def handle(_event: object) -> None:
        counts["started"] += 1
        await turns(counts["started"] % 5)
        counts["ended"] += 1

    async def churn() -> None:
        for number in range(50):
            with bus.subscribe(Placed if number % 2 else Rush, handle):
                await turns(number % 3)

    async def publish() -> None:
        for _ in range(30):
            await bus.publish(Rush())

    async def main() -> None:
        await asyncio.gather(*(churn() for _ in range(4)), *(publish() for _ in range(4)))

    with warnings.catch_warnings():
        # The same handler twice warns, which is not the point here.
        warnings.simplefilter("ignore", UserWarning)
        run(main)
    assert counts["started"] == counts["ended"] > 0


# Events that nobody is subscribed to.


@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_raise_raises_when_awaited(run: Run, verb: str) -> None:
    bus = AsyncEventBus(unhandled="raise")

    async def main() -> None:
        publish = getattr(bus, verb)(Placed())
        with pytest.raises(UnhandledEvent, match="nobody handles Placed: subscribe a handler"):
            await publish

    run(main)


def test_set_unhandled_counts_on_the_async_bus(run: Run) -> None:
    bus = AsyncEventBus()
    bus.set_unhandled(Placed, "raise")

    async def main() -> None:
        await bus.publish(3)
        with pytest.raises(UnhandledEvent):
            await bus.publish(Rush())

    run(main)


def test_an_unhandled_event_of_a_handler_is_its_failure(run: Run) -> None:
    bus = AsyncEventBus(unhandled="raise")
    bus.subscribe(int, lambda _: bus.publish("text"))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(3)
        assert isinstance(caught.value.exceptions[0], UnhandledEvent)

    run(main)


def test_warn_says_where_it_was_published(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    bus = AsyncEventBus(unhandled="warn")
    with caplog.at_level(logging.WARNING, "buswork"):
        run(lambda: bus.publish(Placed()))
    (record,) = caplog.records
    assert "nobody handles Placed" in record.getMessage()
    assert "test_async_reentrancy.py:" in record.getMessage()
