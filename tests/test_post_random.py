"""Random programs of posts: each delivery ends exactly once, in the order of its handler."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buswork import AsyncEventBus, EventBus
from tests.async_programs import LOOPS, run_on

#: The soak run asks for more.
EXAMPLES = int(os.environ.get("BUSWORK_EXAMPLES", "300")) // 2
PATIENCE = 20.0

many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

#: An event of one type is posted by handlers of those before it only: no end would come else.
TYPES = ("A", "B", "C")


def _steps(type_: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    inner = TYPES[TYPES.index(type_) + 1 :]
    steps: list[st.SearchStrategy[tuple[Any, ...]]] = [
        st.just(("fail",)),
        st.tuples(st.just("suspend"), st.integers(1, 3)),
        st.tuples(st.just("suspend"), st.integers(1, 3)),
        st.just(("cancel itself",)),
        st.tuples(st.sampled_from(["cancel", "pause", "resume"]), st.integers(0, 5)),
    ]
    if inner:
        steps += [st.tuples(st.sampled_from(["post", "publish"]), st.sampled_from(inner))] * 3
    return st.lists(st.one_of(steps), max_size=3)


@st.composite
def _handlers(draw: st.DrawFn) -> dict[str, Any]:
    type_ = draw(st.sampled_from(TYPES))
    return {
        "type": type_,
        "is async": draw(st.booleans()),
        "steps": draw(_steps(type_)),
        "on_error": draw(st.sampled_from(["raise", "log", "stop"])),
        "once": draw(st.booleans()) and draw(st.booleans()),
        "priority": draw(st.integers(0, 1)),
    }


def programs() -> st.SearchStrategy[dict[str, Any]]:
    acts = st.one_of(
        st.tuples(st.just("post"), st.sampled_from(TYPES)),
        st.tuples(st.just("post"), st.sampled_from(TYPES)),
        st.tuples(st.just("publish"), st.sampled_from(TYPES)),
        st.tuples(st.just("turns"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["cancel", "pause", "resume"]), st.integers(0, 5)),
        st.just(("drain",)),
    )
    return st.fixed_dictionaries(
        {
            "handlers": st.lists(_handlers(), min_size=1, max_size=6),
            "acts": st.lists(acts, min_size=1, max_size=15),
        }
    )


class Event:
    def __init__(self, number: int, how: str) -> None:
        self.number = number
        self.how = how


CLASSES = {name: type(name, (Event,), {}) for name in TYPES}


class Program(ABC):
    """What both buses have in common: what is noted down, and what must hold."""

    def __init__(self, bus: EventBus | AsyncEventBus, program: dict[str, Any]) -> None:
        self.bus = bus
        self.program = program
        self.subscriptions: list[Any] = []
        self.lock = threading.Lock()
        self.numbers = 0
        #: By type: the numbers of the events that were posted and published to it.
        self.sent: dict[str, dict[str, list[int]]] = {
            name: {"post": [], "publish": []} for name in TYPES
        }
        self.began: dict[int, list[Event]] = defaultdict(list)
        self.ended: dict[int, list[Event]] = defaultdict(list)
        self.changed: set[int] = set()
        for place, spec in enumerate(program["handlers"]):
            self.subscriptions.append(
                bus.subscribe(
                    CLASSES[spec["type"]],
                    self.handler(place, spec),
                    name=f"handler {place}",
                    on_error=spec["on_error"],
                    once=spec["once"],
                    priority=spec["priority"],
                )
            )
            if spec["once"]:
                self.changed.add(place)

    @abstractmethod
    def handler(self, place: int, spec: dict[str, Any]) -> Any: ...

    def event(self, how: str, type_: str) -> Event:
        # The number is given and the event is sent by the same turn of a thread.
        self.numbers += 1
        self.sent[type_][how].append(self.numbers)
        return CLASSES[type_](self.numbers, how)

    def change(self, act: tuple[Any, ...]) -> None:
        verb, place = act
        if place < len(self.subscriptions):
            self.changed.add(place)
            getattr(self.subscriptions[place], verb)()

    def check(self) -> None:
        assert self.bus.pending == 0
        assert self.bus.dropped == 0
        for place, spec in enumerate(self.program["handlers"]):
            began, ended = self.began[place], self.ended[place]
            assert sorted(event.number for event in began) == sorted(
                event.number for event in ended
            )
            assert len({event.number for event in began}) == len(began)
            posted = [event.number for event in began if event.how == "post"]
            sent = self.sent[spec["type"]]["post"]
            assert posted == [number for number in sent if number in posted]
            # Posted deliveries of one handler do not overlap.
            assert posted == [event.number for event in ended if event.how == "post"]
            if place not in self.changed:
                assert posted == sent
            elif spec["once"]:
                assert len(began) <= 1


class AsyncProgram(Program):
    bus: AsyncEventBus

    def handler(self, place: int, spec: dict[str, Any]) -> Any:
        async def handle(event: Event) -> None:
            self.began[place].append(event)
            try:
                for step in spec["steps"]:
                    await self.step(step)
            finally:
                self.ended[place].append(event)

        def handle_at_once(event: Event) -> None:
            self.began[place].append(event)
            try:
                for step in spec["steps"]:
                    if step[0] == "fail":
                        raise ValueError(event.number)
                    if step[0] == "post":
                        self.bus.post(self.event("post", step[1]))
                    elif step[0] in ("cancel", "pause", "resume"):
                        self.change(step)
            finally:
                self.ended[place].append(event)

        return handle if spec["is async"] else handle_at_once

    async def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("fail",):
                raise ValueError
            case ("suspend", turns):
                for _ in range(turns):
                    await asyncio.sleep(0)
            case ("cancel itself",):
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            case ("post", type_):
                self.bus.post(self.event("post", type_))
            case ("publish", type_):
                await self.bus.deliver(self.event("publish", type_))
            case _:
                self.change(step)

    async def main(self) -> None:
        for act in self.program["acts"]:
            match act:
                case ("turns", count):
                    for _ in range(count):
                        await asyncio.sleep(0)
                case ("drain",):
                    await self.bus.drain(PATIENCE)
                case _:
                    await self.step(act)
        await self.bus.drain(PATIENCE)
        self.check()


class SyncProgram(Program):
    bus: EventBus

    def handler(self, place: int, spec: dict[str, Any]) -> Any:
        def handle(event: Event) -> None:
            with self.lock:
                self.began[place].append(event)
            try:
                for step in spec["steps"]:
                    self.step(step)
            finally:
                with self.lock:
                    self.ended[place].append(event)

        return handle

    def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("fail",):
                raise ValueError
            case ("post", type_):
                with self.lock:  # Numbered and posted in one order.
                    self.bus.post(self.event("post", type_))
            case ("publish", type_):
                with self.lock:
                    event = self.event("publish", type_)
                self.bus.deliver(event)
            case ("cancel" | "pause" | "resume", _):
                self.change(step)
            case _:
                pass

    def run(self) -> None:
        for act in self.program["acts"]:
            if act == ("drain",):
                self.bus.drain(PATIENCE)
            else:
                self.step(act)
        self.bus.close(PATIENCE)
        self.check()


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    log = logging.getLogger("buswork")
    known, log.disabled = log.disabled, True
    yield
    log.disabled = known


@pytest.mark.parametrize("make_loop", LOOPS)
def test_on_a_loop(make_loop: Any) -> None:
    @many
    @given(programs())
    def check(program: dict[str, Any]) -> None:
        run_on(make_loop, lambda: AsyncProgram(AsyncEventBus(), program).main())

    check()


def test_on_threads() -> None:
    @many
    @given(programs())
    def check(program: dict[str, Any]) -> None:
        SyncProgram(EventBus(), program).run()

    check()
