"""What a post does when `max_pending` deliveries are pending."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import AsyncEventBus, EventBus, Failure, QueueFull
from tests.test_post import PATIENCE, Gate

if TYPE_CHECKING:
    from collections.abc import Iterator


class Full:
    """A bus with a handler that waits, and room for nothing more."""

    def __init__(self, overflow: Any, room: int = 3) -> None:
        self.bus = EventBus(max_pending=room, overflow=overflow)
        self.gate = Gate()
        self.seen: list[int] = []
        self.bus.subscribe(int, self.handle)
        self.bus.post(0)
        assert self.gate.entered.wait(PATIENCE)
        for number in range(1, room):
            self.bus.post(number)
        assert self.bus.pending == room

    def handle(self, number: int) -> None:
        if number == 0:
            self.gate.wait(number)
        self.seen.append(number)

    def finish(self) -> list[int]:
        self.gate.opened.set()
        self.bus.drain(PATIENCE)
        return self.seen


@pytest.fixture
def thread() -> Iterator[Any]:
    """Run functions in threads, which have ended when the test does."""
    threads: list[threading.Thread] = []

    def start(function: Any) -> threading.Thread:
        threads.append(threading.Thread(target=function))
        threads[-1].start()
        return threads[-1]

    yield start
    for each in threads:
        each.join(PATIENCE)
        assert not each.is_alive()


def test_wait_waits_for_room(thread: Any) -> None:
    full = Full("wait")
    poster = thread(lambda: [full.bus.post(number) for number in range(3, 20)])
    poster.join(0.05)
    assert poster.is_alive()
    assert full.bus.pending == 3
    full.gate.opened.set()
    poster.join(PATIENCE)
    assert full.finish() == list(range(20))
    assert full.bus.dropped == 0


def test_raise_raises() -> None:
    full = Full("raise")
    with pytest.raises(
        QueueFull, match="3 deliveries are pending, which is max_pending: post less"
    ):
        full.bus.post(3)
    assert full.finish() == [0, 1, 2]


def test_drop_new_drops_the_new_one_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    full = Full("drop_new")
    for number in (3, 4):
        full.bus.post(number)
    assert full.bus.dropped == 2
    assert full.finish() == [0, 1, 2]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "bus.dropped counts them" in caplog.text


def test_drop_old_drops_the_oldest_that_waits(caplog: pytest.LogCaptureFixture) -> None:
    full = Full("drop_old")
    for number in (3, 4, 5):
        full.bus.post(number)
    assert full.bus.pending == 3
    assert full.bus.dropped == 3
    assert full.finish() == [0, 4, 5]
    assert len(caplog.records) == 1


def test_drop_old_drops_the_oldest_whatever_its_handler() -> None:
    full = Full("drop_old", room=4)
    gates = [Gate(), Gate()]
    for gate in gates:
        full.bus.subscribe(float, gate.wait)
    full.bus.post(0.5)
    for gate in gates:
        assert gate.entered.wait(PATIENCE)
    assert full.bus.dropped == 2
    full.bus.post(9)
    for gate in gates:
        gate.opened.set()
    assert full.finish() == [0, 9]
    assert full.bus.dropped == 3


def test_when_nothing_waits_there_is_nothing_to_drop_but_the_new_one() -> None:
    full = Full("drop_old", room=1)
    full.bus.post(1)
    assert full.bus.dropped == 1
    assert full.finish() == [0]


def test_an_event_with_more_handlers_than_room_is_let_in_alone() -> None:
    bus = EventBus(max_pending=2, overflow="raise")
    gate = Gate()
    seen: list[int] = []
    bus.subscribe(int, gate.wait)
    for _ in range(4):
        bus.subscribe(int, lambda number: seen.append(number))
    bus.post(1)
    assert gate.entered.wait(PATIENCE)
    with pytest.raises(QueueFull):
        bus.post(2)
    gate.opened.set()
    bus.drain(PATIENCE)
    assert seen == [1] * 4


def test_a_worker_thread_never_waits_for_room() -> None:
    failures: list[Failure] = []
    full = Full("wait")
    other = EventBus(on_error=failures.append)
    other.subscribe(int, full.bus.post)
    other.post(7)
    other.drain(PATIENCE)
    assert isinstance(failures[0].error, QueueFull)
    assert "must not wait for room" in str(failures[0].error)
    full.finish()


def test_nor_does_another_thread_that_delivers_at_the_end_of_the_program() -> None:
    program = """
        from buswork import EventBus
        import threading
        bus = EventBus(max_pending=1)
        begun = threading.Barrier(33)
        for _ in range(32):
            bus.subscribe(int, lambda _: begun.wait())
        bus.subscribe(int, lambda _: bus.post("more"), priority=-1)
        bus.post(1)
        begun.wait()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == "" or "QueueFull" in done.stderr


