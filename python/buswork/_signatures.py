"""What is wrong with a callable that is not a plain function, in words that say how to mend it."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: What a callable of each role is called with, and what is expected of it.
_EXPECTED = {
    "handler": "with one argument, the event: a handler takes the event",
    "when": "with one argument, the event: a predicate takes the event and says yes or no",
    "on_error": "with one argument, the Failure: on_error takes the failure",
}


def objection(given: Callable[..., object], role: str) -> str | None:
    """Say why a callable does not suit its role on the sync bus, or `None` when it does."""
    try:
        return must_be_awaited(given) or takes_something_else(given, role)
    except Exception:  # noqa: BLE001 - a hostile callable: its attributes raise whatever they like
        return None


def must_be_awaited(given: Any) -> str | None:
    """Object to coroutine functions and generator functions: a call of one runs nothing."""
    import inspect  # noqa: PLC0415 - takes milliseconds, and plain functions do not need it

    unwrapped = given
    while isinstance(unwrapped, functools.partial):
        unwrapped = unwrapped.func
    call: object = inspect.getattr_static(type(unwrapped), "__call__", None)  # pyright: ignore[reportUnknownArgumentType]
    for function in (unwrapped, call):
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            return (
                f"{_name(given)} is a coroutine function, and EventBus awaits nothing:"
                " use AsyncEventBus"
            )
        if inspect.isgeneratorfunction(function):
            return (
                f"{_name(given)} is a generator function: calling it runs nothing, so it cannot"
                " handle events; take the yield out (for coroutines there is AsyncEventBus)"
            )
    return None


def takes_something_else(given: Callable[..., object], role: str) -> str | None:
    """Object to callables that cannot be called with one argument."""
    import inspect  # noqa: PLC0415

    try:
        # What is called is the wrapper, whatever the signature of the function that it wraps.
        signature = inspect.signature(given, follow_wrapped=False)
    except (TypeError, ValueError):
        return None  # Nothing is known of it, as for some built-in functions.
    try:
        signature.bind(object())
    except TypeError:
        return (
            f"{_name(given)}{signature} cannot be called {_EXPECTED[role]}, and anything else must"
            " have a default"
        )
    return None


def _name(given: Any) -> str:
    name = getattr(given, "__qualname__", None)
    return name if isinstance(name, str) else type(given).__qualname__
