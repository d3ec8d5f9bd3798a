"""Limits on the sync bus: a direct delivery never waits, posted lines are so wide."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import EventBus, Failure, HandlerErrors, Limit, LimitFull, Policy, Retry
from tests.test_post import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Well before an idle worker looks by itself.
SOON = 2.0


class Boom(Exception): ...


@pytest.fixture
def thread() -> Iterator[Any]:
    """Run functions in threads, which have ended when the test does."""
    threads: list[threading.Thread] = []

    def start(function: Any, *arguments: Any) -> threading.Thread:
        threads.append(threading.Thread(target=function, args=arguments))
        threads[-1].start()
        return threads[-1]

    yield start
    for each in threads:
        each.join(PATIENCE)
        assert not each.is_alive()


class Slots:
    """A handler whose calls wait until they are let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.ended: list[Any] = []

    def handle(self, event: Any) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.entered.release()
        assert self.opened.acquire(timeout=PATIENCE)
        with self.lock:
            self.now -= 1
            self.ended.append(event)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.entered.acquire(timeout=PATIENCE)

    def let_go(self, count: int = 1) -> None:
        self.opened.release(count)


def test_a_direct_delivery_beyond_the_limit_fails_and_never_waits(thread: Any) -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(2)), name="h")
    for number in range(2):
        thread(bus.publish, number)
    slots.wait_for(2)
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(2)
    (error,) = raised.value.exceptions
    assert isinstance(error, LimitFull)
    assert str(error).startswith("h has as many deliveries as its limit lets through (2)")
    assert bus.stats()[0].in_progress == 2
    slots.let_go(2)


def test_queue_is_nothing_to_a_direct_delivery_of_the_sync_bus(thread: Any) -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(1, queue=100)))
    thread(bus.publish, 0)
    slots.wait_for(1)
    assert isinstance(bus.deliver(1).deliveries[0].error, LimitFull)
    slots.let_go()


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old"])
def test_one_that_is_dropped_is_skipped_and_counted(thread: Any, overflow: Any) -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(1, overflow=overflow)))
    others: list[int] = []
    bus.subscribe(int, others.append)
    thread(bus.publish, 0)
    slots.wait_for(1)
    bus.publish(1)
    (delivery, _) = bus.deliver(2).deliveries
    assert (delivery.status, delivery.reason, delivery.attempts) == ("skipped", "limit", 0)
    assert others == [1, 2]
    figures = bus.stats()[0]
    assert (figures.dropped, figures.failed) == (2, 0)
    slots.let_go()


def test_a_nested_delivery_of_the_same_handler_fails_instead_of_waiting_for_itself() -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=Policy(limit=Limit(1)))
    def handle(number: int) -> None:
        calls.append(number)
        if number == 0:
            bus.publish(1)

    with pytest.raises(HandlerErrors) as raised:
        bus.publish(0)
    (inner,) = raised.value.exceptions
    assert isinstance(inner, HandlerErrors)
    assert isinstance(inner.exceptions[0], LimitFull)
    assert calls == [0]
    assert bus.stats()[0].in_progress == 0


def test_nested_deliveries_take_a_slot_each() -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=Policy(limit=Limit(3)))
    def handle(number: int) -> None:
        calls.append(number)
        if number < 2:
            bus.publish(number + 1)

    bus.publish(0)
    assert calls == [0, 1, 2]


def test_all_attempts_of_a_delivery_are_made_in_one_slot() -> None:
    bus = EventBus(on_error="log")
    nested: list[str] = []

    @bus.on(int, policy=Policy(limit=Limit(1), retry=Retry(3)))
    def handle(number: int) -> None:
        raise Boom

    # Between two attempts, the slot is taken.
    @bus.on(int)
    def other(number: int) -> None:
        if number == 0:
            error = bus.deliver(1).deliveries[0].error
            nested.append(type(error).__name__)

    bus.publish(0)
    assert nested == ["LimitFull"]
    assert bus.stats()[0].in_progress == 0


def test_a_failure_frees_the_slot() -> None:
    bus = EventBus(on_error="log")
    calls: list[int] = []

    @bus.on(int, policy=Policy(limit=Limit(1)))
    def handle(number: int) -> None:
        calls.append(number)
        raise Boom

    for number in range(5):
        bus.publish(number)
    assert calls == [0, 1, 2, 3, 4]


