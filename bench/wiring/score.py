"""Hold the map of real code bases against labels that were made by hand.

    python score.py COMMAND CORPORA [--labels FOLDER] [--misses] [NAME…]

COMMAND is `buswork`; CORPORA is a folder with a checkout of each labelled code base under the name
of its label file. Where one is missing, the commands that get it are printed. For each kind of edge
the table gives precision (how much of what is shown is right) and recall (how much of what is there
is shown).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelled import Ends, Events, Functions, Labels

LABELS = Path(__file__).with_name("labels")
CERTAIN = "certain edges"


@dataclass
class Row:
    """One kind of thing: what was found of what is there."""

    what: str
    wanted: set[Any] = field(default_factory=set)
    found: set[Any] = field(default_factory=set)
    #: Neither right nor wrong.
    open: set[Any] = field(default_factory=set)
    hard: set[Any] = field(default_factory=set)

    @property
    def right(self) -> set[Any]:
        return (self.found & self.wanted) - self.open

    @property
    def wrong(self) -> set[Any]:
        return self.found - self.wanted - self.open

    @property
    def missed(self) -> set[Any]:
        return self.wanted - self.found - self.open


@dataclass
class Figures:
    """Counts, which can be added over code bases."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    #: Of the right and the missed ones, those that are hard.
    hard_right: int = 0
    hard_missed: int = 0

    @classmethod
    def of(cls, row: Row) -> Figures:
        right, missed, hard = row.right, row.missed, row.hard
        return cls(len(right), len(row.wrong), len(missed), len(right & hard), len(missed & hard))

    def __add__(self, other: Figures) -> Figures:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Figures(*(mine + theirs for mine, theirs in pairs))

    def line(self, what: str) -> str:
        right, missed = self.right, self.missed
        easy = right - self.hard_right, missed - self.hard_missed
        has_hard = self.hard_right or self.hard_missed
        cells = [
            f"{right + missed:>7}{right + self.wrong:>7}{right:>7}",
            f"{share(right, self.wrong):>11}",
            f"{'' if what == CERTAIN else share(right, missed):>8}",
            f"{share(*easy) if has_hard and what != CERTAIN else '':>14}",
        ]
        return f"  {what:16}{''.join(cells)}".rstrip()


def share(part: int, rest: int) -> str:
    # Never 1.00 for what is not all.
    return f"{100 * part // (part + rest) / 100:.2f}" if part + rest else "-"


HEAD = (
    f"  {'':16}{'there':>7}{'shown':>7}{'right':>7}{'precision':>11}{'recall':>8}{'but hard':>14}"
)


def score(labels: Labels, graph: dict[str, Any]) -> list[Row]:
    """Compare one graph with its labels."""
    events = Events(labels, graph)
    certain = Row(CERTAIN)

    def edges(what: str, kind: str, end: str, shown: list[dict[str, Any]]) -> Row:
        ends = Ends(labels, kind, end)
        row = Row(what, ends.wanted, set(), ends.open, ends.hard)
        for one in shown:
            bases = events.bases(one["event"]) if kind == "handler" else []
            meant = ends.meant(events.name(one["event"]), one[end], bases)
            row.found |= meant
            if one["grade"] == "certain":
                certain.found |= {(kind, *edge) for edge in meant}
        certain.wanted |= {(kind, *edge) for edge in row.wanted}
        certain.open |= {(kind, *edge) for edge in row.open}
        return row

    def shown(key: str) -> list[dict[str, Any]]:
        sites: list[dict[str, Any]] = graph[key]
        return [
            one for one in sites if labels.counts(one["location"]) and events.is_ours(one["event"])
        ]

    publishes, subscriptions = shown("publishes"), shown("subscriptions")
    published = edges("publish edges", "publish", "function", publishes)
    heard = edges("handler edges", "handler", "handler", subscriptions)
    known = Row("events", events.known, open=labels.names("unused"))
    known.found = {events.name(one["event"]) for one in [*publishes, *subscriptions]}
    return [
        known,
        published,
        heard,
        certain,
        *followed(labels, graph, events),
        *loose_ends(labels, graph, events, published, heard),
    ]


