"""Handlers on worker threads that take longer than their policy allows."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from buswork import EventBus, Failure, HandlerTimeout, Limit, Policy, Retry
from tests.test_post import PATIENCE
from tests.test_references import run_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 0.03


class Boom(Exception): ...


class Hanging:
    """Hangs on some events, until it is let go."""

    def __init__(self, *hangs_on: object) -> None:
        self.hangs_on = hangs_on
        self.opened = threading.Event()
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.threads: list[threading.Thread] = []

    def handle(self, event: object) -> None:
        self.begun.append(event)
        if event in self.hangs_on:
            self.threads.append(threading.current_thread())
            assert self.opened.wait(PATIENCE)
        self.ended.append(event)


@pytest.fixture
def hanging() -> Iterator[Any]:
    """Make handlers that hang, and let them go at the end."""
    made: list[Hanging] = []

    def make(*hangs_on: object) -> Hanging:
        made.append(Hanging(*hangs_on))
        return made[-1]

    yield make
    for each in made:
        each.opened.set()
        for thread in each.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_a_delivery_that_takes_too_long_has_failed_and_its_line_goes_on(hanging: Any) -> None:
    failures: list[Failure] = []
    bus, handler = EventBus(on_error=failures.append), hanging(0)
    bus.subscribe(int, handler.handle, policy=Policy(timeout=TIMEOUT), background=True, name="slow")
    for number in range(3):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert handler.ended == [1, 2]
    (failure,) = failures
    assert isinstance(failure.error, HandlerTimeout)
    assert str(failure.error) == f"handler slow took longer than its policy allows, {TIMEOUT} s"
    assert (failure.event, failure.name) == (0, "slow")
    figures = bus.stats()[0]
    assert (figures.timed_out, figures.failed, figures.delivered) == (1, 1, 2)
    assert figures.in_progress == 0
    (letter,) = bus.dead_letters
    assert letter.event == 0


def test_its_end_is_logged_and_changes_nothing(
    hanging: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(0)
    bus.subscribe(int, handler.handle, policy=Policy(timeout=TIMEOUT), background=True, name="slow")
    bus.publish(0)
    bus.drain(PATIENCE)
    handler.opened.set()
    handler.threads[0].join(PATIENCE)
    assert not handler.threads[0].is_alive()
    assert "handler slow has ended, after its time was over" in caplog.text
    assert handler.ended == [0]
    figures = bus.stats()[0]
    assert (figures.delivered, figures.failed) == (0, 1)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert handler.ended == [0, 1]


def test_one_that_fails_late_is_no_second_failure(hanging: Any) -> None:
    failures: list[Failure] = []
    bus, gate = EventBus(on_error=failures.append), hanging(0)

    def handle(event: int) -> None:
        gate.handle(event)
        raise Boom

    bus.subscribe(int, handle, policy=Policy(timeout=TIMEOUT), background=True)
    bus.publish(0)
    bus.drain(PATIENCE)
    gate.opened.set()
    gate.threads[0].join(PATIENCE)
    assert [type(failure.error) for failure in failures] == [HandlerTimeout]
    assert len(bus.dead_letters) == 1


def test_one_that_ends_in_time_is_well(hanging: Any) -> None:
    bus, handler = EventBus(), hanging()
    bus.subscribe(int, handler.handle, policy=Policy(timeout=PATIENCE), background=True)
    for number in range(500):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert handler.ended == list(range(500))
    assert bus.stats()[0].timed_out == 0


def test_a_failure_in_time_is_its_own(hanging: Any) -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)

    @bus.on(int, policy=Policy(timeout=PATIENCE, retry=Retry(2)), background=True)
    def handle(_number: int) -> None:
        raise Boom

    bus.publish(1)
    bus.drain(PATIENCE)
    assert [type(failure.error) for failure in failures] == [Boom]


def test_a_timeout_is_for_each_attempt(hanging: Any) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(0)
    policy = Policy(timeout=TIMEOUT, retry=Retry(3, backoff=0.001))
    bus.subscribe(int, handler.handle, policy=policy, background=True)
    bus.publish(0)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert handler.begun == [0, 0, 0, 1]
    figures = bus.stats()[0]
    assert (figures.timed_out, figures.retried, figures.failed) == (3, 2, 1)
    (letter,) = bus.dead_letters
    assert len(letter.attempts) == 3
    assert all("HandlerTimeout" in attempt.error for attempt in letter.attempts)


def test_a_timeout_can_be_given_up_on(hanging: Any) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(0)
    policy = Policy(timeout=TIMEOUT, retry=Retry(3, give_up_on=HandlerTimeout))
    bus.subscribe(int, handler.handle, policy=policy, background=True)
    bus.publish(0)
    bus.drain(PATIENCE)
    assert handler.begun == [0]


def test_threads_that_are_stuck_are_replaced(hanging: Any) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(*range(20))
    limit = Policy(timeout=TIMEOUT, limit=Limit(4))
    bus.subscribe(int, handler.handle, policy=limit, background=True)
    siblings: list[int] = []
    bus.subscribe(int, siblings.append, background=True)
    for number in range(25):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert sorted(handler.ended) == [20, 21, 22, 23, 24]
    assert siblings == list(range(25))
    assert len(handler.threads) == 20
    assert bus.stats()[0].timed_out == 20


def test_so_many_are_replaced_and_no_more_and_that_is_said(
    hanging: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(*range(40))
    limit = Policy(timeout=TIMEOUT, limit=Limit(8))
    bus.subscribe(int, handler.handle, policy=limit, background=True)
    for number in range(40):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert bus.stats()[0].timed_out == 40
    assert "33 threads are stuck" in caplog.text
    # The bus still delivers.
    bus.publish(40)
    bus.drain(PATIENCE)
    assert handler.ended == [40]
    handler.opened.set()
    for thread in handler.threads:
        thread.join(PATIENCE)
    for number in range(41, 60):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert len(handler.ended) == 60


def test_a_closed_bus_does_not_wait_for_the_stuck_thread(hanging: Any) -> None:
    handler = hanging(0)
    with EventBus(on_error=lambda _: None) as bus:
        bus.subscribe(int, handler.handle, policy=Policy(timeout=TIMEOUT), background=True)
        bus.publish(0)
    assert handler.ended == []


def test_a_subscription_that_ends_meanwhile_has_no_further_attempt(hanging: Any) -> None:
    bus, handler = EventBus(on_error=lambda _: None), hanging(0)
    subscription = bus.subscribe(
        int,
        handler.handle,
        policy=Policy(timeout=TIMEOUT, retry=Retry(3, backoff=0.01)),
        background=True,
    )
    bus.publish(0)
    while not handler.begun:
        time.sleep(0.001)
    subscription.cancel()
    bus.drain(PATIENCE)
    assert handler.begun == [0]


def test_on_error_may_post_even_when_the_bus_is_full(hanging: Any) -> None:
    bus = EventBus(max_pending=1)
    handler = hanging(0)
    told: list[BaseException | None] = []

    def tell(_failure: Failure) -> None:
        try:
            bus.post("told")
        except Exception as error:
            told.append(error)
        else:
            told.append(None)

    bus.subscribe(
        int, handler.handle, policy=Policy(timeout=TIMEOUT), background=True, on_error=tell
    )
    bus.subscribe(str, lambda _: None)
    bus.publish(0)
    bus.drain(PATIENCE)
    assert len(told) == 1


def test_an_on_error_that_hangs_holds_up_no_other_timeout(hanging: Any) -> None:
    bus, handler = EventBus(), hanging(0, 1)
    entered, opened = threading.Event(), threading.Event()

    def tell(_failure: Failure) -> None:
        entered.set()
        opened.wait(PATIENCE)

    policy = Policy(timeout=TIMEOUT)
    bus.subscribe(int, handler.handle, policy=policy, background=True, on_error=tell)
    other = EventBus(on_error=lambda _: None)
    other.subscribe(int, handler.handle, policy=Policy(timeout=TIMEOUT), background=True)
    bus.publish(0)
    assert entered.wait(PATIENCE)
    other.publish(1)
    try:
        other.drain(1)
    finally:
        opened.set()
        bus.drain(PATIENCE)
        other.drain(PATIENCE)


def test_a_predicate_that_is_interrupted_ends_the_delivery(
    hanging: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    bus, handler = EventBus(on_error=lambda _: None), hanging(0)

    def ask(_error: Exception) -> bool:
        raise SystemExit

    policy = Policy(timeout=TIMEOUT, retry=Retry(3, retry_on=ask))
    bus.subscribe(int, handler.handle, policy=policy, background=True)
    bus.publish(0)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert handler.ended == [1]


def test_a_timeout_may_be_longer_than_a_clock_can_count() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append, policy=Policy(timeout=1e300), background=True)
    bus.publish(1)
    bus.drain(PATIENCE)
    hanging = Hanging(2)
    failures: list[Failure] = []
    bus.subscribe(
        float, hanging.handle, policy=Policy(timeout=0), background=True, on_error=failures.append
    )
    # The thread that watches is alive.
    bus.publish(2.0)
    bus.drain(PATIENCE)
    hanging.opened.set()
    assert seen == [1]


def test_a_program_ends_though_a_handler_hangs() -> None:
    printed = run_alone(
        """
        import threading
        from buswork import EventBus, Policy

        bus = EventBus()

        @bus.on(int, policy=Policy(timeout=0.05), background=True)
        def hang(_number):
            threading.Event().wait()

        bus.subscribe(str, print)
        bus.publish(1)
        bus.post("posted")
        """
    )
    assert printed == "posted\n"


def test_direct_deliveries_of_a_handler_with_a_timeout_are_always_in_the_background() -> None:
    bus = EventBus()
    threads: list[int] = []
    bus.subscribe(
        int,
        lambda _: threads.append(threading.get_ident()),
        policy=Policy(timeout=PATIENCE),
        background=True,
    )
    report = bus.deliver(1)
    assert (report.deliveries[0].status, report.deliveries[0].reason) == ("skipped", "posted")
    bus.drain(PATIENCE)
    assert threads != [threading.get_ident()]


def test_an_error_after_the_time_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus(on_error=lambda _failure: None)
    go_on = threading.Event()
    threads: list[threading.Thread] = []

    def handle(_number: int) -> None:
        threads.append(threading.current_thread())
        go_on.wait(PATIENCE)
        raise Boom("what was really wrong")

    bus.subscribe(int, handle, policy=Policy(timeout=TIMEOUT), background=True, name="slow")
    with bus.tracing() as trace:
        bus.post(1)
        bus.drain(PATIENCE)
        go_on.set()
        threads[0].join(PATIENCE)
        assert not threads[0].is_alive()
    assert "handler slow has failed, after its time was over" in caplog.text
    assert "what was really wrong" in caplog.text
    (dispatch,) = trace.dispatches
    assert [(each.outcome, each.error) for each in dispatch.deliveries] == [
        ("failed", "HandlerTimeout")
    ]


@pytest.mark.parametrize("once", [False, True])
def test_one_that_took_too_long_is_tried_again_and_judged_though_its_subscription_has_ended(
    hanging: Any, once: bool
) -> None:
    bus, handler, told = EventBus(), hanging(1), []
    policy = Policy(timeout=TIMEOUT, retry=Retry(2))
    bus.subscribe(
        int, handler.handle, policy=policy, once=once, on_error=told.append, background=True
    )
    bus.publish(1)
    bus.drain(PATIENCE)
    assert handler.begun == [1, 1]
    (failure,) = told
    assert isinstance(failure.error, HandlerTimeout)
