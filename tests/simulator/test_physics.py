"""The plant keeps its books: energy is conserved over any run, no limit is passed, and what was captured comes out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import given, settings, strategies as st
from plant import NOON, POWERFLEX, live, unit

from indevolt.catalogue import products
from indevolt.clock import ManualClock
from indevolt.simulator.converter import INSTANT, LIFELIKE, Response, to_ac, to_dc
from indevolt.simulator.firmware import Firmware, Mode, Orders, Slot
from indevolt.simulator.house import Surroundings, built_in_house, steady_house
from indevolt.simulator.physics import COUNTERS, HOUR_S, Kit, Unit, kit
from indevolt.simulator.site import SETTLED_S, Pace, Site

DAY_S = 86_400


# ---- any run of any house ------------------------------------------------------------------------------------------------


class Books:
    """What must hold after every step of a site, whatever happens in it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.loss_wh = 0.0
        self.stored_wh = self.stored_before_wh = sum(each.stored_wh for each in site.units)
        self._remember()
        site.watch(self.check)

    def _remember(self) -> None:
        self._units = [
            (each.stored_wh, each.soc_pct, each.temperature_c, tuple(each.counted_wh), each.stage_c) for each in self.site.units
        ]

    def check(self, start: datetime, seconds: float) -> None:
        site = self.site
        around = site.house(start)
        hours = seconds / HOUR_S
        first = 0
        for member, before in zip(site.members, self._units, strict=True):
            inputs = around.pv_w[first : first + member.inputs]
            first += member.inputs
            self._check_energy(member.unit, inputs, before[0], before[3], hours)
            self._check_battery(member.unit, before[1], before[2], member.firmware.orders)
            if not member.unit.island and member.firmware.orders.mode is not Mode.KEEP:
                self._check_settings(member.unit, member.firmware.orders)
            self.loss_wh += member.unit.loss_w * hours
        given_w = sum(each.ac_w for each in site.units if not each.island)
        assert site.load_w == pytest.approx(site.grid_w + site.roof_w + given_w, abs=1e-6)
        if len(site.members) == 1 and not site.units[0].island:
            self._check_feed_in(seconds)
        self.stored_wh = sum(each.stored_wh for each in site.units)
        self._remember()

    @staticmethod
    def _check_energy(each: Unit, inputs: Sequence[float], stored_wh: float, counted_wh: Sequence[float], hours: float) -> None:
        assert 0 <= each.soc_pct <= 100
        assert each.stored_wh == pytest.approx(stored_wh - each.battery_w * hours, abs=1e-6)  # no jump: as its power says
        assert all(now >= then for now, then in zip(each.counted_wh, counted_wh, strict=True))
        assert all(-1e-9 <= used <= offered + 1e-9 for used, offered in zip(each.pv_w, inputs, strict=False))
        assert sum(each.pv_w) + each.battery_w == pytest.approx(each.inverter_w + each.loss_w, abs=1e-6)
        assert each.loss_w >= -1e-9
        if each.asleep and not each.island:
            assert each.loss_w == pytest.approx(each.kit.deep_w)
        elif not each.island:
            assert each.inverter_w == pytest.approx(to_ac(sum(each.pv_w) + each.battery_w, each.own_w), abs=1e-6)

    @staticmethod
    def _check_battery(each: Unit, soc_pct: float, temperature_c: float, orders: Orders) -> None:
        if orders.mode is Mode.KEEP:
            return
        charge, discharge = each.kit.carries(temperature_c)
        full = max(0.04, (100 - soc_pct) / 5) if soc_pct > 95 else 1.0
        empty = max(0.2, soc_pct / 5) if soc_pct < 5 else 1.0
        assert -each.battery_w <= min(charge, each.kit.charge_w) * full + 1e-6
        assert each.battery_w <= min(discharge, each.kit.discharge_w) * empty + 1e-6

    @staticmethod
    def _check_settings(each: Unit, orders: Orders) -> None:
        own_w = each.kit.deep_w if each.asleep else to_dc(0.0, each.own_w)
        assert each.inverter_w <= orders.ac_out_max_w + 1e-6
        assert -each.inverter_w <= max(orders.ac_in_max_w, own_w) + 1e-6  # an empty unit is kept awake by the socket
        floor_pct = orders.reserve_pct
        if orders.mode is Mode.POWER and orders.target_pct is not None:
            if orders.power_w < 0:
                assert each.battery_w >= -1e-6 or each.soc_pct <= orders.target_pct + 1e-6
            else:
                floor_pct = max(floor_pct, orders.target_pct)
        if each.battery_w > own_w + 1e-6:  # more than feeds itself
            assert each.soc_pct >= floor_pct - 1e-6

    def _check_feed_in(self, seconds: float) -> None:
        site, (member,) = self.site, self.site.members
        orders, each = member.firmware.orders, member.unit
        knows = orders.sees_meter and site.meter.online and orders.mode is not Mode.KEEP
        if knows and (seconds > SETTLED_S or each.response.is_instant):
            anyway_w = max(0.0, site.roof_w - site.load_w - min(0.0, each.bypass_w))  # roof and micro-inverter
            assert -site.grid_w <= max(orders.feed_in_max_w, anyway_w) + 1e-6

    def close(self) -> None:
        """Check the whole run: what came in went out, was lost, or is stored."""
        site = self.site

        def counted(name: str) -> float:
            return sum(each.energy_wh(name) for each in site.units)

        came = site.import_wh + site.roof_wh + counted("pv_energy") + counted("microinverter_energy")
        went = site.load_wh + site.export_wh + counted("bypass_output_energy")
        assert came + self.stored_before_wh == pytest.approx(went + self.loss_wh + self.stored_wh, abs=1e-6)
        moved = counted("battery_charge_energy") - counted("battery_discharge_energy")
        assert self.stored_wh - self.stored_before_wh == pytest.approx(moved, abs=1e-6)


