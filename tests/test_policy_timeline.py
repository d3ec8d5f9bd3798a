"""A handler that fails for an hour of virtual time: what its breaker lets through, and its siblings."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from buswork import AsyncEventBus, Breaker, BreakerOpen, HandlerErrors, Limit, Policy, Retry
from tests.async_programs import run_on
from tests.virtual_loop import VirtualLoop

HOUR = 3600.0
#: Five failures in a minute, then half a minute of peace.
POLICY = Policy(breaker=Breaker(5, window=60, pause=30))


class Down(Exception): ...


def run(main: Any) -> Any:
    return run_on(VirtualLoop, main)


class Service:
    """Is down for the first hour."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.attempts: list[float] = []

    def now(self) -> float:
        return self.loop.time() - self.began

    async def handle(self, _event: int) -> None:
        self.attempts.append(round(self.now(), 3))
        await asyncio.sleep(0)
        if self.now() < HOUR:
            raise Down


def test_the_timeline_of_a_direct_handler_that_is_down_for_an_hour() -> None:
    async def main() -> None:
        bus, service = AsyncEventBus(on_error="log"), Service()
        siblings: list[int] = []
        bus.subscribe(int, service.handle, policy=POLICY)
        bus.subscribe(int, siblings.append)
        outcomes: list[tuple[float, str]] = []
        # One event a second, for an hour and a minute.
        for number in range(3660):
            report = await bus.deliver(number)
            error = report.deliveries[0].error
            outcomes.append((service.now(), type(error).__name__))
            await asyncio.sleep(1)
        # Five attempts at one a second, then one probe each thirty seconds.
        assert service.attempts[:5] == [0, 1, 2, 3, 4]
        probes = [at for at in service.attempts if 4 < at <= HOUR + 4]
        assert probes == [4 + 30.0 * number for number in range(1, 121)]
        # The first probe behind the hour closes it: every event goes through again.
        assert service.attempts[125:] == [float(at) for at in range(3605, 3660)]
        refused = [at for at, outcome in outcomes if outcome == "BreakerOpen"]
        assert len(refused) + len(service.attempts) == 3660
        assert max(refused) < HOUR + 4
        # Nobody else has noticed.
        assert siblings == list(range(3660))
        figures = bus.stats()[0]
        assert (figures.breaker, figures.delivered) == ("closed", 56)
        assert figures.failed == 5 + 119 + len(refused)

    run(main)


def test_the_timeline_of_posts_they_wait_and_none_becomes_a_dead_letter_but_those_that_ran() -> (
    None
):
    async def main() -> None:
        bus, service = AsyncEventBus(on_error=lambda _: None, max_pending=100_000), Service()
        siblings: list[tuple[int, float]] = []
        bus.subscribe(int, service.handle, policy=POLICY)
        bus.subscribe(int, lambda number: siblings.append((number, service.now())))
        async with bus:
            for number in range(3600):
                bus.post(number)
                await asyncio.sleep(1)
            # The siblings had each at once.
            assert [number for number, _ in siblings] == list(range(3600))
            assert all(abs(at - number) < 0.01 for number, at in siblings)
            # Five attempts, and a probe each half minute: everything else waits, in its line.
            ran = len(service.attempts)
            assert service.attempts[:5] == [0, 1, 2, 3, 4]
            assert service.attempts[5:] == [4 + 30.0 * n for n in range(1, ran - 4)]
            assert ran == 5 + 119
            assert len(bus.dead_letters) == ran
            assert bus.pending == 3600 - ran
            await bus.drain()
        # What waited has been delivered, in order, when the service was up again.
        assert len(service.attempts) == 3600
        assert service.now() == pytest.approx(HOUR + 4, abs=0.1)
        assert len(bus.dead_letters) == ran
        assert [letter.event for letter in bus.dead_letters] == list(range(ran))
        assert bus.stats()[0].delivered == 3600 - ran

    run(main)


def test_backoff_is_on_the_clock_of_the_loop_and_doubles() -> None:
    async def main() -> None:
        bus, service = AsyncEventBus(), Service()
        retry = Retry(6, backoff=1, max_backoff=10, jitter=0)
        bus.subscribe(int, service.handle, policy=Policy(retry=retry))
        with pytest.raises(HandlerErrors):
            await bus.publish(1)
        assert service.attempts == [0, 1, 3, 7, 15, 25]

    run(main)


def test_jitter_only_lengthens() -> None:
    async def main() -> None:
        bus, service = AsyncEventBus(on_error="log"), Service()
        bus.subscribe(int, service.handle, policy=Policy(retry=Retry(2, backoff=10, jitter=0.5)))
        pauses: set[float] = set()
        for number in range(100):
            await bus.publish(number)
            first, second = service.attempts[-2:]
            pauses.add(second - first)
        assert all(10 <= pause <= 15 for pause in pauses)
        assert len(pauses) > 50

    run(main)


