"""The ledger of unruly handlers at its full size, for a random seed."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.ledger import AsyncLedger, ThreadedLedger

IS_FULL = bool(os.environ.get("BUSWORK_SOAK"))
EVENTS = 100_000 if IS_FULL else 1_000
SEEDS = int(os.environ.get("BUSWORK_SEEDS", "3"))


def seeds() -> list[int]:
    """Those that `SEED` leads to, or random ones."""
    first = int(os.environ.get("SEED") or int.from_bytes(os.urandom(4), "little"))
    return [first + number for number in range(SEEDS if IS_FULL else 1)]


@pytest.mark.parametrize("ledger", [ThreadedLedger, AsyncLedger])
def test_the_ledger_is_empty_at_the_end(ledger: Any) -> None:
    for seed in seeds():
        print(f"\nseed {seed}, {EVENTS:,} events: run again with SEED={seed}")
        closed = ledger(seed).run(EVENTS)
        for (name, how), count in sorted(closed.items()):
            print(f"{count:>8,} {name} {how}")
