"""A year on recorded series: the books close, no limit is passed, and what comes back from the battery is what people measure.

The home: the UCI series is of a large French home with 9.4 MWh, so 0.45 of it makes the 4.2 MWh of an ordinary one; the sun of the
SimBench series yields only 680 kWh per kW of peak power, so 3 kW on the four inputs bring in a year what 2 kW facing south do. A
PowerFlex 2000 of two modules (4 kWh) stands in the cellar, as it left the factory: self-consumption, reserve of 10 %, full charge
once a month. Both series are of leap years.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import gt
from pathlib import Path

import pytest

from indevolt.clock import ManualClock
from indevolt.simulator import Simulator
from indevolt.simulator.firmware import DAY_S, RESUME_PCT
from indevolt.simulator.house import Array, furnished_house
from indevolt.simulator.physics import COUNTERS, HOUR_S
from indevolt.simulator.series import Series, parse_csv
from indevolt.simulator.site import Pace, Site
from indevolt.simulator.sky import Sky

LOAD_SHARE, PEAK_W, INPUTS = 0.45, 3000.0, 4
STEP_S = 60.0
DUST = 1e-6  # of watts and watt-hours, in one step
CLOSES_WH = 1.0
STEP_OWN_WH = 0.5  # a minute of own consumption takes less


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of recorded series (shared/data beside the checkout) is not here")
    return folder


@pytest.fixture(scope="module")
def load(data: Path) -> Series:
    with gzip.open(data / "uci_household_2008_1min_load.csv.gz", "rt") as lines:
        return parse_csv(lines, step_s=60, scale=LOAD_SHARE)


@pytest.fixture(scope="module")
def sun(data: Path) -> Series:
    with gzip.open(data / "simbench_pv3_15min.csv.gz", "rt") as lines:
        return parse_csv(lines, step_s=900, linear=True)


@dataclass(slots=True)
class Books:
    """Looks at every step, and adds up energies in Wh and hours by what the unit was doing."""

    device: Simulator
    breaches: list[str] = field(default_factory=list)
    wh: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    hours: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    steps: int = 0
    started_wh: float = 0.0
    _stored_wh: float = 0.0
    _counted_wh: list[float] = field(default_factory=list)
    _began_wh: list[float] = field(default_factory=list)
    _temperature_c: float = 0.0

    def open(self) -> None:
        unit = self.device.unit
        self.started_wh, self._began_wh = unit.stored_wh, list(unit.counted_wh)
        self._remember()
        self.device.site.watch(self)

    def counted_wh(self, counter: str) -> float:
        index = COUNTERS.index(counter)
        return self.device.unit.counted_wh[index] - self._began_wh[index]

    def __call__(self, at: datetime, seconds: float) -> None:
        self.steps += 1
        wrong = [rule for rule, is_kept in self._rules(seconds) if not is_kept]
        if wrong and len(self.breaches) < 10:
            self.breaches.append(f"{at}: {', '.join(wrong)}")
        self._add_up(seconds / HOUR_S)
        self._remember()

    def _rules(self, seconds: float) -> tuple[tuple[str, bool], ...]:
        unit, site, orders = self.device.unit, self.device.site, self.device.firmware.orders
        kit, pv_w = unit.kit, sum(unit.pv_w)
        charge_w, discharge_w = kit.carries(self._temperature_c)
        floor_wh = (orders.reserve_pct - RESUME_PCT) / 100 * kit.capacity_wh - STEP_OWN_WH
        return (
            ("the battery takes too much", -unit.battery_w <= min(charge_w, kit.charge_w) + DUST),
            ("the battery gives too much", unit.battery_w <= min(discharge_w, kit.discharge_w) + DUST),
            ("the socket takes too much", -unit.ac_w <= orders.ac_in_max_w + DUST),
            ("the socket gives too much", unit.ac_w <= orders.ac_out_max_w + DUST),
            ("the house feeds in too much", -site.grid_w <= orders.feed_in_max_w + site.roof_w + DUST),
            ("more sun than there is", -DUST <= pv_w <= unit.pv_offered_w + DUST),
            ("a loss is a gain", unit.loss_w >= -DUST),
            ("the charge is out of its range", floor_wh <= unit.stored_wh <= kit.capacity_wh),
            ("the charge jumps", abs(unit.stored_wh - self._stored_wh + unit.battery_w * seconds / HOUR_S) < DUST),
            ("a counter falls", not any(map(gt, self._counted_wh, unit.counted_wh))),
            ("the unit does not balance", abs(pv_w + unit.battery_w - unit.ac_w - unit.bypass_w - unit.loss_w) < DUST),
            ("the house does not balance", abs(site.load_w - site.grid_w - site.roof_w - unit.ac_w) < DUST),
        )

    def _remember(self) -> None:
        unit = self.device.unit
        self._stored_wh, self._counted_wh, self._temperature_c = unit.stored_wh, unit.counted_wh.copy(), unit.temperature_c

    def _add_up(self, hours: float) -> None:
        unit, wh, battery_w = self.device.unit, self.wh, self.device.unit.battery_w
        wh["lost"] += unit.loss_w * hours
        if unit.asleep:
            self.hours["asleep"] += hours
            wh["asleep"] += unit.loss_w * hours
        if battery_w > 0 and unit.inverter_w > 0:  # what sun and battery give together is each one's by its part
            wh["delivering"] += battery_w * hours
            wh["delivered"] += unit.inverter_w * battery_w / (battery_w + sum(unit.pv_w)) * hours
        elif battery_w < 0 and unit.inverter_w < 0 and not unit.pv_w:
            wh["stored from the socket"] -= battery_w * hours
            wh["taken at the socket"] -= unit.inverter_w * hours


def live(load: Series, sun: Series, start: datetime, days: int, *, on_the_roof: bool = False) -> Books:
    """Let the home live for some days, its PV at the unit's inputs or on the roof behind an inverter of its own."""
    clock = ManualClock(start)
    sky = Sky(temperature_c=(12.0, 18.0))  # of the cellar
    arrays = [] if on_the_roof else [Array(PEAK_W / INPUTS)] * INPUTS
    house = furnished_house(load, sky, arrays, roof=Array(PEAK_W) if on_the_roof else None, sun=sun)
    site = Site(house, clock=clock, pace=Pace(STEP_S, steps_per_gap=1 << 20))
    books = Books(Simulator("powerflex2000", modules=2, site=site))
    books.open()
    clock.tick(days * DAY_S)
    site.advance()
    assert books.steps == days * DAY_S / STEP_S
    return books


