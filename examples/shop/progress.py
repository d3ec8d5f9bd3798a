"""A progress bar, for those who look: on a terminal only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WIDTH = 40
#: So many lines between two updates.
STRIDE = 1_000


def shown(lines: Iterable[str], total: int) -> Iterator[str]:
    """Yield the lines, and draw how many of `total` characters have gone by."""
    if not sys.stderr.isatty():
        yield from lines
        return
    done = 0
    for number, line in enumerate(lines):
        if number % STRIDE == 0:
            _draw(done / max(total, 1))
        done += len(line)
        yield line
    _draw(1.0)
    sys.stderr.write("\n")


def _draw(share: float) -> None:
    filled = round(min(share, 1.0) * WIDTH)
    bar = "█" * filled + "·" * (WIDTH - filled)
    sys.stderr.write(f"\r{bar} {min(share, 1.0):4.0%}")
    sys.stderr.flush()
