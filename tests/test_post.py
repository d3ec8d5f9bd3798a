"""`post` on the sync bus: who gets what, in which order, on which thread."""

from __future__ import annotations

import contextvars
import gc
import logging
import threading
import weakref
from abc import ABC
from typing import TYPE_CHECKING, Any

import pytest

from buswork import AsyncEventBus, EventBus, Failure, PublishRecursionError, UnhandledEvent

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0


class Placed:
    def __init__(self, number: int = 0) -> None:
        self.number = number


class Paid: ...


class Gate:
    """A handler that waits until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def wait(self, _event: object) -> None:
        self.entered.set()
        assert self.opened.wait(PATIENCE)


def test_post_returns_before_the_handlers_run_and_on_another_thread() -> None:
    bus, gate = EventBus(), Gate()
    threads: list[int] = []
    bus.subscribe(Placed, gate.wait)
    bus.subscribe(Placed, lambda _: threads.append(threading.get_ident()))
    bus.post(Placed())
    assert gate.entered.wait(PATIENCE)
    assert bus.pending >= 1
    gate.opened.set()
    bus.drain(PATIENCE)
    assert bus.pending == 0
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_posts_to_one_handler_run_in_order_one_at_a_time() -> None:
    bus = EventBus()
    order: list[int] = []
    running = threading.Lock()

    @bus.on(Placed)
    def handle(event: Placed) -> None:
        assert running.acquire(blocking=False)
        order.append(event.number)
        running.release()

    bus.subscribe(Placed, lambda _: None)
    for number in range(5_000):
        bus.post(Placed(number))
    bus.drain(PATIENCE)
    assert order == list(range(5_000))


def test_a_slow_handler_holds_nobody_up() -> None:
    bus, gate = EventBus(), Gate()
    others: list[str] = []
    bus.subscribe(Placed, gate.wait)
    bus.subscribe(Placed, lambda _: others.append("same event"))
    bus.subscribe(Paid, lambda _: gate.opened.set())
    bus.post(Placed())
    assert gate.entered.wait(PATIENCE)
    bus.post(Placed())
    bus.post(Paid())
    bus.drain(PATIENCE)
    assert others == ["same event"] * 2


def test_up_to_thirty_two_handlers_wait_side_by_side() -> None:
    bus = EventBus()
    together = threading.Barrier(32, timeout=PATIENCE)
    for _ in range(32):
        bus.subscribe(Placed, lambda _: together.wait())
    failures: list[Failure] = []
    bus.subscribe(Placed, lambda _: None, on_error=failures.append)
    bus.post(Placed())
    bus.drain(PATIENCE)
    assert not together.broken
    assert failures == []


def test_quick_handlers_take_one_thread_and_one_that_stands_by() -> None:
    bus = EventBus()
    threads: set[int] = set()
    for _ in range(10):
        bus.subscribe(Placed, lambda _: threads.add(threading.get_ident()))
    for _ in range(200):
        bus.post(Placed())
    bus.drain(PATIENCE)
    assert len(threads) <= 4


def test_the_context_is_a_copy_of_the_posters() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: list[str] = []
    bus = EventBus()

    def handle(_event: Placed) -> None:
        seen.append(who.get())
        who.set("a handler")

    bus.subscribe(Placed, handle)
    bus.subscribe(Placed, lambda event: handle(event))
    who.set("the poster")
    bus.post(Placed())
    who.set("the poster, later")
    bus.post(Placed())
    bus.drain(PATIENCE)
    assert sorted(seen) == ["the poster", "the poster", "the poster, later", "the poster, later"]
    assert who.get() == "the poster, later"


def test_who_is_subscribed_when_it_is_posted_gets_it() -> None:
    bus, gate = EventBus(), Gate()
    seen: list[str] = []
    bus.subscribe(Placed, gate.wait)
    cancelled = bus.subscribe(Placed, lambda _: seen.append("cancelled"))
    paused = bus.subscribe(Placed, lambda _: seen.append("paused"))
    bus.subscribe(Placed, lambda _: seen.append("kept"))
    once = bus.subscribe(Placed, lambda _: seen.append("once"), once=True)

    @bus.on(Paid)
    def hold_all(event: Paid) -> None:
        for subscription in (cancelled, paused, once):
            subscription.pause()

    bus.publish(Paid())
    bus.post(Placed())
    assert gate.entered.wait(PATIENCE)
    bus.subscribe(Placed, lambda _: seen.append("late"))
    cancelled.cancel()
    gate.opened.set()
    bus.drain(PATIENCE)
    assert seen == ["kept"]
    once.resume()
    bus.post(Placed())
    bus.post(Placed())
    bus.drain(PATIENCE)
    assert seen.count("once") == 1
    assert seen.count("late") == 2


def test_a_predicate_is_asked_when_the_turn_comes_and_its_failure_is_the_handlers() -> None:
    failures: list[Failure] = []
    seen: list[int] = []
    bus = EventBus(on_error=failures.append)
    bus.subscribe(Placed, lambda event: seen.append(event.number), when=lambda e: 1 / e.number > 0)
    for number in (0, 1, -1, 2):
        bus.post(Placed(number))
    bus.drain(PATIENCE)
    assert seen == [1, 2]
    assert [type(failure.error) for failure in failures] == [ZeroDivisionError]


def test_a_weak_handler_whose_object_dies_before_its_turn_is_not_called() -> None:
    class Owner:
        def handle(self, _event: Placed) -> None:
            pytest.fail("called")

    bus, gate, owner = EventBus(), Gate(), Owner()
    bus.subscribe(Placed, gate.wait, priority=1)
    bus.subscribe(Paid, gate.wait)
    bus.subscribe(Placed, owner.handle, weak=True, when=lambda _: gate.opened.wait(PATIENCE))
    bus.post(Placed())
    assert gate.entered.wait(PATIENCE)
    bus.handlers(Placed)[1].pause()
    del owner
    gc.collect()
    gate.opened.set()
    bus.drain(PATIENCE)


def test_unhandled_events_and_classes_are_minded_at_the_post(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus(unhandled="raise")
    with pytest.raises(UnhandledEvent, match="nobody handles Placed"):
        bus.post(Placed())
    EventBus(unhandled="warn").post(Placed())
    assert f"published at {__file__}:" in caplog.text
    with pytest.raises(TypeError, match="published the class Placed itself"):
        EventBus().post(Placed)


@pytest.mark.parametrize("on_error", ["raise", "log", "stop"])
def test_a_failure_is_logged_with_traceback_and_the_place_of_the_post(
    on_error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus(on_error=on_error)
    seen: list[int] = []

    @bus.on(Placed, name="fails")
    def fail(event: Placed) -> None:
        raise ValueError(event.number)

    bus.subscribe(Placed, lambda event: seen.append(event.number))
    bus.post(Placed(1))
    bus.post(Placed(2))
    bus.drain(PATIENCE)
    assert seen == [1, 2]
    records = [record for record in caplog.records if record.name == "buswork"]
    assert [record.levelno for record in records] == [logging.ERROR] * 2
    assert records[0].getMessage() == "a handler of a posted event failed"
    assert "raise ValueError(event.number)" in caplog.text
    line = test_a_failure_is_logged_with_traceback_and_the_place_of_the_post.__code__.co_firstlineno
    assert f"handler fails ({__file__}:" in caplog.text
    assert any(f"published at {__file__}:{line + step}" in caplog.text for step in range(5, 20))


def test_a_callable_gets_the_failure_and_its_own_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[Failure] = []

    def refuse(failure: Failure) -> None:
        failures.append(failure)
        raise KeyError("on_error")

    bus = EventBus()
    event = Placed()
    bus.subscribe(Placed, lambda _: 1 / 0, on_error=refuse, name="divide")
    bus.post(event)
    bus.drain(PATIENCE)
    (failure,) = failures
    assert (failure.name, failure.event, failure.event_type) == ("divide", event, Placed)
    assert failure.site is not None
    assert failure.site.startswith(__file__)
    assert "a handler failed, and so did its on_error" in caplog.text
    assert "KeyError: 'on_error'" in caplog.text


@pytest.mark.parametrize("interrupt", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_would_end_a_thread_is_logged_and_the_others_are_delivered(
    interrupt: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    bus = EventBus()
    seen: list[int] = []

    @bus.on(Placed)
    def handle(event: Placed) -> None:
        if event.number == 1:
            raise interrupt
        seen.append(event.number)

    for number in range(4):
        bus.post(Placed(number))
    bus.drain(PATIENCE)
    assert seen == [0, 2, 3]
    assert interrupt.__name__ in caplog.text


def test_an_awaitable_is_closed_and_a_failure() -> None:
    async def later() -> None: ...

    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)
    bus.subscribe(Placed, lambda _: later())
    bus.post(Placed())
    bus.drain(PATIENCE)
    assert "use AsyncEventBus" in str(failures[0].error)


def test_handlers_post_and_publish_in_turn() -> None:
    bus = EventBus(max_depth=3)
    seen: list[int] = []

    @bus.on(Placed)
    def handle(event: Placed) -> None:
        seen.append(event.number)
        if event.number < 500:
            bus.post(Placed(event.number + 1))

    bus.subscribe(Paid, lambda _: bus.post(Placed(0)))
    bus.publish(Paid())
    bus.drain(PATIENCE)
    assert seen == list(range(501))


def test_a_posted_delivery_begins_a_chain_and_a_runaway_publish_in_it_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus(max_depth=3)

    @bus.on(Placed)
    def again(event: Placed) -> None:
        bus.publish(event)

    bus.post(Placed())
    bus.drain(PATIENCE)
    assert PublishRecursionError.__name__ in caplog.text
    assert "Placed -> Placed" in caplog.text


def test_routing_is_as_for_publish() -> None:
    class Base(ABC): ...

    class Rush(Placed): ...

    Base.register(Rush)
    bus = EventBus()
    seen: list[str] = []
    bus.subscribe(object, lambda _: seen.append("object"))
    bus.subscribe(Placed, lambda _: seen.append("exact"), exact=True)
    bus.subscribe(Base, lambda _: seen.append("abc"))
    bus.on(Rush, Placed)(lambda _: seen.append("both"))
    bus.post(Rush())
    bus.drain(PATIENCE)
    assert sorted(seen) == ["abc", "both", "object"]


def test_a_subclass_that_does_not_call_init_may_post() -> None:
    class ShopBus(EventBus):
        def __init__(self, shop: str) -> None:
            self.shop = shop

    bus = ShopBus("corner")
    seen: list[int] = []
    bus.subscribe(Placed, lambda event: seen.append(event.number))
    bus.post(Placed(1))
    bus.drain(PATIENCE)
    assert seen == [1]


def test_nothing_is_kept_of_a_delivery_when_it_is_done() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, lambda _: None)
    event = Placed()
    kept: contextvars.ContextVar[object] = contextvars.ContextVar("kept")
    thing = Paid()
    gone = weakref.ref(event), weakref.ref(thing)

    def post() -> None:
        kept.set(thing)
        bus.post(event)

    contextvars.Context().run(post)
    del event, thing, post
    bus.drain(PATIENCE)
    gc.collect()
    assert [one() for one in gone] == [None, None]


def test_a_bus_is_held_until_its_posts_are_delivered_and_then_freed() -> None:
    gate = Gate()
    seen: list[int] = []
    done = threading.Event()

    class Owner:
        def __init__(self) -> None:
            self.bus = EventBus()
            self.bus.subscribe(Placed, self.handle)
            self.bus.subscribe(Placed, gate.wait)

        def handle(self, event: Placed) -> None:
            gate.opened.wait(PATIENCE)
            seen.append(event.number)
            if event.number == 2:
                done.set()

    owner = Owner()
    gone = weakref.ref(owner), weakref.ref(owner.bus)
    for number in range(3):
        owner.bus.post(Placed(number))
    bus = owner.bus
    del owner
    gc.collect()
    assert gone[0]() is not None
    gate.opened.set()
    assert done.wait(PATIENCE)
    bus.drain(PATIENCE)
    assert seen == [0, 1, 2]
    workers = [each for each in threading.enumerate() if each.name == "buswork-worker"]
    del bus
    gc.collect()
    assert [one() for one in gone] == [None, None]
    for worker in workers:
        worker.join(PATIENCE)


def test_the_threads_of_a_dropped_bus_end() -> None:
    before = set(threading.enumerate())
    bus = EventBus()
    bus.subscribe(Placed, lambda _: None)
    bus.post(Placed())
    bus.drain(PATIENCE)
    threads = set(threading.enumerate()) - before
    assert threads
    del bus
    gc.collect()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_the_site_of_a_post_is_that_of_the_caller_of_a_bus_that_is_a_handler() -> None:
    bus, background = EventBus(), EventBus()
    failures: list[Failure] = []
    background.subscribe(Placed, lambda _: 1 / 0, on_error=failures.append)
    bus.subscribe(Placed, background.post)
    bus.publish(Placed())
    background.drain(PATIENCE)
    assert failures[0].site is not None
    assert failures[0].site.startswith(f"{__file__}:")


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"max_pending": 0}, ValueError, "max_pending must be at least 1"),
        ({"max_pending": -1}, ValueError, "max_pending must be at least 1"),
        ({"max_pending": 2**70}, ValueError, "too large"),
        ({"max_pending": "many"}, TypeError, "str"),
        ({"overflow": "explode"}, ValueError, '"wait", "raise", "drop_new" or "drop_old"'),
        ({"overflow": None}, TypeError, "str"),
    ],
)
@pytest.mark.parametrize("kind", [EventBus, AsyncEventBus])
def test_wrong_settings_are_refused(
    kind: Callable[..., Any], options: dict[str, Any], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        kind(**options)


def test_many_threads_post_and_every_delivery_ends_once() -> None:
    bus = EventBus(max_pending=100)
    seen: list[tuple[int, int]] = []
    bus.subscribe(tuple, lambda event: seen.append(event))
    bus.subscribe(tuple, lambda _: None)

    def post(thread: int) -> None:
        for number in range(2_000):
            bus.post((thread, number))

    threads = [threading.Thread(target=post, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.drain(PATIENCE)
    assert len(seen) == 8_000
    for thread_number in range(4):
        mine = [number for thread, number in seen if thread == thread_number]
        assert mine == list(range(2_000))
