"""Who is measured when an event is only handed over, and the handlers run in the background.

What people write themselves is a queue a handler, with a thread or a task that works it off: so the
handlers run beside each other, and each gets its events in order. The queues are as bounded as ours.
"""

from __future__ import annotations

import asyncio
from inspect import iscoroutinefunction
from itertools import repeat
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from contenders import OrderPlaced, event

from buswork import AsyncEventBus, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Handlers = Sequence[Callable[[Any], Any]]

BOUND = 10_000
"""What a queue holds at most; the bus's own default."""

LACKING = "it has no `post` yet"


class Threads:
    """A `queue.Queue` and a thread a handler."""

    name = "`queue.Queue` and a thread a handler"

    def __init__(self, handlers: Handlers) -> None:
        self.queues: list[Queue[Any]] = []
        for handler in handlers:
            queue: Queue[Any] = Queue(BOUND)
            self.queues.append(queue)
            Thread(target=self._consume, args=(queue, handler), daemon=True).start()

    @staticmethod
    def _consume(queue: Queue[Any], handler: Callable[[Any], None]) -> None:
        while True:
            event = queue.get()
            handler(event)
            queue.task_done()

    def post(self, times: int, event: object = event) -> None:
        """Put the event into all queues so many times."""
        queues = self.queues
        for _ in repeat(None, times):
            for queue in queues:
                queue.put(event)

    def drain(self) -> None:
        """Wait till every handler has run."""
        for queue in self.queues:
            queue.join()


class Posting:
    """`EventBus.post`."""

    name = "buswork"

    def __init__(self, handlers: Handlers) -> None:
        self.bus: Any = EventBus()
        for handler in handlers:
            self.bus.subscribe(OrderPlaced, handler)

    def post(self, times: int, event: object = event) -> None:
        """Post the event so many times."""
        bus = self.bus
        for _ in repeat(None, times):
            bus.post(event)

    def drain(self) -> None:
        """Wait till every handler has run."""
        self.bus.drain()


class Tasks:
    """An `asyncio.Queue` and a task a handler. Made on a running loop."""

    name = "`asyncio.Queue` and a task a handler"

    def __init__(self, handlers: Handlers) -> None:
        self.queues: list[asyncio.Queue[Any]] = []
        self.tasks: list[asyncio.Task[None]] = []
        for handler in handlers:
            consume = self._await if iscoroutinefunction(handler) else self._call
            queue: asyncio.Queue[Any] = asyncio.Queue(BOUND)
            self.queues.append(queue)
            self.tasks.append(asyncio.create_task(consume(queue, handler)))

    @staticmethod
    async def _await(queue: asyncio.Queue[Any], handler: Callable[[Any], Any]) -> None:
        while True:
            event = await queue.get()
            await handler(event)
            queue.task_done()

    @staticmethod
    async def _call(queue: asyncio.Queue[Any], handler: Callable[[Any], Any]) -> None:
        while True:
            event = await queue.get()
            handler(event)
            queue.task_done()

    async def post(self, times: int, event: object = event) -> None:
        """Put the event into all queues so many times."""
        queues = self.queues
        for _ in repeat(None, times):
            for queue in queues:
                await queue.put(event)

    async def drain(self) -> None:
        """Wait till every handler has run."""
        for queue in self.queues:
            await queue.join()


class AsyncPosting:
    """`AsyncEventBus.post`. Made on a running loop."""

    name = "buswork"

    def __init__(self, handlers: Handlers) -> None:
        self.bus: Any = AsyncEventBus()
        for handler in handlers:
            self.bus.subscribe(OrderPlaced, handler)

    async def post(self, times: int, event: object = event) -> None:
        """Post the event so many times."""
        bus = self.bus
        for _ in repeat(None, times):
            bus.post(event)

    async def drain(self) -> None:
        """Wait till every handler has run."""
        await self.bus.drain()


def skipped(kind: Literal["sync", "async"]) -> dict[str, str]:
    """Whom it is too early to measure."""
    bus = EventBus if kind == "sync" else AsyncEventBus
    return {} if hasattr(bus, "post") else {"buswork": LACKING}
