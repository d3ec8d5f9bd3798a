"""What `bus.wiring()` does: describes subscriptions, their events and their handlers."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, cast, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from buswork import Subscription
    from buswork.wiring import (
        Coverage,
        Event,
        Field,
        Handler,
        Location,
        SubscriptionEdge,
        Wiring,
    )

#: The name and version of the form.
SCHEMA = "buswork-wiring/1"


def describe(subscriptions: Sequence[Subscription]) -> Wiring:
    """Describe subscriptions."""
    types: dict[str, Any] = {}
    handlers: dict[str, Handler] = {}
    edges: list[SubscriptionEdge] = []
    for subscription in subscriptions:
        handler, flags, on_error, policy = subscription._described()  # noqa: SLF001 - meant for this
        if handler not in handlers:
            handlers[handler] = _handler(handler, subscription)
        for one in subscription.event_types:
            types[_id(one)] = one
            edge = _edge(_id(one), handler, subscription, flags, on_error=on_error, policy=policy)
            edges.append(edge)
    edges.sort(key=_by_event_and_handler)
    events = [_event(event, types[event], types) for event in sorted(types)]
    for event in events:
        handled = [place for place, edge in enumerate(edges) if _takes(edge, event)]
        event["handled_by"] = handled
    modules = {event["module"] for event in events} | {one["module"] for one in handlers.values()}
    modules.discard("")
    return {
        "schema": SCHEMA,
        "source": "bus",
        "scope": {"paths": [], "python_files": 0, "rust_files": 0, "lines": 0},
        "publish_coverage": _coverage(0),
        "subscribe_coverage": _coverage(len(edges)),
        "events": events,
        "handlers": [handlers[handler] for handler in sorted(handlers)],
        "publishes": [],
        "subscriptions": edges,
        "cascades": [],
        "unresolved": [],
        "problems": [],
        "modules": [{"name": name, "file": _file(name)} for name in sorted(modules)],
    }


def _coverage(sites: int) -> Coverage:
    return {"sites": sites, "certain": sites, "inferred": 0, "possible": 0, "unresolved": 0}


def _id(event_type: Any) -> str:
    if isinstance(event_type, str):
        return event_type
    return f"{event_type.__module__}.{event_type.__qualname__}"


def _file(module: str) -> str:
    return getattr(sys.modules.get(module), "__file__", None) or ""


def _by_event_and_handler(edge: SubscriptionEdge) -> tuple[str, str, str, int]:
    location = edge["location"]
    return edge["event"], edge["handler"], location["file"], location["line"]


def _takes(edge: SubscriptionEdge, event: Event) -> bool:
    if edge["event"] == event["id"]:
        return True
    return not edge.get("exact") and edge["event"] in event.get("bases", [])


def _edge(
    event: str,
    handler: str,
    subscription: Subscription,
    flags: list[str],
    *,
    on_error: str | None,
    policy: str | None,
) -> SubscriptionEdge:
    edge: SubscriptionEdge = {
        "event": event,
        "handler": handler,
        "function": "",
        "module": "",
        "location": _location(subscription.location) or {"file": "", "line": 0},
        "verb": "subscribe",
        "adapter": "buswork",
        "grade": "certain",
    }
    options: list[list[str]] = []
    if subscription.name != handler:
        options.append(["name", subscription.name])
    if subscription.priority:
        options.append(["priority", str(subscription.priority)])
    options += [[flag, "..." if flag == "when" else "True"] for flag in flags]
    if on_error is not None:
        options.append(["on_error", on_error])
    if policy is not None:
        options.append(["policy", policy])
    if subscription.publishes:
        declared = ", ".join(_id(one) for one in subscription.publishes)
        options.append(["publishes", declared])
    if options:
        edge["options"] = options
    if "exact" in flags:
        edge["exact"] = True
    return edge


def _location(place: str | None) -> Location | None:
    if place is None:
        return None
    file, _, line = place.rpartition(":")
    return {"file": file, "line": int(line)}


def _event(event: str, given: Any, types: dict[str, Any]) -> Event:
    if isinstance(given, str):
        return {
            "id": event,
            "name": given,
            "kind": "topic",
            "module": "",
            "published_by": [],
            "handled_by": [],
        }
    described: Event = {
        "id": event,
        "name": given.__name__,
        "kind": "any" if given is object else "class",
        "module": given.__module__,
        "published_by": [],
        "handled_by": [],
    }
    if location := _location_of_class(given):
        described["location"] = location
    if given is object:
        return described
    if (doc := _paragraph(vars(given).get("__doc__"))) and not doc.startswith(f"{given.__name__}("):
        described["doc"] = doc
    if fields := list(_fields(given)):
        described["fields"] = fields
    if bases := _bases(event, given, types):
        described["bases"] = bases
    if (frozen := _frozen(given)) is not None:
        described["frozen"] = frozen
    return described


def _location_of_class(given: type[Any]) -> Location | None:
    try:
        file = inspect.getfile(given)
        line = vars(given).get("__firstlineno__") or inspect.getsourcelines(given)[1]
    except (OSError, TypeError):
        return None
    return {"file": file, "line": line}


def _paragraph(doc: object) -> str:
    """Return the first paragraph of a docstring, in one line."""
    if not isinstance(doc, str):
        return ""
    return " ".join(inspect.cleandoc(doc).partition("\n\n")[0].split())


def _fields(given: Any) -> Iterable[Field]:
    if dataclasses.is_dataclass(given):
        for field in dataclasses.fields(given):
            yield {"name": field.name, "annotation": _written(field.type)}
        return
    seen: dict[str, str] = {}
    ancestors: tuple[type[Any], ...] = given.__mro__
    for ancestor in reversed(ancestors[:-1]):
        for name, annotation in _annotations(ancestor).items():
            if not name.startswith("_"):
                seen[name] = _written(annotation)
    for name, annotation in seen.items():
        yield {"name": name, "annotation": annotation}


def _annotations(given: type[Any]) -> dict[str, Any]:
    try:
        return inspect.get_annotations(given)
    except Exception:  # noqa: BLE001 - from Python 3.14 on, an annotation is an expression
        return {}


def _written(annotation: object) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _bases(event: str, given: type[Any], types: dict[str, Any]) -> list[str]:
    """Return the ids of the ancestors, nearest first; virtual ones, of ABCs, at the end."""
    others = {id_: one for id_, one in types.items() if id_ != event and isinstance(one, type)}
    order = {ancestor: place for place, ancestor in enumerate(given.__mro__)}
    bases = [id_ for id_, one in others.items() if _is_subclass(given, one)]
    return sorted(bases, key=lambda id_: (order.get(others[id_], len(order)), id_))


def _is_subclass(given: type[Any], other: type[Any]) -> bool:
    try:
        return issubclass(given, other)
    except Exception:  # noqa: BLE001 - a class that cannot say is none, as for the bus itself
        return False


def _frozen(given: type[Any]) -> bool | None:
    if issubclass(given, (tuple, enum.Enum)):
        return True
    parameters = getattr(given, "__dataclass_params__", None)
    if parameters is not None:
        return bool(parameters.frozen)
    config: Any = getattr(given, "model_config", None)
    if isinstance(config, dict):
        return bool(cast("dict[str, Any]", config).get("frozen", False))
    return None


def _handler(handler: str, subscription: Subscription) -> Handler:
    module, _, name = handler.rpartition(":")
    described: Handler = {"id": handler, "name": name, "module": module, "kind": "external"}
    if location := _location(subscription.location):
        described["location"] = location
    given = callee = subscription.handler
    if given is None:
        return described
    while isinstance(callee, functools.partial):
        callee = callee.func
    described["kind"] = _kind(callee, name)
    if doc := _paragraph(getattr(callee, "__doc__", None)):
        described["doc"] = doc
    called: Any = type(callee).__call__
    if inspect.iscoroutinefunction(callee) or inspect.iscoroutinefunction(called):
        described["async"] = True
    if parameter := _parameter(given):
        described["parameter"] = parameter.name
        if parameter.annotation is not parameter.empty:
            described["annotation"] = _written(parameter.annotation)
            if accepts := _accepts(callee, parameter.name):
                described["accepts"] = accepts
    return described


def _kind(
    callee: object, name: str
) -> Literal["function", "method", "nested", "lambda", "object", "external"]:
    if name.endswith("<lambda>"):
        return "lambda"
    if inspect.ismethod(callee):
        return "method"
    if inspect.isfunction(callee):
        return "nested" if "<locals>" in name else "function"
    return "external" if inspect.isbuiltin(callee) else "object"


def _parameter(callee: Callable[..., object]) -> inspect.Parameter | None:
    try:
        return next(iter(inspect.signature(callee).parameters.values()), None)
    except (TypeError, ValueError):
        return None


def _accepts(callee: Any, parameter: str) -> list[str]:
    """Return the ids of the classes that an annotation allows."""
    function = callee if hasattr(callee, "__annotations__") else type(callee).__call__
    try:
        hint: Any = get_type_hints(function).get(parameter)
    except Exception:  # noqa: BLE001 - an annotation may be any expression
        return []
    members = (hint,) if isinstance(hint, type) else get_args(hint)
    return [_id(member) for member in members if isinstance(member, type)]
