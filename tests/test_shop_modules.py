"""The modules of the example shop, each tested alone with `buswork.testing`."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from buswork import AsyncEventBus, EventBus
from buswork.testing import mute, record
from shop import orders
from shop.awaited import billing as awaited_billing
from shop.awaited import inventory as awaited_inventory
from shop.billing import Billing
from shop.events import InvoicePaid, OrderPlaced, RowRejected, StockLow, StockReordered
from shop.inventory import Inventory
from shop.post_office import PostOffice

if TYPE_CHECKING:
    from buswork.pytest_plugin import RecordEvents

HEADER = "customer_id date number_of_cds dollar_value"


def order(discs: int, dollars: str = "9.99") -> OrderPlaced:
    return OrderPlaced(1, "00042", date(1997, 1, 31), discs, Decimal(dollars))


def test_an_order_is_billed_and_paid(record_events: RecordEvents) -> None:
    bus = EventBus()
    bus.include(Billing(bus))
    recorder = record_events(bus)
    bus.publish(order(2, "19.98"))
    invoice = recorder.assert_published_once(InvoicePaid, order_number=1)
    assert invoice.dollars == Decimal("19.98")


def test_a_low_shelf_is_reported_and_filled(record_events: RecordEvents) -> None:
    bus = EventBus()
    inventory = Inventory(bus)
    bus.include(inventory)
    recorder = record_events(bus)
    bus.publish(order(Inventory.FULL - Inventory.LOW))
    recorder.assert_not_published(StockLow)
    bus.publish(order(1))
    recorder.assert_published_once(StockLow, discs_left=Inventory.LOW - 1)
    recorder.assert_published_once(StockReordered)
    assert inventory.discs == Inventory.FULL


def test_a_shelf_that_nobody_fills_stays_low() -> None:
    bus = EventBus()
    inventory = Inventory(bus)
    bus.include(inventory)
    with record(bus) as recorder, mute(bus, inventory.reorder):
        bus.publish(order(Inventory.FULL))
    recorder.assert_published(StockLow)
    recorder.assert_not_published(StockReordered)
    assert inventory.discs == 0


def test_every_row_becomes_an_event(record_events: RecordEvents) -> None:
    bus = EventBus()
    recorder = record_events(bus)
    orders.take(bus, [HEADER, "00042 19970131 2 19.98", "00042 19970131"])
    recorder.assert_published_once(OrderPlaced, customer="00042", discs=2)
    rejected = recorder.assert_published_once(RowRejected, line=3)
    assert rejected.reason.startswith("2 columns")


def test_a_mail_is_written_an_order() -> None:
    bus = EventBus()
    mbox = StringIO()
    bus.include(PostOffice(mbox))
    with record(bus) as recorder:
        bus.publish(order(2))
    recorder.assert_published_once(OrderPlaced)
    assert "Subject: Your order 1" in mbox.getvalue()


@pytest.mark.parametrize("module", ["inventory", "billing"])
def test_the_awaited_modules_publish_the_same(module: str, record_events: RecordEvents) -> None:
    bus = EventBus()
    bus.include({"inventory": Inventory, "billing": Billing}[module](bus))
    recorder = record_events(bus)
    async_bus = AsyncEventBus()
    awaited_modules = {
        "inventory": awaited_inventory.Inventory,
        "billing": awaited_billing.Billing,
    }
    async_bus.include(awaited_modules[module](async_bus))
    awaited_recorder = record_events(async_bus)

    async def publish(*events: OrderPlaced) -> None:
        for event in events:
            await async_bus.publish(event)

    events = [order(500), order(500, "5.00")]
    for event in events:
        bus.publish(event)
    asyncio.run(publish(*events))
    assert awaited_recorder.events == recorder.events
    assert len(recorder.events) > len(events)
