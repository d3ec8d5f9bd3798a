"""`publish`: order, isolation, what is raised and noted, nested publishes."""

from __future__ import annotations

import inspect
import logging
import sys
import types
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import pytest

from buswork import BusworkError, EventBus, Failure, HandlerErrors


class Placed: ...


class Paid: ...


class SecretError(Exception): ...


def failing(error: BaseException) -> Callable[[object], None]:
    def fail(_event: object) -> None:
        raise error

    return fail


def test_publish_returns_nothing_and_takes_any_object() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(object, seen.append)
    assert bus.publish(3) is None
    assert bus.publish("text") is None
    assert bus.publish(None) is None
    assert seen == [3, "text", None]


def test_every_handler_gets_the_very_event() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    event = Placed()
    bus.publish(event)
    assert seen[0] is event


def test_high_priority_runs_first_and_equal_ones_in_order_of_subscription() -> None:
    bus = EventBus()
    order: list[str] = []
    for name, priority in [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0)]:
        bus.subscribe(Placed, lambda _, name=name: order.append(name), priority=priority)
    bus.publish(Placed())
    assert order == ["b", "d", "a", "e", "c"]


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 10, 11, 16, 17, 20, 21, 40, 100])
def test_any_number_of_handlers_runs_in_order(count: int) -> None:
    bus = EventBus()
    order: list[int] = []
    for number in range(count):
        bus.subscribe(Placed, lambda _, number=number: order.append(number))
    bus.publish(Placed())
    bus.publish(Placed())
    assert order == [*range(count), *range(count)]


@pytest.mark.parametrize("count", [1, 3, 8, 10, 11, 21, 40])
def test_wherever_a_handler_fails_the_others_run(count: int) -> None:
    for place in range(count):
        bus = EventBus()
        order: list[int] = []
        error = ValueError(place)
        for number in range(count):
            if number == place:
                bus.subscribe(Placed, failing(error))
            else:
                bus.subscribe(Placed, lambda _, number=number: order.append(number))
        with pytest.raises(HandlerErrors) as caught:
            bus.publish(Placed())
        assert caught.value.exceptions == (error,)
        assert order == [number for number in range(count) if number != place]


@pytest.mark.parametrize("count", [2, 8, 10, 25])
def test_failures_are_raised_together_in_call_order(count: int) -> None:
    bus = EventBus()
    errors = [ValueError(number) for number in range(count)]
    for error in errors:
        bus.subscribe(Placed, failing(error))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert list(caught.value.exceptions) == errors


def test_the_raised_group_is_of_our_tree_and_splits_into_its_own_kind() -> None:
    bus = EventBus()
    bus.subscribe(Placed, failing(ValueError(1)))
    bus.subscribe(Placed, failing(KeyError(2)))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert isinstance(caught.value, BusworkError)
    assert isinstance(caught.value, ExceptionGroup)
    values, rest = caught.value.split(ValueError)
    assert isinstance(values, HandlerErrors)
    assert isinstance(rest, HandlerErrors)
    assert "Placed" in str(caught.value)


def test_except_star_picks_failures_apart() -> None:
    bus = EventBus()
    bus.subscribe(Placed, failing(ValueError(1)))
    bus.subscribe(Placed, failing(KeyError(2)))
    picked: list[str] = []
    try:
        bus.publish(Placed())
    except* ValueError:
        picked.append("value")
    except* KeyError:
        picked.append("key")
    assert picked == ["value", "key"]


def test_nested_publishes_nest_groups() -> None:
    bus = EventBus()
    inner = ValueError("inner")
    bus.subscribe(Paid, failing(inner))
    bus.subscribe(Placed, lambda _: bus.publish(Paid()))
    outer = KeyError("outer")
    bus.subscribe(Placed, failing(outer))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    nested, bare = caught.value.exceptions
    assert isinstance(nested, HandlerErrors)
    assert nested.exceptions == (inner,)
    assert bare is outer


@pytest.mark.parametrize("count", [1, 12])
def test_each_member_is_noted_once_with_type_handler_and_site(count: int) -> None:
    bus = EventBus()

    class Handler:
        def handle(self, _event: Placed) -> None:
            raise SecretError

    for _ in range(count):
        bus.subscribe(Placed, Handler().handle)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    for member in caught.value.exceptions:
        (note,) = member.__notes__
        assert "Placed" in note
        assert "Handler.handle" in note
        line = Handler.handle.__code__.co_firstlineno
        assert f"test_publish.py:{line}" in note
        site = test_each_member_is_noted_once_with_type_handler_and_site.__code__.co_filename
        assert note.count(f"{site}:") == 2


