"""Ten handlers in one function, so that a publish crosses into Python once for all of them.

The interpreter calls Python functions from Python in place, without a frame of C between. The
handlers stand in cells that a cancel or a pause changes, which counts at once.

Nearly all handlers return nothing. One that returns something ends the function, which says which
one it was; the native side looks at the result, and goes on behind it. So it does when a handler
raises: there is no `try` here, and the traceback says which one it was, as each has three lines.
"""

from __future__ import annotations

from types import CellType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def nothing(_event: object) -> None:
    """Stand in the place of a handler that must not be called any more, or not now."""


def _template() -> Callable[[object], tuple[int, object] | None]:  # noqa: C901 - dull
    handler_0: Callable[[object], object] = nothing
    handler_1 = handler_2 = handler_3 = handler_4 = handler_0
    handler_5 = handler_6 = handler_7 = handler_8 = handler_9 = handler_0

    def call_ten(event: object) -> tuple[int, object] | None:  # noqa: C901, PLR0911 - dull
        result = handler_0(event)
        if result is not None:
            return 0, result
        result = handler_1(event)
        if result is not None:
            return 1, result
        result = handler_2(event)
        if result is not None:
            return 2, result
        result = handler_3(event)
        if result is not None:
            return 3, result
        result = handler_4(event)
        if result is not None:
            return 4, result
        result = handler_5(event)
        if result is not None:
            return 5, result
        result = handler_6(event)
        if result is not None:
            return 6, result
        result = handler_7(event)
        if result is not None:
            return 7, result
        result = handler_8(event)
        if result is not None:
            return 8, result
        result = handler_9(event)
        if result is not None:
            return 9, result
        return None

    return call_ten


_CODE = _template().__code__

#: Where these functions are, which is never the place of a publish.
FILE = _CODE.co_filename


def ten(*cells: CellType) -> FunctionType:
    """Make the function that calls what ten cells hold, in their order."""
    # A copy of the code for each function: the interpreter adapts code to what it calls, and code
    # shared by many tens would be adapted anew at each turn. Free variables are sorted by name, so
    # the names above are in call order.
    return FunctionType(_CODE.replace(), globals(), "call_ten", None, cells)
