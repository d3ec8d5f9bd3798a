"""Hold the static map of real code bases against labels that were made by hand.

    python score.py COMMAND CORPORA [NAME…]

COMMAND prints the graph as JSON when it is given a root and paths; CORPORA is a folder with a
checkout of each labelled code base under the name of its label file. For each kind of edge the table
gives precision (how much of what is shown is right) and recall (how much of what is there is shown).

A label that is `doubtful`, or an edge that is listed under `cascade_maybe`, counts neither way.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import os
LABELS = Path(os.environ.get('LABELS', Path(__file__).with_name('labels')))
Edge = tuple[str, str]


@dataclass
class Row:
    """One kind of thing: what was found of what is there."""

    what: str
    wanted: set[Any] = field(default_factory=set)
    found: set[Any] = field(default_factory=set)
    #: Neither right nor wrong.
    open: set[Any] = field(default_factory=set)

    @property
    def right(self) -> set[Any]:
        """What was found and is there."""
        return self.found & self.wanted

    @property
    def wrong(self) -> set[Any]:
        """What was found and is not there."""
        return self.found - self.wanted - self.open

    @property
    def missed(self) -> set[Any]:
        """What is there and was not found."""
        return self.wanted - self.found - self.open

    def figures(self) -> tuple[float | None, float | None]:
        """Precision and recall; none where there is nothing to divide by."""
        judged = len(self.right - self.open) + len(self.wrong)
        wanted = len(self.wanted - self.open)
        precision = len(self.right - self.open) / judged if judged else None
        recall = len(self.right - self.open) / wanted if wanted else None
        return precision, recall


def listed(value: str | list[str]) -> list[str]:
    """One or several, as a list."""
    return [value] if isinstance(value, str) else value


def short(name: str, known: set[str]) -> str:
    """A name as the labels have it, when theirs has more or fewer folders in front."""
    if name in known:
        return name
    for other in known:
        if name.endswith("." + other) or other.endswith("." + name):
            return other
    return name


def score(labels: dict[str, Any], graph: dict[str, Any]) -> list[Row]:
    """Compare one graph with its labels."""
    excluded = labels.get("exclude", [])

    #: Last parts of the names of a framework's own signals: neither right nor wrong.
    foreign = set(labels.get("foreign", []))

    def counts(place: dict[str, Any]) -> bool:
        return not any(fnmatch.fnmatch(place["file"], pattern) for pattern in excluded)

    events = set(labels["events"])
    alternatives: dict[str, str] = {}
    for edge in [*labels.get("publish", []), *labels.get("handler", [])]:
        for other in listed(edge.get("alt_event", [])):
            alternatives[other] = edge["event"]

    def event_of(name: str) -> str:
        return short(alternatives.get(name, name), events)

    functions = {edge["function"] for edge in labels.get("publish", [])}
    handlers = {edge["handler"] for edge in labels.get("handler", [])}

    def function_of(name: str, known: set[str]) -> str:
        module, _, qualname = name.partition(":")
        for other in known:
            other_module, _, other_qualname = other.partition(":")
            if qualname == other_qualname and (
                module == other_module
                or module.endswith("." + other_module)
                or other_module.endswith("." + module)
            ):
                return other
        return name

    published = Row("publish edges")
    certain = Row("  certain ones")
    for edge in labels.get("publish", []):
        pair = (edge["event"], edge["function"])
        published.wanted.add(pair)
        if edge.get("doubtful"):
            published.open.add(pair)
    also: dict[Edge, Edge] = {}
    for edge in labels.get("publish", []):
        for other in listed(edge.get("alt_function", [])):
            also[edge["event"], other] = (edge["event"], edge["function"])
    def is_ours(name: str) -> bool:
        return event_of(name) in events or name.rsplit(".", 1)[-1] not in foreign

    shown = [one for one in graph["publishes"] if counts(one["location"]) and is_ours(one["event"])]
    for one in shown:
        names = functions | {other for _, other in also}
        pair = (event_of(one["event"]), function_of(one["function"], names))
        pair = also.get(pair, pair)
        published.found.add(pair)
        if one["grade"] == "certain":
            certain.found.add(pair)

    heard = Row("handler edges")
    also_handlers: dict[Edge, Edge] = {}
    for edge in labels.get("handler", []):
        pair = (edge["event"], edge["handler"])
        heard.wanted.add(pair)
        if edge.get("doubtful"):
            heard.open.add(pair)
        for other in listed(edge.get("alt_handler", [])):
            also_handlers[edge["event"], other] = pair
            handlers.add(other)
    for one in graph["subscriptions"]:
        if counts(one["location"]) and is_ours(one["event"]):
            pair = (event_of(one["event"]), function_of(one["handler"], handlers))
            pair = also_handlers.get(pair, pair)
            heard.found.add(pair)
            if one["grade"] == "certain":
                certain.found.add(pair)
    certain.wanted = published.wanted | heard.wanted
    certain.open = published.open | heard.open

    followed = Row("cascade edges")
    sources = {edge["handler"] for edge in labels.get("cascade", [])} | handlers
    followed.wanted = {(edge["handler"], edge["event"]) for edge in labels.get("cascade", [])}
    followed.open = {(edge["handler"], edge["event"]) for edge in labels.get("cascade_maybe", [])}
    followed.found = {
        (function_of(one["handler"], sources), event_of(one["event"]))
        for one in graph["cascades"]
        if is_ours(one["event"])
    }

    known = Row("events")
    known.wanted = events
    used = {one["event"] for one in shown}
    used |= {
        one["event"]
        for one in graph["subscriptions"]
        if counts(one["location"]) and is_ours(one["event"])
    }
    known.found = {event_of(name) for name in used}
    known.open = set(labels.get("unused", []))

    external = set(labels.get("external", []))
    sent = {event for event, _ in published.found}
    received = {event for event, _ in heard.found}
    handled = {
        event_of(one["id"]) for one in graph["events"] if one["handled_by"]
    } | received
    unhandled = Row("unhandled")
    unhandled.wanted = set(labels["unhandled"])
    unhandled.found = sent - handled
    unhandled.open = set(labels.get("unhandled_maybe", [])) | external
    dead = Row("dead")
    dead.wanted = set(labels["dead"])
    dead.found = {event for event in received if event not in sent} - external
    dead.open = external
    return [known, published, heard, certain, followed, unhandled, dead]


def main() -> int:
    """Print the table."""
    command, corpora = shlex.split(sys.argv[1]), Path(sys.argv[2])
    names = sys.argv[3:] or sorted(path.stem for path in LABELS.glob("*.toml"))
    verbose = "--misses" in names
    names = [name for name in names if name != "--misses"]
    if not names:
        names = sorted(path.stem for path in LABELS.glob("*.toml"))
    for name in names:
        labels = tomllib.loads((LABELS / f"{name}.toml").read_text(encoding="utf-8"))
        folder = corpora / name
        if not folder.is_dir():
            print(f"{name}: no {folder}; check out {labels['name']} at {labels['commit']} there")
            continue
        out = subprocess.run(  # noqa: S603 - the command is the caller's
            [*command, str(folder), *labels["paths"]], check=True, capture_output=True
        ).stdout
        graph = json.loads(out)
        rows = score(labels, graph)
        print(f"\n{name} ({labels['name']})")
        print(f"  {'':16}{'there':>7}{'shown':>7}{'right':>7}{'precision':>11}{'recall':>8}")
        for row in rows:
            precision, recall = row.figures()
            figures = [f"{value:.2f}" if value is not None else "-" for value in (precision, recall)]
            if row.what.strip() == "certain ones":
                figures[1] = ""
            print(
                f"  {row.what:16}{len(row.wanted):>7}{len(row.found):>7}{len(row.right):>7}"
                f"{figures[0]:>11}{figures[1]:>8}"
            )
            if verbose:
                for edge in sorted(row.missed, key=str):
                    if row.what.strip() != "certain ones":
                        print(f"      missed  {edge}")
                for edge in sorted(row.wrong, key=str):
                    print(f"      wrong   {edge}")
        sites = [graph[key] for key in ("publish_coverage", "subscribe_coverage")]
        total = sum(one["sites"] for one in sites)
        unresolved = sum(one["unresolved"] for one in sites)
        print(f"  sites not resolved: {unresolved} of {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
