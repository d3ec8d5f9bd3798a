"""Unruly handlers under policies: every delivery is accounted for exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ledger import AsyncLedger, ThreadedLedger

#: 100,000 events in all, five deliveries each.
EVENTS = 5_000
SEEDS = [20261125, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ledger", [ThreadedLedger, AsyncLedger])
def test_the_ledger_is_empty_at_the_end(ledger: Any, seed: int) -> None:
    print(f"seed {seed}")
    closed = ledger(seed).run(EVENTS)
    assert sum(closed.values()) == 5 * EVENTS
    assert closed["good", "done"] == EVENTS
    assert closed["quick", "done"] > 0
    # Each fate was met.
    assert closed["hanging", "dead-lettered"] > 0
    assert closed["failing", "dead-lettered"] > 0
    assert closed["failing", "failed to its publisher"] > 0
