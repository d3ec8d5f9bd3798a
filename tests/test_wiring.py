"""`bus.wiring()`: what is subscribed, as a graph."""

from __future__ import annotations

import abc
import functools
import json
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from buswork import AsyncEventBus, EventBus

if TYPE_CHECKING:
    from buswork.wiring import Wiring

ROOT = Path(__file__).parents[1]
#: Read by the tests of the Rust crate as well, whose graph this is to be.
EXPECTED = ROOT / "tests" / "wiring_of_a_bus.json"


class Event:
    """Whatever happens in the shop.

    The rest of the docstring is not shown.
    """


@dataclass(frozen=True)
class Placed(Event):
    order_id: str
    lines: list[int]


class Paid(NamedTuple):
    amount: float


class Colour(Enum):
    RED = 1


class Shape(abc.ABC):  # noqa: B024 - to be registered with
    side: int
    _hidden: int


@Shape.register
class Square:
    pass


def audit(event: Event) -> None:
    """Write down what happens."""


def note(text: str, event: object) -> None:
    pass


class Billing:
    """Sends bills."""

    def bill(self, placed: Placed) -> None:
        pass

    def __call__(self, paid: Paid | Placed) -> None:
        pass


def relative(wiring: Wiring) -> Any:
    """The same, with paths from the checkout on."""
    return json.loads(json.dumps(wiring).replace(json.dumps(f"{ROOT}{os.sep}")[1:-1], ""))


def test_the_whole_graph() -> None:
    bus = AsyncEventBus()
    bus.subscribe(Event, audit)
    bus.subscribe(Placed, Billing().bill, priority=5, name="billing", when=lambda _: True)
    bus.subscribe(Placed | Paid, Billing(), once=True, on_error="log")
    bus.subscribe(object, functools.partial(note, "an event"), exact=True)

    @bus.on("orders.*.placed")
    async def on_topic(payload: object) -> None:
        pass

    paused = bus.subscribe(Placed, lambda placed: None)
    paused.pause()
    wiring = relative(bus.wiring())
    if os.environ.get("BUSWORK_WRITE"):
        EXPECTED.write_text(json.dumps(wiring, indent=2) + "\n")
    assert wiring == json.loads(EXPECTED.read_text())


def test_ancestors_handle_an_event_too_unless_they_are_exact() -> None:
    bus = EventBus()
    bus.subscribe(Event, audit, exact=True)
    bus.subscribe(object, audit)
    bus.subscribe(Placed, audit)
    wiring = bus.wiring()
    (placed,) = (event for event in wiring["events"] if event["name"] == "Placed")
    assert placed["bases"] == [f"{__name__}.Event", "builtins.object"]
    handled = [wiring["subscriptions"][place]["event"] for place in placed["handled_by"]]
    assert handled == ["builtins.object", f"{__name__}.Placed"]


def test_virtual_subclasses_have_their_abc_as_a_base() -> None:
    bus = EventBus()
    bus.subscribe(Shape, lambda _: None)
    bus.subscribe(Square, lambda _: None)
    shape, square = bus.wiring()["events"]
    assert square["bases"] == [shape["id"]]
    assert shape["fields"] == [{"name": "side", "annotation": "int"}]


def test_what_cannot_be_changed_is_said_to_be_frozen() -> None:
    bus = EventBus()
    for one in (Placed, Paid, Colour, Event):
        bus.subscribe(one, lambda _: None)
    frozen = {event["name"]: event.get("frozen") for event in bus.wiring()["events"]}
    assert frozen == {"Placed": True, "Paid": True, "Colour": True, "Event": None}


def test_an_empty_bus_and_ended_subscriptions() -> None:
    bus = EventBus()
    empty = bus.wiring()
    assert (empty["events"], empty["subscriptions"]) == ([], [])
    with bus.subscribe(Event, audit):
        assert len(bus.wiring()["subscriptions"]) == 1
    assert bus.wiring() == empty


class Hostile:
    def __call__(self, event: NoSuchName) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return 3  # type: ignore[return-value]


def test_handlers_of_any_kind_are_described() -> None:
    bus = EventBus()
    bus.subscribe(int, Hostile())
    bus.subscribe(int, [].append)
    bus.subscribe(int, str)
    kinds = {handler["id"]: handler["kind"] for handler in bus.wiring()["handlers"]}
    assert kinds == {
        f"{__name__}:Hostile": "object",
        "list.append": "external",
        "builtins:str": "object",
    }
