"""The patterns that the project was asked for work as they were written; only the import is ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from buswork import EventBus

calls: list[tuple[Any, ...]] = []


@dataclass
class OrderPlaced:
    order_id: str
    user_id: str
    amount: float


def send_confirmation_email(event: OrderPlaced) -> None:
    calls.append(("email", event.order_id))


def update_inventory(event: OrderPlaced) -> None:
    calls.append(("inventory", event.order_id))


def log_analytics_event(event: OrderPlaced) -> None:
    calls.append(("analytics", event.amount))


def send_email(user_id: str, text: str) -> None:
    calls.append((user_id, text))


class WarehouseClient:
    def reserve(self, order_id: str) -> None:
        calls.append(("reserved", order_id))


class InventoryHandler:
    def __init__(self, warehouse_client):
        self.warehouse = warehouse_client

    def handle(self, event: OrderPlaced):
        self.warehouse.reserve(event.order_id)


def test_all_three_handlers_run_in_order_of_subscription() -> None:
    calls.clear()
    bus = EventBus()
    bus.subscribe(OrderPlaced, send_confirmation_email)
    bus.subscribe(OrderPlaced, update_inventory)
    bus.subscribe(OrderPlaced, log_analytics_event)
    bus.publish(OrderPlaced(order_id="123", user_id="u1", amount=49.99))
    assert calls == [("email", "123"), ("inventory", "123"), ("analytics", 49.99)]


def test_a_decorated_function_handles() -> None:
    calls.clear()
    bus = EventBus()

    @bus.on(OrderPlaced)
    def handle_order(event: OrderPlaced):
        send_email(event.user_id, f"Order {event.order_id} confirmed")

    bus.publish(OrderPlaced(order_id="123", user_id="u1", amount=49.99))
    assert calls == [("u1", "Order 123 confirmed")]


def test_a_method_of_an_object_with_dependencies_handles() -> None:
    calls.clear()
    bus = EventBus()
    inventory_handler = InventoryHandler(WarehouseClient())
    bus.subscribe(OrderPlaced, inventory_handler.handle)
    bus.publish(OrderPlaced(order_id="123", user_id="u1", amount=49.99))
    assert calls == [("reserved", "123")]


def test_a_handler_that_takes_any_event_handles() -> None:
    calls.clear()
    bus = EventBus()

    def note(event: Any) -> None:
        calls.append((event,))

    bus.subscribe(OrderPlaced, note)
    event = OrderPlaced(order_id="123", user_id="u1", amount=49.99)
    bus.publish(event)
    assert calls == [(event,)]
