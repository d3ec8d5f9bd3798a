"""The recipe for Django, driven by its test client on a database in a file.

In a file, since a handler in the background has a connection of its own, and Django never closes one
to a database in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.signals import connection_created
from django.test import Client, override_settings
from django.test.utils import setup_test_environment, teardown_test_environment

from buswork import EventBus
from buswork.testing import record

EXAMPLES = Path(__file__).parents[2] / "examples"
SETTINGS = "recipes.django_app.settings"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Give the project's bus and events; models and handlers can be imported then."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", SETTINGS)
    monkeypatch.setenv("TZ", "UTC")  # Django would set it for good.
    django.setup()
    monkeypatch.setitem(connections.databases["default"], "NAME", str(tmp_path / "orders.sqlite3"))
    call_command("migrate", run_syncdb=True, verbosity=0)
    setup_test_environment()
    from recipes.django_app import bus as module

    try:
        with module.bus:
            yield module
    finally:
        teardown_test_environment()
        connections.close_all()


@pytest.fixture
def gate(project: ModuleType) -> Iterator[threading.Event]:
    """Hold handlers up, but not the end of a test that fails."""
    gate = threading.Event()
    yield gate
    gate.set()


def is_confirmed(response: Any) -> bool:
    from recipes.django_app.models import Order

    return Order.objects.get(pk=response.json()["order"]).is_confirmed


def test_what_is_committed_is_posted_and_confirmed_in_the_background(
    project: ModuleType, gate: threading.Event
) -> None:
    with record(project.bus) as recorder:
        with project.bus.subscribe(project.OrderCommitted, lambda order: gate.wait()):
            response = Client().post("/orders/teapot")
            assert response.status_code == 201
            assert project.bus.pending >= 1
            gate.set()
            project.bus.drain(30)
    assert is_confirmed(response)
    assert [sent.body for sent in mail.outbox] == ["A teapot is on its way."]
    assert [entry.verb for entry in recorder.records] == ["publish", "post"]


def test_what_is_rolled_back_is_never_posted(project: ModuleType) -> None:
    from recipes.django_app.models import Order

    with record(project.bus) as recorder:
        response = Client().post("/orders/yacht")
    assert (response.status_code, response.json()) == (409, {"error": "no yacht on sale"})
    assert recorder.assert_published_once(project.OrderPlaced).item == "yacht"
    recorder.assert_not_published(project.OrderCommitted)
    assert not Order.objects.exists()


def test_a_failure_that_nobody_foresaw_rolls_back_and_goes_on(project: ModuleType) -> None:
    from recipes.django_app.models import Order

    def fail(order: object) -> None:
        raise OSError("no network")

    with project.bus.subscribe(project.OrderPlaced, fail), record(project.bus) as recorder:
        assert Client(raise_request_exception=False).post("/orders/teapot").status_code == 500
    recorder.assert_not_published(project.OrderCommitted)
    assert not Order.objects.exists()


def test_the_handlers_are_subscribed_once_though_ready_is_called_again(
    project: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipes.django_app.apps import OrdersConfig

    before = project.bus.handlers(project.OrderCommitted)
    calls: list[OrdersConfig] = []
    ready = OrdersConfig.ready
    monkeypatch.setattr(OrdersConfig, "ready", lambda config: (calls.append(config), ready(config)))
    django.setup()
    assert calls == [], "Django does so once a process"
    with override_settings(INSTALLED_APPS=["recipes.django_app", "django.contrib.contenttypes"]):
        assert calls == [apps.get_app_config("django_app")], "but here"
    after = project.bus.handlers(project.OrderCommitted)
    assert after == before
    assert len(after) == 1


def test_a_posted_handler_that_fails_is_logged_and_the_others_run(
    project: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(order: object) -> None:
        raise OSError("no network")

    with project.bus.subscribe(project.OrderCommitted, fail):
        response = Client().post("/orders/mug")
        project.bus.drain(30)
    assert response.status_code == 201
    assert is_confirmed(response)
    [logged] = [line for line in caplog.records if line.name == "buswork"]
    assert isinstance(logged.exc_info[1], OSError)


def test_no_connection_of_a_background_thread_is_left_open(project: ModuleType) -> None:
    opened: list[tuple[str, Any]] = []

    def note(connection: Any, **_: object) -> None:
        opened.append((threading.current_thread().name, connection))

    connection_created.connect(note)
    try:
        for _ in range(3):
            Client().post("/orders/teapot")
        project.bus.drain(30)
    finally:
        connection_created.disconnect(note)
    background = [connection for name, connection in opened if name == "buswork-worker"]
    assert len(background) == 3
    assert [connection.connection for connection in background] == [None] * 3


def test_it_stops_and_starts_again_and_each_stop_delivers_what_is_posted(
    project: ModuleType,
) -> None:
    for _ in range(2):
        with project.bus:
            response = Client().post("/orders/teapot")
        assert is_confirmed(response)
        assert project.bus.pending == 0
    assert len(mail.outbox) == 2


def test_on_a_closed_bus_an_order_is_committed_all_the_same(project: ModuleType) -> None:
    from recipes.django_app.models import Order

    project.bus.close()
    response = Client(raise_request_exception=False).post("/orders/teapot")
    assert response.status_code == 500
    assert Order.objects.count() == 1


def test_in_a_loop_partial_binds_what_a_lambda_does_not(project: ModuleType) -> None:
    """What the guide warns of."""
    from functools import partial

    late, bound = EventBus(), EventBus()
    with record(late) as of_lambdas, record(bound) as of_partials, transaction.atomic():
        for number in range(3):
            transaction.on_commit(lambda: late.post(number))
            transaction.on_commit(partial(bound.post, number))
    assert of_lambdas.events == [2, 2, 2]
    assert of_partials.events == [0, 1, 2]


def test_a_process_that_ends_delivers_what_is_pending(tmp_path: Path) -> None:
    program = """
import django
from django.core.management import call_command
from django.test import Client

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0)
for _ in range(3):
    assert Client(SERVER_NAME="localhost").post("/orders/teapot").status_code == 201
"""
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES),
        "DJANGO_SETTINGS_MODULE": SETTINGS,
    }
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("A teapot is on its way.") == 3
