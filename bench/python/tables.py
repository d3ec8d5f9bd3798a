"""The tables of one Python, as Markdown: `tables.py [--quick] [--wheel PATH]`."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from async_tables import awaiting
from contenders import BUSWORK, CONTENDERS, SEED
from failures import HANDLERS, observe
from policy_tables import policies
from post_tables import posting, publishing_threads
from report import FULL, QUICK, Bar, Effort, measure, nanoseconds, plural, table
from rounds import difference, ratio

if TYPE_CHECKING:
    from report import Figures

COUNTS = (0, 1, 3, 10, 100)


def publishing(kind: str, cases: dict[int, Figures]) -> None:
    """Print the table of all contenders."""
    print(f"#### {kind.capitalize()}\n")
    head = ["", *(plural(count, "handler") for count in cases)]
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


def bars(publish: dict[str, dict[int, Figures]], effort: Effort, wheel: Path | None) -> list[Bar]:
    """Measure what else has a bar, and set every figure beside its own."""
    against_the_loop = [
        Bar(
            f"publish to {plural(count, kind)}, of the hand-written loop's time",
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
            f"{what}, {plural(count, 'handler')}, of the plain publish's time",
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
    async_bars = awaiting(effort)
    post_bars = posting(effort)
    publishing_threads(effort)
    policy_bars = policies(effort)
    behaviours()
    print("#### Bars\n")
    figures = bars(publish, effort, arguments.wheel) + async_bars + post_bars + policy_bars
    table(("", "figure", "bar", "aim", ""), [bar.row() for bar in figures])


if __name__ == "__main__":
    main()