def followed(labels: Labels, graph: dict[str, Any], events: Events) -> list[Row]:
    """Compare the cascades: all of them, and those without handlers that hear only foreign events.

    The labels leave open what such handlers are, so what these send counts as wrong in the first row.
    """
    wanted = {(edge["handler"], edge["event"]) for edge in labels.edges("cascade")}
    handlers = {handler for handler, _ in wanted}
    for edge in labels.edges("handler"):
        others = edge.get("alt_handler", [])
        handlers |= {edge["handler"], *([others] if isinstance(others, str) else others)}
    functions = Functions(handlers)
    row = Row("cascade edges", wanted)
    row.open = {(edge["handler"], edge["event"]) for edge in labels.edges("cascade_maybe")}
    row.open |= {
        (edge["handler"], edge["event"]) for edge in labels.edges("cascade") if edge.get("doubtful")
    }
    row.hard = {
        (edge["handler"], edge["event"]) for edge in labels.edges("cascade") if edge.get("hard")
    }
    ours = {one["handler"] for one in graph["subscriptions"] if events.is_ours(one["event"])}
    within = Row("  of own events", wanted, set(), row.open, row.hard)
    for one in graph["cascades"]:
        if events.is_ours(one["event"]):
            pair = (functions.name(one["handler"]), events.name(one["event"]))
            row.found.add(pair)
            if one["handler"] in ours:
                within.found.add(pair)
    return [row, within]


def loose_ends(
    labels: Labels, graph: dict[str, Any], events: Events, published: Row, heard: Row
) -> list[Row]:
    """Compare what nobody handles, and what nobody publishes."""
    external = labels.names("external")
    sent = {event for event, _ in published.found}
    received = {event for event, _ in heard.found}
    handled = {events.name(one["id"]) for one in graph["events"] if one["handled_by"]} | received
    unhandled = Row("unhandled", labels.names("unhandled"), sent - handled)
    unhandled.open = labels.names("unhandled_maybe") | external
    dead = Row("dead", labels.names("dead"), received - sent - external, external)
    return [unhandled, dead]


def graph_of(command: list[str], folder: Path, paths: list[str]) -> dict[str, Any]:
    arguments = ["wiring", "--format", "json", "--no-cache", "--quiet", "--root", str(folder)]
    run = [*command, *arguments, *(str(folder / path) for path in paths)]
    graph: dict[str, Any] = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
    return graph


def show(labels: Labels, graph: dict[str, Any], rows: list[Row], *, misses: bool) -> None:
    print(f"\n{labels.folder} ({labels.data['name']})\n{HEAD}")
    for row in rows:
        print(Figures.of(row).line(row.what))
        if misses:
            missed = [] if row.what == CERTAIN else sorted(row.missed, key=str)
            print(*(f"      missed  {edge}" for edge in missed), sep="\n", end="\n" * bool(missed))
            wrong = sorted(row.wrong, key=str)
            print(*(f"      wrong   {edge}" for edge in wrong), sep="\n", end="\n" * bool(wrong))
    print(f"  sites not resolved: {unresolved(graph)[0]} of {unresolved(graph)[1]}")


def unresolved(graph: dict[str, Any]) -> tuple[int, int]:
    both = [graph[key] for key in ("publish_coverage", "subscribe_coverage")]
    return sum(one["unresolved"] for one in both), sum(one["sites"] for one in both)


def missing(corpora: Path, labels: Labels) -> str:
    name, commit, folder = labels.data["name"], labels.data["commit"], corpora / labels.folder
    return (
        f"  git clone --quiet https://github.com/{name} {folder}\n"
        f"  git -C {folder} checkout --quiet {commit}"
    )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Score the map against labels made by hand.")
    parser.add_argument("command", type=Path, help="the buswork command")
    parser.add_argument("corpora", type=Path, help="a folder with the checkouts")
    parser.add_argument("names", nargs="*", help="which of them; all for none")
    parser.add_argument("--labels", type=Path, default=LABELS, help="a folder with label files")
    parser.add_argument("--misses", action="store_true", help="list what is missed and wrong")
    options = parser.parse_args()
    all_labels = [Labels.read(path) for path in sorted(options.labels.glob("*.toml"))]
    if options.names:
        all_labels = [labels for labels in all_labels if labels.folder in options.names]
    absent = [labels for labels in all_labels if not (options.corpora / labels.folder).is_dir()]
    if absent:
        print("To be scored as well, check these out:")
        print(*(missing(options.corpora, labels) for labels in absent), sep="\n")
    totals: dict[str, Figures] = {}
    sites = (0, 0)
    for labels in all_labels:
        if labels in absent:
            continue
        folder = options.corpora / labels.folder
        graph = graph_of([str(options.command)], folder, labels.data["paths"])
        rows = score(labels, graph)
        show(labels, graph, rows, misses=options.misses)
        for row in rows:
            totals[row.what] = totals.get(row.what, Figures()) + Figures.of(row)
        one = unresolved(graph)
        sites = (sites[0] + one[0], sites[1] + one[1])
    if len(all_labels) - len(absent) > 1:
        print(f"\nall\n{HEAD}")
        print(*(figures.line(what) for what, figures in totals.items()), sep="\n")
        print(f"  sites not resolved: {sites[0]} of {sites[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
