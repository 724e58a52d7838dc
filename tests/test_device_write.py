"""Writing to a device: what became of it, proven by the device itself, in all the ways that it can end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.battery import Charge, Discharge, Hold, Quality, Schedule, SelfUse, Stage
from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, InvalidInput, NoReply, Refused, Unreachable
from indevolt.protocol.rpc import Raw, Request, SetData, SysGetConfig, UserSetConfig
from indevolt.simulator import Simulator, Surroundings, steady_house
from wiretap import Wiretap

if TYPE_CHECKING:
    from collections.abc import Callable

    from indevolt.battery import Command

MODE = 47005
REALTIME = 47015
BACKUP_SOC = 1142


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(auto=True)


@pytest.fixture
def simulator(clock: ManualClock) -> Simulator:
    return Simulator("powerflex2000", clock=clock, modules=2)


@pytest.fixture
def wire(simulator: Simulator) -> Wiretap:
    return Wiretap(simulator)


def at_the_write(act: Callable[[], None]) -> Callable[[Request[Any]], None]:
    """Return what a wiretap calls, so that something happens at the first write only."""
    done: list[bool] = []

    def strike(request: Request[Any]) -> None:
        if isinstance(request, SetData) and not done:
            done.append(True)
            act()

    return strike


def lose_the_reply() -> None:
    raise NoReply("the line went dead")


# ---- before anything is sent -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "facts"),
    [
        ("realtime_power", (99999,), "realtime_power: 99999 W is out of range"),
        ("backup_soc", ("lots",), "backup_soc: 'lots' is not a number"),
        ("mode", ("holiday",), "mode: 'holiday' is not one of"),
        ("battery_soc", (50,), "battery_soc can only be read"),
        ("no_such_thing", (1,), "no quantity 'no_such_thing'"),
        ("backup_soc", (), "no value given"),
    ],
)
async def test_a_wrong_write_is_refused_with_field_value_and_range_before_the_network_is_touched(
    wire: Wiretap, clock: ManualClock, name: str, values: tuple[Any, ...], facts: str
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.requests.clear()
        with pytest.raises(InvalidInput, match=facts) as caught:
            await battery.write(name, *values)
    assert wire.requests == []
    if "out of range" in facts:
        assert "50 to 2400 W" in caught.value.remedy


async def test_a_plan_says_what_would_be_sent_and_sends_nothing(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        plan = battery.plan_write("realtime_state", "charge", 700, 80)
    assert (plan.point, plan.values) == (REALTIME, (1, 700, 80))
    assert plan.wanted == {"realtime_state": "charge", "realtime_power": 700, "realtime_target_soc": 80}
    assert wire.writes == []


# ---- the outcomes ----------------------------------------------------------------------------------------------------


async def test_a_write_that_the_device_shows_is_confirmed(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.CONFIRMED
    assert outcome.proven
    assert (outcome.wanted, outcome.before, outcome.shown) == ({"backup_soc": 20}, {"backup_soc": 10}, {"backup_soc": 20})
    assert simulator.lag_s <= outcome.took_s < 5
    assert outcome.notes == ()
    assert wire.writes == [(BACKUP_SOC, (20,))]
    assert simulator.get("backup_soc") == 20


async def test_a_write_that_is_refused_says_so_and_is_not_followed(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("refuse")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.requests.clear()
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.REFUSED
    assert not outcome.proven
    assert outcome.notes == ("the device answered result: false",)
    assert isinstance(wire.requests[-1], SetData)


async def test_a_write_that_is_accepted_but_never_shown_is_accepted_and_no_more(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.faults.add("ignore")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.ACCEPTED
    assert not outcome.proven
    assert outcome.shown == {"backup_soc": 10}
    assert outcome.notes == ("after 30 s it shows backup_soc 10 instead of backup_soc 20",)
    assert 29 <= outcome.took_s <= 31
    assert wire.writes == [(BACKUP_SOC, (20,))], "it is not sent again"


async def test_a_write_that_is_shown_late_is_confirmed_late(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("late:17")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.CONFIRMED
    assert 17 <= outcome.took_s < 23
    (note,) = outcome.notes
    assert "shown late" in note


async def test_a_write_during_which_the_device_restarts_is_interrupted(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(8))
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.INTERRUPTED
    assert outcome.shown == {"backup_soc": 10}
    (note,) = outcome.notes
    assert "restarted in the middle" in note
    assert "backup_soc 10 instead of backup_soc 20" in note
    assert len(wire.writes) == 1


async def test_a_restart_so_short_that_no_look_fell_into_it_is_noticed_by_the_uptime(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(0.5))
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.INTERRUPTED
    assert "restarted in the middle" in outcome.notes[0]


async def test_a_write_that_survives_a_restart_is_confirmed_with_a_note(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.lag_s = 0
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(8))
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.CONFIRMED
    assert "the device restarted in the middle" in outcome.notes


async def test_a_device_that_does_not_come_back_leaves_the_write_interrupted(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.reboot(3600))
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.INTERRUPTED
    assert outcome.shown == {}, "nothing is known"
    assert "has not come back" in outcome.notes[0]


async def test_a_lost_reply_is_resolved_by_looking_and_the_write_is_not_repeated(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lose_the_reply)
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.CONFIRMED
    assert outcome.notes == ("the reply to the write was lost (the line went dead), but the device shows it",)
    assert len(wire.writes) == 1


async def test_a_write_that_was_lost_on_the_way_is_interrupted(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.before = at_the_write(lose_the_reply)
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.INTERRUPTED
    assert "the reply to the write was lost" in outcome.notes[0]
    assert "backup_soc 10 instead of backup_soc 20" in outcome.notes[0]
    assert len(wire.writes) == 1


@pytest.mark.parametrize("spec", ["silent*1", "reset*1", "garbage*1", "truncated*1", "halfjson*1", "status:503*1", "reboot:3"])
async def test_whatever_tears_the_line_during_the_write_an_outcome_says_what_is_true(
    wire: Wiretap, simulator: Simulator, clock: ManualClock, spec: str
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.before = at_the_write(lambda: simulator.faults.add(spec))
        outcome = await battery.write("backup_soc", 20)
    took_place = simulator.get("backup_soc") == 20
    assert outcome.stage is (Stage.CONFIRMED if took_place else Stage.INTERRUPTED)
    assert len(wire.writes) == 1


async def test_trouble_while_looking_is_not_trouble_of_the_write(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.after = at_the_write(lambda: simulator.faults.add("silent*1", "status:401*1"))
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.CONFIRMED
    assert any("did not answer for a while" in note for note in outcome.notes)


async def test_a_write_without_a_readback_is_accepted_and_says_that_nothing_can_show_it(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("load_source", "meter")
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes == ("no readback exists",)
    assert outcome.took_s < 1, "there is nothing to wait for"


async def test_a_readback_that_this_device_leaves_out_is_not_waited_for(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    simulator.remove("backup_soc")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes == ("no readback now: backup_soc is absent",)


async def test_writing_what_is_already_set_says_so(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 10)
    assert outcome.stage is Stage.CONFIRMED
    assert outcome.notes == ("it already was so before the write",)


async def test_a_switch_is_confirmed_although_it_is_written_and_read_with_different_codes(
    simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        outcome = await battery.write("grid_charging", "off")
    assert outcome.stage is Stage.CONFIRMED
    assert outcome.shown == {"grid_charging": False}


async def test_a_write_goes_by_number_to_that_very_point(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write(6505, 25)
    assert wire.writes == [(6505, (25,))]
    assert outcome.stage is Stage.CONFIRMED


async def test_patience_is_an_argument(simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("late:100")
    async with indevolt.connect("sim", transport=simulator, clock=clock, patience_s=120) as battery:
        assert (await battery.write("backup_soc", 20)).stage is Stage.CONFIRMED
    async with indevolt.connect("sim", transport=simulator, clock=clock, patience_s=5) as battery:
        assert (await battery.write("backup_soc", 30)).stage is Stage.ACCEPTED


async def test_an_error_status_for_the_write_is_raised_because_nothing_was_changed(
    wire: Wiretap, simulator: Simulator, clock: ManualClock
) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        wire.before = at_the_write(lambda: simulator.faults.add("status:400*1"))
        with pytest.raises(BadRequest):
            await battery.write("backup_soc", 20)


async def test_a_device_that_cannot_be_reached_gets_no_write(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        simulator.faults.add("reset")
        with pytest.raises(Unreachable):
            await battery.write("backup_soc", 20)
    assert wire.writes == []


# ---- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["powerflex2000", "solidflex2000", "powerflex3000", "solidflex1200", "bk1600"])
@pytest.mark.parametrize(("command", "power_w"), [(Charge(700, 90), -700), (Discharge(500, 20), 500), (Hold(), 0)])
async def test_a_command_is_effective_when_the_battery_power_moves(
    product: str, command: Command, power_w: float, clock: ManualClock
) -> None:
    simulator = Simulator(product, clock=clock)
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


async def test_power_that_does_not_move_is_reported_with_its_value(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.set("feed_in_power_limit", 0)
    simulator.house = steady_house(Surroundings(load_w=0, pv_w=(0, 0, 0, 0)))
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.discharge(700, 20)
    assert outcome.stage is Stage.CONFIRMED
    (note,) = outcome.notes
    assert "the battery power is 0 W, which does not prove it" in note


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
    simulator = Simulator("bk1600", clock=clock)
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
        with pytest.raises(InvalidInput, match="slave of a cluster"):
            await battery.write("realtime_power", 700)
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


# ---- the password ----------------------------------------------------------------------------------------------------


async def test_the_password_is_changed_in_one_call(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.access.password = "qazwsxed"
    async with indevolt.connect("sim", transport=wire, clock=clock, password="qazwsxed") as battery:
        await battery.change_password("qwertyui")
        await battery.change_password("asdfghjk")
    assert simulator.access.password == "asdfghjk"
    sent = [request for request in wire.requests if isinstance(request, UserSetConfig)]
    assert len({request.sealed.nonce for request in sent}) == 2, "a nonce is used once"
    assert all(len(request.sealed.nonce) == 12 for request in sent)


async def test_a_password_that_the_device_does_not_take_is_refused(simulator: Simulator, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=simulator, clock=clock, password="not the one") as battery:
        with pytest.raises(Refused, match="did not take the new password"):
            await battery.change_password("qwertyui")


async def test_without_the_present_password_there_is_no_new_one(wire: Wiretap, clock: ManualClock) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        with pytest.raises(InvalidInput, match="the present password is needed"):
            await battery.change_password("qwertyui")
    assert [type(request) for request in wire.requests] == [SysGetConfig]


@pytest.mark.parametrize("new", ["", "seventeen letters", "pass\nword"])
async def test_a_password_that_cannot_be_sealed_is_refused_before_it_is_sent(wire: Wiretap, clock: ManualClock, new: str) -> None:
    async with indevolt.connect("sim", transport=wire, clock=clock, password="qazwsxed") as battery:
        with pytest.raises(InvalidInput, match="new password"):
            await battery.change_password(new)
    assert [type(request) for request in wire.requests] == [SysGetConfig]


async def test_before_a_write_a_bad_point_of_its_own_is_left_out(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("poison:6105")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
        assert (await battery.read("backup_soc"))["backup_soc"].quality is Quality.QUARANTINED
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes == ("no readback now: backup_soc is quarantined",)
    clock.tick(simulator.lag_s)
    assert simulator.get("backup_soc") == 20
