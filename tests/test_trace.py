"""Traces in memory: what they have of publishes, deliveries and posts."""

from __future__ import annotations

import contextvars
import gc
import os
import re
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from buswork import (
    Dispatch,
    EventBus,
    HandlerErrors,
    PublishRecursionError,
    TracedDelivery,
    UnhandledEvent,
)
from buswork.testing import mute

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = __name__


@dataclass
class Placed:
    number: int


@dataclass
class Paid:
    number: int


class Urgent(Placed):
    pass


def outcomes(dispatch: Dispatch) -> list[str]:
    return [f"{one.name} {one.outcome}" for one in dispatch.deliveries]


def shape(tree: str) -> str:
    """A tree without its times and places."""
    return re.sub(r", waited .*| \(.*\)", "", tree)


def test_a_dispatch_says_what_was_published_where_and_how() -> None:
    bus = EventBus()
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
        bus.deliver(Placed(2))
        bus.publish("payload", topic="orders.eu")
    published, delivered, on_topic = tracing.dispatches
    assert published.event == f"{HERE}.Placed"
    assert published.verb == "publish"
    assert published.function == (f"{HERE}:test_a_dispatch_says_what_was_published_where_and_how")
    assert published.file == __file__
    code = test_a_dispatch_says_what_was_published_where_and_how.__code__
    assert published.line == code.co_firstlineno + 3
    assert (published.causation, published.cause, published.topic) == (None, None, None)
    assert published.correlation == published.id
    assert re.fullmatch("[0-9a-f]{32}", published.id)
    assert delivered.verb == "deliver"
    assert delivered.line == published.line + 1
    assert on_topic.topic == "orders.eu"
    assert on_topic.event == "builtins.str"
    assert len({published, delivered, on_topic, published}) == 3


def test_an_event_that_nobody_handles_is_a_dispatch_without_deliveries() -> None:
    bus = EventBus(unhandled="raise")
    with bus.tracing() as tracing, pytest.raises(UnhandledEvent):
        bus.publish(Placed(1))
    assert [one.deliveries for one in tracing] == [()]


def handle(_: Placed) -> None:
    pass


class Billing:
    def bill(self, _: Placed) -> None:
        pass

    def __call__(self, _: Placed) -> None:
        pass


def test_a_delivery_says_which_handler_and_how_long() -> None:
    bus = EventBus()
    bus.subscribe(object, handle, name="given", priority=1)
    bus.subscribe(Placed, Billing().bill)
    bus.subscribe(Placed, Billing())
    with bus.tracing() as tracing:
        bus.publish(Urgent(1))
    (dispatch,) = tracing
    given, bill, called = dispatch.deliveries
    assert (given.handler, given.name) == (f"{HERE}:handle", "given")
    assert given.subscribed == ("builtins.object",)
    assert (bill.handler, called.handler) == (f"{HERE}:Billing.bill", f"{HERE}:Billing")
    assert bill.subscribed == (f"{HERE}.Placed",)
    assert (bill.file, bill.line) == (__file__, Billing.bill.__code__.co_firstlineno)
    assert [one.outcome for one in dispatch.deliveries] == ["ok"] * 3
    assert bill.run > 0
    assert called.wait >= bill.wait + bill.run
    assert len({one.subscription for one in dispatch.deliveries}) == 3


def test_a_failure_is_told_by_its_class_and_never_by_its_text() -> None:
    bus = EventBus()

    @bus.on(Placed)
    def fail(_: Placed) -> None:
        raise ValueError("the card number is hushed")

    with bus.tracing() as tracing, pytest.raises(HandlerErrors):
        bus.publish(Placed(471_147_114_711))
    (delivery,) = tracing.dispatches[0].deliveries
    assert (delivery.outcome, delivery.error, delivery.reason) == ("failed", "ValueError", None)
    told = f"{tracing!r} {tracing.dispatches} {delivery!r} {tracing.tree()}"
    assert "hushed" not in told
    assert "471147114711" not in told


