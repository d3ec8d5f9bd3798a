"""What is wrong with a handler that is not a plain function, in words that say how to mend it."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What a class has when it leaves the question who its subclasses are to the MRO.
PLAIN_SUBCLASS_CHECK = type.__subclasscheck__


def objection(handler: Any) -> str | None:
    """Say why a callable cannot handle events on the sync bus, or `None` when it can."""
    try:
        return _objection(handler)
    except Exception:  # noqa: BLE001 - a hostile callable: its attributes raise whatever they like
        return None


def _objection(handler: Any) -> str | None:
    import inspect  # noqa: PLC0415 - takes milliseconds, and plain functions do not need it

    name = _name(handler)
    unwrapped = handler
    while isinstance(unwrapped, functools.partial):
        unwrapped = unwrapped.func
    call: object = inspect.getattr_static(type(unwrapped), "__call__", None)  # pyright: ignore[reportUnknownArgumentType]
    for function in (unwrapped, call):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return f"{name} is a coroutine function, and EventBus awaits nothing: use AsyncEventBus"
        if inspect.isgeneratorfunction(function):
            return (
                f"{name} is a generator function: calling it runs nothing, so it cannot handle"
                " events; take the yield out (for coroutines there is AsyncEventBus)"
            )
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError):
        return None  # Nothing is known of it, as for some built-in functions.
    try:
        signature.bind(object())
    except TypeError:
        return (
            f"{name}{signature} cannot be called with one argument, the event: a handler takes"
            " the event, and anything else must have a default"
        )
    return None


def _name(handler: Any) -> str:
    name = getattr(handler, "__qualname__", None)
    return name if isinstance(name, str) else type(handler).__qualname__
