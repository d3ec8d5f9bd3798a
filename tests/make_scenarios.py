"""Complete the scenario corpus: `python -m tests.make_scenarios [--check | --draw]`.

A scenario's program is written by hand in its file. What follows from the program is written by
this: the trace, which the reference bus leaves, and who can run it. `--check` says whether the
files are current instead, and exits with 1 if not.

The programs of the `random_*` files are drawn, not written. They are kept as they were drawn, for
another Hypothesis or another Python may draw others from the same seed; `--draw` replaces them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from tests.reference_bus import ReferenceBus
from tests.scenario import TooLongError, run

Scenario: TypeAlias = dict[str, Any]
Scenarios: TypeAlias = dict[str, Scenario]

FOLDER = Path(__file__).parent / "scenarios"
KEYS = ("about", "routing", "rust", "bus", "types", "handlers", "program", "trace")
MARGIN = "    "
LONGEST_LINE = 100

SEED = 20261125
SHORTEST_TRACE, LONGEST_TRACE = 8, 120
#: What is drawn in succession is often much alike.
APART = 25
#: The random files: how many scenarios each has, of what they are about, and how they are drawn.
DRAWN: dict[str, tuple[int, str, dict[str, bool]]] = {
    "random_exact": (40, "unrelated types", {"exact": True, "only_rust": True}),
    "random_classes": (20, "a class hierarchy", {"exact": False}),
}


def load(path: Path) -> Scenarios:
    loaded: Scenarios = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.json"))


def steps(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Go through the steps of a scenario, those of its handlers too."""
    yield from scenario["program"]
    for body in scenario["handlers"].values():
        yield from body


def has_exact_routing(scenario: Scenario) -> bool:
    return not any(scenario["types"].values())


def is_for_rust(scenario: Scenario) -> bool:
    """Say whether the Rust bus has all that the scenario uses."""
    return has_exact_routing(scenario) and all(
        step["do"] != "unsubscribe" and "exact" not in step and len(step.get("to", "1")) == 1
        for step in steps(scenario)
    )


def complete(scenario: Scenario) -> Scenario:
    """Write into a scenario what follows from its program."""
    derived = {
        "routing": "exact" if has_exact_routing(scenario) else "classes",
        "rust": is_for_rust(scenario),
        "trace": run(scenario, ReferenceBus),
    }
    whole = scenario | derived
    return {key: whole[key] for key in KEYS if key in whole and (key != "bus" or whole[key])}


def layout(scenarios: Scenarios) -> str:
    """Write a file of scenarios: a line for each step and each entry of a trace."""
    members = (f"{json.dumps(name)}: {_scenario(each)}" for name, each in scenarios.items())
    return _block("{}", members, "") + "\n"


def _scenario(scenario: Scenario) -> str:
    return _block("{}", (f'"{key}": {_part(key, part)}' for key, part in scenario.items()), MARGIN)


def _part(key: str, part: Any) -> str:
    if key in ("program", "trace"):
        return _lines(part, MARGIN * 2)
    if key == "handlers":
        bodies = (f"{json.dumps(name)}: {_lines(part[name], MARGIN * 3)}" for name in part)
        return _block("{}", bodies, MARGIN * 2)
    if key == "types" and len(json.dumps(part)) > LONGEST_LINE:
        types = (f"{json.dumps(name)}: {json.dumps(part[name])}" for name in part)
        return _block("{}", types, MARGIN * 2)
    return json.dumps(part)


def _lines(entries: Sequence[Any], margin: str) -> str:
    return _block("[]", map(json.dumps, entries), margin) if entries else "[]"


def _block(brackets: str, members: Iterator[str], margin: str) -> str:
    inner = f"\n{margin}{MARGIN}"
    return f"{brackets[0]}{inner}{f',{inner}'.join(members)}\n{margin}{brackets[1]}"


def draw(file: str) -> Scenarios:
    """Draw the scenarios of a random file. No two leave the same kinds of entries."""
    from hypothesis import HealthCheck, Phase, given, seed, settings

    from tests.random_scenarios import scenarios

    wanted, subject, options = DRAWN[file]
    found: dict[frozenset[str], Scenario] = {}
    passed = 0

    @seed(SEED)
    @settings(
        max_examples=wanted * 80,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scenarios(**options))
    def collect(scenario: Scenario) -> None:
        nonlocal passed
        passed += 1
        if passed < APART or len(found) == wanted:
            return
        try:
            whole = complete({"about": f"A random program over {subject}.", **scenario})
        except TooLongError:
            return
        kinds = frozenset(_kinds(whole["trace"]))
        if SHORTEST_TRACE <= len(whole["trace"]) <= LONGEST_TRACE and kinds not in found:
            found[kinds] = whole
            passed = 0

    collect()
    return {f"{file}_{number:02}": each for number, each in enumerate(found.values(), start=1)}


def _kinds(trace: list[list[Any]]) -> Iterator[str]:
    """Tell of what kinds the entries of a trace are, that is, without any names."""
    for kind, *rest in trace:
        if kind == "report":
            yield from (f"{kind} {status} {_kind(outcome)}" for _, status, outcome in rest[0])
        else:
            yield f"{kind} {_kind(rest[-1])}" if kind in ("raised", "caught", "on_error") else kind


def _kind(outcome: Any) -> str:
    return next(iter(outcome)) if isinstance(outcome, dict) else str(outcome)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.make_scenarios")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="only say whether the files are current")
    mode.add_argument("--draw", action="store_true", help="draw the random programs anew")
    asked = parser.parse_args(arguments)
    if asked.draw:
        for file in DRAWN:
            (FOLDER / f"{file}.json").write_text(layout(draw(file)), encoding="utf-8")
    stale = []
    for path in files():
        text = layout({name: complete(each) for name, each in load(path).items()})
        if path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not asked.check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{name}: {'not current' if asked.check else 'written'}")
    return 1 if asked.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
