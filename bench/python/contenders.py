"""Who is measured, and how an event is sent with each: as its own manual writes it.

Every contender has a loop of its own, or the interpreter's specialised code for one of them would be
deoptimised by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Handlers = Sequence[Callable[..., Any]]


@dataclass
class OrderPlaced:
    """The event of the hand-written bus's own example."""

    order_id: str
    user_id: str
    amount: float


event = OrderPlaced(order_id="123", user_id="u1", amount=49.99)


class Publisher(NamedTuple):
    """A bus with its handlers on: publishes once, or so many times in a loop."""

    once: Callable[[], object]
    many: Callable[[int], None]
    handlers: Handlers
    """Held for those that refer to them weakly."""


class Contender(NamedTuple):
    """A library, or one of its ways of sending."""

    name: str
    distribution: str | None
    build: Callable[[Handlers], Publisher]
    keywords: bool = False
    """Whether its handlers must take any keyword arguments."""

    def version(self) -> str:
        """Say which version is installed."""
        return version(self.distribution) if self.distribution else "–"


def _seed(handlers: Handlers) -> Publisher:
    from seed_bus import EventBus

    bus = EventBus()
    for handler in handlers:
        bus.subscribe(OrderPlaced, handler)

    def many(times: int, bus: Any = bus, event: Any = event) -> None:
        for _ in repeat(None, times):
            bus.publish(event)

    return Publisher(lambda: bus.publish(event), many, handlers)


def _buswork(handlers: Handlers) -> Publisher:
    from buswork import EventBus

    bus = EventBus()
    for handler in handlers:
        bus.subscribe(OrderPlaced, handler)

    def many(times: int, bus: Any = bus, event: Any = event) -> None:
        for _ in repeat(None, times):
            bus.publish(event)

    return Publisher(lambda: bus.publish(event), many, handlers)


def _blinker(handlers: Handlers) -> Publisher:
    from blinker import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            signal.send(event)

    return Publisher(lambda: signal.send(event), many, handlers)


def _pyee(handlers: Handlers) -> Publisher:
    from pyee.base import EventEmitter

    emitter = EventEmitter()
    for handler in handlers:
        emitter.on("order placed", handler)

    def many(times: int, emitter: Any = emitter, event: Any = event) -> None:
        for _ in repeat(None, times):
            emitter.emit("order placed", event)

    return Publisher(lambda: emitter.emit("order placed", event), many, handlers)


def _psygnal(handlers: Handlers) -> Publisher:
    from psygnal import Signal

    class Orders:
        placed = Signal(object)

    orders = Orders()
    for handler in handlers:
        orders.placed.connect(handler)

    def many(times: int, orders: Any = orders, event: Any = event) -> None:
        for _ in repeat(None, times):
            orders.placed.emit(event)

    return Publisher(lambda: orders.placed.emit(event), many, handlers)


def _pypubsub(handlers: Handlers) -> Publisher:
    from pubsub.core import Publisher as Pubsub

    pub = Pubsub()
    for handler in handlers:
        pub.subscribe(handler, "orders.placed")

    def many(times: int, pub: Any = pub, event: Any = event) -> None:
        for _ in repeat(None, times):
            pub.sendMessage("orders.placed", event=event)

    return Publisher(lambda: pub.sendMessage("orders.placed", event=event), many, handlers)


def _django(handlers: Handlers) -> Publisher:
    from django.dispatch import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            signal.send(sender=OrderPlaced, event=event)

    return Publisher(lambda: signal.send(sender=OrderPlaced, event=event), many, handlers)


def _django_robust(handlers: Handlers) -> Publisher:
    from django.dispatch import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            signal.send_robust(sender=OrderPlaced, event=event)

    return Publisher(lambda: signal.send_robust(sender=OrderPlaced, event=event), many, handlers)


def _dust_riven(handlers: Handlers) -> Publisher:
    from dust_riven import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            signal.emit(event)

    return Publisher(lambda: signal.emit(event), many, handlers)


def _dust_riven_collect(handlers: Handlers) -> Publisher:
    from dust_riven import Signal

    signal = Signal()
    for handler in handlers:
        signal.connect(handler)

    def many(times: int, signal: Any = signal, event: Any = event) -> None:
        for _ in repeat(None, times):
            signal.emit(event, on_error="collect")

    return Publisher(lambda: signal.emit(event, on_error="collect"), many, handlers)


SEED = Contender("hand-written loop", None, _seed)
BUSWORK = Contender("buswork", "buswork", _buswork)
CONTENDERS = (
    SEED,
    BUSWORK,
    Contender("blinker", "blinker", _blinker),
    Contender("pyee", "pyee", _pyee),
    Contender("psygnal", "psygnal", _psygnal),
    Contender("PyPubSub", "PyPubSub", _pypubsub),
    Contender("Django `send`", "Django", _django, keywords=True),
    Contender("Django `send_robust`", "Django", _django_robust, keywords=True),
    Contender("dust-riven `emit`", "dust-riven", _dust_riven),
    Contender('dust-riven, `on_error="collect"`', "dust-riven", _dust_riven_collect),
)
