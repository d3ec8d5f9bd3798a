"""The thread that looks after handlers on worker threads that may not take longer than so long.

There is one in the process, from the first such delivery on. It knows deadlines, and whom to call
when one has passed.
"""

from __future__ import annotations

import os
from heapq import heapify, heappop, heappush
from itertools import count
from threading import TIMEOUT_MAX, Condition, Thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from buswork._buswork import Deadline

#: With fewer deadlines than this, nobody minds those that are over.
_FEW = 64


class _Watch:
    """The deadlines, and the thread that waits for them."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._deadlines: list[tuple[float, int, Deadline]] = []
        self._numbers = count()
        self._has_begun = False
        #: With so many, those that are over are let go.
        self._most = _FEW

    def add(self, seconds: float, deadline: Deadline) -> None:
        """Have a deadline called in so many seconds, unless it is over by then."""
        due = monotonic() + seconds
        with self._changed:
            self._forget_those_over()
            heappush(self._deadlines, (due, next(self._numbers), deadline))
            if not self._has_begun:
                Thread(target=self._run, name="buswork-timeouts", daemon=True).start()
                self._has_begun = True
            elif self._deadlines[0][2] is deadline:
                self._changed.notify()

    def _forget_those_over(self) -> None:
        """Let go those that are over, each time that there are twice as many as before."""
        if len(self._deadlines) < self._most:
            return
        self._deadlines = [one for one in self._deadlines if not one[2].is_over]
        heapify(self._deadlines)
        self._most = max(_FEW, 2 * len(self._deadlines))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._deadlines or self._deadlines[0][0] > monotonic():
                    due = self._deadlines[0][0] - monotonic() if self._deadlines else TIMEOUT_MAX
                    self._changed.wait(min(due, TIMEOUT_MAX))
                _, _, deadline = heappop(self._deadlines)
            deadline.pass_()


_watch = _Watch()


def watch(seconds: float, deadline: Deadline) -> None:
    """Have a deadline called in so many seconds, unless it is over by then."""
    _watch.add(seconds, deadline)


def _forget() -> None:
    """Begin anew, in a forked child: its deliveries are the parent's, and there is no thread."""
    global _watch  # noqa: PLW0603 - a fact about the process
    _watch = _Watch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
