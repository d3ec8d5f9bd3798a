"""What the tests of the async bus share: how they are run, and random programs with their checks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import strategies as st

from buswork import AsyncEventBus, HandlerCancelled, HandlerErrors

try:
    import uvloop
except ImportError:  # not on every platform
    uvloop = None  # type: ignore[assignment]

LOOPS = [
    pytest.param(None, id="asyncio"),
    pytest.param(
        uvloop and uvloop.new_event_loop,
        id="uvloop",
        marks=pytest.mark.skipif(uvloop is None, reason="there is no uvloop for this platform"),
    ),
]

Main = Callable[[], Coroutine[Any, Any, Any]]


async def turns(count: int) -> None:
    """Let the loop go round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until_done(task: asyncio.Task[Any], limit: int = 500) -> bool:
    """Let the loop go round until a task is done. Says whether it is, within the limit."""
    for _ in range(limit):
        if task.done():
            return True
        await asyncio.sleep(0)
    return task.done()


def run_on(make_loop: Callable[[], Any] | None, main: Main, *, debug: bool = False) -> Any:
    """Run a program, and look whether it has left a task or an error that nobody has seen."""
    unseen: list[dict[str, Any]] = []

    async def checked() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(context))
        result = await main()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    with asyncio.Runner(loop_factory=make_loop, debug=debug) as runner:
        result = runner.run(checked())
        gc.collect(1)  # What was made just now, but not the whole heap.
    assert not unseen, unseen
    return result


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a program on asyncio's own loop, and on uvloop."""

    def on_this_loop(main: Main, *, debug: bool = False) -> Any:
        return run_on(request.param, main, debug=debug)

    return on_this_loop


def flattened(error: BaseException) -> list[BaseException]:
    """List an exception, its contexts and causes, and the members of groups."""
    found: list[BaseException] = []
    ahead = [error]
    while ahead:
        one = ahead.pop()
        if any(one is known for known in found):
            continue
        found.append(one)
        ahead += [each for each in (one.__context__, one.__cause__) if each is not None]
        if isinstance(one, BaseExceptionGroup):
            ahead += one.exceptions
    return found


# Random programs.

#: An event of one type is published by handlers of those before it only: no cycles.
TYPES = ("A", "B", "C")
POLICIES = ("raise", "raise", "log", "call", "stop")


def _steps(kind: str, type_: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    inner = TYPES[TYPES.index(type_) + 1 :]
    steps: list[st.SearchStrategy[tuple[Any, ...]]] = [
        st.just(("fail",)),
        st.tuples(st.just("subscribe"), st.sampled_from(TYPES)),
        st.tuples(st.just("end"), st.integers(0, 5)),
    ]
    if kind == "async":
        suspend = st.tuples(st.just("suspend"), st.integers(1, 4))
        steps += [suspend, suspend, suspend, st.just(("cancel itself",))]
        if inner:
            nested = st.tuples(
                st.sampled_from(["publish", "deliver", "publish caught", "publish in a group"]),
                st.sampled_from(inner),
            )
            steps += [nested, nested, nested]
    else:
        steps += [st.just(("cancel the publisher",))]
    return st.lists(st.one_of(steps), max_size=4)


@st.composite
def _handlers(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["async", "async", "async", "sync"]))
    type_ = draw(st.sampled_from(TYPES))
    return {
        "kind": kind,
        "type": type_,
        "steps": draw(_steps(kind, type_)),
        "on_error": draw(st.sampled_from(POLICIES)),
        "once": draw(st.booleans()) and draw(st.booleans()),
        "cleanup": draw(st.integers(0, 3)),
        # What a cancelled handler does after its cleanup.
        "then": draw(st.sampled_from(["end", "end", "end", "swallow", "fail"])),
    }


@st.composite
def _publishers(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "verb": draw(st.sampled_from(["publish", "publish", "deliver"])),
        "type": draw(st.sampled_from(TYPES)),
        "waits": draw(st.integers(0, 3)),
        "ended by": draw(st.sampled_from(["nobody", "nobody", "cancel", "two cancels", "timeout"])),
        "after": draw(st.integers(0, 10)),
    }