@pytest.mark.parametrize("options", [{"once": True}, {"when": lambda _event: True}])
def test_the_note_names_the_handler_whatever_its_options(options: dict[str, Any]) -> None:
    bus = EventBus()
    handler = failing(SecretError())
    bus.subscribe(Placed, handler, **options)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    (note,) = caught.value.exceptions[0].__notes__
    assert f"test_publish.py:{handler.__code__.co_firstlineno}" in note


def test_a_handler_that_cancelled_itself_before_failing_is_still_named_with_its_place() -> None:
    bus = EventBus()

    def fail(_event: Placed) -> None:
        subscription.cancel()
        raise SecretError

    subscription = bus.subscribe(Placed, fail)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    (note,) = caught.value.exceptions[0].__notes__
    assert f"test_publish.py:{fail.__code__.co_firstlineno}" in note


def test_notes_and_messages_never_show_the_payload() -> None:
    class Card:
        def __repr__(self) -> str:
            return "4111-1111"

    bus = EventBus()
    bus.subscribe(Card, failing(SecretError()))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Card())
    assert "4111" not in str(caught.value) + "".join(caught.value.exceptions[0].__notes__)


def test_an_exception_that_goes_through_nested_publishes_keeps_its_one_note_a_handler() -> None:
    bus = EventBus(on_error="stop")
    error = SecretError()
    bus.subscribe(Paid, failing(error))
    bus.subscribe(Placed, lambda _: bus.publish(Paid()))
    for _ in range(3):
        with pytest.raises(SecretError):
            bus.publish(Placed())
    assert len(error.__notes__) == len(set(error.__notes__))


def test_the_traceback_of_a_member_begins_in_the_handler() -> None:
    bus = EventBus()
    handler = failing(ValueError())
    for _ in range(12):
        bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, handler)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    traceback = caught.value.exceptions[0].__traceback__
    assert traceback is not None
    assert traceback.tb_frame.f_code is handler.__code__
    assert traceback.tb_next is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("crowd", [0, 12])
def test_interrupts_go_straight_through(kind: type[BaseException], crowd: int) -> None:
    bus = EventBus()
    ran: list[object] = []
    for _ in range(crowd):
        bus.subscribe(Placed, lambda _: None)
    bus.subscribe(Placed, failing(kind()))
    bus.subscribe(Placed, ran.append)
    with pytest.raises(kind):
        bus.publish(Placed())
    assert ran == []


def test_failures_collected_before_an_interrupt_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    bus.subscribe(Placed, failing(SecretError("lost?")))
    bus.subscribe(Placed, failing(KeyboardInterrupt()))
    with caplog.at_level(logging.ERROR, "buswork"), pytest.raises(KeyboardInterrupt):
        bus.publish(Placed())
    assert "lost?" in caplog.text


def test_on_error_log_writes_a_traceback_and_raises_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus(on_error="log")
    ran: list[object] = []
    bus.subscribe(Placed, failing(SecretError("logged")))
    bus.subscribe(Placed, ran.append)
    with caplog.at_level(logging.ERROR, "buswork"):
        bus.publish(Placed())
    assert len(ran) == 1
    assert "SecretError: logged" in caplog.text
    assert "Traceback" in caplog.text


def test_on_error_stop_raises_the_first_failure_bare_and_runs_no_other() -> None:
    bus = EventBus(on_error="stop")
    ran: list[object] = []
    error = SecretError()
    bus.subscribe(Placed, failing(error))
    bus.subscribe(Placed, ran.append)
    with pytest.raises(SecretError) as caught:
        bus.publish(Placed())
    assert caught.value is error
    assert ran == []


def test_with_stop_a_failure_already_collected_is_not_lost() -> None:
    bus = EventBus()
    first, second = SecretError(1), SecretError(2)
    ran: list[object] = []
    bus.subscribe(Placed, failing(first))
    bus.subscribe(Placed, failing(second), on_error="stop")
    bus.subscribe(Placed, ran.append)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert caught.value.exceptions == (first, second)
    assert ran == []


