"""What handlers declare to publish."""

from __future__ import annotations

from typing import Any

import pytest

from buswork import EventBus, Handlers, handles


class Placed:
    pass


class Reserved:
    pass


def reserve(_event: Placed) -> None:
    pass


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Reserved, (Reserved,)),
        ([Reserved, "stock.short"], (Reserved, "stock.short")),
        ((), ()),
        (None, ()),
    ],
)
def test_a_subscription_tells_what_its_handler_declares(given: Any, told: tuple[Any, ...]) -> None:
    bus = EventBus()
    assert bus.subscribe(Placed, reserve, publishes=given).publishes == told


def test_marks_and_collections_take_declarations_and_the_wiring_tells_them() -> None:
    class Stock:
        @handles(Placed, publishes=[Reserved])
        def reserve(self, event: Placed) -> None:
            pass

    handlers = Handlers()
    handlers.on(Placed, publishes=Reserved)(reserve)
    bus = EventBus()
    bus.include(Stock())
    bus.include(handlers)
    told = [edge.get("options") for edge in bus.wiring()["subscriptions"]]
    assert told == [[["publishes", f"{__name__}.Reserved"]]] * 2


@pytest.mark.parametrize("wrong", [3, [3], "a..b"])
def test_what_is_no_event_cannot_be_declared(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        EventBus().subscribe(Placed, reserve, publishes=wrong)
