"""Right registrations: both checkers must find nothing here."""

from __future__ import annotations

import asyncio
import functools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeVar, assert_type, runtime_checkable
from unittest.mock import Mock

from buswork import (
    AsyncEventBus,
    Attempted,
    Breaker,
    DeadLetter,
    DeadLettered,
    Delivery,
    EventBus,
    Failure,
    HandlerErrors,
    Handlers,
    HandlerStats,
    Limit,
    Policy,
    QueueFull,
    Report,
    Retry,
    Subscription,
    SubscriptionGroup,
    handles,
)
from buswork.testing import Recorder, mute, record

Event = TypeVar("Event")


@dataclass
class OrderPlaced:
    amount: float


class RushOrderPlaced(OrderPlaced): ...


class OrderCancelled: ...


class StockLow: ...


class Billable(ABC):
    @abstractmethod
    def bill(self) -> None: ...


@runtime_checkable
class Shippable(Protocol):
    def ship(self) -> None: ...


def of_order(event: OrderPlaced) -> None: ...
def of_either(event: OrderPlaced | OrderCancelled) -> None: ...
def of_anything(event: object) -> None: ...
def of_billable(event: Billable) -> None: ...
def of_shippable(event: Shippable) -> None: ...
def with_default(event: OrderPlaced, times: int = 1, *, loud: bool = False) -> int:
    return times


def with_more(prefix: str, event: OrderPlaced) -> str:
    return prefix


def with_any(event: Any) -> Any:
    return event


def with_star(*events: object) -> None: ...


class Stock:
    def reserve(self, event: OrderPlaced) -> bool:
        return True

    @classmethod
    def count(cls, event: OrderPlaced) -> None: ...

    @staticmethod
    def log(event: OrderPlaced) -> None: ...


class Audit:
    def __call__(self, event: object) -> None: ...


bus = EventBus()

# `subscribe`: every kind of callable.
assert_type(bus.subscribe(OrderPlaced, of_order), Subscription)
bus.subscribe(OrderPlaced, Stock().reserve)
bus.subscribe(OrderPlaced, Stock.count)
bus.subscribe(OrderPlaced, Stock.log)
bus.subscribe(OrderPlaced, Audit())
bus.subscribe(OrderPlaced, with_default)
bus.subscribe(OrderPlaced, with_any)
bus.subscribe(OrderPlaced, with_star)
bus.subscribe(OrderPlaced, functools.partial(with_more, "dear"))
bus.subscribe(OrderPlaced, print)
seen: list[OrderPlaced] = []
bus.subscribe(OrderPlaced, seen.append)
bus.subscribe(OrderPlaced, Mock())
bus.subscribe(OrderPlaced, lambda event: event.amount)

# A handler of a base class, of a union, of everything.
bus.subscribe(RushOrderPlaced, of_order)
bus.subscribe(OrderPlaced, of_either)
bus.subscribe(OrderPlaced, of_anything)
bus.subscribe(object, of_anything)

# Types that are not plain classes.
bus.subscribe(Billable, of_billable)
bus.subscribe(Shippable, of_shippable)
bus.subscribe(OrderPlaced | OrderCancelled, of_either)
bus.subscribe(Billable | Shippable, of_anything)
Order = OrderPlaced | OrderCancelled
bus.subscribe(Order, of_either)

# Options.
bus.subscribe(
    OrderPlaced,
    of_order,
    name="fraud",
    priority=10,
    when=lambda event: event.amount > 1000,
    once=True,
    weak=False,
    exact=True,
    on_error="log",
)


def look(failure: Failure) -> None:
    assert_type(failure.error, Exception)
    assert_type(failure.site, str | None)


bus.subscribe(OrderPlaced, of_order, on_error=look)
EventBus(on_error=look, unhandled="raise", max_depth=5)
EventBus(on_error="stop", unhandled="warn")


# A class given by a variable, and a generic function of one's own.
def tell_everyone(kind: type[Event], handler: Callable[[Event], object]) -> Subscription:
    return bus.subscribe(kind, handler)


tell_everyone(OrderPlaced, of_order)
kinds: list[type[OrderPlaced]] = [OrderPlaced, RushOrderPlaced]
for kind in kinds:
    bus.subscribe(kind, of_order)


# `on`: the function stays what it is.
@bus.on(OrderPlaced)
def confirm(event: OrderPlaced, copies: int = 1) -> int:
    return copies


assert_type(confirm(event=OrderPlaced(1.0), copies=2), int)
assert_type(confirm(OrderPlaced(1.0)), int)


