"""Retries on the sync bus: rounds of a direct publish, what is worth another attempt, and `on_error`."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from buswork import (
    EventBus,
    Failure,
    HandlerErrors,
    Policy,
    PublishRecursionError,
    Retry,
    Subscription,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0
THRICE = Policy(retry=Retry(3))


class Boom(Exception): ...


class Script:
    """Handlers that fail so many times, and note each attempt."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def handler(self, name: str, failures: int, error: Any = Boom) -> Callable[[object], str]:
        left = failures

        def handle(_event: object) -> str:
            nonlocal left
            self.log.append(name)
            if left > 0:
                left -= 1
                raise error(name)
            return f"{name} done"

        return handle


def test_first_attempts_go_in_order_and_retries_follow_in_later_rounds() -> None:
    bus, script = EventBus(policy=THRICE), Script()
    bus.subscribe(int, script.handler("a", 2))
    bus.subscribe(int, script.handler("b", 0))
    bus.subscribe(int, script.handler("c", 1))
    bus.publish(1)
    assert script.log == ["a", "b", "c", "a", "c", "a"]


def test_a_delivery_that_goes_well_in_the_end_is_no_failure() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 2), policy=THRICE)
    report = bus.deliver(1)
    (delivery,) = report.deliveries
    assert (delivery.status, delivery.result, delivery.attempts) == ("ok", "a done", 3)
    assert delivery.error is None
    assert report.failures == ()


def test_one_that_fails_to_its_end_raises_its_last_error_once() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE)
    bus.subscribe(int, script.handler("b", 1))
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(1)
    assert script.log == ["a", "b", "a", "a"]
    assert sorted(str(error) for error in raised.value.exceptions) == ["a", "b"]
    assert all(len(error.__notes__) == 1 for error in raised.value.exceptions)


def test_a_report_is_in_call_order_whatever_ended_first() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE)
    bus.subscribe(int, script.handler("b", 9))
    bus.subscribe(int, script.handler("c", 1), policy=THRICE)
    bus.subscribe(int, script.handler("d", 0))
    report = bus.deliver(1)
    assert [one.status for one in report.deliveries] == ["failed", "failed", "ok", "ok"]
    assert [one.attempts for one in report.deliveries] == [3, 1, 2, 1]
    assert [str(failed.error) for failed in report.failures] == ["a", "b"]


def test_one_attempt_in_all_is_no_retry() -> None:
    bus, script = EventBus(on_error="log"), Script()
    bus.subscribe(int, script.handler("a", 9), policy=Policy(retry=Retry(1)))
    bus.publish(1)
    assert script.log == ["a"]


def test_a_retry_never_drives_another_handler_again() -> None:
    bus, script = EventBus(on_error="log"), Script()
    for name in "abc":
        bus.subscribe(int, script.handler(name, 0))
    bus.subscribe(int, script.handler("bad", 9), policy=Policy(retry=Retry(10)), priority=1)
    bus.publish(1)
    assert script.log == ["bad", "a", "b", "c", *["bad"] * 9]


@pytest.mark.parametrize(
    ("retry", "calls"),
    [
        (Retry(3, retry_on=Boom), 3),
        (Retry(3, retry_on=Exception), 3),
        (Retry(3, retry_on=KeyError), 1),
        (Retry(3, retry_on=(KeyError, Boom)), 3),
        (Retry(3, retry_on=(KeyError, OSError)), 1),
        (Retry(3, retry_on=lambda error: "a" in str(error)), 3),
        (Retry(3, retry_on=lambda _: []), 1),
        (Retry(3, give_up_on=Boom), 1),
        (Retry(3, give_up_on=KeyError), 3),
        (Retry(3, give_up_on=(KeyError, Boom)), 1),
        (Retry(3, give_up_on=lambda error: isinstance(error, Boom)), 1),
        (Retry(3, give_up_on=lambda _: None), 3),
        (Retry(3, retry_on=Exception, give_up_on=Boom), 1),
        (Retry(3, retry_on=KeyError, give_up_on=KeyError), 1),
    ],
)
def test_what_is_worth_another_attempt(retry: Retry, calls: int) -> None:
    bus, script = EventBus(on_error="log"), Script()
    bus.subscribe(int, script.handler("a", 9), policy=Policy(retry=retry))
    bus.publish(1)
    assert len(script.log) == calls


