"""The hub poses as a meter: a simulated unit looks at it over a socket, and its own loop follows the house through it."""

from __future__ import annotations

from pathlib import Path

import pytest
from posed_house import POSES, posed_house

from indevolt.control.situation import Tier
from indevolt.hub.config_pose import Way
from indevolt.hub.pose.shown import rests_without_meter
from indevolt.hub.steer.situation import tier_of

WAYS = tuple(POSES)
every_way = pytest.mark.parametrize("way", WAYS)


def step(second: float) -> float:
    return 700.0 if second < 120 else 1500.0


@every_way
async def test_a_unit_follows_the_house_through_the_meter_of_the_hub(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, load=step) as it:
        await it.pass_time(80)
        assert abs(it.grid_w) < 40
        await it.pass_time(80)
        assert abs(it.grid_w) < 40
        assert it.unit.given_w == pytest.approx(1500, abs=40)
        assert it.writes == [], "nothing was written"
        assert it.unit.posing.over is way


@every_way
@pytest.mark.parametrize("load_w", [-900.0, 0.0])
async def test_surplus_is_stored_and_none_is_none(tmp_path: Path, way: Way, load_w: float) -> None:
    async with posed_house(tmp_path, way, load=lambda _: load_w) as it:
        await it.pass_time(90)
        assert abs(it.grid_w) < 40


@every_way
async def test_a_unit_that_looks_is_seen_to_follow_until_it_looks_no_more(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way) as it:
        assert not it.unit.posing.follows
        await it.pass_time(30)
        steering = it.unit.keeper.steering
        assert steering is not None
        assert (tier_of((steering,)), it.unit.posing.follows) == (Tier.POSED, True)
        await it.unit.look_no_more()
        await it.clock.advance(40)
        assert (tier_of((steering,)), it.unit.posing.follows) == (Tier.NATIVE, False)


@every_way
async def test_a_meter_that_goes_quiet_is_posed_as_no_longer_and_the_unit_rests(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way) as it:
        await it.pass_time(60)
        assert it.unit.given_w > 500
        assert rests_without_meter(it.unit.keeper)
        it.quiet = True
        await it.pass_time(40)
        assert not it.unit.has_meter, "503 over HTTP, else silence"
        assert it.unit.given_w <= 5
        assert "has shown nothing new for" in it.unit.posing.why
        it.quiet = False
        await it.pass_time(60)
        assert abs(it.grid_w) < 40, "and is posed as again"


@every_way
async def test_a_unit_with_a_load_curve_is_shown_what_brings_it_to_rest(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, settings={"load_curve_slot_21": 400}) as it:
        await it.pass_time(60)
        assert it.unit.given_w > 500
        assert not rests_without_meter(it.unit.keeper)
        it.quiet = True
        given = []
        for _ in range(60):
            await it.pass_time(1)
            given.append(it.unit.given_w)
        assert it.unit.has_meter
        assert max(map(abs, given[30:])) <= 30
        assert min(given) > -60, "it does not overshoot into charging"


@every_way
async def test_a_hub_that_dies_leaves_a_unit_to_its_load_curve(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, settings={"load_curve_slot_21": 120}) as it:
        await it.pass_time(60)
        assert it.unit.given_w > 500
        await it.die()
        await it.pass_time(30)
        assert not it.unit.has_meter
        assert it.unit.given_w == pytest.approx(120, abs=15)
        assert it.unit.keeper.posing is None


@every_way
async def test_a_meter_whose_sign_is_not_proven_is_not_passed_on(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, proven=False) as it:
        await it.pass_time(40)
        assert not it.unit.has_meter, "once its load curve is known to be 0"
        assert it.unit.given_w <= 5
        assert it.unit.posing.why == "the sign of the meter grid is not proven"


@every_way
async def test_the_reserve_of_the_owner_holds(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way) as it:
        it.unit.simulator.unit.soc_pct = 5.0
        await it.pass_time(60)
        assert it.unit.given_w <= 5


@every_way
async def test_the_phases_that_are_shown_add_up_to_the_total(tmp_path: Path, way: Way) -> None:
    """Units may go by either, so both say the same to the tenth of a watt."""
    async with posed_house(tmp_path, way, load=lambda second: 700.0 + second % 37 * 11.3) as it:
        await it.pass_time(10)
        for _ in range(50):
            await it.pass_time(1)
            shown = it.unit.link.document
            for total in {"total_act_power", "total_act_ret_power"} & set(shown):
                assert sum(shown[total.replace("total", phase)] for phase in "abc") == shown[total]
        assert it.unit.link.seen > 10


@every_way
async def test_posing_moves_the_battery_so_it_needs_the_owners_word(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way, control=False) as it:
        await it.pass_time(10)
        assert (it.unit.keeper.posing, it.unit.link.seen) == (None, 0)
        assert "poses as no meter: control is false for this device" in [entry.text for entry in await it.entries("hub")]


async def test_what_it_poses_as_is_in_the_journal(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.HTTP, Way.UDP, Way.PUSH) as it:
        texts = [entry.text for entry in await it.entries("hub")]
        asked, datagrams, heard = it.units
    assert any(each.endswith(f"at http 127.0.0.1:{asked.link.port}") for each in texts)
    assert any(each.endswith(f"at udp 127.0.0.1:{datagrams.link.port}") for each in texts)
    assert any(each.startswith("poses as the P1 reader") and each.endswith(f"127.0.0.1:{heard.link.port}") for each in texts)
