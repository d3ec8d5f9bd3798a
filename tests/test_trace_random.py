"""Random programs: what a trace says of them is what a dull model of them predicts."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from buswork import AsyncEventBus, EventBus, Tracing

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = int(os.environ.get("BUSWORK_EXAMPLES", "300")) // 2

#: Of later ones, earlier ones are published by handlers: no program goes round.
TYPES = [type(f"Event{number}", (), {}) for number in range(5)]
IDS = [f"{one.__module__}.{one.__qualname__}" for one in TYPES]


class Handler(NamedTuple):
    event: int
    #: What it does in turn: a verb, and the number of an event's type.
    does: tuple[tuple[str, int], ...]
    fails: bool
    skipped: bool
    waits: bool


class Seen(NamedTuple):
    """The edges of a program, with how often each was seen."""

    publishes: Counter[tuple[str | None, str, str]]
    deliveries: Counter[tuple[str, str, str]]


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Handler], list[tuple[str, int]]]:
    verbs = st.sampled_from(["publish", "deliver", "post"])

    def handler() -> Handler:
        event = draw(st.integers(0, len(TYPES) - 1))
        later = st.tuples(verbs, st.integers(event + 1, len(TYPES) - 1))
        does = draw(st.lists(later, max_size=3)) if event + 1 < len(TYPES) else []
        flags = [draw(st.booleans()) for _ in range(3)]
        return Handler(event, tuple(does), flags[0], flags[1] and flags[2], flags[2])

    handlers = [handler() for _ in range(draw(st.integers(0, 5)))]
    main = draw(st.lists(st.tuples(verbs, st.integers(0, len(TYPES) - 1)), max_size=4))
    return handlers, main


def predict(handlers: list[Handler], main: list[tuple[str, int]]) -> Seen:
    """Say what is seen, one call after another."""
    seen = Seen(Counter(), Counter())

    def happen(cause: str | None, verb: str, event: int) -> None:
        seen.publishes[cause, verb, IDS[event]] += 1
        for number, handler in enumerate(handlers):
            if handler.event != event:
                continue
            outcome = "failed" if handler.fails else "ok"
            seen.deliveries[
                IDS[event], f"h{number}", "skipped" if handler.skipped else outcome
            ] += 1
            if not handler.skipped:
                for doing in handler.does:
                    happen(f"{__name__}:h{number}", *doing)

    for doing in main:
        happen(None, *doing)
    return seen


def observed(tracing: Tracing) -> Seen:
    by_id = {one.id: one for one in tracing}
    seen = Seen(Counter(), Counter())
    for dispatch in tracing:
        seen.publishes[dispatch.cause, dispatch.verb, dispatch.event] += 1
        if dispatch.causation is None:
            assert dispatch.correlation == dispatch.id
        else:
            outer = by_id[dispatch.causation]
            assert dispatch.correlation == outer.correlation
            assert outer.at <= dispatch.at
            assert dispatch.cause in {one.handler for one in outer.deliveries}
        for one in dispatch.deliveries:
            seen.deliveries[dispatch.event, one.name, one.outcome] += 1
    return seen


def subscribe(bus: Any, handlers: list[Handler], make: Callable[[Handler], Any]) -> None:
    for number, handler in enumerate(handlers):
        function = make(handler)
        function.__qualname__ = f"h{number}"
        bus.subscribe(
            TYPES[handler.event],
            function,
            name=f"h{number}",
            when=(lambda _: False) if handler.skipped else None,
            on_error=lambda _: None,
        )


@settings(max_examples=EXAMPLES)
@given(programs())
def test_a_trace_of_the_sync_bus_is_as_predicted(
    program: tuple[list[Handler], list[tuple[str, int]]],
) -> None:
    handlers, main = program
    bus = EventBus()

    def make(handler: Handler) -> Callable[[object], None]:
        def handle(_: object) -> None:
            for verb, event in handler.does:
                getattr(bus, verb)(TYPES[event]())
            if handler.fails:
                raise ValueError

        return handle

    subscribe(bus, handlers, make)
    with bus.tracing() as tracing:
        for verb, event in main:
            getattr(bus, verb)(TYPES[event]())
        bus.close()
    assert observed(tracing) == predict(handlers, main)


@settings(max_examples=EXAMPLES)
@given(programs())
def test_a_trace_of_the_async_bus_is_as_predicted(
    program: tuple[list[Handler], list[tuple[str, int]]],
) -> None:
    handlers, main = program
    bus = AsyncEventBus()

    async def do(verb: str, event: int) -> None:
        done = getattr(bus, verb)(TYPES[event]())
        if verb != "post":
            await done

    def make(handler: Handler) -> Callable[[object], Any]:
        async def handle(_: object) -> None:
            for doing in handler.does:
                if handler.waits:
                    await asyncio.sleep(0)
                await do(*doing)
            if handler.fails:
                raise ValueError

        return handle

    subscribe(bus, handlers, make)

    async def run() -> None:
        for doing in main:
            await do(*doing)
        await bus.drain()

    with bus.tracing() as tracing:
        asyncio.run(run())
    assert observed(tracing) == predict(handlers, main)