class Leg(NamedTuple):
    """A while in which nothing changes from outside."""

    around: Surroundings
    orders: tuple[Orders, Orders, Orders]
    seconds: float
    meter_online: bool


percent = st.floats(0, 100)
limits = st.just(math.inf) | st.floats(0, 3000)
slots = st.builds(Slot, st.floats(0, DAY_S), st.floats(0, DAY_S), st.floats(-3000, 3000), percent)
orders = st.builds(
    Orders,
    mode=st.sampled_from(Mode),
    power_w=st.floats(-5000, 5000),
    target_pct=st.none() | percent,
    reserve_pct=st.sampled_from((0.0, 5.0, 10.0)) | percent,
    grid_charging=st.booleans(),
    recharge_w=st.floats(50, 2400),
    ac_in_max_w=limits,
    ac_out_max_w=limits,
    feed_in_max_w=limits,
    sees_meter=st.booleans(),
    follows_curve=st.booleans(),
    curve_w=st.just(()) | st.just((300.0,) * 48),
    bypass_on=st.booleans(),
    full_every_s=st.sampled_from((0.0, 5.0 * DAY_S)),
    deep_to_s=st.sampled_from((0.0, DAY_S / 2)),
    plan=st.lists(slots, max_size=2).map(tuple),
)
surroundings = st.builds(
    Surroundings,
    st.floats(0, 6000),
    st.lists(st.just(0.0) | st.floats(0, 900), max_size=12).map(tuple),
    st.floats(-35, 65),
    st.just(0.0) | st.floats(0, 4000),
    st.just(0.0) | st.floats(-1500, 3000),
    st.sampled_from((True, True, True, False)),
)
leg = st.builds(Leg, surroundings, st.tuples(orders, orders, orders), st.floats(0, 8000), st.booleans())
kits = st.builds(
    lambda product, modules: kit(product, min(modules, product.max_modules)),
    st.sampled_from(list(products().values())),
    st.integers(1, 6),
)
starts = st.tuples(kits, st.sampled_from((0.0, 1.0, 100.0)) | percent, st.floats(-30, 60))
paces = st.builds(Pace, st.sampled_from((0.5, 1.0, 4.0, 60.0)), st.integers(5, 40), st.floats(100, 3000))
responses = st.sampled_from((LIFELIKE, INSTANT))


