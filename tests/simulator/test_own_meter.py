"""Units that have a meter each, on the network, instead of that of their site: what they are shown moves them, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from indevolt.clock import ManualClock
from indevolt.simulator import INSTANT, LIFELIKE, Meter, Pace, Response, Simulator, Site, Surroundings, steady_house
from indevolt.simulator.meter import LOST_S

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
LOAD_W = 1000.0


class Home:
    """A house of 1000 W with units that have a meter each."""

    def __init__(self, units: int = 1, *, response: Response = LIFELIKE) -> None:
        self.clock = ManualClock(NOON)
        self.site = Site(steady_house(Surroundings(LOAD_W, ())), clock=self.clock, pace=Pace(1, 1_000_000))
        self.units = [
            Simulator("powerflex2000", site=self.site, clock=self.clock, modules=3, soc_pct=60, seed=seed, response=response)
            for seed in range(1, units + 1)
        ]
        for member in self.site.members:
            member.meter = Meter(online=False)
        self.site.settle(at_once=True)

    def show(self, unit: int, grid_w: float) -> None:
        self.site.advance()
        self.site.members[unit].see(grid_w)
        self.site.settle()

    def wait(self, seconds: float) -> None:
        self.clock.tick(seconds)
        self.site.advance()

    def given_w(self, unit: int = 0) -> float:
        return self.units[unit].unit.ac_w


def test_until_its_meter_shows_something_a_unit_has_none() -> None:
    home = Home()
    home.wait(20)
    assert home.given_w() <= 0
    assert home.units[0].get("meter_connected") is False
    home.show(0, 400.0)
    assert home.units[0].get("meter_connected") is True


@pytest.mark.parametrize("response", [LIFELIKE, INSTANT])
def test_a_unit_goes_by_what_it_is_shown_and_not_by_what_the_house_takes(response: Response) -> None:
    home = Home(response=response)
    home.show(0, 400.0)
    home.wait(8)
    assert home.given_w() == pytest.approx(400, abs=2)
    home.show(0, -150.0)
    home.wait(8)
    assert home.given_w() == pytest.approx(250, abs=2)


def test_a_value_moves_a_unit_once() -> None:
    home = Home()
    for _ in range(4):
        home.show(0, 300.0)
        home.wait(2)
    assert home.given_w() > 600, "shown again and again, it gives more and more"
    home = Home()
    home.show(0, 300.0)
    home.wait(9)
    assert home.given_w() == pytest.approx(300, abs=2)


def test_units_see_each_their_own() -> None:
    home = Home(2)
    home.show(0, 700.0)
    home.show(1, 300.0)
    home.wait(8)
    assert [home.given_w(0), home.given_w(1)] == pytest.approx([700, 300], abs=2)
    assert home.site.grid_w == pytest.approx(0, abs=4)


def test_a_unit_of_a_house_may_have_its_own_meter_while_the_other_goes_by_that_of_the_house() -> None:
    home = Home(2)
    home.site.members[1].meter = None
    home.site.settle(at_once=True)
    home.show(0, 250.0)
    home.wait(9)
    assert home.given_w(0) == pytest.approx(250, abs=2)
    assert home.given_w(1) == pytest.approx(750, abs=2)


def test_a_meter_that_shows_nothing_any_more_is_lost_and_the_load_curve_holds() -> None:
    home = Home()
    for slot in range(1, 49):
        home.units[0].set(f"load_curve_slot_{slot:02d}", 120)
    home.show(0, 500.0)
    home.wait(LOST_S - 1)
    assert home.given_w() == pytest.approx(500, abs=2)
    home.wait(9)
    assert home.given_w() == pytest.approx(120, abs=10)
    assert (home.units[0].get("meter_connected"), home.units[0].get("meter_power")) == (False, 0)


def test_what_its_meter_shows_is_shown_5_s_later_at_most() -> None:
    home = Home()
    home.show(0, 333.0)
    home.wait(5)
    assert home.units[0].get("meter_power") == 333
