"""A clock that is wrong for a while costs no history: neither what was kept before, nor what comes when it is right again."""

from __future__ import annotations

from datetime import timedelta

from indevolt.store.ageing import SteadyClock
from indevolt.store.layout import milliseconds

from .conftest import START, Opening, after, reading, values

DAY_S = 86_400
WRONG_S = 12 * 365 * DAY_S


def looks(clock: SteadyClock, *days: float) -> list[bool]:
    return [clock.look(milliseconds(START + timedelta(days=each))) for each in days]


def test_a_clock_is_believed_once_it_has_gone_on_for_a_day() -> None:
    assert looks(SteadyClock(), 0, 0.5, 1, 8, 14) == [False, False, True, True, True]


def test_a_leap_in_either_direction_is_doubted_for_a_day() -> None:
    assert looks(SteadyClock(), 0, 1, 4000, 4000.9, 2, 2.5, 3) == [False, True, False, False, False, False, True]


def test_what_was_seen_is_known_after_a_restart() -> None:
    clock = SteadyClock()
    looks(clock, 0, 0.5)
    assert clock.is_due
    assert looks(SteadyClock.load(clock.save()), 1, 4000) == [True, False]
    assert not clock.is_due


async def test_a_clock_that_is_years_ahead_for_an_hour_costs_no_history(opening: Opening) -> None:
    store = await opening()
    await store.append([reading(after(60 * each), battery_power=each) for each in range(10)])
    await store.maintain(after(600))
    await store.maintain(after(2 * DAY_S))
    await store.append([reading(after(WRONG_S), battery_power=9)])

    assert (await store.maintain(after(WRONG_S))).deleted == 0
    assert (await store.maintain(after(WRONG_S + 3600))).deleted == 0

    await store.append([reading(after(3600), battery_power=10)])
    assert await values(store, "battery_power") == [float(each) for each in range(11)]
    assert store.health()["lost"] == 0


async def test_what_comes_when_the_clock_is_right_again_is_kept_even_after_days(opening: Opening, kind: str) -> None:
    store = await opening()
    await store.append([reading(after(0), battery_power=1)])
    for day in range(3):
        await store.maintain(after(WRONG_S + day * DAY_S))
    assert await values(store, "battery_power") == []  # nobody could know better any more
    await store.append([reading(after(5), battery_power=2)])
    assert store.health()["lost"] == (0 if kind == "memory" else 1)

    await store.maintain(after(10))
    await store.append([reading(after(10), battery_power=3)])
    assert (await values(store, "battery_power"))[-1] == 3.0
