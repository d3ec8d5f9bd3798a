"""Runaway recursion on the async bus: found along the context, whatever tasks it goes through."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, PublishRecursionError
from tests.async_programs import run, turns, until_done

Run = Callable[..., Any]
__all__ = ["run"]


class A: ...


class B: ...


class C: ...


def waiting(steps: int, bus: AsyncEventBus, kind: type, calls: list[int]) -> Callable[..., Any]:
    async def handle(_event: object) -> None:
        calls[0] += 1
        await turns(steps)
        await bus.publish(kind())

    return handle


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_cycle_is_found_and_printed(run: Run, steps: int) -> None:
    bus, calls = AsyncEventBus(max_depth=20), [0]
    bus.subscribe(C, waiting(steps, bus, A, calls))
    bus.subscribe(A, waiting(steps, bus, B, calls))
    bus.subscribe(B, waiting(steps, bus, A, calls))

    async def main() -> None:
        with pytest.raises(PublishRecursionError, match=r"nested more than 20 deep") as caught:
            await bus.publish(C())
        assert "A -> B -> A" in str(caught.value) or "B -> A -> B" in str(caught.value)
        assert calls == [20]

    run(main)


@pytest.mark.parametrize("on_error", ["raise", "log", "stop"])
@pytest.mark.parametrize("steps", [0, 1])
def test_it_unwinds_every_publish_at_the_default_depth(run: Run, on_error: str, steps: int) -> None:
    bus = AsyncEventBus(on_error=on_error)  # type: ignore[arg-type]
    calls = [0]
    bus.subscribe(A, waiting(steps, bus, A, calls))

    async def main() -> None:
        with pytest.raises(PublishRecursionError):
            await bus.publish(A())
        assert calls == [100]

    run(main)


def test_exactly_max_depth_publishes_may_be_nested(run: Run) -> None:
    bus = AsyncEventBus(max_depth=100)
    depths: list[int] = []

    @bus.on(int)
    async def deeper(depth: int) -> None:
        depths.append(depth)
        await asyncio.sleep(depth % 2 and 0)
        if depth < 100:
            await bus.publish(depth + 1)

    run(lambda: bus.publish(1))
    assert depths == list(range(1, 101))


@pytest.mark.parametrize("fan_out", [2, 3])
@pytest.mark.parametrize("steps", [0, 1])
def test_a_fan_out_does_not_multiply_it(run: Run, fan_out: int, steps: int) -> None:
    bus, calls = AsyncEventBus(), [0]
    for _ in range(fan_out):
        bus.subscribe(A, waiting(steps, bus, A, calls))

    async def main() -> None:
        with pytest.raises(PublishRecursionError, match="A -> A"):
            await bus.publish(A())
        assert calls[0] <= 100_000

    run(main)
    gc.collect()


def test_nor_does_a_wide_one(run: Run) -> None:
    bus, calls = AsyncEventBus(), [0]
    enough = 200_000

    async def again(_event: object) -> None:
        calls[0] += 1
        await asyncio.sleep(0)
        if calls[0] < enough:
            await bus.publish(A())

    for _ in range(10):
        bus.subscribe(A, lambda event: again(event))

    async def main() -> None:
        with pytest.raises(PublishRecursionError):
            await bus.publish(A())

    try:
        run(main)
    finally:
        gc.collect()
    assert calls[0] < enough


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_swallowing_the_error_does_not_keep_the_chain_going(
    run: Run, verb: str, steps: int
) -> None:
    bus, calls = AsyncEventBus(max_depth=20), [0]

    async def swallow(event: object) -> None:
        calls[0] += 1
        await turns(steps)
        try:
            await getattr(bus, verb)(event)
        except Exception:
            pass

    for _ in range(2):
        bus.subscribe(A, lambda event: swallow(event))

    async def main() -> None:
        with pytest.raises(PublishRecursionError, match="A -> A"):
            await bus.publish(A())
        assert calls[0] < 100_000
        bus.clear()
        await bus.publish(A())

    run(main)


@pytest.mark.parametrize("how", ["create_task", "task group", "gather"])
@pytest.mark.parametrize("steps", [0, 1])
def test_depth_is_counted_through_tasks(run: Run, how: str, steps: int) -> None:
    bus, calls = AsyncEventBus(max_depth=15), [0]

    @bus.on(A)
    async def again(event: object) -> None:
        calls[0] += 1
        assert calls[0] < 100
        await turns(steps)
        if how == "create_task":
            await asyncio.create_task(bus.publish(event))
        elif how == "task group":
            async with asyncio.TaskGroup() as group:
                group.create_task(bus.publish(event))
        elif how == "gather":
            await asyncio.gather(bus.publish(event))
        elif how == "wait_for":
            await asyncio.wait_for(bus.publish(event), 60)
        else:
            await asyncio.shield(bus.publish(event))

    async def main() -> None:
        # A task group puts its member's error into a group, which does not keep the chain going.
        with pytest.raises(PublishRecursionError, match="nested more than 15 deep"):
            await bus.publish(A())
        assert calls == [15]
        await turns(5)

    run(main)


def test_depth_is_not_counted_once_the_outer_publish_has_ended(run: Run) -> None:
    bus = AsyncEventBus(max_depth=3)
    seen: list[int] = []

    async def main() -> None:
        done = asyncio.Event()
        tasks: list[asyncio.Task[None]] = []

        @bus.on(int)
        def go_on(number: int) -> None:
            seen.append(number)
            if number == 50:
                done.set()
            else:
                tasks.append(asyncio.create_task(bus.publish(number + 1)))

        await bus.publish(0)
        await done.wait()
        await asyncio.gather(*tasks)

    run(main)
    assert seen == list(range(51))


def test_ended_publishes_further_out_are_not_counted_either(run: Run) -> None:
    bus = AsyncEventBus(max_depth=5)

    class Step:
        def __init__(self, number: int) -> None:
            self.number = number
            self.has_begun = asyncio.Event()

    async def main() -> None:
        tasks: list[asyncio.Task[None]] = []
        seen: list[int] = []

        @bus.on(Step)
        async def hand_on(event: Step) -> None:
            """End when the next one has begun."""
            seen.append(event.number)
            event.has_begun.set()
            await turns(5)
            if event.number < 30:
                following = Step(event.number + 1)
                tasks.append(asyncio.create_task(bus.publish(following)))
                await asyncio.wait(
                    [tasks[-1], begun := asyncio.create_task(following.has_begun.wait())],
                    return_when="FIRST_COMPLETED",
                )
                begun.cancel()

        await bus.publish(Step(0))
        number = 0
        while number < len(tasks):
            await tasks[number]
            number += 1
        assert seen == list(range(31))

    run(main)


def test_a_long_line_of_publishes_one_after_another_is_no_recursion(run: Run) -> None:
    bus = AsyncEventBus(max_depth=2)
    seen: list[object] = []

    @bus.on(A)
    async def many(_event: A) -> None:
        for _ in range(50):
            await bus.publish(B())
        await asyncio.gather(*(bus.publish(B()) for _ in range(50)))

    @bus.on(B)
    async def later(event: B) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    run(lambda: bus.publish(A()))
    assert len(seen) == 100


def test_concurrent_publishes_are_not_nested(run: Run) -> None:
    bus = AsyncEventBus(max_depth=1)

    @bus.on(A)
    async def later(_event: A) -> None:
        await turns(3)

    async def main() -> None:
        await asyncio.gather(*(bus.publish(A()) for _ in range(200)))

    run(main)


def test_a_wide_fan_out_below_a_publish_is_no_recursion(run: Run) -> None:
    bus = AsyncEventBus()

    @bus.on(A)
    async def many(_event: A) -> None:
        await asyncio.gather(*(bus.publish(B()) for _ in range(6_000)))

    @bus.on(B)
    async def later(_event: B) -> None:
        await asyncio.sleep(0)

    run(lambda: bus.publish(A()))


def test_a_cycle_through_two_buses_is_found(run: Run) -> None:
    one, other = AsyncEventBus(max_depth=5), AsyncEventBus()
    calls = [0]
    one.subscribe(A, waiting(1, other, B, calls))
    other.subscribe(B, waiting(0, one, A, calls))

    async def main() -> None:
        with pytest.raises(PublishRecursionError):
            await one.publish(A())
        assert calls == [10]

    run(main)


def test_depth_is_counted_a_bus(run: Run) -> None:
    one, other = AsyncEventBus(max_depth=1), AsyncEventBus(max_depth=1)
    seen: list[object] = []
    other.subscribe(B, seen.append)
    one.subscribe(A, lambda _: other.publish(B()))
    run(lambda: one.publish(A()))
    assert len(seen) == 1


@pytest.mark.parametrize("swallows", [False, True])
def test_it_unwinds_at_once_though_an_earlier_handler_is_slow(run: Run, swallows: bool) -> None:
    bus = AsyncEventBus(max_depth=5)
    ended: list[str] = []

    async def slow(_event: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("slow")

    async def again(_event: object) -> None:
        await asyncio.sleep(0)
        try:
            await bus.publish(B())
        except RecursionError:
            if not swallows:
                raise

    bus.subscribe(A, slow)
    bus.subscribe(A, again)
    bus.subscribe(B, lambda event: again(event))

    async def main() -> None:
        task = asyncio.create_task(bus.publish(A()))
        is_done = await until_done(task)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert is_done, "it waits for the slow handler"
        assert isinstance(outcome, PublishRecursionError)
        assert ended == ["slow"]

    run(main)


def test_other_handlers_are_cancelled_and_waited_for(run: Run) -> None:
    bus = AsyncEventBus(max_depth=3)
    ended: list[str] = []

    @bus.on(A)
    async def again(event: A) -> None:
        await asyncio.sleep(0)
        await bus.publish(event)

    @bus.on(A)
    async def slow(_event: A) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await turns(3)
            ended.append("cleaned up")

    async def main() -> None:
        with pytest.raises(PublishRecursionError):
            await bus.publish(A())
        assert ended == ["cleaned up"] * 3

    run(main)


def test_an_on_error_callable_never_sees_it_and_failures_are_logged(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[object] = []
    bus = AsyncEventBus(max_depth=4)

    def fail(_event: object) -> None:
        raise ValueError("collected before")

    bus.subscribe(A, fail)
    bus.subscribe(A, lambda event: bus.publish(event), on_error=called.append)

    async def main() -> None:
        with pytest.raises(PublishRecursionError):
            await bus.publish(A())

    run(main)
    assert called == []
    assert "collected before" in caplog.text


def test_a_bus_can_be_used_again_afterwards(run: Run) -> None:
    bus = AsyncEventBus(max_depth=5)
    subscription = bus.subscribe(A, lambda event: bus.publish(event))
    seen: list[object] = []

    async def main() -> None:
        for _ in range(3):
            with pytest.raises(PublishRecursionError):
                await bus.publish(A())
        subscription.cancel()
        bus.subscribe(A, seen.append)
        await bus.publish(A())

    run(main)
    assert len(seen) == 1


def test_one_chain_that_runs_away_does_not_touch_another(run: Run) -> None:
    bus = AsyncEventBus(max_depth=5)
    bus.subscribe(A, waiting(1, bus, A, [0]))
    ended: list[object] = []

    @bus.on(B)
    async def well(event: B) -> None:
        for _ in range(10):
            await bus.publish(C())
        ended.append(event)

    @bus.on(C)
    async def later(_event: C) -> None:
        await turns(2)

    async def main() -> None:
        outcomes = await asyncio.gather(bus.publish(A()), bus.publish(B()), return_exceptions=True)
        assert isinstance(outcomes[0], PublishRecursionError) and outcomes[1] is None

    run(main)
    assert len(ended) == 1


def test_a_great_max_depth_ends_in_an_error_not_in_a_crash() -> None:
    import subprocess
    import sys

    program = """
import asyncio
from buswork import AsyncEventBus
bus = AsyncEventBus(max_depth=10**6)
bus.subscribe(int, bus.publish)
async def again(number):
    await bus.publish(number)
bus.subscribe(str, again)
for event in (1, "text"):
    try:
        asyncio.run(bus.publish(event))
    except RecursionError:
        print("found")
"""
    if sys.version_info < (3, 12):
        # Nothing starts eagerly: it would go on until the memory ends.
        program = program.replace("10**6", "2000")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "found\nfound\n"), run.stderr
