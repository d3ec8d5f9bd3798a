"""`subscribe`, `unsubscribe`, `clear`: handles, names, and every wrong use with its message."""

from __future__ import annotations

import functools
import logging
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NewType, Protocol, Union, runtime_checkable
from unittest.mock import Mock

import pytest

from buswork import EventBus, Subscription


class Placed: ...


class Cancelled: ...


def handle(event: Placed) -> None: ...


class Owner:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def handle(self, event: object) -> None:
        self.seen.append(event)

    @classmethod
    def handle_by_class(cls, event: object) -> None: ...

    @staticmethod
    def handle_statically(event: object) -> None: ...

    def __call__(self, event: object) -> None:
        self.seen.append(event)


def test_a_subscription_says_what_it_is() -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, handle, priority=3)
    assert isinstance(subscription, Subscription)
    assert subscription.active
    assert subscription.name == "tests.test_subscribe:handle"
    assert subscription.event_types == (Placed,)
    assert subscription.handler is handle
    assert subscription.priority == 3
    assert subscription.location == f"{__file__}:{handle.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    "handler",
    [
        handle,
        lambda event: None,
        lambda *events: None,
        lambda event, more=1, *, other=2, **rest: None,
        Owner().handle,
        Owner.handle_by_class,
        Owner.handle_statically,
        Owner(),
        functools.partial(lambda prefix, event: None, "dear"),
        functools.partial(Owner().handle),
        [].append,
        print,
        Mock(),
        functools.lru_cache(lambda event: None),
    ],
)
@pytest.mark.filterwarnings("default")
def test_any_callable_that_takes_one_argument_handles(handler: Callable[[Any], object]) -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, handler)
    bus.publish(Placed())
    assert subscription.handler == handler
    bus.unsubscribe(Placed, handler)
    assert not subscription.active


def test_a_cancelled_subscription_ends_for_good_and_lets_its_handler_go() -> None:
    bus = EventBus()
    owner = Owner()
    subscription = bus.subscribe(Placed, owner.handle)
    subscription.cancel()
    subscription.cancel()
    subscription.resume()
    bus.publish(Placed())
    assert owner.seen == []
    assert not subscription.active
    assert subscription.handler is None
    assert subscription.location is not None
    assert subscription.event_types == (Placed,)
    assert subscription.name == "tests.test_subscribe:Owner.handle"


def test_a_paused_subscription_gets_nothing_until_resumed() -> None:
    bus = EventBus()
    seen: list[int] = []
    subscription = bus.subscribe(int, seen.append)
    subscription.pause()
    subscription.pause()
    assert not subscription.active
    bus.publish(1)
    subscription.resume()
    assert subscription.active
    bus.publish(2)
    assert seen == [2]


def test_a_subscription_is_a_context_manager_that_cancels() -> None:
    bus = EventBus()
    seen: list[int] = []
    with pytest.raises(KeyError), bus.subscribe(int, seen.append) as subscription:
        bus.publish(1)
        assert subscription.active
        raise KeyError
    bus.publish(2)
    assert seen == [1]
    assert not subscription.active


def test_dropping_the_handle_does_nothing() -> None:
    bus = EventBus()
    seen: list[int] = []
    subscription = bus.subscribe(int, seen.append)
    del subscription
    bus.publish(1)
    assert seen == [1]


def test_a_handle_outlives_its_bus() -> None:
    bus = EventBus()
    subscription = bus.subscribe(int, print)
    del bus
    assert not subscription.active
    subscription.pause()
    subscription.resume()
    subscription.cancel()
    assert "ended" in repr(subscription)


def test_a_given_name_is_kept_and_free_again_after_a_cancel() -> None:
    bus = EventBus()
    first = bus.subscribe(Placed, handle, name="fraud")
    assert first.name == "fraud"
    with pytest.raises(ValueError, match=r'"fraud" is on this bus already.*choose another name'):
        bus.subscribe(Cancelled, handle, name="fraud")
    EventBus().subscribe(Placed, handle, name="fraud")
    first.cancel()
    bus.subscribe(Placed, handle, name="fraud")


def test_a_name_is_free_again_after_a_spent_once_a_clear_and_a_dead_object() -> None:
    bus = EventBus()
    bus.subscribe(Placed, handle, name="fraud", once=True)
    bus.publish(Placed())
    bus.subscribe(Placed, handle, name="fraud")
    bus.clear()
    owner = Owner()
    bus.subscribe(Placed, owner.handle, name="fraud", weak=True)
    del owner
    bus.subscribe(Placed, handle, name="fraud")


