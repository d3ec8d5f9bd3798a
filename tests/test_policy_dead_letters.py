"""Dead letters: who becomes one, what it says, and what can be done with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    DeadLetter,
    DeadLettered,
    EventBus,
    Failure,
    HandlerErrors,
    Policy,
    Retry,
)

PATIENCE = 10.0


class Boom(Exception): ...


class Placed:
    def __init__(self, number: int = 0) -> None:
        self.number = number


def fail(event: object) -> None:
    raise Boom(f"of {event}")


def quiet(**options: Any) -> EventBus:
    return EventBus(on_error=lambda _: None, **options)


def test_a_posted_delivery_that_has_failed_becomes_one() -> None:
    bus = quiet()
    bus.subscribe(int, fail, policy=Policy(retry=Retry(3)), name="h")
    before = time.time()
    bus.post(7)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    assert isinstance(letter, DeadLetter)
    assert (letter.event, letter.event_type, letter.topic) == (7, int, None)
    assert letter.handler == "h"
    assert letter.location is not None
    assert letter.location.startswith(__file__)
    assert letter.site is not None
    assert letter.site.startswith(__file__)
    assert [attempt.error for attempt in letter.attempts] == ["Boom: of 7"] * 3
    assert letter.error == "Boom: of 7"
    assert all(before - 1 <= attempt.at <= time.time() + 1 for attempt in letter.attempts)
    assert repr(letter) == "<DeadLetter 1: int to h, Boom: of 7>"
    assert repr(bus.dead_letters) == "<DeadLetters: 1 letter>"
    assert bus.stats()[0].dead_lettered == 1


def test_so_does_one_without_a_policy() -> None:
    bus = quiet()
    bus.subscribe(int, fail)
    bus.post(7)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    assert [attempt.error for attempt in letter.attempts] == ["Boom: of 7"]


def test_a_direct_delivery_raises_instead() -> None:
    bus = EventBus()
    bus.subscribe(int, fail, policy=Policy(retry=Retry(2)))
    with pytest.raises(HandlerErrors):
        bus.publish(1)
    assert len(bus.dead_letters) == 0


def test_dead_letter_true_keeps_direct_ones_which_do_not_raise() -> None:
    failures: list[Failure] = []
    bus = EventBus()
    bus.subscribe(
        int, fail, policy=Policy(dead_letter=True, retry=Retry(2)), on_error=failures.append
    )
    bus.publish(1)
    report = bus.deliver(2)
    assert report.deliveries[0].status == "failed"
    assert [letter.event for letter in bus.dead_letters] == [1, 2]
    # It goes to `on_error` all the same.
    assert [failure.event for failure in failures] == [1, 2]


def test_a_dead_lettered_direct_failure_is_logged_where_it_would_be_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    bus.subscribe(int, fail, policy=Policy(dead_letter=True))
    seen: list[int] = []
    bus.subscribe(int, seen.append)
    bus.publish(1)
    assert seen == [1]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_dead_lettered_failure_is_no_reason_to_stop() -> None:
    bus = EventBus(on_error="stop")
    seen: list[int] = []
    bus.subscribe(int, fail, policy=Policy(dead_letter=True))
    bus.subscribe(int, seen.append)
    bus.publish(1)
    assert seen == [1]


def test_dead_letter_false_keeps_none() -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)
    bus.subscribe(int, fail, policy=Policy(dead_letter=False))
    bus.post(1)
    bus.drain(PATIENCE)
    assert len(bus.dead_letters) == 0
    assert len(failures) == 1


def test_a_failing_predicate_makes_one_too() -> None:
    bus = quiet()
    bus.subscribe(int, lambda _: None, when=lambda number: 1 / number > 0)
    bus.post(0)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    assert letter.error.startswith("ZeroDivisionError")


def test_an_error_whose_text_cannot_be_made_is_kept_by_its_class() -> None:
    class Hostile(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    bus = quiet()

    @bus.on(int)
    def handle(_number: int) -> None:
        raise Hostile

    bus.post(1)
    bus.drain(PATIENCE)
    assert next(iter(bus.dead_letters)).error.endswith("Hostile")


def test_a_letter_keeps_no_frames_alive() -> None:
    class Local: ...

    watched: list[Any] = []
    bus = quiet()

    @bus.on(int)
    def handle(_number: int) -> None:
        local = Local()
        watched.append(weakref.ref(local))
        raise Boom

    bus.post(1)
    bus.drain(PATIENCE)
    bus.close(PATIENCE)
    gc.collect()
    assert len(bus.dead_letters) == 1
    assert watched[0]() is None


def test_they_are_bounded_and_the_oldest_go(caplog: pytest.LogCaptureFixture) -> None:
    bus = quiet(max_dead_letters=3)
    bus.subscribe(int, fail)
    for number in range(10):
        bus.post(number)
    bus.drain(PATIENCE)
    letters = bus.dead_letters
    assert [letter.event for letter in letters] == [7, 8, 9]
    assert [letter.id for letter in letters] == [8, 9, 10]
    assert (len(letters), letters.lost) == (3, 7)
    assert caplog.text.count("bus.dead_letters.lost counts them") == 1


def test_a_bus_that_keeps_none_loses_them_all() -> None:
    bus = quiet(max_dead_letters=0)
    bus.subscribe(int, fail)
    bus.post(1)
    bus.drain(PATIENCE)
    assert (len(bus.dead_letters), bus.dead_letters.lost) == (0, 1)


def test_retry_posts_the_event_to_its_handler_alone() -> None:
    bus = quiet()
    repaired = False
    calls: list[tuple[str, int]] = []

    @bus.on(int, name="h")
    def handle(number: int) -> None:
        calls.append(("h", number))
        if not repaired:
            raise Boom

    bus.subscribe(int, lambda number: calls.append(("other", number)))
    bus.post(1)
    bus.drain(PATIENCE)
    repaired = True
    (letter,) = bus.dead_letters
    bus.dead_letters.retry(letter)
    bus.drain(PATIENCE)
    assert sorted(calls) == [("h", 1), ("h", 1), ("other", 1)]
    assert len(bus.dead_letters) == 0


def test_one_that_fails_again_is_another_letter() -> None:
    bus = quiet()
    bus.subscribe(int, fail, policy=Policy(retry=Retry(2)))
    bus.post(1)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    bus.dead_letters.retry(letter.id)
    bus.drain(PATIENCE)
    (again,) = bus.dead_letters
    assert again.id > letter.id
    assert len(again.attempts) == 2


def test_a_letter_can_be_tried_again_once() -> None:
    bus = quiet()
    bus.subscribe(int, fail)
    bus.post(1)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    bus.dead_letters.retry(letter)
    for act in (bus.dead_letters.retry, bus.dead_letters.discard):
        with pytest.raises(LookupError, match=f"there is no dead letter {letter.id}"):
            act(letter)
    bus.drain(PATIENCE)


def test_a_letter_whose_subscription_has_ended_stays() -> None:
    bus = quiet()
    subscription = bus.subscribe(int, fail, name="h")
    bus.post(1)
    bus.drain(PATIENCE)
    subscription.cancel()
    (letter,) = bus.dead_letters
    with pytest.raises(LookupError, match="the subscription of h has ended"):
        bus.dead_letters.retry(letter)
    assert [one.id for one in bus.dead_letters] == [letter.id]


def test_a_letter_that_cannot_be_posted_stays() -> None:
    bus = quiet()
    bus.subscribe(int, fail)
    bus.post(1)
    bus.close(PATIENCE)
    (letter,) = bus.dead_letters
    with pytest.raises(RuntimeError, match="closed"):
        bus.dead_letters.retry(letter)
    assert [one.id for one in bus.dead_letters] == [letter.id]


def test_discard_and_clear() -> None:
    bus = quiet()
    bus.subscribe(int, fail)
    for number in range(4):
        bus.post(number)
    bus.drain(PATIENCE)
    first, second, *_ = bus.dead_letters
    bus.dead_letters.discard(first)
    bus.dead_letters.discard(second.id)
    assert [letter.event for letter in bus.dead_letters] == [2, 3]
    bus.dead_letters.clear()
    assert len(bus.dead_letters) == 0
    assert bus.dead_letters.lost == 0
    with pytest.raises(TypeError, match="a dead letter or its id"):
        bus.dead_letters.discard("first")  # type: ignore[arg-type]


def test_letters_may_change_while_they_are_looked_at() -> None:
    bus = quiet()
    bus.subscribe(int, fail)
    for number in range(5):
        bus.post(number)
    bus.drain(PATIENCE)
    for letter in bus.dead_letters:
        bus.dead_letters.discard(letter)
    assert len(bus.dead_letters) == 0


def test_retry_from_several_threads_posts_once() -> None:
    bus = quiet()
    calls: list[int] = []
    lock = threading.Lock()

    @bus.on(int)
    def handle(number: int) -> None:
        with lock:
            calls.append(number)
        if len(calls) <= 100:
            raise Boom

    for number in range(100):
        bus.post(number)
    bus.drain(PATIENCE)
    letters = list(bus.dead_letters)
    begin = threading.Barrier(4, timeout=PATIENCE)

    def work() -> None:
        begin.wait()
        for letter in letters:
            try:
                bus.dead_letters.retry(letter)
            except LookupError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    bus.drain(PATIENCE)
    assert sorted(calls) == sorted([*range(100)] * 2)


def test_a_topic_is_kept_and_used_again() -> None:
    bus = quiet()
    seen: list[int] = []

    @bus.on("orders.*.placed")
    def handle(number: int) -> None:
        seen.append(number)
        if len(seen) == 1:
            raise Boom

    bus.post(1, topic="orders.eu.placed")
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    assert letter.topic == "orders.eu.placed"
    assert "int on orders.eu.placed" in repr(letter)
    bus.dead_letters.retry(letter)
    bus.drain(PATIENCE)
    assert seen == [1, 1]


# Who wants to know is told.


def test_dead_lettered_is_posted_to_those_who_subscribe_to_it() -> None:
    bus = quiet()
    told: list[DeadLettered] = []
    bus.subscribe(int, fail)
    bus.subscribe(DeadLettered, told.append)
    bus.post(1)
    bus.drain(PATIENCE)
    (event,) = told
    assert [event.letter] == list(bus.dead_letters)
    assert repr(event) == f"<DeadLettered {event.letter!r}>"


def test_one_of_a_direct_delivery_is_told_too() -> None:
    bus = quiet()
    told: list[DeadLettered] = []
    bus.subscribe(int, fail, policy=Policy(dead_letter=True))
    bus.subscribe(DeadLettered, told.append)
    bus.publish(1)
    bus.drain(PATIENCE)
    assert [event.letter.event for event in told] == [1]


@pytest.mark.parametrize("subscribed", [DeadLettered, object])
def test_a_handler_of_dead_lettered_that_fails_is_logged_and_never_looped(
    subscribed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    calls: list[object] = []

    @bus.on(subscribed, policy=Policy(retry=Retry(2), dead_letter=True), name="tells")
    def tell(event: object) -> None:
        calls.append(event)
        raise Boom("in turn")

    if subscribed is DeadLettered:
        bus.subscribe(int, fail)
    bus.post(1)
    bus.drain(PATIENCE)
    assert sum(isinstance(event, DeadLettered) for event in calls) == 2
    assert len(bus.dead_letters) == 1
    assert "in turn" in caplog.text


def test_a_handler_of_dead_lettered_may_try_again() -> None:
    bus = quiet()
    calls: list[int] = []

    @bus.on(int)
    def handle(number: int) -> None:
        calls.append(number)
        if len(calls) < 5:
            raise Boom

    @bus.on(DeadLettered)
    def again(event: DeadLettered) -> None:
        bus.dead_letters.retry(event.letter)

    bus.post(1)
    bus.drain(PATIENCE)
    assert calls == [1] * 5
    assert len(bus.dead_letters) == 0


def test_it_is_told_while_the_bus_closes() -> None:
    told: list[DeadLettered] = []
    with quiet() as bus:
        bus.subscribe(int, fail)
        bus.subscribe(DeadLettered, told.append)
        bus.post(1)
    assert len(told) == 1


def test_on_the_async_bus_it_is_the_same() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None)
        told: list[DeadLettered] = []
        repaired = False
        calls: list[int] = []

        @bus.on(int, policy=Policy(retry=Retry(2)))
        async def handle(number: int) -> None:
            calls.append(number)
            await asyncio.sleep(0)
            if not repaired:
                raise Boom("so")

        @bus.on(DeadLettered)
        async def tell(event: DeadLettered) -> None:
            told.append(event)
            raise Boom

        async with bus:
            await bus.publish(0)
            assert len(bus.dead_letters) == 0
            bus.post(1)
            await bus.drain()
            (letter,) = bus.dead_letters
            assert [attempt.error for attempt in letter.attempts] == ["Boom: so"] * 2
            assert len(told) == 1
            repaired = True
            bus.dead_letters.retry(letter)
            await bus.drain()
        assert calls == [0, 0, 1, 1, 1]
        assert len(bus.dead_letters) == 0

    asyncio.run(main())


def test_dead_letter_true_on_the_async_bus() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")

        @bus.on(int, policy=Policy(dead_letter=True))
        async def handle(number: int) -> None:
            if number == 1:
                await asyncio.sleep(0)
            raise Boom

        for number in range(2):
            await bus.publish(number)
        assert [letter.event for letter in bus.dead_letters] == [0, 1]

    asyncio.run(main())


def test_a_letter_to_a_paused_handler_stays() -> None:
    bus, calls = quiet(), []

    def handle(number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            raise Boom

    subscription = bus.subscribe(int, handle, name="h")
    bus.post(7)
    bus.drain(PATIENCE)
    (letter,) = bus.dead_letters
    subscription.pause()
    with pytest.raises(RuntimeError, match="h is paused, and would not get the event: resume it"):
        bus.dead_letters.retry(letter)
    assert [each.id for each in bus.dead_letters] == [letter.id]
    subscription.resume()
    bus.dead_letters.retry(letter)
    bus.drain(PATIENCE)
    assert calls == [7, 7]
    assert not len(bus.dead_letters)
