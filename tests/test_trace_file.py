"""Traces in files: their form, their bounds, their end, and what goes wrong with them."""

from __future__ import annotations

import gc
import json
import logging
import multiprocessing
import os
import re
import stat
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from buswork import EventBus, HandlerErrors

HERE = __name__
ROOT = Path(__file__).parents[1]
#: Read by the tests of the Rust crate as well.
EXPECTED = ROOT / "tests" / "trace_of_a_bus.jsonl"


@dataclass
class Placed:
    secret: str


class Paid:
    pass


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_type(path: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines(path) if line["type"] == kind]


def take(bus: EventBus) -> None:
    bus.publish(Placed("hushed payload"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


def test_the_form_of_a_file(path: Path) -> None:
    bus = EventBus()

    def bill(_: Placed) -> None:
        bus.publish(Paid(), topic="money")

    bus.subscribe(object, bill, name="billing")

    @bus.on(Placed)
    def fail(_: Placed) -> None:
        raise ValueError("hushed error")

    with bus.trace(path), pytest.raises(HandlerErrors):
        take(bus)
    header, placed, paid, billed, failed, *edges = lines(path)
    assert header == {
        "type": "trace",
        "schema": "buswork-trace/1",
        "trace": header["trace"],
        "process": os.getpid(),
        "began": header["began"],
    }
    assert placed == {
        "type": "event",
        "id": placed["id"],
        "causation": None,
        "correlation": placed["id"],
        "event": f"{HERE}.Placed",
        "verb": "publish",
        "site": {
            "function": f"{HERE}:take",
            "file": __file__,
            "line": take.__code__.co_firstlineno + 1,
        },
        "cause": None,
        "at": placed["at"],
    }
    assert (paid["causation"], paid["correlation"]) == (placed["id"], placed["id"])
    assert (paid["topic"], paid["cause"]) == ("money", f"{HERE}:{bill.__qualname__}")
    assert billed == {
        "type": "delivery",
        "event": placed["id"],
        "handler": f"{HERE}:{bill.__qualname__}",
        "name": "billing",
        "subscribed": ["builtins.object"],
        "file": __file__,
        "line": bill.__code__.co_firstlineno,
        "subscription": billed["subscription"],
        "wait": billed["wait"],
        "run": billed["run"],
        "outcome": "ok",
    }
    assert (failed["outcome"], failed["error"]) == ("failed", "ValueError")
    publishes, deliveries, cascades = edges
    assert {edge["event"] for edge in publishes["publishes"]} == {f"{HERE}.Placed", f"{HERE}.Paid"}
    assert [edge["count"] for edge in deliveries["deliveries"]] == [1, 1]
    assert cascades == {
        "type": "edges",
        "more": 0,
        "cascades": [
            {"handler": f"{HERE}:{bill.__qualname__}", "event": f"{HERE}.Paid", "count": 1}
        ],
    }
    assert "hushed" not in path.read_text()


def test_a_file_is_what_the_reader_in_rust_is_tested_with(path: Path) -> None:
    bus = EventBus()
    bus.subscribe(Placed, lambda _: bus.deliver(Paid()), name="billing")
    bus.subscribe(object, lambda _: 1 / 0, name="audit", when=lambda event: isinstance(event, Paid))
    bus.subscribe("money.*", lambda _: None, name="on topic")
    with bus.trace(path):
        take(bus)
        bus.publish("paid", topic="money.in")
    ids: dict[str, str] = {}
    written = lines(path)
    for line in written:
        for key in ("trace", "id", "causation", "correlation", "event"):
            value = line.get(key)
            if isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value):
                line[key] = ids.setdefault(value, f"{len(ids) + 1:032x}")
        for key in ("process", "began", "at", "wait", "run"):
            if key in line:
                line[key] = 1
    text = "".join(json.dumps(line) + "\n" for line in written)
    text = text.replace(json.dumps(f"{ROOT}{os.sep}")[1:-1], "")
    if os.environ.get("BUSWORK_WRITE"):
        EXPECTED.write_text(text)
    assert text == EXPECTED.read_text()


def test_text_of_any_kind_is_written_as_json(path: Path) -> None:
    bus = EventBus()
    names = ['"quoted"', "back\\slash", "line\nbreak", "größe 🦀", "\x1b[31m", "\x00", "\ud800"]
    for name in names:
        bus.subscribe(int, lambda _: None, name=name.encode("utf-8", "replace").decode())
    odd: Any = type('Odd"\n', (), {"__module__": "a\\b"})
    with bus.trace(path):
        bus.publish(odd())
        bus.publish(1)
    events, deliveries = of_type(path, "event"), of_type(path, "delivery")
    assert events[0]["event"] == 'a\\b.Odd"\n'
    assert [one["name"] for one in deliveries] == [*names[:-1], "?"]


def test_only_its_owner_can_read_it(path: Path) -> None:
    bus = EventBus()
    before = os.umask(0)
    try:
        with bus.trace(path, max_bytes=1, keep=1):
            bus.publish(1)
    finally:
        os.umask(before)
    for file in (path, Path(f"{path}.1")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_files_are_rotated_and_bounded_and_no_edge_is_lost(path: Path) -> None:
    bus = EventBus()
    bus.subscribe(int, lambda _: None, name="handler")
    with bus.trace(path, max_bytes=2_000, keep=2):
        take(bus)
        for number in range(100):
            bus.publish(number)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["trace.jsonl", "trace.jsonl.1", "trace.jsonl.2"]
    assert all(file.stat().st_size < 5_000 for file in files)
    assert len({lines(file)[0]["trace"] for file in files}) == 1
    assert all(
        event["event"] == "builtins.int" for file in files for event in of_type(file, "event")
    )
    *_, publishes, deliveries = of_type(path, "edges")
    assert {edge["event"]: edge["count"] for edge in publishes["publishes"]} == {
        f"{HERE}.Placed": 1,
        "builtins.int": 100,
    }
    assert deliveries["deliveries"][0]["count"] == 100


def test_without_keep_the_one_file_has_all_edges(path: Path) -> None:
    bus = EventBus()
    with bus.trace(path, max_bytes=1_000, keep=0):
        for number in range(100):
            bus.publish(number)
    assert list(path.parent.iterdir()) == [path]
    assert of_type(path, "edges")[-1]["publishes"][0]["count"] == 100


def test_distinct_edges_are_bounded_and_those_left_out_are_counted(path: Path) -> None:
    bus = EventBus()
    with bus.trace(path):
        for number in range(10_050):
            bus.publish(type(f"Event{number}", (), {})())
    edges = of_type(path, "edges")
    assert sum(len(one["publishes"]) for one in edges) == 10_000
    assert {one["more"] for one in edges} == {50}
    assert max(len(line) for line in path.read_text().splitlines()) < 1 << 18


def test_a_file_that_is_there_is_kept(path: Path) -> None:
    path.write_text("precious")
    bus = EventBus()
    with bus.trace(path):
        pass
    assert Path(f"{path}.1").read_text() == "precious"


def test_what_cannot_be_opened_is_an_error_as_of_open(path: Path) -> None:
    bus = EventBus()
    with pytest.raises(FileNotFoundError) as caught:
        bus.trace(path / "missing" / "trace.jsonl")
    assert caught.value.filename == str(path / "missing" / "trace.jsonl")
    with pytest.raises(IsADirectoryError):
        bus.trace(path.parent)
    with pytest.raises(ValueError, match="max_bytes must be at least 1"):
        bus.trace(path, max_bytes=0)
    with pytest.raises(ValueError, match="keep must be at least 0"):
        bus.trace(path, keep=-1)
    with pytest.raises(TypeError):
        bus.trace(3)  # type: ignore[arg-type]
    assert not path.exists()


FULL = """
import logging, resource, sys
from buswork import EventBus
logging.basicConfig(stream=sys.stdout, format="%(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
bus, calls = EventBus(), []
bus.subscribe(int, calls.append)
trace = bus.trace(sys.argv[1])
for number in range(2_000):
    bus.publish(number)
trace.close()
assert calls == list(range(2_000))
assert trace.closed
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a file may become as long as it likes")
def test_a_full_disk_is_told_of_once_and_disturbs_no_publish(path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    (told,) = ran.stdout.splitlines()
    assert "trace.jsonl has ended, as it cannot be written" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_what_is_no_ordinary_file_is_refused_at_once(path: Path) -> None:
    os.mkfifo(path)
    bus = EventBus()
    for other in (path, Path(os.devnull)):
        with pytest.raises(OSError, match=f"{other} is no ordinary file"):
            bus.trace(other)
    bus.publish(1)


def test_a_folder_that_goes_away_ends_the_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    bus = EventBus()
    trace = bus.trace(folder / "trace.jsonl", max_bytes=1_000)
    (folder / "trace.jsonl").unlink()
    folder.rmdir()
    with caplog.at_level(logging.ERROR, "buswork"):
        for number in range(100):
            bus.publish(number)
    assert trace.closed
    assert len(caplog.records) == 1


def test_no_link_is_followed(path: Path) -> None:
    victim = path.parent / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    bus = EventBus()
    with bus.trace(path):
        pass
    assert victim.read_text() == "precious"
    assert not path.is_symlink()


def test_it_ends_with_the_bus(path: Path) -> None:
    bus = EventBus()
    trace = bus.trace(path)
    bus.publish(1)
    bus.close()
    assert trace.closed
    assert repr(trace) == f"<Trace in {path}, ended>"
    bus.publish(2)
    assert len(of_type(path, "event")) == 1
    trace.close()


def test_a_timeout_of_close_leaves_it_open_for_what_goes_on(path: Path) -> None:
    bus, go_on = EventBus(), threading.Event()
    bus.subscribe(int, lambda _: go_on.wait(30), name="slow")
    trace = bus.trace(path)
    bus.post(1)
    with pytest.raises(TimeoutError):
        bus.close(0)
    assert not trace.closed
    go_on.set()
    bus.close()
    assert [one["outcome"] for one in of_type(path, "delivery")] == ["ok"]


def test_a_bus_that_is_collected_ends_it(path: Path) -> None:
    bus = EventBus()

    def handler(_: int) -> None:
        bus.publish("x")

    bus.subscribe(int, handler)
    trace, reference = bus.trace(path), weakref.ref(bus)
    bus.publish(1)
    del bus, handler
    gc.collect()
    assert reference() is None
    assert trace.closed
    assert len(of_type(path, "edges")) == 3


def test_the_handle_need_not_be_kept(path: Path) -> None:
    bus = EventBus()
    bus.trace(path)
    gc.collect()
    bus.publish(1)
    bus.close()
    assert len(of_type(path, "event")) == 1


def test_a_flush_writes_what_there_is(path: Path) -> None:
    bus = EventBus()
    trace = bus.trace(path)
    bus.publish(1)
    trace.flush()
    assert [line["type"] for line in lines(path)] == ["trace", "event"]
    trace.flush()
    assert len(lines(path)) == 2
    trace.close()
    assert [line["type"] for line in lines(path)] == ["trace", "event", "edges"]


def test_flushes_keep_to_the_bound(path: Path) -> None:
    bus = EventBus()
    with bus.trace(path, max_bytes=20_000, keep=1) as trace:
        for number in range(100):
            bus.publish(type(f"Event{number}", (), {})())
            trace.flush()
    # The header and the edges on top, at the beginning and at the end.
    assert max(file.stat().st_size for file in path.parent.iterdir()) < 60_000


def test_threads_write_whole_lines(path: Path) -> None:
    bus = EventBus()
    bus.subscribe(int, lambda _: None, name="handler")

    def publish() -> None:
        for number in range(500):
            bus.publish(number)

    with bus.trace(path):
        threads = [threading.Thread(target=publish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(of_type(path, "event")) == len(of_type(path, "delivery")) == 2_000
    assert len({event["id"] for event in of_type(path, "event")}) == 2_000


PROGRAM = """
import os, sys
from buswork import EventBus
bus = EventBus()
bus.subscribe(int, lambda number: bus.post(str(number)))
bus.subscribe(str, lambda _: None)
{order}
bus.publish(1)
"""


@pytest.mark.parametrize(
    "order",
    [
        "bus.trace(sys.argv[1])",
        "bus.post('before'); bus.trace(sys.argv[1])",
        "bus.trace(sys.argv[1]); bus.post('before')",
    ],
)
def test_the_end_of_the_program_writes_it_with_what_was_posted(path: Path, order: str) -> None:
    program = PROGRAM.format(order=order)
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    by_id = {event["id"]: event for event in of_type(path, "event")}
    delivered = [
        by_id[one["event"]]["event"] for one in of_type(path, "delivery") if one["event"] in by_id
    ]
    assert "builtins.int" in delivered
    assert "builtins.str" in delivered
    assert of_type(path, "edges")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_nothing_and_may_begin_a_trace_of_its_own(path: Path) -> None:
    bus = EventBus()
    own = path.with_name("child.jsonl")
    trace, tracing = bus.trace(path), bus.tracing()
    bus.publish("parent")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            bus.publish("child")
            assert trace.closed
            assert tracing.closed
            trace.flush()
            trace.close()
            with bus.trace(own):
                bus.publish("own")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    bus.publish("parent")
    trace.close()
    assert len(of_type(path, "event")) == 2
    assert len(of_type(path, "trace")) == 1
    (event,) = of_type(own, "event")
    assert event["id"][:16] != of_type(path, "event")[0]["id"][:16]
    tracing.close()


def in_child(path: str) -> None:
    bus = EventBus()
    bus.trace(path)
    bus.publish(1)
    # Kept alive, so that nothing but the end of the process writes it.
    in_child.bus = bus  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_multiprocessing_writes_its_trace_at_its_end(path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=in_child, args=(str(path),))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert len(of_type(path, "event")) == 1


def test_memory_is_saved_in_the_same_form(path: Path) -> None:
    bus = EventBus()
    bus.subscribe(int, lambda _: None, name="handler")
    with bus.tracing() as tracing:
        bus.publish(1)
    tracing.save(path)
    assert [line["type"] for line in lines(path)] == [
        "trace",
        "event",
        "delivery",
        "edges",
        "edges",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        tracing.save(path)
