"""The tables of those that are awaited."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from async_contenders import ASYNC_CONTENDERS, GATHER
from contenders import BUSWORK
from report import Bar, Effort, measure, microseconds, skipped, table
from rounds import ratio

if TYPE_CHECKING:
    from report import Figures

COUNTS = (1, 3, 10)
WORDS = {"quick": "never wait", "once": "wait once"}
SHARE = 0.3
"""Of the rounds: there are many contenders, and the turns are long."""


def awaiting(effort: Effort) -> list[Bar]:
    """Measure and print all of them, and return what has a bar."""
    cases: dict[tuple[str, int], Figures] = {}
    reasons: dict[str, str] = {}
    for kind in WORDS:
        for count in COUNTS:
            cases[kind, count] = measure(f"awaiting:{kind}:{count}", effort.part(SHARE))
            reasons |= skipped
    slow = measure("one-slow", effort.part(SHARE / 2))
    reasons |= skipped

    print("#### Awaited\n")
    print("Of the hand-written gather's time. Handlers that wait do so once, for nothing.\n")
    head = ["", "version", *(f"{count} that {WORDS[kind]}" for kind, count in cases)]
    rows = [
        [
            contender.name,
            contender.version(),
            *(_cell(figures, contender.name) for figures in cases.values()),
        ]
        for contender in ASYNC_CONTENDERS
    ]
    table(head, rows)
    for name, reason in reasons.items():
        print(f"- {name} is not measured: {reason}.")
    for contender in ASYNC_CONTENDERS:
        if contender.note and contender.name in slow:
            print(f"- {contender.name} {contender.note}.")
    print()
    _one_slow(slow)
    return _bars(cases)


def _cell(figures: Figures, name: str) -> str:
    if name not in figures:
        return "–"
    return f"{ratio(figures, name, GATHER.name):.2f} ({microseconds(figures, name)})"


def _one_slow(figures: Figures) -> None:
    print("#### Awaited, one of three is slow\n")
    print("The first of three handlers sleeps for a millisecond; the others never wait.\n")
    rows = [
        [
            contender.name,
            microseconds(figures, contender.name),
            microseconds(figures, f"{contender.name}, the quick ones"),
        ]
        for contender in ASYNC_CONTENDERS
        if contender.name in figures
    ]
    table(("", "the publish takes", "the quick ones have run after"), rows)


def _bars(cases: dict[tuple[str, int], Figures]) -> list[Bar]:
    """Set the figures of three awaited handlers beside their bars."""
    is_eager = sys.version_info >= (3, 12)
    for_kinds = {
        "quick": (1 / 6, 1 / 8) if is_eager else (1 / 1.5, None),
        "once": (1 / 1.5, 1 / 2) if is_eager else (1 / 0.95, None),
    }
    return [
        Bar(
            f"await a publish to 3 handlers that {WORDS[kind]}, of the hand-written gather's time",
            ratio(cases[kind, 3], BUSWORK.name, GATHER.name),
            round(bar, 3),
            "×",
            aim,
        )
        for kind, (bar, aim) in for_kinds.items()
    ]
