"""The cases of handlers with figures, with policies, and of those that fail and are tried again."""

from __future__ import annotations

import asyncio
import logging
from itertools import repeat
from typing import TYPE_CHECKING, Any

from contenders import OrderPlaced, event
from handlers import distinct
from rounds import Contest

from buswork import AsyncEventBus, Breaker, EventBus, Limit, Policy, Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from rounds import Loop

TURN = 5_000_000

HAND = "hand-written retry"
BUSWORK_SYNC = "buswork, sync"
BUSWORK_ASYNC = "buswork, async"
BUBUS = "bubus, `@retry`"


def _publish_loop(bus: EventBus) -> Loop:
    def many(times: int, bus: EventBus = bus, event: object = event) -> None:
        for _ in repeat(None, times):
            bus.publish(event)

    many.__code__ = many.__code__.replace()
    return many


def counted(count: str) -> Contest:
    """The same handlers without figures, with them, and with policies that never come to act."""
    policies: dict[str, tuple[EventBus, Policy | None]] = {
        "plain": (EventBus(), None),
        "counted": (EventBus(stats=True), None),
        "latency": (EventBus(stats="latency"), None),
        "retry": (EventBus(), Policy(retry=Retry(3))),
        "breaker": (EventBus(), Policy(breaker=Breaker())),
        "limit": (EventBus(), Policy(limit=Limit(10))),
    }
    loops: dict[str, Loop] = {}
    for name, (bus, policy) in policies.items():
        for handler in distinct("function", int(count)):
            bus.subscribe(OrderPlaced, handler, policy=policy)
        loops[name] = _publish_loop(bus)
    return Contest(loops)


class _Flaky:
    """Fails at each first attempt, and not at the second."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, _event: object) -> None:
        self.calls += 1
        if self.calls % 2:
            raise ValueError


def retried() -> Contest:
    """One handler that fails once and is tried again at once."""
    logging.disable()
    loops: dict[str, Loop] = {HAND: _by_hand(), BUSWORK_SYNC: _sync(), BUSWORK_ASYNC: _async()}
    skipped: dict[str, str] = {}
    try:
        loops[BUBUS] = _bubus()
    except Exception as error:
        skipped[BUBUS] = f"{type(error).__name__}: {error}"
    return Contest(loops, skipped=skipped, turn=TURN)


def _by_hand() -> Loop:
    handler = _Flaky()

    def many(
        times: int, handler: Callable[[object], None] = handler, event: object = event
    ) -> None:
        for _ in repeat(None, times):
            for attempt in range(2):
                try:
                    handler(event)
                except ValueError:
                    if attempt:
                        raise
                else:
                    break

    return many


def _sync() -> Loop:
    bus = EventBus()
    bus.subscribe(OrderPlaced, _Flaky(), policy=Policy(retry=Retry(2)))
    return _publish_loop(bus)


def _async() -> Loop:
    bus, flaky = AsyncEventBus(), _Flaky()

    async def handle(event: OrderPlaced) -> None:
        flaky(event)

    bus.subscribe(OrderPlaced, handle, policy=Policy(retry=Retry(2)))

    async def many(times: int) -> None:
        for _ in repeat(None, times):
            await bus.publish(event)

    runner = asyncio.Runner()
    return lambda times: runner.run(many(times))


def _bubus() -> Loop:
    from bubus import BaseEvent, EventBus
    from bubus.helpers import retry

    class Placed(BaseEvent):
        order_id: str

    bus: Any = EventBus()
    flaky = _Flaky()

    @retry(wait=0, retries=1, timeout=5)
    async def handle(event: Placed) -> None:
        flaky(event)

    bus.on(Placed, handle)

    async def many(times: int) -> None:
        for _ in repeat(None, times):
            await bus.dispatch(Placed(order_id="123"))
        if flaky.calls % 2:
            raise AssertionError("an event was not tried again")

    runner = asyncio.Runner()
    runner.run(many(10))
    return lambda times: runner.run(many(times))
