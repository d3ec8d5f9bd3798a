"""Posts at the end of the program, in forked children, and where the loop is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 30.0
HEAD = """
import asyncio, atexit, os, signal, sys, threading
from buswork import AsyncEventBus, EventBus
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, maybe, by who began the tests
bus = EventBus()
"""


def python(program: str, *, status: int = 0) -> tuple[list[str], str]:
    """Run a program to its end. Return the lines of its output, and its log."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", HEAD + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == status, done.stderr
    for complaint in ("Fatal Python error", "panicked", "Exception ignored"):
        assert complaint not in done.stderr
    return done.stdout.splitlines(), done.stderr


def test_posts_are_delivered_before_the_program_ends() -> None:
    lines, log = python(
        """
        bus.subscribe(int, lambda number: print(number, flush=True))
        for number in range(500):
            bus.post(number)
        """
    )
    assert lines == [str(number) for number in range(500)]
    assert log == ""


def test_so_are_those_that_handlers_make_then() -> None:
    lines, _ = python(
        """
        @bus.on(int)
        def handle(number):
            print(number, flush=True)
            if number < 300:
                bus.post(number + 1)
        bus.post(0)
        """
    )
    assert lines == [str(number) for number in range(301)]


def test_those_of_slow_handlers_are_waited_for() -> None:
    lines, _ = python(
        """
        ended = threading.Event()
        bus.subscribe(int, lambda number: (ended.wait(), print("slow", number)))
        bus.subscribe(int, lambda number: print("quick", number))
        for number in range(3):
            bus.post(number)
        threading.Timer(0.1, ended.set).start()
        """
    )
    assert sorted(lines) == sorted(
        [f"{kind} {number}" for kind in ("slow", "quick") for number in range(3)]
    )


def test_the_last_to_post_are_atexit_functions_and_threads() -> None:
    lines, _ = python(
        """
        atexit.register(lambda: bus.post("registered first, called last"))
        bus.subscribe(str, lambda text: print(text, flush=True))
        bus.post("main")
        atexit.register(lambda: bus.post("registered last, called first"))
        def late():
            threading.main_thread().join()
            bus.post("a thread")
        threading.Thread(target=late).start()
        """
    )
    assert lines == [
        "main",
        "a thread",
        "registered last, called first",
        "registered first, called last",
    ]


def test_so_is_the_first_post_of_all() -> None:
    lines, _ = python(
        """
        ended = threading.Event()
        def handle(number):
            ended.wait(0.05)
            print(number, flush=True)
        bus.subscribe(int, handle)
        atexit.register(lambda: [bus.post(number) for number in range(3)])
        """
    )
    assert lines == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("end", "status"), [("sys.exit(3)", 3), ("raise ValueError", 1), ("bus = None", 0)]
)
def test_however_the_program_ends(end: str, status: int) -> None:
    lines, _ = python(
        f"""
        bus.subscribe(int, lambda number: print(number, flush=True))
        bus.post(1)
        {end}
        """,
        status=status,
    )
    assert lines == ["1"]


def test_an_interrupt_ends_the_waiting_and_names_what_was_pending() -> None:
    program = """
    opened = threading.Event()
    bus.subscribe(int, lambda number: opened.wait(), name="hangs")
    other = EventBus()
    other.subscribe(int, lambda number: opened.wait(), name="hangs too")
    bus.post(1)
    bus.post(2)
    other.post(1)
    @atexit.register
    def ready():
        print("ready", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # A signal that comes just before a thread waits does not end its waiting.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        _, log = process.communicate(timeout=PATIENCE)
    said = "the end of the program was interrupted, with"
    assert f"{said} 2 deliveries pending: 2 to hangs (one in progress)" in log
    assert f"{said} 1 delivery pending: 1 to hangs too (one in progress)" in log


def test_a_wait_imports_nothing_that_an_interrupt_could_break() -> None:
    lines, _ = python(
        """
        bus.drain(1)
        bus.close(0.5)
        print("datetime" in sys.modules)
        from datetime import timedelta
        bus.drain(timedelta(seconds=1))
        """
    )
    assert lines == ["False"]


def test_a_handler_that_fails_then_is_logged() -> None:
    _, log = python(
        """
        bus.subscribe(int, lambda number: 1 / number)
        bus.post(0)
        """
    )
    assert "ZeroDivisionError" in log


def test_posts_on_a_loop_that_is_gone_are_logged() -> None:
    lines, log = python(
        """
        bus = AsyncEventBus()
        @bus.on(int, name="waits")
        async def handle(number):
            await asyncio.Event().wait()
        async def main():
            bus.post(1)
            bus.post(2)
            await asyncio.sleep(0)
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        print(bus.pending)
        """
    )
    assert lines == ["2"]
    assert "posted deliveries are lost, as their event loop has ended: 1 to waits" in log


def test_posts_to_a_loop_in_another_thread_are_waited_for() -> None:
    lines, _ = python(
        """
        bus = AsyncEventBus()
        begun = threading.Event()
        @bus.on(int)
        async def handle(number):
            await asyncio.sleep(0.01)
            print(number, flush=True)
        async def serve():
            bus._enter(asyncio.get_running_loop())
            begun.set()
            await asyncio.Event().wait()
        threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
        begun.wait()
        for number in range(5):
            bus.post(number)
        """
    )
    assert lines == ["0", "1", "2", "3", "4"]


def test_a_daemon_thread_that_posts_on_and_on_does_not_keep_the_program_from_its_end() -> None:
    lines, log = python(
        """
        bus = EventBus(max_pending=3)
        begun = threading.Event()
        def handle(number):
            threading.Event().wait(0.001)
            if number is not None:
                print(number, flush=True)
                bus.post(None)
        bus.subscribe(object, handle)
        def post():
            for number in range(1_000_000):
                bus.post(number)
                begun.set()
        threading.Thread(target=post, daemon=True).start()
        begun.wait()
        """
    )
    assert lines[:1] == ["0"]
    assert lines == [str(number) for number in range(len(lines))]
    assert log == "" or "QueueFull" in log


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@needs_fork
def test_a_forked_child_keeps_subscriptions_and_has_nothing_pending() -> None:
    lines, log = python(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        opened = threading.Event()
        seen = []
        bus.subscribe(int, lambda number: (opened.wait(), seen.append(number)))
        for number in range(3):
            bus.post(number)
        child = os.fork()
        if child == 0:
            print("child", bus.pending, len(bus.handlers(int)), threading.active_count(), flush=True)
            opened.set()
            bus.post(7)
            bus.drain()
            print("child", seen, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        opened.set()
        bus.drain()
        print("parent", seen)
        """
    )
    assert lines == ["child 0 1 1", "child [7]", "parent [0, 1, 2]"]
    assert log == ""


