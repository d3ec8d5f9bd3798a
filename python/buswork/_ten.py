"""Ten handlers in one function, so that a publish crosses into Python once for all of them.

The interpreter calls Python functions from Python in place, without a frame of C between. The
handlers stand in cells that a cancel or a pause changes, which counts at once. The results come
back as a tuple, for the native side to look at.

There is no `try` here. When a handler fails, the native side reads from the traceback which one it
was (one line a handler), records the failure, and calls the rest itself. The results of those
before it are gone then, so an awaitable among them is not reported as a failure of its own; the
interpreter warns that it was never awaited.
"""

from __future__ import annotations

from types import CellType, FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing(_event: object) -> None:
    """Stand in the place of a handler that must not be called any more, or not now."""


def _template() -> Callable[[object], tuple[object, ...]]:
    handler_0: Callable[[object], object] = nothing
    handler_1 = handler_2 = handler_3 = handler_4 = handler_0
    handler_5 = handler_6 = handler_7 = handler_8 = handler_9 = handler_0

    def call_ten(event: object) -> tuple[object, ...]:
        return (
            handler_0(event),
            handler_1(event),
            handler_2(event),
            handler_3(event),
            handler_4(event),
            handler_5(event),
            handler_6(event),
            handler_7(event),
            handler_8(event),
            handler_9(event),
        )

    return call_ten


_CODE = _template().__code__

#: How far below its first line the function calls its first handler.
FIRST_CALL = 2


def ten(*cells: CellType) -> FunctionType:
    """Make the function that calls what ten cells hold, in their order."""
    # A copy of the code for each function: the interpreter adapts code to what it calls, and code
    # shared by many tens would be adapted anew at each turn. Free variables are sorted by name, so
    # the names above are in call order.
    return FunctionType(_CODE.replace(), globals(), "call_ten", None, cells)
