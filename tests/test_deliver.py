"""`deliver`: a report of each delivery, and nothing raised for handlers."""

from __future__ import annotations

import gc
import logging

import pytest

from buswork import Delivery, EventBus, HandlerErrors, PublishRecursionError, Report, UnhandledEvent


class Placed: ...


def fail(_event: object) -> None:
    raise ValueError("no stock")


def test_a_report_has_one_delivery_a_subscription_in_call_order() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: "second", name="b")
    bus.subscribe(Placed, lambda _: "first", name="a", priority=1)
    report = bus.deliver(Placed())
    assert isinstance(report, Report)
    assert report.event_type is Placed
    assert [(each.name, each.status, each.result) for each in report.deliveries] == [
        ("a", "ok", "first"),
        ("b", "ok", "second"),
    ]
    assert report.failures == ()
    assert report.raise_for_errors() is None


def test_a_delivery_that_went_well() -> None:
    bus = EventBus()
    handler = lambda _: 7  # noqa: E731
    bus.subscribe(Placed, handler)
    (delivery,) = bus.deliver(Placed()).deliveries
    assert isinstance(delivery, Delivery)
    assert delivery.handler is handler
    assert (delivery.status, delivery.reason, delivery.result, delivery.error) == (
        "ok",
        None,
        7,
        None,
    )
    assert delivery.elapsed >= 0.0


def test_a_failed_delivery_has_its_error_and_the_others_run() -> None:
    bus = EventBus()
    bus.subscribe(Placed, fail)
    bus.subscribe(Placed, lambda _: 1)
    report = bus.deliver(Placed())
    failed, well = report.deliveries
    assert failed.status == "failed"
    assert isinstance(failed.error, ValueError)
    assert failed.result is None
    assert well.status == "ok"
    assert report.failures == (failed,)
    with pytest.raises(HandlerErrors) as caught:
        report.raise_for_errors()
    assert caught.value.exceptions == (failed.error,)


@pytest.mark.parametrize("options", [{"once": True}, {"when": lambda _event: True}, {}])
def test_a_delivery_names_its_handler_whatever_its_options(options: dict[str, object]) -> None:
    bus = EventBus()
    bus.subscribe(Placed, fail, **options)  # type: ignore[arg-type]
    (delivery,) = bus.deliver(Placed()).deliveries
    assert delivery.handler is fail


def test_skipped_deliveries_say_why() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: bus.unsubscribe(Placed, fail), name="first", priority=9)
    bus.subscribe(Placed, fail, name="cancelled")
    bus.subscribe(Placed, lambda _: 1, name="paused").pause()
    bus.subscribe(Placed, lambda _: 1, name="when", when=lambda _: False)
    deliveries = bus.deliver(Placed()).deliveries[1:]
    assert [(each.status, each.reason, each.elapsed) for each in deliveries] == [
        ("skipped", "cancelled", 0.0),
        ("skipped", "paused", 0.0),
        ("skipped", "when", 0.0),
    ]
    assert [each.name for each in deliveries] == ["cancelled", "paused", "when"]


def test_a_once_spent_by_a_nested_publish_is_skipped_as_once() -> None:
    bus = EventBus()
    ran: list[object] = []

    @bus.on(Placed, once=True)
    def again(_event: Placed) -> None:
        bus.publish(Placed())

    bus.subscribe(Placed, ran.append, once=True)
    _, second = bus.deliver(Placed()).deliveries
    assert (second.status, second.reason) == ("skipped", "once")
    assert len(ran) == 1


def test_a_weak_handler_whose_object_died_meanwhile_is_skipped_as_gone() -> None:
    class Owner:
        def handle(self, event: Placed) -> None: ...

    bus = EventBus()
    owners = [Owner()]

    @bus.on(Placed)
    def drop(_event: Placed) -> None:
        owners.clear()
        gc.collect()

    bus.subscribe(Placed, owners[0].handle, weak=True)
    _, second = bus.deliver(Placed()).deliveries
    assert second.status == "skipped"
    assert second.reason == "gone"


def test_after_a_stop_the_rest_are_skipped_as_stopped() -> None:
    bus = EventBus(on_error="stop")
    ran: list[object] = []
    bus.subscribe(Placed, fail)
    bus.subscribe(Placed, ran.append)
    failed, rest = bus.deliver(Placed()).deliveries
    assert failed.status == "failed"
    assert (rest.status, rest.reason) == ("skipped", "stopped")
    assert ran == []


def test_on_error_counts_for_deliver_as_well(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []
    bus = EventBus()
    bus.subscribe(Placed, fail, on_error="log")
    bus.subscribe(Placed, lambda event: fail(event), on_error=seen.append)
    with caplog.at_level(logging.ERROR, "buswork"):
        report = bus.deliver(Placed())
    assert len(report.failures) == 2
    assert len(seen) == 1
    assert "no stock" in caplog.text


def test_unhandled_events_recursion_and_interrupts_are_raised() -> None:
    bus = EventBus(unhandled="raise", max_depth=3)
    with pytest.raises(UnhandledEvent):
        bus.deliver(Placed())
    bus.subscribe(Placed, lambda event: bus.deliver(event))
    with pytest.raises(PublishRecursionError):
        bus.deliver(Placed())
    bus.clear()

    def interrupt(_event: Placed) -> None:
        raise KeyboardInterrupt

    bus.subscribe(Placed, interrupt)
    with pytest.raises(KeyboardInterrupt):
        bus.deliver(Placed())


def test_a_class_delivered_instead_of_an_instance_is_refused() -> None:
    with pytest.raises(TypeError, match="publish an instance"):
        EventBus().deliver(Placed)


def test_a_report_reads_well() -> None:
    bus = EventBus()
    bus.subscribe(Placed, fail, name="stock")
    bus.subscribe(Placed, print, name="audit").pause()
    report = bus.deliver(Placed())
    assert "0 ok, 1 failed, 1 skipped" in repr(report)
    assert [repr(each) for each in report.deliveries] == [
        "<Delivery to stock: failed>",
        "<Delivery to audit: skipped (paused)>",
    ]