def test_a_thread_that_runs_a_loop_never_waits_for_room() -> None:
    full = Full("wait")

    async def main() -> None:
        with pytest.raises(QueueFull, match="must not wait for room"):
            full.bus.post(3)

    asyncio.run(main())
    full.finish()


def test_a_handler_that_posts_more_than_there_is_room_for_fails() -> None:
    failures: list[Failure] = []
    bus = EventBus(max_pending=10, on_error=failures.append)
    seen: list[int] = []

    @bus.on(int)
    def multiply(number: int) -> None:
        seen.append(number)
        if number < 20:
            bus.post(number + 1)
            bus.post(number + 1)

    bus.post(0)
    bus.drain(PATIENCE)
    assert any(isinstance(failure.error, QueueFull) for failure in failures)
    assert bus.pending == 0


def test_there_is_no_stall_when_one_handler_holds_most_of_the_room(thread: Any) -> None:
    bus = EventBus(max_pending=10)
    gate = Gate()
    seen: list[float] = []
    bus.subscribe(int, gate.wait)
    bus.subscribe(float, seen.append)
    for number in range(9):
        bus.post(number)
    poster = thread(lambda: [bus.post(float(number)) for number in range(200)])
    poster.join(PATIENCE)
    assert not poster.is_alive()
    gate.opened.set()
    bus.drain(PATIENCE)
    assert seen == [float(number) for number in range(200)]


def test_a_post_that_waits_is_told_of_the_close(thread: Any) -> None:
    full = Full("wait")
    told: list[BaseException] = []

    def post() -> None:
        try:
            full.bus.post(3)
        except RuntimeError as error:
            told.append(error)

    poster = thread(post)
    poster.join(0.05)
    closing = thread(full.bus.close)
    poster.join(PATIENCE)
    assert "closed for posts" in str(told[0])
    full.gate.opened.set()
    closing.join(PATIENCE)
    assert full.seen == [0, 1, 2]


def test_an_interrupt_ends_the_waiting_and_loses_nothing(thread: Any) -> None:
    full = Full("wait")
    interrupted = threading.Event()

    def interrupt_once(*_details: object) -> None:
        if not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt

    def send() -> None:
        # A signal that comes just before a thread waits does not end its waiting.
        main = threading.main_thread().ident
        assert main is not None
        while not interrupted.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt_once)
    try:
        with pytest.raises(KeyboardInterrupt):
            sender = thread(send)
            full.bus.post(3)
    finally:
        interrupted.set()
        sender.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)
    assert full.finish() == [0, 1, 2]
    full.bus.post(4)
    full.bus.drain(PATIENCE)
    assert full.seen[-1] == 4


def test_a_burst_on_the_async_bus_raises_on_its_loop_and_waits_on_other_threads() -> None:
    async def main() -> None:
        bus = AsyncEventBus(max_pending=10)
        seen: list[int] = []

        @bus.on(int)
        async def handle(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)

        async with bus:
            for number in range(10):
                bus.post(number)
            with pytest.raises(QueueFull, match="must not wait for room"):
                bus.post(10)
            await bus.drain()
            await asyncio.to_thread(lambda: [bus.post(number) for number in range(10, 200)])
        assert seen == list(range(200))

    asyncio.run(main())
