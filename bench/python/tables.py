"""The tables of one Python, as Markdown: `tables.py [--quick] [--wheel PATH]`."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from async_contenders import ASYNC_CONTENDERS
from contenders import BUSWORK, CONTENDERS, SEED
from failures import HANDLERS, observe
from rounds import difference, merge, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

    Figures = dict[str, list[float]]

COUNTS = (0, 1, 3, 10, 100)
GATHER = "hand-written gather"
HERE = Path(__file__).parent


class Effort(NamedTuple):
    """How much is measured: so many processes a case, so many rounds in each."""

    processes: int
    rounds: int


FULL = Effort(processes=3, rounds=100)
QUICK = Effort(processes=1, rounds=30)


class Bar(NamedTuple):
    """A figure and what was set for it. Smaller is better in all of them."""

    name: str
    figure: float
    bar: float
    unit: str
    aim: float | None = None

    def row(self) -> tuple[str, ...]:
        """Say how the figure stands to its bar, which is missed past five per cent."""
        if self.figure <= self.bar:
            verdict = "met"
        elif self.figure <= self.bar * 1.05:
            verdict = "met, within 5 %"
        else:
            verdict = "**MISSED**"
        aim = "" if self.aim is None else f"{self.aim:g}{self.unit}"
        places = 2 if self.figure < 100 else 0
        return (
            self.name,
            f"{self.figure:.{places}f}{self.unit}",
            f"≤ {self.bar:g}{self.unit}",
            aim,
            verdict,
        )


def measure(case: str, effort: Effort) -> Figures:
    """Run a case in processes of its own."""
    print(f"    {case}", file=sys.stderr, flush=True)
    parts: list[Figures] = []
    for _ in range(effort.processes):
        command = [sys.executable, "case.py", case, str(effort.rounds)]
        done = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE)
        parts.append(json.loads(done.stdout))
    return merge(parts)


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = True) -> None:
    """Print a Markdown table; columns past the first are set right when they are numbers."""
    head = list(head)
    marks = ["---"] + ["--:" if numbers else "---"] * (len(head) - 1)
    for row in (head, marks, *rows):
        print("| " + " | ".join(row) + " |")
    print()


def nanoseconds(figures: Figures, name: str) -> str:
    """A contender's median time."""
    return f"{median(figures[name]):,.0f} ns"


def publishing(kind: str, cases: dict[int, Figures]) -> None:
    """Print the table of all contenders."""
    print(f"#### {kind.capitalize()}\n")
    head = ["", *(f"{count} handler{'s' * (count != 1)}" for count in cases)]
    rows = [
        [
            contender.name,
            *(
                f"{ratio(figures, contender.name, SEED.name):.2f} "
                f"({nanoseconds(figures, contender.name)})"
                for figures in cases.values()
            ),
        ]
        for contender in CONTENDERS
    ]
    table(head, rows)


def awaiting(cases: dict[tuple[str, int], Figures]) -> None:
    """Print the table of those that are awaited."""
    print("#### Awaited\n")
    print("Of the hand-written gather's time. Handlers that wait do so once, for nothing.\n")
    words = {"quick": "never wait", "once": "wait once"}
    head = ["", *(f"{count} that {words[kind]}" for kind, count in cases)]
    rows = [
        [
            name,
            *(
                f"{ratio(figures, name, GATHER):.2f} ({median(figures[name]) / 1000:.1f} µs)"
                for figures in cases.values()
            ),
        ]
        for name in ASYNC_CONTENDERS
    ]
    table(head, rows)


def behaviours() -> None:
    """Print what each does when a handler fails."""
    print("#### When a handler fails\n")
    rows: list[tuple[str, ...]] = []
    for contender in CONTENDERS:
        seen = observe(contender)
        rows.append(
            (
                contender.name,
                contender.version(),
                "all run" if seen.isolates else "do not run",
                seen.publisher_gets,
                "yes" if seen.returns_values else "no",
            )
        )
    head = ("", "version", "the other handlers", "the publisher gets", "values are returned")
    table(head, rows, numbers=False)
    print(f"Seen with {HANDLERS} handlers, of which the first to be called raises `ValueError`.\n")


