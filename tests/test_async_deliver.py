"""`await deliver`: a report of each delivery, in call order, however they end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    Delivery,
    HandlerCancelled,
    HandlerErrors,
    PublishRecursionError,
    Report,
    UnhandledEvent,
)
from tests.async_programs import run, turns

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


def handler(result: object, after: int) -> Callable[[object], Any]:
    async def handle(_event: object) -> object:
        await turns(after)
        if isinstance(result, BaseException):
            raise result
        return result

    return handle


def test_deliveries_are_in_call_order_however_they_end(run: Run) -> None:
    bus = AsyncEventBus()
    error = ValueError("no stock")
    bus.subscribe(Placed, handler("slow", 9), name="slow")
    bus.subscribe(Placed, lambda _: "sync", name="sync")
    bus.subscribe(Placed, handler(error, 3), name="fails")
    bus.subscribe(Placed, handler("at once", 0), name="at once")
    bus.subscribe(Placed, handler("first", 1), name="first", priority=1)

    async def main() -> None:
        report = await bus.deliver(Placed())
        assert isinstance(report, Report) and report.event_type is Placed
        assert [(each.name, each.status, each.result) for each in report.deliveries] == [
            ("first", "ok", "first"),
            ("slow", "ok", "slow"),
            ("sync", "ok", "sync"),
            ("fails", "failed", None),
            ("at once", "ok", "at once"),
        ]
        assert [each.error for each in report.failures] == [error]
        with pytest.raises(HandlerErrors) as caught:
            report.raise_for_errors()
        assert caught.value.exceptions == (error,)
        assert "4 ok, 1 failed, 0 skipped" in repr(report)

    run(main)


@pytest.mark.parametrize("after", [0, 2])
def test_a_delivery_that_went_well(run: Run, after: int) -> None:
    bus = AsyncEventBus()
    handle = handler(7, after)
    bus.subscribe(Placed, handle)

    async def main() -> None:
        (delivery,) = (await bus.deliver(Placed())).deliveries
        assert isinstance(delivery, Delivery)
        assert delivery.handler is handle
        assert (delivery.status, delivery.reason, delivery.result, delivery.error) == (
            "ok",
            None,
            7,
            None,
        )
        assert delivery.elapsed > 0.0

    run(main)


def test_elapsed_is_a_handlers_own_time(run: Run) -> None:
    bus = AsyncEventBus()
    loop_time: list[float] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def until(moment: float) -> None:
            while loop.time() < moment:  # noqa: ASYNC110 - the clock is what is waited for
                await asyncio.sleep(0)

        @bus.on(Placed)
        async def slow(_event: Placed) -> None:
            await until(loop.time() + 0.02)
            loop_time.append(loop.time())

        bus.subscribe(Placed, handler(None, 1))
        slowly, fast = (await bus.deliver(Placed())).deliveries
        assert slowly.elapsed >= 0.019
        assert 0.0 < fast.elapsed < 0.019

    run(main)


def test_a_handler_that_cancels_itself_has_failed(run: Run) -> None:
    bus = AsyncEventBus()
    for after in (0, 2):
        bus.subscribe(Placed, handler(asyncio.CancelledError(), after))

    async def main() -> None:
        for delivery in (await bus.deliver(Placed())).deliveries:
            assert delivery.status == "failed"
            assert isinstance(delivery.error, HandlerCancelled)

    run(main)


def test_skipped_deliveries_say_why(run: Run) -> None:
    bus = AsyncEventBus()
    later = handler(1, 1)
    bus.subscribe(Placed, lambda _: bus.unsubscribe(Placed, later), name="first", priority=9)
    bus.subscribe(Placed, later, name="cancelled")
    bus.subscribe(Placed, handler(1, 1), name="paused").pause()
    bus.subscribe(Placed, handler(1, 1), name="when", when=lambda _: False)

    async def main() -> None:
        deliveries = (await bus.deliver(Placed())).deliveries[1:]
        assert [(each.name, each.status, each.reason, each.elapsed) for each in deliveries] == [
            ("cancelled", "skipped", "cancelled", 0.0),
            ("paused", "skipped", "paused", 0.0),
            ("when", "skipped", "when", 0.0),
        ]

    run(main)


def test_after_a_stop_those_cancelled_and_those_never_called_are_skipped(run: Run) -> None:
    bus = AsyncEventBus(on_error="stop")
    error = ValueError()

    def fail(_event: object) -> None:
        raise error

    async def forever(_event: object) -> None:
        await asyncio.Event().wait()

    bus.subscribe(Placed, handler("well", 0), name="well")
    bus.subscribe(Placed, forever, name="cancelled")
    bus.subscribe(Placed, fail, name="fails")
    bus.subscribe(Placed, handler("never", 0), name="never")

    async def main() -> None:
        report = await bus.deliver(Placed())
        outcomes = [(each.name, each.status, each.reason) for each in report.deliveries]
        assert outcomes[1:] == [
            ("cancelled", "skipped", "stopped"),
            ("fails", "failed", None),
            ("never", "skipped", "stopped"),
        ]
        assert report.failures[0].error is error

    run(main)


def test_after_a_stop_one_that_ends_well_all_the_same_is_ok(run: Run) -> None:
    bus = AsyncEventBus()

    @bus.on(Placed)
    async def stubborn(_event: Placed) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await turns(3)
        return "well"

    bus.subscribe(Placed, handler(ValueError(), 2), on_error="stop")

    async def main() -> None:
        first, second = (await bus.deliver(Placed())).deliveries
        assert (first.status, first.result) == ("ok", "well")
        assert second.status == "failed"

    run(main)


def test_on_error_counts_for_deliver_as_well(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []
    bus = AsyncEventBus()
    bus.subscribe(Placed, handler(ValueError("no stock"), 1), on_error="log")
    bus.subscribe(Placed, handler(ValueError(), 1), on_error=seen.append)

    async def main() -> None:
        assert len((await bus.deliver(Placed())).failures) == 2

    run(main)
    assert len(seen) == 1 and "no stock" in caplog.text


def test_cancelling_a_deliver_cancels_its_handlers(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    @bus.on(Placed)
    async def forever(_event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def main() -> None:
        task = asyncio.create_task(bus.deliver(Placed()))
        await turns(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)
    assert ended == ["ended"]


def test_unhandled_events_recursion_and_classes_are_raised(run: Run) -> None:
    bus = AsyncEventBus(unhandled="raise", max_depth=3)

    async def main() -> None:
        with pytest.raises(UnhandledEvent):
            await bus.deliver(Placed())
        with pytest.raises(TypeError, match="publish an instance"):
            await AsyncEventBus().deliver(Placed)
        bus.subscribe(Placed, lambda event: bus.deliver(event))
        with pytest.raises(PublishRecursionError):
            await bus.deliver(Placed())

    run(main)


def test_nobody_subscribed_is_an_empty_report(run: Run) -> None:
    async def main() -> None:
        assert (await AsyncEventBus().deliver(Placed())).deliveries == ()

    run(main)


@pytest.mark.parametrize("count", [1, 10, 300])
def test_many_deliveries_that_end_in_any_order(run: Run, count: int) -> None:
    bus = AsyncEventBus()
    for number in range(count):
        bus.subscribe(Placed, handler(number, (number * 7) % 11))

    async def main() -> None:
        report = await bus.deliver(Placed())
        assert [each.result for each in report.deliveries] == list(range(count))

    run(main)
