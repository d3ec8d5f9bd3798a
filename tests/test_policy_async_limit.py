"""Limits on the async bus: a direct delivery waits for its turn, in order, and frees its slot."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import (
    AsyncEventBus,
    EventBus,
    HandlerErrors,
    Limit,
    LimitFull,
    Policy,
    PublishRecursionError,
    Retry,
)
from buswork._policies import HELD
from tests.async_programs import run, turns, until_done  # noqa: F401 - a fixture
from tests.test_references import run_alone

if TYPE_CHECKING:
    from collections.abc import Callable

Run = Callable[..., Any] if TYPE_CHECKING else Any
PATIENCE = 10.0


class Slots:
    """A handler whose calls wait until they are let go, one by one."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.gates: dict[Any, asyncio.Event] = {}
        self.most = 0

    async def handle(self, event: Any) -> Any:
        self.begun.append(event)
        self.most = max(self.most, len(self.begun) - len(self.ended))
        try:
            await self.gates.setdefault(event, asyncio.Event()).wait()
        finally:
            self.ended.append(event)
        return event

    def let_go(self, *events: Any) -> None:
        for event in events:
            self.gates.setdefault(event, asyncio.Event()).set()


def made(limit: Limit, **options: Any) -> tuple[AsyncEventBus, Slots]:
    bus, slots = AsyncEventBus(**options), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=limit), name="h")
    return bus, slots


async def publish(bus: AsyncEventBus, *numbers: int) -> list[asyncio.Task[Any]]:
    """Publish, and let each come as far as it can."""
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(bus.deliver(number)))
        await turns(3)
    return tasks


def test_deliveries_wait_for_their_turn_in_the_order_in_which_they_came(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(2))
        tasks = await publish(bus, *range(8))
        assert slots.begun == [0, 1]
        assert (bus.stats()[0].in_progress, bus.stats()[0].waiting) == (2, 6)
        for number in range(8):
            slots.let_go(number)
            await turns(5)
            assert slots.begun == list(range(min(number + 3, 8)))
        reports = await asyncio.gather(*tasks)
        assert [report.deliveries[0].result for report in reports] == list(range(8))
        assert slots.most == 2

    run(main)