def programs() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "handlers": st.lists(_handlers(), min_size=1, max_size=6),
            "publishers": st.lists(_publishers(), min_size=1, max_size=3),
        }
    )


class Boom(Exception): ...


class Publication:
    """One publish, and what became of the deliveries that it started."""

    def __init__(self) -> None:
        self.running = 0
        self.failures: list[tuple[str, Exception]] = []
        #: Deliveries that ended with a `CancelledError`, by their `on_error`.
        self.cancelled: list[str] = []
        self.ended_well: list[object] = []
        self.called: list[Exception] = []

    def expected(self) -> list[Exception]:
        return [error for policy, error in self.failures if policy in ("raise", "stop")]


class A:
    def __init__(self, publication: Publication) -> None:
        self.publication = publication


class B(A): ...


class C(A): ...


CLASSES: dict[str, type[A]] = {"A": A, "B": B, "C": C}


class Program:
    """Runs one random program, and checks each of its publishes."""

    def __init__(self, program: dict[str, Any]) -> None:
        self.bus = AsyncEventBus()
        self.subscriptions: list[Any] = []
        self.program = program
        self.numbers = 0
        for spec in program["handlers"]:
            self.subscribe(spec)

    def subscribe(self, spec: dict[str, Any]) -> None:
        if len(self.subscriptions) > 20:
            return
        handler = self.a_coroutine(spec) if spec["kind"] == "async" else self.a_function(spec)
        on_error = spec["on_error"]
        self.subscriptions.append(
            self.bus.subscribe(
                CLASSES[spec["type"]],
                handler,
                exact=True,
                once=spec["once"],
                on_error=self.note if on_error == "call" else on_error,
            )
        )

    def note(self, failure: Any) -> None:
        failure.event.publication.called.append(failure.error)

    def fresh(self) -> Boom:
        self.numbers += 1
        return Boom(self.numbers)

    def a_function(self, spec: dict[str, Any]) -> Callable[[A], object]:
        def handle(event: A) -> object:
            publication = event.publication
            try:
                for step in spec["steps"]:
                    if step[0] == "cancel the publisher":
                        task = asyncio.current_task()
                        assert task is not None
                        task.cancel()
                    else:
                        self.step(step)
            except Exception as error:
                publication.failures.append((spec["on_error"], error))
                raise
            result = object()
            publication.ended_well.append(result)
            return result

        return handle

    def a_coroutine(self, spec: dict[str, Any]) -> Callable[[A], Coroutine[Any, Any, object]]:
        async def handle(event: A) -> object:
            publication = event.publication
            publication.running += 1
            try:
                await self.steps(spec)
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    # A cancel since its last suspension ends a task that returns.
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                publication.cancelled.append(spec["on_error"])
                raise
            except Exception as error:
                publication.failures.append((spec["on_error"], error))
                raise
            finally:
                publication.running -= 1
            result = object()
            publication.ended_well.append(result)
            return result

        return handle

    async def steps(self, spec: dict[str, Any]) -> None:
        try:
            for step in spec["steps"]:
                await self.async_step(step)
        except asyncio.CancelledError:
            await turns(spec["cleanup"])
            if spec["then"] == "fail":
                raise self.fresh() from None
            if spec["then"] == "end":
                raise

    def step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("fail",):
                raise self.fresh()
            case ("subscribe", type_):
                spec = {"kind": "async", "type": type_, "steps": [("suspend", 1)], "cleanup": 0}
                self.subscribe({**spec, "on_error": "raise", "once": True, "then": "end"})
            case ("end", number):
                self.subscriptions[number % len(self.subscriptions)].cancel()
            case _:
                raise AssertionError(step)

    async def async_step(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("suspend", count):
                await turns(count)
            case ("cancel itself",):
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)
            case ("publish" | "deliver" as verb, type_):
                await self.publish(verb, type_)
            case ("publish caught", type_):
                try:
                    await self.publish("publish", type_)
                except (HandlerErrors, Boom, HandlerCancelled):
                    pass
            case ("publish in a group", type_):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.publish("deliver", type_))
                    group.create_task(self.publish("deliver", type_))
            case _:
                self.step(step)

    async def publish(self, verb: str, type_: str) -> None:
        """Publish, and look whether what comes of it is what its handlers did."""
        publication = Publication()
        event = CLASSES[type_](publication)
        report: Any = None
        raised: BaseException | None = None
        try:
            report = await getattr(self.bus, verb)(event)
        except BaseException as error:
            raised = error
        assert publication.running == 0, "a handler outlived its publish"
        failed = publication.expected()
        if isinstance(raised, asyncio.CancelledError):
            task = asyncio.current_task()
            assert task is not None and task.cancelling(), "nobody cancelled the publisher"
            context = raised.__context__
            if verb == "publish" and failed:
                assert isinstance(context, HandlerErrors)
                assert _same([each for each in context.exceptions if each in failed], failed)
        elif verb == "deliver":
            assert raised is None
            _check_report(report, publication)
        elif isinstance(raised, HandlerErrors) and raised not in failed:
            cancelled = [each for each in raised.exceptions if isinstance(each, HandlerCancelled)]
            assert len(cancelled) <= len(publication.cancelled)
            assert _same([each for each in raised.exceptions if each not in cancelled], failed)
        elif isinstance(raised, HandlerCancelled) and raised not in failed:
            assert "stop" in publication.cancelled and failed == []
        elif raised is not None:
            assert ("stop", raised) in publication.failures and failed == [raised]
        else:
            assert failed == []
            assert not {"raise", "stop"} & set(publication.cancelled)
        called = [error for policy, error in publication.failures if policy == "call"]
        ours = [each for each in publication.called if not isinstance(each, HandlerCancelled)]
        assert _same(ours, called)
        if raised is not None:
            raise raised

    async def publisher(self, spec: dict[str, Any]) -> None:
        await turns(spec["waits"])
        try:
            if spec["ended by"] == "timeout":
                async with asyncio.timeout(None) as limit:
                    loop = asyncio.get_running_loop()
                    ending = asyncio.create_task(_later(spec["after"], limit, loop))
                    try:
                        await self.publish(spec["verb"], spec["type"])
                    finally:
                        ending.cancel()
            else:
                await self.publish(spec["verb"], spec["type"])
        except (HandlerErrors, Boom, HandlerCancelled, TimeoutError):
            pass

    async def main(self) -> None:
        specs = self.program["publishers"]
        tasks = [asyncio.create_task(self.publisher(spec)) for spec in specs]
        ends = [
            asyncio.create_task(_cancel(task, spec["after"], spec["ended by"]))
            for task, spec in zip(tasks, specs, strict=True)
            if "cancel" in spec["ended by"]
        ]
        for done in await asyncio.gather(*tasks, *ends, return_exceptions=True):
            if isinstance(done, BaseException) and not isinstance(done, asyncio.CancelledError):
                raise done
        await turns(3)


async def _cancel(task: asyncio.Task[Any], after: int, how: str) -> None:
    await turns(after)
    task.cancel()
    if how == "two cancels":
        await turns(2)
        task.cancel()


async def _later(after: int, limit: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    await turns(after)
    limit.reschedule(loop.time())


def _check_report(report: Any, publication: Publication) -> None:
    by_status: dict[str, list[Any]] = {"ok": [], "failed": [], "skipped": []}
    for delivery in report.deliveries:
        by_status[delivery.status].append(delivery)
    assert _same([each.result for each in by_status["ok"]], publication.ended_well)
    errors = [each.error for each in by_status["failed"]]
    cancelled = [each for each in errors if isinstance(each, HandlerCancelled)]
    failed = [error for _, error in publication.failures]
    assert len(cancelled) <= len(publication.cancelled)
    assert _same([each for each in errors if each not in cancelled], failed)


def _same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists have the very same members, in any order."""
    return sorted(map(id, one)) == sorted(map(id, other))
