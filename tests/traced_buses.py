"""Every bus of a test run traced, in memory and in a file: with `BUSWORK_TRACED=1`.

What the tests say of buses must hold for traced ones as well, which go another road; but for the
bars of memory in `tests/soak`, as a traced post is larger while it waits.
"""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import buswork

FOLDER = tempfile.TemporaryDirectory(prefix="buswork-traced-")
_numbers = count()


def _begin(bus: Any) -> None:
    bus.held_trace = bus.tracing(keep=50)
    bus.trace(Path(FOLDER.name) / f"{next(_numbers)}.jsonl", max_bytes=20_000, keep=1)


class EventBus(buswork.EventBus):
    __doc__ = buswork.EventBus.__doc__

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _begin(self)


class AsyncEventBus(buswork.AsyncEventBus):
    __doc__ = buswork.AsyncEventBus.__doc__

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _begin(self)


def install() -> None:
    """Have `from buswork import EventBus` mean the traced ones."""
    for bus in (EventBus, AsyncEventBus):
        bus.__module__ = "buswork"
        setattr(buswork, bus.__name__, bus)
