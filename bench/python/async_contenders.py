"""Who is measured when publishing is awaited. The hand-written bus gathers its coroutines."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import repeat
from typing import TYPE_CHECKING, Any

from contenders import OrderPlaced, event

from buswork import AsyncEventBus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Handlers = Sequence[Callable[[Any], Awaitable[None]]]
    Loop = Callable[[int], None]


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


ASYNC_CONTENDERS: dict[str, Callable[[], Any]] = {
    "hand-written gather": GatheringBus,
    "hand-written task group": TaskGroupBus,
    "buswork": AsyncEventBus,
}


def publisher(bus: Any, handlers: Handlers, runner: asyncio.Runner) -> Loop:
    """A loop that awaits so many publishes, one after another."""
    for handler in handlers:
        bus.subscribe(OrderPlaced, handler)

    async def publish(times: int, bus: Any = bus, event: Any = event) -> None:
        for _ in repeat(None, times):
            await bus.publish(event)

    publish.__code__ = publish.__code__.replace()
    return lambda times: runner.run(publish(times))
