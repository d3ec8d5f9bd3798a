"""Runaway recursion: found at a depth, told as a cycle, and unwound at once."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from buswork import BusworkError, EventBus, PublishRecursionError


class A: ...


class B: ...


class C: ...


def test_a_cycle_is_printed_with_its_event_types() -> None:
    bus = EventBus(max_depth=10)
    bus.subscribe(C, lambda _: bus.publish(A()))
    bus.subscribe(A, lambda _: bus.publish(B()))
    bus.subscribe(B, lambda _: bus.publish(A()))
    with pytest.raises(PublishRecursionError, match=r"nested more than 10 deep") as caught:
        bus.publish(C())
    assert "A -> B -> A" in str(caught.value) or "B -> A -> B" in str(caught.value)
    assert "C" not in str(caught.value).partition(":")[2].partition(";")[0]
    assert isinstance(caught.value, BusworkError)
    assert isinstance(caught.value, RecursionError)


def test_a_long_line_without_a_cycle_is_told_shortly() -> None:
    bus = EventBus(max_depth=49)
    types = [type(f"Event{number}", (), {}) for number in range(60)]
    for this, following in zip(types, types[1:], strict=False):
        bus.subscribe(this, lambda _, following=following: bus.publish(following()))
    with pytest.raises(PublishRecursionError) as caught:
        bus.publish(types[0]())
    assert "Event48 -> Event49" in str(caught.value)
    assert "Event0 " not in str(caught.value)


def test_exactly_max_depth_publishes_may_be_nested() -> None:
    bus = EventBus(max_depth=7)
    depths: list[int] = []

    @bus.on(int)
    def deeper(depth: int) -> None:
        depths.append(depth)
        if depth < limit:
            bus.publish(depth + 1)

    limit = 7
    bus.publish(1)
    assert depths == [1, 2, 3, 4, 5, 6, 7]
    limit = 8
    with pytest.raises(PublishRecursionError):
        bus.publish(1)


@pytest.mark.parametrize("crowd", [0, 12])
@pytest.mark.parametrize("on_error", ["raise", "log", "stop"])
def test_it_unwinds_every_enclosing_publish_whatever_the_fan_out(on_error: str, crowd: int) -> None:
    bus = EventBus(on_error=on_error)  # type: ignore[arg-type]
    calls = 0

    def again(_event: A) -> None:
        nonlocal calls
        calls += 1
        bus.publish(A())

    for _ in range(crowd):
        bus.subscribe(A, lambda _: None)
    bus.subscribe(A, again)
    bus.subscribe(A, lambda event: again(event))
    with pytest.raises(PublishRecursionError):
        bus.publish(A())
    assert calls == 100


def test_an_on_error_callable_never_sees_it() -> None:
    failures: list[object] = []
    bus = EventBus(on_error=failures.append, max_depth=5)
    bus.subscribe(A, lambda event: bus.publish(event))
    with pytest.raises(PublishRecursionError):
        bus.publish(A())
    assert failures == []


def test_it_goes_through_nested_delivers_and_other_buses() -> None:
    one, other = EventBus(max_depth=5), EventBus()
    one.subscribe(A, lambda _: other.deliver(B()))
    other.subscribe(B, lambda _: one.publish(A()))
    with pytest.raises(PublishRecursionError):
        one.publish(A())


def test_a_bus_can_be_used_again_afterwards() -> None:
    bus = EventBus(max_depth=5)
    subscription = bus.subscribe(A, lambda event: bus.publish(event))
    for _ in range(3):
        with pytest.raises(PublishRecursionError):
            bus.publish(A())
    subscription.cancel()
    seen: list[object] = []
    bus.subscribe(A, seen.append)
    bus.publish(A())
    assert len(seen) == 1


def test_depth_is_counted_a_bus_and_a_thread() -> None:
    bus = EventBus(max_depth=1)
    other = EventBus(max_depth=1)
    seen: list[object] = []
    other.subscribe(B, seen.append)

    @bus.on(A)
    def in_a_thread(_event: A) -> None:
        other.publish(B())
        thread = threading.Thread(target=bus.publish, args=(C(),))
        thread.start()
        thread.join()

    bus.subscribe(C, seen.append)
    bus.publish(A())
    assert [type(event) for event in seen] == [B, C]


def test_an_ordinary_recursion_error_in_a_handler_is_not_isolated_either() -> None:
    bus = EventBus()
    ran: list[object] = []

    def endless(event: object) -> None:
        endless(event)

    bus.subscribe(A, endless)
    bus.subscribe(A, ran.append)
    with pytest.raises(RecursionError) as caught:
        bus.publish(A())
    assert not isinstance(caught.value, PublishRecursionError)
    assert ran == []


def test_a_great_max_depth_ends_in_an_error_not_in_a_crash() -> None:
    bus = EventBus(max_depth=1_000_000)
    bus.subscribe(A, lambda event: bus.publish(event))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2000)
    try:
        with pytest.raises(RecursionError):
            bus.publish(A())
    finally:
        sys.setrecursionlimit(limit)


def test_a_failing_deep_publish_leaves_no_trace_of_depth() -> None:
    bus = EventBus(max_depth=2)

    def fail(_event: object) -> None:
        raise KeyboardInterrupt

    subscription = bus.subscribe(A, fail)
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            bus.publish(A())
    subscription.cancel()
    bus.subscribe(A, lambda _: bus.publish(B()))
    bus.publish(A())


def test_a_class_that_its_event_has_left_is_still_named() -> None:
    bus = EventBus(max_depth=2)

    def leave(event: Any) -> None:
        event.__class__ = C
        bus.clear()
        gc.collect()
        bus.subscribe(A, lambda _: bus.publish(B()))
        bus.publish(A())

    passing = type("Passing", (), {})
    event, gone = passing(), weakref.ref(passing)
    bus.subscribe(passing, leave)
    del passing
    with pytest.raises(PublishRecursionError, match=r"Passing -> A -> B"):
        bus.publish(event)
    bus.clear()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("crowd", [2, 12])
@pytest.mark.parametrize("how", ["publish", "deliver"])
def test_a_handler_that_swallows_the_error_does_not_keep_the_chain_going(
    how: str, crowd: int
) -> None:
    bus = EventBus(max_depth=20)
    calls = [0]

    def swallow(event: A) -> None:
        calls[0] += 1
        try:
            getattr(bus, how)(event)
        except Exception:
            pass

    for _ in range(crowd):
        bus.subscribe(A, lambda event: swallow(event))
    with pytest.raises(PublishRecursionError, match="A -> A"):
        bus.publish(A())
    # Of ten handlers that are called together, those behind it are called too.
    assert calls[0] <= 20 * (10 if crowd > 10 else 1)
    bus.clear()
    bus.publish(A())


def test_a_depth_that_the_stack_cannot_take_is_a_recursion_error() -> None:
    program = """
from buswork import EventBus
bus = EventBus(max_depth=10**6)
bus.subscribe(int, bus.publish)
try:
    bus.publish(1)
except RecursionError:
    print("found")
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, "found\n"), run.stderr