@bus.on(OrderPlaced, OrderCancelled)
def either(event: OrderPlaced | OrderCancelled) -> None: ...


@bus.on(OrderPlaced | OrderCancelled, StockLow)
def any_of_three(event: OrderPlaced | OrderCancelled | StockLow) -> None: ...


@bus.on(OrderPlaced, OrderCancelled, StockLow, Billable)
def any_of_four(event: OrderPlaced | OrderCancelled | StockLow | Billable) -> None: ...


@bus.on(OrderPlaced, OrderCancelled, StockLow, Billable, Shippable)
def any_of_five(event: object) -> None: ...


@bus.on(OrderPlaced, priority=5, when=lambda event: event.amount > 10, once=True)
def big(event: OrderPlaced) -> str:
    return "big"


@bus.on(OrderPlaced, OrderCancelled, when=lambda event: isinstance(event, OrderPlaced))
def told_apart(event: object) -> None: ...


@bus.on(OrderPlaced)
@bus.on(OrderCancelled)
def stacked(event: OrderPlaced | OrderCancelled) -> None: ...


assert_type(stacked(OrderCancelled()), None)
bus.on(OrderPlaced)(Stock().reserve)
bus.on(OrderPlaced)(Audit())
bus.on(Billable)(of_billable)
bus.on(Shippable)(of_shippable)


class Plugin:
    @staticmethod
    @bus.on(OrderPlaced)
    def log(event: OrderPlaced) -> None: ...


# `Handlers.on`: the same without a bus; async handlers too.
handlers = Handlers()


@handlers.on(OrderPlaced)
def declared(event: OrderPlaced, copies: int = 1) -> int:
    return copies


assert_type(declared(event=OrderPlaced(1.0), copies=2), int)


@handlers.on(OrderPlaced, name="later", priority=5, once=True, exact=True, weak=False)
async def declared_later(event: OrderPlaced) -> str:
    return "later"


async def await_it() -> None:
    assert_type(await declared_later(OrderPlaced(1.0)), str)


@handlers.on(OrderPlaced, when=lambda event: event.amount > 10, on_error=look)
def declared_big(event: OrderPlaced) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, when=lambda event: isinstance(event, OrderPlaced))
def declared_of_two(event: OrderPlaced | OrderCancelled) -> None: ...


@handlers.on(OrderPlaced | OrderCancelled, StockLow)
def declared_of_three(event: OrderPlaced | OrderCancelled | StockLow) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, StockLow)
@handlers.on(Billable, Shippable, on_error="log")
def declared_stacked(event: object) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, StockLow, Billable)
def declared_of_four(event: OrderPlaced | OrderCancelled | StockLow | Billable) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, StockLow, Billable, Shippable, priority=1)
def declared_of_five(event: object) -> None: ...


def is_anything(event: object) -> bool:
    return True


handlers.on(OrderPlaced, when=is_anything)(of_either)
handlers.on(OrderPlaced)(Stock().reserve)
handlers.on(RushOrderPlaced)(of_order)
handlers.on(Billable)(of_billable)
handlers.on(Shippable)(Audit())
handlers.on(OrderPlaced)(print)
assert_type(len(handlers), int)
assert_type(bus.include(handlers), SubscriptionGroup)


# `handles`: the method stays what it is, with its object first.
class Inventory:
    @handles(OrderPlaced)
    def reserve(self, event: OrderPlaced, copies: int = 1) -> int:
        return copies

    @handles(OrderPlaced, OrderCancelled, when=is_anything, priority=5)
    async def later(self, event: OrderPlaced | OrderCancelled) -> str:
        return "later"

    @handles(OrderPlaced)
    @handles(OrderCancelled, when=lambda event: bool(event), on_error=look)
    def stacked(self, event: OrderPlaced | OrderCancelled) -> None: ...

    @handles(OrderPlaced | OrderCancelled, StockLow)
    def of_union(self, event: OrderPlaced | OrderCancelled | StockLow) -> None: ...

    @handles(OrderPlaced, OrderCancelled, StockLow)
    def of_three(self, event: OrderPlaced | OrderCancelled | StockLow) -> None: ...

    @handles(OrderPlaced, OrderCancelled, StockLow, Billable)
    def of_four(self, event: OrderPlaced | OrderCancelled | StockLow | Billable) -> None: ...

    @handles(OrderPlaced, OrderCancelled, StockLow, Billable, Shippable, name="five")
    def of_five(self, event: object) -> None: ...

    @handles(Billable)
    def of_abstract(self, event: Billable) -> None: ...

    @handles(OrderPlaced)
    def of_more(self, *events: object, **options: object) -> None: ...

    @staticmethod
    @handles(OrderPlaced)
    def statically(event: OrderPlaced, copies: int = 1) -> int:
        return copies

    @handles(OrderPlaced)
    @staticmethod
    def statically_below(event: OrderPlaced, copies: int = 1) -> int:
        return copies

    @classmethod
    @handles(OrderPlaced)
    def by_class(cls, event: OrderPlaced, copies: int = 1) -> int:
        return copies

    @handles(OrderPlaced)
    @classmethod
    def by_class_below(cls, event: OrderPlaced, copies: int = 1) -> int:
        return copies


