"""Commands: the mode first, then the power, and the battery power as the proof."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.battery import Charge, Discharge, Hold, Limit, Limits, Reading, Sample, Schedule, SelfUse, Stage
from indevolt.clock import ManualClock
from indevolt.device.commands import effect_of
from indevolt.errors import InvalidInput
from indevolt.protocol.messages import GetData, Raw, Request, SetData
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from wiretap import Wiretap, at_the_write

if TYPE_CHECKING:
    from indevolt.battery import Command

MODE = 47005
REALTIME = 47015
BACKUP_SOC = 1142


# ---- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["powerflex2000", "solidflex2000", "powerflex3000", "solidflex1200", "bk1600"])
@pytest.mark.parametrize(("command", "power_w"), [(Charge(700, 90), -700), (Discharge(500, 20), 500), (Hold(), 21)])
async def test_a_command_is_effective_when_the_battery_power_moves(
    product: str, command: Command, power_w: float, clock: ManualClock
) -> None:
    night = steady_house(Surroundings(700, ()))
    simulator = Simulator(product, clock=clock, house=night, response=INSTANT)
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.command(command)
    assert outcome.stage is Stage.EFFECTIVE
    assert outcome.shown["battery_power"] == power_w
    assert outcome.shown["mode"] == "realtime"
    assert outcome.before["mode"] == "self_use"


async def test_a_command_selects_real_time_mode_and_goes_on_only_when_that_shows(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    modes: list[Any] = []

    def note_the_mode(request: Request[Any]) -> None:
        if isinstance(request, SetData):
            modes.append(simulator.get("mode"))

    wire.before = note_the_mode
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.charge(700, 90)
    assert wire.writes == [(MODE, (4,)), (REALTIME, (1, 700, 90))]
    assert modes == ["self_use", "realtime"]


async def test_a_mode_that_is_right_is_not_written_again(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.charge(700, 90)
        await battery.discharge(500, 20)
        stopped = await battery.hold()
        await battery.self_use()
        again = await battery.self_use()
    assert [point for point, _ in wire.writes] == [MODE, REALTIME, REALTIME, REALTIME, MODE]
    assert stopped.stage is Stage.EFFECTIVE
    assert again.stage is Stage.CONFIRMED
    assert again.shown == {"mode": "self_use"}


@pytest.mark.parametrize(("command", "mode"), [(Schedule(), "schedule"), (SelfUse(), "self_use")])
async def test_modes_in_which_the_device_decides_are_confirmed_at_most(
    simulator: Simulator, clock: ManualClock, command: Command, mode: str
) -> None:
    simulator.set("mode", "realtime")
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.command(command)
    assert outcome.stage is Stage.CONFIRMED
    assert outcome.shown == {"mode": mode}


async def test_a_mode_that_never_shows_stops_the_command(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("ignore")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes[-1] == "the rest of the command was not sent"
    assert wire.writes == [(MODE, (4,))]


async def test_a_refused_mode_stops_the_command(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("mode", "outdoor_portable")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.REFUSED
    assert [point for point, _ in wire.writes] == [MODE]


@pytest.mark.parametrize(
    ("command", "soc", "note"),
    [
        (Charge(700, 60), 60, "the battery is at 60 % and the target is 60 %, so it does not charge"),
        (Charge(700, 50), 60, "the battery is at 60 % and the target is 50 %, so it does not charge"),
        (Discharge(700, 70), 60, "the battery is at 60 % and the target is 70 %, so it does not discharge"),
        (Discharge(700, 5), 9, "the battery is at 9 %, and 10 % is the backup reserve that is set"),
    ],
)
async def test_a_command_whose_target_is_reached_is_confirmed_at_once_and_says_why_nothing_moves(
    simulator: Simulator, clock: ManualClock, command: Command, soc: float, note: str
) -> None:
    simulator.set("battery_soc", soc)
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.command(command)
    assert outcome.stage is Stage.CONFIRMED
    assert note in outcome.notes
    assert outcome.took_s < 10


async def test_a_power_too_small_to_be_told_from_idling_is_confirmed_at_most(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.discharge(55, 20)
    assert outcome.stage is Stage.CONFIRMED
    assert "55 W is too little to be told from idling" in outcome.notes


LIMITS = Limits(Limit(2400, "W", ""), Limit(2400, "W", ""), Limit(10, "%", "the reserve"), Limit(100, "%", ""))


def at_power(power_w: float, soc: float = 50.0) -> Reading:
    at = ManualClock().now()
    samples = {"battery_power": Sample("battery_power", power_w, "W", at), "battery_soc": Sample("battery_soc", soc, "%", at)}
    return Reading("SN", "gen2", at, samples)


@pytest.mark.parametrize(
    ("command", "proving", "not_proving"),
    [
        (Charge(700), [-31, -700, -2400], [-30, 0, 26, 700]),
        (Discharge(700), [61, 700, 2400], [60, 26, 0, -700]),
        (Hold(), [0, 26, -30, 59], [60, -60, 700, -700]),
    ],
)
def test_a_battery_power_proves_a_command_beyond_the_thresholds_of_the_device(
    command: Command, proving: list[float], not_proving: list[float]
) -> None:
    effect = effect_of(command, LIMITS)
    assert effect is not None
    assert [power for power in (*proving, *not_proving) if effect.seen(at_power(power))] == proving


def test_an_unknown_battery_power_proves_nothing() -> None:
    effect = effect_of(Hold(), LIMITS)
    assert effect is not None
    assert not effect.seen(Reading("SN", "gen2", ManualClock().now(), {}))


@pytest.mark.parametrize(("soc", "excused"), [(9, True), (10, True), (10.1, False)])
def test_the_reserve_is_an_excuse_from_where_it_begins(soc: float, *, excused: bool) -> None:
    effect = effect_of(Discharge(700, 5), LIMITS)
    assert effect is not None
    assert bool(effect.excuse(at_power(0, soc))) is excused


async def test_power_that_moves_while_the_readback_says_otherwise_proves_nothing(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    def somebody_else(request: Request[Any]) -> None:
        if isinstance(request, GetData) and wire.writes:
            simulator.set("realtime_power", 333)

    simulator.set("mode", "realtime")
    wire.before = somebody_else
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.charge(700, 90)
    assert outcome.shown["battery_power"] == -333
    assert outcome.stage is Stage.ACCEPTED
    assert "realtime_power 333" in outcome.notes[0]


async def test_power_that_does_not_move_is_reported_with_its_value(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("feed_in_power_limit", 0)
    simulator.house = steady_house(Surroundings(load_w=0, pv_w=(0, 0, 0, 0)))
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.discharge(700, 20)
    assert outcome.stage is Stage.CONFIRMED
    (note,) = outcome.notes
    assert "the battery power is 21 W, which does not prove it" in note


async def test_power_above_what_holds_now_is_lowered_and_a_note_says_why(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.set("max_ac_output_power", 800)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        discharged = await battery.discharge(2400, 20)
        charged = await battery.charge(2400, 90)
    assert discharged.wanted["realtime_power"] == 800
    assert "power lowered from 2400 W to 800 W: the AC output limit that is set (max_ac_output_power)" in discharged.notes
    assert charged.wanted["realtime_power"] == 2000
    assert any("lowered from 2400 W to 2000 W: 2 battery modules" in note for note in charged.notes)
    assert [values[1] for _, values in wire.writes if len(values) == 3] == [800, 2000]


async def test_power_at_the_limit_is_not_lowered(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.charge(2000, 90)
    assert outcome.stage is Stage.EFFECTIVE
    assert outcome.notes == ()


async def test_a_device_that_tells_nothing_of_its_packs_is_not_taken_for_one_without(
    simulator: Simulator, clock: ManualClock
) -> None:
    simulator.remove(*(f"pack{number}_sn" for number in range(1, 6)), "battery_max_charge_power")
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        assert (await battery.limits()).charge.value == 2400


async def test_the_callers_modules_set_the_limits(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock, model="powerflex2000", modules=1) as battery:
        limits = await battery.limits()
    assert (limits.charge.value, limits.discharge.value) == (1000, 1200)
    assert limits.charge.cause == "1 battery module of a PowerFlex 2000"


@pytest.mark.parametrize("command", [Charge(99999), Charge(0), Charge(2500), Charge(700, 101), Discharge(700, -1)])
async def test_a_command_out_of_the_documented_range_is_refused_before_anything_is_written(
    wire: Wiretap, clock: ManualClock, command: Command
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="out of range"):
            await battery.command(command)
    assert wire.writes == []


async def test_without_a_readback_a_command_is_proven_by_the_power_alone(clock: ManualClock) -> None:
    simulator = Simulator("bk1600", clock=clock, response=INSTANT)
    simulator.remove("realtime_state", "realtime_power", "realtime_target_soc")
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.EFFECTIVE
    assert outcome.shown["battery_power"] == -700
    assert "no readback of realtime_state, realtime_power, realtime_target_soc" in outcome.notes


async def test_without_readback_and_without_power_a_command_is_only_accepted(clock: ManualClock) -> None:
    raw: dict[str, Raw] = {"7101": 4, "6000": 0, "6002": 50, "0": "SN"}
    simulator = Simulator("bk1600", clock=clock, state=raw)
    simulator.faults.add("ignore")
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes == ("neither a readback nor the power shows it",)


async def test_a_mode_that_the_device_does_not_show_is_given_a_second_and_then_gone_on_from(clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock, response=INSTANT)
    simulator.remove("mode")
    at: list[float] = []
    wire = Wiretap(simulator, before=lambda request: at.append(clock.monotonic()) if isinstance(request, SetData) else None)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        await battery.charge(700, 90)
    assert [point for point, _ in wire.writes] == [MODE, REALTIME]
    assert at[1] - at[0] >= 1


async def test_a_restart_in_the_middle_of_a_command_is_interrupted(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("mode", "realtime")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(6))
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.INTERRUPTED
    assert "restarted in the middle" in outcome.notes[0]


async def test_a_device_that_goes_away_in_the_middle_of_a_command_leaves_nothing_known(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(3600))
        outcome = await battery.charge(700, 90)
    assert outcome.stage is Stage.INTERRUPTED
    assert outcome.before["mode"] == "self_use"
    assert outcome.shown == {}
    assert outcome.notes[-1] == "the rest of the command was not sent"


# ---- a cluster -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [Charge(700), Discharge(700), Hold()])
async def test_a_slave_takes_no_real_time_command_and_the_error_says_who_does(
    wire: Wiretap, simulator: Simulator, clock: ManualClock, command: Command
) -> None:
    simulator.set("cluster_role", "slave")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="slave of a cluster") as caught:
            await battery.command(command)
        for name, value in (("realtime_power", 700), ("mode", "realtime")):
            with pytest.raises(InvalidInput, match="slave of a cluster"):
                await battery.write(name, value)
        assert (await battery.write("backup_soc", 20)).stage is Stage.CONFIRMED
    assert "master" in caught.value.remedy
    assert [point for point, _ in wire.writes] == [BACKUP_SOC]


async def test_a_master_takes_the_power_of_the_whole_cluster(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("cluster_role", "master")
    simulator.remove("inverter_input_limit", "battery_max_charge_power")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.charge(4000, 90)
        plan = battery.plan_write("realtime_power", 7200)
    assert outcome.wanted["realtime_power"] == 4000
    assert plan.values == (7200,)


async def test_a_role_that_is_left_out_for_a_while_is_still_known(simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("cluster_role", "master")
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        await battery.read("cluster_role")
        simulator.remove("cluster_role")
        await battery.read("cluster_role")
        assert battery.plan_write("realtime_power", 7200).values == (7200,)


async def test_what_a_master_takes_a_single_unit_does_not(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="7200 W is out of range"):
            await battery.write("realtime_power", 7200)
    assert wire.writes == []


# ---- one after the other ---------------------------------------------------------------------------------------------


async def test_two_commands_at_once_are_carried_out_one_after_the_other(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        first, second = await asyncio.gather(battery.charge(700, 90), battery.discharge(500, 20))
    assert (first.stage, second.stage) == (Stage.EFFECTIVE, Stage.EFFECTIVE)
    assert wire.writes == [(MODE, (4,)), (REALTIME, (1, 700, 90)), (REALTIME, (2, 500, 20))]