@settings(max_examples=100)
@given(st.lists(starts, min_size=1, max_size=3), st.lists(leg, min_size=1, max_size=6), paces, responses)
def test_energy_is_conserved_and_no_limit_passed_whatever_happens(
    starts: list[tuple[Kit, float, float]], legs: list[Leg], pace: Pace, response: Response
) -> None:
    clock = ManualClock(NOON)
    site = Site(steady_house(Surroundings(0.0, ())), clock=clock, pace=pace)
    for parts, soc_pct, temperature_c in starts:
        each = Unit(parts, soc_pct=soc_pct, temperature_c=temperature_c, response=response)
        site.join(each, Firmware(Orders(), NOON.timestamp()), parts.product.pv_inputs)
    books = Books(site)
    for leg in legs:
        site.house, site.meter.online = steady_house(leg.around), leg.meter_online
        for member, wanted in zip(site.members, leg.orders, strict=False):
            member.firmware.orders = wanted
        site.settle()
        clock.tick(leg.seconds)
        site.advance()
    books.close()


@given(st.sampled_from(sorted(products())), st.integers(1, 6), percent, st.floats(-6000, 6000), st.floats(0, 1800))
def test_no_time_changes_no_energy(product: str, modules: int, soc_pct: float, target_w: float, pv_w: float) -> None:
    each = unit(product, min(modules, products()[product].max_modules), soc_pct=soc_pct)
    before = each.stored_wh, list(each.counted_wh), each.temperature_c
    live(each, target_w, (pv_w,), seconds=0)
    assert (each.stored_wh, each.counted_wh, each.temperature_c) == before


# ---- what was captured (protocol.md, section 12) -------------------------------------------------------------------------


@pytest.mark.parametrize(("battery_w", "ac_w"), [(726, 661), (2451, 2240)])
def test_a_battery_power_gives_the_captured_power_at_the_socket(battery_w: float, ac_w: float) -> None:
    each = unit("powerflex3000")
    live(each, to_ac(battery_w))
    assert each.battery_w == pytest.approx(battery_w)
    assert each.ac_w == pytest.approx(ac_w, abs=0.1)


def test_the_captured_unit_loses_as_much_charge_as_was_captured() -> None:
    # From 36.8 % to 35.9 % in 86 s, at about 2436 W and on 6.05 kWh.
    parts = kit(POWERFLEX, 3, 6050)
    each = Unit(parts, soc_pct=36.8, response=INSTANT)
    clock = ManualClock(NOON)
    site = Site(steady_house(Surroundings(3000, ())), clock=clock)
    site.join(each, Firmware(Orders(mode=Mode.KEEP, power_w=2436), NOON.timestamp()), 4)
    clock.tick(86)
    site.advance()
    assert each.battery_w == pytest.approx(2436)
    assert each.soc_pct == pytest.approx(36.8 - 2436 * 86 / HOUR_S / 6050 * 100)
    assert each.soc_pct == pytest.approx(35.9, abs=0.1)


# ---- limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "charge_w", "discharge_w", "offgrid_w"),
    [
        # with 1, 2, 3 and 6 modules (protocol.md, section 15)
        ("solidflex2000", (900, 1800, 2400, 2400), (1000, 2000, 2400, 2400), (1000, 2000, 2400, 2400)),
        ("powerflex2000", (1000, 2000, 2400, 2400), (1200, 2400, 2400, 2400), (1200, 2400, 2400, 2400)),
        ("solidflex1200", (900, 1200, 1200, 1200), (1000, 1200, 1200, 1200), (1000, 2000, 2400, 2400)),
    ],
)
def test_the_number_of_modules_limits_power(
    product: str, charge_w: tuple[float, ...], discharge_w: tuple[float, ...], offgrid_w: tuple[float, ...]
) -> None:
    parts = [kit(products()[product], modules) for modules in (1, 2, 3, 6)]
    assert tuple(each.charge_w for each in parts) == charge_w
    assert tuple(each.discharge_w for each in parts) == discharge_w
    assert tuple(each.offgrid_w for each in parts) == offgrid_w


