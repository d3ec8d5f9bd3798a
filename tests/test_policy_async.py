"""Retries and timeouts on the async bus: real cancellation, rounds on the loop, and what ends them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from buswork import (
    AsyncEventBus,
    Breaker,
    Failure,
    HandlerCancelled,
    HandlerErrors,
    HandlerTimeout,
    Limit,
    Policy,
    Retry,
)
from tests.async_programs import run, run_on, turns  # noqa: F401 - a fixture
from tests.virtual_loop import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable

Run = Callable[..., Any] if TYPE_CHECKING else Any
THRICE = Policy(retry=Retry(3))


class Boom(Exception): ...


def run_virtual(main: Any) -> Any:
    return run_on(VirtualLoop, main)


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_delivery_is_tried_again_in_its_own_task(
    run: Run, is_async: bool, suspends: bool
) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        def handle(number: int) -> str:
            calls.append(number)
            if len(calls) < 3:
                raise Boom
            return "done"

        async def handle_async(number: int) -> str:
            if suspends:
                await asyncio.sleep(0)
            return handle(number)

        bus.subscribe(int, handle_async if is_async else handle, policy=THRICE)
        (delivery,) = (await bus.deliver(1)).deliveries
        assert (delivery.status, delivery.result, delivery.attempts) == ("ok", "done", 3)
        assert calls == [1, 1, 1]
        figures = bus.stats()[0]
        assert (figures.delivered, figures.retried, figures.failed) == (1, 2, 0)

    run(main)


def test_one_that_fails_to_its_end_raises_its_last_error(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        errors = [Boom(number) for number in range(3)]
        left = list(errors)

        @bus.on(int, policy=THRICE)
        async def handle(_number: int) -> None:
            await asyncio.sleep(0)
            raise left.pop(0)

        with pytest.raises(HandlerErrors) as raised:
            await bus.publish(1)
        assert raised.value.exceptions == (errors[-1],)
        assert len(errors[-1].__notes__) == 1

    run(main)


def test_other_handlers_have_had_their_first_attempt_before_the_second(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")
        log: list[str] = []

        @bus.on(int, policy=THRICE)
        def fails(_number: int) -> None:
            log.append("fails")
            raise Boom

        @bus.on(int)
        def other(_number: int) -> None:
            log.append("other")

        await bus.publish(1)
        assert log == ["fails", "other", "fails", "fails"]

    run(main)


def test_retry_on_and_give_up_on(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")
        calls: list[str] = []

        def handler(name: str) -> Callable[[int], Any]:
            async def handle(_number: int) -> None:
                calls.append(name)
                raise Boom

            return handle

        for name, retry in {
            "class": Retry(2, retry_on=Boom),
            "other": Retry(2, retry_on=KeyError),
            "predicate": Retry(2, retry_on=lambda error: isinstance(error, Boom)),
            "gives up": Retry(2, give_up_on=(KeyError, Boom)),
            "failing": Retry(2, retry_on=lambda _: 1 / 0),  # type: ignore[arg-type,return-value]
        }.items():
            bus.subscribe(int, handler(name), policy=Policy(retry=retry), name=name)
        await bus.publish(1)
        assert sorted(calls) == sorted(
            ["class", "class", "other", "predicate", "predicate", "gives up", "failing"]
        )

    run(main)


def test_a_recursion_error_is_never_retried(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus(max_depth=10)
        calls: list[int] = []

        @bus.on(int, policy=THRICE)
        async def handle(number: int) -> None:
            calls.append(number)
            await asyncio.sleep(0)
            await bus.publish(number + 1)

        with pytest.raises(RecursionError):
            await bus.publish(0)
        assert calls == list(range(10))
        assert bus.stats()[0].in_progress == 0

    run(main)


@pytest.mark.parametrize("verb", ["cancel", "pause"])
@pytest.mark.parametrize("suspends", [False, True])
def test_one_that_is_cancelled_or_paused_in_its_backoff_is_not_called_again(
    verb: str, suspends: bool
) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=Policy(retry=Retry(3, backoff=10)))
        async def handle(number: int) -> None:
            calls.append(number)
            if suspends:
                await asyncio.sleep(0)
            raise Boom

        (subscription,) = bus.handlers(int)
        asyncio.get_running_loop().call_later(5, getattr(subscription, verb))
        (delivery,) = (await bus.deliver(1)).deliveries
        assert calls == [1]
        assert (delivery.status, delivery.attempts) == ("failed", 1)
        assert isinstance(delivery.error, Boom)

    run_virtual(main)


def test_the_same_of_a_sync_handler() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=Policy(retry=Retry(3, backoff=10)))
        def handle(number: int) -> None:
            calls.append(number)
            raise Boom

        (subscription,) = bus.handlers(int)
        asyncio.get_running_loop().call_later(5, subscription.cancel)
        (delivery,) = (await bus.deliver(1)).deliveries
        assert calls == [1]
        assert isinstance(delivery.error, Boom)

    run_virtual(main)


def test_once_is_spent_by_the_first_attempt(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=THRICE, once=True)
        async def handle(number: int) -> None:
            calls.append(number)
            await asyncio.sleep(0)
            if len(calls) < 3:
                raise Boom

        await bus.publish(1)
        await bus.publish(2)
        assert calls == [1, 1, 1]

    run(main)


def test_a_publish_that_is_cancelled_in_a_backoff_ends_at_once() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=Policy(retry=Retry(3, backoff=10), limit=Limit(1)))
        async def handle(number: int) -> None:
            calls.append(number)
            raise Boom

        loop = asyncio.get_running_loop()
        began = loop.time()
        publishing = asyncio.create_task(bus.publish(1))
        loop.call_later(5, publishing.cancel)
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert loop.time() - began == pytest.approx(5)
        assert calls == [1]
        assert bus.stats()[0].in_progress == 0

    run_virtual(main)


def test_stop_cancels_those_that_wait_for_their_next_attempt() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[str] = []

        @bus.on(int, policy=Policy(retry=Retry(3, backoff=10), limit=Limit(1)))
        async def patient(_number: int) -> None:
            calls.append("patient")
            raise Boom

        @bus.on(int, on_error="stop")
        async def stops(_number: int) -> None:
            await asyncio.sleep(1)
            raise KeyError

        with pytest.raises((KeyError, HandlerErrors)):
            await bus.publish(1)
        assert calls == ["patient"]
        assert bus.stats()[0].in_progress == 0

    run_virtual(main)


def test_on_error_is_called_once_for_all_attempts(run: Run) -> None:
    async def main() -> None:
        failures: list[Failure] = []
        bus = AsyncEventBus(on_error=failures.append)

        @bus.on(int, policy=THRICE)
        async def handle(_number: int) -> None:
            await asyncio.sleep(0)
            raise Boom

        await bus.publish(1)
        assert [type(failure.error) for failure in failures] == [Boom]

    run(main)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("suspends", [False, True])
def test_an_interrupt_goes_straight_through_and_frees_the_slot(
    error: type[BaseException], suspends: bool
) -> None:
    bus = AsyncEventBus()
    calls: list[int] = []

    @bus.on(int, policy=Policy(retry=Retry(3), limit=Limit(1)))
    async def handle(number: int) -> None:
        calls.append(number)
        if suspends:
            await asyncio.sleep(0)
        if number == 0:
            raise error

    async def main(number: int) -> None:
        await bus.publish(number)

    with pytest.raises(error):
        asyncio.run(main(0))
    assert bus.stats()[0].in_progress == 0
    asyncio.run(main(1))
    assert calls == [0, 1]


# Timeouts.


def test_a_handler_that_takes_too_long_is_cancelled_and_has_failed() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        seen: list[str] = []

        @bus.on(int, policy=Policy(timeout=5), name="slow")
        async def slow(_number: int) -> None:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                seen.append("cleaned up")

        @bus.on(int)
        async def quick(_number: int) -> None:
            await asyncio.sleep(1)
            seen.append("quick")

        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(HandlerErrors) as raised:
            await bus.publish(1)
        (error,) = raised.value.exceptions
        assert isinstance(error, HandlerTimeout)
        assert isinstance(error, TimeoutError)
        assert "handler slow took longer than its policy allows, 5 s" in str(error)
        assert loop.time() - began == pytest.approx(5)
        assert seen == ["quick", "cancelled", "cleaned up"]
        assert bus.stats()[0].timed_out == 1
        # It says where the handler was.
        assert error.__cause__ is not None

    run_virtual(main)


def test_a_timeout_is_for_each_attempt() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        times: list[float] = []
        loop = asyncio.get_running_loop()
        began = loop.time()

        @bus.on(int, policy=Policy(timeout=5, retry=Retry(3, backoff=1, jitter=0)))
        async def handle(_number: int) -> str:
            times.append(loop.time() - began)
            if len(times) < 3:
                await asyncio.sleep(3600)
            return "done"

        (delivery,) = (await bus.deliver(1)).deliveries
        assert (delivery.status, delivery.attempts) == ("ok", 3)
        assert times == pytest.approx([0, 6, 13])
        figures = bus.stats()[0]
        assert (figures.timed_out, figures.retried, figures.delivered) == (2, 2, 1)

    run_virtual(main)


def test_a_timeout_can_be_given_up_on() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")
        calls: list[int] = []

        @bus.on(int, policy=Policy(timeout=5, retry=Retry(3, give_up_on=TimeoutError)))
        async def handle(number: int) -> None:
            calls.append(number)
            await asyncio.sleep(3600)

        await bus.publish(1)
        assert calls == [1]

    run_virtual(main)


def test_a_timeout_error_of_the_handlers_own_is_not_the_policys() -> None:
    async def main() -> None:
        bus = AsyncEventBus()

        @bus.on(int, policy=Policy(timeout=50))
        async def handle(number: int) -> None:
            if number == 0:
                raise TimeoutError("its own")
            async with asyncio.timeout(1):
                await asyncio.sleep(3600)

        for number in range(2):
            (delivery,) = (await bus.deliver(number)).deliveries
            assert type(delivery.error) is TimeoutError
        assert bus.stats()[0].timed_out == 0

    run_virtual(main)


def test_a_handler_that_ends_all_the_same_when_it_is_cancelled_has_not_failed() -> None:
    async def main() -> None:
        bus = AsyncEventBus()

        @bus.on(int, policy=Policy(timeout=5))
        async def handle(_number: int) -> str:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                return "in spite of it"
            return ""

        (delivery,) = (await bus.deliver(1)).deliveries
        # As `asyncio.timeout` has it: a block that swallows the cancellation has ended well.
        assert (delivery.status, delivery.result) == ("ok", "in spite of it")
        assert bus.stats()[0].in_progress == 0

    run_virtual(main)


def test_the_time_in_which_it_waits_for_its_turn_is_not_counted() -> None:
    async def main() -> None:
        bus = AsyncEventBus()

        @bus.on(int, policy=Policy(timeout=5, limit=Limit(1)))
        async def handle(_number: int) -> None:
            await asyncio.sleep(4)

        await asyncio.gather(*(bus.publish(number) for number in range(5)))
        assert bus.stats()[0].timed_out == 0
        assert bus.stats()[0].delivered == 5

    run_virtual(main)


def test_cancelling_the_publish_is_no_timeout() -> None:
    async def main() -> None:
        bus = AsyncEventBus()

        @bus.on(int, policy=Policy(timeout=5))
        async def handle(_number: int) -> None:
            await asyncio.sleep(3600)

        publishing = asyncio.create_task(bus.publish(1))
        asyncio.get_running_loop().call_later(2, publishing.cancel)
        with pytest.raises(asyncio.CancelledError):
            await publishing
        figures = bus.stats()[0]
        assert (figures.timed_out, figures.in_progress) == (0, 0)

    run_virtual(main)


def test_a_timeout_of_the_publisher_and_one_of_the_policy_keep_apart() -> None:
    async def main() -> None:
        bus = AsyncEventBus()

        @bus.on(int, policy=Policy(timeout=5))
        async def handle(_number: int) -> None:
            await asyncio.sleep(3600)

        with pytest.raises(TimeoutError) as raised:
            async with asyncio.timeout(2):
                await bus.publish(1)
        assert not isinstance(raised.value, HandlerTimeout)
        with pytest.raises(HandlerErrors):
            async with asyncio.timeout(20):
                await bus.publish(1)

    run_virtual(main)


def test_nested_timeouts_end_the_inner_one_first() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        found: list[Any] = []

        @bus.on(int, policy=Policy(timeout=10))
        async def outer(_number: int) -> None:
            found.append((await bus.deliver("nested")).deliveries[0].error)
            await asyncio.sleep(3600)

        @bus.on(str, policy=Policy(timeout=5))
        async def inner(_text: str) -> None:
            await asyncio.sleep(3600)

        (delivery,) = (await bus.deliver(1)).deliveries
        assert isinstance(found[0], HandlerTimeout)
        assert isinstance(delivery.error, HandlerTimeout)
        assert "outer" in str(delivery.error)

    run_virtual(main)


def test_posted_deliveries_have_timeouts_too() -> None:
    async def main() -> None:
        failures: list[Failure] = []
        bus = AsyncEventBus(on_error=failures.append)
        done: list[int] = []

        @bus.on(int, policy=Policy(timeout=5))
        async def handle(number: int) -> None:
            await asyncio.sleep(3600 if number == 0 else 1)
            done.append(number)

        async with bus:
            for number in range(3):
                bus.post(number)
            await bus.drain()
        assert [type(failure.error) for failure in failures] == [HandlerTimeout]
        assert done == [1, 2]
        assert [letter.event for letter in bus.dead_letters] == [0]
        assert "HandlerTimeout" in next(iter(bus.dead_letters)).error

    run_virtual(main)


def test_a_posted_delivery_is_tried_again_before_the_next_of_its_handler() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        log: list[tuple[float, int]] = []
        loop = asyncio.get_running_loop()
        began = loop.time()

        @bus.on(int, policy=Policy(retry=Retry(2, backoff=10, jitter=0)))
        async def handle(number: int) -> None:
            log.append((loop.time() - began, number))
            if [one for _, one in log].count(number) == 1:
                raise Boom

        siblings: list[int] = []
        bus.subscribe(int, siblings.append)
        async with bus:
            for number in range(3):
                bus.post(number)
            await turns(5)
            assert siblings == [0, 1, 2]
            await bus.drain()
        assert log == [(0, 0), (10, 0), (10, 1), (20, 1), (20, 2), (30, 2)]

    run_virtual(main)


def test_a_handler_that_cancels_itself_has_failed_and_is_counted(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=Policy(retry=Retry(3), limit=Limit(1)))
        async def handle(number: int) -> None:
            calls.append(number)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        (delivery,) = (await bus.deliver(1)).deliveries
        assert isinstance(delivery.error, HandlerCancelled)
        assert calls == [1]
        figures = bus.stats()[0]
        assert figures.in_progress == 0
        assert figures.failed == 1

    run(main)


def test_a_handler_in_the_background_is_called_later_by_a_publish(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        log: list[str] = []

        @bus.on(int, background=True)
        async def later(_number: int) -> None:
            log.append("later")

        @bus.on(int)
        async def now(_number: int) -> None:
            log.append("now")

        async with bus:
            report = await bus.deliver(1)
            # Where tasks do not start at once, the loop has been round meanwhile.
            assert log[0] == "now"
            assert [(one.status, one.reason) for one in report.deliveries] == [
                ("skipped", "posted"),
                ("ok", None),
            ]
            await bus.publish(2)
            await bus.drain()
        assert sorted(log) == ["later", "later", "now", "now"]

    run(main)


def test_a_publish_with_a_policy_keeps_nothing_alive(run: Run) -> None:
    class Event: ...

    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None)

        @bus.on(Event, policy=Policy(retry=Retry(3), limit=Limit(1), timeout=5))
        async def handle(_event: Event) -> None:
            await asyncio.sleep(0)
            raise Boom

        @bus.on(Event, policy=THRICE)
        def fail(_event: Event) -> None:
            raise Boom

        event = Event()
        watched = weakref.ref(event)
        await bus.publish(event)
        del event
        await turns(2)
        gc.collect()
        assert watched() is None

    run(main)


@pytest.mark.parametrize(
    "policy", [Policy(breaker=Breaker(1, pause=3600)), Policy(retry=Retry(2, backoff=3600))]
)
def test_a_loop_that_ends_waits_for_no_breaker_and_no_backoff(policy: Policy) -> None:
    bus = AsyncEventBus(on_error=lambda _failure: None)
    calls: list[int] = []

    @bus.on(int, policy=policy)
    async def handle(number: int) -> None:
        calls.append(number)
        raise Boom

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await turns(10)

    asyncio.run(main())
    figures = bus.stats()[0]
    assert bus.pending == figures.waiting == 0
    assert figures.failed == figures.dead_lettered == 3
    if policy.retry:
        assert calls == [0, 1, 1, 2, 2]
    else:
        assert calls == [0]


def test_what_a_closed_loop_has_left_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    bus = AsyncEventBus(stats=True)

    async def hang(_number: int) -> None:
        await asyncio.Event().wait()

    bus.subscribe(int, hang, policy=Policy(limit=Limit(1)), name="limited")
    bus.subscribe(int, lambda number: hang(number), name="plain")

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await turns(5)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    asyncio.run(bus.drain())
    for figures in bus.stats():
        assert (figures.failed, figures.dropped, figures.waiting) == (1, 2, 0)
        assert figures.in_progress == 0
    assert "posted deliveries are lost" in caplog.text
