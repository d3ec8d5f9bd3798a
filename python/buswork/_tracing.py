"""What traces need of Python: a context variable, the end of the program, and forks."""

from __future__ import annotations

import atexit
import os
import sys
from contextvars import ContextVar

from buswork._buswork import flush_traces, forget_traces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from buswork._buswork import Cause

#: The delivery whose handler runs in a context: what its publishes are caused by.
CAUSE: ContextVar[Cause | None] = ContextVar("buswork cause", default=None)

_registered_in = 0


def prepare() -> None:
    """Have what is in the buffers of traces written before this process ends."""
    global _registered_in  # noqa: PLW0603 - a fact about the process
    if _registered_in == os.getpid():
        return
    _registered_in = os.getpid()
    atexit.register(flush_traces)
    # A child that multiprocessing has forked forgets the functions of atexit, or never calls them.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, flush_traces, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_traces)
