"""Middleware: layers that wrap each publish."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from buswork import (
    AsyncEventBus,
    EventBus,
    HandlerErrors,
    PublishRecursionError,
    UnhandledEvent,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Next = Callable[[Any], Any]
    AsyncNext = Callable[[Any], Awaitable[Any]]


def test_layers_wrap_each_other_in_the_order_of_their_adding() -> None:
    bus = EventBus()
    order: list[str] = []

    def layer(name: str) -> Callable[[Any, Next], None]:
        def wrap(event: object, call_next: Next) -> None:
            order.append(f"{name} in")
            call_next(event)
            order.append(f"{name} out")

        return wrap

    bus.add_middleware(layer("outer"))
    bus.add_middleware(layer("inner"))
    bus.subscribe(int, lambda _: order.append("handler"))
    bus.publish(1)
    assert order == ["outer in", "inner in", "handler", "inner out", "outer out"]


def test_a_layer_wraps_a_publish_and_not_a_delivery() -> None:
    bus = EventBus()
    passed: list[object] = []

    @bus.add_middleware
    def count(event: object, call_next: Next) -> None:
        passed.append(event)
        call_next(event)

    bus.publish("nobody")
    bus.subscribe(int, lambda _: None)
    bus.subscribe(int, lambda _: None)
    bus.publish(1)
    bus.deliver(2)
    bus.publish(3, topic="a")
    assert passed == ["nobody", 1, 2, 3]


def test_add_middleware_returns_the_layer_and_remove_takes_it_away() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(int, seen.append)

    class Doubling:
        def double(self, event: int, call_next: Next) -> None:
            call_next(event * 2)

    doubling = Doubling()
    assert bus.add_middleware(doubling.double) == doubling.double
    bus.add_middleware(doubling.double)
    bus.publish(1)
    bus.remove_middleware(doubling.double)
    bus.publish(1)
    bus.remove_middleware(doubling.double)
    bus.publish(1)
    assert seen == [4, 2, 1]
    with pytest.raises(LookupError, match="is no middleware of this bus"):
        bus.remove_middleware(doubling.double)


def test_what_a_layer_does_not_pass_on_no_handler_gets() -> None:
    bus = EventBus(unhandled="raise")
    seen: list[int] = []
    bus.subscribe(int, seen.append)

    @bus.add_middleware
    def only_positive(event: object, call_next: Next) -> None:
        if not isinstance(event, int) or event > 0:
            call_next(event)

    bus.publish(-1)
    bus.publish(1)
    assert bus.deliver(-1).deliveries == ()
    assert seen == [1]
    with pytest.raises(UnhandledEvent):
        bus.publish("nobody")


def test_another_event_is_routed_by_its_own_type() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(str, seen.append)
    bus.add_middleware(lambda event, call_next: call_next(str(event)))
    bus.publish(7)
    report = bus.deliver(8)
    assert seen == ["7", "8"]
    assert report.event_type is str


def test_a_layer_sees_what_handlers_raise_and_may_raise_itself() -> None:
    bus = EventBus()
    caught: list[BaseException] = []

    @bus.on(int)
    def fail(event: int) -> None:
        raise ValueError(event)

    @bus.add_middleware
    def watch(event: object, call_next: Next) -> None:
        try:
            call_next(event)
        except HandlerErrors as errors:
            caught.append(errors)
            raise

    with pytest.raises(HandlerErrors) as got:
        bus.publish(1)
    assert caught == [got.value]
    note = got.value.exceptions[0].__notes__[0]
    assert f"published at {__file__}:" in note
    assert f":{watch.__code__.co_firstlineno + 3}" not in note

    @bus.add_middleware
    def refuse(event: object, call_next: Next) -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        bus.publish(1)
    with pytest.raises(PermissionError):
        bus.deliver(1)


def test_a_layer_may_call_on_several_times() -> None:
    bus = EventBus()
    attempts: list[int] = []

    @bus.on(int)
    def sometimes(event: int) -> None:
        attempts.append(event)
        if len(attempts) < 3:
            raise ValueError

    @bus.add_middleware
    def again(event: object, call_next: Next) -> None:
        for _ in range(2):
            try:
                return call_next(event)
            except HandlerErrors:
                pass
        return call_next(event)

    bus.publish(5)
    assert attempts == [5, 5, 5]


def test_deliver_reports_what_was_made_behind_the_layers() -> None:
    bus = EventBus()
    bus.subscribe(int, lambda number: number + 1)
    reports: list[object] = []

    @bus.add_middleware
    def look(event: object, call_next: Next) -> None:
        reports.append(call_next(event))

    report = bus.deliver(1)
    assert reports == [report]
    assert report.deliveries[0].result == 2
    bus.publish(1)
    assert reports[1:] == [None]


def test_a_publish_in_progress_keeps_its_layers() -> None:
    bus = EventBus()
    seen: list[str] = []
    bus.subscribe(int, lambda _: seen.append("handler"))

    def inner(event: object, call_next: Next) -> None:
        seen.append("inner")
        call_next(event)

    @bus.add_middleware
    def outer(event: object, call_next: Next) -> None:
        bus.remove_middleware(inner)
        call_next(event)

    bus.add_middleware(inner)
    bus.publish(1)
    assert seen == ["inner", "handler"]


def test_publishes_nested_by_layers_are_counted_and_a_publish_counts_once() -> None:
    bus = EventBus(max_depth=3)
    depths: list[int] = []

    @bus.on(int)
    def deeper(event: int) -> None:
        depths.append(event)
        if event < 3:
            bus.publish(event + 1)

    layer = bus.add_middleware(lambda event, call_next: call_next(event))
    bus.publish(1)
    assert depths == [1, 2, 3]
    bus.remove_middleware(layer)

    @bus.add_middleware
    def audit(event: object, call_next: Next) -> None:
        call_next(event)
        bus.publish("audit")

    with pytest.raises(PublishRecursionError, match="str -> str"):
        bus.publish("begin")


def test_call_next_is_of_no_use_when_its_publish_has_ended() -> None:
    bus = EventBus()
    kept: list[Next] = []
    bus.add_middleware(lambda _, call_next: kept.append(call_next))
    bus.publish(1)
    with pytest.raises(RuntimeError, match="call_next was called when its publish had ended"):
        kept[0](1)


def test_nor_is_that_of_a_post() -> None:
    bus = EventBus()
    kept: list[Next] = []
    bus.add_middleware(lambda _, call_next: kept.append(call_next))
    bus.post(1)
    bus.drain(10)
    with pytest.raises(RuntimeError, match="call_next was called when its publish had ended"):
        kept[0](1)


def test_what_a_layer_returns_is_ignored_though_it_answers_to_any_name() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> int:
            return 3

    async def main() -> None:
        bus = AsyncEventBus()
        bus.add_middleware(lambda event, call_next: Proxy())
        await bus.publish(1)
        bus.post(1)
        await bus.drain()

    asyncio.run(main())
    with EventBus() as bus:
        bus.add_middleware(lambda event, call_next: Proxy())
        bus.post(1)
        bus.publish(1)


def test_call_next_may_be_called_in_another_thread() -> None:
    bus = EventBus()
    seen: list[tuple[int, int]] = []
    bus.subscribe(int, lambda event: seen.append((event, threading.get_ident())))

    @bus.add_middleware
    def elsewhere(event: object, call_next: Next) -> None:
        thread = threading.Thread(target=call_next, args=(event,))
        thread.start()
        thread.join()

    bus.publish(1)
    assert seen[0][0] == 1
    assert seen[0][1] != threading.get_ident()


async def coroutine_layer(event: object, call_next: AsyncNext) -> None:
    await call_next(event)


def generator_layer(event: object, call_next: Next) -> Any:
    yield call_next(event)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (3, "a layer must be callable, got int"),
        (lambda event: event, r"cannot be called with two arguments, the event and call_next"),
        (coroutine_layer, "coroutine function.*AsyncEventBus"),
        (generator_layer, "generator function"),
    ],
)
def test_what_cannot_be_a_layer_is_refused(layer: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        EventBus().add_middleware(layer)


def test_an_awaitable_from_a_layer_of_the_sync_bus_is_closed_and_an_error() -> None:
    bus = EventBus()
    bus.add_middleware(lambda event, call_next: coroutine_layer(event, call_next))
    with pytest.raises(RuntimeError, match="the layer returned an awaitable"):
        bus.publish(1)


def test_a_posted_event_passes_the_layers_in_the_background(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant")
    seen: list[tuple[object, str]] = []
    threads: set[int] = set()
    with EventBus(max_pending=2) as bus:
        bus.subscribe(int, lambda event: seen.append((event, tenant.get())))
        bus.subscribe(int, lambda event: None)

        @bus.add_middleware
        def tag(event: int, call_next: Next) -> None:
            threads.add(threading.get_ident())
            if event < 0:
                raise ValueError(event)
            tenant.set(f"{tenant.get()}!")
            call_next(event + 100)

        for number in (1, -1, 2, 3):
            tenant.set(str(number))
            bus.post(number)
    assert seen == [(101, "1!"), (102, "2!"), (103, "3!")]
    assert threading.get_ident() not in threads
    assert "handler middleware of int, published at" in caplog.text
    assert "ValueError: -1" in caplog.text


def test_layers_on_the_async_bus() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        order: list[object] = []

        @bus.on(int)
        async def handle(event: int) -> int:
            await asyncio.sleep(0)
            order.append(event)
            return event

        @bus.add_middleware
        async def outer(event: int, call_next: AsyncNext) -> None:
            order.append("in")
            await asyncio.sleep(0)
            order.append(await call_next(event + 1))
            order.append("out")

        bus.add_middleware(lambda event, call_next: call_next(event * 10))
        await bus.publish(1)
        report = await bus.deliver(2)
        assert report.deliveries[0].result == 30
        assert order == ["in", 20, None, "out", "in", 30, report, "out"]
        bus.remove_middleware(outer)
        bus.post(5)
        await bus.drain()
        assert order[-1] == 50

    asyncio.run(main())


def test_failures_and_recursion_behind_async_layers() -> None:
    async def main() -> None:
        bus = AsyncEventBus(max_depth=3)
        depths: list[int] = []

        @bus.on(int)
        async def deeper(event: int) -> None:
            depths.append(event)
            if event < 3:
                await bus.publish(event + 1)

        @bus.on(float)
        async def fail(event: float) -> None:
            raise ValueError(event)

        bus.add_middleware(coroutine_layer)
        await bus.publish(1)
        assert depths == [1, 2, 3]
        with pytest.raises(HandlerErrors) as got:
            await bus.publish(1.0)
        assert f"published at {__file__}:" in got.value.exceptions[0].__notes__[0]

        @bus.add_middleware
        async def audit(event: object, call_next: AsyncNext) -> None:
            await call_next(event)
            await bus.publish("audit")

        with pytest.raises(PublishRecursionError, match="str -> str"):
            await bus.publish("begin")

    asyncio.run(main())


def test_cancelling_a_publish_cancels_what_waits_behind_the_layers() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        began, ended = asyncio.Event(), asyncio.Event()

        @bus.on(int)
        async def wait(event: int) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        bus.add_middleware(coroutine_layer)
        task = asyncio.create_task(bus.publish(1))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_an_async_layer_stops_an_event_and_cannot_call_on_later() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        kept: list[AsyncNext] = []
        bus.subscribe(int, lambda _: pytest.fail("called"))

        @bus.add_middleware
        async def stop(event: object, call_next: AsyncNext) -> None:
            kept.append(call_next)

        await bus.publish(1)
        assert (await bus.deliver(1)).deliveries == ()
        with pytest.raises(RuntimeError, match="when its publish had ended"):
            await kept[0](1)

    asyncio.run(main())


def test_a_bus_and_its_layers_are_freed() -> None:
    class Layers:
        def __init__(self, bus: EventBus) -> None:
            self.bus = bus

        def layer(self, event: object, call_next: Next) -> None:
            call_next(event)

    bus = EventBus()
    layers = Layers(bus)
    bus.add_middleware(layers.layer)
    bus.publish(1)
    freed = weakref.ref(layers), weakref.ref(bus)
    del bus, layers
    gc.collect()
    assert [one() for one in freed] == [None, None]
