"""What a posed meter shows, and what units make of it: simulated ones, whose own loop looks every two seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from control_scene import NOON

from indevolt.clock import ManualClock
from indevolt.control.observer import Aim
from indevolt.control.posed import Posed
from indevolt.control.situation import MeterSample, Seen
from indevolt.control.split import Share
from indevolt.simulator import Simulator
from indevolt.simulator.house import Surroundings
from indevolt.simulator.meter import Meter
from indevolt.simulator.site import Pace, Site

AIM = Aim(0.0)


class House:
    """Units that look at a posed meter, and the true one behind it."""

    def __init__(
        self,
        load_w: Callable[[float], float],
        *,
        units: int = 1,
        period_s: float = 1.0,
        late_s: float = 0.5,
        looks_s: float = 2.0,
        naive: bool = False,
        soc_pct: Sequence[float] = (60, 50, 40),
    ) -> None:
        self.clock = ManualClock(NOON)
        self.load_w = load_w
        self.site = Site(self._around, clock=self.clock, pace=Pace(step_s=0.5), meter=Meter(refresh_s=1e9))
        self.names = [f"unit{number}" for number in range(units)]
        self.devices = [
            Simulator("solidflex2000", clock=self.clock, site=self.site, modules=3, soc_pct=soc, seed=number + 1)
            for number, soc in zip(range(units), soc_pct, strict=False)
        ]
        self.posed = Posed(self.names)
        self.period_s, self.late_s, self.looks_s, self.naive = period_s, late_s, looks_s, naive
        self._coming: list[tuple[float, MeterSample]] = []
        self._newest: MeterSample | None = None

    def _around(self, at: datetime) -> Surroundings:
        net = self.load_w((at - NOON).total_seconds())
        return Surroundings(max(0.0, net), (), 22.0, max(0.0, -net))

    def run(self, seconds: float) -> list[float]:
        """Live on, and return the grid power of every half second."""
        seen = []
        for _ in range(round(seconds * 2)):
            self.clock.tick(0.5)
            self.site.advance()
            now = self.clock.monotonic()
            if now % self.period_s < 0.25:
                self._coming.append((now + self.late_s, MeterSample(self.site.grid_w, now, self.period_s, now + self.late_s)))
            while self._coming and self._coming[0][0] <= now:
                self._newest = self._coming.pop(0)[1]
                self.posed.see(self._newest, AIM)
            if now % 5 < 0.25:
                for name, member in zip(self.names, self.site.members, strict=True):
                    self.posed.told(name, Seen(member.unit.ac_w, now))
            if now % self.looks_s < 0.25:
                self._look(now)
            seen.append(self.site.grid_w)
        return seen

    def _look(self, now: float) -> None:
        shares = [
            Share(name, -2400, 2400, device.unit.soc_pct, device.unit.soc_pct * 54, (100 - device.unit.soc_pct) * 54)
            for name, device in zip(self.names, self.devices, strict=True)
        ]
        self.posed.divide(now, AIM, shares)
        # The simulated site has one meter for all; a unit that looks at one of its own is led by what it gave and what it is shown.
        self.site.meter.grid_w, self.site.meter.fresh = 0.0, True
        for name, member in zip(self.names, self.site.members, strict=True):
            shown = self.posed.shown_w(name, now)
            if self.naive and self._newest is not None:
                shown = self._newest.power_w
            member.sampled_w = member.unit.ac_w + (shown or 0.0)


def step(second: float) -> float:
    return 400 if second < 60 else 1400


@pytest.mark.parametrize(("period_s", "late_s"), [(1.0, 0.5), (2.0, 1.0), (5.0, 2.0), (10.0, 3.0)])
def test_a_unit_follows_the_house_through_any_meter(period_s: float, late_s: float) -> None:
    house = House(step, period_s=period_s, late_s=late_s)
    house.run(60)
    assert abs(house.site.grid_w) < 35
    after = house.run(60)
    assert abs(house.site.grid_w) < 35
    assert min(after) > -120, "it hardly overshoots"


def test_a_sample_that_is_passed_on_as_it_came_makes_a_unit_hunt() -> None:
    house = House(step, period_s=10.0, late_s=3.0, naive=True)
    house.run(60)
    after = house.run(60)
    assert min(after) < -400


def test_surplus_is_stored() -> None:
    house = House(lambda _: -900.0)
    house.run(60)
    assert abs(house.site.grid_w) < 35


def test_before_the_first_sample_nothing_is_shown() -> None:
    posed = Posed(["unit"])
    posed.divide(1.0, AIM, [Share("unit", -2400, 2400, 50, 100, 100)])
    assert posed.shown_w("unit", 1.0) is None


def test_a_unit_that_was_shown_a_difference_is_not_shown_it_again() -> None:
    posed, share = Posed(["unit"]), [Share("unit", -2400, 2400, 50, 100, 100)]
    posed.see(MeterSample(800.0, 10.0, 10.0), AIM)
    posed.divide(10.0, AIM, share)
    assert posed.shown_w("unit", 10.0) == 800
    posed.divide(18.0, AIM, share)
    assert posed.shown_w("unit", 18.0) == 0


def test_what_a_unit_says_is_put_right_once_however_often_it_is_told() -> None:
    posed, share = Posed(["unit"]), [Share("unit", -2400, 2400, 50, 100, 100)]
    posed.see(MeterSample(800.0, 10.0, 1.0), AIM)
    posed.divide(10.0, AIM, share)
    assert posed.shown_w("unit", 10.0) == 800
    shown = []
    for now in (20.5, 21.0, 21.5, 22.0):
        posed.told("unit", Seen(1000.0, 20.0))
        posed.see(MeterSample(-200.0, 20.0, 1.0), AIM)
        posed.divide(now, AIM, share)
        shown.append(posed.shown_w("unit", now))
    assert shown == pytest.approx([-200, 0, 0, 0], abs=5)


def test_what_a_unit_says_before_it_can_have_acted_on_a_correction_does_not_count() -> None:
    posed, share = Posed(["unit"]), [Share("unit", -2400, 2400, 50, 100, 100)]
    posed.see(MeterSample(800.0, 10.0, 1.0), AIM)
    posed.divide(10.0, AIM, share)
    assert posed.shown_w("unit", 10.0) == 800
    shown = []
    for now in (20.5, 21.5, 22.5):
        posed.told("unit", Seen(1000.0, now - 0.5))  # as it is read each second
        posed.see(MeterSample(-200.0, 20.0, 1.0), AIM)
        posed.divide(now, AIM, share)
        shown.append(posed.shown_w("unit", now))
    assert shown == pytest.approx([-200, 0, 0], abs=5)


def test_units_get_their_shares_and_all_of_one_sign() -> None:
    posed = Posed(["a", "b"])
    shares = [Share("a", -2400, 1000, 60, 600, 400), Share("b", -2400, 1000, 40, 400, 600)]
    posed.see(MeterSample(1500.0, 10.0, 1.0), AIM)
    posed.divide(10.0, AIM, shares)
    shown = [posed.shown_w(name, 10.0) for name in ("a", "b")]
    assert shown == pytest.approx([900, 600])
    posed.see(MeterSample(9000.0, 30.0, 1.0), AIM)
    posed.divide(30.0, AIM, shares)
    assert posed.shown_w("a", 30.0) == pytest.approx(100), "1000 W is all that it can do"


def test_what_a_unit_says_counts_while_its_share_drifts_with_the_charge() -> None:
    posed = Posed(["a", "b"])
    posed.see(MeterSample(2600.0, 10.0, 1.0), AIM)
    for look in range(8):
        at_s = 10.0 + 2 * look
        posed.divide(at_s, AIM, [Share("a", -2400, 2400, 60, 1000 - look, 1000), Share("b", -2400, 2400, 60, 1000 + look, 1000)])
        posed.shown_w("a", at_s)
        posed.shown_w("b", at_s)
    posed.told("a", Seen(1200.0, 24.0))
    assert posed.shown_w("a", 26.0) == pytest.approx(91, abs=2), "it gives 91 W less than it should"


def test_a_unit_is_brought_to_rest_once() -> None:
    posed = Posed(["unit"])
    posed.told("unit", Seen(600.0, 10.0))
    assert posed.rest_w("unit", 10.0) == -600
    assert -400 < posed.rest_w("unit", 11.0) <= -200, "on its way"
    assert posed.rest_w("unit", 12.0) == 0


def test_somebody_else_who_looks_is_not_taken_to_act_on_it() -> None:
    posed, share = Posed(["unit"]), [Share("unit", -2400, 2400, 50, 100, 100)]
    posed.see(MeterSample(800.0, 10.0, 10.0), AIM)
    posed.divide(10.0, AIM, share)
    assert [posed.shown_w("unit", at_s, acts=False) for at_s in (10.0, 18.0)] == [800, 800]
    assert posed.shown_w("unit", 18.0) == 800
    assert posed.shown_w("unit", 26.0) == 0
