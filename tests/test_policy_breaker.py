"""The circuit breaker on the sync bus: when it opens, what it lets through, and what waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    Breaker,
    BreakerOpen,
    BusworkError,
    EventBus,
    Failure,
    HandlerErrors,
    Policy,
    Retry,
)
from tests.async_programs import turns

PATIENCE = 10.0
HOUR = 3600


class Boom(Exception): ...


class Handler:
    """Fails as long as it is told to."""

    def __init__(self, *, fails: bool = True) -> None:
        self.fails = fails
        self.calls: list[Any] = []

    def handle(self, event: object) -> None:
        self.calls.append(event)
        if self.fails:
            raise Boom


def state(bus: EventBus) -> str | None:
    return bus.stats()[0].breaker


def test_so_many_failures_open_it_and_then_a_direct_delivery_fails_at_once() -> None:
    bus, handler = EventBus(), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(3, pause=HOUR)), name="h")
    errors = [type(bus.deliver(number).deliveries[0].error) for number in range(5)]
    assert errors == [Boom, Boom, Boom, BreakerOpen, BreakerOpen]
    assert handler.calls == [0, 1, 2]
    assert state(bus) == "open"
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(5)
    (error,) = raised.value.exceptions
    assert isinstance(error, BusworkError)
    assert str(error).startswith("the breaker of h is open for another 3")


def test_it_says_in_the_log_that_it_opened(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus(on_error=lambda _: None)
    bus.subscribe(int, Handler().handle, policy=Policy(breaker=Breaker(2, pause=HOUR)), name="mail")
    for number in range(4):
        bus.publish(number)
    assert [record.getMessage() for record in caplog.records] == [
        "the breaker of handler mail is open (2 in 60s, pause 3600s), the last failure was Boom"
    ]


def test_breaker_open_goes_to_on_error_as_any_failure() -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)
    bus.subscribe(int, Handler().handle, policy=Policy(breaker=Breaker(1, pause=HOUR)))
    bus.publish(1)
    bus.publish(2)
    assert [type(failure.error) for failure in failures] == [Boom, BreakerOpen]


def test_siblings_are_called_as_before() -> None:
    bus, sibling = EventBus(on_error="log"), Handler(fails=False)
    bus.subscribe(int, Handler().handle, policy=Policy(breaker=Breaker(1, pause=HOUR)))
    bus.subscribe(int, sibling.handle)
    for number in range(5):
        bus.publish(number)
    assert sibling.calls == [0, 1, 2, 3, 4]


def test_successes_in_between_do_not_hide_the_failures_of_a_window() -> None:
    bus = EventBus(on_error="log")
    calls: list[int] = []

    @bus.on(int, policy=Policy(breaker=Breaker(3, pause=HOUR)))
    def handle(number: int) -> None:
        calls.append(number)
        if number % 2:
            raise Boom

    for number in range(10):
        bus.publish(number)
    assert calls == [0, 1, 2, 3, 4, 5]


def test_failures_that_lie_further_apart_than_the_window_do_not_open_it() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(2, window=0, pause=HOUR)))
    for number in range(5):
        bus.publish(number)
        before = time.monotonic()
        while time.monotonic() == before:
            pass
    assert handler.calls == [0, 1, 2, 3, 4]
    assert state(bus) == "closed"


def test_a_delivery_that_was_tried_again_counts_once() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    policy = Policy(breaker=Breaker(2, pause=HOUR), retry=Retry(3))
    bus.subscribe(int, handler.handle, policy=policy)
    bus.publish(1)
    assert state(bus) == "closed"
    bus.publish(2)
    assert handler.calls == [1, 1, 1, 2, 2, 2]
    assert state(bus) == "open"


def test_a_delivery_that_went_well_in_the_end_does_not_count() -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=Policy(breaker=Breaker(1, pause=HOUR), retry=Retry(2)))
    def handle(number: int) -> None:
        calls.append(number)
        if len(calls) % 2:
            raise Boom

    for number in range(3):
        bus.publish(number)
    assert state(bus) == "closed"


def test_after_its_pause_one_probe_that_goes_well_closes_it() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(2, pause=0)))
    bus.publish(1)
    bus.publish(2)
    assert state(bus) == "half-open"
    handler.fails = False
    bus.publish(3)
    assert state(bus) == "closed"
    # What has failed before is forgotten.
    handler.fails = True
    bus.publish(4)
    assert state(bus) == "closed"


def test_a_probe_that_fails_opens_it_again() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(3, pause=0)))
    for number in range(3):
        bus.publish(number)
    assert state(bus) == "half-open"
    bus.publish(3)
    assert state(bus) == "half-open"
    handler.fails = False
    bus.publish(4)
    assert state(bus) == "closed"


def test_a_half_open_breaker_lets_one_probe_through_and_no_more() -> None:
    bus = EventBus(on_error="log")
    entered, opened = threading.Event(), threading.Event()
    calls: list[int] = []

    @bus.on(int, policy=Policy(breaker=Breaker(1, pause=0)), name="h")
    def handle(number: int) -> None:
        calls.append(number)
        if number == 0:
            raise Boom
        entered.set()
        assert opened.wait(PATIENCE)

    bus.publish(0)
    probe = threading.Thread(target=bus.publish, args=(1,))
    probe.start()
    assert entered.wait(PATIENCE)
    refused = bus.deliver(2).deliveries[0].error
    assert isinstance(refused, BreakerOpen)
    assert "its one probe is in progress" in str(refused)
    opened.set()
    probe.join(PATIENCE)
    bus.publish(3)
    assert calls == [0, 1, 3]
    assert state(bus) == "closed"


def test_a_probe_that_is_interrupted_lets_another_one_through() -> None:
    bus = EventBus(on_error="log")
    errors: list[BaseException] = [Boom(), KeyboardInterrupt()]

    @bus.on(int, policy=Policy(breaker=Breaker(1, pause=0)))
    def handle(_number: int) -> None:
        if errors:
            raise errors.pop(0)

    bus.publish(0)
    with pytest.raises(KeyboardInterrupt):
        bus.publish(1)
    assert state(bus) == "half-open"
    bus.publish(2)
    assert state(bus) == "closed"


def test_a_delivery_that_began_before_it_opened_does_not_close_it() -> None:
    bus = EventBus(on_error="log")
    entered, opened = threading.Event(), threading.Event()

    @bus.on(int, policy=Policy(breaker=Breaker(1, pause=HOUR)))
    def handle(number: int) -> None:
        if number == 1:
            raise Boom
        entered.set()
        assert opened.wait(PATIENCE)

    early = threading.Thread(target=bus.publish, args=(0,))
    early.start()
    assert entered.wait(PATIENCE)
    bus.publish(1)
    assert state(bus) == "open"
    opened.set()
    early.join(PATIENCE)
    assert state(bus) == "open"


def test_skipped_deliveries_are_nothing_to_it() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    policy = Policy(breaker=Breaker(1, pause=0))
    subscription = bus.subscribe(int, handler.handle, policy=policy, when=lambda n: n > 0)
    bus.publish(1)
    bus.publish(0)
    assert state(bus) == "half-open"
    subscription.pause()
    bus.publish(2)
    assert state(bus) == "half-open"
    subscription.resume()
    handler.fails = False
    bus.publish(3)
    assert state(bus) == "closed"


def test_a_direct_delivery_after_breaker_open_is_not_retried() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    policy = Policy(breaker=Breaker(1, pause=HOUR), retry=Retry(3))
    bus.subscribe(int, handler.handle, policy=policy)
    bus.publish(1)
    report = bus.deliver(2)
    assert handler.calls == [1, 1, 1]
    assert isinstance(report.deliveries[0].error, BreakerOpen)
    assert bus.stats()[0].retried == 2


# Posted deliveries wait for it.


def test_posted_deliveries_wait_in_their_own_line_and_are_no_dead_letters() -> None:
    bus, sibling = EventBus(on_error=lambda _: None), Handler(fails=False)
    handler = Handler()
    told = threading.Event()
    bus.subscribe(
        int,
        handler.handle,
        policy=Policy(breaker=Breaker(2, pause=HOUR)),
        on_error=lambda _: told.set() if len(handler.calls) == 2 else None,
    )
    done = threading.Event()
    bus.subscribe(int, sibling.handle)
    bus.subscribe(str, lambda _: done.set())
    for number in range(50):
        bus.post(number)
    assert told.wait(PATIENCE)
    bus.post("the last one")
    assert done.wait(PATIENCE)
    while len(sibling.calls) < 50:
        time.sleep(0.001)
    assert sibling.calls == list(range(50))
    assert handler.calls == [0, 1]
    assert state(bus) == "open"
    assert bus.pending == 48
    assert bus.stats()[0].waiting == 48
    assert len(bus.dead_letters) == 2
    with pytest.raises(TimeoutError, match="48"):
        bus.drain(0.05)


def test_they_go_on_in_order_when_it_has_closed() -> None:
    bus = EventBus(on_error=lambda _: None)
    calls: list[int] = []

    @bus.on(int, policy=Policy(breaker=Breaker(2, pause=0.03)))
    def handle(number: int) -> None:
        calls.append(number)
        if len(calls) <= 3:
            raise Boom

    for number in range(20):
        bus.post(number)
    bus.drain(PATIENCE)
    assert calls == list(range(20))
    # Two opened it, and a probe failed.
    assert len(bus.dead_letters) == 3
    assert state(bus) == "closed"


def test_a_retried_posted_delivery_opens_it_only_with_its_end() -> None:
    bus, handler = EventBus(on_error=lambda _: None), Handler()
    policy = Policy(breaker=Breaker(1, pause=0.01), retry=Retry(3, backoff=0.001))
    bus.subscribe(int, handler.handle, policy=policy, background=True)
    for number in range(3):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert handler.calls == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [len(letter.attempts) for letter in bus.dead_letters] == [3, 3, 3]


def test_a_direct_probe_lets_the_posted_ones_go_on() -> None:
    bus, handler = EventBus(on_error=lambda _: None), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(1, pause=0.05)))
    bus.publish(0)
    for number in range(1, 4):
        bus.post(number)
    handler.fails = False
    bus.drain(PATIENCE)
    assert handler.calls == [0, 1, 2, 3]


def test_posted_deliveries_whose_subscription_ends_while_they_wait_are_skipped() -> None:
    bus, handler = EventBus(on_error=lambda _: None), Handler()
    subscription = bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(1, pause=0.05)))
    bus.publish(0)
    for number in range(1, 4):
        bus.post(number)
    subscription.cancel()
    bus.drain(PATIENCE)
    assert handler.calls == [0]
    assert len(bus.dead_letters) == 0


def test_the_window_and_the_pause_may_be_longer_than_time_itself() -> None:
    bus, handler = EventBus(on_error="log"), Handler()
    bus.subscribe(int, handler.handle, policy=Policy(breaker=Breaker(1, window=1e300, pause=1e300)))
    bus.publish(0)
    assert isinstance(bus.deliver(1).deliveries[0].error, BreakerOpen)
    bus.post(2)
    with pytest.raises(TimeoutError):
        bus.drain(0.01)
    bus.clear()


@pytest.mark.parametrize("verb", ["cancel", "clear"])
@pytest.mark.parametrize(
    "policy", [Policy(breaker=Breaker(1, pause=3600)), Policy(retry=Retry(2, backoff=3600))]
)
@pytest.mark.parametrize("make", [EventBus, AsyncEventBus])
def test_nobody_waits_for_a_handler_that_is_gone(make: Any, policy: Policy, verb: str) -> None:
    tried = threading.Semaphore(0)

    def handle(_number: int) -> None:
        tried.release()
        raise Boom

    async def main() -> None:
        bus = make(on_error=lambda _failure: None)
        options = {} if make is AsyncEventBus else {"background": True}
        subscription = bus.subscribe(int, handle, policy=policy, **options)
        for number in range(3):
            bus.post(number)
        assert await asyncio.to_thread(tried.acquire, True, PATIENCE)  # noqa: FBT003
        await turns(5)
        end = subscription.cancel if verb == "cancel" else bus.clear
        end()
        drained = bus.drain(PATIENCE)
        if drained is not None:
            await drained
        assert bus.pending == 0

    asyncio.run(main())
