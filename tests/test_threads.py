"""Any thread may publish and subscribe at any time."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from buswork import EventBus

THREADS = 4


class Placed: ...


class Cancelled: ...


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Let threads take turns often, so that races have a chance to show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(*works: Callable[[], object]) -> None:
    """Run each work in a thread of its own, all beginning together; raise what they raise."""
    gate = threading.Barrier(len(works))

    def begin(work: Callable[[], object]) -> None:
        gate.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(begin, work) for work in works]:
            future.result()


def test_publishes_of_many_threads_reach_every_handler() -> None:
    bus = EventBus()
    counts = [0] * THREADS

    def count(thread: int) -> None:
        counts[thread] += 1

    bus.subscribe(int, count)

    def publish(thread: int) -> Callable[[], None]:
        return lambda: [bus.publish(thread) for _ in range(2000)] and None

    at_once(*map(publish, range(THREADS)))
    assert counts == [2000] * THREADS


def test_a_handler_that_stays_gets_every_event_while_others_come_and_go() -> None:
    bus = EventBus()
    seen = 0
    done = threading.Event()

    def stay(_event: Placed) -> None:
        nonlocal seen
        seen += 1

    bus.subscribe(Placed, stay)

    def publish() -> None:
        for _ in range(3000):
            bus.publish(Placed())
        done.set()

    def come_and_go(event_type: type) -> Callable[[], None]:
        def work() -> None:
            while not done.is_set():
                subscriptions = [bus.subscribe(event_type, lambda _: None) for _ in range(12)]
                for subscription in subscriptions:
                    subscription.pause()
                    subscription.resume()
                    subscription.cancel()

        return work

    at_once(publish, come_and_go(Placed), come_and_go(object), come_and_go(Cancelled))
    assert seen == 3000
    assert len(bus.handlers(Placed)) == 1


def test_once_is_spent_exactly_once_across_threads() -> None:
    for _ in range(200):
        bus = EventBus()
        spent: list[object] = []
        for _ in range(3):
            bus.subscribe(Placed, lambda event: spent.append(event), once=True)
        at_once(*[lambda: bus.publish(Placed())] * THREADS)
        assert len(spent) == 3


def test_when_cancel_has_returned_no_publish_begun_later_calls_the_handler() -> None:
    bus = EventBus()
    for _ in range(300):
        ended = threading.Event()
        late: list[object] = []

        def handle(
            _event: Placed, ended: threading.Event = ended, late: list[object] = late
        ) -> None:
            if ended.is_set():
                late.append(_event)

        subscription = bus.subscribe(Placed, handle)

        def cancel() -> None:
            subscription.cancel()  # noqa: B023 - run within this round
            ended.set()  # noqa: B023

        def publish() -> None:
            bus.publish(Placed())
            ended.wait()  # noqa: B023
            bus.publish(Placed())

        at_once(cancel, publish)
        # A call that had begun may see the event set; a publish begun later may not.
        assert len(late) <= 1


def test_a_handler_may_wait_for_another_thread_that_uses_the_bus() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Cancelled, seen.append)

    @bus.on(Placed)
    def wait(_event: Placed) -> None:
        def use() -> None:
            subscription = bus.subscribe(Placed, seen.append)
            bus.publish(Cancelled())
            bus.handlers(Placed)
            subscription.cancel()

        thread = threading.Thread(target=use)
        thread.start()
        thread.join(timeout=30)
        assert not thread.is_alive()

    bus.publish(Placed())
    assert len(seen) == 1


def test_a_destructor_run_by_a_cancel_may_use_the_bus_from_another_thread() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Cancelled, seen.append)

    class Owner:
        def handle(self, event: Placed) -> None: ...

        def __del__(self) -> None:
            thread = threading.Thread(target=bus.publish, args=(Cancelled(),))
            thread.start()
            thread.join(timeout=30)
            assert not thread.is_alive()

    bus.subscribe(Placed, Owner().handle).cancel()
    assert len(seen) == 1


def test_clear_unsubscribe_and_collections_beside_publishes() -> None:
    bus = EventBus()
    done = threading.Event()

    class Owner:
        def handle(self, event: object) -> None: ...

    def publish() -> None:
        for number in range(2000):
            bus.publish(Placed())
            bus.publish(number)
        done.set()

    def subscribe_and_clear() -> None:
        while not done.is_set():
            for _ in range(20):
                bus.subscribe(Placed, Owner().handle)
            bus.clear()

    def subscribe_and_unsubscribe() -> None:
        while not done.is_set():
            handler = Owner().handle
            bus.subscribe(int, handler)
            try:
                bus.unsubscribe(int, handler)
            except LookupError:
                pass  # The other thread cleared the bus.

    def collect() -> None:
        while not done.is_set():
            gc.collect()

    at_once(publish, subscribe_and_clear, subscribe_and_unsubscribe, collect)
    bus.clear()
    assert bus.handlers(Placed) == []


def test_buses_made_and_dropped_beside_each_other() -> None:
    def work() -> None:
        for _ in range(300):
            bus = EventBus()
            bus.subscribe(Placed, lambda event, bus=bus: None)
            bus.publish(Placed())

    at_once(*[work] * THREADS)


def test_new_classes_of_many_threads_are_routed_right() -> None:
    bus = EventBus()
    by_base: list[object] = []
    bus.subscribe(Placed, by_base.append)

    def work() -> None:
        for _ in range(300):
            event_type = type("Event", (Placed,), {})
            own: list[object] = []
            with bus.subscribe(event_type, own.append):
                event = event_type()
                bus.publish(event)
                assert own == [event]

    at_once(*[work] * THREADS)
    assert len(by_base) == 300 * THREADS


@pytest.mark.parametrize("crowd", [1, 12])
def test_a_daemon_thread_inside_a_handler_does_not_disturb_the_end_of_the_program(
    crowd: int,
) -> None:
    program = f"""
import threading, time
from buswork import EventBus
bus = EventBus()
for _ in range({crowd}):
    bus.subscribe(int, lambda event: time.sleep(0.0001))
started = threading.Semaphore(0)
def work():
    started.release()
    while True:
        bus.publish(1)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
for _ in range(3):
    started.acquire()
"""
    for _ in range(5):
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert (run.returncode, run.stderr) == (0, "")
