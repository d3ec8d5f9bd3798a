"""What a bus, and a publish that waits, keep alive, and what they let go."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, Failure, HandlerErrors, PublishRecursionError
from tests.async_programs import run, turns

Run = Callable[..., Any]
__all__ = ["run"]

BUSES = 1_000


class Placed: ...


class Owner:
    def __init__(self) -> None:
        self.bus = AsyncEventBus()

    async def handle(self, _event: object) -> None:
        await turns(2)

    async def forever(self, _event: object) -> None:
        await asyncio.Event().wait()

    async def fail(self, _event: object) -> None:
        await turns(1)
        raise ValueError(self)

    def says_yes(self, _event: object) -> bool:
        return True

    def look(self, failure: Failure) -> None: ...


async def publish_well(bus: AsyncEventBus, event: object) -> None:
    await bus.publish(event)


async def publish_in_a_task(bus: AsyncEventBus, event: object) -> None:
    await asyncio.create_task(bus.publish(event))


async def deliver(bus: AsyncEventBus, event: object) -> None:
    await bus.deliver(event)


HOW = [publish_well, publish_in_a_task, deliver]


@pytest.mark.parametrize("how", HOW)
def test_a_publish_keeps_no_event_alive(run: Run, how: Any) -> None:
    owner = Owner()
    owner.bus.subscribe(Placed, owner.handle)
    owner.bus.subscribe(Placed, lambda _: None)

    async def main() -> None:
        event = Placed()
        watched = weakref.ref(event)
        await how(owner.bus, event)
        del event
        await turns(2)
        assert watched() is None

    run(main)


@pytest.mark.parametrize("end", ["failure", "cancel", "recursion", "stop"])
def test_nor_when_it_ends_badly(run: Run, end: str) -> None:
    owner = Owner()
    bus = owner.bus = AsyncEventBus(on_error="stop" if end == "stop" else "raise", max_depth=3)
    if end == "cancel":
        bus.subscribe(Placed, owner.forever)
    elif end == "recursion":
        bus.subscribe(Placed, lambda event: bus.publish(event))
    else:
        bus.subscribe(Placed, owner.fail)

    async def main() -> None:
        event = Placed()
        watched = weakref.ref(event)
        task = asyncio.create_task(bus.publish(event))
        await turns(1)
        if end == "cancel":
            await turns(2)
            task.cancel()
        try:
            await task
        except (asyncio.CancelledError, HandlerErrors, ValueError, PublishRecursionError):
            pass
        del event, task
        await turns(2)
        gc.collect()
        assert watched() is None

    run(main)


def test_a_cancelled_publish_needs_no_garbage_collector(run: Run) -> None:
    bus, owner = AsyncEventBus(), Owner()
    bus.subscribe(Placed, owner.forever)

    async def main() -> None:
        event = Placed()
        watched = weakref.ref(event)
        gc.collect()
        gc.disable()
        try:
            task = asyncio.create_task(bus.publish(event))
            await turns(3)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            del event, task
            await turns(2)
            assert watched() is None
        finally:
            gc.enable()

    run(main)


@pytest.mark.parametrize("when", ["before", "while it runs"])
def test_a_cancelled_subscription_lets_its_handler_go_when_that_has_ended(
    run: Run, when: str
) -> None:
    bus = AsyncEventBus()

    async def main() -> None:
        owner = Owner()
        subscription = bus.subscribe(Placed, owner.handle, when=owner.says_yes, on_error=owner.look)
        watched = weakref.ref(owner)
        if when == "before":
            await bus.publish(Placed())
            subscription.cancel()
        else:
            task = asyncio.create_task(bus.publish(Placed()))
            await turns(2)
            subscription.cancel()
            await task
            del task
        del owner
        await turns(2)
        gc.collect()
        assert watched() is None

    run(main)


def through_a_handler(owner: Owner) -> None:
    owner.bus.subscribe(Placed, owner.handle)


def through_a_predicate_and_on_error(owner: Owner) -> None:
    owner.bus.subscribe(Placed, print, when=owner.says_yes, on_error=owner.look)


def through_a_publish_that_ran(owner: Owner) -> None:
    owner.bus.subscribe(Placed, owner.handle)
    asyncio.run(owner.bus.publish(Placed()))


def through_a_raised_group(owner: Owner) -> None:
    owner.bus.subscribe(Placed, owner.fail)
    try:
        asyncio.run(owner.bus.publish(Placed()))
    except HandlerErrors as errors:
        owner.errors = errors  # type: ignore[attr-defined]


def through_a_report(owner: Owner) -> None:
    owner.bus.subscribe(Placed, owner.fail)
    owner.report = asyncio.run(owner.bus.deliver(Placed()))  # type: ignore[attr-defined]


def through_a_cancel(owner: Owner) -> None:
    owner.bus.subscribe(Placed, owner.forever)
    try:
        asyncio.run(asyncio.wait_for(owner.bus.publish(Placed()), 0.001))
    except TimeoutError as error:
        owner.error = error  # type: ignore[attr-defined]


def through_a_coroutine_that_was_never_begun(owner: Owner) -> None:
    owner.publish = owner.bus.publish(Placed())  # type: ignore[attr-defined]
    owner.publish.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "make",
    [
        through_a_handler,
        through_a_predicate_and_on_error,
        through_a_publish_that_ran,
        through_a_raised_group,
        through_a_report,
        through_a_cancel,
        through_a_coroutine_that_was_never_begun,
    ],
)
def test_a_bus_and_what_is_bound_to_it_are_freed(make: Callable[[Owner], None]) -> None:
    owner = Owner()
    watched = [weakref.ref(owner), weakref.ref(owner.bus)]
    make(owner)
    del owner
    gc.collect()
    assert [each() for each in watched] == [None, None]


@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_publishes_that_wait_for_ever_are_freed_with_their_bus(run: Run, verb: str) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        known = loop.get_exception_handler()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        owner = Owner()
        watched = [weakref.ref(owner), weakref.ref(owner.bus)]
        owner.bus.subscribe(Placed, owner.forever)
        owner.bus.subscribe(Placed, lambda event: owner.forever(event), on_error=owner.look)
        task = asyncio.create_task(getattr(owner.bus, verb)(Placed()))
        await turns(3)
        # Nobody can wake them: asyncio itself says that they were destroyed.
        del task, owner
        gc.collect()
        await turns(2)
        gc.collect()
        loop.set_exception_handler(known)
        assert [each() for each in watched] == [None, None]
        assert all("destroyed" in message for message in told)

    run(main)


def test_a_publish_that_runs_keeps_its_bus(run: Run) -> None:
    ended: list[str] = []

    async def main() -> None:
        bus = AsyncEventBus()
        watched = weakref.ref(bus)

        @bus.on(Placed)
        async def handle(_event: Placed) -> None:
            await turns(3)
            ended.append("well")

        task = asyncio.create_task(bus.publish(Placed()))
        await turns(2)
        del bus, handle
        gc.collect()
        assert watched() is not None
        await task
        del task
        await turns(1)
        gc.collect()
        assert watched() is None

    run(main)
    assert ended == ["well"]


def test_a_thousand_buses_are_all_freed(run: Run) -> None:
    async def main() -> None:
        watched: list[Any] = []
        for _ in range(BUSES):
            owner = Owner()
            owner.bus.subscribe(Placed, owner.handle)
            owner.bus.subscribe(Placed, owner.fail, on_error=owner.look)
            watched.append(weakref.ref(owner.bus))
            await owner.bus.publish(Placed())
        del owner
        await turns(2)
        gc.collect()
        assert sum(each() is not None for each in watched) == 0

    run(main)


def test_a_class_is_freed_after_its_events_were_published(run: Run) -> None:
    bus = AsyncEventBus()

    async def handle(_event: object) -> None:
        await turns(1)

    bus.subscribe(object, handle)

    async def main() -> None:
        watched = []
        for _ in range(20):
            passing = type("Passing", (), {})
            watched.append(weakref.ref(passing))
            await bus.publish(passing())
            del passing
        await turns(2)
        gc.collect()
        assert [each() for each in watched] == [None] * 20

    run(main)


def test_what_a_handler_left_in_the_background_keeps_no_bus(run: Run) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        left: list[asyncio.Task[Any]] = []
        bus = AsyncEventBus()
        watched = weakref.ref(bus)

        @bus.on(Placed)
        async def leave(_event: Placed) -> None:
            left.append(asyncio.create_task(gate.wait()))

        await bus.publish(Placed())
        del bus, leave
        await turns(1)
        gc.collect()
        assert watched() is None
        gate.set()
        await left[0]

    run(main)
