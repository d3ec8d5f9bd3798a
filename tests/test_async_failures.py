"""Failures on the async bus: groups, notes, `on_error`, and when all of it happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from buswork import AsyncEventBus, BusworkError, Failure, HandlerCancelled, HandlerErrors
from tests.async_programs import run, turns, until_done

Run = Callable[..., Any]
__all__ = ["run"]


class Placed: ...


class Paid: ...


class SecretError(Exception): ...


def failing(error: BaseException, after: int = 0) -> Callable[[object], Any]:
    async def fail(_event: object) -> None:
        await turns(after)
        raise error

    return fail


def sync_failing(error: BaseException) -> Callable[[object], Any]:
    def fail(_event: object) -> None:
        raise error

    return fail


def test_failures_are_raised_together_in_call_order_however_they_end(run: Run) -> None:
    bus = AsyncEventBus()
    errors = [SecretError(number) for number in range(12)]
    for number, error in enumerate(errors):
        handler = failing(error, 12 - number) if number % 3 else sync_failing(error)
        bus.subscribe(Placed, handler)

    async def main() -> None:
        with pytest.raises(HandlerErrors, match="12 of 12 handlers of Placed failed") as caught:
            await bus.publish(Placed())
        assert list(caught.value.exceptions) == errors
        assert isinstance(caught.value, BusworkError)

    run(main)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_wherever_a_handler_fails_the_others_run(run: Run, after: int) -> None:
    for place in range(4):
        bus = AsyncEventBus()
        ended: list[int] = []

        def handler(number: int, bus: Any = bus, ended: Any = ended) -> Callable[[object], Any]:
            async def handle(_event: object) -> None:
                await turns(number)
                ended.append(number)

            return handle

        error = SecretError(place)
        for number in range(4):
            bus.subscribe(Placed, failing(error, after) if number == place else handler(number))

        async def main(bus: Any = bus, error: Any = error) -> None:
            with pytest.raises(HandlerErrors) as caught:
                await bus.publish(Placed())
            assert caught.value.exceptions == (error,)

        run(main)
        assert sorted(ended) == [number for number in range(4) if number != place]


@pytest.mark.parametrize("after", [0, 2])
def test_each_member_is_noted_once_with_type_handler_and_site(run: Run, after: int) -> None:
    bus = AsyncEventBus()

    class Handler:
        async def handle(self, _event: Placed) -> None:
            await turns(after)
            raise SecretError

    bus.subscribe(Placed, Handler().handle)

    async def main() -> None:
        publish = bus.publish(Placed())  # site
        with pytest.raises(HandlerErrors) as caught:
            await publish
        (note,) = caught.value.exceptions[0].__notes__
        line = main.__code__.co_firstlineno + 1
        assert f"published at {__file__}:{line}" in note
        assert "Handler.handle" in note and " of Placed," in note
        assert f"test_async_failures.py:{Handler.handle.__code__.co_firstlineno})" in note

    run(main)


@pytest.mark.parametrize("how", ["create_task", "wait_for", "gather", "several lines"])
def test_the_site_is_where_publish_was_called_however_it_is_awaited(run: Run, how: str) -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, failing(SecretError(), 1))

    def made() -> tuple[Any, int]:
        line = made.__code__.co_firstlineno
        if how == "several lines":
            return (
                bus.publish(
                    Placed(),
                ),
                line + 4,
            )
        return bus.publish(Placed()), line + 9

    async def main() -> None:
        publish, line = made()
        with pytest.raises(HandlerErrors) as caught:
            if how == "create_task":
                await asyncio.create_task(publish)
            elif how == "wait_for":
                await asyncio.wait_for(publish, 60)
            elif how == "gather":
                await asyncio.gather(publish)
            else:
                await publish
        assert f"published at {__file__}:{line}" in caught.value.exceptions[0].__notes__[0]

    run(main)


def test_notes_never_show_the_payload(run: Run) -> None:
    class Card:
        def __repr__(self) -> str:
            return "4111-1111"

    bus = AsyncEventBus()
    bus.subscribe(Card, failing(SecretError(), 1))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Card())
        assert "4111" not in str(caught.value) + "".join(caught.value.exceptions[0].__notes__)

    run(main)


def test_nested_publishes_nest_groups(run: Run) -> None:
    bus = AsyncEventBus()
    inner, outer = SecretError("inner"), SecretError("outer")
    bus.subscribe(Paid, failing(inner, 2))
    bus.subscribe(Placed, lambda _: bus.publish(Paid()))
    bus.subscribe(Placed, failing(outer))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        nested, bare = caught.value.exceptions
        assert isinstance(nested, HandlerErrors)
        assert nested.exceptions == (inner,)
        assert bare is outer

    run(main)


def test_the_traceback_of_a_member_begins_in_the_handler(run: Run) -> None:
    for after in (0, 1):
        bus = AsyncEventBus()
        handler = failing(SecretError(), after)
        bus.subscribe(Placed, handler)

        async def main(bus: Any = bus, handler: Any = handler) -> None:
            with pytest.raises(HandlerErrors) as caught:
                await bus.publish(Placed())
            traceback = caught.value.exceptions[0].__traceback__
            assert traceback is not None
            assert traceback.tb_frame.f_code is handler.__code__

        run(main)


@pytest.mark.parametrize("where", ["bus", "subscription"])
@pytest.mark.parametrize("after", [0, 2])
def test_on_error_log_logs_and_raises_nothing(
    run: Run, caplog: pytest.LogCaptureFixture, where: str, after: int
) -> None:
    bus = AsyncEventBus(on_error="log" if where == "bus" else "raise")
    options: Any = {"on_error": "log"} if where == "subscription" else {}
    bus.subscribe(Placed, failing(SecretError("logged"), after), **options)
    with caplog.at_level(logging.ERROR, "buswork"):
        run(lambda: bus.publish(Placed()))
    assert "SecretError: logged" in caplog.text and "Traceback" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("where", ["bus", "subscription"])
@pytest.mark.parametrize("after", [0, 2])
def test_an_on_error_callable_gets_the_failure(run: Run, where: str, after: int) -> None:
    failures: list[Failure] = []
    bus = AsyncEventBus(on_error=failures.append if where == "bus" else "raise")
    options: Any = {"on_error": failures.append} if where == "subscription" else {}
    error, event = SecretError(), Placed()
    handler = failing(error, after)
    bus.subscribe(Placed, handler, name="fraud", **options)
    run(lambda: bus.publish(event))
    (failure,) = failures
    assert failure.event is event and failure.event_type is Placed
    assert failure.handler is handler and failure.name == "fraud"
    assert failure.error is error
    assert failure.site is not None and "test_async_failures.py:" in failure.site


@pytest.mark.parametrize("policy", ["log", "call"])
@pytest.mark.parametrize("verb", ["publish", "deliver"])
def test_log_and_callables_do_not_wait_for_slower_handlers(
    run: Run, caplog: pytest.LogCaptureFixture, policy: str, verb: str
) -> None:
    bus = AsyncEventBus()
    called: list[object] = []

    async def main() -> None:
        gate = asyncio.Event()

        @bus.on(Placed)
        async def slow(_event: Placed) -> None:
            await gate.wait()

        on_error: Any = "log" if policy == "log" else called.append
        bus.subscribe(Placed, failing(SecretError("prompt"), 2), on_error=on_error)
        task = asyncio.create_task(getattr(bus, verb)(Placed()))
        await turns(6)
        assert not task.done()
        assert len(called) == 1 or "prompt" in caplog.text
        gate.set()
        await task

    run(main)


def test_an_on_error_callable_that_raises_is_logged_and_stops_nobody(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    def worse(_failure: Failure) -> None:
        raise SecretError("worse")

    bus = AsyncEventBus(on_error=worse)
    ran: list[object] = []
    bus.subscribe(Placed, failing(SecretError("bad"), 1))
    bus.subscribe(Placed, failing(SecretError("bad at once")))
    bus.subscribe(Placed, ran.append)
    run(lambda: bus.publish(Placed()))
    assert len(ran) == 1
    for text in ("SecretError: bad", "SecretError: bad at once", "SecretError: worse"):
        assert text in caplog.text


def test_an_on_error_callable_may_cancel_and_publish(run: Run) -> None:
    bus = AsyncEventBus()
    seen: list[object] = []
    bus.subscribe(Paid, seen.append)

    async def main() -> None:
        tasks: list[asyncio.Task[None]] = []

        def tell(_failure: Failure) -> None:
            subscription.cancel()
            tasks.append(asyncio.create_task(bus.publish(Paid())))

        subscription = bus.subscribe(Placed, failing(SecretError(), 1), on_error=tell)
        await bus.publish(Placed())
        await asyncio.gather(*tasks)

    run(main)
    assert len(seen) == 1


@pytest.mark.parametrize("after", [0, 2])
def test_stop_raises_the_first_failure_bare_cancels_the_others_and_waits(
    run: Run, after: int
) -> None:
    bus = AsyncEventBus(on_error="stop")
    ended: list[str] = []
    error = SecretError()

    @bus.on(Placed)
    async def slow(_event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await turns(5)
            ended.append("cleaned up")
            raise

    if not after:
        # So that the first handler has begun, where handlers do not start eagerly.
        bus.subscribe(Placed, failing(error, 1))
    else:
        bus.subscribe(Placed, failing(error, after))

    async def main() -> None:
        with pytest.raises(SecretError) as caught:
            await bus.publish(Placed())
        assert caught.value is error
        assert ended == ["cleaned up"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_stop_by_a_sync_handler_starts_no_other(run: Run) -> None:
    bus = AsyncEventBus(on_error="stop")
    ran: list[object] = []

    async def later(event: object) -> None:
        ran.append(event)

    bus.subscribe(Placed, sync_failing(SecretError()))
    bus.subscribe(Placed, ran.append)
    bus.subscribe(Placed, later)

    async def main() -> None:
        with pytest.raises(SecretError):
            await bus.publish(Placed())

    run(main)
    assert ran == []


@pytest.mark.parametrize("after", [0, 1, 4])
def test_with_stop_a_failure_already_collected_is_not_lost(run: Run, after: int) -> None:
    bus = AsyncEventBus()
    first, second = SecretError(1), SecretError(2)
    bus.subscribe(Placed, failing(second, 4), on_error="stop")
    bus.subscribe(Placed, failing(first, after))

    async def main() -> None:
        with pytest.raises((HandlerErrors, SecretError)) as caught:
            await bus.publish(Placed())
        assert isinstance(caught.value, HandlerErrors)
        assert caught.value.exceptions == (second, first)

    run(main)


def test_with_stop_a_failure_in_anothers_cleanup_is_not_lost(run: Run) -> None:
    bus = AsyncEventBus()
    first, second = SecretError(1), SecretError(2)

    @bus.on(Placed)
    async def clumsy(_event: Placed) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise second

    bus.subscribe(Placed, failing(first, 2), on_error="stop")

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert caught.value.exceptions == (second, first)

    run(main)


def test_a_handler_cancelled_before_a_stop_has_failed(run: Run) -> None:
    bus = AsyncEventBus()
    tasks: list[Any] = []

    @bus.on(Placed)
    async def forever(_event: Placed) -> None:
        await asyncio.Event().wait()

    @bus.on(Placed)
    async def victim(_event: Placed) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    async def stop(_event: Placed) -> None:
        await turns(2)
        tasks[0].cancel()
        assert await until_done(tasks[0])
        raise SecretError

    bus.subscribe(Placed, stop, on_error="stop")

    async def main() -> None:
        with pytest.raises((HandlerErrors, SecretError)) as caught:
            await bus.publish(Placed())
        assert isinstance(caught.value, HandlerErrors)
        assert [type(each) for each in caught.value.exceptions] == [HandlerCancelled, SecretError]

    run(main)


def test_what_a_subscription_says_comes_before_what_the_bus_says(run: Run) -> None:
    bus = AsyncEventBus(on_error="stop")
    ended: list[str] = []

    @bus.on(Placed)
    async def other(_event: Placed) -> None:
        await turns(6)
        ended.append("other")

    bus.subscribe(Placed, failing(SecretError(), 1), on_error="raise")

    async def main() -> None:
        with pytest.raises(HandlerErrors):
            await bus.publish(Placed())

    run(main)
    assert ended == ["other"]


def test_except_star_picks_failures_apart(run: Run) -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, failing(ValueError(1), 1))
    bus.subscribe(Placed, failing(KeyError(2)))
    picked: list[str] = []

    async def main() -> None:
        try:
            await bus.publish(Placed())
        except* ValueError:
            picked.append("value")
        except* KeyError:
            picked.append("key")

    run(main)
    assert picked == ["value", "key"]


def test_an_exception_group_of_a_handler_is_one_member(run: Run) -> None:
    bus = AsyncEventBus()
    group = ExceptionGroup("two", [ValueError(1), ValueError(2)])
    bus.subscribe(Placed, failing(group, 1))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert caught.value.exceptions == (group,)

    run(main)


def test_stop_iteration_in_a_handler_is_a_failure(run: Run) -> None:
    bus = AsyncEventBus()
    bus.subscribe(Placed, failing(StopIteration()))
    bus.subscribe(Placed, sync_failing(StopIteration()))
    bus.subscribe(Placed, sync_failing(StopAsyncIteration()))

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        assert len(caught.value.exceptions) == 3

    run(main)


@pytest.mark.parametrize("role", ["when", "on_error"])
def test_a_predicate_or_on_error_that_is_a_coroutine_function_is_refused(role: str) -> None:
    async def ask(_event: object) -> bool:
        return True

    bus = AsyncEventBus()
    with pytest.raises(TypeError, match="coroutine function"):
        bus.subscribe(Placed, print, **{role: ask})  # type: ignore[arg-type]


def test_what_is_said_of_an_async_predicate_suits_the_async_bus(run: Run) -> None:
    async def ask(_event: object) -> bool:
        return True

    bus = AsyncEventBus()
    with pytest.raises(TypeError) as refused:
        bus.subscribe(Placed, print, when=ask)  # type: ignore[arg-type]
    bus.subscribe(Placed, print, when=lambda event: ask(event))  # type: ignore[arg-type]

    async def main() -> None:
        with pytest.raises(HandlerErrors) as caught:
            await bus.publish(Placed())
        messages = f"{caught.value.exceptions[0]} {refused.value}"
        assert "use AsyncEventBus" not in messages

    run(main)
