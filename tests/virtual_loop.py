"""An event loop whose clock goes on only when nothing is left to do: an hour takes no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Lets the time pass that the loop would wait."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            # Nothing is due at any time: another thread has to wake the loop.
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that begins at the moment 1,000, since its clock need not begin at zero."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return 1_000.0 + self._virtual.passed
