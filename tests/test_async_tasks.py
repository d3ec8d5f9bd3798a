"""A handler's task: its own from the first line, with a copy of the context, eager where it can be."""

from __future__ import annotations

import asyncio
import functools
import sys
import types
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest

from buswork import AsyncEventBus, HandlerErrors
from tests.async_programs import run, run_on, turns

Run = Callable[..., Any]
__all__ = ["run"]

IS_EAGER = sys.version_info >= (3, 12)
eager = pytest.mark.skipif(not IS_EAGER, reason="tasks start eagerly from Python 3.12 on")

REQUEST: ContextVar[str] = ContextVar("request", default="none")


class Placed: ...


class Paid: ...


def test_the_current_task_is_the_handlers_own_from_its_first_line(run: Run) -> None:
    bus = AsyncEventBus()
    tasks: list[object] = []

    async def handle(_event: object) -> None:
        first = asyncio.current_task()
        await asyncio.sleep(0)
        assert asyncio.current_task() is first
        tasks.append(first)

    for _ in range(3):
        bus.subscribe(Placed, lambda event: handle(event))

    async def main() -> None:
        await bus.publish(Placed())
        assert None not in tasks
        assert len({*tasks, asyncio.current_task()}) == 4

    run(main)


def test_the_publishers_task_is_current_again_after_a_publish(run: Run) -> None:
    bus = AsyncEventBus()

    async def fail(_event: object) -> None:
        raise ValueError

    bus.subscribe(Placed, fail)

    async def main() -> None:
        mine = asyncio.current_task()
        for _ in range(3):
            with pytest.raises(HandlerErrors):
                await bus.publish(Placed())
            assert asyncio.current_task() is mine

    run(main)


def test_a_sync_handler_runs_in_the_publishers_task(run: Run) -> None:
    bus = AsyncEventBus()
    tasks: list[object] = []
    bus.subscribe(Placed, lambda _: tasks.append(asyncio.current_task()))

    async def main() -> None:
        await bus.publish(Placed())
        assert tasks == [asyncio.current_task()]

    run(main)


