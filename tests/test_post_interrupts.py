"""Interrupts that come at a bad moment: while a post or a delivery wakes somebody."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import AsyncEventBus, EventBus, _background
from tests.test_post import PATIENCE, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# For all of them: several send themselves signals that Windows lacks.
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1 here")


class Interrupted:
    """Threads whose start is interrupted a number of times, before they begin or afterwards."""

    def __init__(self, times: int, *, begins: bool = False, error: Any = KeyboardInterrupt) -> None:
        self.times = times
        self.begins = begins
        self.error = error
        self.made: list[threading.Thread] = []

    def __call__(self, **options: Any) -> Any:
        thread = threading.Thread(**options)
        self.made.append(thread)
        start = thread.start

        def interrupted() -> None:
            if self.times == 0:
                start()
                return
            self.times -= 1
            if self.begins:
                start()
            raise self.error

        thread.start = interrupted  # type: ignore[method-assign]
        return thread


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Interrupted], Interrupted]:
    def use(threads: Interrupted) -> Interrupted:
        monkeypatch.setattr(_background, "Thread", threads)
        return threads

    return use


def ends(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


@pytest.mark.parametrize("begins", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_a_post_that_is_interrupted_when_it_starts_a_thread_loses_nothing(
    threads: Any, begins: bool, times: int
) -> None:
    threads(Interrupted(times, begins=begins))
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    with pytest.raises(KeyboardInterrupt):
        bus.post(1)
    bus.drain(PATIENCE)
    bus.post(2)
    bus.drain(PATIENCE)
    assert seen == [1, 2]
    bus.close(PATIENCE)


def test_so_it_is_when_one_is_started_to_stand_by(threads: Any) -> None:
    bus, gate = EventBus(), Gate()
    bus.subscribe(int, gate.wait)
    bus.subscribe(str, lambda _: gate.opened.set())
    bus.post(1)
    assert gate.entered.wait(PATIENCE)
    threads(Interrupted(1))
    with pytest.raises(KeyboardInterrupt):
        bus.post("opens it")
    bus.drain(PATIENCE)


def test_a_thread_that_begins_when_another_has_taken_its_place_ends(threads: Any) -> None:
    interrupted = threads(Interrupted(1))
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    with pytest.raises(KeyboardInterrupt):
        bus.post(1)
    bus.drain(PATIENCE)
    late, worker = interrupted.made
    threading.Thread.start(late)
    assert ends(late)
    for number in range(2, 50):
        bus.post(number)
    bus.close(PATIENCE)
    assert seen == list(range(1, 50))
    assert ends(worker)


def test_where_no_thread_can_be_started_the_post_delivers(threads: Any) -> None:
    threads(Interrupted(1_000, error=RuntimeError))
    bus = EventBus()
    seen: list[int] = []

    @bus.on(int)
    def handle(number: int) -> None:
        seen.append(number)
        if number < 200:
            bus.post(number + 1)

    bus.subscribe(int, lambda number: seen.append(-number))
    bus.post(1)
    assert [number for number in seen if number > 0] == list(range(1, 201))
    assert bus.pending == 0
    bus.close(0)


def test_a_worker_that_is_woken_when_it_has_waited_for_too_long_waits_again() -> None:
    class Late:
        """Is woken at the end of its first waiting, and in the second."""

        wakes: tuple[Any, ...] = ()

        def work(self, wake: Any) -> float | None:
            self.wakes = (*self.wakes, wake)
            if len(self.wakes) == 1:
                return 0.0
            if len(self.wakes) == 2:
                self.wakes[0]()
                self.wakes[1]()
                return PATIENCE
            return None

    late: Any = Late()
    worker = threading.Thread(target=_background._work, args=(late,))
    worker.start()
    assert ends(worker)
    assert len(late.wakes) == 3


class Loop(asyncio.SelectorEventLoop):
    """A loop one of whose methods is interrupted once, in the middle or before it does anything."""

    interrupted = ""

    def _interrupt(self, method: str) -> None:
        if self.interrupted == method:
            self.interrupted = ""
            raise KeyboardInterrupt

    def create_task(self, *given: Any, **options: Any) -> Any:
        self._interrupt("create_task")
        return super().create_task(*given, **options)

    def call_soon_threadsafe(self, *given: Any, **options: Any) -> Any:
        self._interrupt("call_soon_threadsafe")
        return super().call_soon_threadsafe(*given, **options)


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Make a loop in the main thread, where a Ctrl-C is a `KeyboardInterrupt`."""
    # Whoever began the tests may have it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    loop = Loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield loop
    loop.close()
    signal.signal(signal.SIGINT, before)
    assert complaints == []


def run_through_interrupts(loop: Loop, main: Any) -> int:
    """Run a coroutine to its end. Return how often that was interrupted."""
    task = loop.create_task(main)
    for times in range(5):
        try:
            loop.run_until_complete(task)
        except KeyboardInterrupt:
            continue
        return times
    raise AssertionError


@pytest.mark.parametrize("method", ["create_task", "call_soon_threadsafe"])
def test_an_interrupt_while_a_loop_is_woken_strikes_later_and_loses_nothing(
    loop: Loop, method: str
) -> None:
    bus = AsyncEventBus()
    seen: list[str] = []

    @bus.on(int)
    async def waits(number: int) -> None:
        # Whoever takes over what is ready is interrupted, or whoever wakes the drain.
        loop.interrupted = method if number == 1 else loop.interrupted
        # Not `sleep(0)`: asyncio loses a task that an interrupt strikes when it is put off.
        await asyncio.sleep(0.001)
        seen.append(f"waits {number}")

    @bus.on(int)
    async def quick(number: int) -> None:
        await asyncio.sleep(0.001)
        seen.append(f"quick {number}")

    async def main() -> None:
        for number in range(3):
            bus.post(number)
        await bus.drain(PATIENCE)

    assert run_through_interrupts(loop, main()) == 1
    assert [each for each in seen if "waits" in each] == [f"waits {n}" for n in range(3)]
    assert [each for each in seen if "quick" in each] == [f"quick {n}" for n in range(3)]
    assert bus.pending == 0


def test_a_drain_that_is_interrupted_can_be_repeated() -> None:
    bus, gate = EventBus(), Gate()
    bus.subscribe(int, gate.wait)
    bus.post(1)
    assert gate.entered.wait(PATIENCE)
    begun = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def send() -> None:
        # A signal that comes just before a thread waits does not end its waiting.
        begun.wait(PATIENCE)
        while not gate.opened.wait(0.01):
            signal.pthread_kill(main, signal.SIGUSR1)

    interrupted = 0

    def interrupt(*_details: object) -> None:
        nonlocal interrupted
        interrupted += 1
        if interrupted == 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            begun.set()
            bus.drain(PATIENCE)
        assert bus.pending == 1
        gate.opened.set()
        bus.drain(PATIENCE)
    finally:
        gate.opened.set()
        sender.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)
    assert bus.pending == 0