def test_a_new_delivery_never_overtakes_one_that_waits(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        tasks = await publish(bus, 0, 1, 2)
        for number in range(3):
            slots.let_go(number)
            # It comes when the slot is free, and before the one that was woken has come.
            for _ in range(20):
                if number in slots.ended:
                    break
                await asyncio.sleep(0)
            tasks += [asyncio.create_task(bus.deliver(3 + number))]
            await turns(10)
        slots.let_go(3, 4, 5)
        await asyncio.gather(*tasks)
        assert slots.begun == [0, 1, 2, 3, 4, 5]

    run(main)


def test_nor_do_several_that_come_at_that_moment(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        tasks = await publish(bus, *range(6))
        for number in range(6):
            slots.let_go(number)
            for _ in range(20):
                if number in slots.ended:
                    break
                await asyncio.sleep(0)
            more = range(10 * number + 10, 10 * number + 15)
            tasks += [asyncio.create_task(bus.deliver(one)) for one in more]
            await turns(10)
        slots.let_go(*range(100))
        await asyncio.gather(*tasks)
        assert slots.begun == sorted(slots.begun)
        assert len(slots.begun) == 36

    run(main)


def test_a_handler_that_publishes_to_itself_later_waits_behind_others(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        begun: list[int] = []

        @bus.on(int, policy=Policy(limit=Limit(1)))
        async def handle(number: int) -> None:
            begun.append(number)
            await turns(2)

        await asyncio.gather(*(bus.publish(number) for number in range(50)))
        assert begun == list(range(50))

    run(main)


def test_siblings_do_not_wait(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        seen: list[int] = []
        bus.subscribe(int, seen.append)
        tasks = await publish(bus, 0, 1, 2)
        assert seen == [0, 1, 2]
        slots.let_go(0, 1, 2)
        await asyncio.gather(*tasks)

    run(main)


def test_raise_fails_what_the_queue_has_no_room_for(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=2))
        tasks = await publish(bus, 0, 1, 2)
        with pytest.raises(HandlerErrors) as raised:
            await bus.publish(3)
        (error,) = raised.value.exceptions
        assert isinstance(error, LimitFull)
        assert "h has as many deliveries as its limit lets through (1, queue 2)" in str(error)
        slots.let_go(0, 1, 2)
        await asyncio.gather(*tasks)
        assert slots.begun == [0, 1, 2]
        figures = bus.stats()[0]
        assert (figures.delivered, figures.failed, figures.waiting) == (3, 1, 0)

    run(main)


def test_drop_new_drops_the_new_one(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=1, overflow="drop_new"))
        tasks = await publish(bus, 0, 1)
        await bus.publish(2)
        (delivery,) = (await bus.deliver(3)).deliveries
        assert (delivery.status, delivery.reason) == ("skipped", "limit")
        slots.let_go(0, 1)
        await asyncio.gather(*tasks)
        assert slots.begun == [0, 1]
        assert bus.stats()[0].dropped == 2

    run(main)


def test_drop_old_drops_the_one_that_waits_longest(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=2, overflow="drop_old"))
        tasks = await publish(bus, 0, 1, 2, 3, 4)
        slots.let_go(0, 3, 4)
        reports = await asyncio.gather(*tasks)
        assert slots.begun == [0, 3, 4]
        found = [(one.status, one.reason) for report in reports for one in report.deliveries]
        ok, dropped = ("ok", None), ("skipped", "limit")
        assert found == [ok, dropped, dropped, ok, ok]
        figures = bus.stats()[0]
        assert (figures.delivered, figures.dropped) == (3, 2)

    run(main)


def test_without_a_queue_nobody_waits(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=0))
        tasks = await publish(bus, 0)
        (delivery,) = (await bus.deliver(1)).deliveries
        assert isinstance(delivery.error, LimitFull)
        slots.let_go(0)
        await asyncio.gather(*tasks)

    run(main)


def test_a_publish_that_is_cancelled_frees_its_slot_and_wakes_the_next(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        first, second, third = await publish(bus, 0, 1, 2)
        first.cancel()
        await asyncio.wait([first])
        await turns(3)
        assert slots.begun == [0, 1]
        slots.let_go(1, 2)
        await asyncio.gather(second, third)
        assert bus.stats()[0].in_progress == 0

    run(main)


def test_one_that_is_cancelled_while_it_waits_leaves_its_place(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=2))
        tasks = await publish(bus, 0, 1, 2)
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        assert bus.stats()[0].waiting == 1
        tasks += await publish(bus, 3)
        slots.let_go(0, 2, 3)
        await asyncio.gather(tasks[0], *tasks[2:])
        assert slots.begun == [0, 2, 3]

    run(main)


@pytest.mark.parametrize("after", range(8))
def test_one_that_is_cancelled_when_it_was_just_woken_wakes_the_next(run: Run, after: int) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        first, second, third = await publish(bus, 0, 1, 2)
        slots.let_go(0)
        await turns(after)
        second.cancel()
        await asyncio.wait([first, second])
        slots.let_go(1, 2)
        await asyncio.wait_for(third, PATIENCE)
        assert slots.begun[-1] == 2
        assert bus.stats()[0].in_progress == 0
        assert bus.stats()[0].waiting == 0

    run(main)


def test_a_failure_wakes_the_next(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")
        begun: list[int] = []

        @bus.on(int, policy=Policy(limit=Limit(1)))
        async def handle(number: int) -> None:
            begun.append(number)
            await asyncio.sleep(0)
            raise ValueError

        await asyncio.gather(*(bus.publish(number) for number in range(10)))
        assert begun == list(range(10))
        assert bus.stats()[0].failed == 10

    run(main)


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_one_whose_subscription_ends_while_it_waits_is_not_called(run: Run, verb: str) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1))
        (subscription,) = bus.handlers(int)
        tasks = await publish(bus, 0, 1, 2)
        getattr(subscription, verb)()
        slots.let_go(0, 1, 2)
        reports = await asyncio.gather(*tasks)
        assert slots.begun == [0]
        found = [(one.status, one.reason) for report in reports for one in report.deliveries]
        reason = {"cancel": "cancelled", "pause": "paused"}[verb]
        assert found == [("ok", None), *[("skipped", reason)] * 2]

    run(main)


