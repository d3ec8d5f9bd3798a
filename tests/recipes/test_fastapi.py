"""The recipe for FastAPI, driven by its test client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from buswork.testing import record
from recipes import fastapi_app
from recipes.fastapi_app import OrderPlaced, ReminderAsked, app, bus


@pytest.fixture(autouse=True)
def _full_shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(fastapi_app.stock, "teapot", 1)
    yield
    assert bus.pending == 0
    fastapi_app.reminded.clear()


@contextmanager
def held(client: TestClient, event_type: type[object]) -> Iterator[None]:
    """Hold up a handler of a type of events, to the end of the block."""
    gate = client.portal.call(asyncio.Event)

    async def wait(event: object) -> None:
        await gate.wait()

    with bus.subscribe(event_type, wait):
        try:
            yield
        finally:
            client.portal.call(gate.set)
            client.portal.call(bus.drain, 30)


def test_a_request_waits_for_what_it_publishes_and_fails_with_it() -> None:
    with TestClient(app) as client, record(bus) as recorder:
        assert client.post("/orders/teapot").status_code == 201
        assert fastapi_app.stock["teapot"] == 0
        sold_out = client.post("/orders/teapot")
    assert (sold_out.status_code, sold_out.json()) == (409, {"detail": "there is no teapot left"})
    assert recorder.events == [OrderPlaced("teapot")] * 2


def test_a_failure_that_nobody_foresaw_is_an_error_of_the_server() -> None:
    def fail(order: OrderPlaced) -> None:
        raise OSError("no network")

    with TestClient(app, raise_server_exceptions=False) as client:
        with bus.subscribe(OrderPlaced, fail):
            assert client.post("/orders/teapot").status_code == 500
            assert client.post("/orders/teapot").status_code == 500, "sold out, and no network"
        assert client.post("/orders/teapot").status_code == 409


def test_the_answer_comes_before_what_is_posted_is_done() -> None:
    with TestClient(app) as client:
        with held(client, ReminderAsked):
            assert client.post("/reminders/u1").status_code == 202
            assert bus.pending >= 1
        assert bus.pending == 0
    assert fastapi_app.reminded == ["u1"]


def test_the_app_starts_and_stops_on_one_bus_and_each_stop_delivers_what_is_posted() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    done: list[str] = []

    async def slow(reminder: ReminderAsked) -> None:
        loops.append(asyncio.get_running_loop())
        for _ in range(1000):
            await asyncio.sleep(0)
        done.append(reminder.customer)

    with bus.subscribe(ReminderAsked, slow):
        for customer in ("u1", "u2", "u3"):
            with TestClient(app) as client:
                client.post(f"/reminders/{customer}")
            assert done[-1] == customer == fastapi_app.reminded[-1]
            with pytest.raises(RuntimeError, match="async with bus"):
                bus.post(ReminderAsked("too late"))
    assert len(set(loops)) == 3
    assert [asyncio.all_tasks(loop) for loop in loops] == [set(), set(), set()]


def test_without_its_lifespan_the_app_posts_nothing_and_says_how_to_mend_it() -> None:
    with pytest.raises(RuntimeError, match="async with bus"):
        TestClient(app).post("/reminders/u1")


def test_a_posted_handler_that_fails_is_logged_and_the_app_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(reminder: ReminderAsked) -> None:
        raise OSError("no network")

    with bus.subscribe(ReminderAsked, fail), TestClient(app) as client:
        assert client.post("/reminders/u1").status_code == 202
        client.portal.call(bus.drain, 30)
        assert client.post("/orders/teapot").status_code == 201
    [logged] = [line for line in caplog.records if line.name == "buswork"]
    assert logged.levelno == logging.ERROR
    assert isinstance(logged.exc_info[1], OSError)
    assert "fastapi_app.py" in "".join(logged.exc_info[1].__notes__), "the place of the post"


def test_too_much_at_once_is_answered_with_503() -> None:
    with TestClient(app) as client:
        with held(client, int):
            for number in range(10_000):
                bus.post(number)
            busy = client.post("/reminders/u1")
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        assert client.post("/reminders/u1").status_code == 202
    assert fastapi_app.reminded == ["u1"]
