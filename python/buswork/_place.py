"""Places in code, as failures are told of them."""

from __future__ import annotations

from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType


def place(code: CodeType, instruction: int) -> str:
    """Say where an instruction stands, as `file:line`."""
    # Two bytes an instruction.
    position = next(islice(code.co_positions(), instruction // 2, None))
    return f"{code.co_filename}:{position[0] or code.co_firstlineno}"
