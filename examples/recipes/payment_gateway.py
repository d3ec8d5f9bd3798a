"""A payment gateway that fails: a retry, a breaker, and dead letters for what is left.

Run it in the folder `examples`: `python -m recipes.payment_gateway`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from buswork import Breaker, DeadLettered, EventBus, Policy, Retry

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class OrderPlaced:
    """To be paid for."""

    order_id: str
    cents: int


@dataclass(frozen=True)
class PaymentTaken:
    """The gateway has the money."""

    order_id: str


@dataclass(frozen=True)
class PaymentDeclined:
    """The gateway has said no: an answer, and no failure."""

    order_id: str


class CardDeclinedError(Exception):
    """What a gateway raises for a no. It would say so again."""


class Payments:
    """Charges orders in the background, by a gateway that may be slow, down or both."""

    def __init__(
        self, bus: EventBus, charge: Callable[[str, int], object], second: float = 1.0
    ) -> None:
        self._bus = bus
        self._charge = charge
        self.alarms: list[str] = []
        policy = Policy(
            timeout=20 * second,
            retry=Retry(4, backoff=second, max_backoff=10 * second, retry_on=OSError),
            breaker=Breaker(3, window=600 * second, pause=30 * second),
        )
        bus.subscribe(OrderPlaced, self.charge, name="charge", policy=policy, background=True)
        bus.subscribe(DeadLettered, self.alarm)

    def charge(self, order: OrderPlaced) -> None:
        """Charge an order. It may be called again, so the gateway is told which one it is."""
        try:
            self._charge(order.order_id, order.cents)
        except CardDeclinedError:
            self._bus.post(PaymentDeclined(order.order_id))
        else:
            self._bus.post(PaymentTaken(order.order_id))

    def alarm(self, event: DeadLettered) -> None:
        """Tell somebody."""
        letter = event.letter
        self.alarms.append(f"{letter.handler} {letter.event}: {letter.error}")

    def charge_again(self) -> int:
        """Try again what has failed: for a button, or a job in the morning."""
        failed = [letter for letter in self._bus.dead_letters if letter.handler == "charge"]
        for letter in failed:
            self._bus.dead_letters.retry(letter)
        return len(failed)


def main() -> None:
    """Charge an order by a gateway that answers at the third call."""
    calls: list[str] = []
    errors = iter([ConnectionResetError("reset"), TimeoutError("no answer")])

    def charge(order_id: str, _cents: int) -> None:
        calls.append(order_id)
        for error in errors:
            raise error

    with EventBus() as bus:
        Payments(bus, charge, second=0.01)
        bus.subscribe(PaymentTaken, lambda event: print(f"{event.order_id} is paid"))
        bus.publish(OrderPlaced("A-1", 4_990))
    print(f"{len(calls)} calls")


if __name__ == "__main__":
    main()
