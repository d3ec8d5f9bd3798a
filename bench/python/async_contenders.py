"""Who is measured when publishing is awaited, and how each is awaited: as its own manual writes it.

Not here is psygnal. Its `emit` puts a coroutine function's call into the one queue of the whole
process, a task of its own works that off one call after another, and nothing says when it is done:
there is nothing to await.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from contenders import BUSWORK, OrderPlaced, event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    Handlers = Sequence[Callable[..., Awaitable[None]]]


class GatheringBus:
    """The async bus that people write themselves."""

    def __init__(self):
        self._handlers = defaultdict(list)

    def subscribe(self, event_type, handler):
        self._handlers[event_type].append(handler)

    async def publish(self, event):
        handlers = self._handlers[type(event)]
        await asyncio.gather(*(h(event) for h in handlers))


class TaskGroupBus(GatheringBus):
    """The same with a task group."""

    async def publish(self, event):
        async with asyncio.TaskGroup() as group:
            for handler in self._handlers[type(event)]:
                group.create_task(handler(event))


async def _nothing() -> None:
    pass


class AsyncPublisher(NamedTuple):
    """A bus with its handlers on."""

    many: Callable[[int], Coroutine[Any, Any, None]]
    """Publishes so many times, one after another."""
    stop: Callable[[], Awaitable[object]] = _nothing
    """For those that leave a task running."""


class AsyncContender(NamedTuple):
    """A bus, or one of its ways of publishing."""

    name: str
    distribution: str | None
    build: Callable[[Handlers], AsyncPublisher]
    """Called on the running loop on which the publisher is used."""
    keywords: bool = False
    """Whether its handlers must take any keyword arguments."""
    note: str = ""
    """What is peculiar to how it is used here."""

    def version(self) -> str:
        """Say which version is installed, if any is."""
        try:
            return version(self.distribution) if self.distribution else "–"
        except PackageNotFoundError:
            return "–"


def _gather(handlers: Handlers) -> AsyncPublisher:
    return _on(GatheringBus(), handlers)


def _task_group(handlers: Handlers) -> AsyncPublisher:
    return _on(TaskGroupBus(), handlers)


def _buswork(handlers: Handlers) -> AsyncPublisher:
    from buswork import AsyncEventBus

    return _on(AsyncEventBus(), handlers)


def _on(bus: Any, handlers: Handlers) -> AsyncPublisher:
    for handler in handlers:
        bus.subscribe(OrderPlaced, handler)

    async def many(times: int, bus: Any = bus, event: Any = event) -> None:
        for _ in repeat(None, times):
            await bus.publish(event)

    return AsyncPublisher(many)


def _pyee(handlers: Handlers) -> AsyncPublisher:
    from pyee.asyncio import AsyncIOEventEmitter

    emitter = AsyncIOEventEmitter()
    for handler in handlers:
        emitter.on("order placed", handler)

    async def many(times: int, emitter: Any = emitter, event: Any = event) -> None:
        for _ in repeat(None, times):
            emitter.emit("order placed", event)
            await emitter.wait_for_complete()

    return AsyncPublisher(many)


def _blinker(handlers: Handlers) -> AsyncPublisher:
    from blinker import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    async def many(
        times: int, signal: Any = signal, event: Any = event, _keep: object = handlers
    ) -> None:
        for _ in repeat(None, times):
            await signal.send_async(event)

    return AsyncPublisher(many)


def _django(handlers: Handlers) -> AsyncPublisher:
    from django.dispatch import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    async def many(
        times: int, signal: Any = signal, event: Any = event, _keep: object = handlers
    ) -> None:
        for _ in repeat(None, times):
            await signal.asend(sender=OrderPlaced, event=event)

    return AsyncPublisher(many)


def _pymitter(handlers: Handlers) -> AsyncPublisher:
    from pymitter import EventEmitter

    emitter = EventEmitter()
    for handler in handlers:
        emitter.on("order placed", handler)

    async def many(times: int, emitter: Any = emitter, event: Any = event) -> None:
        for _ in repeat(None, times):
            await emitter.emit_async("order placed", event)

    return AsyncPublisher(many)


def _dust_riven(handlers: Handlers) -> AsyncPublisher:
    from dust_riven import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    async def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            await signal.emit_async(event)

    return AsyncPublisher(many)


def _bubus(handlers: Handlers) -> AsyncPublisher:
    from bubus import BaseEvent, EventBus

    class Placed(BaseEvent):
        order_id: str
        user_id: str
        amount: float

    bus = EventBus(parallel_handlers=True)
    for handler in handlers:
        bus.on(Placed, handler)

    async def many(times: int, bus: Any = bus, placed: Any = Placed) -> None:
        for _ in repeat(None, times):
            await bus.dispatch(placed(order_id="123", user_id="u1", amount=49.99))

    # Unless it is stopped, it swallows the cancellation at the loop's end, which waits for ever.
    return AsyncPublisher(many, lambda: bus.stop(clear=True))


def _abxbus(handlers: Handlers) -> AsyncPublisher:
    from abxbus import BaseEvent, EventBus

    class Placed(BaseEvent):
        order_id: str
        user_id: str
        amount: float

    # As it comes, the bus refuses its 101st event, even when the first hundred are done; the message
    # of the error names this option as the way out.
    bus = EventBus(event_handler_concurrency="parallel", max_history_drop=True)
    for handler in handlers:
        bus.on(Placed, handler)

    async def many(times: int, bus: Any = bus, placed: Any = Placed) -> None:
        for _ in repeat(None, times):
            await bus.emit(placed(order_id="123", user_id="u1", amount=49.99)).now()

    return AsyncPublisher(many, bus.destroy)


GATHER = AsyncContender("hand-written gather", None, _gather)
ASYNC_CONTENDERS = (
    GATHER,
    AsyncContender("hand-written task group", None, _task_group),
    AsyncContender(BUSWORK.name, BUSWORK.distribution, _buswork),
    AsyncContender(
        "pyee `wait_for_complete`",
        "pyee",
        _pyee,
        note="waits for whatever the emitter has running, not for one event",
    ),
    AsyncContender(
        "blinker `send_async`", "blinker", _blinker, note="awaits one handler after another"
    ),
    AsyncContender("Django `asend`", "Django", _django, keywords=True),
    AsyncContender("pymitter `emit_async`", "pymitter", _pymitter),
    AsyncContender("dust-riven `emit_async`", "dust-riven", _dust_riven),
    AsyncContender(
        "bubus",
        "bubus",
        _bubus,
        note="needs a new event each time, whose making is part of the figure; its handlers run beside "
        "each other because of `parallel_handlers=True`",
    ),
    AsyncContender(
        "abxbus",
        "abxbus",
        _abxbus,
        note='needs a new event as well; it has `event_handler_concurrency="parallel"`, and '
        "`max_history_drop=True`, without which it refuses the 101st event",
    ),
)
