"""Commissioning: the steps in a simulated home, and what their recording says."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from control_scene import NOON

from indevolt.battery import Charge, Command, Discharge, Hold
from indevolt.clock import ManualClock
from indevolt.control.commission import (
    SILENCE_S,
    Finding,
    Recording,
    Sign,
    Step,
    charge_steps,
    discharge_steps,
    find,
    needed_s,
    silence_step,
)
from indevolt.control.situation import Seen
from indevolt.protocol.messages import Result, SetData
from indevolt.simulator import Simulator
from indevolt.simulator.converter import Response
from indevolt.simulator.house import Surroundings
from indevolt.simulator.site import Pace, Site

STEPS = (*charge_steps(2400), *discharge_steps(2400))


def quiet_house(second: float) -> float:
    return 350 + random.Random(int(second)).uniform(-8, 8)


def record(
    steps: Sequence[Step] = STEPS,
    *,
    load_w: Callable[[float], float] = quiet_house,
    response: Response | None = None,
    dead_s: float = 1.5,
    every_s: float = 1.0,
    meter: Callable[[float], float] = lambda grid: grid,
) -> Recording:
    """Carry out steps with a simulated unit and record what a meter and the unit itself tell."""
    clock = ManualClock(NOON)
    site = Site(lambda at: Surroundings(load_w((at - NOON).total_seconds()), ()), clock=clock, pace=Pace(step_s=0.5))
    device = Simulator(
        "solidflex2000", clock=clock, site=site, modules=3, soc_pct=50, lag_s=dead_s, response=response or Response()
    )
    device.set("meter_connected", value=False)
    device.set("mode", "realtime")
    sent, metered, told, shown = list[Seen](), list[Seen](), list[Seen](), list[Seen]()
    for step in steps:
        write = device.model.spell(command(step.power_w))[-1]
        assert device.answer(SetData(write.point, write.values)) == Result(result=True)
        sent.append(Seen(step.power_w, clock.monotonic()))
        for _ in range(round(step.seconds * 2)):
            clock.tick(0.5)
            site.advance()
            now = clock.monotonic()
            if math.isclose(now % every_s, 0, abs_tol=0.1):
                metered.append(Seen(meter(site.grid_w), now))
                told.append(Seen(device.unit.ac_w, now))
                shown.append(Seen(way(device) * float(str(device.get("realtime_power"))), now))
    return Recording(tuple(sent), tuple(metered), tuple(told), tuple(shown))


def command(power_w: float) -> Command:
    if not power_w:
        return Hold()
    return Discharge(round(power_w)) if power_w > 0 else Charge(round(-power_w))


def way(device: Simulator) -> int:
    return {"charge": -1, "discharge": 1}.get(str(device.get("realtime_state")), 0)


def test_the_steps_take_less_than_six_minutes_with_the_silence() -> None:
    assert needed_s((*STEPS, silence_step(300))) < 360


def test_the_first_steps_only_charge() -> None:
    assert all(step.power_w <= 0 for step in charge_steps(800))
    assert min(step.power_w for step in charge_steps(400)) == -400


@pytest.mark.parametrize(
    ("dead_s", "response"),
    [(1.5, Response()), (0.5, Response(0.5, 1.0, 10.0, 800.0)), (4.0, Response(3.0, 6.0, 10.0, 150.0))],
)
@pytest.mark.parametrize("every_s", [1.0, 2.0])
def test_a_unit_is_described_as_it_is(dead_s: float, response: Response, every_s: float) -> None:
    found = find(record(dead_s=dead_s, response=response, every_s=every_s))
    assert found.sign is Sign.RIGHT
    assert found.source == "meter"
    assert found.fits > 0.97
    known = found.dynamics
    assert known is not None
    assert known.identified
    # Of a step of 300 W only this much can be told apart with samples of a second: when half of it is there.
    half_s = dead_s + 150 / response.slew_w_per_s
    assert known.dead_s + 150 / known.slew_w_per_s == pytest.approx(half_s, abs=0.5)
    assert known.start_s == pytest.approx(response.start_s, abs=1.0)
    assert known.swap_s == pytest.approx(response.swap_s, abs=1.0)
    # 5.5 % and 20 W are lost: from 300 W on
    assert known.gain == pytest.approx(0.90, abs=0.03)
    assert known.charge_gain == pytest.approx(1.09, abs=0.03)


def test_a_meter_that_counts_the_wrong_way_is_noticed_and_still_good_for_the_rest() -> None:
    found = find(record(meter=lambda grid: -grid))
    assert found.sign is Sign.REVERSED
    assert found.dynamics is not None
    assert found.dynamics.dead_s == pytest.approx(1.5, abs=0.5)


def test_a_meter_that_does_not_see_the_battery_is_noticed_and_the_unit_s_word_taken() -> None:
    found = find(record(meter=lambda _: 350.0))
    assert found.sign is Sign.UNSEEN
    assert found.source == "unit"
    assert found.dynamics is not None


def test_a_meter_that_shows_a_value_every_five_seconds_is_good_for_the_sign_only() -> None:
    recording = record()
    held = {each.at_s: each.value for each in recording.meter}
    slow = replace(recording, meter=tuple(Seen(held[max(1.0, each.at_s // 5 * 5)], each.at_s) for each in recording.meter))
    found = find(slow, slow_meter=True)
    assert (found.sign, found.source) == (Sign.RIGHT, "unit")
    assert found.dynamics is not None
    assert found.dynamics.dead_s == pytest.approx(1.5, abs=0.5)


def test_without_a_meter_the_sign_stays_unknown() -> None:
    found = find(replace(record(), meter=()))
    assert (found.sign, found.evidence, found.source) == (Sign.UNKNOWN, "no meter was heard", "unit")


def test_a_house_that_is_too_loud_proves_nothing() -> None:
    def loud(second: float) -> float:
        return 900 + random.Random(int(second / 4)).choice([-800, 0, 900])

    found = find(replace(record(load_w=loud), told=()))
    assert found.sign is Sign.UNKNOWN
    assert found.dynamics is None
    assert found.notes


def test_one_kettle_does_not_spoil_it() -> None:
    found = find(record(load_w=lambda second: quiet_house(second) + (2000 if 45 < second < 52 else 0)))
    assert found.sign is Sign.RIGHT
    assert found.dynamics is not None
    assert found.dynamics.dead_s == pytest.approx(1.5, abs=0.5)


def test_how_long_the_read_side_lags() -> None:
    assert find(record(dead_s=4.0)).shown_after_s == pytest.approx(4, abs=1)


def silence(told: Callable[[float], float]) -> Finding:
    recording = record((*STEPS, silence_step(300)))
    last_s = recording.sent[-1].at_s
    return find(replace(recording, told=tuple(Seen(told(each.at_s - last_s) or each.value, each.at_s) for each in recording.told)))


def test_a_command_that_goes_on_while_nobody_writes() -> None:
    assert silence(lambda _: 0.0).goes_on is True


def test_a_command_that_ends_by_itself() -> None:
    assert silence(lambda second: 4.0 if second > 90 else 0.0).goes_on is False


def test_silence_that_was_not_kept_says_nothing() -> None:
    assert find(record()).goes_on is None
    assert find(record((*STEPS, Step(300, SILENCE_S / 2, "short")))).goes_on is None