@pytest.mark.parametrize("name", ["retry_on", "give_up_on"])
def test_a_predicate_that_fails_is_logged_and_there_is_no_further_attempt(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus, script = EventBus(), Script()

    def ask(_error: Exception) -> bool:
        raise ZeroDivisionError

    bus.subscribe(int, script.handler("a", 9), policy=Policy(retry=Retry(3, **{name: ask})))  # type: ignore[arg-type]
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(1)
    assert script.log == ["a"]
    assert [type(error) for error in raised.value.exceptions] == [Boom]
    (record,) = caplog.records
    assert f"{name} failed, so the delivery is not tried again" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_predicate_whose_answer_would_have_to_be_awaited_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus, script = EventBus(on_error=lambda _: None), Script()

    async def answer() -> bool:
        return True

    policy = Policy(retry=Retry(3, retry_on=lambda _: answer()))  # type: ignore[arg-type,return-value]
    bus.subscribe(int, script.handler("a", 9), policy=policy)
    bus.publish(1)
    assert script.log == ["a"]
    assert "retry_on failed" in caplog.text


def test_a_predicate_is_not_asked_after_the_last_attempt_in_vain() -> None:
    asked: list[str] = []

    def ask(error: Exception) -> bool:
        asked.append(str(error))
        return True

    bus, script = EventBus(on_error="log"), Script()
    bus.subscribe(int, script.handler("a", 1), policy=Policy(retry=Retry(3, retry_on=ask)))
    bus.publish(1)
    assert asked == ["a"]
    assert script.log == ["a", "a"]


def test_a_recursion_error_is_never_retried() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9, RecursionError), policy=THRICE)
    bus.subscribe(int, script.handler("b", 0))
    with pytest.raises(RecursionError):
        bus.publish(1)
    assert script.log == ["a"]
    assert bus.stats()[0].in_progress == 0


def test_a_publish_that_goes_too_deep_is_never_retried() -> None:
    bus = EventBus(max_depth=10)
    calls: list[int] = []

    @bus.on(int, policy=THRICE)
    def again(number: int) -> None:
        calls.append(number)
        bus.publish(number + 1)

    with pytest.raises(PublishRecursionError):
        bus.publish(0)
    assert calls == list(range(10))
    assert bus.stats()[0].in_progress == 0


def test_a_nested_publish_that_fails_is_tried_again_as_a_whole() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(str, script.handler("inner", 1))

    @bus.on(int, policy=THRICE)
    def outer(_number: int) -> None:
        script.log.append("outer")
        bus.publish("nested")

    bus.publish(1)
    assert script.log == ["outer", "inner", "outer", "inner"]


def test_retries_of_a_nested_publish_end_before_those_of_the_outer_one() -> None:
    bus, script = EventBus(policy=Policy(retry=Retry(2))), Script()
    bus.subscribe(str, script.handler("inner", 1))

    @bus.on(int)
    def outer(_number: int) -> None:
        script.log.append("outer")
        bus.publish("nested")

    bus.subscribe(int, script.handler("other", 1))
    bus.publish(1)
    assert script.log == ["outer", "inner", "inner", "other", "other"]


def test_a_predicate_of_the_subscription_is_asked_once_a_delivery() -> None:
    bus, script = EventBus(), Script()
    asked: list[int] = []
    bus.subscribe(
        int,
        script.handler("a", 2),
        policy=THRICE,
        when=lambda number: not asked.append(number),  # type: ignore[func-returns-value]
    )
    bus.publish(1)
    assert asked == [1]
    assert script.log == ["a", "a", "a"]


def test_a_predicate_of_the_subscription_that_raises_is_a_failure_and_not_retried() -> None:
    bus = EventBus()
    asked: list[int] = []

    def when(number: int) -> bool:
        asked.append(number)
        raise Boom

    bus.subscribe(int, lambda _: None, policy=THRICE, when=when)
    report = bus.deliver(1)
    assert report.deliveries[0].status == "failed"
    assert asked == [1]