@pytest.mark.parametrize(("modules", "charge_w", "discharge_w"), [(1, 900, 1000), (2, 1792, 2000), (3, 2400, 2400)])
def test_a_warm_unit_charges_and_discharges_with_what_its_modules_allow(modules: int, charge_w: float, discharge_w: float) -> None:
    each = unit("solidflex2000", modules)
    live(each, -9000)
    assert each.battery_w == pytest.approx(-min(charge_w, 896 * modules))
    live(each, 9000)
    assert each.battery_w == pytest.approx(discharge_w)


SOLIDFLEX_1800 = ((-20, 0, 0), (-10, 0, 304), (0, 0, 380), (4, 179, 761), (10, 537, 761), (52, 896, 1075), (53, 448, 380))
POWERFLEX_2000 = ((-20, 0, 0), (-10, 0, 341), (0, 0, 426), (4, 200, 853), (10, 602, 853), (52, 1004, 1205), (53, 502, 426))


@pytest.mark.parametrize("modules", [1, 3])
@pytest.mark.parametrize(
    ("product", "table", "times"),
    [
        ("solidflex2000", SOLIDFLEX_1800, 1),  # protocol.md, section 15
        ("powerflex2000", POWERFLEX_2000, 1),
        ("solidflex1200", SOLIDFLEX_1800, 1),  # inferred, as all below
        ("solidflex3000", SOLIDFLEX_1800, 2),
        ("powerflex3000", POWERFLEX_2000, 2),
    ],
)
def test_temperature_limits_each_module_by_the_table(
    product: str, table: Sequence[Sequence[float]], times: int, modules: int
) -> None:
    parts = kit(products()[product], modules)
    for (upto_c, charge_w, discharge_w), (_, next_charge_w, next_discharge_w) in zip(table, (*table[1:], (0, 0, 0)), strict=True):
        assert parts.carries(upto_c) == (charge_w * times * modules, discharge_w * times * modules)
        assert parts.carries(upto_c + 0.01) == (next_charge_w * times * modules, next_discharge_w * times * modules)


def test_where_no_table_is_published_frost_stops_charging_and_heat_everything() -> None:
    parts = kit(products()["bk1600"], 1)
    assert parts.carries(0)[0] == 0 < parts.carries(0)[1]
    assert min(parts.carries(0.1)) > parts.charge_w
    assert parts.carries(53.1) == (0, 0)


@pytest.mark.parametrize(
    ("temperature_c", "charge_w", "discharge_w"),
    [(-21, 0, 0), (-5, 0, 852), (3, 400, 1706), (8, 1204, 1706), (52.5, 1004, 852), (60, 0, 0)],
)
def test_a_cold_or_hot_unit_does_what_the_table_allows(temperature_c: float, charge_w: float, discharge_w: float) -> None:
    each = unit(temperature_c=temperature_c)
    live(each, 9000, air_c=temperature_c)
    assert each.battery_w == pytest.approx(discharge_w)
    each = unit(temperature_c=temperature_c)
    live(each, -9000, air_c=temperature_c)
    assert each.battery_w == pytest.approx(-charge_w)


def test_near_full_a_battery_takes_less_and_less_and_gets_full() -> None:
    taken = []
    for soc_pct in (94, 95, 96, 98, 99, 99.9):
        each = unit(soc_pct=soc_pct)
        live(each, -9000)
        taken.append(-each.battery_w)
    assert taken == pytest.approx([2000, 2000, 1600, 800, 400, 80])
    each = unit(soc_pct=99)
    live(each, -9000, times=3600)
    assert each.soc_pct == pytest.approx(100)
    live(each, -9000)
    assert each.battery_w == pytest.approx(0, abs=1e-3)


def test_near_empty_a_battery_gives_less_and_less_and_gets_empty() -> None:
    given_w = []
    for soc_pct in (6, 5, 4, 2, 1, 0.5):
        each = unit(soc_pct=soc_pct)
        live(each, 9000)
        given_w.append(each.battery_w)
    assert given_w == pytest.approx([2400, 2400, 1920, 960, 480, 480])
    each = unit(soc_pct=1)
    live(each, 9000, times=600)
    assert each.soc_pct == pytest.approx(0)
    assert each.ac_w == pytest.approx(-20)  # the socket keeps it awake