def test_default_names_need_not_be_unique() -> None:
    bus = EventBus()
    names = {bus.subscribe(each, handle).name for each in (Placed, Cancelled)}
    assert names == {"tests.test_subscribe:handle"}


def test_the_same_handler_for_the_same_type_twice_runs_twice_and_warns() -> None:
    bus = EventBus()
    owner = Owner()
    bus.subscribe(Placed, owner.handle)
    with pytest.warns(UserWarning, match=r"Owner.handle is subscribed to Placed already") as caught:
        bus.subscribe(Placed, owner.handle)
    assert caught[0].filename == __file__
    bus.publish(Placed())
    assert len(owner.seen) == 2


def test_another_object_type_or_a_cancelled_first_is_no_repetition() -> None:
    bus = EventBus()
    owner = Owner()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bus.subscribe(Placed, owner.handle)
        bus.subscribe(Placed, Owner().handle)
        bus.subscribe(Cancelled, owner.handle)
        bus.unsubscribe(Placed, owner.handle)
        bus.subscribe(Placed, owner.handle)


def test_a_warning_turned_into_an_error_subscribes_nothing() -> None:
    bus = EventBus()
    bus.subscribe(Placed, handle)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            bus.subscribe(Placed, handle, name="second")
    assert len(bus.handlers(Placed)) == 1


def test_unsubscribe_ends_every_subscription_of_the_handler_for_exactly_that_type() -> None:
    bus = EventBus()
    owner = Owner()
    with pytest.warns(UserWarning):
        ended = [bus.subscribe(Placed, owner.handle) for _ in range(3)]
    kept = bus.subscribe(object, owner.handle), bus.subscribe(Placed, Owner().handle)
    bus.unsubscribe(Placed, owner.handle)
    assert not any(each.active for each in ended)
    assert all(each.active for each in kept)


def test_unsubscribe_takes_a_union_for_a_subscription_to_several_types() -> None:
    bus = EventBus()
    bus.on(Placed, Cancelled)(handle)
    with pytest.raises(LookupError, match=r"one subscription"):
        bus.unsubscribe(Placed, handle)
    bus.unsubscribe(Cancelled | Placed, handle)
    assert bus.handlers(Placed) == []


@pytest.mark.parametrize("stranger", [handle, Owner().handle, print])
def test_unsubscribing_a_stranger_is_a_lookup_error(stranger: Callable[[Any], object]) -> None:
    bus = EventBus()
    bus.subscribe(Cancelled, stranger)
    bus.subscribe(Placed, Owner().handle)
    with pytest.raises(LookupError, match="is not subscribed to Placed"):
        bus.unsubscribe(Placed, stranger)


def test_clear_ends_all_and_the_bus_goes_on() -> None:
    bus = EventBus(unhandled="ignore")
    subscriptions = [bus.subscribe(each, handle) for each in (Placed, Cancelled, object)]
    bus.clear()
    assert not any(each.active for each in subscriptions)
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    bus.publish(Placed())
    assert len(seen) == 1


def test_a_bus_can_be_subclassed_and_given_attributes() -> None:
    class ShopBus(EventBus):
        def __init__(self, shop: str) -> None:
            super().__init__(unhandled="raise")
            self.shop = shop

    bus = ShopBus("corner")
    bus.note = "open"  # type: ignore[attr-defined]
    assert (bus.shop, bus.note) == ("corner", "open")  # type: ignore[attr-defined]
    with pytest.raises(LookupError):
        bus.publish(Placed())
    assert "ShopBus" in repr(bus)


# Wrong use fails at once and says how to mend it.


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (3, r"must be callable, got int: pass a function"),
        ("handle", r"must be callable, got str"),
        (None, r"must be callable, got NoneType: was it called by mistake\?"),
        (lambda: None, r"cannot be called with one argument"),
        (lambda event, more: None, r"cannot be called with one argument.*must have a default"),
        (lambda event, *, more: None, r"cannot be called with one argument"),
        (Owner.handle, r"Owner\.handle.*cannot be called with one argument"),
        (functools.partial(handle, Placed()), r"cannot be called with one argument"),
        (dict.fromkeys, None),
    ],
)
def test_what_cannot_handle_is_refused(handler: Any, message: str | None) -> None:
    bus = EventBus()
    if message is None:
        bus.subscribe(Placed, handler)
        return
    with pytest.raises(TypeError, match=message):
        bus.subscribe(Placed, handler)
    assert bus.handlers(Placed) == []


