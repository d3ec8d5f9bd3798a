"""Policies as they are written: what is refused, how they look, and where they are shown."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    Breaker,
    EventBus,
    Handlers,
    Limit,
    Policy,
    Retry,
    handles,
)


class Placed: ...


def handle(_event: object) -> None: ...


async def handle_async(_event: object) -> None: ...


def is_transient(error: Exception) -> bool:
    return "again" in str(error)


WHOLE = Policy(
    timeout=5,
    retry=Retry(3, backoff=0.2),
    breaker=Breaker(5, pause=30),
    limit=Limit(4),
    dead_letter=True,
)


def test_the_nesting_is_printed_from_the_outside_in() -> None:
    assert str(WHOLE) == (
        "dead letter (limit 4 (breaker 5 in 60s, pause 30s (retry 3, backoff 200ms"
        " (timeout 5s (handler)))))"
    )
    assert str(Policy()) == "handler"
    assert str(Policy(dead_letter=False, limit=Limit(2, queue=10, overflow="drop_old"))) == (
        "no dead letter (limit 2, queue 10, drop_old (handler))"
    )


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        Policy(timeout=0.5),
        Policy(dead_letter=False),
        Policy(retry=Retry()),
        Policy(retry=Retry(4, backoff=0.1, max_backoff=2, jitter=0.5)),
        Policy(retry=Retry(2, retry_on=ValueError, give_up_on=(KeyError, OSError))),
        Policy(breaker=Breaker(), limit=Limit(2)),
        Policy(breaker=Breaker(2, window=1.5, pause=0), limit=Limit(1, queue=0)),
        Policy(limit=Limit(8, queue=100, overflow="drop_new")),
        WHOLE,
    ],
)
def test_a_policy_is_printed_as_it_is_written(policy: Policy) -> None:
    again = eval(repr(policy))
    assert repr(again) == repr(policy)
    assert again == policy


def test_policies_are_equal_when_they_say_the_same() -> None:
    assert Policy(timeout=60) == Policy(timeout=timedelta(minutes=1))
    assert Policy(timeout=60) != Policy(timeout=61)
    assert Policy() != Policy(retry=Retry(1))
    assert Retry(2, retry_on=ValueError) == Retry(2, retry_on=ValueError)
    assert Retry(2, retry_on=ValueError) != Retry(2, retry_on=KeyError)
    assert Policy(retry=Retry(retry_on=ValueError)) != Policy(retry=Retry(retry_on=KeyError))
    assert Policy(retry=Retry(give_up_on=ValueError)) != Policy(retry=Retry())
    assert Retry(2, retry_on=is_transient) == Retry(2, retry_on=is_transient)
    assert Breaker(3, window=60) == Breaker(3)
    assert Breaker(3) != Breaker(3, pause=1)
    assert Limit(3) != Limit(3, queue=1)
    assert Policy() != "handler"
    assert Retry() != 3


def test_the_parts_can_be_read() -> None:
    retry = Retry(4, backoff=timedelta(seconds=1), max_backoff=8, retry_on=ValueError)
    assert (retry.attempts, retry.backoff, retry.max_backoff, retry.jitter) == (4, 1.0, 8.0, 0.1)
    assert retry.retry_on is ValueError
    assert retry.give_up_on is None
    breaker, limit = Breaker(7, window=5), Limit(3, queue=2, overflow="drop_new")
    assert (breaker.failures, breaker.window, breaker.pause) == (7, 5.0, 30.0)
    assert (limit.concurrency, limit.queue, limit.overflow) == (3, 2, "drop_new")
    policy = Policy(timeout=1, retry=retry, breaker=breaker, limit=limit)
    assert (policy.timeout, policy.dead_letter) == (1.0, None)
    assert policy.retry is retry
    assert policy.breaker is breaker
    assert policy.limit is limit
    with pytest.raises(AttributeError):
        policy.timeout = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Retry(0), ValueError, "attempts must be at least 1"),
        (lambda: Retry(-1), ValueError, "attempts must be at least 1"),
        (lambda: Retry(2**32), ValueError, "less than 2"),
        (lambda: Retry(2.5), TypeError, "float"),  # type: ignore[arg-type]
        (lambda: Retry(backoff=-1), ValueError, "backoff must not be negative"),
        (lambda: Retry(backoff="1"), TypeError, "backoff must be a number of seconds"),  # type: ignore[arg-type]
        (lambda: Retry(max_backoff=float("nan")), ValueError, "max_backoff"),
        (lambda: Retry(jitter=-0.1), ValueError, "jitter"),
        (lambda: Retry(jitter=float("inf")), ValueError, "jitter"),
        (lambda: Retry(retry_on=int), TypeError, "retry_on must be an exception class"),  # type: ignore[arg-type]
        (lambda: Retry(retry_on=()), TypeError, "retry_on"),
        (lambda: Retry(retry_on=(ValueError, 3)), TypeError, "retry_on"),  # type: ignore[arg-type]
        (lambda: Retry(give_up_on="ValueError"), TypeError, "give_up_on"),  # type: ignore[arg-type]
        (lambda: Retry(give_up_on=lambda: True), TypeError, "whether to give up"),  # type: ignore[misc,arg-type]
        (lambda: Retry(retry_on=handle_async), TypeError, "retry_on"),
        (lambda: Breaker(0), ValueError, "failures must be at least 1"),
        (lambda: Breaker(window=-1), ValueError, "window must not be negative"),
        (lambda: Breaker(pause=timedelta(seconds=-1)), ValueError, "pause must not be negative"),
        (lambda: Limit(0), ValueError, "concurrency must be at least 1"),
        (lambda: Limit(1, queue=-1), ValueError, "queue is how many"),
        (lambda: Limit(1, overflow="wait"), ValueError, "leave queue out"),  # type: ignore[arg-type]
        (lambda: Limit(1, overflow="drop"), ValueError, "overflow must be"),  # type: ignore[arg-type]
        (lambda: Policy(timeout=-1), ValueError, "timeout must not be negative"),
        (lambda: Policy(retry=3), TypeError, "Retry"),  # type: ignore[arg-type]
        (lambda: Policy(Retry()), TypeError, "positional"),  # type: ignore[misc]
        (lambda: EventBus(policy=Retry()), TypeError, "Policy"),  # type: ignore[arg-type]
        (lambda: EventBus(max_dead_letters=-1), ValueError, "must not be negative"),
        (lambda: EventBus(stats="all"), (TypeError, ValueError), "stats"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_timeout_of_a_direct_sync_handler_is_refused_with_the_reason() -> None:
    bus = EventBus()
    with pytest.raises(ValueError, match="Python cannot stop the thread.*background=True"):
        bus.subscribe(Placed, handle, policy=Policy(timeout=1))
    with pytest.raises(ValueError, match="Python cannot stop the thread"):
        bus.on(Placed, policy=Policy(timeout=1))(handle)
    assert bus.handlers(Placed) == []
    bus.subscribe(Placed, handle, policy=Policy(timeout=1), background=True)


def test_a_timeout_of_a_plain_function_on_the_async_bus_is_refused() -> None:
    bus = AsyncEventBus()
    for background in (False, True):
        with pytest.raises(ValueError, match="make it an `async def` handler"):
            bus.subscribe(Placed, handle, policy=Policy(timeout=1), background=background)
    bus.subscribe(Placed, handle_async, policy=Policy(timeout=1))
    bus.subscribe(Placed, functools.partial(handle_async), policy=Policy(timeout=1))


def test_backoff_of_a_direct_sync_handler_is_refused() -> None:
    bus = EventBus()
    with pytest.raises(ValueError, match="wait for the backoff.*background=True"):
        bus.subscribe(Placed, handle, policy=Policy(retry=Retry(backoff=0.1)))
    bus.subscribe(Placed, handle, policy=Policy(retry=Retry(backoff=0.1)), background=True)
    AsyncEventBus().subscribe(Placed, handle, policy=Policy(retry=Retry(backoff=0.1)))


def test_the_default_of_the_bus_is_for_handlers_that_have_none_of_their_own() -> None:
    default, own = Policy(retry=Retry(2)), Policy(retry=Retry(5))
    bus = EventBus(policy=default)
    assert bus.subscribe(Placed, handle).policy is default
    assert bus.subscribe(Placed, print, policy=own).policy is own
    assert bus.subscribe(Placed, repr, policy=Policy()).policy in (None, Policy())


def test_a_default_that_does_not_suit_a_handler_is_refused_when_that_is_subscribed() -> None:
    bus = EventBus(policy=Policy(timeout=1))
    with pytest.raises(ValueError, match="a timeout cannot be kept"):
        bus.subscribe(Placed, handle)
    bus.subscribe(Placed, handle, policy=Policy())
    bus.subscribe(Placed, print, background=True)


def test_the_policy_is_shown_where_one_looks() -> None:
    bus = EventBus()
    policy = Policy(retry=Retry(2), limit=Limit(3))
    subscription = bus.subscribe(Placed, handle, policy=policy, background=True)
    nesting = "limit 3 (retry 2 (handler))"
    assert bus.handlers(Placed)[0].policy == policy
    assert nesting in bus.explain(Placed)
    assert "in the background" in bus.explain(Placed)
    assert f", policy: {nesting}>" in repr(subscription)
    assert nesting in str(bus.wiring())


def test_a_handler_without_a_policy_shows_none() -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, handle)
    assert subscription.policy is None
    assert ", policy" not in bus.explain(Placed)
    assert ", policy" not in repr(subscription)


def test_a_subscription_that_has_ended_lets_its_policy_go() -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, handle, policy=Policy(retry=Retry(2)))
    subscription.cancel()
    assert subscription.policy is None


def test_a_collection_keeps_the_policy_for_the_bus_that_includes_it() -> None:
    handlers, policy = Handlers(), Policy(retry=Retry(2))
    calls: list[int] = []

    @handlers.on(int, policy=policy)
    def fail(number: int) -> None:
        calls.append(number)
        raise ValueError

    bus = EventBus(on_error="log")
    bus.include(handlers)
    assert bus.handlers(int)[0].policy is policy
    bus.publish(1)
    assert calls == [1, 1]


def test_a_marked_method_keeps_its_policy_and_the_background() -> None:
    policy = Policy(retry=Retry(2, backoff=0.001))

    class Stock:
        def __init__(self) -> None:
            self.calls: list[int] = []

        @handles(int, policy=policy, background=True)
        def reserve(self, number: int) -> None:
            self.calls.append(number)
            raise ValueError

    bus, stock = EventBus(on_error=lambda _: None), Stock()
    bus.include(stock)
    assert bus.handlers(int)[0].policy is policy
    bus.publish(1)
    bus.drain(10)
    assert stock.calls == [1, 1]


def test_one_policy_serves_many_handlers_and_each_has_a_state_of_its_own() -> None:
    policy = Policy(breaker=Breaker(1, pause=3600))
    bus = EventBus(on_error="log", policy=policy)
    seen: list[int] = []
    bus.subscribe(int, lambda _: 1 / 0)
    bus.subscribe(int, seen.append)
    for number in range(3):
        bus.publish(number)
    assert seen == [0, 1, 2]
    assert [one.breaker for one in bus.stats()] == ["open", "closed"]
