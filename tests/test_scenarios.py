"""The scenario corpus: true of the Python bus, made by the reference of now, and well formed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from buswork import EventBus
from tests.make_scenarios import DRAWN, KEYS, Scenario, complete, files, layout, load, steps
from tests.reference_bus import ReferenceBus
from tests.scenario import run

CORPUS = {path.stem: load(path) for path in files()}
SCENARIOS = [pair for scenarios in CORPUS.values() for pair in scenarios.items()]
SETTINGS = {"on_error", "unhandled", "max_depth"}
STEPS: dict[str, tuple[set[str], set[str]]] = {
    "subscribe": (
        {"as", "to", "handler"},
        {"priority", "once", "exact", "when", "on_error"},
    ),
    "cancel": ({"subscription"}, set()),
    "pause": ({"subscription"}, set()),
    "resume": ({"subscription"}, set()),
    "active": ({"subscription"}, set()),
    "unsubscribe": ({"from", "handler"}, set()),
    "clear": (set(), set()),
    "set_unhandled": ({"type", "policy"}, set()),
    "publish": ({"event"}, {"catch"}),
    "deliver": ({"event"}, set()),
    "handlers": ({"type"}, set()),
    "fail": ({"with"}, set()),
}
NAMES = ("as", "subscription", "handler")

each_scenario = pytest.mark.parametrize(
    "scenario", [pytest.param(scenario, id=name) for name, scenario in SCENARIOS]
)


def types_of(step: dict[str, Any]) -> set[str]:
    single = {step[key] for key in ("event", "type") if key in step}
    return single.union(step.get("to", ()), step.get("from", ()))


@each_scenario
def test_the_bus_leaves_the_trace(scenario: Scenario) -> None:
    assert run(scenario, EventBus) == scenario["trace"]


@each_scenario
def test_the_reference_still_leaves_the_trace(scenario: Scenario) -> None:
    assert run(scenario, ReferenceBus) == scenario["trace"]


@each_scenario
def test_a_scenario_is_well_formed(scenario: Scenario) -> None:
    assert scenario.keys() | {"bus"} == set(KEYS)
    assert scenario["about"].endswith(".")
    assert scenario.get("bus", {}).keys() <= SETTINGS
    assert scenario["trace"]
    for step in steps(scenario):
        required, optional = STEPS[step["do"]]
        assert required <= step.keys() - {"do"} <= required | optional
        assert types_of(step) <= scenario["types"].keys()
        assert "handler" not in step or step["handler"] in scenario["handlers"]


@pytest.mark.parametrize("file", sorted(CORPUS.keys() - DRAWN.keys()))
def test_a_written_program_uses_what_it_has(file: str) -> None:
    for name, scenario in CORPUS[file].items():
        used = {key: {step[key] for step in steps(scenario) if key in step} for key in NAMES}
        assert used["handler"] == scenario["handlers"].keys(), name
        assert used["subscription"] <= used["as"], name


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_file_is_as_make_scenarios_writes_it(path: Path) -> None:
    text = layout({name: complete(each) for name, each in load(path).items()})
    assert path.read_text(encoding="utf-8") == text, "run `python -m tests.make_scenarios`"


def test_no_two_scenarios_are_the_same() -> None:
    names = {name for name, _ in SCENARIOS}
    assert len(names) == len(SCENARIOS)
    programs = {str(each | {"about": ""}) for _, each in SCENARIOS}
    assert len(programs) == len(SCENARIOS)


def test_the_corpus_is_there() -> None:
    assert len(SCENARIOS) >= 150
    assert sum(each["rust"] for _, each in SCENARIOS) >= 120
