"""A dull bus: what the contract says, word for word, in as few lines as it takes.

It scans a list at each publish, caches nothing, and is correct by being short. The real bus is
compared with it (`test_against_reference.py`), and it writes the traces of the scenario corpus
(`make_scenarios.py`). For one thread; without `weak`, `name` and `include`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from buswork import HandlerErrors, PublishRecursionError, UnhandledEvent

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(eq=False)
class ReferenceSubscription:
    """A handler, its types and its options, and whether it may be called now."""

    bus: ReferenceBus
    event_types: tuple[type, ...]
    handler: Callable[[Any], object]
    priority: int
    when: Callable[[Any], object] | None
    once: bool
    exact: bool
    on_error: Any
    number: int
    paused: bool = False
    ended: str | None = None

    @property
    def active(self) -> bool:
        return not self.paused and self.ended is None

    @property
    def name(self) -> str:
        return f"{self.handler.__module__}:{self.handler.__qualname__}"

    def cancel(self) -> None:
        self.end("cancelled")

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def end(self, why: str) -> None:
        if self.ended is None:
            self.ended = why
            self.bus.subscriptions.remove(self)

    def matches(self, event_type: type) -> bool:
        """Say whether an event of this class is for this subscription, by one of its types."""
        if event_type in self.event_types:
            return True
        return not self.exact and issubclass(event_type, self.event_types)

    def objection(self) -> str | None:
        """Say why it must not be called now."""
        return self.ended or ("paused" if self.paused else None)


@dataclass
class ReferenceDelivery:
    """One event to one handler, and how it ended."""

    name: str
    status: str
    reason: str | None = None
    error: Exception | None = None


@dataclass
class ReferenceReport:
    """What came of a `deliver`."""

    deliveries: list[ReferenceDelivery] = field(default_factory=list[ReferenceDelivery])


@dataclass
class ReferenceFailure:
    """What an `on_error` callable is given."""

    name: str
    error: Exception


class ReferenceBus:
    """The sync bus by the letter."""

    def __init__(
        self, *, on_error: Any = "raise", unhandled: str = "ignore", max_depth: int = 100
    ) -> None:
        self.on_error = on_error
        self.unhandled = unhandled
        self.unhandled_by_type: dict[type, str] = {}
        self.max_depth = max_depth
        self.subscriptions: list[ReferenceSubscription] = []
        self.in_progress: list[type] = []
        self.numbers = count()

    def subscribe(
        self,
        event_type: Any,
        handler: Callable[[Any], object],
        *,
        priority: int = 0,
        when: Callable[[Any], object] | None = None,
        once: bool = False,
        exact: bool = False,
        on_error: Any = None,
    ) -> ReferenceSubscription:
        types = getattr(event_type, "__args__", (event_type,))
        subscription = ReferenceSubscription(
            self, types, handler, priority, when, once, exact, on_error, next(self.numbers)
        )
        self.subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, event_type: Any, handler: Callable[[Any], object]) -> None:
        types = set(getattr(event_type, "__args__", (event_type,)))
        ours = [
            subscription
            for subscription in self.subscriptions
            if subscription.handler == handler and set(subscription.event_types) == types
        ]
        if not ours:
            raise LookupError(event_type)
        for subscription in ours:
            subscription.cancel()

    def clear(self) -> None:
        for subscription in list(self.subscriptions):
            subscription.cancel()

    def set_unhandled(self, event_type: type, policy: str) -> None:
        self.unhandled_by_type[event_type] = policy

    def handlers(self, event_type: type) -> list[ReferenceSubscription]:
        ours = [each for each in self.subscriptions if each.matches(event_type)]
        return sorted(ours, key=lambda each: (-each.priority, each.number))

    def publish(self, event: object) -> None:
        _, failures, stopped = self._run(event)
        if stopped and len(failures) == 1:
            raise failures[0]
        if failures:
            raise HandlerErrors("handlers failed", failures)

    def deliver(self, event: object) -> ReferenceReport:
        report, _, _ = self._run(event)
        return report

    def _run(self, event: object) -> tuple[ReferenceReport, list[Exception], bool]:
        """Run the handlers; return what came of each, what to raise, and whether it stopped."""
        event_type = type(event)
        snapshot = self.handlers(event_type)
        if len(self.in_progress) >= self.max_depth:
            raise PublishRecursionError(" -> ".join(self._cycle(event_type)))
        if not snapshot:
            self._mind(event_type)
        report = ReferenceReport()
        failures: list[Exception] = []
        stopped = False
        self.in_progress.append(event_type)
        try:
            for subscription in snapshot:
                if stopped:
                    skipped = ReferenceDelivery(subscription.name, "skipped", "stopped")
                    report.deliveries.append(skipped)
                    continue
                delivery = self._deliver_to(subscription, event)
                report.deliveries.append(delivery)
                if delivery.error is not None:
                    policy = subscription.on_error or self.on_error
                    if policy in ("raise", "stop"):
                        failures.append(delivery.error)
                    elif callable(policy):
                        policy(ReferenceFailure(delivery.name, delivery.error))
                    stopped = policy == "stop"
        finally:
            self.in_progress.pop()
        return report, failures, stopped

    def _deliver_to(self, subscription: ReferenceSubscription, event: object) -> ReferenceDelivery:
        name = subscription.name
        if reason := subscription.objection():
            return ReferenceDelivery(name, "skipped", reason)
        try:
            if subscription.when is not None and not subscription.when(event):
                return ReferenceDelivery(name, "skipped", "when")
            if reason := subscription.objection():
                return ReferenceDelivery(name, "skipped", reason)
            if subscription.once:
                subscription.end("once")
            subscription.handler(event)
        except RecursionError:
            raise
        except Exception as error:  # noqa: BLE001 - isolation is what a bus is for
            return ReferenceDelivery(name, "failed", error=error)
        return ReferenceDelivery(name, "ok")

    def _mind(self, event_type: type) -> None:
        """Mind an event that nobody is subscribed to, as was said of the nearest class."""
        said = self.unhandled_by_type
        nearest = [each for each in event_type.__mro__ if each in said]
        virtual = [each for each in said if issubclass(event_type, each)]
        policy = next((said[each] for each in nearest + virtual), self.unhandled)
        if policy == "raise":
            raise UnhandledEvent(event_type.__qualname__)

    def _cycle(self, event_type: type) -> list[str]:
        """Find the shortest end of the path that repeats itself, closed by its first member."""
        path = [each.__qualname__ for each in [*self.in_progress, event_type]]
        for period in range(1, len(path) // 2 + 1):
            if path[-period:] == path[-2 * period : -period]:
                return path[-period - 1 :]
        return path[-10:]