class LargeInventory(Inventory):
    def reserve(self, event: OrderPlaced, copies: int = 1) -> int:
        return super().reserve(event, copies)

    @handles(OrderPlaced)
    async def later(self, event: OrderPlaced | OrderCancelled) -> str:
        return await super().later(event)


async def use(inventory: Inventory) -> None:
    assert_type(inventory.reserve(OrderPlaced(1.0), copies=2), int)
    assert_type(inventory.reserve(event=OrderPlaced(1.0)), int)
    assert_type(Inventory.reserve(inventory, OrderPlaced(1.0)), int)
    assert_type(await inventory.later(OrderCancelled()), str)
    assert_type(inventory.statically(OrderPlaced(1.0), copies=2), int)
    assert_type(Inventory.statically(OrderPlaced(1.0)), int)
    assert_type(inventory.statically_below(OrderPlaced(1.0), copies=2), int)
    assert_type(Inventory.statically_below(OrderPlaced(1.0)), int)
    assert_type(inventory.by_class(OrderPlaced(1.0), copies=2), int)
    assert_type(Inventory.by_class(OrderPlaced(1.0)), int)
    assert_type(inventory.by_class_below(OrderPlaced(1.0), copies=2), int)
    assert_type(Inventory.by_class_below(OrderPlaced(1.0)), int)
    bus.subscribe(OrderPlaced, inventory.reserve)


# The rest of the bus.
class ShopBus(EventBus):
    def __init__(self, shop: str) -> None:
        super().__init__(on_error="log")
        self.shop = shop


assert_type(ShopBus("corner").shop, str)
assert_type(ShopBus("corner").subscribe(OrderPlaced, of_order), Subscription)

with bus.include(Inventory()) as group:
    assert_type(group, SubscriptionGroup)
    assert_type(group.subscriptions, tuple[Subscription, ...])
    assert_type(group.active, bool)

assert_type(bus.handlers(OrderPlaced), list[Subscription])
assert_type(bus.handlers(OrderPlaced | StockLow), list[Subscription])
assert_type(bus.explain(Billable), str)
bus.set_unhandled(Shippable, "warn")
bus.unsubscribe(OrderPlaced, of_order)
bus.unsubscribe(OrderPlaced | OrderCancelled, of_either)

report = bus.deliver(OrderPlaced(5.0))
assert_type(report, Report)
assert_type(report.deliveries, tuple[Delivery, ...])
assert_type(report.failures[0].error, Exception | None)
assert_type(report.deliveries[0].elapsed, float)

with bus.subscribe(OrderPlaced, of_order) as subscription:
    assert_type(subscription, Subscription)
    assert_type(subscription.location, str | None)

try:
    bus.publish(OrderPlaced(5.0))
except HandlerErrors as errors:
    assert_type(errors.exceptions, tuple[Exception | ExceptionGroup[Exception], ...])


asynchronous = AsyncEventBus(on_error="log", max_depth=10)


@asynchronous.on(OrderPlaced, priority=1)
async def confirm_later(event: OrderPlaced) -> int:
    return int(event.amount)


@asynchronous.on(OrderPlaced, OrderCancelled)
def confirm_at_once(event: OrderPlaced | OrderCancelled) -> None: ...


pending: Coroutine[Any, Any, int] = confirm_later(OrderPlaced(1.0))
asynchronous.subscribe(OrderPlaced, confirm_later)


async def publish_and_deliver() -> None:
    await asynchronous.publish(OrderPlaced(1.0))
    assert_type(await asynchronous.deliver(OrderPlaced(1.0)), Report)
    async with asyncio.TaskGroup() as group:
        group.create_task(asynchronous.publish(OrderPlaced(1.0)))


# Background work.
with EventBus(max_pending=100, overflow="drop_old") as background:
    assert_type(background, EventBus)
    background.post(OrderPlaced(1.0))
    background.drain(timeout=1)
    background.drain(timedelta(seconds=1))
    background.close()
    assert_type((background.pending, background.dropped), tuple[int, int])