def test_a_nested_delivery_of_the_same_handler_fails_instead_of_waiting_for_itself(
    run: Run,
) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []

        @bus.on(int, policy=Policy(limit=Limit(1)), name="h")
        async def handle(number: int) -> None:
            calls.append(number)
            await asyncio.sleep(0)
            await bus.publish(number + 1)

        with pytest.raises(HandlerErrors) as raised:
            await asyncio.wait_for(bus.publish(0), PATIENCE)
        (inner,) = raised.value.exceptions
        assert isinstance(inner, HandlerErrors)
        (error,) = inner.exceptions
        assert isinstance(error, LimitFull)
        assert "which would wait for itself" in str(error)
        assert calls == [0]
        assert bus.stats()[0].in_progress == 0

    run(main)


def test_so_does_one_that_is_nested_by_way_of_another_handler_or_a_task(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        found: list[str] = []

        @bus.on(int, policy=Policy(limit=Limit(1)))
        async def outer(number: int) -> None:
            await bus.publish("by way of another")

        @bus.on(str)
        async def inner(_text: str) -> None:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(bus.deliver(1))
            found.append(type(task.result().deliveries[0].error).__name__)

        await asyncio.wait_for(bus.publish(0), PATIENCE)
        assert found == ["LimitFull"]

    run(main)


def test_a_task_that_outlives_its_handler_is_not_nested_any_more(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []
        tasks: list[asyncio.Task[Any]] = []
        go_on = asyncio.Event()

        async def later() -> None:
            await go_on.wait()
            await bus.publish(1)

        @bus.on(int, policy=Policy(limit=Limit(1)))
        async def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                tasks.append(asyncio.create_task(later()))
            await asyncio.sleep(0)

        await bus.publish(0)
        other = asyncio.create_task(bus.publish(2))
        go_on.set()
        await asyncio.gather(other, *tasks)
        assert sorted(calls) == [0, 1, 2]

    run(main)


def test_a_posted_delivery_is_not_nested_in_the_handler_that_posted_it(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []
        posted_begun, end = asyncio.Event(), asyncio.Event()
        errors: list[Any] = []

        @bus.on(int, policy=Policy(limit=Limit(1)))
        async def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                bus.post("from the handler")
                await posted_begun.wait()
                await turns(10)

        # It has to wait, and can: whoever posted it does not wait for it.
        @bus.on(str, on_error=errors.append)
        async def posted(_text: str) -> None:
            posted_begun.set()
            await bus.publish(1)
            end.set()

        async with bus:
            await bus.publish(0)
            await asyncio.wait_for(bus.drain(), PATIENCE)
        assert [failure.error for failure in errors] == []
        assert calls == [0, 1]

    run(main)


def test_the_slots_are_shared_by_direct_and_posted_deliveries(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(2))
        async with bus:
            tasks = await publish(bus, 0)
            bus.post(1)
            bus.post(2)
            await turns(5)
            assert slots.begun == [0, 1]
            tasks += await publish(bus, 3)
            assert slots.begun == [0, 1]
            slots.let_go(0, 1, 2, 3)
            await asyncio.gather(*tasks)
            await bus.drain()
        assert sorted(slots.begun) == [0, 1, 2, 3]
        assert slots.most == 2

    run(main)


def test_a_posted_line_is_as_wide_as_the_limit(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(3))
        async with bus:
            for number in range(10):
                bus.post(number)
            await turns(10)
            assert slots.begun == [0, 1, 2]
            slots.let_go(*range(10))
            await bus.drain()
        assert slots.begun == list(range(10))
        assert slots.most == 3

    run(main)


def test_sync_handlers_of_the_async_bus_have_limits_too(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        calls: list[int] = []
        nested: list[Any] = []

        @bus.on(int, policy=Policy(limit=Limit(1)))
        def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                nested.append(asyncio.ensure_future(bus.deliver(1)))

        await bus.publish(0)
        await nested[0]
        assert calls == [0, 1]

    run(main)


def test_several_loops_in_several_threads_share_a_limit() -> None:
    bus = AsyncEventBus()
    lock = threading.Lock()
    now, most, done = 0, 0, 0

    @bus.on(int, policy=Policy(limit=Limit(2)))
    async def handle(_number: int) -> None:
        nonlocal now, most, done
        with lock:
            now += 1
            most = max(most, now)
        await asyncio.sleep(0)
        with lock:
            now -= 1
            done += 1

    begin = threading.Barrier(3, timeout=PATIENCE)

    async def main() -> None:
        await asyncio.gather(*(bus.publish(number) for number in range(200)))

    def work() -> None:
        begin.wait()
        asyncio.run(main())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
        assert not each.is_alive()
    assert (done, most) == (600, 2)
    figures = bus.stats()[0]
    assert (figures.delivered, figures.in_progress, figures.waiting) == (600, 0, 0)


def test_a_loop_that_is_gone_holds_up_nobody_who_waits() -> None:
    # In a process of its own: asyncio has its say about tasks of a loop that was closed too early.
    done = run_alone(
        """
        import asyncio
        from buswork import AsyncEventBus, Limit, Policy

        bus = AsyncEventBus()
        begun = []
        opened = asyncio.Event()

        async def handle(number):
            begun.append(number)
            if number == 0:
                await opened.wait()

        bus.subscribe(int, handle, policy=Policy(limit=Limit(1)))
        loop, gone = asyncio.new_event_loop(), asyncio.new_event_loop()

        async def turns():
            for _ in range(5):
                await asyncio.sleep(0)

        async def publish(number):
            await bus.publish(number)

        holding = loop.create_task(publish(0))
        loop.run_until_complete(turns())
        lost = gone.create_task(publish(1))
        gone.run_until_complete(turns())
        assert bus.stats()[0].waiting == 1
        gone.close()
        opened.set()
        behind = loop.create_task(publish(2))
        loop.run_until_complete(asyncio.wait_for(behind, 10))
        loop.run_until_complete(holding)
        print(begun)
        """
    )
    assert done == "[0, 2]\n"


def test_a_bus_of_each_kind_has_limits_of_its_own() -> None:
    limit = Policy(limit=Limit(1))
    bus, other = EventBus(policy=limit), EventBus(policy=limit)
    seen: list[int] = []

    def handle(number: int) -> None:
        seen.append(number)
        if number == 0:
            other.publish(1)

    bus.subscribe(int, handle)
    other.subscribe(int, handle)
    bus.publish(0)
    assert seen == [0, 1]


def test_a_slot_that_is_free_takes_no_turn_of_the_loop(run: Run) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        seen: list[int] = []
        bus.subscribe(int, seen.append, policy=Policy(limit=Limit(1)))
        publishing = bus.publish(1)
        # It never goes through the loop.
        with pytest.raises(StopIteration):
            publishing.send(None)
        assert seen == [1]
        assert await until_done(asyncio.create_task(bus.publish(2)))

    run(main)


def lazily(loop: asyncio.AbstractEventLoop) -> None:
    """Have tasks start at their first turn of the loop, as on Python 3.11."""
    loop.set_task_factory(lambda loop, coro, **more: asyncio.Task(coro, loop=loop, **more))


@pytest.mark.parametrize(
    ("overflow", "called"), [("raise", [0, 1]), ("drop_new", [0, 1]), ("drop_old", [0, 9])]
)
def test_the_queue_is_kept_where_tasks_start_later(overflow: Any, called: list[int]) -> None:
    async def main() -> None:
        lazily(asyncio.get_running_loop())
        bus, slots = made(Limit(1, queue=1, overflow=overflow))
        tasks = [asyncio.create_task(bus.publish(number)) for number in range(10)]
        await turns(5)
        assert bus.stats()[0].waiting == 1
        slots.let_go(*range(10))
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.begun == called
        assert sum(isinstance(each, HandlerErrors) for each in ended) == 8 * (overflow == "raise")
        figures = bus.stats()[0]
        assert (figures.delivered, figures.failed + figures.dropped) == (2, 8)
        assert figures.waiting == 0

    asyncio.run(main())


def test_one_that_is_cancelled_before_it_began_to_wait_leaves_its_place() -> None:
    async def main() -> None:
        lazily(asyncio.get_running_loop())
        bus, slots = made(Limit(1, queue=1))
        tasks = await publish(bus, 0)
        second = asyncio.create_task(bus.publish(1))
        await asyncio.sleep(0)
        second.cancel()
        await turns(3)
        assert bus.stats()[0].waiting == 0
        tasks += await publish(bus, 2)
        slots.let_go(0, 2)
        await asyncio.gather(*tasks)
        assert slots.begun == [0, 2]

    asyncio.run(main())


@pytest.mark.parametrize("overflow", ["raise", "drop_old", "drop_new"])
def test_direct_and_posted_deliveries_wait_apart(run: Run, overflow: Any) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=1, overflow=overflow))
        async with bus:
            tasks = await publish(bus, 0)
            bus.post(1)
            await turns(3)
            tasks += await publish(bus, 2)
            slots.let_go(0, 1, 2)
            await asyncio.gather(*tasks)
        assert slots.begun == [0, 1, 2]

    run(main)


def test_a_delivery_is_dropped_or_made_and_never_both() -> None:
    bus = AsyncEventBus()

    async def handle(_number: int) -> None:
        await asyncio.sleep(0)

    bus.subscribe(int, handle, policy=Policy(limit=Limit(1, queue=1, overflow="drop_old")))

    async def main() -> None:
        for _ in range(20):
            await asyncio.gather(*(bus.publish(number) for number in range(50)))

    threads = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    figures = bus.stats()[0]
    assert figures.delivered + figures.dropped == 4 * 20 * 50
    assert figures.waiting == figures.in_progress == 0


def test_tasks_that_follow_each_other_keep_nothing_of_those_before(run: Run) -> None:
    async def main() -> None:
        bus, kept = AsyncEventBus(), []
        done = asyncio.Event()
        tasks: list[asyncio.Task[Any]] = []

        @bus.on(int, policy=Policy(limit=Limit(5)))
        async def handle(number: int) -> None:
            await asyncio.sleep(0)
            kept.append(len(HELD.get()))
            if number == 0:
                done.set()
            else:
                tasks.append(asyncio.create_task(bus.publish(number - 1)))

        await bus.publish(50)
        await done.wait()
        await asyncio.gather(*tasks)
        assert max(kept) <= 3

    run(main)


def test_an_error_of_a_predicate_that_goes_straight_through_frees_the_slot(run: Run) -> None:
    def is_worth(_error: BaseException) -> bool:
        raise PublishRecursionError

    async def main() -> None:
        bus = AsyncEventBus()
        policy = Policy(limit=Limit(1), retry=Retry(2, retry_on=is_worth))

        @bus.on(int, policy=policy)
        async def handle(_number: int) -> None:
            await asyncio.sleep(0)
            raise ValueError

        tasks = [asyncio.create_task(bus.publish(number)) for number in range(3)]
        for task in tasks:
            assert await until_done(task)
            assert isinstance(task.exception(), PublishRecursionError)

    run(main)


def test_what_waited_and_was_dropped_is_traced_as_that(run: Run) -> None:
    async def main() -> None:
        bus, slots = made(Limit(1, queue=1, overflow="drop_old"))
        with bus.tracing() as trace:
            tasks = await publish(bus, 0, 1, 2)
            slots.let_go(0, 2)
            await asyncio.gather(*tasks)
        outcomes = [delivery.outcome for each in trace.dispatches for delivery in each.deliveries]
        assert sorted(outcomes) == ["ok", "ok", "skipped"]

    run(main)
