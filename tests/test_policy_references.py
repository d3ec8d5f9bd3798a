"""What policies keep alive: the garbage collector frees buses with policies, letters and lines."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, Breaker, EventBus, Limit, Policy, Retry
from tests.test_references import is_freed_when_dropped, run_alone

PATIENCE = 10.0


class Boom(Exception): ...


class Owner:
    """Has a bus, handlers and matchers that are bound to itself."""

    def __init__(self, bus: Any = None, **options: Any) -> None:
        self.bus = bus or EventBus(on_error=self.look, **options)
        self.opened = threading.Event()

    def handle(self, event: object) -> None: ...

    def fail(self, event: object) -> None:
        raise Boom(event)

    def asks(self, error: Exception) -> bool:
        return True

    def look(self, failure: object) -> None: ...


def through_a_matcher() -> object:
    owner = Owner()
    policy = Policy(retry=Retry(2, retry_on=owner.asks, give_up_on=owner.asks))
    owner.bus.subscribe(int, owner.fail, policy=policy)
    owner.bus.publish(1)
    return owner


def through_the_default_policy() -> object:
    class Bus(EventBus):
        def __init__(self) -> None:
            super().__init__(policy=Policy(retry=Retry(2, retry_on=self.asks)))

        def asks(self, error: Exception) -> bool:
            return True

    bus = Bus()
    bus.subscribe(int, print)
    return bus


def through_kept_policies() -> object:
    owner = Owner()
    policy = Policy(retry=Retry(2, retry_on=owner.asks))
    owner.kept = policy  # type: ignore[attr-defined]
    owner.subscription = owner.bus.subscribe(int, owner.handle, policy=policy)  # type: ignore[attr-defined]
    owner.shown = owner.subscription.policy  # type: ignore[attr-defined]
    return owner


def through_a_subscription_that_has_ended() -> object:
    owner = Owner()
    policy = Policy(retry=Retry(2, retry_on=owner.asks))
    owner.subscription = owner.bus.subscribe(int, owner.handle, policy=policy)  # type: ignore[attr-defined]
    owner.subscription.cancel()  # type: ignore[attr-defined]
    return owner


def through_once() -> object:
    owner = Owner()
    policy = Policy(retry=Retry(2, retry_on=owner.asks))
    owner.subscription = owner.bus.subscribe(int, owner.fail, policy=policy, once=True)  # type: ignore[attr-defined]
    owner.bus.publish(1)
    return owner


def through_dead_letters() -> object:
    owner = Owner()
    owner.bus.subscribe(Owner, owner.fail, policy=Policy(dead_letter=True))
    # The event refers to the bus.
    owner.bus.publish(owner)
    assert len(owner.bus.dead_letters) == 1
    return owner


def through_kept_dead_letters() -> object:
    owner = Owner()
    owner.bus.subscribe(int, owner.fail, policy=Policy(dead_letter=True))
    owner.bus.publish(1)
    owner.letters = owner.bus.dead_letters  # type: ignore[attr-defined]
    owner.letter = next(iter(owner.letters))  # type: ignore[attr-defined]
    owner.attempts = owner.letter.attempts  # type: ignore[attr-defined]
    return owner


def through_stats() -> object:
    owner = Owner(stats="latency")
    owner.bus.subscribe(int, owner.handle)
    owner.bus.publish(1)
    owner.stats = owner.bus.stats()  # type: ignore[attr-defined]
    return owner


def through_an_open_breaker() -> object:
    owner = Owner()
    owner.bus.subscribe(int, owner.fail, policy=Policy(breaker=Breaker(1, pause=3600)))
    owner.bus.publish(1)
    owner.bus.publish(2)
    return owner


def through_an_async_publish() -> object:
    owner = Owner()
    bus = AsyncEventBus(on_error=owner.look)
    owner.bus = bus

    async def handle(event: object) -> None:
        await asyncio.sleep(0)
        owner.fail(event)

    policy = Policy(
        retry=Retry(2, retry_on=owner.asks), limit=Limit(1), timeout=5, dead_letter=True
    )
    bus.subscribe(int, handle, policy=policy)

    async def main() -> None:
        await asyncio.gather(*(bus.publish(number) for number in range(3)))

    asyncio.run(main())
    return owner


def through_a_cancelled_wait() -> object:
    owner = Owner()
    bus = AsyncEventBus(on_error=owner.look)
    owner.bus = bus

    async def handle(event: object) -> None:
        owner.handle(event)
        await asyncio.Event().wait()

    bus.subscribe(int, handle, policy=Policy(limit=Limit(1)))

    async def main() -> None:
        tasks = [asyncio.create_task(bus.publish(number)) for number in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    asyncio.run(main())
    return owner


CYCLES = [value for name, value in sorted(globals().items()) if name.startswith("through_")]


@pytest.mark.parametrize("make", CYCLES)
def test_a_cycle_through_a_bus_with_policies_is_freed(make: Callable[[], object]) -> None:
    assert is_freed_when_dropped(make)


def test_a_bus_whose_delivery_waits_on_a_loop_that_is_gone_is_freed() -> None:
    # Its wake is owned by the handler's state, and refers to the loop, the task and so the bus.
    printed = run_alone(
        """
        import asyncio, gc, weakref
        from buswork import AsyncEventBus, Limit, Policy

        class Owner: ...

        def make():
            owner = Owner()
            bus = owner.bus = AsyncEventBus()
            loop = asyncio.new_event_loop()

            async def handle(number):
                owner.last = number
                await asyncio.Event().wait()

            bus.subscribe(int, handle, policy=Policy(limit=Limit(1)))

            async def publish(number):
                await bus.publish(number)

            async def turns():
                for _ in range(5):
                    await asyncio.sleep(0)

            tasks = [loop.create_task(publish(number)) for number in range(3)]
            loop.run_until_complete(turns())
            assert bus.stats()[0].waiting == 2
            loop.close()
            return weakref.ref(owner)

        watched = make()
        for _ in range(3):
            gc.collect()
        print(watched() is None)
        """
    )
    assert printed == "True\n"


def test_a_waiting_delivery_holds_its_bus() -> None:
    seen: list[int] = []
    gate = threading.Event()
    bus = EventBus(on_error=lambda _: None)

    @bus.on(int, policy=Policy(retry=Retry(2, backoff=0.05)), background=True)
    def handle(number: int) -> None:
        seen.append(number)
        if len(seen) == 2:
            gate.set()
        raise Boom

    bus.publish(1)
    watched = weakref.ref(bus)
    del bus, handle
    gc.collect()
    assert gate.wait(PATIENCE)
    for _ in range(1_000):
        gc.collect()
        if watched() is None:
            break
        threading.Event().wait(0.005)
    assert watched() is None


def test_what_a_handler_with_a_timeout_was_given_is_let_go_when_it_has_ended() -> None:
    class Event: ...

    bus = EventBus()
    bus.subscribe(Event, lambda _: None, policy=Policy(timeout=3600), background=True)
    event = Event()
    watched = weakref.ref(event)
    bus.publish(event)
    del event
    bus.close(PATIENCE)
    gc.collect()
    assert watched() is None


def test_a_direct_publish_with_retries_keeps_no_event_alive() -> None:
    class Event: ...

    bus = EventBus(on_error=lambda _: None)
    errors: list[Any] = []

    @bus.on(Event, policy=Policy(retry=Retry(3), breaker=Breaker(2), limit=Limit(1)))
    def handle(event: Event) -> None:
        raise Boom

    event = Event()
    watched = weakref.ref(event)
    bus.publish(event)
    errors.clear()
    del event
    gc.collect()
    assert watched() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
class TestFork:
    """A forked child has the policies, and none of the deliveries in progress."""

    def run(self, program: str) -> str:
        return run_alone(
            """
            import os, threading, warnings
            from buswork import EventBus, Policy, Limit, Breaker, Retry
            warnings.simplefilter("ignore")

            def fork(child):
                pid = os.fork()
                if pid == 0:
                    try:
                        child()
                    finally:
                        os._exit(0)
                os.waitpid(pid, 0)

            def say(*words):
                os.write(1, (" ".join(map(str, words)) + "\\n").encode())
            """
            + program
        )

    def test_dead_letters_and_the_breaker_are_copied(self) -> None:
        printed = self.run(
            """
            bus = EventBus(on_error=lambda _: None)
            bus.subscribe(int, lambda n: 1 / 0,
                          policy=Policy(breaker=Breaker(1, pause=3600), dead_letter=True))
            bus.publish(1)

            def child():
                say(len(bus.dead_letters), bus.stats()[0].breaker)

            fork(child)
            """
        )
        assert printed == "1 open\n"

    def test_timeouts_work_in_the_child(self) -> None:
        printed = self.run(
            """
            bus = EventBus(on_error=lambda failure: say(type(failure.error).__name__))
            gate = threading.Event()
            bus.subscribe(int, lambda n: gate.wait(5) if n else None,
                          policy=Policy(timeout=0.05), background=True)
            bus.publish(0)
            bus.drain(5)

            def child():
                bus.publish(1)
                bus.drain(5)
                say(bus.stats()[0].timed_out)

            fork(child)
            """
        )
        assert printed == "HandlerTimeout\n1\n"

    def test_a_delivery_that_rests_in_the_parent_takes_no_slot_in_the_child(self) -> None:
        printed = self.run(
            """
            bus = EventBus(on_error=lambda _: None)
            failed = threading.Event()

            @bus.on(int, policy=Policy(limit=Limit(1), retry=Retry(2, backoff=0.3)), background=True)
            def handle(number):
                failed.set()
                if number == 0:
                    raise ValueError

            bus.publish(0)
            failed.wait(5)
            while bus.stats()[0].retried == 0:
                pass

            def child():
                bus.publish(1)
                bus.drain(5)
                say(bus.stats()[0].delivered, bus.stats()[0].in_progress)

            fork(child)
            bus.drain(5)
            """
        )
        assert printed == "1 0\n"

    def test_a_delivery_in_progress_in_the_parent_takes_no_slot_in_the_child(self) -> None:
        printed = self.run(
            """
            bus = EventBus(on_error=lambda _: None)
            entered, opened = threading.Event(), threading.Event()

            @bus.on(int, policy=Policy(limit=Limit(1)))
            def handle(number):
                if number == 0:
                    entered.set()
                    opened.wait(5)

            bus.post(0)
            entered.wait(5)

            def child():
                say(bus.deliver(1).deliveries[0].status, bus.stats()[0].in_progress)

            fork(child)
            opened.set()
            bus.drain(5)
            """
        )
        assert printed == "ok 0\n"


def test_the_collector_may_come_anywhere() -> None:
    run_alone(
        """
        import gc
        gc.set_threshold(1)
        from buswork import Breaker, EventBus, Limit, Policy, Retry

        class Owner:
            def asks(self, error):
                return True
            def fail(self, event):
                raise ValueError
            def look(self, failure): ...

        for number in range(100):
            owner = Owner()
            bus = owner.bus = EventBus(on_error=owner.look)
            policy = Policy(retry=Retry(2, retry_on=owner.asks), limit=Limit(1),
                            breaker=Breaker(3), dead_letter=True)
            bus.subscribe(int, owner.fail, policy=policy, once=number % 2 == 0)
            bus.publish(number)
            bus.post(number)
            bus.drain(10)
            for letter in bus.dead_letters:
                bus.dead_letters.discard(letter)
            repr(bus.stats()), repr(policy), bus.explain(int)
        """
    )
