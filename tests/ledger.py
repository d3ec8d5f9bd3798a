"""What becomes of every delivery, written down by those who publish, handle and are told of failures."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from buswork import (
    AsyncEventBus,
    Breaker,
    BreakerOpen,
    EventBus,
    Failure,
    HandlerTimeout,
    Limit,
    LimitFull,
    Policy,
    QueueFull,
    Retry,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
THREADS = 4
#: How often one of the unruly handlers is unruly.
PART = 0.04
#: How long a handler on a thread may hang. Much longer than one that does not hang ever takes.
TIMEOUT = 0.25


class Rejected(Exception): ...


class Event:
    """Knows before it is sent what each handler will do with it."""

    def __init__(self, number: int, how: str, fates: dict[str, str]) -> None:
        self.number = number
        self.how = how
        self.fates = fates


class Ledger:
    """Five handlers, three of them unruly. A line is opened for each delivery that is owed, and has to
    be closed once: as done, failed to its publisher, dead-lettered, or dropped by a named policy."""

    def __init__(self, bus: EventBus | AsyncEventBus, seed: int) -> None:
        self.bus = bus
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        #: By delivery: how it was closed.
        self.lines: dict[tuple[int, str], list[str]] = {}
        #: By delivery: how often it was attempted.
        self.attempts: Counter[tuple[int, str]] = Counter()
        self.names = ["good", "quick", "failing", "hanging", "slow"]

    # Who opens lines.

    def event(self, number: int) -> Event:
        """Make the event with this number. Made before any thread runs, as the draws are in order."""
        draw = self.random.random
        fates = {}
        if draw() < PART:
            # Most failures pass by when tried again.
            fates["failing"] = self.random.choice(["once", "twice", "always"])
        if number % 1_000 == 500:
            fates["hanging"] = "hangs"
        if draw() < PART:
            fates["slow"] = "slow"
        return Event(number, self.random.choice(["direct", "posted"]), fates)

    def open(self, event: Event) -> None:
        with self.lock:
            for name in self.names:
                self.lines[event.number, name] = []

    def close(self, event: Event, name: str, how: str) -> None:
        with self.lock:
            self.lines[event.number, name].append(how)

    # Who closes them.

    def attempted(self, event: Event, name: str) -> int:
        with self.lock:
            self.attempts[event.number, name] += 1
            return self.attempts[event.number, name]

    def report(self, event: Event, report: Any) -> None:
        for delivery in report.deliveries:
            if delivery.status == "ok":
                continue  # Its handler has closed the line.
            if delivery.status == "failed":
                assert isinstance(delivery.error, (Rejected, BreakerOpen, LimitFull))
                self.close(event, delivery.name, "failed to its publisher")
            elif delivery.reason == "limit":
                self.close(event, delivery.name, "dropped by the limit")
            else:
                assert delivery.reason == "posted"

    def take_letters(self) -> None:
        letters = self.bus.dead_letters
        assert letters.lost == 0
        for letter in letters:
            assert letter.attempts
            self.close(letter.event, letter.handler, "dead-lettered")

    def check(self) -> Counter[tuple[str, str]]:
        """The ledger is empty: every line was closed once. Returns how many were, by handler."""
        assert self.bus.pending == 0
        self.take_letters()
        dropped = {one.name: one.dropped for one in self.bus.stats()}
        told = Counter(
            name for (_, name), how in self.lines.items() if how == ["dropped by the limit"]
        )
        silent = [line for line, how in self.lines.items() if not how]
        # A posted delivery that a limit drops is told of by figures alone.
        for number, name in silent:
            self.lines[number, name].append("dropped by the limit, as counted")
        missing = Counter(name for _, name in silent)
        for name in self.names:
            assert missing[name] + told[name] == dropped[name], (name, missing, told, dropped)
        twice = {line: how for line, how in self.lines.items() if len(how) != 1}
        assert not twice, list(twice.items())[:10]
        for one in self.bus.stats():
            assert one.in_progress == 0, one
            assert one.waiting == 0, one
            ended = one.delivered + one.failed + one.dropped + one.skipped
            assert ended == len(self.lines) // len(self.names), one
        return Counter((name, how[0]) for (_, name), how in self.lines.items())


def _policies() -> dict[str, Policy]:
    return {
        "good": Policy(),
        "quick": Policy(limit=Limit(8)),
        "failing": Policy(retry=Retry(3), breaker=Breaker(20, window=0.05, pause=0.002)),
        "slow": Policy(
            limit=Limit(2, queue=50, overflow="drop_new"), retry=Retry(2, retry_on=KeyError)
        ),
    }


def _fail(ledger: Ledger, event: Event, attempt: int) -> None:
    fate = event.fates.get("failing")
    if fate is not None and attempt <= {"once": 1, "twice": 2, "always": 9}[fate]:
        raise Rejected(event.number)


class ThreadedLedger(Ledger):
    """On the sync bus, from threads."""

    bus: EventBus

    def __init__(self, seed: int) -> None:
        super().__init__(EventBus(stats=True, max_dead_letters=10**6, max_pending=500), seed)
        self.hung: list[threading.Thread] = []
        self.opened = threading.Event()
        policies = _policies()
        hanging = Policy(timeout=TIMEOUT, retry=Retry(2, give_up_on=HandlerTimeout), limit=Limit(2))
        handlers: dict[str, Callable[[Event], None]] = {
            "good": self.good,
            "quick": lambda event: self.close(event, "quick", "done"),
            "failing": self.failing,
            "slow": self.slow,
        }
        for name, handler in handlers.items():
            self.bus.subscribe(Event, handler, name=name, policy=policies[name], on_error=self.told)
        self.bus.subscribe(
            Event, self.hanging, name="hanging", policy=hanging, background=True, on_error=self.told
        )

    def told(self, failure: Failure) -> None:
        assert isinstance(failure.event, Event)

    def good(self, event: Event) -> None:
        self.close(event, "good", "done")

    def failing(self, event: Event) -> None:
        _fail(self, event, self.attempted(event, "failing"))
        self.close(event, "failing", "done")

    def hanging(self, event: Event) -> None:
        if "hanging" in event.fates:
            self.hung.append(threading.current_thread())
            # What it does when it goes on is nothing to the ledger: its delivery has ended.
            self.opened.wait(4 * TIMEOUT)
            return
        self.close(event, "hanging", "done")

    def slow(self, event: Event) -> None:
        if "slow" in event.fates:
            _spin()
        self.close(event, "slow", "done")

    def run(self, events: int) -> Counter[tuple[str, str]]:
        made = [self.event(number) for number in range(events)]
        begin = threading.Barrier(THREADS, timeout=PATIENCE)

        def work(part: list[Event]) -> None:
            begin.wait()
            for event in part:
                self.open(event)
                if event.how == "posted":
                    self.bus.post(event)
                else:
                    self.report(event, self.bus.deliver(event))

        threads = [
            threading.Thread(target=work, args=(made[place::THREADS],)) for place in range(THREADS)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(PATIENCE)
            assert not each.is_alive()
        self.bus.drain(PATIENCE)
        closed = self.check()
        self.opened.set()
        for each in self.hung:
            each.join(PATIENCE)
            assert not each.is_alive()
        self.bus.close(PATIENCE)
        return closed


def _spin() -> None:
    """Let others go first, a few times."""
    for _ in range(5):
        threading.Event().wait(0.0002)


class AsyncLedger(Ledger):
    """On the async bus, from tasks."""

    bus: AsyncEventBus

    def __init__(self, seed: int) -> None:
        super().__init__(AsyncEventBus(stats=True, max_dead_letters=10**6), seed)
        policies = _policies()
        policies["hanging"] = Policy(timeout=0.01, retry=Retry(2), limit=Limit(4), dead_letter=True)
        for name, handler in {
            "good": self.good,
            "quick": self.quick,
            "failing": self.failing,
            "hanging": self.hanging,
            "slow": self.slow,
        }.items():
            self.bus.subscribe(
                Event, handler, name=name, policy=policies[name], on_error=lambda _: None
            )

    def good(self, event: Event) -> None:
        self.close(event, "good", "done")

    async def quick(self, event: Event) -> None:
        self.close(event, "quick", "done")

    async def failing(self, event: Event) -> None:
        attempt = self.attempted(event, "failing")
        if event.number % 3 == 0:
            await asyncio.sleep(0)
        _fail(self, event, attempt)
        self.close(event, "failing", "done")

    async def hanging(self, event: Event) -> None:
        if "hanging" in event.fates:
            await asyncio.Event().wait()
        self.close(event, "hanging", "done")

    async def slow(self, event: Event) -> None:
        if "slow" in event.fates:
            await asyncio.sleep(0.001)
        self.close(event, "slow", "done")

    def report(self, event: Event, report: Any) -> None:
        for delivery in report.deliveries:
            if delivery.name == "hanging" and delivery.status == "failed":
                assert isinstance(delivery.error, HandlerTimeout)
                report = [one for one in report.deliveries if one is not delivery]
                super().report(event, _Part(report))
                return
        super().report(event, report)

    async def _main(self, events: int) -> None:
        made = [self.event(number) for number in range(events)]

        async def work(part: list[Event]) -> None:
            for event in part:
                self.open(event)
                if event.how == "direct":
                    self.report(event, await self.bus.deliver(event))
                    continue
                while True:
                    try:
                        self.bus.post(event)
                    except QueueFull:
                        await asyncio.sleep(0.001)
                    else:
                        break
                await asyncio.sleep(0)

        async with self.bus:
            tasks = 16
            async with asyncio.TaskGroup() as group:
                for place in range(tasks):
                    group.create_task(work(made[place::tasks]))
            await self.bus.drain(PATIENCE)

    def run(self, events: int) -> Counter[tuple[str, str]]:
        asyncio.run(self._main(events))
        return self.check()


class _Part:
    """A part of a report."""

    def __init__(self, deliveries: list[Any]) -> None:
        self.deliveries = deliveries