# What `on_error` says is done with the delivery's end, and not with its attempts.


def test_on_error_log_logs_the_last_error_alone(caplog: pytest.LogCaptureFixture) -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE, on_error="log")
    bus.publish(1)
    assert len(script.log) == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_an_on_error_callable_is_called_once_and_only_for_a_failure() -> None:
    failures: list[Failure] = []
    bus, script = EventBus(on_error=failures.append), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE, name="a")
    bus.subscribe(int, script.handler("b", 2), policy=THRICE, name="b")
    bus.publish(1)
    assert [failure.name for failure in failures] == ["a"]
    assert script.log == ["a", "b"] * 3


def test_stop_ends_the_publish_when_the_attempts_are_over() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE, on_error="stop")
    bus.subscribe(int, script.handler("b", 0))
    bus.subscribe(int, script.handler("c", 1), policy=THRICE)
    with pytest.raises(Boom, match="a"):
        bus.publish(1)
    # Every handler had its first attempt by then.
    assert script.log == ["a", "b", "c", "a", "c", "a"]


def test_stop_leaves_no_attempt_to_those_that_wait_for_one_and_loses_no_failure() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=Policy(retry=Retry(2)))
    bus.subscribe(int, script.handler("b", 9), on_error="stop")
    bus.subscribe(int, script.handler("c", 0))
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(1)
    assert script.log == ["a", "b"]
    assert sorted(str(error) for error in raised.value.exceptions) == ["a", "b"]
    figures = bus.stats()[0]
    assert (figures.failed, figures.in_progress) == (1, 0)


def test_the_report_says_who_was_stopped() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE)
    bus.subscribe(int, script.handler("b", 9), on_error="stop")
    bus.subscribe(int, script.handler("c", 0), policy=THRICE)
    report = bus.deliver(1)
    assert [(one.status, one.reason, one.attempts) for one in report.deliveries] == [
        ("failed", None, 1),
        ("failed", None, 1),
        ("skipped", "stopped", 0),
    ]


# Between two attempts, anything may happen.


def test_once_is_spent_by_the_first_attempt_and_the_others_are_made() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 2), policy=THRICE, once=True)
    bus.publish(1)
    assert script.log == ["a", "a", "a"]
    bus.publish(2)
    assert script.log == ["a", "a", "a"]
    assert bus.handlers(int) == []


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_handler_that_is_cancelled_or_paused_between_attempts_is_not_called_again(
    verb: str,
) -> None:
    bus, script = EventBus(), Script()
    subscription = bus.subscribe(int, script.handler("a", 9), policy=THRICE)
    bus.subscribe(int, lambda _: getattr(subscription, verb)())
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(1)
    assert script.log == ["a"]
    assert [str(error) for error in raised.value.exceptions] == ["a"]
    if verb == "pause":
        subscription.resume()
        figures = bus.stats()[0]
        assert (figures.failed, figures.in_progress) == (1, 0)


def test_a_handler_that_cancels_itself_and_fails_is_not_called_again() -> None:
    bus = EventBus(on_error="log")
    subscriptions: list[Subscription] = []
    calls: list[int] = []

    @bus.on(int, policy=THRICE)
    def handle(number: int) -> None:
        calls.append(number)
        subscriptions[0].cancel()
        raise Boom

    subscriptions += bus.handlers(int)
    bus.publish(1)
    assert calls == [1]


def test_clearing_the_bus_between_attempts_ends_them() -> None:
    bus, script = EventBus(), Script()
    bus.subscribe(int, script.handler("a", 9), policy=THRICE)
    bus.subscribe(int, lambda _: bus.clear())
    with pytest.raises(HandlerErrors):
        bus.publish(1)
    assert script.log == ["a"]


def test_a_weak_handler_whose_object_dies_between_attempts_is_kept_for_them() -> None:
    script = Script()

    class Owner:
        def handle(self, _event: int) -> None:
            script.log.append("weak")
            raise Boom

    bus, owners = EventBus(on_error="log"), [Owner()]
    bus.subscribe(int, owners[0].handle, policy=THRICE, weak=True)
    bus.subscribe(int, lambda _: owners.clear())
    bus.publish(1)
    assert script.log == ["weak"] * 3


