"""Eight handlers in one function, so that a publish crosses into Python once for all of them.

The interpreter calls Python functions from Python in place, without a frame of C between. The
handlers stand in cells that a cancel or a pause changes, which counts at once. There is no `try`
here: when a handler fails, the native side reads from the traceback which one it was (two lines
a handler, counted from the `def`), records the failure, and calls the rest itself.
"""

from __future__ import annotations

from types import CellType, FunctionType
from typing import TYPE_CHECKING

from buswork._buswork import unawaited

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing(_event: object) -> None:
    """Stand in the place of a handler that must not be called any more, or not now."""


def _template() -> Callable[[object], None]:
    handler_1: Callable[[object], object] = nothing
    handler_2 = handler_3 = handler_4 = handler_5 = handler_6 = handler_7 = handler_8 = handler_1

    def call_eight(event: object) -> None:
        if (result := handler_1(event)) is not None:
            unawaited(result)
        if (result := handler_2(event)) is not None:
            unawaited(result)
        if (result := handler_3(event)) is not None:
            unawaited(result)
        if (result := handler_4(event)) is not None:
            unawaited(result)
        if (result := handler_5(event)) is not None:
            unawaited(result)
        if (result := handler_6(event)) is not None:
            unawaited(result)
        if (result := handler_7(event)) is not None:
            unawaited(result)
        if (result := handler_8(event)) is not None:
            unawaited(result)

    return call_eight


_CODE = _template().__code__


def eight(*cells: CellType) -> FunctionType:
    """Make the function that calls what eight cells hold, in their order."""
    # Free variables are sorted by name, so the names above are in call order.
    return FunctionType(_CODE, globals(), "call_eight", None, cells)
