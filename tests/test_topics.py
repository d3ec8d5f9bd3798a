"""Topics: events that are routed by a name."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from typing import Any

import pytest

from buswork import (
    AsyncEventBus,
    EventBus,
    Failure,
    HandlerErrors,
    Handlers,
    PublishRecursionError,
    UnhandledEvent,
    handles,
)


class Placed: ...


def topics_seen(bus: EventBus, pattern: str, *topics: str) -> list[str]:
    """Publish each topic to itself; return those that a handler of the pattern got."""
    seen: list[str] = []
    with bus.subscribe(pattern, seen.append):
        for topic in topics:
            bus.publish(topic, topic=topic)
    return seen


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("orders.eu.placed", ["orders.eu.placed"], ["orders.us.placed", "orders.eu", "orders"]),
        ("orders.*.placed", ["orders.eu.placed"], ["orders.placed", "orders.eu.de.placed"]),
        ("orders.**", ["orders", "orders.eu", "orders.eu.de.placed"], ["payments.eu"]),
        ("**.placed", ["placed", "orders.eu.placed"], ["orders.placed.eu"]),
        ("**", ["a", "a.b.c"], []),
        ("*", ["a"], ["a.b"]),
        ("a.**.b.**.c", ["a.b.c", "a.x.b.b.y.c"], ["a.c", "a.b.x"]),
    ],
)
def test_a_star_is_one_segment_and_two_are_any_number(
    pattern: str, matching: list[str], others: list[str]
) -> None:
    assert topics_seen(EventBus(), pattern, *matching, *others) == matching


def test_matching_is_as_a_dull_matcher_says() -> None:
    def matches(pattern: list[str], topic: list[str]) -> bool:
        if not pattern:
            return not topic
        if pattern[0] == "**":
            return any(matches(pattern[1:], topic[skip:]) for skip in range(len(topic) + 1))
        fits = bool(topic) and pattern[0] in ("*", topic[0])
        return fits and matches(pattern[1:], topic[1:])

    chance = random.Random(7)  # noqa: S311 - no secret
    bus = EventBus()
    for _ in range(300):
        pattern = [chance.choice(["a", "b", "*", "**"]) for _ in range(chance.randint(1, 6))]
        topic = [chance.choice("ab") for _ in range(chance.randint(1, 6))]
        expected = [".".join(topic)] if matches(pattern, topic) else []
        assert topics_seen(bus, ".".join(pattern), ".".join(topic)) == expected


def test_a_topic_event_goes_to_topic_handlers_only_and_others_to_none_of_them() -> None:
    bus = EventBus()
    seen: list[tuple[str, object]] = []
    bus.subscribe(Placed, lambda event: seen.append(("class", event)))
    bus.subscribe(object, lambda event: seen.append(("object", event)))
    bus.subscribe("**", lambda event: seen.append(("topic", event)))
    event = Placed()
    bus.publish(event, topic="orders.placed")
    assert seen == [("topic", event)]
    seen.clear()
    bus.publish(event)
    assert seen == [("class", event), ("object", event)]


def test_topic_handlers_run_in_call_order_and_each_subscription_once() -> None:
    bus = EventBus()
    order: list[str] = []
    bus.on("orders.*", "orders.**")(lambda _: order.append("two patterns"))
    bus.on("orders.placed", priority=1)(lambda _: order.append("first"))
    bus.on("**")(lambda _: order.append("last"))
    bus.publish(None, topic="orders.placed")
    assert order == ["first", "two patterns", "last"]


def test_the_options_of_a_subscription_hold_for_topics() -> None:
    bus = EventBus()
    seen: list[int] = []
    subscription = bus.subscribe("n", seen.append, name="n", when=lambda n: n > 1, once=True)
    bus.publish(1, topic="n")
    bus.publish(2, topic="n")
    bus.publish(3, topic="n")
    assert seen == [2]
    assert not subscription.active
    assert subscription.event_types == ("n",)


def test_a_subscription_may_name_classes_and_topics() -> None:
    bus = EventBus()
    seen: list[object] = []
    subscription = bus.on(int, "numbers.*", str)
    subscription(seen.append)
    bus.publish(1)
    bus.publish(2.5, topic="numbers.floats")
    bus.publish("three")
    assert seen == [1, 2.5, "three"]
    assert bus.handlers(int)[0].event_types == (int, "numbers.*", str)


def test_a_cancelled_topic_handler_is_not_called_any_more() -> None:
    bus = EventBus()
    seen: list[int] = []
    subscription = bus.subscribe("a.*", seen.append)
    bus.publish(1, topic="a.b")
    subscription.cancel()
    bus.publish(2, topic="a.b")
    bus.subscribe("a.*", seen.append)
    bus.publish(3, topic="a.b")
    assert seen == [1, 3]


def test_unsubscribe_ends_subscriptions_to_exactly_this_pattern() -> None:
    bus = EventBus()
    seen: list[str] = []
    bus.subscribe("a.*", seen.append)
    bus.subscribe("a.**", seen.append)
    bus.unsubscribe("a.*", seen.append)
    bus.publish("x", topic="a.b")
    assert seen == ["x"]
    with pytest.raises(LookupError, match=r"is not subscribed to 'a\.\*'"):
        bus.unsubscribe("a.*", seen.append)


def test_the_same_handler_for_the_same_pattern_warns() -> None:
    bus = EventBus()
    bus.subscribe("a.*", print)
    bus.subscribe("b.*", print)
    with pytest.warns(UserWarning, match=r'subscribed to "a\.\*" already'):
        bus.subscribe("a.*", print)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a segment is empty"),
        ("a..b", "a segment is empty"),
        (".a", "a segment is empty"),
        ("a.", "a segment is empty"),
        ("a b", "white space"),
        ("a.\n", "white space"),
        ("a.\x00", "control character"),
        (".".join("a" * 33), "more than 32 segments"),
        ("a" * 1_025, "longer than 1024 bytes"),
        ("a\ud800", "no Unicode text"),
    ],
)
def test_a_malformed_topic_or_pattern_is_a_value_error(text: str, why: str) -> None:
    bus = EventBus()
    for use in (
        lambda: bus.subscribe(text, print),
        lambda: bus.on(text)(print),
        lambda: bus.unsubscribe(text, print),
        lambda: bus.publish(1, topic=text),
        lambda: bus.deliver(1, topic=text),
        lambda: bus.post(1, topic=text),
        lambda: bus.handlers(text),
        lambda: bus.explain(text),
        lambda: asyncio.run(AsyncEventBus().publish(1, topic=text)),
    ):
        with pytest.raises(ValueError, match=why):
            use()


def test_wildcards_stand_alone_and_are_for_subscriptions() -> None:
    bus = EventBus()
    for pattern in ("ord*", "a.b*", "***", "a.**b"):
        with pytest.raises(ValueError, match="stands for whole segments"):
            bus.subscribe(pattern, print)
    with pytest.raises(ValueError, match="wildcards are for those who subscribe"):
        bus.publish(1, topic="a.*")


def test_a_topic_is_a_string_and_set_unhandled_takes_classes() -> None:
    bus = EventBus()
    wrong: Any = 3
    with pytest.raises(TypeError):
        bus.publish(1, topic=wrong)
    wrong = "orders.*"
    with pytest.raises(TypeError, match="takes a class, and not a topic"):
        bus.set_unhandled(wrong, "raise")


def test_an_unheard_topic_event_is_minded_as_the_bus_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    EventBus().publish(1, topic="a")
    bus = EventBus(unhandled="raise")
    bus.subscribe("b", print)
    with pytest.raises(UnhandledEvent, match=r"nobody handles the topic a: subscribe a handler"):
        bus.publish(1, topic="a")
    with pytest.raises(UnhandledEvent):
        bus.post(1, topic="a")
    EventBus(unhandled="warn").publish(1, topic="a")
    assert "nobody handles the topic a" in caplog.text


def test_a_failure_names_the_topic() -> None:
    failures: list[Failure] = []
    bus = EventBus()

    @bus.on("orders.*")
    def fail(event: object) -> None:
        raise KeyError(event)

    bus.on("orders.**", on_error=failures.append)(fail)
    with pytest.raises(
        HandlerErrors, match=r"1 of 2 handlers of Placed on orders\.eu failed"
    ) as got:
        bus.publish(Placed(), topic="orders.eu")
    (note,) = got.value.exceptions[0].__notes__
    assert "of Placed on orders.eu, published at" in note
    assert failures[0].topic == "orders.eu"
    assert failures[0].event_type is Placed


def test_deliver_reports_the_topic() -> None:
    bus = EventBus()
    bus.subscribe("a", lambda n: n * 2)
    bus.subscribe("a", lambda n: 1 / 0)
    report = bus.deliver(2, topic="a")
    assert report.topic == "a"
    assert [delivery.status for delivery in report.deliveries] == ["ok", "failed"]
    assert repr(report) == "<Report on int on a: 1 ok, 1 failed, 0 skipped>"
    with pytest.raises(HandlerErrors, match="of int on a failed"):
        report.raise_for_errors()


def test_a_posted_topic_event_is_delivered_later(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    with EventBus() as bus:
        bus.subscribe("a.*", seen.append)
        bus.subscribe("a.*", lambda n: 1 / 0)
        bus.post(1, topic="a.b")
        bus.post(2, topic="a.c")
    assert seen == [1, 2]
    assert "of int on a.b, published at" in caplog.text


async def collect(bus: AsyncEventBus) -> list[object]:
    seen: list[object] = []

    @bus.on("a.*")
    async def wait(event: object) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    @bus.on("a.b")
    def fail(event: object) -> None:
        raise ValueError(event)

    with pytest.raises(HandlerErrors, match="1 of 2 handlers of int on a.b failed") as got:
        await bus.publish(1, topic="a.b")
    assert "of int on a.b, published at" in got.value.exceptions[0].__notes__[0]
    report = await bus.deliver(2, topic="a.b")
    assert report.topic == "a.b"
    bus.post(3, topic="a.c")
    await bus.drain()
    return seen


def test_topics_on_the_async_bus() -> None:
    assert asyncio.run(collect(AsyncEventBus())) == [1, 2, 3]


def test_looking_in() -> None:
    bus = EventBus()

    def first(event: object) -> None: ...
    def second(event: object) -> None: ...

    bus.subscribe("orders.*", second)
    bus.subscribe("orders.**", first, priority=1, name="first")
    bus.subscribe("payments", second)
    assert [one.handler for one in bus.handlers("orders.eu")] == [first, second]
    text = bus.explain("orders.eu")
    assert text.startswith("orders.eu: 2 handlers, in this order\n  1. first (")
    assert "runs, subscribed to orders.**, priority 1" in text
    assert text.endswith("1 other subscription to patterns that it does not match")
    assert "ignored" in bus.explain("nobody")
    assert "on 'orders.*'" in repr(bus.handlers("orders.eu")[1])
    assert repr(bus.on("orders.*")) == "<decorator on 'orders.*'>"
    with pytest.raises(ValueError, match="wildcards"):
        bus.handlers("orders.*")
    # The handlers of a class are explained beside those of topics.
    assert "1 handler" in (bus.subscribe(int, first), bus.explain(int))[1]


def test_declared_handlers_may_name_topics() -> None:
    seen: list[object] = []
    handlers = Handlers()
    handlers.on("a.*")(seen.append)

    class Service:
        @handles("b.*", priority=1)
        def handle(self, event: object) -> None:
            seen.append(event)

    bus = EventBus()
    bus.include(handlers)
    group = bus.include(Service())
    bus.publish(1, topic="a.x")
    bus.publish(2, topic="b.x")
    group.cancel()
    bus.publish(3, topic="b.x")
    assert seen == [1, 2]


def test_many_distinct_topics_leave_memory_flat() -> None:
    bus = EventBus()
    count = [0]

    @bus.on("devices.*.reading")
    def handle(event: object) -> None:
        count[0] += 1

    def publish(numbers: range) -> None:
        for number in numbers:
            bus.publish(number, topic=f"devices.{number}.reading")

    publish(range(5_000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    publish(range(5_000, 30_000))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == [30_000]
    assert after - before < 100_000


def test_a_fan_out_over_topics_is_no_cycle_and_a_cycle_is_told_by_its_topics() -> None:
    async def main() -> None:
        bus = AsyncEventBus()
        leaves = 0

        @bus.on("leaf")
        async def count(_event: object) -> None:
            nonlocal leaves
            await asyncio.sleep(0)
            leaves += 1

        for depth in range(4):

            @bus.on(f"stem.{depth}")
            async def grow(event: dict[str, int]) -> None:
                depth = event["depth"]
                if depth < 3:
                    await bus.publish({"depth": depth + 1}, topic=f"stem.{depth + 1}")
                    return
                async with asyncio.TaskGroup() as group:
                    for _ in range(5_000):
                        group.create_task(bus.publish({}, topic="leaf"))

        await bus.publish({"depth": 0}, topic="stem.0")
        assert leaves == 5_000

        @bus.on("a")
        async def one(event: object) -> None:
            await bus.publish(event, topic="b")

        @bus.on("b")
        async def another(event: object) -> None:
            await bus.publish(event, topic="a")

        with pytest.raises(PublishRecursionError, match="dict on a -> dict on b -> dict on a"):
            await bus.publish({}, topic="a")

    asyncio.run(main())


def test_what_was_subscribed_together_is_cancelled_by_its_handle() -> None:
    bus = EventBus()
    bus.on("a.*", "b.*")(print)
    with pytest.raises(LookupError, match="in one subscription: cancel that"):
        bus.unsubscribe("a.*", print)