def test_a_skip_takes_no_slot() -> None:
    bus = EventBus()
    seen: list[int] = []
    policy = Policy(limit=Limit(1))
    subscription = bus.subscribe(int, seen.append, policy=policy, when=lambda number: number > 0)
    bus.publish(0)
    subscription.pause()
    bus.publish(1)
    subscription.resume()
    bus.publish(2)
    assert seen == [2]
    assert bus.stats()[0].in_progress == 0


def test_limit_full_goes_to_on_error(thread: Any) -> None:
    failures: list[Failure] = []
    bus, slots = EventBus(on_error=failures.append), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(1)))
    thread(bus.publish, 0)
    slots.wait_for(1)
    bus.publish(1)
    assert [type(failure.error) for failure in failures] == [LimitFull]
    slots.let_go()


def test_limit_full_is_not_retried(thread: Any) -> None:
    bus, slots = EventBus(on_error="log"), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(1), retry=Retry(5)))
    thread(bus.publish, 0)
    slots.wait_for(1)
    bus.publish(1)
    assert bus.stats()[0].retried == 0
    slots.let_go()


# Posted deliveries.


def test_a_posted_line_is_as_wide_as_the_limit() -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(3)))
    for number in range(10):
        bus.post(number)
    slots.wait_for(3)
    assert not slots.entered.acquire(timeout=0.02)
    assert bus.stats()[0].in_progress == 3
    assert bus.stats()[0].waiting == 7
    slots.let_go(10)
    bus.drain(PATIENCE)
    assert slots.most == 3
    assert sorted(slots.ended) == list(range(10))


def test_a_policy_without_a_limit_leaves_posts_one_at_a_time() -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(retry=Retry(2)))
    for number in range(5):
        bus.post(number)
    slots.wait_for(1)
    assert not slots.entered.acquire(timeout=0.02)
    slots.let_go(5)
    bus.drain(PATIENCE)
    assert slots.ended == [0, 1, 2, 3, 4]


def test_a_wide_line_begins_in_order() -> None:
    bus = EventBus()
    begun: list[int] = []
    lock = threading.Lock()

    @bus.on(int, policy=Policy(limit=Limit(4)))
    def handle(number: int) -> None:
        with lock:
            begun.append(number)

    for number in range(2_000):
        bus.post(number)
    bus.drain(PATIENCE)
    assert sorted(begun) == list(range(2_000))
    # So wide may one be ahead of another.
    assert all(abs(number - place) <= 8 for place, number in enumerate(begun))


def test_direct_and_posted_deliveries_share_the_slots(thread: Any) -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(2)))
    thread(bus.publish, 0)
    slots.wait_for(1)
    bus.post(1)
    bus.post(2)
    slots.wait_for(1)
    assert not slots.entered.acquire(timeout=0.02)
    assert isinstance(bus.deliver(3).deliveries[0].error, LimitFull)
    slots.let_go(3)
    bus.drain(PATIENCE)
    assert sorted(slots.ended) == [0, 1, 2]


def full(overflow: Any) -> tuple[EventBus, Slots, list[Failure]]:
    """A handler of which one delivery is in progress, and two wait, which are as many as may."""
    failures: list[Failure] = []
    bus, slots = EventBus(on_error=failures.append), Slots()
    limit = Limit(1, queue=2, overflow=overflow)
    bus.subscribe(int, slots.handle, policy=Policy(limit=limit))
    bus.post(0)
    slots.wait_for(1)
    bus.post(1)
    bus.post(2)
    return bus, slots, failures


def test_raise_makes_a_failure_and_a_dead_letter_of_a_post_beyond_the_queue() -> None:
    bus, slots, failures = full("raise")
    bus.post(3)
    assert [(failure.event, type(failure.error)) for failure in failures] == [(3, LimitFull)]
    assert [letter.event for letter in bus.dead_letters] == [3]
    slots.let_go(3)
    bus.drain(PATIENCE)
    assert slots.ended == [0, 1, 2]
    assert bus.dropped == 0


def test_drop_new_drops_the_new_one() -> None:
    bus, slots, failures = full("drop_new")
    bus.post(3)
    slots.let_go(3)
    bus.drain(PATIENCE)
    assert slots.ended == [0, 1, 2]
    assert (bus.stats()[0].dropped, bus.dropped) == (1, 1)
    assert failures == []
    assert len(bus.dead_letters) == 0


def test_drop_old_drops_the_oldest_of_this_handler_that_waits() -> None:
    bus, slots, failures = full("drop_old")
    bus.post(3)
    bus.post(4)
    slots.let_go(3)
    bus.drain(PATIENCE)
    assert slots.ended == [0, 3, 4]
    assert (bus.stats()[0].dropped, bus.dropped) == (2, 2)
    assert failures == []