@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_a_handler_that_is_not_called_is_told_of_with_the_reason(verb: str) -> None:
    bus = EventBus()
    bus.subscribe(Placed, handle, name="when", when=lambda _: False)
    paused = bus.subscribe(Placed, lambda _: None, name="paused")
    paused.pause()
    muted = lambda _: None
    bus.subscribe(Placed, muted, name="muted")

    @bus.on(Placed, name="stops", on_error="stop")
    def stop(_: Placed) -> None:
        raise KeyError

    bus.subscribe(Placed, lambda _: None, name="late")
    with bus.tracing() as tracing, mute(bus, muted):
        try:
            getattr(bus, verb)(Placed(1))
        except KeyError:
            assert verb == "publish"
    reasons = {one.name: one.reason or one.error for one in tracing.dispatches[0].deliveries}
    assert reasons == {
        "when": "when",
        "paused": "paused",
        "muted": "muted",
        "stops": "KeyError",
        "late": "stopped",
    }


def test_one_that_cancels_those_behind_it() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: later.cancel(), name="first")
    later = bus.subscribe(Placed, handle, name="later")
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
    assert [one.reason for one in tracing.dispatches[0].deliveries] == [None, "cancelled"]


@pytest.mark.parametrize("count", [1, 25])
@pytest.mark.parametrize("on_error", ["raise", "log", "stop"])
def test_a_traced_publish_does_what_an_untraced_one_does(count: int, on_error: Any) -> None:
    def run(*, is_traced: bool) -> list[object]:
        bus, done = EventBus(on_error=on_error), []

        def handler(number: int) -> Callable[[Placed], object]:
            def call(event: Placed) -> object:
                done.append((number, event.number))
                if number % 3 == 1:
                    raise ValueError(number)
                return number

            return call

        for number in range(count):
            bus.subscribe(Placed, handler(number), priority=number % 2, once=number % 5 == 2)
        tracing = bus.tracing() if is_traced else None
        for number in range(3):
            try:
                bus.publish(Placed(number))
            except ValueError as error:
                done.append(error.args)
            except HandlerErrors as errors:
                done.append([error.args for error in errors.exceptions])
                done.append(errors.message)
        if tracing is not None:
            tracing.close()
        return done

    assert run(is_traced=True) == run(is_traced=False)


def test_the_muted_are_no_handlers_in_the_message_of_a_failure() -> None:
    bus, muted = EventBus(), lambda _: None
    bus.subscribe(Placed, lambda _: 1 / 0)
    bus.subscribe(Placed, muted)
    messages = []
    for tracing in (None, bus.tracing()):
        with mute(bus, muted), pytest.raises(HandlerErrors) as caught:
            bus.publish(Placed(1))
        messages.append(caught.value.message)
    assert messages[0] == messages[1]
    assert tracing is not None


def test_notes_of_a_failure_name_the_publish_site_as_ever() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: 1 / 0)
    with bus.tracing(), pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed(1))
    (note,) = caught.value.exceptions[0].__notes__
    assert f"published at {__file__}:" in note


def test_what_a_handler_publishes_is_caused_by_it() -> None:
    bus = EventBus()

    def first(_: Placed) -> None:
        bus.publish(Paid(1))

    def second(_: Placed) -> None:
        bus.publish("x")

    bus.subscribe(Placed, first)
    bus.subscribe(Placed, second)
    bus.subscribe(Paid, lambda _: bus.publish(1.5), name="nested")
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
        bus.publish(2)
    placed, paid, number, text, alone = tracing
    assert (paid.causation, number.causation, text.causation) == (placed.id, paid.id, placed.id)
    assert {one.correlation for one in (placed, paid, number, text)} == {placed.id}
    assert (alone.causation, alone.correlation) == (None, alone.id)
    assert paid.cause == placed.deliveries[0].handler
    assert text.cause == placed.deliveries[1].handler
    assert paid.function == f"{HERE}:{first.__qualname__}"