@pytest.mark.parametrize("options", [{}, {"once": True}, {"when": lambda _event: True}])
@pytest.mark.parametrize("where", ["bus", "subscription"])
def test_an_on_error_callable_gets_the_failure(where: str, options: dict[str, Any]) -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append if where == "bus" else "raise")
    error = SecretError()
    handler = failing(error)
    if where == "subscription":
        options = options | {"on_error": failures.append}
    bus.subscribe(Placed, handler, name="fraud", **options)
    event = Placed()
    bus.publish(event)
    (failure,) = failures
    assert failure.event is event
    assert failure.event_type is Placed
    assert failure.handler is handler
    assert failure.name == "fraud"
    assert failure.error is error
    assert failure.site is not None
    assert "test_publish.py:" in failure.site


def test_an_on_error_callable_is_called_for_a_handler_that_cancelled_itself() -> None:
    failures: list[Failure] = []
    bus = EventBus()

    def fail(_event: Placed) -> None:
        subscription.cancel()
        raise SecretError

    subscription = bus.subscribe(Placed, fail, on_error=failures.append)
    bus.publish(Placed())
    assert len(failures) == 1


def test_an_on_error_callable_that_raises_is_logged_with_the_failure_and_stops_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def worse(_failure: Failure) -> None:
        raise SecretError("worse")

    bus = EventBus(on_error=worse)
    ran: list[object] = []
    bus.subscribe(Placed, failing(SecretError("bad")))
    bus.subscribe(Placed, ran.append)
    with caplog.at_level(logging.ERROR, "buswork"):
        bus.publish(Placed())
    assert len(ran) == 1
    assert "SecretError: bad" in caplog.text
    assert "SecretError: worse" in caplog.text


def test_what_a_subscription_says_of_errors_comes_before_what_the_bus_says() -> None:
    bus = EventBus(on_error="log")
    bus.subscribe(Placed, failing(SecretError()), on_error="raise")
    with pytest.raises(HandlerErrors):
        bus.publish(Placed())


def test_a_nested_publish_runs_depth_first() -> None:
    bus = EventBus()
    order: list[str] = []

    @bus.on(Placed)
    def first(_event: Placed) -> None:
        order.append("first begins")
        bus.publish(Paid())
        order.append("first ends")

    bus.subscribe(Placed, lambda _: order.append("second"))
    bus.subscribe(Paid, lambda _: order.append("paid"))
    bus.publish(Placed())
    assert order == ["first begins", "paid", "first ends", "second"]


def test_a_publish_keeps_the_handlers_that_it_started_with() -> None:
    bus = EventBus()
    late: list[object] = []

    @bus.on(Placed, once=True)
    def subscribe_another(_event: Placed) -> None:
        bus.subscribe(Placed, late.append)

    bus.publish(Placed())
    assert late == []
    bus.publish(Placed())
    assert len(late) == 1


@pytest.mark.parametrize("verb", ["cancel", "pause"])
@pytest.mark.parametrize("crowd", [0, 7, 9, 20])
def test_a_handler_cancelled_or_paused_meanwhile_is_not_called(verb: str, crowd: int) -> None:
    bus = EventBus()
    ran: list[object] = []
    bus.subscribe(Placed, lambda _: getattr(later, verb)())
    for _ in range(crowd):
        bus.subscribe(Placed, lambda _: None)
    later = bus.subscribe(Placed, ran.append)
    bus.publish(Placed())
    assert ran == []


def test_a_pause_ended_meanwhile_counts_at_once() -> None:
    bus = EventBus()
    ran: list[object] = []
    bus.subscribe(Placed, lambda _: later.resume())
    later = bus.subscribe(Placed, ran.append)
    later.pause()
    bus.publish(Placed())
    assert len(ran) == 1


def test_clear_during_a_publish_ends_it() -> None:
    bus = EventBus()
    ran: list[object] = []
    bus.subscribe(Placed, lambda _: bus.clear())
    for _ in range(12):
        bus.subscribe(Placed, lambda event: ran.append(event))
    bus.publish(Placed())
    assert ran == []


def test_a_handler_subscribed_to_several_types_runs_once_an_event() -> None:
    class Base: ...

    class Event(Base): ...

    bus = EventBus()
    seen: list[object] = []
    bus.on(Base, Event, object)(seen.append)
    bus.publish(Event())
    assert len(seen) == 1