async def in_the_background() -> None:
    async with AsyncEventBus(overflow="raise") as entered:
        assert_type(entered, AsyncEventBus)
        try:
            entered.post(OrderPlaced(1.0))
        except QueueFull:
            await entered.drain(1.5)
        await entered.close(timedelta(seconds=1))


# Topics.
@bus.on("orders.*.placed", "orders.**", priority=1)
def by_name(payload: dict[str, float]) -> float:
    return payload["amount"]


@bus.on(OrderPlaced, "orders.*", StockLow, name="both roads")
def by_both(event: object) -> None: ...


assert_type(by_name({}), float)
bus.subscribe(f"orders.{by_name.__name__}", of_order, when=lambda event: event.amount > 1)
bus.unsubscribe("orders.**", by_name)
bus.publish({"amount": 1.0}, topic="orders.eu.placed")
bus.post(OrderPlaced(1.0), topic="orders.eu.placed")
assert_type(bus.deliver(1, topic="orders").topic, str | None)
assert_type(bus.handlers("orders"), list[Subscription])
assert_type(bus.handlers("orders")[0].event_types, tuple[type[Any] | str, ...])
Handlers().on("orders.*")(by_name)


class ByName:
    @handles("orders.*", OrderPlaced)
    @handles(StockLow, "stock.*")
    def handle(self, payload: object) -> None: ...


# Middleware.
@bus.add_middleware
def layer(event: object, call_next: Callable[[Any], Any]) -> None:
    call_next(event)


layer(1, print)
bus.remove_middleware(layer)


@asynchronous.add_middleware
async def async_layer(event: object, call_next: Callable[[Any], Awaitable[Any]]) -> None:
    await call_next(event)


# Policies.
def is_passing(error: Exception) -> bool:
    return bool(error.args)


retry = Retry(5, backoff=0.1, max_backoff=timedelta(minutes=1), jitter=0, retry_on=OSError)
Retry(retry_on=(OSError, ValueError), give_up_on=is_passing)
Retry(give_up_on=lambda error: "never" in str(error))
policy = Policy(
    timeout=timedelta(seconds=5),
    retry=retry,
    breaker=Breaker(3, window=timedelta(minutes=5), pause=10),
    limit=Limit(4, queue=100, overflow="drop_old"),
    dead_letter=True,
)
assert_type(policy.retry, Retry | None)
assert_type(policy.timeout, float | None)
assert_type(retry.backoff, float)
assert_type(Limit(1).overflow, Literal["raise", "drop_new", "drop_old"])
bus.subscribe(OrderPlaced, of_order, policy=policy, background=True)
bus.subscribe("orders.*", of_anything, policy=None)
Handlers().on(OrderPlaced, policy=policy, background=True)(of_order)


@bus.on(OrderPlaced, OrderCancelled, policy=Policy(retry=Retry()))
def tried(event: OrderPlaced | OrderCancelled) -> None: ...


class Patient:
    @handles(OrderPlaced, policy=policy, background=True)
    def reserve(self, event: OrderPlaced) -> None: ...


@bus.on(DeadLettered)
def alarm(event: DeadLettered) -> None:
    assert_type(event.letter, DeadLetter)


EventBus(policy=policy, stats="latency", max_dead_letters=10)
AsyncEventBus(policy=Policy(), stats=True)
for letter in bus.dead_letters:
    assert_type(letter, DeadLetter)
    assert_type(letter.attempts, tuple[Attempted, ...])
    assert_type((letter.attempts[0].at, letter.error), tuple[float, str])
    bus.dead_letters.retry(letter)
    bus.dead_letters.discard(letter.id)
assert_type((len(bus.dead_letters), bus.dead_letters.lost), tuple[int, int])
assert_type(bus.stats(), list[HandlerStats])
assert_type(bus.stats()[0].latency(0.99), float | None)
assert_type(bus.stats()[0].breaker, Literal["closed", "open", "half-open"] | None)
assert_type(bus.handlers(OrderPlaced)[0].policy, Policy | None)
assert_type(report.deliveries[0].attempts, int)


# Testing.
with (
    record(bus) as recorder,
    mute(asynchronous, OrderPlaced, of_order, "orders.*", scope="context"),
):
    assert_type(recorder, Recorder)
    assert_type(recorder.assert_published(OrderPlaced, amount=1.0), OrderPlaced)
    assert_type(recorder.assert_published_once(OrderPlaced).amount, float)
    assert_type(recorder.assert_published("orders.*"), Any)
    recorder.assert_not_published(OrderCancelled)
    recorder.assert_nothing_published()
    assert_type(recorder.records[0].topic, str | None)