def test_a_tree_shows_events_beneath_the_handlers_that_published_them() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: bus.publish(Paid(1)), name="billing")
    bus.subscribe(Placed, lambda _: 1 / 0, name="stock")
    bus.subscribe(Placed, handle, name="off", when=lambda _: False)
    bus.subscribe(Paid, lambda _: bus.post("mail"), name="mail")
    bus.subscribe(str, lambda _: None, name="send")
    with bus.tracing() as tracing:
        with pytest.raises(HandlerErrors):
            bus.publish(Placed(1))
        bus.drain()
        bus.publish(2)
    test = f"{HERE}:test_a_tree_shows_events_beneath_the_handlers_that_published_them"
    assert (
        shape(tracing.tree())
        == f"""\
{HERE}.Placed, published by {test}
├─ billing: ok
│  └─ {HERE}.Paid, published by {test}.<locals>.<lambda>
│     └─ mail: ok
│        └─ builtins.str, posted by {test}.<locals>.<lambda>
│           └─ send: ok
├─ stock: failed with ZeroDivisionError
└─ off: skipped, when
builtins.int, published by {test}
"""
    )
    assert shape(tracing.tree(tracing.dispatches[1])).count("\n") == 4
    assert re.search(r"billing: ok, waited \d+(\.\d+)? .?s, ran \d+(\.\d+)? .?s", tracing.tree())


def test_one_handler_subscribed_twice_has_what_each_call_published() -> None:
    bus = EventBus()
    handler = lambda _: bus.publish(Paid(1))
    bus.subscribe(Placed, handler, name="a")
    with pytest.warns(UserWarning, match="already"):
        bus.subscribe(Placed, handler, name="b")
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
    lines = shape(tracing.tree()).splitlines()
    assert [line[:9] for line in lines[1:]] == ["├─ a: ok", "│  └─ tes", "└─ b: ok", "   └─ tes"]


def test_a_tree_can_be_drawn_while_a_handler_runs() -> None:
    bus, trees = EventBus(), []

    @bus.on(Placed, name="draws")
    def draw(_: Placed) -> None:
        bus.publish(Paid(1))
        trees.append(tracing.tree())

    with bus.tracing() as tracing:
        bus.publish(Placed(1))
    assert "└─ draws: has not ended" in trees[0]
    assert f"   └─ {HERE}.Paid" in trees[0]


def test_names_cannot_steer_a_terminal() -> None:
    bus = EventBus()
    bus.subscribe(Placed, handle, name="red\x1b[31m")
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
    assert "\x1b" not in tracing.tree()
    assert r"\u{1b}[31m" in tracing.tree()


def test_a_post_is_caused_by_the_handler_that_posted_it() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: bus.post(Paid(1)), name="posts")
    bus.subscribe(Paid, lambda _: bus.publish("done"), name="in the background")
    bus.subscribe(Paid, lambda _: bus.publish(1), name="beside it")
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
        bus.drain()
    placed, paid, *others = tracing
    assert (paid.verb, paid.causation) == ("post", placed.id)
    assert sorted(outcomes(paid)) == ["beside it ok", "in the background ok"]
    assert {one.event for one in others} == {"builtins.str", "builtins.int"}
    assert {one.causation for one in others} == {paid.id}
    assert {one.correlation for one in others} == {placed.id}
    assert paid.function == f"{HERE}:{placed.function.partition(':')[2]}.<locals>.<lambda>"


def test_a_posted_handler_that_fails_or_is_skipped() -> None:
    bus = EventBus(on_error=lambda _: None)
    bus.subscribe(Placed, lambda _: 1 / 0, name="fails")
    bus.subscribe(Placed, handle, name="when", when=lambda _: False)
    muted = lambda _: None
    bus.subscribe(Placed, muted, name="muted")
    with bus.tracing() as tracing:
        with mute(bus, muted):
            bus.post(Placed(1))
        bus.drain()
    assert sorted(outcomes(tracing.dispatches[0])) == [
        "fails failed",
        "muted skipped",
        "when skipped",
    ]


