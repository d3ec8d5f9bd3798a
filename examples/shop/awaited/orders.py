"""Takes orders, and waits until each is handled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.orders import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from buswork import AsyncEventBus


async def take(bus: AsyncEventBus, lines: Iterable[str]) -> None:
    """Publish what the purchases mean."""
    for event in read(lines):
        await bus.publish(event)
