"""What is wrong with a callable that is not a plain function, in words that say how to mend it."""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from inspect import Signature
    from typing import Any

#: What a callable of each role is called with, and what is expected of it.
_EXPECTED = {
    "handler": "with one argument, the event: a handler takes the event",
    "when": "with one argument, the event: a predicate takes the event and says yes or no",
    "on_error": "with one argument, the Failure: on_error takes the failure",
    "retry_on": "with one argument, the exception: it says whether to try again",
    "give_up_on": "with one argument, the exception: it says whether to give up",
    "layer": "with two arguments, the event and call_next: layer(event, call_next)",
}


def objection(given: Callable[..., object], role: str) -> str | None:
    """Say why a callable does not suit its role on the sync bus, or `None` when it does."""
    try:
        return must_be_awaited(given, role) or _objection_anywhere(given, role, (1,))
    except Exception:  # noqa: BLE001 - a hostile callable: its attributes raise whatever they like
        return None


def objection_anywhere(given: Any, role: str, counts: tuple[int, ...] = (1,)) -> str | None:
    """Say why a callable suits its role on no bus, or `None` when it does on one.

    `counts` are the numbers of arguments that will do: one, or two for a method not bound yet.
    """
    try:
        return _objection_anywhere(given, role, counts)
    except Exception:  # noqa: BLE001 - as above
        return None


def layer_objection(given: Any, *, is_async: bool) -> str | None:
    """Say why a callable cannot be middleware, or `None` when it can."""
    try:
        objection = None if is_async else must_be_awaited(given, "handler")
        return objection or _objection_anywhere(given, "layer", (2,))
    except Exception:  # noqa: BLE001 - as above
        return None


def is_awaited(given: Any) -> bool:
    """Say whether only a bus that awaits can run a callable."""
    try:
        return must_be_awaited(given, "handler") is not None
    except Exception:  # noqa: BLE001 - as above
        return False


def _objection_anywhere(given: Any, role: str, counts: tuple[int, ...]) -> str | None:
    return runs_nothing(given) or takes_something_else(given, role, counts)


def must_be_awaited(given: Any, role: str) -> str | None:
    """Object to coroutine functions: a call of one runs nothing."""
    if not any(_is_coroutine_function(function) for function in _called(given)):
        return None
    if role == "handler":
        why = "and EventBus awaits nothing: use AsyncEventBus"
    else:
        why = f"and no bus awaits {role}: give a function that answers at once"
    return f"{_name(given)} is a coroutine function, {why}"


def runs_nothing(given: Any) -> str | None:
    """Object to generator functions: awaiting what a call of one returns does not help either."""
    import inspect  # noqa: PLC0415 - takes milliseconds, and plain functions do not need it

    for function in _called(given):
        if _is_coroutine_function(function):
            continue
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            return (
                f"{_name(given)} is a generator function: calling it runs nothing, so it cannot"
                " handle events; take the yield out (for coroutines there is AsyncEventBus)"
            )
    return None


def _is_coroutine_function(function: object) -> bool:
    import inspect  # noqa: PLC0415 - as above

    # A generator function that `types.coroutine` has marked is one as well.
    flags: int = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return bool(flags & inspect.CO_ITERABLE_COROUTINE) or inspect.iscoroutinefunction(function)


def _called(given: Any) -> Iterator[object]:
    """Yield the functions that a call may come down to."""
    import inspect  # noqa: PLC0415 - as above

    while isinstance(given, functools.partial):
        given = given.func
    yield given
    yield inspect.getattr_static(type(given), "__call__", None)  # pyright: ignore[reportUnknownArgumentType]


def takes_something_else(given: Any, role: str, counts: tuple[int, ...]) -> str | None:
    """Object to callables that cannot be called with any of these numbers of arguments."""
    import inspect  # noqa: PLC0415 - as above

    try:
        # What is called is the wrapper, whatever the signature of the function that it wraps.
        signature = inspect.signature(given, follow_wrapped=False)
    except (TypeError, ValueError):
        return None  # Nothing is known of it, as for some built-in functions.
    if any(_takes(signature, count) for count in counts):
        return None
    return (
        f"{_name(given)}{signature} cannot be called {_EXPECTED[role]}, and anything else must"
        " have a default"
    )


def _takes(signature: Signature, count: int) -> bool:
    try:
        signature.bind(*[object()] * count)
    except TypeError:
        return False
    return True


def _name(given: Any) -> str:
    name = getattr(given, "__qualname__", None)
    return name if isinstance(name, str) else type(given).__qualname__
