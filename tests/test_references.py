"""What a bus keeps alive, what it lets go, and objects that do their worst."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from buswork import EventBus, Failure, HandlerErrors, Handlers, handles

#: The soak run makes 100,000.
CLASSES = int(os.environ.get("BUSWORK_CLASSES", "5000"))
BUSES = 10_000


class Placed: ...


class Paid: ...


class Owner:
    """Has a bus and handlers that are bound to itself: a cycle through native objects."""

    def __init__(self, bus: EventBus | None = None) -> None:
        self.bus = bus or EventBus()
        self.seen: list[object] = []

    def handle(self, event: object) -> None:
        self.seen.append(event)

    def says_yes(self, event: object) -> bool:
        return True

    def look(self, failure: Failure) -> None: ...


def is_freed_when_dropped(make: Callable[[], object]) -> bool:
    thing = make()
    watched = weakref.ref(thing)
    del thing
    gc.collect()
    return watched() is None


def through_a_handler() -> object:
    owner = Owner()
    owner.bus.subscribe(Placed, owner.handle)
    return owner


def through_a_published_plan() -> object:
    owner = Owner()
    for _ in range(25):
        owner.bus.subscribe(Placed, lambda event: owner.handle(event))
    owner.bus.publish(Placed())
    return owner


def through_a_predicate_and_on_error() -> object:
    owner = Owner()
    owner.bus.subscribe(Placed, print, when=owner.says_yes, on_error=owner.look)
    owner.bus.subscribe(Paid, print, when=owner.says_yes, once=True)
    return owner


def through_the_on_error_of_the_bus() -> object:
    class Bus(EventBus):
        def __init__(self) -> None:
            super().__init__(on_error=self.look)

        def look(self, failure: Failure) -> None: ...

    return Bus()


def through_an_attribute_of_the_bus() -> object:
    bus = EventBus()
    bus.itself = bus  # type: ignore[attr-defined]
    return bus


def through_handles_kept_by_the_owner() -> object:
    owner = Owner()
    owner.kept = [owner.bus.subscribe(Placed, owner.handle), owner.bus.on(Paid)]  # type: ignore[attr-defined]
    owner.listed = owner.bus.handlers(Placed)  # type: ignore[attr-defined]
    return owner


def through_a_report() -> object:
    owner = Owner()
    owner.bus.subscribe(Placed, lambda _: owner)
    owner.report = owner.bus.deliver(Placed())  # type: ignore[attr-defined]
    return owner


def through_a_kept_failure() -> object:
    failures: list[Failure] = []
    owner = Owner(EventBus(on_error=failures.append))

    def fail(_event: object) -> None:
        raise ValueError(owner)

    owner.bus.subscribe(Placed, fail)
    owner.bus.publish(Placed())
    owner.failures = failures  # type: ignore[attr-defined]
    return owner


def through_a_raised_group() -> object:
    owner = Owner()

    def fail(_event: object) -> None:
        raise ValueError(owner)

    owner.bus.subscribe(Placed, fail)
    try:
        owner.bus.publish(Placed())
    except HandlerErrors as errors:
        owner.errors = errors  # type: ignore[attr-defined]
    return owner


def through_a_group_of_subscriptions() -> object:
    class Plugin(Owner):
        @handles(Placed)
        def on_placed(self, event: object) -> None: ...

    plugin = Plugin()
    plugin.group = plugin.bus.include(plugin)  # type: ignore[attr-defined]
    return plugin


def through_the_class_of_the_event() -> object:
    owner = Owner()
    event_type = type("Event", (), {"owner": owner})
    owner.bus.subscribe(event_type, print)
    owner.bus.publish(event_type())
    owner.bus.set_unhandled(event_type, "raise")
    return owner


def through_a_weak_handler() -> object:
    owner = Owner()
    owner.bus.subscribe(Placed, owner.handle, weak=True)
    return owner


def through_two_buses() -> object:
    owner = Owner()
    other = Owner()
    owner.bus.subscribe(Placed, other.handle)
    other.bus.subscribe(Placed, owner.handle)
    return owner


def through_a_collection() -> object:
    handlers = Handlers()
    owner = Owner()
    handlers.on(Placed)(owner.handle)
    owner.handlers = handlers  # type: ignore[attr-defined]
    owner.bus.include(handlers)
    return owner


@pytest.mark.parametrize(
    "make",
    [value for name, value in list(globals().items()) if name.startswith("through_")],
    ids=lambda make: make.__name__,
)
def test_a_cycle_is_freed(make: Callable[[], object]) -> None:
    assert is_freed_when_dropped(make)


def test_a_bus_without_a_cycle_is_freed_at_once() -> None:
    gc.disable()
    try:
        bus = EventBus()
        bus.subscribe(Placed, print)
        bus.publish
        watched = weakref.ref(bus)
        del bus
        assert watched() is None
    finally:
        gc.enable()


def test_ten_thousand_buses_with_handlers_bound_to_their_owners_are_freed() -> None:
    watched = []
    for _ in range(BUSES):
        owner = through_a_handler()
        assert isinstance(owner, Owner)
        owner.bus.publish(Placed())
        watched.append(weakref.ref(owner.bus))
    del owner
    gc.collect()
    assert not any(reference() is not None for reference in watched)


def test_a_hundred_thousand_classes_made_and_published_are_freed() -> None:
    bus = EventBus()
    bus.subscribe(object, lambda _: None)
    watched = []
    for number in range(CLASSES):
        event_type = type("Event", (), {})
        bus.publish(event_type())
        if number % 3 == 0:
            bus.subscribe(event_type, lambda _: None).cancel()
        watched.append(weakref.ref(event_type))
    del event_type
    gc.collect()
    assert not any(reference() is not None for reference in watched)


def test_a_cancelled_handler_is_let_go_at_once_even_by_a_plan_and_a_kept_handle() -> None:
    bus = EventBus()
    owner = Owner(bus)
    subscription = bus.subscribe(Placed, owner.handle)
    listed = bus.handlers(Placed)
    bus.publish(Placed())
    watched = weakref.ref(owner)
    del owner
    assert watched() is not None
    subscription.cancel()
    assert watched() is None
    assert listed[0].handler is None


@pytest.mark.parametrize("end", ["clear", "unsubscribe", "once"])
def test_other_ends_let_the_handler_go_too(end: str) -> None:
    bus = EventBus()
    owner = Owner(bus)
    bus.subscribe(Placed, owner.handle, once=end == "once")
    if end == "clear":
        bus.clear()
    elif end == "unsubscribe":
        bus.unsubscribe(Placed, owner.handle)
    else:
        bus.publish(Placed())
    watched = weakref.ref(owner)
    del owner
    assert watched() is None


def test_a_handle_keeps_no_bus_alive() -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, print)
    watched = weakref.ref(bus)
    del bus
    assert watched() is None
    assert subscription.handler is None


@pytest.mark.parametrize("crowd", [1, 12])
@pytest.mark.parametrize("how", ["publish", "deliver", "failing"])
def test_a_publish_keeps_no_event_alive(how: str, crowd: int) -> None:
    bus = EventBus()
    for number in range(crowd):
        bus.subscribe(Placed, lambda _, number=number: 1 / (number if how == "failing" else 1))
    event = Placed()
    watched = weakref.ref(event)
    if how == "publish":
        bus.publish(event)
    elif how == "deliver":
        bus.deliver(event)
    else:
        with pytest.raises(HandlerErrors):
            bus.publish(event)
    del event
    gc.collect()
    assert watched() is None


def test_references_to_singletons_and_classes_do_not_grow() -> None:
    bus = EventBus()
    subscription = bus.subscribe(Placed, lambda _: 3, name="kept")
    bus.subscribe(Placed, lambda _: 1, when=lambda _: False)

    def work() -> None:
        for _ in range(200):
            bus.publish(Placed())
            bus.deliver(Placed())
            bus.handlers(Placed)
            bus.explain(Placed)
            with bus.subscribe(Placed, print, on_error=print, when=print):
                bus.publish(Placed())
            assert subscription.handler is not None
            assert subscription.event_types == (Placed,)

    with open(os.devnull, "w") as nowhere:
        old, sys.stdout = sys.stdout, nowhere
        try:
            work()
            gc.collect()
            before = [sys.getrefcount(each) for each in (Placed, print, subscription, EventBus)]
            work()
            gc.collect()
            after = [sys.getrefcount(each) for each in (Placed, print, subscription, EventBus)]
        finally:
            sys.stdout = old
    assert [a - b for a, b in zip(after, before, strict=True)] == [0, 0, 0, 0]


# Objects that do their worst.


@pytest.mark.parametrize("crowd", [0, 12])
def test_a_handler_may_drop_the_bus(crowd: int) -> None:
    buses = [EventBus()]
    ran: list[object] = []

    def drop(_event: object) -> None:
        buses.clear()
        gc.collect()

    buses[0].subscribe(Placed, drop)
    for _ in range(crowd):
        buses[0].subscribe(Placed, lambda _: None)
    buses[0].subscribe(Placed, ran.append)
    buses[0].publish(Placed())
    # The publish itself holds the bus.
    assert len(ran) == 1


def test_a_destructor_may_use_the_bus_that_lets_it_go() -> None:
    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Paid, seen.append)

    class Last:
        def handle(self, event: object) -> None: ...

        def __del__(self) -> None:
            bus.publish(Paid())
            bus.subscribe(Placed, seen.append).cancel()
            bus.handlers(Placed)
            bus.clear()

    for end in (lambda: bus.unsubscribe(Placed, last()), lambda: bus.clear()):
        bus.subscribe(Paid, seen.append) if not bus.handlers(Paid) else None
        bus.subscribe(Placed, Last().handle)

        def last() -> Any:
            return bus.handlers(Placed)[0].handler

        end()
    gc.collect()
    assert len(seen) >= 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_destructor_that_raises_harms_nobody() -> None:
    class Angry:
        def __init__(self) -> None:
            self.bus: EventBus | None = None

        def handle(self, event: object) -> None: ...

        def __del__(self) -> None:
            raise ValueError

    bus = EventBus()
    seen: list[object] = []
    bus.subscribe(Placed, seen.append)
    bus.subscribe(Placed, Angry().handle).cancel()
    bus.subscribe(Placed, Angry().handle, once=True)
    bus.publish(Placed())
    bus.subscribe(Placed, Angry().handle)
    bus.clear()
    assert len(seen) == 1
    gc.collect()


class Hostile:
    """Refuses everything that the bus has no business to ask."""

    def __call__(self, event: object) -> None: ...

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError

    def __bool__(self) -> bool:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError

    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise ZeroDivisionError

    def handle(self, event: object) -> None: ...


class HostileMeta(type):
    def __eq__(cls, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(cls) -> int:
        raise ZeroDivisionError

    def __repr__(cls) -> str:
        raise ZeroDivisionError


def test_a_hostile_event_is_delivered() -> None:
    bus = EventBus()
    ran: list[int] = []
    bus.subscribe(Hostile, lambda _: ran.append(1))
    bus.subscribe(object, lambda _: ran.append(2))
    bus.publish(Hostile())
    bus.deliver(Hostile())
    assert ran == [1, 2, 1, 2]


def test_a_hostile_event_in_a_failure_is_named_by_its_class() -> None:
    bus = EventBus()

    def fail(_event: object) -> None:
        raise KeyError

    bus.subscribe(object, fail)
    with pytest.raises(HandlerErrors, match="Hostile"):
        bus.publish(Hostile())


def test_hostile_handlers_can_be_subscribed_called_and_unsubscribed() -> None:
    bus = EventBus()
    one, other = Hostile(), Hostile()
    handlers: list[Any] = [one, other, one.handle, other.handle]
    for handler in handlers:
        bus.subscribe(Placed, handler)
    bus.publish(Placed())
    repr(bus)
    repr(bus.handlers(Placed))
    bus.explain(Placed)
    for handler in handlers:
        bus.unsubscribe(Placed, handler)
    assert bus.handlers(Placed) == []


def test_a_result_that_is_hostile_is_left_alone() -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: Hostile())
    bus.publish(Placed())
    assert bus.deliver(Placed()).deliveries[0].status == "ok"


def test_a_hostile_class_is_routed_by_its_identity() -> None:
    event_type = HostileMeta("Event", (), {})
    child = HostileMeta("Child", (event_type,), {})
    bus = EventBus()
    ran: list[int] = []
    bus.subscribe(event_type, lambda _: ran.append(1))
    bus.on(child, event_type)(lambda _: ran.append(2))
    bus.publish(event_type())
    bus.publish(child())
    assert ran == [1, 2, 1, 2]
    bus.explain(child)
    repr(bus.handlers(child))


def test_an_exception_that_refuses_notes_is_raised_without_one() -> None:
    class Proud(Exception):
        def add_note(self, note: str) -> None:
            raise ZeroDivisionError

        def __repr__(self) -> str:
            raise ZeroDivisionError

        __str__ = __repr__

    def fail(_event: object) -> None:
        raise Proud

    bus = EventBus()
    bus.subscribe(Placed, fail)
    with pytest.raises(HandlerErrors) as caught:
        bus.publish(Placed())
    assert type(caught.value.exceptions[0]) is Proud


def test_a_weak_handler_that_dies_in_a_collection_ends_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    owner = Owner(EventBus())
    owner.itself = owner  # type: ignore[attr-defined]
    bus.subscribe(Placed, owner.handle, weak=True)
    del owner
    with caplog.at_level(logging.INFO, "buswork"):
        gc.collect()
    bus.publish(Placed())
    assert bus.handlers(Placed) == []
    assert len(caplog.records) == 1


def run_alone(program: str) -> str:
    """Run a program in an interpreter of its own, which must end well and soon."""
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_collection_may_begin_anywhere() -> None:
    """Also while a bus is being made, and while the package imports a part of itself."""
    run_alone(
        """
        import gc
        gc.set_threshold(1)
        from buswork import EventBus

        class Owner:
            def handle(self, event): ...

        def cycle():
            owner = Owner()
            owner.bus = EventBus()
            for _ in range(12):
                owner.bus.subscribe(int, lambda event, owner=owner: None)
            owner.bus.subscribe(str, owner.handle, weak=True)
            return owner.bus

        for number in range(200):
            bus = cycle()
            bus.publish(number)
            bus.subscribe(int, print, name="one", when=lambda event: False).cancel()
            bus.deliver(number)
            bus.explain(int)
        """
    )


@pytest.mark.parametrize("first", ["cancel", "weak", "publish", "drop"])
def test_a_bus_may_be_freed_while_the_package_imports_a_part_of_itself(first: str) -> None:
    """The first use of a part imports it, and code that runs then may free another bus."""
    run_alone(
        f"""
        import gc, sys
        gc.disable()
        from buswork import EventBus

        class Owner:
            def handle(self, event): ...

        def garbage():
            owner = Owner()
            owner.bus = EventBus()
            for _ in range(12):
                owner.bus.subscribe(int, lambda event, owner=owner: None)
            owner.bus.subscribe(int, owner.handle, weak=True)

        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name.startswith("buswork"):
                    gc.collect()
                return None

        sys.meta_path.insert(0, Finder())
        garbage()
        bus = EventBus()
        keep = Owner()
        subscription = bus.subscribe(int, keep.handle, weak={first == "weak"})
        for _ in range(12):
            bus.subscribe(int, lambda event: None)
        if {first!r} == "cancel":
            subscription.cancel()
        elif {first!r} == "weak":
            del keep
        elif {first!r} == "publish":
            bus.publish(1)
        else:
            del bus
        """
    )


def test_an_interpreter_ends_well_with_buses_still_alive() -> None:
    assert run_alone(
        """
            from buswork import EventBus

            class Owner:
                def __init__(self):
                    self.bus = EventBus()
                    self.bus.subscribe(int, self.handle)
                    self.subscription = self.bus.subscribe(int, self.handle, weak=True, once=True)
                def handle(self, event): ...
                def __del__(self):
                    print("freed")

            import warnings; warnings.simplefilter("ignore")
            owner = Owner()
            owner.bus.publish(1)
            """.replace(
            "self.subscription",
            "import warnings; warnings.simplefilter('ignore'); self.subscription",
        )
    ) in ("freed\n", "")
