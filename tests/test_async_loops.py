"""Loops of every kind: several at once, uvloop, task factories, debug mode, and interrupts."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, HandlerErrors
from tests.async_programs import run, run_on, turns, until_done, uvloop

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


class Paid: ...


def busy_bus(seen: list[object]) -> AsyncEventBus:
    """Return a bus with handlers of every kind."""
    bus = AsyncEventBus()

    @bus.on(Placed)
    async def nested(event: Placed) -> None:
        await turns(1)
        await bus.publish(Paid())
        seen.append(event)

    @bus.on(Paid)
    async def later(event: Paid) -> None:
        await turns(2)
        seen.append(event)

    @bus.on(Placed)
    async def fail(_event: Placed) -> None:
        await turns(1)
        raise ValueError

    bus.subscribe(Placed, seen.append)
    return bus


async def publish_a_lot(bus: AsyncEventBus, times: int) -> None:
    async def once() -> None:
        with pytest.raises(HandlerErrors):
            await bus.publish(Placed())

    await asyncio.gather(*(once() for _ in range(times)))


@pytest.mark.skipif(uvloop is None, reason="there is no uvloop for this platform")
def test_uvloop_run_takes_a_publish() -> None:
    seen: list[object] = []
    uvloop.run(publish_a_lot(busy_bus(seen), 3))
    assert len(seen) == 9


def test_several_loops_in_several_threads_share_a_bus(run: Run) -> None:
    seen: list[object] = []
    bus = busy_bus(seen)
    problems: list[BaseException] = []
    together = threading.Barrier(6)

    def in_a_thread() -> None:
        async def main() -> None:
            await publish_a_lot(bus, 20)

        together.wait()
        try:
            run(main)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=in_a_thread) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(seen) == 6 * 20 * 3


def test_subscriptions_come_and_go_in_another_thread(run: Run) -> None:
    seen: list[object] = []
    bus = busy_bus(seen)
    has_ended = threading.Event()

    async def handle(_event: object) -> None:
        await turns(1)

    def churn() -> None:
        while not has_ended.is_set():
            with bus.subscribe(Placed, handle):
                pass

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        run(lambda: publish_a_lot(bus, 100))
    finally:
        has_ended.set()
        thread.join()
    assert len(seen) == 300


def test_a_loop_after_another(run: Run) -> None:
    seen: list[object] = []
    bus = busy_bus(seen)
    for _ in range(5):
        run(lambda: publish_a_lot(bus, 1))
    assert len(seen) == 15


def test_debug_mode(run: Run) -> None:
    seen: list[object] = []
    bus = busy_bus(seen)

    async def forever(_event: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await publish_a_lot(bus, 3)
        bus.subscribe(int, forever)
        task = asyncio.create_task(bus.publish(3))
        await turns(3)
        assert "Gate" in repr(task) or "wait_for" in repr(task)
        assert task.get_stack()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main, debug=True)
    assert len(seen) == 9


@pytest.mark.parametrize(
    "is_eager",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                sys.version_info < (3, 12), reason="tasks start eagerly from Python 3.12 on"
            ),
        ),
    ],
)
def test_a_task_factory_makes_the_tasks(run: Run, is_eager: bool) -> None:
    made: list[asyncio.Task[Any]] = []
    seen: list[object] = []
    bus = busy_bus(seen)
    tasks: list[object] = []

    @bus.on(int)
    async def look(_number: int) -> None:
        tasks.append(asyncio.current_task())
        await turns(1)
        tasks.append(asyncio.current_task())

    def factory(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        if is_eager:
            options["eager_start"] = True
        task = asyncio.Task(coroutine, loop=loop, **options)
        made.append(task)
        return task

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        await publish_a_lot(bus, 2)
        known = len(made)
        await bus.publish(3)
        assert made[known:] and tasks[0] is tasks[1] is made[known]
        asyncio.get_running_loop().set_task_factory(None)

    run(main)
    assert len(seen) == 6


def test_a_task_factory_that_fails_is_no_failure_of_a_handler(run: Run) -> None:
    bus = AsyncEventBus()
    made: list[Any] = []

    @bus.on(Placed)
    async def handle(_event: Placed) -> None: ...

    def factory(_loop: Any, coroutine: Any, **_options: Any) -> Any:
        made.append(coroutine)
        raise KeyError("no tasks today")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        try:
            with pytest.raises((KeyError, HandlerErrors)):
                await bus.publish(Placed())
        finally:
            loop.set_task_factory(None)
            for coroutine in made:
                coroutine.close()

    run(main)


# Interrupts.


class Abort(BaseException): ...


INTERRUPTS = [KeyboardInterrupt, SystemExit]


@pytest.mark.parametrize("kind", INTERRUPTS)
@pytest.mark.parametrize("is_async", [False, True])
def test_an_interrupt_at_the_start_goes_straight_through(
    kind: type[BaseException], is_async: bool
) -> None:
    bus = AsyncEventBus()
    ran: list[object] = []
    ended: list[str] = []

    async def forever(_event: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    def interrupt(_event: object) -> None:
        raise kind

    async def async_interrupt(_event: object) -> None:
        raise kind

    bus.subscribe(Placed, forever)
    bus.subscribe(Placed, async_interrupt if is_async else interrupt)
    bus.subscribe(Placed, ran.append)

    async def main() -> None:
        await bus.publish(Placed())

    with pytest.raises(kind):
        asyncio.run(main())
    # On Python 3.11 an async handler starts later than the sync one behind it.
    assert ran == [] or is_async
    assert ended in (["forever"], [])


@pytest.mark.parametrize("kind", INTERRUPTS)
def test_an_interrupt_after_a_suspension_ends_the_program_and_leaves_nobody(
    kind: type[BaseException],
) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    @bus.on(Placed)
    async def interrupt(_event: Placed) -> None:
        await turns(2)
        raise kind

    @bus.on(Placed)
    async def forever(_event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    with pytest.raises(kind):
        asyncio.run(bus.publish(Placed()))
    assert ended == ["forever"]
    gc.collect()


@pytest.mark.parametrize("on_error", ["raise", "log", "stop"])
def test_what_is_no_exception_of_a_handler_is_never_collected(run: Run, on_error: str) -> None:
    bus = AsyncEventBus(on_error=on_error)  # type: ignore[arg-type]

    @bus.on(Placed)
    async def abort(_event: Placed) -> None:
        await turns(1)
        raise Abort

    async def main() -> None:
        with pytest.raises(Abort):
            await bus.publish(Placed())

    run(main)


def test_failures_collected_before_an_interrupt_are_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()

    @bus.on(Placed)
    async def fail(_event: Placed) -> None:
        raise ValueError("lost?")

    @bus.on(Placed)
    async def abort(_event: Placed) -> None:
        await turns(1)
        raise Abort

    async def main() -> None:
        with pytest.raises(Abort):
            await bus.publish(Placed())

    run(main)
    assert "lost?" in caplog.text


def test_an_on_error_callable_that_interrupts_ends_the_publish(run: Run) -> None:
    ended: list[str] = []

    def abort(_failure: object) -> None:
        raise Abort

    bus = AsyncEventBus(on_error=abort)

    @bus.on(Placed)
    async def fail(_event: Placed) -> None:
        await turns(2)
        raise ValueError

    @bus.on(Placed)
    async def forever(_event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("forever")

    async def main() -> None:
        task = asyncio.create_task(bus.publish(Placed()))
        assert await until_done(task)
        with pytest.raises(Abort):
            await task

    run(main)
    assert ended == ["forever"]


def test_a_thread_may_hand_a_publish_to_a_loop() -> None:
    seen: list[object] = []
    bus = busy_bus(seen)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def in_a_thread() -> None:
            with pytest.raises(HandlerErrors):
                asyncio.run_coroutine_threadsafe(bus.publish(Placed()), loop).result(60)

        await asyncio.to_thread(in_a_thread)

    run_on(None, main)
    assert len(seen) == 3
