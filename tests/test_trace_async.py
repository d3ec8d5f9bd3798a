"""Traces of the async bus: tasks, contexts, cancellation, posts on a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import AsyncEventBus, Dispatch, EventBus, HandlerErrors, Tracing

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Placed:
    pass


class Paid:
    pass


def outcomes(dispatch: Dispatch) -> list[str]:
    return sorted(f"{one.name} {one.outcome}" for one in dispatch.deliveries)


def find(tracing: Tracing, event: type) -> Dispatch:
    (found,) = (one for one in tracing if one.event.endswith(f".{event.__name__}"))
    return found


def test_sync_and_async_handlers_are_told_of() -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, lambda _: None, name="sync")

    @bus.on(Placed, name="at once")
    async def at_once(_: Placed) -> None:
        pass

    @bus.on(Placed, name="waits")
    async def wait(_: Placed) -> str:
        await asyncio.sleep(0)
        return "result"

    bus.subscribe(Placed, lambda _: asyncio.sleep(0), name="returns an awaitable")
    bus.subscribe(Placed, lambda _: asyncio.ensure_future(asyncio.sleep(0)), name="a future")
    bus.subscribe(Placed, lambda _: None, name="off", when=lambda _: False)

    async def main() -> Any:
        await bus.publish(Placed())
        return await bus.deliver(Placed())

    with bus.tracing() as tracing:
        report = asyncio.run(main())
    for dispatch in tracing:
        assert outcomes(dispatch) == [
            "a future ok",
            "at once ok",
            "off skipped",
            "returns an awaitable ok",
            "sync ok",
            "waits ok",
        ]
    published, delivered = tracing
    assert (published.verb, delivered.verb) == ("publish", "deliver")
    assert published.function.endswith("main")
    assert published.line == main.__code__.co_firstlineno + 1
    assert report.deliveries[2].result == "result"


def test_the_site_is_where_it_was_called_and_not_where_it_was_awaited() -> None:
    bus = AsyncEventBus()

    def make() -> Coroutine[Any, Any, None]:
        return bus.publish(Placed())

    with bus.tracing() as tracing:
        asyncio.run(make())
    (dispatch,) = tracing
    assert dispatch.function == f"{__name__}:{make.__qualname__}"
    assert (dispatch.file, dispatch.line) == (__file__, make.__code__.co_firstlineno + 1)


def test_a_handler_is_the_cause_behind_its_waits_and_in_the_tasks_that_it_makes() -> None:
    bus, tasks = AsyncEventBus(), []

    async def later() -> None:
        await asyncio.sleep(0)
        await bus.publish("late")

    async def handle(_: Placed) -> None:
        await asyncio.sleep(0)
        await bus.publish(Paid())
        tasks.append(asyncio.create_task(later()))

    async def beside(_: Placed) -> None:
        await asyncio.sleep(0)

    bus.subscribe(Placed, beside)
    bus.subscribe(Placed, handle)

    async def main() -> None:
        await bus.publish(Placed())
        await tasks[0]
        await bus.publish(1)

    with bus.tracing() as tracing:
        asyncio.run(main())
    placed, paid, late, alone = tracing
    assert (paid.causation, late.causation, alone.causation) == (placed.id, placed.id, None)
    assert {paid.cause, late.cause} == {f"{__name__}:{handle.__qualname__}"}


def test_publishes_side_by_side_are_not_mixed_up() -> None:
    bus = AsyncEventBus()

    @bus.on(int)
    async def handle(number: int) -> None:
        await asyncio.sleep(0)
        await bus.publish(str(number))

    async def main() -> None:
        await asyncio.gather(*(bus.publish(number) for number in range(10)))

    with bus.tracing() as tracing:
        asyncio.run(main())
    numbers = {one.id for one in tracing if one.event == "builtins.int"}
    assert {one.causation for one in tracing if one.event == "builtins.str"} == numbers
    assert len(numbers) == 10


def test_failures_and_cancellations_are_told_apart() -> None:
    bus = AsyncEventBus()

    @bus.on(Placed, name="fails")
    async def fail(_: Placed) -> None:
        await asyncio.sleep(0)
        raise ValueError("secret")

    @bus.on(Placed, name="fails at once")
    async def fail_at_once(_: Placed) -> None:
        raise KeyError

    @bus.on(Placed, name="fails, sync")
    def fail_sync(_: Placed) -> None:
        raise OSError

    @bus.on(Placed, name="cancels itself")
    async def cancel(_: Placed) -> None:
        raise asyncio.CancelledError

    with bus.tracing() as tracing, pytest.raises(HandlerErrors):
        asyncio.run(bus.publish(Placed()))
    (dispatch,) = tracing
    assert outcomes(dispatch) == [
        "cancels itself cancelled",
        "fails at once failed",
        "fails failed",
        "fails, sync failed",
    ]
    errors = {one.name: one.error for one in dispatch.deliveries}
    assert (errors["fails"], errors["fails, sync"]) == ("ValueError", "OSError")


def test_a_publish_that_is_cancelled_cancels_its_deliveries() -> None:
    bus = AsyncEventBus()

    @bus.on(Placed, name="waits")
    async def wait(_: Placed) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(bus.publish(Placed()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with bus.tracing() as tracing:
        asyncio.run(main())
    assert outcomes(tracing.dispatches[0]) == ["waits cancelled"]


def test_a_stop_cancels_those_that_wait_and_skips_those_behind() -> None:
    bus = AsyncEventBus()

    @bus.on(Placed, name="waits")
    async def wait(_: Placed) -> None:
        await asyncio.Event().wait()

    @bus.on(Placed, name="stops", on_error="stop")
    async def stop(_: Placed) -> None:
        await asyncio.sleep(0)
        raise KeyError

    @bus.on(Placed, name="stops at once", on_error="stop", when=lambda _: is_urgent)
    def stop_at_once(_: Placed) -> None:
        raise KeyError

    bus.subscribe(Placed, lambda _: None, name="behind")
    for is_urgent, behind in ((False, "behind ok"), (True, "behind skipped")):
        with bus.tracing() as tracing, pytest.raises(KeyError):
            asyncio.run(bus.publish(Placed()))
        told = outcomes(tracing.dispatches[0])
        assert behind in told
        assert "waits cancelled" in told


def test_a_posted_handler_is_caused_by_its_poster_and_causes_in_turn() -> None:
    bus = AsyncEventBus(on_error=lambda _: None)

    @bus.on(Placed)
    async def handle(_: Placed) -> None:
        bus.post(Paid())

    @bus.on(Paid, name="waits")
    async def wait(_: Paid) -> None:
        await asyncio.sleep(0)
        await bus.publish("next")

    @bus.on(Paid, name="fails")
    async def fail(_: Paid) -> None:
        await asyncio.sleep(0)
        raise ValueError

    bus.subscribe(Paid, lambda _: None, name="sync")
    bus.subscribe(Paid, lambda _: 1 / 0, name="fails, sync")
    bus.subscribe(Paid, handle, name="off", when=lambda _: False)

    @bus.on(Paid, name="cancels itself")
    async def cancel(_: Paid) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        await bus.publish(Placed())
        await bus.drain()

    with bus.tracing() as tracing:
        asyncio.run(main())
    placed, paid, following = (find(tracing, each) for each in (Placed, Paid, str))
    assert (paid.verb, paid.causation) == ("post", placed.id)
    assert outcomes(paid) == [
        "cancels itself cancelled",
        "fails failed",
        "fails, sync failed",
        "off skipped",
        "sync ok",
        "waits ok",
    ]
    assert (following.causation, following.correlation) == (paid.id, placed.id)


def test_a_post_from_another_thread_is_told_of() -> None:
    bus = AsyncEventBus()
    bus.subscribe(Paid, lambda _: None, name="paid")

    async def main() -> None:
        async with bus:
            await asyncio.to_thread(bus.post, Paid())
            thread = threading.Thread(target=bus.post, args=(Placed(),))
            thread.start()
            thread.join()

    with bus.tracing() as tracing:
        asyncio.run(main())
    assert outcomes(find(tracing, Paid)) == ["paid ok"]
    assert find(tracing, Placed).deliveries == ()


def test_layers_of_the_async_bus() -> None:
    bus = AsyncEventBus()

    @bus.add_middleware
    async def layer(event: Any, call_next: Any) -> None:
        await call_next(Paid() if isinstance(event, Placed) else event)

    bus.subscribe(Paid, lambda _: None, name="paid")

    async def main() -> None:
        await bus.publish(Placed())
        await bus.deliver(Placed())
        bus.post(Placed())
        await bus.drain()

    with bus.tracing() as tracing:
        asyncio.run(main())
    assert [one.verb for one in tracing] == ["publish", "deliver", "post"]
    first = main.__code__.co_firstlineno
    assert [one.line for one in tracing] == [first + 1, first + 2, first + 3]
    assert [outcomes(one) for one in tracing] == [["paid ok"]] * 3


def test_the_cause_crosses_between_the_two_kinds_of_bus() -> None:
    bus, sync = AsyncEventBus(), EventBus()

    @bus.on(Placed)
    async def handle(_: Placed) -> None:
        await asyncio.sleep(0)
        sync.publish(Paid())

    with bus.tracing() as tracing, sync.tracing() as of_sync:
        asyncio.run(bus.publish(Placed()))
    assert of_sync.dispatches[0].causation == tracing.dispatches[0].id


def test_a_traced_handler_is_in_a_task_like_any_other() -> None:
    bus, seen = AsyncEventBus(), []

    @bus.on(Placed)
    async def handle(_: Placed) -> None:
        task = asyncio.current_task()
        assert task is not None
        coroutine: Any = task.get_coro()
        seen.extend([coroutine.__qualname__, coroutine.cr_code.co_name, repr(task)])
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

    with bus.tracing() as tracing:
        asyncio.run(bus.publish(Placed()))
    assert seen[:2] == [handle.__qualname__, "handle"]
    assert "handle" in seen[2]
    assert tracing.dispatches[0].deliveries[0].outcome == "ok"


def test_a_loop_with_a_task_factory_of_its_own() -> None:
    bus = AsyncEventBus()

    @bus.on(Placed, name="waits")
    async def wait(_: Placed) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(
            lambda loop, coroutine, **options: asyncio.Task(coroutine, loop=loop, **options)
        )
        await bus.publish(Placed())

    with bus.tracing() as tracing:
        asyncio.run(main())
    assert outcomes(tracing.dispatches[0]) == ["waits ok"]


def test_time_in_which_a_handler_waits_is_its_own() -> None:
    bus, go_on = AsyncEventBus(), asyncio.Event()

    @bus.on(Placed, name="long")
    async def long(_: Placed) -> None:
        await go_on.wait()

    @bus.on(Placed, name="short")
    async def short(_: Placed) -> None:
        await asyncio.sleep(0)
        # `long` has to wait for the loop's next turn, while this one has ended.
        go_on.set()

    with bus.tracing() as tracing:
        asyncio.run(bus.publish(Placed()))
    (dispatch,) = tracing
    assert [one.name for one in dispatch.deliveries] == ["short", "long"]
    short_one, long_one = dispatch.deliveries
    assert long_one.wait + long_one.run > short_one.wait + short_one.run


def test_closing_the_bus_ends_a_trace_in_a_file(tmp_path: Any) -> None:
    async def main() -> Any:
        async with AsyncEventBus() as bus:
            trace = bus.trace(tmp_path / "trace.jsonl")
            bus.post(1)
        return trace

    assert asyncio.run(main()).closed
