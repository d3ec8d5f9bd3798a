"""`assert_wiring`: what is subscribed to a bus, held against what should be."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from buswork import AsyncEventBus, EventBus
from buswork.testing import assert_wiring
from shop.analytics import Analytics
from shop.billing import Billing as ShopBilling
from shop.inventory import Inventory
from shop.post_office import PostOffice

LOCK = Path(__file__).parents[1] / "examples" / "shop" / "wiring.lock.json"


class Placed:
    pass


class Paid(Placed):
    pass


class Billing:
    def bill(self, event: Placed) -> None:
        pass

    def __call__(self, event: object) -> None:
        pass


def note(event: object) -> None:
    pass


async def later(event: object) -> None:
    pass


def told(bus: Any, *arguments: Any, **options: Any) -> list[str]:
    """The lines of the failure, but the first; none if there is none."""
    try:
        assert_wiring(bus, *arguments, **options)
    except AssertionError as error:
        return [line.strip() for line in str(error).splitlines()[1:]]
    return []


def test_handlers_of_all_kinds_are_known_by_themselves_and_by_their_names() -> None:
    bus = AsyncEventBus()
    billing, part = Billing(), functools.partial(note)
    handlers = [billing.bill, billing, note, part, later, lambda event: None]
    for handler in handlers:
        bus.subscribe(Placed, handler)
    bus.subscribe(object, later)
    bus.subscribe("orders.*", note)
    assert_wiring(bus, {Placed: handlers, object: [later], "orders.*": [note]})
    names = [edge["handler"] for edge in bus.wiring()["subscriptions"]]
    assert f"{__name__}:Billing.bill" in names
    assert_wiring(
        bus,
        {f"{__name__}.Placed": names[2:], object: [f"{__name__}:later"], "orders.*": [note]},
        more_ok=True,
        missing_ok=True,
    )


def test_a_failure_lists_every_difference_with_the_place() -> None:
    bus = EventBus()
    bus.subscribe(Placed, note)
    bus.subscribe(object, Billing().bill)
    with pytest.raises(AssertionError) as failure:
        assert_wiring(bus, {Placed: [Billing().bill], Paid: [note]})
    name, line = __name__, Billing.bill.__code__.co_firstlineno
    assert str(failure.value).splitlines()[:4] == [
        "the bus is not wired as expected:",
        f"  missing: {name}.Paid → {name}:note",
        f"  missing: {name}.Placed → {name}:Billing.bill",
        f"  not expected: object → {name}:Billing.bill ({__file__}:{line})",
    ]


def test_more_and_less_can_be_allowed() -> None:
    bus = EventBus()
    bus.subscribe(Placed, note)
    assert len(told(bus, {Paid: [note]})) == 2
    assert told(bus, {Paid: [note]}, more_ok=True)[0].startswith("missing")
    assert told(bus, {Paid: [note]}, missing_ok=True)[0].startswith("not expected")
    assert told(bus, {Paid: [note]}, missing_ok=True, more_ok=True) == []
    assert told(EventBus(), {}) == []


@pytest.mark.filterwarnings("ignore")
def test_twice_is_not_once() -> None:
    bus = EventBus()
    bus.subscribe(Placed | Paid, note)
    bus.subscribe(Placed, note)
    assert_wiring(bus, {Placed | Paid: [note], Placed: [note]})
    assert told(bus, {Placed | Paid: [note]})[0].startswith("not expected")


def test_the_shop_is_wired_as_its_lock_file_says(tmp_path: Path) -> None:
    bus = EventBus()
    with (tmp_path / "mails").open("w") as mails:
        for module in (Inventory(bus), ShopBilling(bus), PostOffice(mails), Analytics().handlers):
            bus.include(module)
    assert_wiring(bus, lock=LOCK, missing_ok=True)
    missing = told(bus, lock=LOCK)
    assert missing and all("shop.awaited" in line for line in missing)
    bus.subscribe(Placed, note)
    assert len(told(bus, lock=str(LOCK), missing_ok=True)) == 1


def lock(folder: Path, *subscriptions: dict[str, object]) -> Path:
    path = folder / "wiring.lock.json"
    path.write_text(json.dumps({"schema": "buswork-wiring-lock/1", "subscriptions": subscriptions}))
    return path


def test_names_from_code_may_have_folders_in_front(tmp_path: Path) -> None:
    bus = EventBus()
    bus.subscribe(Placed, Billing())
    bus.subscribe(object, note)
    path = lock(
        tmp_path,
        {"event": f"src.{__name__}.Placed", "handled by": f"src.{__name__}:Billing.__call__"},
        {"event": "*", "handled by": f"{__name__.rpartition('.')[2]}:note"},
        {"event": "*", "handled by": "lost:never", "never": True},
    )
    assert_wiring(bus, lock=path)
    other = lock(tmp_path, {"event": "src.other.Placed", "handled by": "src.other:Billing"})
    assert len(told(bus, lock=other)) == 3


def test_handlers_of_one_name_have_numbers_in_a_lock_file(tmp_path: Path) -> None:
    bus = EventBus()
    handlers = [lambda _: None, lambda _: None]
    bus.subscribe(Placed, handlers[0])
    bus.subscribe(Paid, handlers[1])
    name = f"{__name__}:{handlers[0].__qualname__}"
    path = lock(
        tmp_path,
        {"event": f"{__name__}.Placed", "handled by": name},
        {"event": f"{__name__}.Paid", "handled by": f"{name}#2"},
    )
    assert_wiring(bus, lock=path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "buswork-wiring-lock/2"}'])
def test_a_file_that_is_no_lock_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wiring.lock.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="buswork wiring lock"):
        assert_wiring(EventBus(), lock=path)
    with pytest.raises(FileNotFoundError):
        assert_wiring(EventBus(), lock=tmp_path / "missing")


def test_wrong_use_says_so() -> None:
    bus: Any = EventBus()
    with pytest.raises(TypeError, match="either"):
        assert_wiring(bus)
    with pytest.raises(TypeError, match="either"):
        assert_wiring(bus, {}, lock=LOCK)
    with pytest.raises(TypeError, match="no event"):
        assert_wiring(bus, {3: [note]})
    with pytest.raises(TypeError):
        assert_wiring(bus, {Placed: [3]})
