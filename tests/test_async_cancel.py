"""Cancelling a publish of the async bus: exact, and nobody is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
import uvloop

from buswork import AsyncEventBus, BusworkError, HandlerCancelled, HandlerErrors

Runner = Callable[[Coroutine[Any, Any, None]], None]


class Placed: ...


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    if request.param == "asyncio":
        return asyncio.run

    def run_on_uvloop(main: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)

    return run_on_uvloop


class Hanging:
    """A handler that hangs, and takes some turns of the loop to clean up."""

    def __init__(self, turns: int = 1) -> None:
        self.turns = turns
        self.started = asyncio.Event()
        self.cleaned = 0

    async def handle(self, _event: Placed) -> None:
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            self.cleaned += 1


def nobody_is_left() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("handlers", [1, 3])
def test_cancelling_cancels_all_handlers_and_waits_for_them(run: Runner, handlers: int) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        hanging = [Hanging(turns=number) for number in range(handlers)]
        for each in hanging:
            bus.subscribe(Placed, each.handle)
        publishing = asyncio.create_task(bus.publish(Placed()))
        for each in hanging:
            await each.started.wait()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await publishing
        assert caught.value.__context__ is None or not isinstance(
            caught.value.__context__, HandlerErrors
        )
        assert [each.cleaned for each in hanging] == [1] * handlers
        assert publishing.cancelled() and nobody_is_left()

    run(main())


def test_siblings_are_cancelled_at_once_though_the_first_is_slow_to_clean_up(run: Runner) -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        slow, quick = Hanging(turns=20), Hanging(turns=0)
        bus.subscribe(Placed, slow.handle)
        bus.subscribe(Placed, quick.handle)
        publishing = asyncio.create_task(bus.publish(Placed()))
        await slow.started.wait()
        await quick.started.wait()
        publishing.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert (quick.cleaned, slow.cleaned) == (1, 0) and not publishing.done()
        await asyncio.wait([publishing])
        assert slow.cleaned == 1

    run(main())


def test_failures_already_collected_are_the_context_of_the_cancellation(run: Runner) -> None:
    async def main() -> None:
        bus, hanging = AsyncEventBus(), Hanging()
        bus.subscribe(Placed, hanging.handle)

        @bus.on(Placed)
        async def fail(_event: Placed) -> None:
            raise ValueError

        publishing = asyncio.create_task(bus.publish(Placed()))
        await hanging.started.wait()
        await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await publishing
        context = caught.value.__context__
        while context is not None and not isinstance(context, HandlerErrors):
            context = context.__context__
        assert context is not None
        assert isinstance(context.exceptions[0], ValueError)

    run(main())


def test_a_publish_cancelled_before_its_first_step_runs_nothing() -> None:
    async def main() -> None:
        bus, seen = AsyncEventBus(), []
        bus.subscribe(Placed, seen.append)
        publishing = asyncio.create_task(bus.publish(Placed()))
        publishing.cancel()
        await asyncio.wait([publishing])
        assert publishing.cancelled() and seen == []

    asyncio.run(main())


def test_a_handler_that_swallows_the_cancellation_is_waited_for(run: Runner) -> None:
    async def main() -> None:
        bus, log = AsyncEventBus(), []
        started = asyncio.Event()

        @bus.on(Placed)
        async def stubborn(_event: Placed) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                log.append("goes on")

        publishing = asyncio.create_task(bus.publish(Placed()))
        await started.wait()
        publishing.cancel()
        await asyncio.wait([publishing])
        assert publishing.cancelled() and log == ["goes on"] and nobody_is_left()

    run(main())


def test_a_second_cancellation_does_not_interrupt_the_cleaning_up(run: Runner) -> None:
    async def main() -> None:
        bus, hanging = AsyncEventBus(), Hanging(turns=5)
        bus.subscribe(Placed, hanging.handle)
        publishing = asyncio.create_task(bus.publish(Placed()))
        await hanging.started.wait()
        publishing.cancel()
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait([publishing])
        assert publishing.cancelled() and hanging.cleaned == 1 and nobody_is_left()

    run(main())


@pytest.mark.parametrize("how", ["wait_for", "timeout", "anyio"])
def test_timeouts_around_a_publish(run: Runner, how: str) -> None:
    async def main() -> None:
        bus, hanging = AsyncEventBus(), Hanging(turns=3)
        bus.subscribe(Placed, hanging.handle)
        if how == "wait_for":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bus.publish(Placed()), 0.001)
        elif how == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await bus.publish(Placed())
        else:
            with anyio.move_on_after(0.001) as scope:
                await bus.publish(Placed())
            assert scope.cancelled_caught
        assert hanging.cleaned == 1 and nobody_is_left()
        current = asyncio.current_task()
        assert current is not None and current.cancelling() == 0

    run(main())


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("by", ["itself", "raising", "another"])
def test_a_handler_cancelled_by_somebody_else_has_failed(run: Runner, by: str, turns: int) -> None:
    async def main() -> None:
        bus, hanging = AsyncEventBus(), []

        @bus.on(Placed)
        async def cancelled(_event: Placed) -> None:
            task = asyncio.current_task()
            assert task is not None
            for _ in range(turns):
                await asyncio.sleep(0)
            if by == "raising":
                raise asyncio.CancelledError
            if by == "itself":
                task.cancel()
            else:
                asyncio.get_running_loop().call_soon(task.cancel)
            await asyncio.Event().wait()

        @bus.on(Placed)
        async def other(_event: Placed) -> None:
            await asyncio.sleep(0)
            hanging.append("ran to its end")

        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        (member,) = caught.value.exceptions
        assert isinstance(member, HandlerCancelled) and isinstance(member, BusworkError)
        assert "cancelled" in member.__notes__[0]
        assert hanging == ["ran to its end"] and nobody_is_left()

    run(main())


def test_a_handler_may_cancel_its_publisher(run: Runner) -> None:
    async def main() -> None:
        bus, hanging = AsyncEventBus(), Hanging()
        bus.subscribe(Placed, hanging.handle)
        publishing: asyncio.Task[None]

        @bus.on(Placed)
        async def cancel(_event: Placed) -> None:
            await asyncio.sleep(0)
            publishing.cancel()

        publishing = asyncio.create_task(bus.publish(Placed()))
        await asyncio.wait([publishing])
        assert publishing.cancelled() and hanging.cleaned == 1 and nobody_is_left()

    run(main())


def test_a_loop_that_is_closed_with_publishes_in_flight_ends_well(run: Runner) -> None:
    hanging: list[Hanging] = []

    async def main() -> None:
        bus = AsyncEventBus()
        for _ in range(3):
            hanging.append(Hanging(turns=0))
            bus.subscribe(Placed, hanging[-1].handle)
        main.publishing = asyncio.create_task(bus.publish(Placed()))  # type: ignore[attr-defined]
        await hanging[-1].started.wait()

    run(main())
    assert [each.cleaned for each in hanging] == [1, 1, 1]
    assert main.publishing.cancelled()  # type: ignore[attr-defined]


def test_an_anyio_scope_inside_a_handler_ends_in_it(run: Runner) -> None:
    async def main() -> None:
        bus, log = AsyncEventBus(), []

        @bus.on(Placed)
        async def limited(_event: Placed) -> None:
            with anyio.move_on_after(0.001):
                await anyio.sleep_forever()
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 0)
            log.append("done")

        await bus.publish(Placed())
        assert log == ["done"] and nobody_is_left()

    run(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("turns", [0, 1])
def test_interrupts_go_through_and_the_others_are_cancelled(
    kind: type[BaseException], turns: int
) -> None:
    hanging: list[Hanging] = []

    async def main() -> None:
        bus = AsyncEventBus()
        hanging.append(Hanging(turns=0))
        bus.subscribe(Placed, hanging[0].handle)

        @bus.on(Placed)
        async def interrupt(_event: Placed) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            raise kind

        await bus.publish(Placed())

    with pytest.raises(kind):
        asyncio.run(main())
    assert hanging[0].cleaned == 1 or not hanging[0].started.is_set()