def test_a_long_step_ends_where_the_energy_does() -> None:
    each = unit(soc_pct=1)
    live(each, 9000, seconds=7200)
    assert each.soc_pct == pytest.approx(0)
    assert each.battery_w == pytest.approx(20)  # 40 Wh in two hours
    each = unit(soc_pct=99)
    live(each, -9000, seconds=7200)
    assert each.soc_pct == pytest.approx(100)


def test_what_nobody_may_take_the_panels_do_not_deliver() -> None:
    each = unit(soc_pct=100)
    each.look((900, 300), 1)
    each.bound(1, floor_pct=0, ceiling_pct=100, ac_in_max_w=0, ac_out_max_w=500)
    each.run(9000, 1, 25)
    assert each.ac_w == pytest.approx(500)
    assert each.battery_w == 0
    assert sum(each.pv_w) == pytest.approx(to_dc(500))
    assert each.pv_w[0] == pytest.approx(3 * each.pv_w[1])


def test_a_limit_that_falls_is_obeyed_at_once_and_one_that_rises_is_not_leapt_to() -> None:
    each = Unit(kit(POWERFLEX, 2), soc_pct=50, response=LIFELIKE)
    given_w = []
    for limit_w, seconds in ((2000, 4), (2000, 4), (500, 1), (2000, 4), (2000, 4)):
        each.look((), seconds)
        each.bound(seconds, floor_pct=0, ceiling_pct=100, ac_in_max_w=math.inf, ac_out_max_w=limit_w)
        each.run(9000, seconds, 25)
        given_w.append(each.inverter_w)
    assert given_w == pytest.approx([312.5, 1687.5, 500, 1296.875, 2000])  # the mean of each step: 1.5 s of waiting, 400 W a second


def test_a_target_stops_a_unit_that_somebody_else_commands() -> None:
    for target_w, soc_pct, charging in ((-2000, 80, True), (2000, 20, False)):
        each = unit(soc_pct=soc_pct)
        for _ in range(2):
            each.look((), 60)
            each.bound(60, floor_pct=0, ceiling_pct=100, ac_in_max_w=math.inf, ac_out_max_w=math.inf)
            each.stop_at(soc_pct, 60, charging=charging)
            assert each.low_w > -21 if charging else each.high_w < 1
            each.run(target_w, 60, 25)
            assert abs(each.battery_w) < 25  # nothing but itself
        assert each.soc_pct == pytest.approx(soc_pct, abs=0.1)


# ---- steps of any size ---------------------------------------------------------------------------------------------------


@cache
def a_day(step_s: float) -> dict[str, float]:
    """Return the energies, in Wh, of the same day in such steps, in a house that changes every quarter of an hour."""
    clock, lively = ManualClock(NOON.replace(hour=0)), built_in_house(5, 4)
    quarters = [lively(clock.now() + timedelta(seconds=900 * quarter)) for quarter in range(96)]
    site = Site(lambda at: quarters[(at.hour * 60 + at.minute) // 15], clock=clock, pace=Pace(step_s, DAY_S))
    each = Unit(kit(POWERFLEX, 2), soc_pct=40)
    site.join(each, Firmware(Orders(reserve_pct=10), clock.now().timestamp()), 4)
    site.settle(at_once=True)
    clock.tick(DAY_S)
    site.advance()
    energies = {name: each.energy_wh(name) for name in COUNTERS[:5]}
    return energies | {"import": site.import_wh, "export": site.export_wh, "load": site.load_wh, "stored": each.stored_wh}


@pytest.mark.parametrize("step_s", [60, 900])
def test_a_day_in_seconds_and_in_long_steps_comes_out_alike(step_s: float) -> None:
    fine, coarse = a_day(1), a_day(step_s)
    assert coarse == pytest.approx(fine, rel=0.03, abs=0.005 * fine["load"])
