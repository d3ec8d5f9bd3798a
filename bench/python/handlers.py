"""Handlers that do nothing, each with code of its own.

A specialising interpreter remembers at a call site which function it called there. With one function
subscribed n times, a loop would be measured at its best and never be seen like that in a program.
"""

from __future__ import annotations

import asyncio
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["function", "method", "quick", "once"]


def _function(event: object) -> None:
    pass


async def _quick(event: object) -> None:
    pass


async def _once(event: object) -> None:
    await asyncio.sleep(0)


async def _quick_with_keywords(event: object, **_: object) -> None:
    pass


async def _once_with_keywords(event: object, **_: object) -> None:
    await asyncio.sleep(0)


def _function_with_keywords(event: object, **_: object) -> None:
    pass


def _method(self: object, event: object) -> None:
    pass


def _method_with_keywords(self: object, event: object, **_: object) -> None:
    pass


_templates: dict[tuple[Kind, bool], FunctionType] = {
    ("function", False): _function,
    ("function", True): _function_with_keywords,
    ("method", False): _method,
    ("method", True): _method_with_keywords,
    ("quick", False): _quick,
    ("quick", True): _quick_with_keywords,
    ("once", False): _once,
    ("once", True): _once_with_keywords,
}


def distinct(kind: Kind, count: int, *, keywords: bool = False) -> list[Callable[..., Any]]:
    """Make that many functions, or methods bound to objects of as many classes.

    With `keywords` they take any keyword arguments besides, as Django demands.
    """
    template = _templates[kind, keywords]
    handlers: list[Callable[..., Any]] = []
    for number in range(count):
        name = f"handle_{number}"
        code = template.__code__.replace(co_name=name, co_qualname=name)
        function = FunctionType(code, globals(), name)
        if kind != "method":
            handlers.append(function)
        else:
            handlers.append(type(f"Owner{number}", (), {"handle": function})().handle)
    return handlers
