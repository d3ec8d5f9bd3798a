"""Interleaved rounds: in each, everybody runs for about the same short time, one after another.

A machine that is slow for a while is slow for all of them, so what is kept is the ratio within each
round, and what is told is the median of these.
"""

from __future__ import annotations

import gc
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Loop = Callable[[int], None]
    """Does the thing that is measured so many times."""

TURN = 500_000
"""Nanoseconds that a turn of one contender is to last."""

ONE_GO = 1
"""The turn of what is long enough, done once."""


class Contest(NamedTuple):
    """Loops that are measured side by side."""

    loops: Mapping[str, Loop]
    skipped: Mapping[str, str] = {}
    """Who is not measured, and why."""
    turn: int = TURN
    more: Mapping[str, list[float]] = {}
    """Figures that the loops note themselves while they run."""
    finish: Callable[[], None] = lambda: None
    """Called afterwards: raises when the figures mean nothing, and tidies up."""


def _times(loop: Loop, turn: int) -> int:
    """How often the loop is to go round in a turn. Warms it up as well."""
    times = 1
    while True:
        started = perf_counter_ns()
        loop(times)
        elapsed = perf_counter_ns() - started
        if elapsed >= turn:
            return max(1, round(times * turn / elapsed))
        times *= 2


def interleave(loops: Mapping[str, Loop], rounds: int, turn: int = TURN) -> dict[str, list[float]]:
    """Measure the loops in turn, so many rounds, and return nanoseconds a go, one a round.

    Who begins moves on from round to round, since who comes after whom has an effect. The garbage
    collector is off for all of them.
    """
    names = list(loops)
    times = {name: _times(loops[name], turn) for name in names}
    figures: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                loop, goes = loops[name], times[name]
                started = perf_counter_ns()
                loop(goes)
                figures[name].append((perf_counter_ns() - started) / goes)
    finally:
        gc.enable()
    return figures


def ratio(figures: Mapping[str, list[float]], name: str, base: str) -> float:
    """The median of the rounds' ratios of one to another."""
    return median(a / b for a, b in zip(figures[name], figures[base], strict=True))


def difference(figures: Mapping[str, list[float]], name: str, base: str) -> float:
    """The median of the rounds' differences between one and another, in nanoseconds."""
    return median(a - b for a, b in zip(figures[name], figures[base], strict=True))


def merge(parts: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    """The rounds of several processes as if they were of one, of those who were in all of them."""
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: [figure for part in parts for figure in part[name]] for name in names}