def test_a_handler_sees_the_publishers_context_and_keeps_its_own_changes(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[str] = []

    def handler(name: str) -> Callable[[object], Any]:
        async def handle(_event: object) -> None:
            seen.append(REQUEST.get())
            REQUEST.set(name)
            await asyncio.sleep(0)
            assert REQUEST.get() == name

        return handle

    for name in "abc":
        bus.subscribe(Placed, handler(name))

    async def main() -> None:
        REQUEST.set("publisher")
        await bus.publish(Placed())
        assert REQUEST.get() == "publisher"

    run(main)
    assert seen == ["publisher"] * 3


def test_the_context_is_that_of_the_await_not_of_the_call(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[str] = []

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        seen.append(REQUEST.get())

    async def main() -> None:
        publish = bus.publish(Placed())
        REQUEST.set("later")
        await publish
        REQUEST.set("task")
        task = asyncio.create_task(bus.publish(Placed()))
        REQUEST.set("too late")
        await task

    run(main)
    assert seen == ["later", "task"]


def test_a_publish_leaves_nothing_of_its_own_in_the_context(run: Run) -> None:
    bus = AsyncEventBus()

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        import contextvars

        await bus.publish(Placed())
        before = dict(contextvars.copy_context())
        publish = asyncio.create_task(bus.publish(Placed()))
        await publish
        await bus.publish(Placed())
        assert dict(contextvars.copy_context()) == before

    run(main)


def test_timeout_ends_what_is_in_the_handler_and_nothing_else(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        ended.append("handler")

    async def main() -> None:
        await bus.publish(Placed())
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0

    run(main)
    assert ended == ["handler"]


def test_a_task_group_in_the_first_line_of_a_handler_belongs_to_it(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError

    @bus.on(Placed)
    async def grouped(_event: Placed) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            await asyncio.Event().wait()

    @bus.on(Placed)
    async def other(_event: Placed) -> None:
        await turns(10)
        ended.append("other")

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        (group,) = caught.value.exceptions
        assert isinstance(group, ExceptionGroup)
        assert isinstance(group.exceptions[0], KeyError)

    run(main)
    assert ended == ["other"]


def test_wait_for_and_gather_in_a_handler(run: Run) -> None:
    bus = AsyncEventBus()

    async def number(value: int) -> int:
        await asyncio.sleep(0)
        return value

    @bus.on(Placed)
    async def handle(_event: Placed) -> object:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        assert await asyncio.wait_for(number(1), 60) == 1
        return await asyncio.gather(number(2), number(3))

    async def main() -> None:
        (delivery,) = (await bus.deliver(Placed())).deliveries
        assert delivery.result == [2, 3]

    run(main)


@eager
@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_handlers_that_never_suspend_never_go_through_the_loop(verb: str) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []

    async def fails(event: object) -> None:
        ran.append(event)
        raise ValueError

    async def nested(event: object) -> None:
        ran.append(event)
        await bus.publish(Paid())

    @bus.on(Paid)
    async def innermost(event: object) -> None:
        ran.append(event)

    bus.subscribe(Placed, nested)
    bus.subscribe(Placed, fails, on_error=ran.append)
    bus.subscribe(Placed, lambda event: nested(event))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        scheduled: list[object] = []
        known = loop.call_soon

        def counted(callback: Any, *args: Any, context: Any = None) -> Any:
            scheduled.append(callback)
            return known(callback, *args, context=context)

        loop.call_soon = counted  # type: ignore[method-assign]
        try:
            await getattr(bus, verb)(Placed())
        finally:
            loop.call_soon = known  # type: ignore[method-assign]
        assert scheduled == []

    run_on(None, main)
    assert len(ran) == 6


@eager
def test_such_a_publish_does_not_suspend_its_publisher(run: Run) -> None:
    bus = AsyncEventBus()

    @bus.on(Placed)
    async def at_once(_event: Placed) -> None: ...

    async def main() -> None:
        with pytest.raises(StopIteration):
            bus.publish(Placed()).send(None)

    run(main)


@eager
def test_async_handlers_that_never_suspend_keep_call_order_with_sync_ones(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[int] = []

    def handler(number: int) -> Callable[[object], Any]:
        async def handle(_event: object) -> None:
            order.append(number)

        return handle

    for number in range(10):
        bus.subscribe(
            Placed,
            handler(number) if number % 2 else lambda _, number=number: order.append(number),
        )
    run(lambda: bus.publish(Placed()))
    assert order == list(range(10))


# Awaitables that nobody foresaw.


class Later:
    def __init__(self, ran: list[object]) -> None:
        self.ran = ran

    def __await__(self) -> Generator[Any, Any, str]:
        yield from asyncio.sleep(0).__await__()
        self.ran.append("awaited")
        return "result"


async def later(ran: list[object], _event: object = None) -> str:
    await asyncio.sleep(0)
    ran.append("awaited")
    return "result"


class Handler:
    def __init__(self, ran: list[object]) -> None:
        self.ran = ran

    async def __call__(self, _event: object) -> str:
        return await later(self.ran)

    async def handle(self, _event: object) -> str:
        return await later(self.ran)


def wrapper(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return function(*arguments)

    return call


AWAITED: dict[str, Callable[[list[object]], Callable[[object], Any]]] = {
    "a lambda": lambda ran: lambda event: later(ran, event),
    "a partial": lambda ran: functools.partial(later, ran),
    "a wrapper": lambda ran: wrapper(functools.partial(later, ran)),
    "a bound method": lambda ran: Handler(ran).handle,
    "a callable object": lambda ran: Handler(ran),
    "a partial of a method": lambda ran: functools.partial(Handler(ran).handle),
    "a task": lambda ran: lambda _: asyncio.get_running_loop().create_task(later(ran)),
    "a gather": lambda ran: lambda _: asyncio.gather(later(ran)),
    "a shield": lambda ran: lambda _: asyncio.shield(later(ran)),
    "an object with __await__": lambda ran: lambda _: Later(ran),
}


@pytest.mark.parametrize("kind", AWAITED)
def test_whatever_awaitable_a_handler_gives_is_awaited(run: Run, kind: str) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []
    bus.subscribe(Placed, AWAITED[kind](ran))

    async def main() -> None:
        await bus.publish(Placed())
        assert ran == ["awaited"]
        (delivery,) = (await bus.deliver(Placed())).deliveries
        assert delivery.status == "ok"
        assert delivery.result in ("result", ["result"])

    run(main)


def test_a_future_that_a_handler_gives_is_awaited(run: Run) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        future = asyncio.get_running_loop().create_future()
        bus.subscribe(Placed, lambda _: future)
        publish = asyncio.create_task(bus.publish(Placed()))
        await turns(3)
        assert not publish.done()
        future.set_exception(KeyError(1))
        with pytest.raises(HandlerErrors) as caught:
            await publish
        assert caught.value.exceptions == (future.exception(),)

    run(main)


@types.coroutine
def generator_coroutine(event: list[object]) -> Generator[Any, Any, None]:
    yield from asyncio.sleep(0).__await__()
    event.append("awaited")


@pytest.mark.parametrize("kind", ["handler", "lambda"])
def test_a_generator_that_types_coroutine_marked_is_awaited(run: Run, kind: str) -> None:
    bus = AsyncEventBus()
    if kind == "handler":
        bus.subscribe(list, generator_coroutine)
    else:
        bus.subscribe(list, lambda event: generator_coroutine(event))
    event: list[object] = []
    run(lambda: bus.publish(event))
    assert event == ["awaited"]


def test_an_awaitable_that_fails_to_be_awaited_is_a_failure_of_its_handler(run: Run) -> None:
    class Refuses:
        def __await__(self) -> Any:
            raise KeyError("no")

    class NoIterator:
        def __await__(self) -> Any:
            return 3

    bus = AsyncEventBus()
    once: list[Any] = []

    def reused(event: object) -> Any:
        once.append(once[0] if once else later([]))
        return once[0]

    bus.subscribe(Placed, lambda _: Refuses())
    bus.subscribe(Placed, lambda _: NoIterator())
    bus.subscribe(Placed, reused)

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert [type(each) for each in caught.value.exceptions] == [KeyError, TypeError]
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert [type(each) for each in caught.value.exceptions] == [
            KeyError,
            TypeError,
            RuntimeError,
        ]

    run(main)


def test_what_is_not_awaitable_is_a_result(run: Run) -> None:
    bus = AsyncEventBus()
    results = [1, "text", [], object(), (n for n in range(3))]
    for result in results:
        bus.subscribe(Placed, lambda _, result=result: result)

    async def main() -> None:
        await bus.publish(Placed())
        report = await bus.deliver(Placed())
        assert [each.result for each in report.deliveries] == results

    run(main)


@pytest.mark.parametrize("how", ["generator", "async generator"])
def test_generator_functions_are_refused(how: str) -> None:
    def generator(_event: object) -> Generator[None, None, None]:
        yield

    async def async_generator(_event: object) -> Any:
        yield

    bus = AsyncEventBus()
    with pytest.raises(TypeError, match="generator function"):
        bus.subscribe(Placed, generator if how == "generator" else async_generator)
