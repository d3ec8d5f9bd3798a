"""What `assert_wiring` of `buswork.testing` does: holds a bus against what should be subscribed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, cast, get_args

from buswork import AsyncEventBus

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from buswork._buswork import Bus

#: The name and version of the form of a lock file.
LOCK_SCHEMA = "buswork-wiring-lock/1"

#: What tells handlers of one name apart in a lock file: `shop:<lambda>#2`. A bus has no such thing.
_NUMBER = re.compile(r"#\d+$")

_NO_LOCK = "{} is no lock file of this version: write one by `buswork wiring lock`"

#: An event and a handler, by the names that a bus has for them.
Edge = tuple[str, str]


def expected_of(mapping: Mapping[Any, Iterable[Any]]) -> list[Edge]:
    """Return the edges of a mapping from events to handlers."""
    return [
        (event, _name_of_handler(handler))
        for key, handlers in mapping.items()
        for event in _names_of_event(key)
        for handler in handlers
    ]


def locked(path: str | os.PathLike[str]) -> list[Edge]:
    """Return the edges of a lock file, but for those that it says never to come about."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        data: Any = json.loads(text)
        schema = data["schema"]
        edges = [
            (
                "builtins.object" if one["event"] == "*" else one["event"],
                _NUMBER.sub("", one["handled by"]),
            )
            for one in data["subscriptions"]
            if not one.get("never", False)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(_NO_LOCK.format(path)) from error
    if schema != LOCK_SCHEMA:
        raise ValueError(_NO_LOCK.format(path))
    return edges


def differences(
    bus: Bus, expected: list[Edge], *, missing_ok: bool, more_ok: bool, once: bool
) -> list[str]:
    """Tell what is missing and what is too much, a line each; with `once`, doubles are one."""
    edges = bus.wiring()["subscriptions"]
    places = {(edge["event"], edge["handler"]): edge["location"] for edge in edges}
    there = [(edge["event"], edge["handler"]) for edge in edges]
    if once:
        there, expected = list(dict.fromkeys(there)), list(dict.fromkeys(expected))
    missing, more = _unpaired(expected, there)
    lines = [] if missing_ok else [f"missing: {_arrow(edge)}" for edge in sorted(missing)]
    if more_ok:
        return lines
    for edge in sorted(more):
        place = places[edge]
        where = f" ({place['file']}:{place['line']})" if place["file"] else ""
        lines.append(f"not expected: {_arrow(edge)}{where}")
    return lines


def _unpaired(expected: list[Edge], there: list[Edge]) -> tuple[list[Edge], list[Edge]]:
    """Pair what is the same, exactly first, and return what is left of both."""
    left, right = Counter(expected), Counter(there)
    missing, more = list((left - right).elements()), list((right - left).elements())
    for edge in tuple(missing):
        alike = next((one for one in more if _is_alike(edge, one)), None)
        if alike is not None:
            missing.remove(edge)
            more.remove(alike)
    return missing, more


def _is_alike(expected: Edge, there: Edge) -> bool:
    """Tell whether two edges differ only by the folders that their modules are in.

    Code is read from a root, which need not be where imports start. An object that can be called
    is called by its class at run time.
    """
    event, handler = expected
    ends = (event, there[0]), (handler.removesuffix(".__call__").replace(":", "."), there[1])
    return all(_ends_alike(one, other.replace(":", ".")) for one, other in ends)


def _ends_alike(one: str, other: str) -> bool:
    if "." not in one or "." not in other:
        return one == other
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def _arrow(edge: Edge) -> str:
    event, handler = edge
    return f"{'object' if event == 'builtins.object' else event} → {handler}"


def _names_of_event(key: Any) -> list[str]:
    if isinstance(key, str):
        return [key]
    members = get_args(key) if isinstance(key, UnionType) else (key,)
    if not all(isinstance(member, type) for member in members):
        raise TypeError(f"{key!r} is no event: give a class, or a string for a topic or a name")
    types = cast("tuple[type[Any], ...]", members)
    return [f"{member.__module__}.{member.__qualname__}" for member in types]


def _name_of_handler(handler: Any) -> str:
    if isinstance(handler, str):
        return handler
    # A bus that takes any handler, to give it the name that buses give.
    edge = AsyncEventBus().subscribe(object, handler)
    return edge._described()[0]  # noqa: SLF001 - meant for the rooms of this package