@pytest.mark.parametrize("verb", ["publish", "deliver", "post"])
def test_an_event_is_told_of_when_it_has_passed_the_layers(verb: str) -> None:
    bus = EventBus()

    @bus.add_middleware
    def layer(event: object, call_next: Callable[[object], object]) -> None:
        if isinstance(event, Placed):
            call_next(Paid(event.number))

    bus.subscribe(Paid, lambda _: None, name="paid")

    def hand_over() -> None:
        getattr(bus, verb)(Placed(1))
        getattr(bus, verb)("stopped")

    with bus.tracing() as tracing:
        hand_over()
        bus.drain()
    (paid,) = tracing
    assert paid.event == f"{HERE}.Paid"
    assert paid.verb == verb
    assert paid.line == hand_over.__code__.co_firstlineno + 1
    assert paid.function == f"{HERE}:{hand_over.__qualname__}"
    assert outcomes(paid) == ["paid ok"]


def test_the_cause_follows_the_context_and_is_not_left_behind() -> None:
    bus, contexts = EventBus(), []
    bus.subscribe(Placed, lambda _: contexts.append(contextvars.copy_context()))
    with bus.tracing() as tracing:
        bus.publish(Placed(1))
        bus.publish("root")
        contexts[0].run(bus.publish, "caused")
    placed, root, caused = tracing
    assert root.causation is None
    assert caused.causation == placed.id


@pytest.mark.skipif("BUSWORK_TRACED" in os.environ, reason="no bus is untraced here")
def test_the_cause_crosses_from_bus_to_bus() -> None:
    one, untraced, other = EventBus(), EventBus(), EventBus()
    one.subscribe(Placed, untraced.publish)
    untraced.subscribe(Placed, lambda _: other.publish(Paid(1)))
    with one.tracing() as tracing, other.tracing() as of_other:
        one.publish(Placed(1))
    (placed,), (paid,) = tracing, of_other
    assert paid.causation == placed.id
    assert paid.cause == placed.deliveries[0].handler


def test_a_publish_behind_a_function_of_ten_stands_where_its_author_wrote_it() -> None:
    outer, inner = EventBus(), EventBus()
    for _ in range(12):
        outer.subscribe(Placed, lambda _: None)
    outer.subscribe(Placed, inner.publish, priority=1)
    with inner.tracing() as tracing:
        for _ in range(3):
            outer.publish(Placed(1))
    assert {one.file for one in tracing} == {__file__}


