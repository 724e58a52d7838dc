"""A clock that is faster than another one: a day in minutes, from any date on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from indevolt.clock import FastClock, ManualClock

START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


def test_it_goes_on_from_the_present_so_many_times_as_fast() -> None:
    real = ManualClock(START)
    clock = FastClock(real, 600)
    real.tick(6)
    assert clock.monotonic() == 3600
    assert clock.now() == START + timedelta(hours=1)


def test_it_begins_where_it_is_told_and_says_so_in_utc() -> None:
    real = ManualClock(START)
    clock = FastClock(real, 86_400, start=datetime(2026, 1, 15, 1, 0, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 1, 15, tzinfo=UTC)
    assert clock.now().utcoffset() == timedelta(0)
    real.tick(1)
    assert clock.now() == datetime(2026, 1, 16, tzinfo=UTC)


def test_a_real_clock_that_is_set_does_not_set_it() -> None:
    real = ManualClock(START)
    clock = FastClock(real, 10)
    real.jump(3600)
    assert clock.now() == START


async def test_its_sleepers_wait_in_its_own_time() -> None:
    real = ManualClock(START)
    clock = FastClock(real, 60)
    sleeper = asyncio.create_task(clock.sleep(120))
    await real.advance(1.9)
    assert not sleeper.done()
    await real.advance(0.2)
    assert sleeper.done()


@pytest.mark.parametrize("speed", [0, -1, 86_401, float("nan"), float("inf")])
def test_a_speed_that_makes_no_sense_is_named_with_the_range(speed: float) -> None:
    with pytest.raises(ValueError, match=r"up to 86400"):
        FastClock(ManualClock(START), speed)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        FastClock(ManualClock(START), 1, start=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
