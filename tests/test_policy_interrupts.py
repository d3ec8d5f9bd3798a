"""Interrupts in handlers under a policy: straight through, the slot is free, and nothing is silent."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from buswork import Breaker, EventBus, Limit, Policy, Retry

PATIENCE = 10.0
EVERYTHING = Policy(retry=Retry(3), breaker=Breaker(1, pause=3600), limit=Limit(1))
INTERRUPTS = [KeyboardInterrupt, SystemExit, GeneratorExit]


class Boom(Exception): ...


@pytest.mark.parametrize("error", INTERRUPTS)
def test_it_goes_straight_through_a_direct_delivery(error: type[BaseException]) -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=EVERYTHING)
    def handle(number: int) -> None:
        calls.append(number)
        if number == 0:
            raise error

    with pytest.raises(error):
        bus.publish(0)
    figures = bus.stats()[0]
    assert (figures.in_progress, figures.failed, figures.breaker) == (0, 0, "closed")
    bus.publish(1)
    assert calls == [0, 1]


def test_so_it_does_at_a_later_attempt() -> None:
    bus = EventBus()
    errors: list[BaseException] = [Boom(), KeyboardInterrupt()]

    @bus.on(int, policy=EVERYTHING)
    def handle(_number: int) -> None:
        if errors:
            raise errors.pop(0)

    with pytest.raises(KeyboardInterrupt):
        bus.publish(0)
    assert bus.stats()[0].in_progress == 0
    bus.publish(1)
    assert bus.stats()[0].delivered == 1


@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_a_failure_that_waits_for_its_next_attempt_is_logged_when_another_is_interrupted(
    verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    calls: list[str] = []

    @bus.on(int, policy=EVERYTHING)
    def fails(_number: int) -> None:
        calls.append("fails")
        raise Boom("the one that waited")

    @bus.on(int)
    def interrupted(_number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(bus, verb)(0)
    assert calls == ["fails"]
    assert "the one that waited" in caplog.text
    figures = bus.stats()[0]
    assert (figures.in_progress, figures.failed) == (0, 1)


def test_the_same_when_a_later_round_is_interrupted(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus()
    errors: list[BaseException] = [Boom("first"), KeyboardInterrupt()]

    @bus.on(int, policy=Policy(retry=Retry(2)))
    def interrupted(_number: int) -> None:
        raise errors.pop(0)

    @bus.on(int, policy=Policy(retry=Retry(2)))
    def fails(_number: int) -> None:
        raise Boom("second")

    with pytest.raises(KeyboardInterrupt):
        bus.publish(0)
    assert "second" in caplog.text
    assert [one.in_progress for one in bus.stats()] == [0, 0]


def test_a_predicate_that_is_interrupted_lets_it_through() -> None:
    bus = EventBus()

    def ask(_error: Exception) -> bool:
        raise KeyboardInterrupt

    @bus.on(int, policy=Policy(retry=Retry(3, retry_on=ask), limit=Limit(1)))
    def handle(_number: int) -> None:
        raise Boom

    with pytest.raises(KeyboardInterrupt):
        bus.publish(0)
    assert bus.stats()[0].in_progress == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_posted_delivery_that_is_interrupted_is_logged_and_its_line_goes_on(
    error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    calls: list[int] = []

    @bus.on(int, policy=EVERYTHING)
    def handle(number: int) -> None:
        calls.append(number)
        if number == 0:
            raise error

    for number in range(3):
        bus.post(number)
    bus.drain(PATIENCE)
    assert calls == [0, 1, 2]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert len(bus.dead_letters) == 0
    assert bus.stats()[0].in_progress == 0


def test_so_is_one_whose_later_attempt_is_interrupted() -> None:
    bus = EventBus(on_error=lambda _: None)
    calls: list[int] = []

    @bus.on(int, policy=Policy(retry=Retry(3, backoff=0.001), limit=Limit(1)), background=True)
    def handle(number: int) -> None:
        calls.append(number)
        if number == 0:
            raise Boom if len(calls) == 1 else KeyboardInterrupt

    for number in range(2):
        bus.publish(number)
    bus.drain(PATIENCE)
    assert calls == [0, 0, 1]
    assert bus.stats()[0].in_progress == 0
