"""What a person wants to know of a run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.application import Run

HERE = Path(__file__).parent.parent


def write(run: Run) -> str:
    """Write the report."""
    return "\n\n".join([_sales(run), _events(run), _handlers(run)])


def _sales(run: Run) -> str:
    analytics = run.analytics
    rows = [
        ("purchases", f"{analytics.purchases:,}"),
        ("customers", f"{len(analytics.customers):,}"),
        ("CDs", f"{analytics.discs:,}"),
        ("dollars", f"{analytics.dollars:,.2f}"),
        ("rejected rows", f"{analytics.rejected:,}"),
    ]
    lines = [f"  {label:<16}{figure:>16}" for label, figure in rows]
    lines += [f"    line {row.line}: {row.reason}" for row in analytics.first_rejections]
    if analytics.rejected > len(analytics.first_rejections):
        lines.append("    ...")
    return "\n".join(["Sales", *lines])


def _events(run: Run) -> str:
    published = run.analytics.published
    events, deliveries = published.total(), _deliveries(run).total()
    lines = [f"  {kind.__name__:<16}{count:>16,}" for kind, count in published.most_common()]
    rate = events / run.seconds if run.seconds else 0
    lines.append(f"  {'in all':<16}{events:>16,}  in {run.seconds:.2f} s: {rate:,.0f} a second")
    lines.append(f"  {'deliveries':<16}{deliveries:>16,}")
    return "\n".join(["Events published", *lines])


def _handlers(run: Run) -> str:
    lines: list[str] = []
    for (name, place), count in _deliveries(run).most_common():
        lines.append(f"  {name:<44}{count:>10,}  {place}")
    lines.append(f"\nThe mails are in {run.mbox}")
    return "\n".join(["Who handled what (deliveries, place)", *lines])


def _deliveries(run: Run) -> Counter[tuple[str, str]]:
    """Deliveries a handler.

    Nobody subscribes or cancels during the run, no handler has a predicate, and none failed (that
    would have ended the run): so each event of a type went to each handler of that type.
    """
    deliveries: Counter[tuple[str, str]] = Counter()
    for kind, count in run.analytics.published.items():
        for subscription in run.bus.handlers(kind):
            place = (subscription.location or "").removeprefix(f"{HERE}/")
            deliveries[subscription.name, place] += count
    return deliveries
