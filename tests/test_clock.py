"""Time as an argument: the manual clock moves when told, in order, and wakes who waited."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from indevolt.clock import ManualClock, SystemClock

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


async def test_sleepers_wake_in_the_order_of_their_deadlines_at_their_own_moment() -> None:
    clock = ManualClock(START)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(sleeper("late", 5))
        tasks.create_task(sleeper("early", 2))
        await clock.advance(10)

    assert woken == [("early", 2.0), ("late", 5.0)]
    assert clock.now() == START + timedelta(seconds=10)


async def test_one_who_sleeps_again_is_woken_again_within_one_advance() -> None:
    clock = ManualClock(START)
    ticks: list[float] = []

    async def metronome() -> None:
        for _ in range(3):
            await clock.sleep(1)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(metronome())
    await clock.advance(3)
    await task

    assert ticks == [1.0, 2.0, 3.0]


async def test_an_automatic_clock_moves_by_itself_when_somebody_waits() -> None:
    clock = ManualClock(START, auto=True)
    await clock.sleep(3600)
    assert clock.now() == START + timedelta(hours=1)


async def test_a_clock_that_is_set_leaves_monotonic_time_alone() -> None:
    clock = ManualClock(START)
    clock.jump(-3600)
    assert clock.now() == START - timedelta(hours=1)
    assert clock.monotonic() == 0.0


async def test_a_cancelled_sleeper_does_not_stop_the_clock() -> None:
    clock = ManualClock(START)
    task = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clock.advance(2)
    assert clock.monotonic() == 2.0


async def test_the_real_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    await SystemClock().sleep(-1)
