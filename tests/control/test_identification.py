"""Dead time and gain, found while running: in a simulated home, from nothing but the meter and what was sent."""

from __future__ import annotations

import random

import pytest
from control_scene import Home

from indevolt.control.situation import Dynamics
from indevolt.simulator.converter import Response


def kettles(second: float) -> float:
    """A kilowatt more or less every twenty seconds, and the noise of a house."""
    return 500 + 1000 * (int(second) // 20 % 2) + random.Random(int(second)).uniform(-10, 10)


@pytest.mark.parametrize("assumed_s", [1.5, 3.0])
@pytest.mark.parametrize("true_s", [0.5, 1.5, 3.0, 5.0])
def test_a_dead_time_that_was_assumed_wrong_is_found(assumed_s: float, true_s: float) -> None:
    home = Home(kettles, dead_s=true_s, dynamics=Dynamics(dead_s=assumed_s))
    home.run(600)
    found = home.controller.dynamics["battery"]
    assert found.identified
    assert found.dead_s == pytest.approx(true_s, abs=0.5)


@pytest.mark.parametrize("slew_w_per_s", [100.0, 200.0, 800.0])
@pytest.mark.parametrize("dead_s", [1.5, 3.0])
def test_so_is_a_slope(slew_w_per_s: float, dead_s: float) -> None:
    home = Home(kettles, dead_s=dead_s, response=Response(slew_w_per_s=slew_w_per_s))
    home.run(900)
    found = home.controller.dynamics["battery"]
    assert found.slew_w_per_s == slew_w_per_s
    assert found.dead_s == pytest.approx(dead_s, abs=0.5)


@pytest.mark.parametrize(("period_s", "late_s"), [(5.0, 2.0), (10.0, 3.0)])
def test_a_slow_meter_shows_too_little_to_tell_dead_time_from_slope(period_s: float, late_s: float) -> None:
    home = Home(kettles, dead_s=3.0, period_s=period_s, late_s=late_s)
    home.run(900)
    found = home.controller.dynamics["battery"]
    assert not found.identified
    assert (found.dead_s, found.slew_w_per_s, found.margin_s) == (1.5, 400.0, 2.0)


def test_a_house_that_switches_to_and_fro_teaches_nothing() -> None:
    home = Home(lambda second: 300 + 1500 * (second % 12 < 5), dead_s=3.0)
    home.run(900)
    assert home.controller.dynamics["battery"].dead_s in (Dynamics().dead_s, 3.0, 3.25)


def test_the_gain_is_found_too() -> None:
    home = Home(kettles, dynamics=Dynamics(gain=1.0))
    home.run(900)
    assert home.controller.dynamics["battery"].gain == pytest.approx(0.93, abs=0.03)  # of the simulated converter at 1 kW


def test_of_charging_as_well() -> None:
    home = Home(lambda second: kettles(second) - 2500, dynamics=Dynamics(charge_gain=1.0))
    home.run(900)
    assert home.controller.dynamics["battery"].charge_gain == pytest.approx(1.07, abs=0.04)
    assert home.controller.dynamics["battery"].gain == Dynamics().gain, "nothing was seen of it"


def test_nothing_is_believed_of_a_quiet_house() -> None:
    home = Home(lambda _: 400)
    home.run(600)
    assert not home.controller.dynamics["battery"].identified
    assert home.controller.dynamics["battery"] == Dynamics()
