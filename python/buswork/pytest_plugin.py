"""The pytest plugin: fixtures that record and mute until the test ends."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buswork._buswork import Bus
    from buswork.testing import Mute, Recorder, _Scope


class RecordEvents(Protocol):
    """What the fixture `record_events` gives: `buswork.testing.record`, until the test ends."""

    def __call__(self, bus: Bus, *, scope: _Scope = "bus") -> Recorder:
        """Begin to record."""
        ...


class MuteEvents(Protocol):
    """What the fixture `mute_events` gives: `buswork.testing.mute`, until the test ends."""

    def __call__(self, bus: Bus, *types_or_handlers: Any, scope: _Scope = "bus") -> Mute:
        """Begin to mute."""
        ...


@pytest.fixture
def record_events() -> Iterator[RecordEvents]:
    """Record what is published on a bus until the test ends: `recorder = record_events(bus)`."""
    from buswork.testing import record  # noqa: PLC0415 - a plugin is imported by every run

    with ExitStack() as until_the_end:

        def begin(bus: Bus, *, scope: _Scope = "bus") -> Recorder:
            return until_the_end.enter_context(record(bus, scope=scope))

        yield begin


@pytest.fixture
def mute_events() -> Iterator[MuteEvents]:
    """Mute handlers on a bus until the test ends: `mute_events(bus, OrderPlaced)`."""
    from buswork.testing import mute  # noqa: PLC0415 - as above

    with ExitStack() as until_the_end:

        def begin(bus: Bus, *types_or_handlers: Any, scope: _Scope = "bus") -> Mute:
            return until_the_end.enter_context(mute(bus, *types_or_handlers, scope=scope))

        yield begin