async def later(event: object) -> None: ...


async def later_many(event: object):
    yield event


def one_by_one(event: object):
    yield event


class Later:
    async def handle(self, event: object) -> None: ...
    async def __call__(self, event: object) -> None: ...


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (later, "AsyncEventBus"),
        (later_many, "AsyncEventBus"),
        (one_by_one, "generator function"),
        (Later().handle, "AsyncEventBus"),
        (Later(), "AsyncEventBus"),
        (functools.partial(later), "AsyncEventBus"),
        (functools.partial(Later().handle), "AsyncEventBus"),
        (functools.wraps(later)(later), "AsyncEventBus"),
    ],
)
def test_coroutine_and_generator_functions_are_refused(handler: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        EventBus().subscribe(Placed, handler)


class Abstract(ABC):
    @abstractmethod
    def bill(self) -> None: ...


@runtime_checkable
class WithData(Protocol):
    amount: float


class NotForRunTime(Protocol):
    def bill(self) -> None: ...


OrderId = NewType("OrderId", str)


@pytest.mark.parametrize(
    ("event_type", "message"),
    [
        (Placed(), r"must be a class or a topic, got an instance of Placed"),
        (3, r"must be a class or a topic, got an instance of int"),
        (None, r"type\(None\)"),
        (list[int], r"parametrised type.*subscribe to list"),
        (dict[str, int], r"parametrised type.*subscribe to dict"),
        (Any, r"typing\.Any: subscribe to object"),
        (OrderId, r"NewType.*the class that it stands for"),
        (WithData, r"cannot subscribe to WithData.*methods only"),
        (NotForRunTime, r"cannot subscribe to NotForRunTime.*@runtime_checkable"),
        (Placed | WithData, r"cannot subscribe to WithData"),
        (Placed | None, None),
        (Union[Placed, Cancelled], None),  # noqa: UP007 - the old spelling is meant
    ],
)
def test_what_is_no_event_type_is_refused(event_type: Any, message: str | None) -> None:
    bus = EventBus()
    if message is None:
        bus.subscribe(event_type, print)
        return
    for use in (
        lambda: bus.subscribe(event_type, print),
        lambda: bus.on(event_type)(print),
        lambda: bus.handlers(event_type),
        lambda: bus.explain(event_type),
        lambda: bus.set_unhandled(event_type, "raise"),
        lambda: bus.unsubscribe(event_type, print),
    ):
        with pytest.raises(TypeError, match=message):
            use()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"on_error": "explode"}, ValueError, r"\"raise\", \"log\", \"stop\" or a callable"),
        ({"on_error": 3}, TypeError, r"\"raise\", \"log\", \"stop\" or a callable.*got int"),
        ({"when": 3}, TypeError, r"when must be a callable.*got int"),
        ({"priority": "high"}, TypeError, r"priority"),
        ({"priority": 1.5}, TypeError, r"priority"),
        ({"prio": 1}, TypeError, r"prio"),
        ({"name": 3}, TypeError, r"name"),
    ],
)
def test_a_wrong_option_is_refused(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    bus = EventBus()
    with pytest.raises(kind, match=message):
        bus.subscribe(Placed, handle, **options)
    assert bus.handlers(Placed) == []


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"on_error": "explode"}, ValueError, r"\"raise\", \"log\", \"stop\" or a callable"),
        ({"unhandled": "explode"}, ValueError, r"\"ignore\", \"warn\" or \"raise\""),
        ({"max_depth": 0}, ValueError, r"at least 1"),
        ({"max_depth": -1}, (ValueError, OverflowError), None),
        ({"depth": 3}, TypeError, r"depth"),
    ],
)
def test_a_wrong_setting_is_refused(
    settings: dict[str, Any], kind: type[Exception], message: str | None
) -> None:
    with pytest.raises(kind, match=message):
        EventBus(**settings)


@pytest.mark.parametrize("make", [lambda: lambda event: None, lambda: local_function()])
def test_weak_is_refused_for_what_nothing_else_holds(make: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match=r"weak=True does not suit.*gone at once"):
        EventBus().subscribe(Placed, make(), weak=True)


def local_function() -> Callable[[object], None]:
    def local(event: object) -> None: ...

    return local


