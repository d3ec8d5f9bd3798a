"""The tables of what is posted, and of several threads."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from contenders import BUSWORK, SEED
from post_cases import BURST, POSTS
from post_contenders import Tasks, Threads
from report import Bar, Effort, measure, plural, skipped, table
from rounds import ratio
from thread_cases import PUBLISHES, THREADS

if TYPE_CHECKING:
    from report import Figures

COUNTS = (1, 3)
SHARE = 0.1
"""Of the rounds: a turn is twenty thousand posts."""

BAR = round(1 / 3, 3)


def posting(effort: Effort) -> list[Bar]:
    """Measure and print both buses, and return what has a bar."""
    print("#### Post, end to end\n")
    print(
        f"Time till every handler has run, a post, of the queues' time. {POSTS:,} posts; on a loop,"
        f" {BURST:,} at once, then a wait. The handlers do nothing, and a queue holds as much as the"
        " bus: 10,000.\n"
    )
    threads = {
        f"{plural(count, 'handler')}, from {plural(number, 'thread')}": f"{number}:{count}"
        for number in (1, THREADS)
        for count in COUNTS
    }
    tasks = {
        plural(count, what): f"{kind}:{count}"
        for kind, what in (("function", "sync handler"), ("quick", "async handler"))
        for count in COUNTS
    }
    return [
        *_both("posting", "EventBus", Threads.name, threads, effort),
        *_both("posting-async", "AsyncEventBus", Tasks.name, tasks, effort),
    ]


def _both(case: str, bus: str, queues: str, columns: dict[str, str], effort: Effort) -> list[Bar]:
    """Print one bus beside the queues that people use instead of it."""
    cases = {
        column: measure(f"{case}:{arguments}", effort.part(SHARE))
        for column, arguments in columns.items()
    }
    rows = [
        [title, *(_cell(figures, name, queues) for figures in cases.values())]
        for title, name in ((queues, queues), (f"buswork `{bus}`", BUSWORK.name))
    ]
    table(("", *cases), rows)
    if skipped:
        for name, reason in skipped.items():
            print(f"{name} is not measured: {reason}.\n")
        return []
    return [
        Bar(
            f"`{bus}`: post to {column}, and drain, of the queues' time",
            ratio(figures, BUSWORK.name, queues),
            BAR,
            "×",
        )
        for column, figures in cases.items()
    ]


def _cell(figures: Figures, name: str, base: str) -> str:
    if name not in figures:
        return "–"
    return f"{ratio(figures, name, base):.2f} ({median(figures[name]) / POSTS:,.0f} ns)"


def publishing_threads(effort: Effort) -> None:
    """Measure and print publishing from several threads at once."""
    cases = {count: measure(f"threads:{count}", effort.part(SHARE)) for count in COUNTS}
    print(f"#### {THREADS} publishing threads\n")
    print(
        "Publishes a second, of all threads together, as a multiple of the hand-written loop's.\n"
    )
    rows = [
        [
            contender.name,
            *(
                f"{ratio(figures, SEED.name, contender.name):.2f}"
                f" ({PUBLISHES * 1000 / median(figures[contender.name]):.1f} million)"
                for figures in cases.values()
            ),
        ]
        for contender in (SEED, BUSWORK)
    ]
    table(("", *(plural(count, "handler") for count in COUNTS)), rows)
