"""The tables of figures and policies."""

from __future__ import annotations

from importlib.metadata import version

from policy_cases import BUBUS, BUSWORK_ASYNC, BUSWORK_SYNC, HAND
from report import Bar, Effort, measure, nanoseconds, plural, skipped, table
from rounds import difference, ratio

COUNTS = (1, 3, 10)
SHARE = 0.3
WORDS = {
    "counted": "`stats=True`",
    "latency": '`stats="latency"`',
    "retry": "`Retry`",
    "breaker": "`Breaker`",
    "limit": "`Limit`",
}


def policies(effort: Effort) -> list[Bar]:
    """Measure and print what policies cost, and return what has a bar."""
    cases = {count: measure(f"counted:{count}", effort) for count in COUNTS}
    print("#### Figures and policies that do not come to act\n")
    print("More nanoseconds a delivery than without, on the sync bus.\n")
    more = {
        (name, count): difference(figures, name, "plain") / count
        for count, figures in cases.items()
        for name in WORDS
    }
    head = ["", *(plural(count, "handler") for count in COUNTS)]
    rows = [
        [words, *(f"{more[name, count]:.0f}" for count in COUNTS)] for name, words in WORDS.items()
    ]
    table(head, rows)
    _retried(effort)
    return [
        Bar(
            f"counting, {plural(count, 'handler')}: more a delivery",
            more["counted", count],
            10.0,
            " ns",
        )
        for count in COUNTS
    ]


def _retried(effort: Effort) -> None:
    figures = measure("retried", effort.part(SHARE))
    print("#### A handler that fails once and is tried again at once\n")
    rows = [
        (name, f"{ratio(figures, name, HAND):.1f} ({nanoseconds(figures, name)})")
        for name in (HAND, BUSWORK_SYNC, BUSWORK_ASYNC, BUBUS)
        if name in figures
    ]
    table(("", "of the hand-written one's time"), rows)
    for name, reason in skipped.items():
        print(f"- {name} is not measured: {reason}.")
    print(f"- bubus is {version('bubus')}; it needs a new event each time.\n")
