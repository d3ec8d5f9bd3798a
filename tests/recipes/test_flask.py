"""The recipe for Flask, driven by its test client, and in processes that end and that fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import current_app, g

from recipes import flask_app
from recipes.flask_app import OrderPlaced, app, bus

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def _open_bus() -> Iterator[None]:
    with bus:
        yield
    flask_app.mails.clear()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Hold handlers up, but not the end of a test that fails."""
    gate = threading.Event()
    yield gate
    gate.set()


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "buswork-worker"]


def run(program: str) -> str:
    """Run a program to its end, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES)}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_answer_comes_before_the_mail_is_sent(gate: threading.Event) -> None:
    client = app.test_client()
    with bus.subscribe(OrderPlaced, lambda order: gate.wait()):
        assert client.post("/orders/teapot/u1").status_code == 202
        assert client.get("/figures").json["pending"] >= 1
        gate.set()
        bus.drain(30)
    assert client.get("/figures").json == {"pending": 0}
    assert flask_app.mails == ["to u1: your teapot is on its way"]


def test_a_posted_handler_that_fails_is_logged_and_the_app_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(order: OrderPlaced) -> None:
        raise OSError("no network")

    with bus.subscribe(OrderPlaced, fail):
        assert app.test_client().post("/orders/teapot/u1").status_code == 202
        bus.drain(30)
    [logged] = [line for line in caplog.records if line.name == "buswork"]
    assert isinstance(logged.exc_info[1], OSError)
    assert flask_app.mails == ["to u1: your teapot is on its way"]


def test_too_much_at_once_is_answered_with_503(gate: threading.Event) -> None:
    client = app.test_client()
    with bus.subscribe(int, lambda number: gate.wait()):
        for number in range(10_000):
            bus.post(number)
        assert client.post("/orders/teapot/u1").status_code == 503
        gate.set()
        bus.drain(30)
    assert client.post("/orders/teapot/u1").status_code == 202


def test_it_stops_and_starts_again_and_leaves_no_thread() -> None:
    bus.close()
    before = workers()
    for customer in ("u1", "u2"):
        with bus:
            app.test_client().post(f"/orders/teapot/{customer}")
        assert flask_app.mails[-1].startswith(f"to {customer}:")
        for thread in set(workers()) - set(before):
            thread.join(30)
            assert not thread.is_alive()
        with pytest.raises(RuntimeError, match="closed"):
            bus.post(OrderPlaced("teapot", "too late"))


def test_an_event_may_be_posted_where_there_is_no_request() -> None:
    bus.post(OrderPlaced("teapot", "u1"))
    bus.drain(30)
    assert flask_app.mails == ["to u1: your teapot is on its way"]


def test_a_posted_handler_sees_the_context_of_its_request_unless_it_enters_its_own(
    gate: threading.Event,
) -> None:
    seen: list[object] = []

    def look(number: int) -> None:
        gate.wait()
        seen.extend([current_app.name, g.get("connection")])
        with app.app_context():
            seen.append(g.get("connection"))

    with bus.subscribe(int, look):
        with app.test_request_context():
            g.connection = "of the request"
            bus.post(1)
        gate.set()
        bus.drain(30)
    assert seen == ["recipes.flask_app", "of the request", None]


def test_a_process_that_ends_delivers_what_is_pending() -> None:
    printed = run("""
from recipes.flask_app import OrderPlaced, app, bus

bus.subscribe(OrderPlaced, lambda order: print("mailed", order.customer))
for number in range(100):
    app.test_client().post(f"/orders/teapot/{number}")
""")
    assert printed.splitlines() == [f"mailed {number}" for number in range(100)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_forked_workers_deliver_their_own_posts_and_none_of_their_parent_s() -> None:
    # What a server does that loads the app first and forks then: gunicorn --preload, for one. In
    # the parent a delivery is in progress and another one waits while it forks.
    printed = run("""
import os, sys, threading
from recipes.flask_app import OrderPlaced, app, bus

master, gate, begun = os.getpid(), threading.Event(), threading.Event()

def tell(order):
    begun.set()
    if os.getpid() == master:
        gate.wait()
    os.write(1, f"{order.customer} by {'master' if os.getpid() == master else 'worker'}\\n".encode())

bus.subscribe(OrderPlaced, tell)
client = app.test_client()
for customer in ("first", "second"):
    client.post(f"/orders/teapot/{customer}")
begun.wait()
children = []
for number in range(2):
    child = os.fork()
    if child == 0:
        assert client.get("/figures").json == {"pending": 0}
        client.post(f"/orders/teapot/{number}")
        sys.exit()
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
gate.set()
""")
    assert sorted(printed.splitlines()[:2]) == ["0 by worker", "1 by worker"]
    assert printed.splitlines()[2:] == ["first by master", "second by master"]