def test_threads_have_causes_of_their_own() -> None:
    bus, both = EventBus(), threading.Barrier(2, timeout=30)

    @bus.on(int)
    def meet(number: int) -> None:
        both.wait()
        bus.publish(str(number))
        both.wait()

    with bus.tracing() as tracing:
        threads = [threading.Thread(target=bus.publish, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    numbers = {one.id for one in tracing if one.event == "builtins.int"}
    texts = [one.causation for one in tracing if one.event == "builtins.str"]
    assert set(texts) == numbers
    assert len(texts) == 2


def test_a_recursion_that_is_refused_is_told_of_as_far_as_it_came() -> None:
    bus = EventBus(max_depth=5)
    bus.subscribe(Placed, bus.publish)
    with bus.tracing() as tracing, pytest.raises(PublishRecursionError):
        bus.publish(Placed(1))
    assert len(tracing) == 5
    assert {one.deliveries[0].error for one in tracing} == {"PublishRecursionError"}


def test_an_interrupt_is_told_of_and_goes_through() -> None:
    bus = EventBus()

    @bus.on(Placed)
    def interrupt(_: Placed) -> None:
        raise KeyboardInterrupt

    bus.subscribe(Placed, handle)
    with bus.tracing() as tracing, pytest.raises(KeyboardInterrupt):
        bus.publish(Placed(1))
    (delivery,) = tracing.dispatches[0].deliveries
    assert delivery.error == "KeyboardInterrupt"


def test_memory_is_bounded_and_counts_what_was_dropped() -> None:
    bus = EventBus()
    with bus.tracing(keep=3) as tracing:
        for number in range(10):
            bus.publish(number)
    assert (len(tracing), tracing.dropped) == (3, 7)
    assert repr(tracing) == "<Tracing, 3 dispatches, 7 dropped>"


def test_the_default_is_ten_thousand() -> None:
    bus = EventBus()
    with bus.tracing() as tracing:
        for number in range(10_001):
            bus.publish(number)
    assert (len(tracing), tracing.dropped) == (10_000, 1)


def test_a_trace_ends_with_its_block_and_stays_to_be_looked_at() -> None:
    bus = EventBus()
    with bus.tracing() as tracing:
        bus.publish(1)
        assert not tracing.closed
    bus.publish(2)
    assert tracing.closed
    assert len(tracing) == 1
    tracing.close()


def test_a_trace_that_nobody_holds_ends() -> None:
    bus, calls = EventBus(), []
    bus.subscribe(int, calls.append)
    tracing: Any = bus.tracing()
    reference = weakref.ref(tracing)
    bus.publish(1)
    del tracing
    assert reference() is None
    bus.publish(2)
    assert calls == [1, 2]


def test_several_traces_of_one_bus_have_the_same_dispatches() -> None:
    bus = EventBus()
    with bus.tracing() as outer:
        bus.publish(1)
        with bus.tracing() as inner:
            bus.publish(2)
    assert list(outer)[1:] == list(inner)


def test_a_trace_holds_neither_the_bus_nor_handlers_nor_events() -> None:
    class Owner:
        def handle(self, event: Placed) -> None:
            self.event = event

    bus, owner, event = EventBus(), Owner(), Placed(1)
    owner.bus = bus  # type: ignore[attr-defined]
    bus.subscribe(Placed, owner.handle)
    tracing = bus.tracing()
    bus.publish(event)
    gone = [weakref.ref(bus), weakref.ref(owner), weakref.ref(event)]
    del bus, owner, event
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3
    assert outcomes(tracing.dispatches[0]) == [
        f"{Owner.handle.__module__}:{Owner.handle.__qualname__} ok"
    ]
    tracing.close()


def test_a_class_that_dies_leaves_nothing_behind() -> None:
    bus = EventBus()
    with bus.tracing(keep=1):
        passing: Any = type("Passing", (), {})
        reference = weakref.ref(passing)
        bus.publish(passing())
        del passing
        gc.collect()
        assert reference() is None


def test_wrong_arguments_are_refused() -> None:
    bus = EventBus()
    with pytest.raises(ValueError, match="keep must be at least 1"):
        bus.tracing(keep=0)
    with pytest.raises(TypeError):
        bus.tracing(keep="many")  # type: ignore[arg-type]


def test_its_parts_say_what_they_are() -> None:
    bus = EventBus()
    bus.subscribe(int, lambda number: 1 / number, name="invert")
    bus.subscribe(int, lambda _: None, name="off", when=lambda _: False)
    with bus.tracing() as tracing, pytest.raises(HandlerErrors):
        bus.publish(0)
    (dispatch,) = tracing
    assert repr(dispatch) == "<Dispatch of builtins.int: 2 deliveries>"
    assert [repr(one) for one in dispatch.deliveries] == [
        "<TracedDelivery to invert: failed (ZeroDivisionError)>",
        "<TracedDelivery to off: skipped (when)>",
    ]
    assert isinstance(dispatch.deliveries[0], TracedDelivery)
    assert dispatch != "x"