def test_an_awaitable_returned_unforeseen_is_closed_and_a_failure() -> None:
    async def later(_event: Placed) -> None: ...

    for crowd in (0, 12):
        bus = EventBus()
        for _ in range(crowd):
            bus.subscribe(Placed, lambda _: None)
        bus.subscribe(Placed, lambda event: later(event))
        with pytest.raises(HandlerErrors) as caught:
            bus.publish(Placed())
        (member,) = caught.value.exceptions
        assert "AsyncEventBus" in str(member)


@pytest.mark.parametrize("crowd", [0, 8])
def test_an_awaitable_before_a_failure_is_a_failure_too(crowd: int) -> None:
    async def later(_event: Placed) -> None: ...

    bus = EventBus()
    for _ in range(crowd):
        bus.subscribe(Placed, lambda _: None)
    made: list[Any] = []

    @bus.on(Placed)
    def wrapper(event: Placed) -> object:
        made.append(later(event))
        return made[0]

    @bus.on(Placed)
    def fail(_event: Placed) -> None:
        raise ValueError

    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    first, second = caught.value.exceptions
    assert "AsyncEventBus" in str(first) and "wrapper" in first.__notes__[0]
    assert isinstance(second, ValueError) and "fail" in second.__notes__[0]
    assert inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED


def test_handlers_may_return_what_they_like() -> None:
    bus = EventBus()
    for result in (1, "text", [], object()):
        bus.subscribe(Placed, lambda _, result=result: result)
    for _ in range(20):
        bus.subscribe(Placed, lambda _: 3)
    bus.publish(Placed())


def test_publishing_a_class_instead_of_an_instance_is_refused() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: None)
    with pytest.raises(TypeError, match=r"Placed itself.*publish an instance, Placed\(\.\.\.\)"):
        bus.publish(Placed)


def test_a_class_may_be_published_when_somebody_subscribes_to_classes() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(type, seen.append)
    bus.publish(Placed)
    assert seen == [Placed]


def test_a_predicate_keeps_events_off() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(int, seen.append, when=lambda number: number > 10)
    for number in (5, 50, 7, 70):
        bus.publish(number)
    assert seen == [50, 70]


def test_a_predicate_that_raises_is_a_failure_of_its_handler() -> None:
    bus = EventBus()
    seen: list[object] = []
    error = SecretError()
    bus.subscribe(Placed, seen.append, when=failing(error))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert caught.value.exceptions == (error,)
    assert seen == []


def test_a_predicate_whose_answer_has_no_truth_is_a_failure_of_its_handler() -> None:
    class Undecided:
        def __bool__(self) -> bool:
            raise SecretError

    bus = EventBus()
    bus.subscribe(Placed, lambda _: None, when=lambda _: Undecided())
    with pytest.raises(HandlerErrors):
        bus.publish(Placed())


def test_once_is_spent_by_a_call_not_by_a_skip() -> None:
    bus = EventBus()
    seen: list[int] = []
    subscription = bus.subscribe(int, seen.append, once=True, when=lambda number: number > 10)
    subscription.pause()
    bus.publish(50)
    subscription.resume()
    for number in (5, 60, 70):
        bus.publish(number)
    assert seen == [60]
    assert not subscription.active


def test_once_is_spent_before_its_call() -> None:
    bus = EventBus()
    seen: list[object] = []

    @bus.on(Placed, once=True)
    def again(event: Placed) -> None:
        seen.append(event)
        bus.publish(Placed())

    bus.publish(Placed())
    assert len(seen) == 1


def test_the_error_of_a_failure_and_of_a_delivery_has_its_traceback() -> None:
    failures: list[Failure] = []
    bus = EventBus(on_error=failures.append)
    handler = failing(SecretError())
    bus.subscribe(Placed, handler)
    bus.publish(Placed())
    bus.clear()
    bus.subscribe(Placed, failing(SecretError()))
    errors = [failures[0].error, bus.deliver(Placed()).failures[0].error]
    for error in errors:
        assert error is not None
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_frame.f_code is handler.__code__


