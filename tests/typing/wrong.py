"""Wrong registrations: both checkers must find an error on each marked line, and no other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from buswork import (
    AsyncEventBus,
    Breaker,
    DeadLettered,
    EventBus,
    Failure,
    Handlers,
    Limit,
    Policy,
    Retry,
    handles,
)
from buswork.testing import record


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
def of_rush(event: RushOrderPlaced) -> None: ...
def of_cancelled(event: OrderCancelled) -> None: ...
def of_nothing() -> None: ...
def of_two(event: OrderPlaced, more: int) -> None: ...
def with_keyword(event: OrderPlaced, *, more: int) -> None: ...
async def later(event: OrderCancelled) -> None: ...


class Stock:
    def reserve(self, event: OrderPlaced) -> None: ...
    async def reserve_later(self, event: OrderPlaced) -> None: ...


class Audit:
    def __call__(self, event: OrderPlaced) -> None: ...


bus = EventBus()

bus.subscribe(OrderPlaced, of_cancelled)  # error
bus.subscribe(OrderPlaced, of_rush)  # error
bus.subscribe(OrderPlaced, of_nothing)  # error
bus.subscribe(OrderPlaced, of_two)  # error
bus.subscribe(OrderPlaced, with_keyword)  # error
bus.subscribe(OrderPlaced, later)  # error
bus.subscribe(OrderCancelled, Stock().reserve)  # error
bus.subscribe(OrderCancelled, Stock().reserve_later)  # error
bus.subscribe(OrderPlaced, Stock.reserve)  # error
bus.subscribe(OrderCancelled, Audit())  # error
bus.subscribe(OrderPlaced, of_order(OrderPlaced(1.0)))  # error
bus.subscribe(OrderPlaced, "of_order")  # error
bus.subscribe(object, of_order)  # error
bus.subscribe(Billable, of_order)  # error
bus.subscribe(Shippable, of_order)  # error
bus.subscribe(OrderPlaced | OrderCancelled, of_order)  # error
bus.subscribe(OrderPlaced | OrderCancelled, lambda event: event.amount)  # error
bus.subscribe(OrderPlaced, lambda event: event.price)  # error
bus.subscribe(OrderPlaced(1.0), of_order)  # error
bus.subscribe(3, of_order)  # error

bus.subscribe(OrderPlaced, of_order, when=of_cancelled)  # error
bus.subscribe(OrderPlaced, of_order, when=lambda event: event.price > 1)  # error
bus.subscribe(OrderPlaced, of_order, on_error="explode")  # error
bus.subscribe(OrderPlaced, of_order, on_error=of_order)  # error
bus.subscribe(OrderPlaced, of_order, priority="high")  # error
bus.subscribe(OrderPlaced, of_order, prio=3)  # error
EventBus(unhandled="explode")  # error
EventBus("log")  # error


@bus.on(OrderPlaced)  # error
def cancelled(event: OrderCancelled) -> None: ...


@bus.on(OrderPlaced)  # error
def nothing() -> None: ...


@bus.on(OrderPlaced)  # error
def two(event: OrderPlaced, more: int) -> None: ...


@bus.on(OrderPlaced)  # error
async def cancelled_later(event: OrderCancelled) -> None: ...


@bus.on(OrderPlaced, OrderCancelled)  # error
def only_the_first(event: OrderPlaced) -> None: ...


@bus.on(OrderPlaced, OrderCancelled)  # error
def only_the_second(event: OrderCancelled) -> None: ...


@bus.on(OrderPlaced | OrderCancelled)  # error
def only_one_of_the_union(event: OrderPlaced) -> None: ...


@bus.on(OrderPlaced, OrderCancelled, StockLow)  # error
def two_of_three(event: OrderPlaced | OrderCancelled) -> None: ...


@bus.on(Billable, Shippable)  # error
def only_the_abstract(event: Billable) -> None: ...


@bus.on(OrderPlaced)  # error
@bus.on(OrderCancelled)
def stacked(event: OrderCancelled) -> None: ...


class Plugin:
    @bus.on(OrderPlaced)  # error
    def reserve(self, event: OrderPlaced) -> None: ...


@bus.on(OrderPlaced)
def right(event: OrderPlaced, copies: int = 1) -> int:
    return copies


right(OrderCancelled())  # error
right(OrderPlaced(1.0), copies="two")  # error
right(OrderPlaced(1.0)).nothing_of_int  # error
bus.on(OrderCancelled)(Stock().reserve)  # error
bus.on(OrderCancelled)(Audit())  # error
bus.on()  # error

# `Handlers.on`.
handlers = Handlers()


@handlers.on(OrderPlaced)  # error
def declared_cancelled(event: OrderCancelled) -> None: ...


@handlers.on(OrderPlaced)  # error
def declared_nothing() -> None: ...


@handlers.on(OrderPlaced)  # error
def declared_two(event: OrderPlaced, more: int) -> None: ...


@handlers.on(OrderPlaced)  # error
async def declared_later(event: OrderCancelled) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled)  # error
def declared_only_the_first(event: OrderPlaced) -> None: ...


@handlers.on(OrderPlaced | OrderCancelled)  # error
def declared_only_one_of_the_union(event: OrderPlaced) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, StockLow)  # error
def declared_two_of_three(event: OrderPlaced | OrderCancelled) -> None: ...


@handlers.on(OrderPlaced, OrderCancelled, StockLow, Billable)  # error
def declared_three_of_four(event: OrderPlaced | OrderCancelled | StockLow) -> None: ...


@handlers.on(OrderPlaced)  # error
@handlers.on(OrderCancelled)
def declared_stacked(event: OrderCancelled) -> None: ...


@handlers.on  # error
def declared_bare(event: OrderPlaced) -> None: ...


@handlers.on(OrderPlaced)
def declared_right(event: OrderPlaced, copies: int = 1) -> int:
    return copies


declared_right(OrderCancelled())  # error
declared_right(OrderPlaced(1.0)).nothing_of_int  # error
handlers.on(OrderCancelled)(Stock().reserve)  # error
handlers.on(OrderCancelled)(Audit())  # error
handlers.on(OrderPlaced)(42)  # error
handlers.on(3)  # error
handlers.on()  # error
handlers.on(OrderPlaced, prio=3)  # error
handlers.on(OrderPlaced, priority="high")  # error
handlers.on(OrderPlaced, on_error="explode")  # error
handlers.on(OrderPlaced, on_error=of_order)  # error
handlers.on(OrderPlaced, when=of_cancelled)  # error
handlers.on(OrderPlaced, when=of_rush)  # error
handlers.on(OrderPlaced, when=lambda event: event.price > 1)  # error
handlers.on(OrderPlaced, OrderCancelled, when=of_cancelled)  # error
handlers.on(OrderPlaced, OrderCancelled, prio=3)  # error
handlers.on(OrderPlaced, OrderCancelled, StockLow, Billable, Shippable, prio=3)  # error


# `handles`.
class Inventory:
    @handles(OrderPlaced)  # error
    def cancelled(self, event: OrderCancelled) -> None: ...

    @handles(OrderPlaced)  # error
    def nothing(self) -> None: ...

    @handles(OrderPlaced)  # error
    def two(self, event: OrderPlaced, more: int) -> None: ...

    @handles(OrderPlaced)  # error
    def default_of_another(self, event: OrderCancelled | None = None) -> None: ...

    @handles(OrderPlaced)  # error
    async def later(self, event: OrderCancelled) -> None: ...

    @handles(OrderPlaced, OrderCancelled)  # error
    def only_the_first(self, event: OrderPlaced) -> None: ...

    @handles(OrderPlaced | OrderCancelled)  # error
    def only_one_of_the_union(self, event: OrderCancelled) -> None: ...

    @handles(OrderPlaced, OrderCancelled, StockLow)  # error
    def two_of_three(self, event: OrderPlaced | StockLow) -> None: ...

    @handles(OrderPlaced)  # error
    @handles(OrderCancelled)
    def stacked(self, event: OrderCancelled) -> None: ...

    @handles(OrderPlaced)  # error
    @staticmethod
    def statically(event: OrderCancelled) -> None: ...

    @handles(OrderPlaced)  # error
    @classmethod
    def by_class(cls, event: OrderCancelled) -> None: ...

    @handles  # error
    def bare(self, event: OrderPlaced) -> None: ...

    @handles(OrderPlaced)
    def right(self, event: OrderPlaced, copies: int = 1) -> int:
        return copies


Inventory().right(OrderCancelled())  # error
Inventory().right(OrderPlaced(1.0), copies="two")  # error
Inventory().right(OrderPlaced(1.0)).nothing_of_int  # error
bus.subscribe(OrderCancelled, Inventory().right)  # error
staticmethod(handles(OrderPlaced)(of_cancelled))  # error
handles(OrderPlaced)(42)  # error
handles(3)  # error
handles()  # error
handles(OrderPlaced, prio=3)  # error
handles(OrderPlaced, once="yes")  # error
handles(OrderPlaced, on_error="explode")  # error
handles(OrderPlaced, when=of_cancelled)  # error
handles(OrderPlaced, when=lambda event: event.price > 1)  # error
handles(OrderPlaced, OrderCancelled, when=of_cancelled)  # error

bus.unsubscribe(OrderPlaced, of_cancelled)  # error
bus.set_unhandled(OrderPlaced, "explode")  # error
bus.publish()  # error


def look(failure: Failure) -> None:
    failure.message  # error


asynchronous = AsyncEventBus()


@asynchronous.on(OrderPlaced)  # error
async def cancel_later(event: OrderCancelled) -> None: ...


async def reserve_later(event: OrderCancelled) -> None: ...


asynchronous.subscribe(OrderPlaced, reserve_later)  # error
AsyncEventBus(max_depth="deep")  # error


bus.post()  # error
bus.post(OrderPlaced(1.0), topic=3)  # error
bus.publish(OrderPlaced(1.0), "orders.eu")  # error
bus.drain(timeout="soon")  # error
EventBus(overflow="explode")  # error
EventBus(max_pending="many")  # error
bus.on("orders.*", prio=1)  # error
bus.on("orders.*")(42)  # error
bus.set_unhandled(3, "raise")  # error


@bus.add_middleware  # error
def takes_one(event: object) -> None: ...


bus.add_middleware(3)  # error
record(3)  # error
record(bus, scope="everywhere")  # error
with record(bus) as recorder:
    recorder.assert_published(OrderPlaced).price  # error
    recorder.assert_published()  # error


async def wait(asynchronous: AsyncEventBus) -> None:
    with asynchronous:  # error
        pass
    await asynchronous.post(OrderPlaced(1.0))  # error


bus.subscribe(OrderPlaced, of_order, policy=Retry(3))  # error
bus.subscribe(OrderPlaced, of_order, policy="retry")  # error
bus.subscribe(OrderPlaced, of_order, background="later")  # error
bus.on(OrderPlaced, policy=Breaker(3))  # error
bus.on(OrderPlaced, background=1.0)  # error
handlers.on(OrderPlaced, policy=3)  # error
handlers.on(OrderPlaced, background="later")  # error
handles(OrderPlaced, policy=Limit(1))  # error
EventBus(policy=Retry(3))  # error
EventBus(stats="everything")  # error
AsyncEventBus(max_dead_letters="many")  # error
Policy(5)  # error
Policy(retry=3)  # error
Policy(timeout="5s")  # error
Policy(dead_letter="yes")  # error
Retry("three")  # error
Retry(3, 0.1)  # error
Retry(backoff="1s")  # error
Retry(retry_on=3)  # error
Retry(retry_on=[OSError])  # error
Retry(give_up_on=of_cancelled)  # error
Breaker(5, pause="30s")  # error
Limit()  # error
Limit(4, overflow="wait")  # error
Limit(4, queue="long")  # error
Policy().timeout = 5  # error
bus.dead_letters[0]  # error
bus.dead_letters.retry("all")  # error
bus.stats()[0].latency("median")  # error


@bus.on(DeadLettered)  # error
def alarm(event: OrderPlaced) -> None: ...
