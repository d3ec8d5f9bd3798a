"""`drain`, `close` and `with` on the sync bus."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from buswork import EventBus, Failure
from tests.test_post import PATIENCE, Gate


def held(name: str = "held") -> tuple[EventBus, Gate]:
    """Make a bus with three deliveries of which one is in progress, and waits."""
    bus, gate = EventBus(), Gate()
    bus.subscribe(int, gate.wait, name=name)
    for number in range(3):
        bus.post(number)
    assert gate.entered.wait(PATIENCE)
    return bus, gate


def test_drain_waits_until_nothing_is_pending() -> None:
    bus, gate = held()
    waiting = threading.Thread(target=bus.drain)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    gate.opened.set()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert bus.pending == 0


def test_drain_of_a_bus_that_never_posted_returns_at_once() -> None:
    EventBus().drain()
    EventBus().drain(0)
    EventBus().close()


@pytest.mark.parametrize("timeout", [0, 0.01, timedelta(milliseconds=10)])
@pytest.mark.parametrize("verb", ["drain", "close"])
def test_a_timeout_names_what_is_pending(verb: str, timeout: float | timedelta) -> None:
    bus, gate = held("warehouse")
    bus.subscribe(str, lambda _: None, name="mailer")
    with pytest.raises(
        TimeoutError, match=r"3 deliveries pending: 3 to warehouse \(one in progress\)"
    ):
        getattr(bus, verb)(timeout)
    gate.opened.set()
    bus.drain(PATIENCE)


@pytest.mark.parametrize(
    ("timeout", "error", "why"),
    [
        (-1, ValueError, "must not be negative"),
        (timedelta(seconds=-1), ValueError, "must not be negative"),
        (float("nan"), ValueError, "must not be negative"),
        ("soon", TypeError, "a number of seconds, a timedelta, or None, got str"),
    ],
)
def test_a_wrong_timeout_is_refused(timeout: Any, error: type[Exception], why: str) -> None:
    for verb in ("drain", "close"):
        with pytest.raises(error, match=why):
            getattr(EventBus(), verb)(timeout)


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, None])
def test_any_longer_time_is_as_long_as_it_takes(timeout: float | None) -> None:
    bus, gate = held()
    gate.opened.set()
    bus.drain(timeout)
    assert bus.pending == 0


@pytest.mark.parametrize("verb", ["drain", "close"])
@pytest.mark.parametrize("how", ["publish", "deliver", "post"])
def test_from_inside_a_handler_it_would_wait_for_itself(verb: str, how: str) -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)
    bus.subscribe(int, lambda _: getattr(bus, verb)())
    getattr(bus, how)(1)
    bus.drain(PATIENCE)
    (failure,) = failures
    assert isinstance(failure.error, RuntimeError)
    assert f"{verb} was called from inside a handler" in str(failure.error)


def test_a_handler_may_drain_another_bus() -> None:
    bus, other = EventBus(), EventBus()
    seen: list[int] = []
    other.subscribe(int, seen.append)
    bus.subscribe(int, other.post)
    bus.subscribe(int, lambda _: other.drain(PATIENCE))
    bus.publish(1)
    bus.post(2)
    bus.drain(PATIENCE)
    other.drain(PATIENCE)
    assert seen == [1, 2]


def test_several_threads_drain_at_once() -> None:
    bus, gate = held()
    threads = [threading.Thread(target=bus.drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.opened.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_closed_bus_takes_no_posts_but_publishes() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    bus.close()
    with pytest.raises(RuntimeError, match="the bus is closed for posts: post before close"):
        bus.post(1)
    bus.publish(2)
    bus.close()
    assert seen == [2]


def test_handlers_may_post_while_the_bus_is_closing() -> None:
    bus, gate = EventBus(), Gate()
    seen: list[int] = []

    @bus.on(int)
    def handle(number: int) -> None:
        gate.wait(number)
        seen.append(number)
        if number < 3:
            bus.post(number + 1)

    bus.post(0)
    assert gate.entered.wait(PATIENCE)
    closing = threading.Thread(target=bus.close)
    closing.start()
    closing.join(0.05)
    with pytest.raises(RuntimeError, match="closed for posts"):
        bus.post(10)
    gate.opened.set()
    closing.join(PATIENCE)
    assert seen == [0, 1, 2, 3]


def test_close_ends_the_threads() -> None:
    before = set(threading.enumerate())
    bus = EventBus()
    bus.subscribe(int, lambda _: None)
    bus.post(1)
    threads = set(threading.enumerate()) - before
    bus.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_is_pending_after_a_close_that_took_too_long_goes_on() -> None:
    bus, gate = EventBus(), Gate()
    seen: list[str] = []
    bus.subscribe(int, gate.wait)
    bus.subscribe(int, lambda _: bus.post("follows"))
    bus.subscribe(str, seen.append)
    bus.post(1)
    assert gate.entered.wait(PATIENCE)
    with pytest.raises(TimeoutError):
        bus.close(0)
    gate.opened.set()
    bus.drain(PATIENCE)
    assert seen == ["follows"]
    bus.close()


def test_with_closes_and_opens_again() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    for number in range(3):
        with bus as entered:
            assert entered is bus
            bus.post(number)
        assert seen[-1] == number
        with pytest.raises(RuntimeError):
            bus.post(-1)


def test_with_delivers_when_its_block_raises() -> None:
    seen: list[int] = []
    with pytest.raises(KeyError), EventBus() as bus:
        bus.subscribe(int, seen.append)
        bus.post(1)
        raise KeyError
    assert seen == [1]


def test_a_closed_bus_takes_no_posts_that_nobody_handles_either() -> None:
    bus = EventBus()
    bus.close()
    with pytest.raises(RuntimeError, match="closed for posts"):
        bus.post(1)


def test_the_last_block_to_be_left_closes() -> None:
    bus = EventBus()
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    with bus:
        with bus:
            bus.post(1)
        assert seen == [1]
        bus.post(2)
    assert seen == [1, 2]
    with pytest.raises(RuntimeError, match="closed for posts"):
        bus.post(3)
    with bus:
        bus.close()
        with bus:
            bus.post(4)
    assert seen == [1, 2, 4]