@pytest.mark.parametrize("crowd", [9, 10, 11])
def test_an_exception_that_forbids_assignments_is_isolated_and_noted(crowd: int) -> None:
    @dataclass(frozen=True)
    class DeclinedError(Exception):
        code: int

    def pay(_event: Placed) -> None:
        raise DeclinedError(1)

    bus = EventBus()
    ran: list[object] = []
    bus.subscribe(Placed, pay)
    for _ in range(crowd - 1):
        bus.subscribe(Placed, lambda event: ran.append(event))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    (member,) = caught.value.exceptions
    assert isinstance(member, DeclinedError) and "pay" in member.__notes__[0]
    assert len(ran) == crowd - 1


@pytest.mark.parametrize("crowd", [10, 11])
def test_what_a_tracer_raises_between_handlers_blames_none_of_them(crowd: int) -> None:
    class StopError(Exception): ...

    def trace(frame: Any, what: str, _: object) -> Any:
        if frame.f_code.co_name == "call_ten" and what == "return":
            raise StopError
        return trace if frame.f_code.co_name == "call_ten" else None

    bus = EventBus()
    for _ in range(crowd):
        bus.subscribe(Placed, lambda _: None)
    bus.publish(Placed())
    known = sys.gettrace()
    sys.settrace(trace)
    try:
        bus.publish(Placed())
    except StopError:
        pass
    finally:
        sys.settrace(known)


@pytest.mark.parametrize("crowd", [0, 9])
def test_the_site_of_a_publish_made_by_a_bus_as_handler_is_the_publishers_line(crowd: int) -> None:
    outer, inner = EventBus(), EventBus()
    inner.subscribe(Placed, failing(ValueError()))
    outer.subscribe(Placed, inner.publish)
    for _ in range(crowd):
        outer.subscribe(Placed, lambda _: None)
    with pytest.raises(HandlerErrors) as caught:
        outer.publish(Placed())
    (group,) = caught.value.exceptions
    assert isinstance(group, HandlerErrors)
    assert f"published at {__file__}" in group.exceptions[0].__notes__[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_a_failure_is_logged_goes_through() -> None:
    class Interrupting(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise KeyboardInterrupt

    log, interrupting = logging.getLogger("buswork"), Interrupting()
    log.addFilter(interrupting)
    bus = EventBus(on_error="log")
    bus.subscribe(Placed, failing(ValueError()))
    try:
        with pytest.raises(KeyboardInterrupt):
            bus.publish(Placed())
    finally:
        log.removeFilter(interrupting)


def test_a_predicate_that_returns_an_awaitable_is_a_failure_of_its_handler() -> None:
    async def ask(_event: Placed) -> bool:
        return False

    bus = EventBus()
    ran: list[object] = []
    bus.subscribe(Placed, ran.append, when=lambda event: ask(event))
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert "predicate" in str(caught.value.exceptions[0]) and ran == []


def test_an_on_error_that_returns_an_awaitable_is_logged_with_the_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tell(_failure: Failure) -> None: ...

    bus = EventBus(on_error=lambda failure: tell(failure))
    bus.subscribe(Placed, failing(SecretError()))
    bus.publish(Placed())
    assert "SecretError" in caplog.text and "on_error returned an awaitable" in caplog.text


def test_a_generator_that_is_a_coroutine_is_an_awaitable() -> None:
    @types.coroutine
    def later() -> Generator[None, None, None]:
        yield

    bus = EventBus()
    bus.subscribe(Placed, lambda _: later())
    with pytest.raises(HandlerErrors):
        bus.publish(Placed())


def test_notes_name_the_class_that_the_event_had() -> None:
    class Changed: ...

    bus = EventBus()

    @bus.on(Placed)
    def change(event: Any) -> None:
        event.__class__ = Changed
        raise ValueError

    with pytest.raises(HandlerErrors, match="of Placed failed") as caught:
        bus.publish(Placed())
    assert "of Placed," in caught.value.exceptions[0].__notes__[0]


@pytest.mark.parametrize("crowd", [1, 10, 25])
def test_handlers_that_return_values_are_all_called_once_each(crowd: int) -> None:
    bus = EventBus()
    called: list[int] = []

    def handler(number: int) -> Callable[[object], int | None]:
        def handle(_event: object) -> int | None:
            called.append(number)
            return number if number % 3 == 0 else None

        return handle

    for number in range(crowd):
        bus.subscribe(Placed, handler(number))
    for _ in range(3):
        called.clear()
        bus.publish(Placed())
        assert called == list(range(crowd))