def require_closed(books: Books) -> None:
    """Check the books of house and unit over the whole time, each kept in more than one place."""
    site, unit, counted = books.device.site, books.device.unit, books.counted_wh
    into_house_wh = counted("ac_output_energy") - counted("ac_input_energy")
    risen_wh = unit.stored_wh - books.started_wh
    assert books.breaches == []
    assert site.load_wh == pytest.approx(site.import_wh - site.export_wh + site.roof_wh + into_house_wh, abs=CLOSES_WH)
    assert counted("pv_energy") == pytest.approx(into_house_wh + books.wh["lost"] + risen_wh, abs=CLOSES_WH)
    assert risen_wh == pytest.approx(counted("battery_charge_energy") - counted("battery_discharge_energy"), abs=CLOSES_WH)


def test_a_year_of_self_consumption_with_the_sun_at_the_unit(load: Series, sun: Series) -> None:
    books = live(load, sun, datetime(2016, 1, 1, tzinfo=UTC), 366)
    site, unit, counted = books.device.site, books.device.unit, books.counted_wh
    require_closed(books)
    assert site.load_wh == pytest.approx(sum(load.values) / 60 * LOAD_SHARE, abs=CLOSES_WH)  # the series as it is, wholly
    assert counted("pv_energy") == pytest.approx(sum(sun.values) / 4 * PEAK_W, rel=0.01)  # but for what was too dark to use
    assert 100 < counted("battery_discharge_energy") / unit.kit.capacity_wh < 250  # cycles

    # Round trip: what the house got from the battery, over all that went into it and is no longer there; the battery's
    # own way to feed a unit that rests counts as lost.
    gone_wh = counted("battery_charge_energy") - (unit.stored_wh - books.started_wh)
    assert 0.78 < books.wh["delivered"] / gone_wh < 0.90

    # Standby: it sleeps through most nights of the dark months, at the reserve, on 7 to 20 W from the battery, which the grid
    # then has to bring back to the reserve.
    assert books.hours["asleep"] > 2000
    assert 7 < books.wh["asleep"] / books.hours["asleep"] < 20
    assert counted("ac_input_energy") > 0.5 * books.wh["asleep"]


def test_a_summer_of_self_consumption_with_the_sun_on_the_roof(load: Series, sun: Series) -> None:
    books = live(load, sun, datetime(2016, 5, 1, tzinfo=UTC), 92, on_the_roof=True)
    require_closed(books)
    assert books.counted_wh("pv_energy") == 0
    assert books.device.site.roof_wh > 500_000

    # Round trip from socket to socket: the way in times the way out. What the unit lives on meanwhile is neither.
    way_in = books.wh["stored from the socket"] / books.wh["taken at the socket"]
    way_out = books.wh["delivered"] / books.wh["delivering"]
    assert 0.78 < way_in * way_out < 0.90

    # Counted from meter to meter, standby of the hours at rest is missing as well.
    risen_wh = books.device.unit.stored_wh - books.started_wh
    whole = books.counted_wh("ac_output_energy") / (books.counted_wh("ac_input_energy") - risen_wh)
    assert 0.6 < whole < way_in * way_out