def test_drop_old_without_a_queue_drops_the_new_one() -> None:
    bus, slots = EventBus(), Slots()
    limit = Limit(1, queue=0, overflow="drop_old")
    bus.subscribe(int, slots.handle, policy=Policy(limit=limit))
    bus.post(0)
    slots.wait_for(1)
    bus.post(1)
    slots.let_go(2)
    bus.drain(PATIENCE)
    assert slots.ended == [0]
    assert bus.stats()[0].dropped == 1


def test_a_full_handler_is_nothing_to_its_siblings() -> None:
    bus, slots = EventBus(), Slots()
    seen: list[int] = []
    limit = Limit(1, queue=0, overflow="drop_new")
    bus.subscribe(int, slots.handle, policy=Policy(limit=limit))
    bus.subscribe(int, seen.append)
    for number in range(100):
        bus.post(number)
    slots.wait_for(1)
    slots.let_go(100)
    bus.drain(PATIENCE)
    assert seen == list(range(100))
    assert len(slots.ended) + bus.stats()[0].dropped == 100


def test_so_wide_as_there_are_threads(thread: Any) -> None:
    bus, slots = EventBus(), Slots()
    bus.subscribe(int, slots.handle, policy=Policy(limit=Limit(100)))
    for number in range(100):
        bus.post(number)
    slots.wait_for(32)
    assert not slots.entered.acquire(timeout=0.02)
    slots.let_go(100)
    bus.drain(PATIENCE)
    assert slots.most == 32


def test_many_threads_never_have_more_than_the_limit_in_progress(thread: Any) -> None:
    bus = EventBus(on_error="log")
    lock = threading.Lock()
    now, most, done = 0, 0, 0

    @bus.on(int, policy=Policy(limit=Limit(2, overflow="drop_new")))
    def handle(_number: int) -> None:
        nonlocal now, most, done
        with lock:
            now += 1
            most = max(most, now)
        with lock:
            now -= 1
            done += 1

    begin = threading.Barrier(4, timeout=PATIENCE)

    def work() -> None:
        begin.wait()
        for number in range(500):
            bus.publish(number)
            bus.post(number)

    threads = [thread(work) for _ in range(4)]
    for each in threads:
        each.join(PATIENCE)
    bus.drain(PATIENCE)
    assert most <= 2
    figures = bus.stats()[0]
    assert figures.delivered == done
    assert figures.delivered + figures.dropped == 4_000
    assert figures.in_progress == 0


def test_an_interrupt_of_on_error_in_a_post_holds_up_nobody() -> None:
    go_on, entered, arrived = threading.Event(), threading.Event(), threading.Semaphore(0)
    bus = EventBus()

    def full(_failure: Failure) -> None:
        raise KeyboardInterrupt

    @bus.on(int, policy=Policy(limit=Limit(1, queue=0)), on_error=full)
    def limited(_number: int) -> None:
        entered.set()
        go_on.wait(PATIENCE)

    bus.subscribe(int, lambda _number: arrived.release(), name="sibling")
    bus.subscribe(str, lambda _text: arrived.acquire(timeout=PATIENCE), name="slow")
    bus.subscribe(bytes, lambda _bytes: arrived.release(), name="quick")
    bus.post(1)
    assert entered.wait(PATIENCE)
    assert arrived.acquire(timeout=SOON)
    with pytest.raises(KeyboardInterrupt):
        bus.post(2)
    assert arrived.acquire(timeout=SOON)
    go_on.set()
    bus.drain(PATIENCE)
    # A slow handler holds up none that comes later.
    bus.post("slow")
    bus.post(b"quick")
    bus.drain(SOON)
    bus.close()


def test_siblings_do_not_wait_for_the_on_error_of_a_post() -> None:
    go_on, entered, arrived = threading.Event(), threading.Event(), threading.Semaphore(0)
    in_time: list[bool] = []
    bus = EventBus()

    def full(_failure: Failure) -> None:
        in_time.append(arrived.acquire(timeout=SOON))

    @bus.on(int, policy=Policy(limit=Limit(1, queue=0)), on_error=full)
    def limited(_number: int) -> None:
        entered.set()
        go_on.wait(PATIENCE)

    bus.subscribe(int, lambda _number: arrived.release(), name="sibling")
    bus.post(1)
    assert entered.wait(PATIENCE)
    assert arrived.acquire(timeout=SOON)
    bus.post(2)
    assert in_time == [True]
    go_on.set()
    bus.close()
