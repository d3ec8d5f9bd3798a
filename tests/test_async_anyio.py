"""anyio on asyncio: its task groups and cancel scopes, inside handlers and around a publish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, HandlerErrors
from tests.async_programs import run, turns

anyio = pytest.importorskip("anyio")

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


class Paid: ...


def waiting(cleanup: int, ended: list[str]) -> Callable[[object], Any]:
    async def handle(_event: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await turns(cleanup)
            ended.append("cleaned up")

    return handle


def not_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


def test_a_task_group_in_a_handler(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[int] = []

    async def work(number: int) -> None:
        await anyio.sleep(0)
        ended.append(number)

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(work, number)

    run(lambda: bus.publish(Placed()))
    assert sorted(ended) == [0, 1, 2]


def test_a_failing_task_group_in_a_handler_is_its_failure_alone(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    async def fail() -> None:
        raise KeyError

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            await anyio.sleep_forever()

    @bus.on(Placed)
    async def other(_event: Placed) -> None:
        await turns(20)
        ended.append("other")

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        (member,) = caught.value.exceptions
        assert isinstance(member, ExceptionGroup)
        assert isinstance(member.exceptions[0], KeyError)

    run(main)
    assert ended == ["other"]


@pytest.mark.parametrize("at_once", [True, False])
def test_scopes_in_a_handler_end_in_it(run: Run, at_once: bool) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []

    @bus.on(Placed)
    async def handle(_event: Placed) -> None:
        if not at_once:
            await asyncio.sleep(0)
        with anyio.move_on_after(0) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0):
                await anyio.sleep_forever()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep_forever()
        assert not_cancelling()
        await anyio.sleep(0)
        ended.append("well")

    async def main() -> None:
        await bus.publish(Placed())
        assert not_cancelling()

    run(main)
    assert ended == ["well"]


@pytest.mark.parametrize("cleanup", [0, 1, 20])
@pytest.mark.parametrize("handlers", [1, 3])
def test_move_on_after_around_a_publish(run: Run, handlers: int, cleanup: int) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []
    for _ in range(handlers):
        bus.subscribe(Placed, waiting(cleanup, ended))

    async def main() -> None:
        with anyio.move_on_after(0.001) as scope:
            await bus.publish(Placed())
        assert scope.cancelled_caught
        assert ended == ["cleaned up"] * handlers
        assert not_cancelling()
        await anyio.sleep(0)

    run(main)


def test_fail_after_around_a_publish(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []
    bus.subscribe(Placed, waiting(5, ended))

    async def main() -> None:
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.001):
                await bus.publish(Placed())
        assert ended == ["cleaned up"]
        assert not_cancelling()

    run(main)


def test_failures_do_not_keep_a_scope_from_catching_its_cancel(run: Run) -> None:
    bus = AsyncEventBus()

    def fail(_event: object) -> None:
        raise ValueError

    bus.subscribe(Placed, fail)
    bus.subscribe(Placed, waiting(2, []))

    async def main() -> None:
        with anyio.move_on_after(0.001) as scope:
            await bus.publish(Placed())
        assert scope.cancelled_caught and not_cancelling()

    run(main)


def test_a_scope_that_is_cancelled_already(run: Run) -> None:
    bus = AsyncEventBus()
    ended: list[str] = []
    bus.subscribe(Placed, waiting(2, ended))

    async def main() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await bus.publish(Placed())
        assert scope.cancelled_caught and not_cancelling()

    run(main)


def test_the_inner_of_two_scopes_catches_its_own_cancel_only(run: Run) -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, waiting(3, []))
    after: list[str] = []

    async def main() -> None:
        with anyio.CancelScope() as outer:
            with anyio.CancelScope() as inner:
                asyncio.get_running_loop().call_soon(outer.cancel)
                await bus.publish(Placed())
            after.append("between")
        assert outer.cancelled_caught and not inner.cancelled_caught
        assert after == [] and not_cancelling()
        with anyio.CancelScope() as outer:
            with anyio.CancelScope() as inner:
                asyncio.get_running_loop().call_soon(inner.cancel)
                await bus.publish(Placed())
            after.append("between")
        assert inner.cancelled_caught and not outer.cancelled_caught
        assert after == ["between"] and not_cancelling()

    run(main)


def test_publishes_in_a_task_group(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    ended: list[str] = []

    @bus.on(int)
    async def later(number: int) -> None:
        await anyio.sleep(0)
        seen.append(number)

    bus.subscribe(Placed, waiting(4, ended))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(bus.publish, number)
        assert sorted(seen) == [0, 1, 2, 3, 4]  # type: ignore[type-var]
        async with anyio.create_task_group() as group:
            group.start_soon(bus.publish, Placed())
            group.start_soon(bus.publish, Placed())
            await turns(5)
            group.cancel_scope.cancel()
        assert ended == ["cleaned up"] * 2
        assert not_cancelling()

    run(main)


def test_handlers_clean_up_in_peace_while_a_scope_cancels_again_and_again(run: Run) -> None:
    bus = AsyncEventBus()
    order: list[str] = []

    @bus.on(Placed)
    async def outer(_event: Placed) -> None:
        try:
            await bus.publish(Paid())
        finally:
            for _ in range(10):
                await anyio.sleep(0)
            order.append("outer")

    @bus.on(Paid)
    async def inner(_event: Paid) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            for _ in range(10):
                await anyio.sleep(0)
            order.append("inner")

    async def main() -> None:
        with anyio.CancelScope() as scope:
            asyncio.get_running_loop().call_later(0.001, scope.cancel)
            await bus.publish(Placed())
        assert scope.cancelled_caught
        assert order == ["inner", "outer"] and not_cancelling()

    run(main)


def test_a_shielded_publish_in_a_cancelled_scope(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(Paid)
    async def later(event: Paid) -> None:
        await turns(5)
        seen.append(event)

    async def main() -> None:
        with anyio.CancelScope() as scope:
            try:
                asyncio.get_running_loop().call_soon(scope.cancel)
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await bus.publish(Paid())
        assert len(seen) == 1 and not_cancelling()

    run(main)


def test_anyio_run_takes_a_publish() -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(int)
    async def later(number: int) -> None:
        await anyio.sleep(0)
        seen.append(number)

    anyio.run(bus.publish, 3)
    assert seen == [3]


def test_a_worker_thread_may_publish(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []

    @bus.on(int)
    async def later(number: int) -> None:
        await anyio.sleep(0)
        seen.append(number)

    @bus.on(Placed)
    async def in_a_thread(_event: Placed) -> None:
        await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(bus.publish, 7))

    async def main() -> None:
        await bus.publish(Placed())

    # The threads of anyio end with the loop's main task, which ours is not.
    asyncio.run(main())
    assert seen == [7]