def importing(times: int) -> float:
    """Milliseconds of `import buswork` over an interpreter that imports nothing."""
    differences: list[float] = []
    for _ in range(times):
        took: list[float] = []
        for program in ("pass", "import buswork"):
            started = perf_counter()
            subprocess.run([sys.executable, "-I", "-c", program], check=True)
            took.append(perf_counter() - started)
        differences.append((took[1] - took[0]) * 1000)
    return median(differences)


def async_bars(cases: dict[tuple[str, int], Figures]) -> list[Bar]:
    """Set the figures of three awaited handlers beside their bars."""
    is_eager = sys.version_info >= (3, 12)
    for_kinds = {
        "quick": ("that never wait", 1 / 6 if is_eager else 1 / 1.5, 1 / 8 if is_eager else None),
        "once": ("that wait once", 1 / 1.5 if is_eager else 1 / 0.95, 1 / 2 if is_eager else None),
    }
    return [
        Bar(
            f"await a publish to 3 handlers {what}, of the hand-written gather's time",
            ratio(cases[kind, 3], BUSWORK.name, GATHER),
            round(bar, 3),
            "×",
            aim,
        )
        for kind, (what, bar, aim) in for_kinds.items()
    ]


def bars(publish: dict[str, dict[int, Figures]], effort: Effort, wheel: Path | None) -> list[Bar]:
    """Measure what else has a bar, and set every figure beside its own."""
    against_the_loop = [
        Bar(
            f"publish to {count} {kind}{'s' * (count != 1)}, of the hand-written loop's time",
            ratio(publish[kind][count], BUSWORK.name, SEED.name),
            bar,
            "×",
            aim,
        )
        for count, bar, aim in ((1, 0.75, 0.6), (3, 0.85, 0.75), (10, 1.0, 0.85))
        for kind in ("function", "method")
    ]
    own = [
        Bar(
            f"{what}, {count} handler{'s' * (count != 1)}, of the plain publish's time",
            ratio(measure(f"{case}:{count}", effort), case, "plain"),
            1.05,
            "×",
        )
        for case, what in (
            ("bases", "through 8 base classes"),
            ("others", "beside 10,000 other event types"),
        )
        for count in (1, 3)
    ]
    raising = measure("raising", effort)
    subscribing = measure("subscribing", effort)
    rest = [
        Bar(
            "one of 3 handlers raises and the error is caught: more than none",
            difference(raising, "raising", "plain") / 1000,
            3.0,
            " µs",
        ),
        Bar(
            "subscribe and cancel, beside 10,000 event types",
            median(subscribing["beside"]) / 1000,
            5.0,
            " µs",
        ),
        Bar(
            "`import buswork`, over a bare interpreter", importing(10 * effort.processes), 15, " ms"
        ),
    ]
    if wheel is not None:
        rest.append(Bar("the wheel", wheel.stat().st_size / 1e6, 2.0, " MB"))
    return against_the_loop + own + rest


def main() -> None:
    """Print everything for this Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--wheel", type=Path, help="the wheel, for its size")
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else FULL

    print(f"### CPython {platform.python_version()}\n")
    publish = {
        kind: {count: measure(f"publish:{kind}:{count}", effort) for count in COUNTS}
        for kind in ("function", "method")
    }
    print("Time of a publish as a multiple of the hand-written loop's, and in nanoseconds.\n")
    for kind, cases in publish.items():
        publishing(f"{kind}s", cases)
    awaited = {
        (kind, count): measure(f"awaiting:{kind}:{count}", effort)
        for kind in ("quick", "once")
        for count in (1, 3, 10)
    }
    awaiting(awaited)
    behaviours()
    print("#### Bars\n")
    figures = bars(publish, effort, arguments.wheel) + async_bars(awaited)
    rows = [bar.row() for bar in figures]
    table(("", "figure", "bar", "aim", ""), rows)


if __name__ == "__main__":
    main()
