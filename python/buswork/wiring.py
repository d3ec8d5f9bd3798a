"""What is subscribed to a bus, in the form of `buswork wiring --format json`.

`bus.wiring()` returns it. The types here are for those who annotate what they do with it.

>>> from buswork import EventBus
>>> bus = EventBus()
>>> _ = bus.subscribe(int, print, name="show", priority=5)
>>> wiring = bus.wiring()
>>> [event["id"] for event in wiring["events"]]
['builtins.int']
>>> wiring["subscriptions"][0]["options"]
[['name', 'show'], ['priority', '5']]
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "Coverage",
    "Event",
    "Field",
    "Handler",
    "Location",
    "Module",
    "Scope",
    "SubscriptionEdge",
    "Wiring",
]


class Location(TypedDict):
    """A place in a file."""

    file: str
    line: int


class Field(TypedDict):
    """A field of an event class."""

    name: str
    #: As written; empty without one.
    annotation: str


class Event(TypedDict):
    """What is subscribed to: a class, or a pattern of topics."""

    #: `module.qualname` of a class, the text of a pattern.
    id: str
    name: str
    kind: Literal["class", "topic", "any"]
    module: str
    location: NotRequired[Location]
    #: The first paragraph of its docstring.
    doc: NotRequired[str]
    fields: NotRequired[list[Field]]
    #: Ids of all its ancestors that are subscribed to as well, nearest first.
    bases: NotRequired[list[str]]
    #: Whether its instances cannot be changed, where that can be told.
    frozen: NotRequired[bool]
    #: Always empty: who publishes is not known to a bus.
    published_by: list[int]
    #: Indices into the subscriptions, those of its bases among them.
    handled_by: list[int]


# In this form, since `async` is no name that a class could use.
Handler = TypedDict(
    "Handler",
    {
        "id": str,
        "name": str,
        "module": str,
        "kind": Literal["function", "method", "nested", "lambda", "object", "external"],
        "location": NotRequired[Location],
        "doc": NotRequired[str],
        "async": NotRequired[bool],
        "parameter": NotRequired[str],
        "annotation": NotRequired[str],
        "accepts": NotRequired[list[str]],
    },
)
Handler.__doc__ = "A handler, by the function that it is."


class SubscriptionEdge(TypedDict):
    """A handler subscribed to an event."""

    event: str
    handler: str
    #: Empty, as is the module: who has subscribed is not known to a bus.
    function: str
    module: str
    #: Where the handler begins.
    location: Location
    verb: Literal["subscribe"]
    adapter: Literal["buswork"]
    grade: Literal["certain"]
    options: NotRequired[list[list[str]]]
    exact: NotRequired[bool]


class Coverage(TypedDict):
    """How many places were resolved; here, how many subscriptions there are."""

    sites: int
    certain: int
    inferred: int
    possible: int
    unresolved: int


class Scope(TypedDict):
    """What was read: nothing, as a bus was asked."""

    paths: list[str]
    python_files: int
    rust_files: int
    lines: int


class Module(TypedDict):
    """A module with events or handlers in it."""

    name: str
    file: str


class Wiring(TypedDict):
    """The whole graph. Every list is sorted."""

    schema: str
    source: Literal["bus"]
    scope: Scope
    publish_coverage: Coverage
    subscribe_coverage: Coverage
    events: list[Event]
    handlers: list[Handler]
    publishes: list[Any]
    subscriptions: list[SubscriptionEdge]
    cascades: list[Any]
    unresolved: list[Any]
    problems: list[Any]
    modules: list[Module]
