"""The map that the command draws of the shop, held against what the shop really did.

The command and the shop for Rust are built by `cargo test`, which `make test` runs before. The folder
that they lie in is told by BUSWORK_BUILT.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "examples" / "shop" / "sample.txt"
BUILT = Path(os.environ.get("BUSWORK_BUILT", ROOT / "target" / "ci"))
SUFFIX = ".exe" if os.name == "nt" else ""
COMMAND = BUILT / f"buswork{SUFFIX}"
RUST_SHOP = BUILT / "examples" / f"shop{SUFFIX}"

pytestmark = pytest.mark.skipif(
    not (COMMAND.is_file() and RUST_SHOP.is_file()),
    reason="the command is not built: run cargo test, or tell its folder by BUSWORK_BUILT",
)


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    """The sample, and one order more, which empties the shelf: every event comes about."""
    path = tmp_path / "purchases.txt"
    path.write_text(SAMPLE.read_text() + " 00071 19970904 950  1.00\n")
    return path


def run(command: list[str | Path], folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def confirmed(folder: str, *traces: Path) -> Any:
    """The graph of a folder, with its marks."""
    command: list[str | Path] = [COMMAND, "wiring", folder, "--no-cache", "--format", "json"]
    for trace in traces:
        command += ["--confirm", trace]
    return json.loads(run([*command, "--recall", "1"]))


def assert_found(confirmation: Any, publishes: int, deliveries: int, cascades: int) -> None:
    for recall, edges in {
        "publish_recall": publishes,
        "delivery_recall": deliveries,
        "cascade_recall": cascades,
        "recall": publishes + deliveries + cascades,
    }.items():
        assert confirmation[recall] == {"seen": edges, "found": edges}, recall
    assert not any(confirmation["only_at_run_time"].values())
    assert confirmation["refuted"] == []


def run_python_shop(purchases: Path, *options: str) -> Path:
    trace = purchases.with_name(f"trace{'-'.join(options)}.jsonl")
    shop = [sys.executable, "-m", "shop", "--data", purchases, "--out", purchases.parent]
    run([*shop, "--trace", trace, *options], ROOT / "examples")
    return trace


def test_every_edge_that_the_shop_ran_through_is_on_the_map(purchases: Path) -> None:
    trace = run_python_shop(purchases)
    assert_found(confirmed("examples/shop", trace)["confirmation"], 5, 12, 3)


def test_the_same_of_the_async_shop(purchases: Path) -> None:
    trace = run_python_shop(purchases, "--async")
    assert_found(confirmed("examples/shop", trace)["confirmation"], 5, 12, 3)


def test_both_together_run_through_every_edge_on_the_map(purchases: Path) -> None:
    traces = run_python_shop(purchases), run_python_shop(purchases, "--async")
    confirmation = confirmed("examples/shop", *traces)["confirmation"]
    assert confirmation["not_seen"] == []
    assert min(*confirmation["publishes"], *confirmation["cascades"]) > 0


def test_the_shop_for_rust_runs_through_every_edge_on_its_map(purchases: Path) -> None:
    trace = purchases.with_name("trace.jsonl")
    run([RUST_SHOP, "--data", purchases, "--out", purchases.parent, "--trace", trace])
    confirmation = confirmed("crates/buswork/examples/shop", trace)["confirmation"]
    assert_found(confirmation, 5, 7, 3)
    assert confirmation["not_seen"] == []


SCRIPT = """\
from buswork import EventBus

class Placed:
    pass

class Paid(Placed):
    pass

bus = EventBus()

class Check:
    def __call__(self, event: Placed) -> None:
        pass

class Billing:
    def bill(self, event: Placed) -> None:
        bus.publish("paid", topic="orders.eu.paid")

@bus.on(Paid)
@bus.on(Placed, name="several lines up")
def note(event: Placed) -> None:
    def inner() -> None:
        bus.publish("noted", topic="orders.eu.noted")

    inner()

bus.subscribe(Placed, Check())
bus.subscribe(Placed, Billing().bill)
bus.subscribe(Placed, lambda event: None); bus.subscribe(object, print)
bus.subscribe(Paid, lambda event: None, name="free")
bus.on("orders.*.paid")(lambda text: None)

def main() -> None:
    bus.publish(Placed())
    bus.post(Paid())
    bus.drain()

if __name__ == "__main__":
    with bus.trace("trace.jsonl"):
        main()
"""


def test_a_script_with_handlers_of_all_kinds_is_found_edge_by_edge(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    run([sys.executable, "script.py"], tmp_path)
    command: list[str | Path] = [COMMAND, "wiring", "script.py", "--no-cache", "--format", "json"]
    graph = json.loads(run([*command, "--confirm", "trace.jsonl"], tmp_path))
    confirmation = graph["confirmation"]
    assert confirmation["only_at_run_time"] == {"publishes": [], "deliveries": [], "cascades": []}
    assert confirmation["recall"]["seen"] == 18
    assert confirmation["not_seen"] == []