def test_weak_is_refused_for_an_object_that_cannot_be_referred_to_weakly() -> None:
    class Slotted:
        __slots__ = ()

        def handle(self, event: object) -> None: ...

        def __call__(self, event: object) -> None: ...

    bus = EventBus()
    for handler in (Slotted().handle, Slotted()):
        with pytest.raises(TypeError, match=r"weak=True does not suit"):
            bus.subscribe(Placed, handler, weak=True)
    assert bus.handlers(Placed) == []


def test_weak_is_refused_for_a_built_in_method_which_is_made_anew_at_each_access() -> None:
    seen: list[object] = []
    with pytest.raises(TypeError, match=r"weak=True does not suit"):
        EventBus().subscribe(Placed, seen.append, weak=True)


def test_a_weak_subscription_ends_with_its_object_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    owner = Owner()
    seen = owner.seen
    subscription = bus.subscribe(Placed, owner.handle, weak=True, name="stock")
    bus.publish(Placed())
    with caplog.at_level(logging.INFO, "buswork"):
        del owner
    bus.publish(Placed())
    assert len(seen) == 1
    assert not subscription.active
    assert subscription.handler is None
    assert bus.handlers(Placed) == []
    assert "stock" in caplog.text


def test_a_decorated_handler_is_judged_by_what_is_called() -> None:
    def inject(function: Callable[[Any, str], None]) -> Callable[[Any], None]:
        @functools.wraps(function)
        def wrapper(event: Any) -> None:
            function(event, "database")

        return wrapper

    def widen(function: Callable[[Any], None]) -> Callable[[Any, Any], None]:
        @functools.wraps(function)
        def wrapper(event: Any, more: Any) -> None:
            function(event)

        return wrapper

    def takes_two(event: Any, database: str) -> None: ...

    def takes_one(event: Any) -> None: ...

    bus = EventBus()
    subscription = bus.subscribe(Placed, inject(takes_two))
    bus.publish(Placed())
    assert subscription.location is not None
    assert subscription.location.endswith(f":{takes_two.__code__.co_firstlineno}")
    with pytest.raises(TypeError, match="cannot be called with one argument"):
        bus.subscribe(Placed, widen(takes_one))  # type: ignore[arg-type]


async def _asynchronous(_event: object) -> bool:
    return True


@pytest.mark.parametrize("option", ["when", "on_error"])
def test_a_coroutine_function_is_no_predicate_and_no_on_error(option: str) -> None:
    bus = EventBus()
    with pytest.raises(TypeError, match="is a coroutine function"):
        bus.subscribe(Placed, print, **{option: _asynchronous})
    with pytest.raises(TypeError, match="is a coroutine function"):
        EventBus(on_error=_asynchronous)
    with pytest.raises(TypeError, match="takes the event and says yes or no"):
        bus.subscribe(Placed, print, when=lambda: True)  # type: ignore[misc]


@pytest.mark.parametrize("depth", [0, -1, 2**40, 2**70])
def test_a_depth_out_of_range_is_a_value_error(depth: int) -> None:
    with pytest.raises(ValueError, match="max_depth|too large"):
        EventBus(max_depth=depth)
    with pytest.raises(ValueError, match="too large"):
        EventBus().subscribe(Placed, print, priority=2**70)


def test_on_without_brackets_says_how_to_write_it() -> None:
    bus = EventBus()
    with pytest.raises(TypeError, match=r"@bus\.on\(OrderPlaced\)"):

        @bus.on  # type: ignore[arg-type]
        def handle(event: Placed) -> None: ...


def test_handles_of_one_subscription_are_equal() -> None:
    bus = EventBus()
    one, other = bus.subscribe(Placed, print), bus.subscribe(Placed, repr)
    (first, second) = bus.handlers(Placed)
    assert one == first != other == second
    assert {one, other} == {first, second}
    assert one != "one"


def test_subscribing_many_handlers_to_one_type_is_not_quadratic() -> None:
    class Owner:
        def handle(self, event: Placed) -> None: ...

    def seconds(count: int) -> float:
        bus, owners = EventBus(), [Owner() for _ in range(count)]
        started = time.perf_counter()
        for owner in owners:
            bus.subscribe(Placed, owner.handle, weak=True)
        return time.perf_counter() - started

    few, many = (min(seconds(count) for _ in range(4)) for count in (500, 8_000))
    assert many < 16 * 6 * few


def test_weak_is_refused_for_a_partial() -> None:
    with pytest.raises(TypeError, match="partial"):
        EventBus().subscribe(Placed, functools.partial(print), weak=True)
