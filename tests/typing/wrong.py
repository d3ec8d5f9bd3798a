"""Wrong registrations: both checkers must find an error on each marked line, and no other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from buswork import EventBus, Failure


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

bus.unsubscribe(OrderPlaced, of_cancelled)  # error
bus.set_unhandled(OrderPlaced, "explode")  # error
bus.publish()  # error


def look(failure: Failure) -> None:
    failure.message  # error