@needs_fork
def test_so_it_is_on_the_async_bus() -> None:
    lines, log = python(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        bus = AsyncEventBus()
        seen = []
        @bus.on(int)
        async def handle(number):
            await asyncio.sleep(0)
            seen.append(number)
        async def child():
            bus.post(7)
            await bus.drain()
            print("child", seen, flush=True)
        async def main():
            bus.post(1)
            await asyncio.sleep(0)
            pid = os.fork()
            if pid == 0:
                print("child", bus.pending, flush=True)
                thread = threading.Thread(target=asyncio.run, args=(child(),))
                thread.start()
                thread.join()
                os._exit(0)
            os.waitpid(pid, 0)
            await bus.drain()
            print("parent", seen)
        asyncio.run(main())
        """
    )
    assert lines == ["child 0", "child [7]", "parent [1]"]
    assert log == ""


@needs_fork
def test_a_handler_may_fork() -> None:
    lines, log = python(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        @bus.on(int)
        def handle(number):
            if number == 1:
                child = os.fork()
                if child == 0:
                    print("child", bus.pending, flush=True)
                    os._exit(0)
                os.waitpid(child, 0)
            print("parent", number, flush=True)
        for number in range(3):
            bus.post(number)
        bus.drain()
        """
    )
    assert lines == ["parent 0", "child 0", "parent 1", "parent 2"]
    assert log == ""


@needs_fork
def test_a_child_that_ends_in_order_delivers_its_own_posts() -> None:
    lines, _ = python(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        bus.subscribe(int, lambda number: print(os.getpid() != first, number, flush=True))
        first = os.getpid()
        bus.post(1)
        bus.drain()
        child = os.fork()
        if child == 0:
            bus.post(2)
            sys.exit()
        os.waitpid(child, 0)
        bus.post(3)
        """
    )
    assert lines == ["False 1", "True 2", "False 3"]


@needs_fork
@pytest.mark.parametrize("posted_before", [False, True])
def test_a_child_of_multiprocessing_delivers_its_own_posts(posted_before: bool) -> None:
    lines, _ = python(
        f"""
        import multiprocessing, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context("fork")
        started = context.Event()
        def handle(number):
            started.wait()
            print(number, flush=True)
        bus.subscribe(int, handle)
        if {posted_before}:
            started.set()
            bus.post(0)
            bus.drain()
            started.clear()
        process = context.Process(target=bus.post, args=(1,))
        process.start()
        threading.Timer(0.1, started.set).start()
        process.join()
        """
    )
    assert lines == (["0"] if posted_before else []) + ["1"]


def test_daemon_threads_and_loops_in_them_do_no_harm_at_the_end() -> None:
    python(
        """
        bus.subscribe(int, lambda number: None)
        begun = threading.Barrier(3)
        stopped = threading.Event()
        def post():
            begun.wait()
            while not stopped.is_set():
                bus.post(1)
            while True:
                pass
        threading.Thread(target=post, daemon=True).start()
        other = AsyncEventBus()
        async def serve():
            other.subscribe(int, lambda number: asyncio.sleep(0))
            begun.wait()
            while True:
                await other.publish(1)
                other.post(1)
                await other.drain()
        threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
        begun.wait()
        stopped.set()
        """
    )


def test_a_child_that_multiprocessing_spawns_has_a_bus_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import multiprocessing
            from buswork import EventBus
            bus = EventBus()
            bus.subscribe(int, lambda number: print(__name__, number, flush=True))
            def child():
                bus.post(1)
            if __name__ == "__main__":
                bus.post(0)
                bus.drain()
                process = multiprocessing.get_context("spawn").Process(target=child)
                process.start()
                process.join()
            """
        )
    )
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.splitlines() == ["__main__ 0", "__mp_main__ 1"]


def test_a_thread_that_waits_when_the_program_ends_does_no_harm() -> None:
    python(
        """
        bus = EventBus(max_pending=1)
        opened, begun = threading.Event(), threading.Barrier(3)
        bus.subscribe(int, lambda number: opened.wait())
        bus.post(1)
        def wait(verb, *given):
            begun.wait()
            verb(*given)
        threading.Thread(target=wait, args=(bus.drain,), daemon=True).start()
        threading.Thread(target=wait, args=(bus.post, 2), daemon=True).start()
        begun.wait()
        threading.Timer(0.1, opened.set).start()
        """
    )


def test_the_end_by_os_exit_loses_what_is_pending() -> None:
    lines, log = python(
        """
        opened = threading.Event()
        bus.subscribe(int, lambda number: (opened.wait(), print(number, flush=True)))
        bus.post(1)
        os._exit(3)
        """,
        status=3,
    )
    assert (lines, log) == ([], "")
