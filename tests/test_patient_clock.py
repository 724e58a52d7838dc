"""The clock of tests with several event loops stands still while one of them has no turn, and goes on afterwards."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from patient_clock import BEAT_S, PatientClock
from wire_oracle import until

PATIENCE_S = 30.0
ROUNDING_S = 1e-9  # of a difference of two times


@pytest.fixture
def stuck() -> threading.Event:
    """What another loop is stuck in until it is set."""
    return threading.Event()


async def _live(clock: PatientClock, stuck: threading.Event, sticks: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    await clock.sleep(BEAT_S)
    loop.call_soon_threadsafe(sticks.set)
    stuck.wait(PATIENCE_S)
    await clock.sleep(BEAT_S)


async def test_no_time_passes_while_a_loop_has_no_turn(stuck: threading.Event) -> None:
    clock, sticks = PatientClock(), asyncio.Event()
    other = threading.Thread(target=lambda: asyncio.run(_live(clock, stuck, sticks, here)))
    here = asyncio.get_running_loop()
    other.start()
    try:
        sleeping = asyncio.create_task(clock.sleep(1000 * BEAT_S))
        await asyncio.wait_for(sticks.wait(), PATIENCE_S)
        before_s, until_s = clock.monotonic(), time.monotonic() + 30 * BEAT_S
        await until(lambda: time.monotonic() >= until_s)
        assert clock.monotonic() - before_s <= 2 * BEAT_S + ROUNDING_S
        sleeping.cancel()
    finally:
        stuck.set()
        await asyncio.to_thread(other.join)
    await asyncio.wait_for(clock.sleep(5 * BEAT_S), PATIENCE_S)
    assert clock.monotonic() - before_s >= 5 * BEAT_S, "and it is not waited for once it is gone"


async def test_who_sleeps_wakes_in_the_order_of_what_was_asked_for_and_not_before() -> None:
    clock, woken = PatientClock(), list[float]()

    async def sleep(seconds: float) -> None:
        began_s = clock.monotonic()
        await clock.sleep(seconds)
        assert clock.monotonic() - began_s >= seconds
        woken.append(seconds)

    await asyncio.wait_for(asyncio.gather(*(sleep(beats * BEAT_S) for beats in (9, 3, 6, 0))), PATIENCE_S)
    assert woken == sorted(woken)
    assert (clock.now() - clock._start).total_seconds() == pytest.approx(clock.monotonic(), abs=1e-6)