def test_one_exception_object_that_is_raised_at_each_attempt_has_one_note() -> None:
    bus, error = EventBus(), Boom("the same")

    def fail(_event: int) -> None:
        raise error

    bus.subscribe(int, fail, policy=THRICE)
    with pytest.raises(HandlerErrors) as raised:
        bus.publish(1)
    assert raised.value.exceptions == (error,)
    assert len(error.__notes__) == 1


# Posted deliveries are tried again in their own line.


def test_a_posted_delivery_is_tried_again_before_the_next_of_its_handler() -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=THRICE)
    def handle(number: int) -> None:
        calls.append(number)
        if calls.count(number) < 3:
            raise Boom

    for number in range(3):
        bus.post(number)
    bus.drain(PATIENCE)
    assert calls == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len(bus.dead_letters) == 0


def test_a_backoff_holds_up_its_own_handler_alone() -> None:
    bus = EventBus()
    log: list[str] = []

    @bus.on(int, policy=Policy(retry=Retry(2, backoff=0.05)), background=True)
    def handle(number: int) -> None:
        log.append(f"handle {number}")
        if log.count(f"handle {number}") == 1:
            raise Boom

    bus.subscribe(int, lambda number: log.append(f"sibling {number}"))
    for number in range(2):
        bus.post(number)
    bus.drain(PATIENCE)
    own = [line for line in log if line.startswith("handle")]
    assert own == ["handle 0", "handle 0", "handle 1", "handle 1"]
    assert [line for line in log if line.startswith("sibling")] == ["sibling 0", "sibling 1"]
    assert log.index("sibling 1") < log.index("handle 1")


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_a_posted_one_that_is_cancelled_or_paused_in_its_backoff_is_not_called_again(
    verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=Policy(retry=Retry(3, backoff=0.02)), background=True)
    def handle(number: int) -> None:
        calls.append(number)
        getattr(subscription, verb)()
        raise Boom

    (subscription,) = bus.handlers(int)
    bus.post(1)
    bus.drain(PATIENCE)
    assert calls == [1]
    # Its failure stands, and is not silent.
    assert "Boom" in caplog.text
    assert len(bus.dead_letters) == 1


def test_backoff_is_doubled_up_to_its_most() -> None:
    bus = EventBus()
    import time

    times: list[float] = []

    @bus.on(int, policy=Policy(retry=Retry(4, backoff=0.01, max_backoff=0.015)), background=True)
    def handle(_number: int) -> None:
        times.append(time.monotonic())
        raise Boom

    bus.publish(1)
    bus.drain(PATIENCE)
    pauses = [after - before for before, after in zip(times, times[1:], strict=False)]
    assert len(pauses) == 3
    for pause, least in zip(pauses, (0.01, 0.015, 0.015), strict=True):
        assert pause >= least


def test_a_bus_that_closes_waits_for_the_attempts() -> None:
    calls: list[int] = []
    with EventBus() as bus:

        @bus.on(int, policy=Policy(retry=Retry(3, backoff=0.01)), background=True)
        def handle(number: int) -> None:
            calls.append(number)
            if len(calls) < 3:
                raise Boom

        bus.publish(1)
    assert calls == [1, 1, 1]


def test_what_rests_is_tried_again_while_another_handler_is_slow() -> None:
    bus = EventBus(on_error="log")
    tried = threading.Semaphore(0)
    in_time: list[bool] = []

    def flaky(_number: int) -> None:
        tried.release()
        raise Boom

    @bus.on(str)
    def slow(_text: str) -> None:
        in_time.append(all(tried.acquire(timeout=PATIENCE) for _ in range(3)))

    bus.subscribe(int, flaky, policy=Policy(retry=Retry(3, backoff=0.02)), background=True)
    bus.post(1)
    bus.post("slow")
    bus.drain(3 * PATIENCE)
    assert in_time == [True]
    bus.close()