def test_the_breaker_counts_deliveries_within_its_window() -> None:
    async def main() -> None:
        bus, service = AsyncEventBus(on_error="log"), Service()
        bus.subscribe(int, service.handle, policy=Policy(breaker=Breaker(3, window=60, pause=30)))
        for number in range(20):
            await bus.publish(number)
            await asyncio.sleep(31)
        assert bus.stats()[0].breaker == "closed"
        assert len(service.attempts) == 20
        await bus.publish(20)
        assert len(service.attempts) == 21
        await bus.publish(21)
        # The third within a minute.
        assert bus.stats()[0].breaker == "open"
        await asyncio.sleep(29.9)
        assert bus.stats()[0].breaker == "open"
        await asyncio.sleep(0.2)
        assert bus.stats()[0].breaker == "half-open"

    run(main)


def test_breaker_open_says_how_long_it_is() -> None:
    async def main() -> None:
        bus, service = AsyncEventBus(on_error="log"), Service()
        bus.subscribe(int, service.handle, policy=Policy(breaker=Breaker(1, pause=30)), name="h")
        await bus.publish(0)
        await asyncio.sleep(12)
        error = (await bus.deliver(1)).deliveries[0].error
        assert isinstance(error, BreakerOpen)
        assert str(error) == "the breaker of h is open for another 18.000 s"

    run(main)


def test_one_probe_at_a_time_and_its_end_wakes_the_posted_ones() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None)
        probe = asyncio.Event()
        calls: list[int] = []

        @bus.on(int, policy=Policy(breaker=Breaker(1, pause=30)))
        async def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                raise Down
            await probe.wait()

        await bus.publish(0)
        for number in range(1, 4):
            bus.post(number)
        await asyncio.sleep(31)
        assert calls == [0, 1]
        refused = (await bus.deliver(9)).deliveries[0].error
        assert isinstance(refused, BreakerOpen)
        assert "its one probe is in progress" in str(refused)
        await asyncio.sleep(100)
        assert calls == [0, 1]
        probe.set()
        await bus.drain()
        assert calls == [0, 1, 2, 3]

    run(main)


@pytest.mark.parametrize(("queue", "overflow"), [(0, "raise"), (1, "drop_old"), (1, "drop_new")])
def test_a_direct_delivery_drops_no_posted_one_that_waits_for_the_breaker(
    queue: int, overflow: Any
) -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None)
        calls: list[int] = []
        limit = Limit(1, queue=queue, overflow=overflow)

        @bus.on(int, policy=Policy(breaker=Breaker(1, pause=30), limit=limit))
        async def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                raise Down

        async with bus:
            await bus.publish(0)
            bus.post(1)
            await asyncio.sleep(1)
            (delivery,) = (await bus.deliver(2)).deliveries
            assert isinstance(delivery.error, BreakerOpen)
            await bus.drain()
        assert calls == [0, 1]
        assert bus.stats()[0].dropped == 0

    run(main)


def test_a_probe_that_is_cancelled_leaves_the_probing_to_the_next() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error="log")
        calls: list[int] = []

        @bus.on(int, policy=Policy(breaker=Breaker(1, pause=30)))
        async def handle(number: int) -> None:
            calls.append(number)
            if number == 0:
                raise Down
            if number == 1:
                await asyncio.Event().wait()

        await bus.publish(0)
        await asyncio.sleep(30)
        publishing = asyncio.create_task(bus.publish(1))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait([publishing])
        assert bus.stats()[0].breaker == "half-open"
        await bus.publish(2)
        assert calls == [0, 1, 2]
        assert bus.stats()[0].breaker == "closed"

    run(main)


def test_a_wide_line_has_one_probe_and_is_wide_again_afterwards() -> None:
    async def main() -> None:
        bus = AsyncEventBus(on_error=lambda _: None)
        now, most = 0, 0
        widths: list[tuple[float, int]] = []
        loop = asyncio.get_running_loop()
        began = loop.time()

        @bus.on(int, policy=Policy(breaker=Breaker(1, pause=30), limit=Limit(3)))
        async def handle(number: int) -> None:
            nonlocal now, most
            now += 1
            widths.append((loop.time() - began, now))
            await asyncio.sleep(1)
            now -= 1
            if number == 0:
                raise Down

        await bus.publish(0)
        for number in range(1, 13):
            bus.post(number)
        await bus.drain()
        assert widths[0] == (0, 1)
        assert widths[1][0] == pytest.approx(31)
        assert widths[2][0] == pytest.approx(32)
        assert max(width for at, width in widths if at < 31.5) == 1
        assert max(width for _, width in widths) == 3
        # One probe, and the other eleven three at a time.
        assert loop.time() - began == pytest.approx(31 + 1 + 4, abs=0.1)

    run(main)
