"""The recipe for a payment gateway, with one that fails in every way that gateways do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from buswork import EventBus
from recipes import payment_gateway
from recipes.payment_gateway import (
    CardDeclinedError,
    OrderPlaced,
    PaymentDeclined,
    Payments,
    PaymentTaken,
)

#: What a second of the policy lasts here.
SECOND = 0.01


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="buswork")


class Gateway:
    """A gateway that knows an order by its id, and charges it once however often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.charged: dict[str, int] = {}
        self.fails = iter(())
        self.is_down = False

    def charge(self, order_id: str, cents: int) -> None:
        self.asked.append(order_id)
        if self.is_down:
            raise ConnectionRefusedError("down")
        for error in self.fails:
            raise error
        self.charged[order_id] = cents


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def bus() -> Iterator[EventBus]:
    with EventBus() as bus:
        yield bus


def outcomes(bus: EventBus) -> list[PaymentTaken | PaymentDeclined]:
    seen: list[PaymentTaken | PaymentDeclined] = []
    bus.subscribe(PaymentTaken | PaymentDeclined, seen.append)
    return seen


def test_a_connection_that_breaks_twice_costs_the_customer_nothing(
    bus: EventBus, gateway: Gateway
) -> None:
    payments, seen, stock = Payments(bus, gateway.charge, SECOND), outcomes(bus), []
    bus.subscribe(OrderPlaced, stock.append)
    gateway.fails = iter([ConnectionResetError(), TimeoutError()])
    bus.publish(OrderPlaced("1", 500))
    bus.drain(30)
    assert gateway.asked == ["1", "1", "1"]
    assert (gateway.charged, seen) == ({"1": 500}, [PaymentTaken("1")])
    assert stock == [OrderPlaced("1", 500)]
    assert payments.alarms == []


def test_a_no_is_an_answer_which_is_not_asked_for_again_and_opens_no_breaker(
    bus: EventBus, gateway: Gateway
) -> None:
    Payments(bus, gateway.charge, SECOND)
    seen = outcomes(bus)
    gateway.fails = iter([CardDeclinedError()] * 5)
    orders = [str(number) for number in range(5)]
    for order_id in orders:
        bus.publish(OrderPlaced(order_id, 500))
    bus.drain(30)
    assert gateway.asked == orders
    assert seen == [PaymentDeclined(order_id) for order_id in orders]
    assert (bus.stats()[0].breaker, len(bus.dead_letters)) == ("closed", 0)


def test_what_is_a_mistake_of_the_program_is_a_dead_letter_at_once(
    bus: EventBus, gateway: Gateway
) -> None:
    payments = Payments(bus, gateway.charge, SECOND)
    gateway.fails = iter([TypeError("cents")])
    bus.publish(OrderPlaced("1", 500))
    bus.drain(30)
    assert gateway.asked == ["1"]
    assert payments.alarms == ["charge OrderPlaced(order_id='1', cents=500): TypeError: cents"]


def test_an_outage_leaves_the_gateway_in_peace_and_loses_no_order(
    bus: EventBus, gateway: Gateway
) -> None:
    payments, seen = Payments(bus, gateway.charge, SECOND), outcomes(bus)
    gateway.is_down = True
    orders = {str(number): 100 * number for number in range(20)}
    for order_id, cents in orders.items():
        bus.publish(OrderPlaced(order_id, cents))
    is_open = threading.Event()
    while bus.stats()[0].breaker != "open":
        is_open.wait(0.001)
    gateway.is_down = False
    bus.drain(30)
    # Three have failed to their end, or four, should the pause have been over before it was up.
    letters = {letter.event.order_id: letter for letter in bus.dead_letters}
    assert {"0", "1", "2"} <= letters.keys()
    assert gateway.charged.keys() == orders.keys() - letters.keys()
    assert [len(letters[order_id].attempts) for order_id in "012"] == [4, 4, 4]
    assert len(payments.alarms) == len(letters)

    assert payments.charge_again() == len(letters)
    bus.drain(30)
    assert gateway.charged == orders
    assert sorted(event.order_id for event in seen) == sorted(orders)
    assert len(bus.dead_letters) == 0


def test_a_call_that_hangs_is_given_up_and_made_again(bus: EventBus, gateway: Gateway) -> None:
    answers = threading.Event()

    def charge(order_id: str, cents: int) -> None:
        gateway.charge(order_id, cents)
        if len(gateway.asked) == 1:
            answers.wait()

    Payments(bus, charge, SECOND)
    seen = outcomes(bus)
    bus.publish(OrderPlaced("1", 500))
    bus.drain(30)
    assert seen == [PaymentTaken("1")]
    assert gateway.asked == ["1", "1"]
    assert gateway.charged == {"1": 500}
    assert bus.stats()[0].timed_out == 1
    answers.set()


def test_the_program_prints_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    payment_gateway.main()
    assert capsys.readouterr().out == "A-1 is paid\n3 calls\n"
