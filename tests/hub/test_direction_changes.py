"""Orders that turn a battery to and fro: counted, told when there are too many, over a restart of the hub as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from steered_house import NAME, House, Steered

from indevolt.battery import Charge, Command, Discharge, Hold
from indevolt.control.ledger import CALM_CHANGES, DIRECTION_ALLOWANCE, DIRECTION_CHANGES, Ledger
from indevolt.hub.alerts import CALM_S, What
from indevolt.hub.api.steering import steering_body

APART_S = 31.0  # a battery turns every half minute at most
MOST = DIRECTION_ALLOWANCE.most


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def turned_before(house: House, times: int) -> None:
    """Leave the record of a hub that turned the battery so often until just now, and discharged last."""
    files = house.files
    files.acquire(house.clock.now())
    now_s = house.clock.now().timestamp()
    ledger = Ledger({DIRECTION_CHANGES: tuple(now_s - APART_S * number for number in reversed(range(times)))}, "discharge")
    files.save(replace(files.load(), ledger=ledger))
    files.release()


def counted(it: Steered) -> tuple[int, int]:
    """What the API tells of it, and how many there may be."""
    (told,) = [each for each in steering_body(it.keeper).budgets if each.name == DIRECTION_CHANGES]
    return told.used, told.most


def alert(it: Steered) -> str | None:
    active = it.hub.alerts.active.get((NAME, What.WEAR))
    return None if active is None else active.text


async def order(it: Steered, *commands: Command) -> None:
    for command in commands:
        await it.ask(command)
        await it.clock.advance(APART_S)


async def test_rest_between_two_orders_in_one_direction_turns_nothing(house: House) -> None:
    async with house.hub() as it:
        await order(it, Charge(300, 90), Hold(), Charge(500, 90), Discharge(300, 20), Hold(), Discharge(300, 20))
        assert counted(it) == (1, MOST)


async def test_too_many_turns_in_a_day_are_told_and_journaled_and_a_restart_forgets_none(house: House) -> None:
    turned_before(house, MOST - 1)
    async with house.hub() as it:
        await order(it, Charge(300, 95))
        assert (counted(it), alert(it)) == ((MOST, MOST), None)
    async with house.hub() as it:
        assert counted(it) == (MOST, MOST)
        await house.clock.advance(330)  # as modes are written five minutes apart
        await order(it, Discharge(300, 20))
        said = f"orders turned it between charge and discharge {MOST + 1} times in 24 h; above {MOST} it wears"
        assert alert(it) == said
        assert [entry.text for entry in await it.entries("alert")] == [said]


async def test_that_is_over_when_there_are_clearly_fewer_again(house: House) -> None:
    turned_before(house, MOST + 1)
    await house.clock.advance(DIRECTION_ALLOWANCE.window_s - MOST * APART_S - 20)  # the first of them is nearly a day old
    async with house.hub() as it:
        assert (counted(it)[0], alert(it) is not None) == (MOST + 1, True)
        await house.clock.advance(5 * APART_S)
        assert CALM_CHANGES < counted(it)[0] <= MOST
        assert alert(it) is not None, "or it would begin and end with each of them"
        await house.clock.advance(7 * APART_S + CALM_S)
        assert alert(it) is None
        assert [entry.text[:6] for entry in await it.entries("alert")] == ["orders", "over: "]
