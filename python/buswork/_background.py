"""The threads that deliver posts, and the end of the program, which waits for them.

They are daemon threads, and what is pending is delivered by a function registered with `atexit`:
that runs after the program's other threads have ended, which may post as well.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import allocate_lock
from threading import Thread, main_thread

from buswork._buswork import finish_posts, forget_posts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from buswork._buswork import Worker


_registered_in = 0


def _register() -> None:
    """Have what is pending delivered before this process ends."""
    global _registered_in  # noqa: PLW0603 - a fact about the process
    _registered_in = os.getpid()
    if not main_thread().is_alive():
        # The functions of atexit are being called, and one more would not be: from here on,
        # whoever posts delivers.
        finish_posts()
        return
    atexit.register(finish_posts)
    # A child that multiprocessing has forked forgets the functions of atexit, or never calls them.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, finish_posts, exitpriority=0)


def start(worker: Worker) -> bool:
    """Start a thread. Says whether that was possible: at the end of the program it is not."""
    if _registered_in != os.getpid():
        _register()
    try:
        Thread(target=_work, args=(worker,), name="buswork-worker", daemon=True).start()
    except RuntimeError:
        return False
    return True


def _work(worker: Worker) -> None:
    wake = allocate_lock()
    wake.acquire()
    while (seconds := worker.work(wake.release)) is not None:
        if not wake.acquire(timeout=seconds):
            # Whoever wakes it just now releases the old one.
            wake = allocate_lock()
            wake.acquire()


_register()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_posts)
