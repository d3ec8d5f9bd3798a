"""The threads of a sync bus: how many there are, what they do, and when they end."""

from __future__ import annotations

import contextvars
import gc
import sys
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from buswork import EventBus
from tests.test_post import PATIENCE, Gate

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _switch_often() -> Iterator[None]:
    """Let threads take turns often, so that races have a chance to show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def workers() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name == "buswork-worker"}


def test_forty_handlers_that_wait_take_thirty_two_threads_and_the_others_their_turns() -> None:
    before = workers()
    bus = EventBus()
    opened = threading.Semaphore(0)
    entered = threading.Semaphore(0)
    ended: list[int] = []

    def subscribe(place: int) -> None:
        def handle(_event: int) -> None:
            entered.release()
            assert opened.acquire(timeout=PATIENCE)
            ended.append(place)

        bus.subscribe(int, handle)

    for place in range(40):
        subscribe(place)
    bus.post(1)
    for _ in range(32):
        assert entered.acquire(timeout=PATIENCE)
    assert not entered.acquire(timeout=0.02)
    assert len(workers() - before) == 32
    for _ in range(8):
        opened.release()
        assert entered.acquire(timeout=PATIENCE)
    for _ in range(32):
        opened.release()
    bus.close(PATIENCE)
    assert sorted(ended) == list(range(40))


def test_what_a_handler_sets_in_its_context_is_not_seen_by_the_next() -> None:
    seen: list[str] = []
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="nobody's")
    bus, gate = EventBus(), Gate()
    bus.subscribe(int, gate.wait)

    @bus.on(int)
    def handle(number: int) -> None:
        seen.append(mine.get())
        mine.set(f"of {number}")

    @bus.on(str)
    def publishes(event: str) -> None:
        seen.append(mine.get())
        bus.publish(1)
        seen.append(mine.get())

    gate.opened.set()
    for number in range(3):
        bus.post(number)
    bus.drain(PATIENCE)
    assert seen == ["nobody's"] * 3
    seen.clear()
    bus.post("a publish in it shares its context")
    bus.drain(PATIENCE)
    assert seen == ["nobody's", "nobody's", "of 1"]


def test_many_buses_do_not_share_threads() -> None:
    before = workers()
    gates = [Gate() for _ in range(10)]
    buses = [EventBus() for _ in gates]
    for bus, gate in zip(buses, gates, strict=True):
        bus.subscribe(int, gate.wait)
        bus.post(1)
    for gate in gates:
        assert gate.entered.wait(PATIENCE)
    threads = workers() - before
    assert len(threads) == 10
    for bus, gate in zip(buses, gates, strict=True):
        gate.opened.set()
        bus.close(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_handler_may_drop_the_last_reference_to_its_bus() -> None:
    bus: EventBus | None = EventBus()
    assert bus is not None
    gone = weakref.ref(bus)
    gate = Gate()
    ended = threading.Event()
    weakref.finalize(bus, ended.set)

    def handle(_event: int) -> None:
        gate.wait(_event)

    bus.subscribe(int, handle)
    bus.post(1)
    bus.post(2)
    threads = workers()
    bus = None
    assert gate.entered.wait(PATIENCE)
    gate.opened.set()
    for thread in threads:
        thread.join(PATIENCE)
    gc.collect()
    assert ended.wait(PATIENCE)
    assert gone() is None


def test_an_event_that_posts_when_it_is_freed_is_none_of_a_problem() -> None:
    bus = EventBus(max_pending=2)
    seen: list[int] = []
    bus.subscribe(int, seen.append)

    class Mourned:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            bus.post(self.number)

    bus.subscribe(Mourned, lambda _: None)
    for number in range(50):
        bus.post(Mourned(number))
        bus.drain(PATIENCE)
    bus.drain(PATIENCE)
    assert seen == list(range(50))


@pytest.mark.usefixtures("_switch_often")
def test_threads_that_post_drain_subscribe_and_cancel_at_once_lose_nothing() -> None:
    bus = EventBus(max_pending=50)
    counts: dict[int, list[int]] = {place: [] for place in range(4)}
    for place in range(4):
        bus.subscribe(
            tuple, counts[place].append, when=lambda event, place=place: event[0] == place
        )
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def work(place: int) -> None:
        try:
            together.wait(PATIENCE)
            for number in range(300):
                bus.post((place, number))
                if number % 50 == place:
                    bus.drain(PATIENCE)
                subscription = bus.subscribe(tuple, lambda _: None)
                bus.post((place, -1))
                subscription.cancel()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    bus.close(PATIENCE)
    assert failures == []
    for place, seen in counts.items():
        assert [number for _, number in seen if number >= 0] == list(range(300))


@pytest.mark.usefixtures("_switch_often")
def test_closing_and_opening_over_and_over_loses_nothing_and_leaves_no_thread() -> None:
    before = workers()
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    bus.subscribe(int, lambda _: None)
    for number in range(300):
        with bus:
            bus.post(number)
    assert seen == list(range(300))
    for thread in workers() - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_bus_that_is_entered_again_while_it_closes_stays_open() -> None:
    bus, gate = EventBus(), Gate()
    bus.subscribe(int, gate.wait)
    bus.post(1)
    assert gate.entered.wait(PATIENCE)
    closing = threading.Thread(target=bus.close, args=(PATIENCE,))
    closing.start()
    while True:
        try:
            bus.post(2)
        except RuntimeError:
            break
    with bus:
        gate.opened.set()
        closing.join(PATIENCE)
        bus.post(3)


@pytest.mark.usefixtures("_switch_often")
def test_a_flood_stays_within_its_bounds() -> None:
    bus = EventBus(max_pending=1_000)
    most = 0
    count = 0

    @bus.on(int)
    def handle(_event: int) -> None:
        nonlocal most, count
        most = max(most, bus.pending)
        count += 1

    def post() -> None:
        for number in range(25_000):
            bus.post(number)

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    bus.close(PATIENCE)
    assert count == 100_000
    assert most <= 1_000
    assert bus.dropped == 0
