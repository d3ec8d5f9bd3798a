"""What the tables are made with: cases that are run, Markdown, and bars."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from rounds import merge

if TYPE_CHECKING:
    from collections.abc import Iterable

    Figures = dict[str, list[float]]

HERE = Path(__file__).parent

PATIENCE = 600
"""Seconds for a case: a rival that hangs must not hold up the rest unseen."""


class Effort(NamedTuple):
    """How much is measured: so many processes a case, so many rounds in each."""

    processes: int
    rounds: int

    def part(self, share: float) -> Effort:
        """Fewer rounds, for cases whose turns are long."""
        return self._replace(rounds=max(3, round(self.rounds * share)))


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


skipped: dict[str, str] = {}
"""Who was not measured in the case that was run last, and why."""


def measure(case: str, effort: Effort) -> Figures:
    """Run a case in processes of its own. Who does not work here is missing in what comes back."""
    print(f"    {case}", file=sys.stderr, flush=True)
    parts: list[Figures] = []
    skipped.clear()
    for _ in range(effort.processes):
        command = [sys.executable, "case.py", case, str(effort.rounds)]
        done = subprocess.run(
            command, cwd=HERE, check=True, stdout=subprocess.PIPE, timeout=PATIENCE
        )
        answer = json.loads(done.stdout)
        parts.append(answer["figures"])
        skipped.update(answer["skipped"])
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


def microseconds(figures: Figures, name: str) -> str:
    """The same, of what takes longer."""
    time = median(figures[name]) / 1000
    return f"{time:,.{1 if time < 1000 else 0}f} µs"


def plural(count: int, what: str) -> str:
    """Say how many there are."""
    return f"{count} {what}{'s' * (count != 1)}"
