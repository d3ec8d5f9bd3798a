"""Run a scenario, a program of bus operations written as data, and write down what it does.

`scenarios/README.md` describes the format.
"""

from __future__ import annotations

import functools
import operator
import warnings
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from buswork import HandlerErrors, PublishRecursionError, UnhandledEvent

Step: TypeAlias = Mapping[str, Any]

#: More than that, and a random program is not worth running to its end.
LONGEST_TRACE = 400


class TooLongError(BaseException):
    """A random program does not end soon. Not an `Exception`: no bus may isolate it."""


class ScriptedError(Exception):
    """What a scripted handler fails with."""


class Runner:
    """One run of one scenario on one bus."""

    def __init__(self, scenario: Step, make_bus: Callable[..., Any]) -> None:
        self.scenario = scenario
        self.trace: list[list[Any]] = []
        settings = dict(scenario.get("bus", {}))
        if settings.get("on_error") == "call":
            settings["on_error"] = self.note_failure
        self.bus = make_bus(**settings)
        self.types = make_types(scenario["types"])
        self.handlers = {name: self.make_handler(name) for name in scenario["handlers"]}
        self.subscriptions: dict[str, Any] = {}

    def run(self) -> list[list[Any]]:
        with warnings.catch_warnings():
            # A handler subscribed twice to one type is a fine thing to try out.
            warnings.simplefilter("ignore", UserWarning)
            for step in self.scenario["program"]:
                try:
                    self.do(step)
                except Exception as error:  # noqa: BLE001 - whatever comes is written down
                    self.note("raised", describe(error))
        return self.trace

    def note(self, *entry: object) -> None:
        if len(self.trace) >= LONGEST_TRACE:
            raise TooLongError
        self.trace.append(list(entry))

    def note_failure(self, failure: Any) -> None:
        self.note("on_error", handler_of(failure.name), describe(failure.error))

    def make_handler(self, name: str) -> Callable[[Any], None]:
        def handler(event: Any) -> None:
            self.note("called", name, type(event).__qualname__)
            for step in self.scenario["handlers"][name]:
                self.do(step)

        handler.__qualname__ = name
        return handler

    def do(self, step: Step) -> None:
        getattr(self, "do_" + step["do"])(step)

    def do_subscribe(self, step: Step) -> None:
        options = {
            option: step[option]
            for option in ("priority", "once", "exact", "on_error")
            if option in step
        }
        if options.get("on_error") == "call":
            options["on_error"] = self.note_failure
        if "when" in step:
            options["when"] = PREDICATES[step["when"]]
        key = self.key(step["to"])
        handler = self.handlers[step["handler"]]
        self.subscriptions[step["as"]] = self.bus.subscribe(key, handler, **options)

    def do_unsubscribe(self, step: Step) -> None:
        self.bus.unsubscribe(self.key(step["from"]), self.handlers[step["handler"]])

    def do_cancel(self, step: Step) -> None:
        self.on_subscription(step, "cancel")

    def do_pause(self, step: Step) -> None:
        self.on_subscription(step, "pause")

    def do_resume(self, step: Step) -> None:
        self.on_subscription(step, "resume")

    def do_active(self, step: Step) -> None:
        if subscription := self.subscriptions.get(step["subscription"]):
            self.note("active", step["subscription"], subscription.active)

    def do_clear(self, _step: Step) -> None:
        self.bus.clear()

    def do_set_unhandled(self, step: Step) -> None:
        self.bus.set_unhandled(self.types[step["type"]], step["policy"])

    def do_publish(self, step: Step) -> None:
        try:
            self.bus.publish(self.types[step["event"]]())
        except RecursionError:
            raise
        except Exception as error:
            if not step.get("catch"):
                raise
            self.note("caught", describe(error))

    def do_deliver(self, step: Step) -> None:
        report = self.bus.deliver(self.types[step["event"]]())
        deliveries = [
            [handler_of(each.name), each.status, each.reason or error_of(each)]
            for each in report.deliveries
        ]
        self.note("report", deliveries)

    def do_handlers(self, step: Step) -> None:
        names = [handler_of(each.name) for each in self.bus.handlers(self.types[step["type"]])]
        self.note("handlers", step["type"], names)

    def do_fail(self, step: Step) -> None:
        raise ScriptedError(step["with"])

    def key(self, names: Sequence[str]) -> Any:
        return functools.reduce(operator.or_, [self.types[name] for name in names])

    def on_subscription(self, step: Step, verb: str) -> None:
        """Do something with a subscription, if the program has made it yet."""
        if subscription := self.subscriptions.get(step["subscription"]):
            getattr(subscription, verb)()


def run(scenario: Step, make_bus: Callable[..., Any]) -> list[list[Any]]:
    """Run a scenario on a new bus, and return the trace."""
    return Runner(scenario, make_bus).run()


def make_types(described: Mapping[str, Step]) -> dict[str, type]:
    """Make the event classes of a scenario, bases before the classes that have them."""
    types: dict[str, type] = {}
    for name, description in described.items():
        bases = tuple(types[base] for base in description.get("bases", ()))
        if description.get("abstract"):
            types[name] = type(ABC)(name, bases or (ABC,), {})
        else:
            types[name] = type(name, bases, {})
        types[name].__qualname__ = name
        for abstract in description.get("registered_with", ()):
            types[abstract].register(types[name])  # type: ignore[attr-defined]
    return types


def fail(_event: object) -> bool:
    raise ScriptedError("when")


PREDICATES: dict[str, Callable[[object], bool]] = {
    "yes": lambda _event: True,
    "no": lambda _event: False,
    "fail": fail,
}


def describe(error: BaseException) -> Any:
    """Describe an error as data, the tree of groups as it is."""
    match error:
        case HandlerErrors():
            return {"group": [describe(member) for member in error.exceptions]}
        case UnhandledEvent():
            return {"unhandled": True}
        case PublishRecursionError():
            return {"recursion": True}
        case ScriptedError():
            return error.args[0]
        case _:
            return {"other": type(error).__qualname__}


def error_of(delivery: Any) -> Any:
    return None if delivery.error is None else describe(delivery.error)


def handler_of(name: str) -> str:
    """Find the name of a scripted handler in that of its subscription, `module:qualname`."""
    return name.rpartition(":")[2]
