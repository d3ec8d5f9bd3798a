"""What each contender does when a handler fails, found by letting one fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from contenders import Contender

HANDLERS = 5


class Behaviour(NamedTuple):
    """What was seen."""

    isolates: bool
    publisher_gets: str
    returns_values: bool


def _handlers(called: list[int], *, keywords: bool, fail: bool) -> list[Callable[..., Any]]:
    """Handlers that note their call. The first to be called fails, whatever the order is."""

    def plain(number: int) -> Callable[..., Any]:
        def handle(event: object) -> str:
            called.append(number)
            if fail and len(called) == 1:
                raise ValueError(number)
            return f"result {number}"

        return handle

    def with_keywords(number: int) -> Callable[..., Any]:
        handle = plain(number)
        return lambda event, **_: handle(event)

    return [(with_keywords if keywords else plain)(number) for number in range(HANDLERS)]


def observe(contender: Contender) -> Behaviour:
    """Let a handler fail, and see who was called and what came out."""
    logging.disable()
    called: list[int] = []
    handlers = _handlers(called, keywords=contender.keywords, fail=False)
    returned = repr(contender.build(handlers).once())

    called.clear()
    handlers = _handlers(called, keywords=contender.keywords, fail=True)
    try:
        gets = (
            "the exception, among the results"
            if "ValueError" in repr(contender.build(handlers).once())
            else "nothing"
        )
    except Exception as error:
        gets = f"`{type(error).__name__}`"
    logging.disable(logging.NOTSET)
    return Behaviour(len(called) == HANDLERS, gets, "result 0" in returned)
