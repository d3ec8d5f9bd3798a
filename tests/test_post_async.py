"""`post` on the async bus: on which loop, in which task, and what becomes of it at the end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from buswork import AsyncEventBus, Failure, HandlerCancelled, PublishRecursionError
from tests.async_programs import LOOPS, run

Run = Callable[..., Any]
__all__ = ["run"]

PATIENCE = 10.0


@pytest.fixture(params=LOOPS)
def run_and_end(request: pytest.FixtureRequest) -> Run:
    """Run a program that leaves something behind when its loop ends."""

    def run_to_the_end(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(main())

    return run_to_the_end


@pytest.fixture(autouse=True)
def _nothing_is_complained_of(caplog: pytest.LogCaptureFixture) -> Any:
    """The loop has nothing to say of a task, and Python nothing of a coroutine."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
        gc.collect()
    said = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    # Of a task that was interrupted asyncio always has something to say.
    assert [message for message in said if "KeyboardInterrupt" not in message] == []


def test_post_returns_before_the_handlers_run(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(int)
    async def waits(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    bus.subscribe(int, lambda number: seen.append(-number))

    async def main() -> None:
        bus.post(1)
        assert seen == []
        assert bus.pending == 2
        await bus.drain(PATIENCE)
        assert sorted(seen) == [-1, 1]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_posts_to_one_handler_run_in_order_one_at_a_time_beside_others(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[str] = []
    released = asyncio.Event()

    @bus.on(int)
    async def slow(number: int) -> None:
        order.append(f"slow {number} in")
        await released.wait()
        await asyncio.sleep(0)
        order.append(f"slow {number} out")

    @bus.on(int)
    async def quick(number: int) -> None:
        order.append(f"quick {number}")
        if number == 2:
            released.set()

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await bus.drain(PATIENCE)
        assert [each for each in order if "slow" in each] == [
            f"slow {number} {way}" for number in range(3) for way in ("in", "out")
        ]
        assert order.index("quick 2") < order.index("slow 0 out")

    run(main)


def test_a_handler_that_waits_is_a_task_of_its_own(run: Run) -> None:
    bus = AsyncEventBus()
    tasks: list[tuple[Any, Any]] = []

    async def waits(_number: int) -> None:
        before = asyncio.current_task()
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        with anyio.move_on_after(0.001):
            await anyio.sleep_forever()
        async with anyio.create_task_group() as anyio_group:
            anyio_group.start_soon(anyio.sleep, 0)
        tasks.append((before, asyncio.current_task()))

    for _ in range(3):
        bus.subscribe(int, lambda number: waits(number))

    async def main() -> None:
        bus.post(1)
        bus.post(2)
        await bus.drain(PATIENCE)
        assert len(tasks) == 6
        assert all(before is after for before, after in tasks)
        assert len({id(after) for _, after in tasks}) == 6

    run(main)


def test_a_handler_that_cancels_itself_has_failed_and_its_line_goes_on(run: Run) -> None:
    failures: list[Failure] = []
    bus = AsyncEventBus(on_error=failures.append)
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        if number == 1:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)
        seen.append(number)

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await bus.drain(PATIENCE)
        assert seen == [0, 2]
        assert [type(failure.error) for failure in failures] == [HandlerCancelled]

    run(main)


@pytest.mark.parametrize("waits", [False, True])
def test_one_that_cancels_itself_takes_nobody_with_it(run: Run, waits: bool) -> None:
    bus = AsyncEventBus(on_error=lambda _: None)
    seen: list[int] = []

    @bus.on(str)
    async def cancel_itself(_event: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            await asyncio.sleep(0)

    @bus.on(int)
    def chain(number: int) -> None:
        seen.append(number)
        if number < 200:
            bus.post(number + 1)

    async def main() -> None:
        bus.post("one")
        bus.post("two")
        bus.post(0)
        await bus.drain(PATIENCE)
        assert seen == list(range(201))

    run(main)


def test_one_that_cancels_its_task_and_ends_has_failed_and_nobody_else(run: Run) -> None:
    failures: list[Failure] = []
    bus = AsyncEventBus(on_error=failures.append)
    seen: list[str] = []

    @bus.on(int, name="culprit")
    async def cancel_and_end(_event: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    @bus.on(str)
    async def innocent(event: str) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    async def main() -> None:
        bus.post(1)
        bus.post("a")
        bus.post("b")
        await bus.drain(PATIENCE)
        assert seen == ["a", "b"]
        assert [(one.name, type(one.error)) for one in failures] == [("culprit", HandlerCancelled)]

    run(main)


def test_a_loop_that_closes_takes_nothing_of_another_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    posted = threading.Event()

    def post_elsewhere() -> None:
        async def post() -> None:
            bus.post(2)

        posted.wait()
        asyncio.run(post())

    thread = threading.Thread(target=post_elsewhere)

    @bus.on(int)
    def slow(number: int) -> None:
        if number == 1:
            posted.set()
            thread.join()
        seen.append(number)

    bus.subscribe(str, seen.append)

    async def main() -> None:
        thread.start()
        bus.post(1)
        for text in ("x", "y"):
            bus.post(text)
        await asyncio.sleep(0.01)
        bus.post("z")
        await bus.drain(PATIENCE)

    asyncio.run(main())
    assert sorted(map(str, seen)) == ["1", "x", "y", "z"]
    assert "lost, as their event loop has ended: 1 to " in caplog.text


@pytest.mark.parametrize("wrap", [asyncio.create_task, lambda it: asyncio.wait_for(it, 1.0)])
def test_drain_says_so_before_somebody_makes_a_task_of_it(run: Run, wrap: Any) -> None:
    failures: list[Failure] = []
    bus = AsyncEventBus(on_error=failures.append)

    @bus.on(int)
    async def handle(_number: int) -> None:
        await wrap(bus.drain())

    async def main() -> None:
        bus.post(1)
        await bus.drain(PATIENCE)

    run(main)
    assert [type(failure.error) for failure in failures] == [RuntimeError]


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="asyncio has its eager task factory from Python 3.12 on"
)
def test_with_an_eager_task_factory_a_post_returns_first() -> None:
    bus = AsyncEventBus(max_pending=5_000)
    begun: list[int] = []
    ended: list[int] = []
    for number in range(1_200):

        @bus.on(int, name=f"handler {number}")
        async def handle(number: int) -> None:
            begun.append(number)
            await asyncio.sleep(0.001)
            ended.append(number)

    bus.subscribe(int, begun.append)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        bus.post(1)
        assert begun == []
        bus.post(2)
        assert begun == []
        await bus.drain(PATIENCE)

    asyncio.run(main())
    assert sorted(begun) == [1] * 1_201 + [2] * 1_201
    assert sorted(ended) == [1] * 1_200 + [2] * 1_200


def test_the_context_is_a_copy_of_the_posters_also_after_a_wait(run: Run) -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who")
    bus = AsyncEventBus()
    seen: list[str] = []

    @bus.on(str)
    async def handle(name: str) -> None:
        seen.append(who.get())
        who.set(f"{name}'s handler")
        await asyncio.sleep(0)
        seen.append(who.get())

    bus.subscribe(str, lambda _: seen.append(who.get()))

    async def main() -> None:
        for name in ("one", "two"):
            who.set(name)
            bus.post(name)
        await bus.drain(PATIENCE)
        assert who.get() == "two"
        assert sorted(seen) == sorted(
            ["one", "one", "one's handler", "two", "two", "two's handler"]
        )

    run(main)


def test_whatever_a_handler_returns_is_awaited(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[str] = []

    class Awaitable:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            seen.append("object")

    def future(_number: int) -> asyncio.Future[None]:
        made = asyncio.get_running_loop().create_future()
        made.add_done_callback(lambda _: seen.append("future"))
        asyncio.get_running_loop().call_soon(made.set_result, None)
        return made

    bus.subscribe(int, lambda _: Awaitable())
    bus.subscribe(int, future)

    async def main() -> None:
        bus.post(1)
        await bus.drain(PATIENCE)
        await asyncio.sleep(0)
        assert sorted(seen) == ["future", "object"]

    run(main)


def test_failures_are_logged_or_given_to_on_error(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()
    failures: list[Failure] = []

    @bus.on(int, name="late")
    async def fail_late(number: int) -> None:
        await asyncio.sleep(0)
        raise ValueError(number)

    @bus.on(int, on_error=failures.append, name="given")
    async def fail_at_once(number: int) -> None:
        raise KeyError(number)

    @bus.on(int, once=True, on_error=failures.append, name="once")
    async def fail_once(number: int) -> None:
        await asyncio.sleep(0)
        raise OSError(number)

    async def main() -> None:
        bus.post(1)
        bus.post(2)
        await bus.drain(PATIENCE)

    run(main)
    logged = [record for record in caplog.records if record.name == "buswork"]
    assert [record.levelno for record in logged] == [logging.ERROR] * 2
    assert f"handler late ({__file__}:" in caplog.text
    assert f"published at {__file__}:" in caplog.text
    assert sorted(failure.name for failure in failures) == ["given", "given", "once"]
    assert all(failure.handler is not None for failure in failures)


def test_a_posted_delivery_begins_a_chain(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    bus = AsyncEventBus(max_depth=3)
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        seen.append(number)
        if number < 50:
            bus.post(number + 1)

    @bus.on(str)
    async def runaway(event: str) -> None:
        await bus.publish(event)

    async def main() -> None:
        await bus.publish(0)
        bus.post("round")
        await bus.drain(PATIENCE)

    run(main)
    assert seen == list(range(51))
    assert PublishRecursionError.__name__ in caplog.text


def test_other_threads_post_to_the_home_of_the_bus(run: Run) -> None:
    bus = AsyncEventBus()
    loops: list[object] = []

    @bus.on(int)
    async def handle(_number: int) -> None:
        loops.append(asyncio.get_running_loop())

    async def entered() -> None:
        async with bus:
            await asyncio.to_thread(bus.post, 1)
        assert loops == [asyncio.get_running_loop()]

    async def published() -> None:
        await bus.publish(2)
        await asyncio.to_thread(bus.post, 3)
        await bus.drain(PATIENCE)
        assert loops == [asyncio.get_running_loop()] * 2

    run(entered)
    with pytest.raises(RuntimeError, match="closed for posts"):
        asyncio.run(asyncio.to_thread(bus.post, 1))
    loops.clear()
    bus = AsyncEventBus()
    bus.on(int)(handle)
    run(published)


def test_without_a_loop_and_a_home_a_post_says_how_to_give_it_one() -> None:
    bus = AsyncEventBus()
    bus.subscribe(int, print)
    with pytest.raises(RuntimeError, match=r"the bus has none: .*`async with bus:`"):
        bus.post(1)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(bus.publish("nobody"))
    loop.close()
    with pytest.raises(RuntimeError, match="the loop of the bus is closed: post from a coroutine"):
        bus.post(1)


def test_a_home_that_is_closed_is_followed_by_the_next_loop() -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        seen.append(number)

    async def main(number: int) -> None:
        await bus.publish(number)
        await asyncio.to_thread(bus.post, number + 1)
        await bus.drain(PATIENCE)

    for number in (1, 3, 5):
        asyncio.run(main(number))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_the_order_of_a_handler_holds_across_loops() -> None:
    bus = AsyncEventBus()
    seen: list[tuple[int, int]] = []
    running = threading.Lock()

    @bus.on(tuple)
    async def handle(event: tuple[int, int]) -> None:
        assert running.acquire(blocking=False)
        await asyncio.sleep(0)
        running.release()
        seen.append(event)

    async def main(thread: int, together: threading.Barrier) -> None:
        together.wait()
        for number in range(100):
            bus.post((thread, number))
            await asyncio.sleep(0)
        await bus.drain(PATIENCE)
        together.wait()

    together = threading.Barrier(3, timeout=PATIENCE)
    threads = [
        threading.Thread(target=lambda each=each: asyncio.run(main(each, together)))
        for each in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert len(seen) == 300
    for each in range(3):
        assert [number for thread, number in seen if thread == each] == list(range(100))


@pytest.mark.parametrize("verb", ["drain", "close"])
def test_waiting_for_the_end(run: Run, verb: str) -> None:
    bus = AsyncEventBus()
    released = asyncio.Event()

    @bus.on(int, name="bank")
    async def handle(_number: int) -> None:
        await released.wait()

    async def main() -> None:
        bus.post(1)
        with pytest.raises(
            TimeoutError, match=r"1 delivery pending: 1 to bank \(one in progress\)"
        ):
            await getattr(bus, verb)(0.01)
        released.set()
        await getattr(bus, verb)()
        assert bus.pending == 0
        with pytest.raises(ValueError, match="must not be negative"):
            await getattr(bus, verb)(-1)

    run(main)


@pytest.mark.parametrize("how", ["publish", "post"])
@pytest.mark.parametrize("waits_first", [False, True])
def test_from_inside_a_handler_drain_would_wait_for_itself(
    run: Run, how: str, waits_first: bool
) -> None:
    failures: list[Failure] = []
    bus = AsyncEventBus(on_error=failures.append)

    @bus.on(int)
    async def handle(_number: int) -> None:
        if waits_first:
            await asyncio.sleep(0)
        await bus.drain(1.0)

    async def main() -> None:
        if how == "publish":
            await bus.publish(1)
        else:
            bus.post(1)
        await bus.drain(PATIENCE)

    run(main)
    assert [type(failure.error) for failure in failures] == [RuntimeError]


def test_a_drain_that_is_cancelled_leaves_the_posts_alone(run: Run) -> None:
    bus = AsyncEventBus()
    released = asyncio.Event()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        await released.wait()
        seen.append(number)

    async def main() -> None:
        bus.post(1)
        draining = asyncio.create_task(bus.drain())
        await asyncio.sleep(0)
        draining.cancel()
        await asyncio.wait([draining])
        assert draining.cancelled()
        released.set()
        await bus.drain(PATIENCE)
        assert seen == [1]

    run(main)


def test_handlers_may_post_while_the_bus_is_closing(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)
        if number < 3:
            bus.post(number + 1)

    async def main() -> None:
        async with bus:
            bus.post(0)
        assert seen == [0, 1, 2, 3]
        with pytest.raises(RuntimeError, match="closed for posts"):
            bus.post(9)
        async with bus:
            bus.post(3)
        assert seen[-1] == 3

    run(main)


def test_what_handlers_have_begun_may_post_while_the_bus_is_closing(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[float] = []
    bus.subscribe(float, seen.append)

    @bus.on(int)
    async def nests(_event: int) -> None:
        await bus.publish("nested")
        async with asyncio.TaskGroup() as group:
            group.create_task(late())

    @bus.on(str)
    async def late(_event: str = "") -> None:
        await asyncio.sleep(0)
        bus.post(1.5)

    @bus.add_middleware
    async def layer(event: object, call_next: Callable[[object], Any]) -> None:
        await asyncio.sleep(0)
        async with asyncio.TaskGroup() as group:
            group.create_task(call_next(event))

    async def main() -> None:
        async with bus:
            bus.post(1)

    run(main)
    assert seen == [1.5, 1.5]


def test_the_last_block_to_be_left_closes(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        seen.append(number)

    async def main() -> None:
        async with bus:
            async with bus:
                bus.post(1)
            assert seen == [1]
            await asyncio.to_thread(bus.post, 2)
        with pytest.raises(RuntimeError, match="closed for posts"):
            bus.post(3)

    run(main)
    assert seen == [1, 2]


def test_a_loop_that_ends_delivers_what_had_not_begun(
    run_and_end: Run, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()
    seen: list[str] = []

    @bus.on(str, name="hangs")
    async def hangs(event: str) -> None:
        seen.append(f"{event} begins")
        if event == "first":
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        seen.append(f"{event} ends")

    @bus.on(int)
    async def quick(number: int) -> None:
        seen.append(str(number))

    async def main() -> None:
        bus.post("first")
        bus.post("second")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        bus.post(1)

    run_and_end(main)
    assert seen.count("first begins") == 1
    assert sorted(seen) == ["1", "first begins", "second begins", "second ends"]
    assert bus.pending == 0
    assert "HandlerCancelled" in caplog.text
    assert "handler hangs" in caplog.text


def test_a_handler_that_posts_anew_does_not_keep_a_loop_from_its_end(
    run_and_end: Run, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()

    @bus.on(int, name="ticker")
    def tick(number: int) -> None:
        bus.post(number + 1)

    async def main() -> None:
        bus.post(0)
        await asyncio.sleep(0.005)

    run_and_end(main)
    assert bus.pending == 0
    assert "lost, as their event loop has ended: 1 to ticker" in caplog.text


@pytest.mark.parametrize("waits", [False, True])
def test_what_a_loop_that_is_just_closed_loses_is_logged(
    waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()

    @bus.on(int, name="waits")
    async def handle(_number: int) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        bus.post(1)
        bus.post(2)
        if waits:
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    loop.run_until_complete(main())
    loop.close()
    asyncio.run(bus.drain(PATIENCE))
    gc.collect()
    assert bus.pending == 0
    assert "to waits" in caplog.text
    if waits:
        assert "never will: its event loop is closed" in caplog.text


def test_an_interrupt_in_a_posted_handler_ends_the_loop_and_loses_nothing() -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        if number == 1:
            raise KeyboardInterrupt
        seen.append(number)

    async def main() -> None:
        for number in range(4):
            bus.post(number)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert seen == [0, 2, 3]
    assert bus.pending == 0


def test_a_task_factory_makes_the_tasks() -> None:
    bus = AsyncEventBus()
    made: list[object] = []

    def factory(loop: Any, coroutine: Coroutine[Any, Any, Any], **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)
        bus.subscribe(int, lambda _: asyncio.sleep(0))
        bus.post(1)
        await bus.drain(PATIENCE)

    asyncio.run(main())
    assert "deliver_posts" in repr(made)


def test_a_task_that_delivers_shows_the_handler_that_waits(run: Run) -> None:
    bus = AsyncEventBus()
    released = asyncio.Event()

    @bus.on(int)
    async def at_the_bank(_number: int) -> None:
        await released.wait()

    async def main() -> None:
        bus.post(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (task,) = asyncio.all_tasks() - {asyncio.current_task()}
        assert "buswork.deliver_posts" in repr(task)
        assert [frame.f_code.co_name for frame in task.get_stack()] == ["at_the_bank"]
        assert "at_the_bank" in repr(task.get_coro())
        released.set()
        await bus.drain(PATIENCE)

    run(main)


def test_debug_mode() -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    async def main() -> None:
        async with bus:
            bus.post(1)
            await asyncio.to_thread(bus.post, 2)

    asyncio.run(main(), debug=True)
    assert seen == [1, 2]
