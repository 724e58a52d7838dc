"""Writing to a device: what became of it, proven by the device itself, in all the ways that it can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.battery import Quality, Stage
from indevolt.clock import ManualClock
from indevolt.errors import BadRequest, InvalidInput, NoReply, Unreachable
from indevolt.protocol.messages import SetData
from indevolt.simulator import Simulator
from wiretap import Wiretap, at_the_write

if TYPE_CHECKING:
    pass

REALTIME = 47015
BACKUP_SOC = 1142


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
    assert len(wire.reads) < 12, "it looks at growing intervals"


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
    assert isinstance(wire.requests[-1], SetData), "nor to ask"


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


async def test_before_a_write_a_bad_point_of_its_own_is_left_out(wire: Wiretap, simulator: Simulator, clock: ManualClock) -> None:
    simulator.faults.add("poison:6105")
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        outcome = await battery.write("backup_soc", 20)
        assert (await battery.read("backup_soc"))["backup_soc"].quality is Quality.QUARANTINED
    assert outcome.stage is Stage.ACCEPTED
    assert outcome.notes == ("no readback now: backup_soc is quarantined",)
    clock.tick(simulator.lag_s)
    assert simulator.get("backup_soc") == 20
