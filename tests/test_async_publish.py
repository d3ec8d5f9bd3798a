"""`await publish`: what it is, in which order handlers start, and what takes the coroutine."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, HandlerErrors
from tests.async_programs import run, turns

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


class Rush(Placed): ...


def test_publish_gives_a_coroutine_and_nothing_runs_before_it_is_awaited(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)

    async def main() -> None:
        publish = bus.publish(Placed())
        assert inspect.iscoroutine(publish) and asyncio.iscoroutine(publish)
        assert isinstance(publish, collections.abc.Coroutine)
        await turns(3)
        assert seen == []
        assert await publish is None
        assert len(seen) == 1

    run(main)


@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_forgetting_to_await_warns_with_the_verbs_name(verb: str) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(bus, verb)(Placed())
        gc.collect()
    (warning,) = caught
    assert f"AsyncEventBus.{verb}' was never awaited" in str(warning.message)
    assert seen == []


def test_every_handler_gets_the_very_event_sync_and_async(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(Placed)
    async def later(event: Placed) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    bus.subscribe(object, seen.append)
    event = Rush()
    run(lambda: bus.publish(event))
    assert seen == [event, event]


def test_async_handlers_start_by_priority_then_in_order_of_subscription(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[str] = []

    def handler(name: str) -> Callable[[object], Any]:
        async def handle(_event: object) -> None:
            order.append(name)
            await asyncio.sleep(0)
            order.append(name.upper())

        return handle

    for name, priority in [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)]:
        bus.subscribe(Placed, handler(name), priority=priority)
    run(lambda: bus.publish(Placed()))
    assert order == ["b", "d", "a", "e", "c", "B", "D", "A", "E", "C"]


def test_sync_handlers_run_in_call_order_among_async_ones(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[int] = []

    async def later(_event: object) -> None:
        await asyncio.sleep(0)

    for number in range(20):
        bus.subscribe(Placed, lambda event: later(event))
        bus.subscribe(Placed, lambda _, number=number: order.append(number))
    run(lambda: bus.publish(Placed()))
    assert order == list(range(20))


def test_handlers_run_side_by_side(run: Run) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()

        @bus.on(Placed)
        async def one(_event: Placed) -> None:
            first.set()
            await second.wait()

        @bus.on(Placed)
        async def other(_event: Placed) -> None:
            await first.wait()
            second.set()

        await bus.publish(Placed())

    run(main)


def test_it_finishes_when_the_last_handler_has(run: Run) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        gate, ended = asyncio.Event(), []

        @bus.on(Placed)
        async def slow(_event: Placed) -> None:
            await gate.wait()
            ended.append("slow")

        bus.subscribe(Placed, lambda _: ended.append("fast"))
        task = asyncio.create_task(bus.publish(Placed()))
        await turns(5)
        assert ended == ["fast"] and not task.done()
        gate.set()
        await task
        assert ended == ["fast", "slow"]

    run(main)


def test_publishes_are_concurrent(run: Run) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        met = asyncio.Barrier(10)

        @bus.on(Placed)
        async def meet(_event: Placed) -> None:
            await met.wait()

        await asyncio.gather(*(bus.publish(Placed()) for _ in range(10)))

    run(main)


def test_gather_task_group_wait_for_shield_and_create_task_take_it(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(int)
    async def later(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    async def main() -> None:
        assert await asyncio.gather(bus.publish(1), bus.publish(2)) == [None, None]
        async with asyncio.TaskGroup() as group:
            group.create_task(bus.publish(3))
        await asyncio.wait_for(bus.publish(4), 60)
        await asyncio.shield(bus.publish(5))
        await asyncio.create_task(bus.publish(6))
        await asyncio.ensure_future(bus.publish(7))
        async with asyncio.timeout(60):
            await bus.publish(8)

    run(main)
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]


def test_asyncio_run_takes_it() -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(int)
    async def later(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    for number in range(3):
        asyncio.run(bus.publish(number))
    assert seen == [0, 1, 2]


def test_a_publish_that_is_awaited_twice_is_refused_as_any_coroutine(run: Run) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        publish = bus.publish(Placed())
        await publish
        with pytest.raises(RuntimeError, match="already awaited"):
            await publish

    run(main)


def test_nobody_subscribed_is_no_trouble(run: Run) -> None:
    run(lambda: AsyncEventBus().publish(Placed()))


def test_publishing_a_class_is_refused_when_awaited(run: Run) -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, print)

    async def main() -> None:
        publish = bus.publish(Placed)
        with pytest.raises(TypeError, match=r"publish an instance, Placed\(\.\.\.\)"):
            await publish

    run(main)


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 30, 500])
def test_any_number_of_async_handlers_runs(run: Run, count: int) -> None:
    bus = AsyncEventBus()
    ended: list[int] = []

    def handler(number: int) -> Callable[[object], Any]:
        async def handle(_event: object) -> None:
            for _ in range(number % 3):
                await asyncio.sleep(0)
            ended.append(number)

        return handle

    for number in range(count):
        bus.subscribe(Placed, handler(number))
    run(lambda: bus.publish(Placed()))
    assert sorted(ended) == list(range(count))


def test_a_nested_publish_is_done_when_it_is_awaited(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[str] = []

    @bus.on(Placed)
    async def outer(_event: Placed) -> None:
        order.append("begins")
        await bus.publish(3)
        order.append("ends")

    @bus.on(int)
    async def inner(_number: int) -> None:
        await turns(4)
        order.append("inner")

    run(lambda: bus.publish(Placed()))
    assert order == ["begins", "inner", "ends"]


def test_a_bus_as_handler_of_another_bus_is_awaited(run: Run) -> None:
    outer, inner = AsyncEventBus(), AsyncEventBus()
    seen: list[object] = []

    @inner.on(Placed)
    async def later(event: Placed) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    outer.subscribe(Placed, inner.publish)
    run(lambda: outer.publish(Placed()))
    assert len(seen) == 1


def test_the_site_of_a_publish_made_by_a_bus_as_handler_is_the_publishers_line(run: Run) -> None:
    outer, inner = AsyncEventBus(), AsyncEventBus()

    def fail(_event: object) -> None:
        raise ValueError

    inner.subscribe(Placed, fail)
    outer.subscribe(Placed, inner.publish)

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await outer.publish(Placed())
        (group,) = caught.value.exceptions
        assert isinstance(group, HandlerErrors)
        assert f"published at {__file__}" in group.exceptions[0].__notes__[0]

    run(main)


def test_sync_handlers_alone_need_no_loop() -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    publish = bus.publish(Placed())
    with pytest.raises(StopIteration):
        publish.send(None)
    assert len(seen) == 1


def test_an_async_handler_without_a_loop_is_an_error_and_warns_of_nothing() -> None:
    bus = AsyncEventBus()

    async def later(_event: Placed) -> None: ...

    bus.subscribe(Placed, later)
    with pytest.raises(RuntimeError, match="no running event loop"):
        bus.publish(Placed()).send(None)
    gc.collect()


def test_a_subclass_may_call_publish_of_its_base(run: Run) -> None:
    seen: list[object] = []

    class Bus(AsyncEventBus):
        async def publish(self, event: object) -> None:  # type: ignore[override]
            seen.append("before")
            await super().publish(event)
            seen.append("after")

    bus = Bus()
    bus.subscribe(Placed, lambda _: seen.append("handler"))
    run(lambda: bus.publish(Placed()))
    assert seen == ["before", "handler", "after"]
