"""The ladder with strategies that may decide: by its own loop as long as that works, by orders while it does not, and back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from posed_house import POSES, PosedHouse, posed_house

from indevolt.battery import Discharge
from indevolt.control.situation import Tier
from indevolt.hub.config_pose import Way
from indevolt.hub.steer.situation import tier_of

every_way = pytest.mark.parametrize("way", tuple(POSES))
MODE = 47005


def tier(it: PosedHouse) -> Tier:
    steering = it.unit.keeper.steering
    assert steering is not None
    return tier_of((steering,))


@every_way
async def test_as_long_as_the_loop_follows_nothing_is_written_and_no_budget_is_spent(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, automatic=True, load=lambda second: 700.0 if second < 90 else 1500.0) as it:
        await it.pass_time(200)
        assert (tier(it), it.unit.simulator.get("mode"), it.writes) == (Tier.POSED, "self_use", [])
        assert abs(it.grid_w) < 40
        steering = it.unit.keeper.steering
        assert steering is not None
        assert [budget.used for budget in steering.budgets()] == [0, 0, 0]


@every_way
async def test_a_quiet_meter_leads_to_an_order_to_rest_and_then_back_to_the_loop(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, automatic=True, load=lambda _: 1500.0) as it:
        await it.pass_time(60)
        it.quiet = True
        await it.pass_time(40)
        assert it.unit.given_w <= 5
        assert it.unit.simulator.get("mode") == "realtime"
        it.quiet = False
        await it.pass_time(400)
        assert (tier(it), it.unit.simulator.get("mode")) == (Tier.POSED, "self_use")
        await it.pass_time(60)
        assert abs(it.grid_w) < 40
        assert [values for point, values in it.writes if point == MODE] == [(4,), (1,)], "the mode was changed once, and back"
        assert len(it.writes) < 12


@pytest.mark.parametrize("automatic", [True, False])
async def test_units_that_follow_a_posed_meter_give_nothing_during_a_backup_hold(tmp_path: Path, automatic: bool) -> None:
    async with posed_house(tmp_path, Way.HTTP, Way.HTTP, automatic=automatic, load=lambda _: 1500.0) as it:
        await it.pass_time(60)
        assert sum(unit.given_w for unit in it.units) > 1400
        await it.hub.backup.ask(it.hub, it.clock.now() + timedelta(hours=1), actor="api anna")
        await it.pass_time(60)
        assert all(unit.given_w <= 5 for unit in it.units)
        await it.hub.backup.end(it.hub, actor="api anna")
        await it.pass_time(400)
        assert sum(unit.given_w for unit in it.units) > 1400


@pytest.mark.parametrize("automatic", [True, False])
async def test_an_order_of_a_person_and_everything_else_share_the_output_limit(tmp_path: Path, automatic: bool) -> None:
    """What is decided for the rest makes room; where nothing is, the order has what the other unit's own loop leaves: nothing."""
    ways = (Way.HTTP, Way.HTTP)
    async with posed_house(tmp_path, *ways, automatic=automatic, output_limit_w=800, load=lambda _: 3000.0) as it:
        await it.pass_time(60)
        steering = it.unit.keeper.steering
        assert steering is not None
        until = it.clock.now() + timedelta(minutes=30)
        asking = asyncio.create_task(steering.ask(Discharge(600), until, actor="api anna"))
        await it.pass_time(60)
        assert (await asking)[1] is not None
        ordered, other = (unit.given_w for unit in it.units)
        if automatic:
            assert ordered > 500
            assert other > 100
            assert ordered + other <= 805
        else:
            assert ordered <= 5
            assert other > 800
        assert steering.wish is not None
        assert ("of whose 800 W other units have" in steering.wish.why) is not automatic
