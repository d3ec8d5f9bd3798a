"""The recipe for a loop in a thread of a program that awaits nothing."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time

import pytest

from buswork import AsyncEventBus, HandlerErrors
from recipes.loop_in_a_thread import PageWanted, at_home_in_a_thread, main


def loop_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "bus-loop" in thread.name]


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert sorted(capsys.readouterr().out.splitlines()) == ["fetched /later", "fetched /now"]
    assert loop_threads() == []


def test_leaving_delivers_what_was_posted_and_leaves_neither_thread_nor_task() -> None:
    bus = AsyncEventBus()
    fetched: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        assert asyncio.get_running_loop() is loops[-1]
        await turns(100)
        fetched.append(page.address)

    for address in ("/1", "/2"):
        with at_home_in_a_thread(bus) as loop:
            loops.append(loop)
            bus.post(PageWanted(address))
        assert fetched[-1] == address
        assert bus.pending == 0
        assert loop.is_closed()
        assert asyncio.all_tasks(loop) == set()
        assert loop_threads() == []
        with pytest.raises(RuntimeError, match="async with bus"):
            bus.post(PageWanted("too late"))


def test_posts_of_many_threads_arrive() -> None:
    bus = AsyncEventBus()
    fetched: list[str] = []

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        await turns(1)
        fetched.append(page.address)

    def want() -> None:
        for number in range(100):
            bus.post(PageWanted(str(number)))

    with at_home_in_a_thread(bus):
        threads = [threading.Thread(target=want) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(fetched) == sorted([str(number) for number in range(100)] * 4)


def test_a_publish_from_another_thread_raises_what_its_handlers_raise() -> None:
    bus = AsyncEventBus()

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        raise OSError("no network")

    with at_home_in_a_thread(bus) as loop:
        publishing = asyncio.run_coroutine_threadsafe(bus.publish(PageWanted("/")), loop)
        with pytest.raises(HandlerErrors) as errors:
            publishing.result(30)
    assert errors.group_contains(OSError)


def test_a_posted_handler_that_fails_is_logged_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = AsyncEventBus()
    fetched: list[str] = []

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        if page.address == "/broken":
            raise OSError("no network")
        fetched.append(page.address)

    with at_home_in_a_thread(bus):
        bus.post(PageWanted("/broken"))
        bus.post(PageWanted("/"))
    assert fetched == ["/"]
    [logged] = [line for line in caplog.records if line.name == "buswork"]
    assert isinstance(logged.exc_info[1], OSError)


def test_a_program_that_fails_delivers_what_it_posted_before() -> None:
    bus = AsyncEventBus()
    fetched: list[str] = []

    @bus.on(PageWanted)
    async def fetch(page: PageWanted) -> None:
        await turns(100)
        fetched.append(page.address)

    with pytest.raises(KeyError), at_home_in_a_thread(bus):
        bus.post(PageWanted("/"))
        raise KeyError
    assert fetched == ["/"]
    assert loop_threads() == []


def test_a_handler_that_exits_ends_the_loop_and_the_program_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # What is logged would keep the task, of which asyncio logs that nobody has asked, until some
    # other test runs.
    caplog.set_level(logging.CRITICAL, "buswork")

    def program() -> None:
        bus = AsyncEventBus()

        @bus.on(PageWanted)
        async def leave(page: PageWanted) -> None:
            await turns(1)
            raise SystemExit(3)

        with at_home_in_a_thread(bus) as loop:
            bus.post(PageWanted("/"))
            while not loop.is_closed():
                time.sleep(0.001)

    with pytest.raises(SystemExit):
        program()
    assert loop_threads() == []
    gc.collect()
