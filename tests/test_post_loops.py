"""Posts on loops that end, that are closed, that make tasks in ways of their own; on several."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import AsyncEventBus
from tests.async_programs import run, run_on, turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["run"]

PATIENCE = 10.0


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Make a loop that is closed as it is, and has nothing to say of that."""
    loop = asyncio.new_event_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield loop
    loop.close()
    gc.collect()
    assert complaints == []


async def never(_event: object) -> None:
    await asyncio.Event().wait()


def leave_behind(bus: AsyncEventBus, loop: asyncio.AbstractEventLoop, *events: object) -> None:
    """Post events to a loop, which is closed while their handlers wait."""

    async def main() -> None:
        for event in events:
            bus.post(event)
        await turns(3)

    loop.run_until_complete(main())
    loop.close()


def test_what_was_posted_to_a_loop_that_is_closed_takes_no_room(
    loop: asyncio.AbstractEventLoop, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus(max_pending=2)
    seen: list[str] = []
    bus.subscribe(int, never, name="never")
    bus.subscribe(str, seen.append)
    leave_behind(bus, loop, 1, 2)
    assert bus.pending == 2

    async def main() -> None:
        bus.post("there is room")
        await bus.drain(PATIENCE)

    run(main)
    assert seen == ["there is room"]
    assert "lost, as their event loop has ended: 1 to never" in caplog.text


def test_a_line_goes_on_on_another_loop_when_its_own_is_closed(
    loop: asyncio.AbstractEventLoop, run: Any
) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        if number == 1:
            await never(number)
        seen.append(number)

    leave_behind(bus, loop, 1, 2)

    async def main() -> None:
        bus.post(3)
        await bus.drain(PATIENCE)

    run(main)
    assert seen == [3]


def test_a_line_goes_on_when_the_next_loop_in_turn_is_closed(
    loop: asyncio.AbstractEventLoop, run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []
    released = threading.Event()

    @bus.on(int, name="counts")
    async def handle(number: int) -> None:
        assert await asyncio.to_thread(released.wait, PATIENCE)
        seen.append(number)

    async def main() -> None:
        bus.post(1)
        await turns(3)
        await asyncio.to_thread(leave_behind, bus, loop, 2)
        bus.post(3)
        released.set()
        await bus.drain(PATIENCE)

    run(main)
    assert seen == [1, 3]
    assert bus.pending == 0
    assert "lost, as their event loop has ended: 1 to counts" in caplog.text


@pytest.mark.parametrize("waits", [False, True])
def test_an_exception_that_is_none_of_its_kind_is_logged_and_the_loop_goes_on(
    run: Any, waits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Strange(BaseException): ...

    bus = AsyncEventBus()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        if waits:
            await asyncio.sleep(0)
        if number == 1:
            raise Strange
        seen.append(number)

    async def main() -> None:
        for number in range(4):
            bus.post(number)
        await bus.drain(PATIENCE)

    run(main)
    assert seen == [0, 2, 3]
    assert "Strange" in caplog.text


def test_where_no_task_can_be_made_the_posts_are_lost_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = AsyncEventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append, name="adds")

    def refuse(_loop: object, coroutine: Any, **_options: object) -> Any:
        coroutine.close()
        raise MemoryError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        loop.set_task_factory(refuse)
        bus.post(1)
        await bus.drain(PATIENCE)
        loop.set_task_factory(None)
        assert "1 to adds" in caplog.text
        bus.post(2)
        await bus.drain(PATIENCE)
        assert seen == [2]

    asyncio.run(main())


def test_a_time_that_is_just_over_when_the_last_has_ended_is_enough(run: Any) -> None:
    bus = AsyncEventBus()
    bus.subscribe(int, lambda _: None)

    async def main() -> None:
        bus.post(1)
        await bus.drain(0)
        assert bus.pending == 0

    run(main)


def test_a_bus_that_is_entered_again_while_it_closes_stays_open(run: Any) -> None:
    bus = AsyncEventBus()
    released = asyncio.Event()
    seen: list[object] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        await released.wait()
        seen.append(number)

    async def main() -> None:
        async with bus:
            bus.post(1)
            closing = asyncio.create_task(bus.close(PATIENCE))
            await turns(2)
            async with bus:
                released.set()
                await closing
                bus.post(2)
                await asyncio.to_thread(bus.post, 3)
            assert seen == [1, 2, 3]

    run(main)


def test_several_wait_for_the_end_on_several_loops(run: Any) -> None:
    bus = AsyncEventBus()
    released = threading.Event()
    seen: list[int] = []

    @bus.on(int)
    async def handle(number: int) -> None:
        assert await asyncio.to_thread(released.wait, PATIENCE)
        seen.append(number)

    async def main() -> None:
        bus.post(1)
        bus.post(2)
        waiting = [asyncio.create_task(bus.drain(PATIENCE)) for _ in range(3)]
        elsewhere = asyncio.create_task(asyncio.to_thread(asyncio.run, bus.drain(PATIENCE)))
        await turns(3)
        released.set()
        await asyncio.gather(elsewhere, *waiting)
        assert seen == [1, 2]

    run(main)


def test_a_post_waits_no_longer_than_until_there_is_room(run: Any) -> None:
    bus = AsyncEventBus(max_pending=4)
    goes_on = threading.Event()
    seen: list[str] = []
    bus.subscribe(str, seen.append)
    # It blocks its loop until the thread has posted, for which there is room.
    bus.subscribe(int, lambda _: goes_on.wait(PATIENCE))
    bus.subscribe(bytes, lambda _: None)
    bus.subscribe(float, lambda _: None)

    def post() -> None:
        bus.post("more")
        goes_on.set()

    async def main() -> None:
        async with bus:
            for event in ("first", 1, b"", 0.5):
                bus.post(event)
            poster = threading.Thread(target=post)
            poster.start()
            poster.join(0.05)
            await bus.drain(PATIENCE)
            poster.join(PATIENCE)
            assert not poster.is_alive()
        assert goes_on.is_set()
        assert seen == ["first", "more"]

    run(main)


@pytest.mark.parametrize("how", ["timeout", "own cancel"])
def test_a_handler_that_was_cancelled_in_between_holds_nobody_up(run: Any, how: str) -> None:
    bus = AsyncEventBus(on_error=lambda _: None)
    released = asyncio.Event()
    seen: list[str] = []

    @bus.on(int)
    async def cancelled(_number: int) -> None:
        if how == "timeout":
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                return
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    @bus.on(str)
    async def waits(event: str) -> None:
        if event == "first":
            await released.wait()
        seen.append(event)

    @bus.on(float)
    async def opens(_event: float) -> None:
        released.set()

    async def main() -> None:
        bus.post(1)
        await turns(1)
        bus.post("first")
        bus.post("second")
        await turns(4)
        bus.post(0.5)
        await bus.drain(PATIENCE)
        assert seen == ["first", "second"]

    run(main)


def test_many_handlers_wait_side_by_side_and_no_task_is_left(run: Any) -> None:
    bus = AsyncEventBus()
    waiting = 0
    all_wait = asyncio.Event()

    def make() -> Callable[[int], Any]:
        async def handle(number: int) -> None:
            nonlocal waiting
            waiting += 1
            if waiting == 200:
                all_wait.set()
            await all_wait.wait()

        return handle

    for _ in range(200):
        bus.subscribe(int, make())

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await bus.drain(PATIENCE)
        assert waiting == 600
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)
