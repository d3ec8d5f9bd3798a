"""Middleware: how layers call each other, on both buses."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from buswork._buswork import AsyncBus
from buswork._signatures import layer_objection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import CodeType
    from typing import Any

    from buswork._buswork import Passing, Report

    _Layer = Callable[[Any, Callable[[Any], Any]], Any]


def check(layer: Any, is_async: bool) -> None:  # noqa: FBT001 - called natively
    """Refuse what cannot be a layer."""
    if not callable(layer):
        kind = type(layer).__qualname__
        message = f"a layer must be callable, got {kind}: layer(event, call_next)"
        raise TypeError(message)
    if reason := layer_objection(layer, is_async=is_async):
        raise TypeError(reason)


def through(layers: tuple[_Layer, ...], event: object, end: Callable[[object], object]) -> object:
    """Send an event through the layers, the first of which is the outermost."""

    def go_on(place: int, event: object) -> object:
        if place == len(layers):
            return end(event)

        def call_next(event: object) -> object:
            return go_on(place + 1, event)

        return layers[place](event, call_next)

    return go_on(0, event)


async def through_async(
    layers: tuple[_Layer, ...], event: object, end: Callable[[object], Awaitable[object]]
) -> object:
    """Do the same where layers are awaited."""

    async def go_on(place: int, event: object) -> object:
        if place == len(layers):
            return await end(event)

        def call_next(event: object) -> Awaitable[object]:
            return go_on(place + 1, event)

        result = layers[place](event, call_next)
        # A layer that is no coroutine function may well hand on what `call_next` returns.
        return await result if _is_awaitable(result) else result

    return await go_on(0, event)


def pass_in_background(passing: Passing) -> None:
    """Send a posted event through the layers of a sync bus."""
    try:
        result: Any = through(passing.layers, passing.event, passing.passage)
    finally:
        passing.passage.end()
    if _is_awaitable(result):
        if hasattr(result, "close"):
            result.close()
        message = "a layer returned an awaitable, which EventBus does not await"
        raise RuntimeError(message)


async def pass_on_loop(passing: Passing) -> None:
    """Send a posted event through the layers of an async bus."""

    async def end(event: object) -> object:
        return passing.passage(event)

    try:
        await through_async(passing.layers, passing.event, end)
    finally:
        passing.passage.end()


def _is_awaitable(given: Any) -> bool:
    # The type is asked, as an object may answer to any name.
    kind: Any = cast("Any", type(given))
    return hasattr(kind, "__await__")


class Layered:
    """A publish of the async bus that goes through middleware."""

    def __init__(  # noqa: PLR0917 - called natively
        self,
        bus: AsyncBus,
        layers: tuple[_Layer, ...],
        event: object,
        topic: str | None,
        site: tuple[CodeType, int],
        for_report: bool,  # noqa: FBT001
        muted: Callable[[object], bool] | None,
    ) -> None:
        self._bus = bus
        self._layers = layers
        self._event = event
        self._topic = topic
        self._site = site
        self._for_report = for_report
        self._muted = muted
        self._report: Report | None = None
        self._is_over = False

    async def finish(self) -> None:
        """Publish."""
        await self._run()

    async def report(self) -> Report:
        """Publish; then say what came of it. Where no layer calls on, nothing did."""
        await self._run()
        if self._report is None:
            return AsyncBus._report(type(self._event), self._topic, ())  # noqa: SLF001
        return self._report

    async def _run(self) -> None:
        from buswork._rounds import CHAIN  # noqa: PLC0415 - imports asyncio

        link = self._link = self._bus._enter_link(self._event, self._topic)  # noqa: SLF001
        token = CHAIN.set(link)
        try:
            await through_async(self._layers, self._event, self._end)
            link.verdict()
        finally:
            self._is_over = True
            link.end()
            with suppress(ValueError):  # Closed in another context.
                CHAIN.reset(token)

    async def _end(self, event: object) -> Report | None:
        if self._is_over:
            message = (
                "call_next was called when its publish had ended: await it in the layer itself,"
                " before that returns"
            )
            raise RuntimeError(message)
        code, instruction = self._site
        round_ = self._bus._start_within(  # noqa: SLF001
            event, self._topic, code, instruction, self._for_report, self._muted, self._link
        )
        if round_ is None:
            return None
        if not self._for_report:
            await round_.finish()
            return None
        self._report = await round_.report()
        return self._report
