"""A house, its meter and its units: who covers what, how fast, and how time passes for all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import products
from indevolt.clock import ManualClock
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.converter import INSTANT, LIFELIKE, Response, to_ac, to_dc
from indevolt.simulator.firmware import DAY_S, Firmware, Mode, Orders
from indevolt.simulator.house import House, Surroundings, steady_house
from indevolt.simulator.meter import METER_SHOWN_S, Meter
from indevolt.simulator.physics import Unit, kit
from indevolt.simulator.site import MAX_STEPS, Member, Pace, Site

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
FINE = Pace(1, 1_000_000)
FOLLOW = Orders()
EMPTY = Surroundings(0, ())


def site_of(
    *orders: Orders,
    house: House | None = None,
    around: Surroundings = EMPTY,
    socs_pct: Sequence[float] = (60, 50, 40, 30, 20, 10),
    response: Response = LIFELIKE,
    pace: Pace = FINE,
    meter: Meter | None = None,
    clock: ManualClock | None = None,
    product: str = "powerflex2000",
) -> Site:
    """Return a site with a unit of three modules for each of the orders."""
    clock = clock or ManualClock(NOON)
    site = Site(house or steady_house(around), clock=clock, pace=pace, meter=meter)
    for each, soc_pct in zip(orders, socs_pct, strict=False):
        unit = Unit(kit(products()[product], 3), soc_pct=soc_pct, response=response)
        site.join(unit, Firmware(each, clock.now().timestamp()), 4)
    site.settle(at_once=True)
    return site


def wait(site: Site, seconds: float) -> None:
    assert isinstance(site.clock, ManualClock)
    site.clock.tick(seconds)
    site.advance()


def changing(*loads: tuple[float, float]) -> House:
    """Return a house whose load is, from each second on, what stands beside it."""
    return lambda at: Surroundings(next(load for second, load in reversed(loads) if at >= NOON + timedelta(seconds=second)), ())


def curve(site: Site, seconds: int, shows: Callable[[], float]) -> list[float]:
    """Return what something shows after each step."""
    shown: list[float] = []
    site.watch(lambda *_: shown.append(shows()))
    wait(site, seconds)
    return shown


# ---- following the meter -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before_w", "after_w"), [(300, 1100), (1100, 300), (0, 700), (700, 0), (200, 2100)])
def test_a_unit_follows_the_house_within_seconds_and_then_stays(before_w: float, after_w: float) -> None:
    site = site_of(FOLLOW, house=changing((0, before_w), (60, after_w)))
    grid_w = curve(site, 120, lambda: site.grid_w)
    assert max(abs(each) for each in grid_w[30:60]) < 1
    assert grid_w[60] == pytest.approx(after_w - before_w, abs=1)  # nobody has noticed yet
    assert max(abs(each) for each in grid_w[75:]) < 1


def test_what_comes_and_goes_is_followed_too_late_both_times() -> None:
    site = site_of(FOLLOW, house=changing((0, 300), (60, 1500), (80, 300)))
    grid_w = curve(site, 120, lambda: site.grid_w)
    assert max(grid_w) == pytest.approx(1200, abs=1)
    assert min(grid_w) == pytest.approx(-1200, abs=1)
    assert site.import_wh > 1
    assert site.export_wh > 1


@pytest.mark.parametrize("refresh_s", [2, 5, 10])
def test_a_unit_knows_no_more_than_the_meter_showed_last(refresh_s: int) -> None:
    site = site_of(FOLLOW, house=changing((0, 300), (61, 900)), meter=Meter(refresh_s=refresh_s))
    given_w = curve(site, 120, lambda: site.units[0].ac_w)
    moved = next(second for second, each in enumerate(given_w) if second > 60 and abs(each - 300) > 1)
    read = next(second for second in range(62, 90) if second % refresh_s == 0)  # the first reading with the new load
    assert moved == read
    assert given_w[read + 10 + refresh_s] == pytest.approx(900, abs=1)


def test_the_shown_meter_value_changes_every_5_s_at_most() -> None:
    assert METER_SHOWN_S == 5  # protocol.md, section 7
    site = site_of(Orders(mode=Mode.REST), house=lambda at: Surroundings(1000 + at.timestamp() % 97, ()))
    shown = curve(site, 100, lambda: site.meter.shown_w)
    changes = [second for second in range(1, 100) if shown[second] != shown[second - 1]]
    assert len(changes) >= 15
    assert all(later - sooner >= 5 for sooner, later in pairwise(changes))


def test_roof_and_units_cover_the_house_together() -> None:
    site = site_of(FOLLOW, around=Surroundings(1000, (200,), 25, 450), response=INSTANT)
    wait(site, 10)
    assert site.units[0].ac_w == pytest.approx(550)
    assert site.grid_w == pytest.approx(0, abs=1e-6)
    site = site_of(FOLLOW, around=Surroundings(1000, (), 25, 1800), response=INSTANT)
    wait(site, 10)
    assert site.units[0].ac_w == pytest.approx(-800)  # surplus of the roof is charged as well


# ---- several units at one meter ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3])
@given(st.floats(0, 3600), st.floats(0, 3600))
def test_units_that_know_nothing_of_each_other_settle_within_half_a_minute(count: int, before_w: float, after_w: float) -> None:
    site = site_of(*[FOLLOW] * count, house=changing((0, before_w), (60, after_w)))
    grid_w = curve(site, 120, lambda: site.grid_w)
    assert max(abs(each) for each in grid_w[90:]) < 2 * 60 + 1  # each covers half of what it sees, and starts for 60 W


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_units_that_know_nothing_of_each_other_do_not_hunt(count: int) -> None:
    site = site_of(*[FOLLOW] * count, house=changing((0, 400), (60, 2000)))
    wait(site, 100)
    given_w = [curve(site, 60, partial(getattr, unit, "ac_w")) for unit in site.units]
    assert all(max(each) - min(each) < 1 for each in given_w)
    assert sum(each[-1] for each in given_w) == pytest.approx(2000, abs=1)


def test_in_long_steps_no_unit_charges_from_another() -> None:
    around = Surroundings(300, (0,) * 4 + (900,) * 2)
    site = site_of(FOLLOW, FOLLOW, around=around, pace=Pace(60))
    wait(site, 3600)
    dark, sunny = site.units
    assert site.grid_w == pytest.approx(0, abs=1e-6)
    assert sunny.battery_w < -1000
    assert dark.battery_w >= 0


def test_in_long_steps_what_one_unit_cannot_take_another_does() -> None:
    around = Surroundings(300, (0,) * 4 + (900,) * 2)
    site = site_of(FOLLOW, FOLLOW, around=around, socs_pct=(20, 100), pace=Pace(60))
    wait(site, 600)
    dark, sunny = site.units
    assert site.grid_w == pytest.approx(0, abs=1e-6)
    assert sunny.battery_w == pytest.approx(0, abs=1e-6)
    assert dark.battery_w < -1000


def test_each_unit_has_inputs_of_its_own() -> None:
    site = site_of(FOLLOW, FOLLOW, around=Surroundings(0, (10, 20, 30, 40, 50, 60)), response=INSTANT)
    wait(site, 5)
    assert [unit.pv_w for unit in site.units] == [(10, 20, 30, 40), (50, 60)]


def test_several_units_together_feed_in_no_more_than_one_may() -> None:
    limited = Orders(feed_in_max_w=800)
    site = site_of(limited, limited, around=Surroundings(0, (500,) * 8), socs_pct=(100, 100), response=INSTANT)
    wait(site, 10)
    assert site.grid_w == pytest.approx(-800)


@pytest.mark.parametrize("orders", [Orders(feed_in_max_w=800), Orders(mode=Mode.POWER, power_w=2000, feed_in_max_w=800)])
def test_the_limit_at_the_meter_counts_what_the_roof_exports(orders: Orders) -> None:
    site = site_of(orders, around=Surroundings(0, (500,) * 4, 25, 500), socs_pct=(100,), response=INSTANT)
    wait(site, 10)
    assert site.grid_w == pytest.approx(-800)


# ---- the meter and the grid may fail -------------------------------------------------------------------------------------


def test_without_the_meter_the_load_curve_goes_on_until_it_is_back() -> None:
    site = site_of(Orders(curve_w=(150.0,) * 48), around=Surroundings(900, ()))
    wait(site, 60)
    assert site.units[0].ac_w == pytest.approx(900)
    site.meter.online = False
    wait(site, 60)
    assert site.units[0].ac_w == pytest.approx(150)
    site.meter.online = True
    wait(site, 60)
    assert site.units[0].ac_w == pytest.approx(900)


@pytest.mark.parametrize("by_house", [True, False])
def test_in_an_outage_the_first_unit_feeds_its_bypass_socket_from_the_reserve(*, by_house: bool) -> None:
    orders = Orders(reserve_pct=60)
    site = site_of(orders, FOLLOW, around=Surroundings(900, (), 20, 300, 400))
    wait(site, 60)
    first, second = site.units
    before_wh, import_wh = first.stored_wh, site.import_wh
    assert site.grid_w == pytest.approx(900 - 300 + 400 - second.ac_w, abs=1)
    if by_house:
        site.house = steady_house(Surroundings(900, (), 20, 300, 400, grid_up=False))
    else:
        site.grid_up = False
    wait(site, 3600)
    assert site.load_w == site.roof_w == site.grid_w == 0
    assert first.island
    assert first.bypass_w == 400
    assert second.bypass_w == 0
    assert before_wh - first.stored_wh == pytest.approx(to_dc(400, first.kit.offgrid_own_w))
    assert site.import_wh == pytest.approx(import_wh)
    assert first.energy_wh("offgrid_output_energy") == pytest.approx(400)


def test_after_an_outage_the_house_is_followed_again() -> None:
    site = site_of(FOLLOW, around=Surroundings(500, ()))
    site.grid_up = False
    wait(site, 600)
    assert site.units[0].ac_w == 0
    site.grid_up = True
    wait(site, 1)
    assert site.grid_w == 500
    wait(site, 30)
    assert site.grid_w == pytest.approx(0, abs=1)


def test_a_full_battery_under_a_command_cuts_a_micro_inverter_off() -> None:
    site = site_of(Orders(mode=Mode.POWER, power_w=0), around=Surroundings(900, (), 25, 0, -600), socs_pct=(100,))
    wait(site, 25)
    assert site.units[0].bypass_w == -600
    assert site.units[0].energy_wh("microinverter_energy") == pytest.approx(600 * 25 / 3600)
    wait(site, 10)
    assert site.units[0].bypass_w == 0
    assert site.grid_w == pytest.approx(900, abs=30)


# ---- clusters ------------------------------------------------------------------------------------------------------------


def cluster_of(
    *orders: Orders,
    around: Surroundings = EMPTY,
    wiring: Wiring = Wiring.COORDINATED,
    socs_pct: Sequence[float] = (60, 50, 40),
    response: Response = INSTANT,
    product: str = "powerflex2000",
) -> Site:
    """Return a cluster that has lived for a minute; the first leads."""
    site = site_of(*orders, around=around, socs_pct=socs_pct, response=response, product=product)
    for member in site.members:
        member.role = Role.MASTER if member is site.members[0] else Role.SLAVE
        member.wiring = wiring
    wait(site, 60)
    return site


def command(power_w: float, **more: Any) -> Orders:
    return Orders(mode=Mode.POWER, power_w=power_w, **more)


@pytest.mark.parametrize("power_w", [2400, -2400])
def test_a_command_for_a_pair_is_divided_into_halves(power_w: float) -> None:
    site = cluster_of(command(power_w), FOLLOW)
    assert [unit.battery_w for unit in site.units] == pytest.approx([power_w / 2] * 2)  # 1200 W each (protocol.md, section 14)
    assert site.is_clustered


def test_a_pair_that_is_told_4000_w_gives_about_as_much_as_was_captured() -> None:
    site = cluster_of(command(4000), FOLLOW)
    assert -site.grid_w == pytest.approx(3700, abs=50)  # "about 3.7 kW" (protocol.md, section 14)


def test_what_a_full_slave_cannot_take_the_others_take() -> None:
    site = cluster_of(command(-3000), FOLLOW, FOLLOW, socs_pct=(50, 100, 50))
    assert [unit.battery_w for unit in site.units] == pytest.approx([-1500, to_dc(0), -1500])


def test_a_slave_with_a_command_of_its_own_disturbs_the_balance() -> None:
    site = cluster_of(command(2400), command(300), FOLLOW)
    assert [unit.battery_w for unit in site.units] == pytest.approx([1200, 300, 1200])


def test_a_target_of_the_master_stops_each_slave_there() -> None:
    site = cluster_of(command(-3000, target_pct=55), FOLLOW, FOLLOW, socs_pct=(50, 54, 56))
    wait(site, 3600)
    master, low, high = site.units
    assert master.soc_pct == pytest.approx(55, abs=0.5)
    assert low.soc_pct == pytest.approx(55, abs=0.5)
    assert high.soc_pct == pytest.approx(56, abs=0.5)


@pytest.mark.parametrize(
    ("load_w", "given_w"),
    [
        (150, (150, 0, 0)),
        (440, (240, 200, 0)),
        (1500, (600, 500, 400)),
        (6000, (to_ac(2400), 2114, 1692)),  # the first can do no more
        (9000, (to_ac(2400),) * 3),
    ],
)
def test_the_house_is_shared_by_charge(load_w: float, given_w: tuple[float, ...]) -> None:
    site = cluster_of(FOLLOW, FOLLOW, FOLLOW, around=Surroundings(load_w, ()))
    assert [unit.ac_w for unit in site.units] == pytest.approx(given_w, rel=0.01, abs=2)


@pytest.mark.parametrize(("wiring", "most_w"), [(Wiring.CENTRALIZED, 3600), (Wiring.COORDINATED, 3 * to_ac(2400))])
def test_behind_one_socket_a_cluster_gives_what_that_carries(wiring: Wiring, most_w: float) -> None:
    site = cluster_of(FOLLOW, FOLLOW, FOLLOW, around=Surroundings(9000, ()), wiring=wiring)
    assert sum(unit.ac_w for unit in site.units) == pytest.approx(most_w)
    site = cluster_of(FOLLOW, FOLLOW, FOLLOW, around=Surroundings(1500, ()), wiring=wiring)
    assert sum(unit.ac_w for unit in site.units) == pytest.approx(1500)
    site = cluster_of(command(9000), FOLLOW, FOLLOW, wiring=wiring)
    assert 0.9 * most_w < sum(unit.ac_w for unit in site.units) <= most_w


def test_a_small_family_has_a_smaller_socket() -> None:
    site = cluster_of(FOLLOW, FOLLOW, FOLLOW, around=Surroundings(5800, ()), wiring=Wiring.CENTRALIZED, product="solidflex1200")
    assert sum(unit.ac_w for unit in site.units) == pytest.approx(2300)


@pytest.mark.parametrize("load_w", [150.0, 450.0, 1800.0])
def test_a_lifelike_cluster_settles_as_one(load_w: float) -> None:
    site = cluster_of(FOLLOW, FOLLOW, FOLLOW, response=LIFELIKE)
    site.house = steady_house(Surroundings(load_w, ()))
    grid_w = curve(site, 90, lambda: site.grid_w)
    assert max(abs(each) for each in grid_w[30:]) < 1


def test_a_member_alone_is_no_cluster() -> None:
    site = site_of(FOLLOW)
    assert not site.is_clustered
    assert site.member_of(site.units[0]) is site.members[0]
    assert isinstance(site.members[0], Member)


# ---- time ----------------------------------------------------------------------------------------------------------------


def test_what_is_on_the_agenda_happens_in_its_order_and_at_its_own_moment() -> None:
    site = site_of(FOLLOW)
    done: list[tuple[str, float]] = []

    def note(name: str) -> None:
        done.append((name, site.at_s))

    for delay_s, name in ((30, "late"), (10, "soon"), (10, "soon too"), (20.5, "between")):
        site.after(delay_s, partial(note, name))
    wait(site, 9)
    assert not done
    wait(site, 60)
    assert done == [("soon", 10), ("soon too", 10), ("between", 20), ("late", 30)]
    assert site.at_s == 69


def test_an_action_takes_effect_from_its_own_moment_however_late_somebody_looks() -> None:
    site = site_of(Orders(mode=Mode.REST), around=Surroundings(1000, ()))
    site.after(600, lambda: setattr(site, "house", steady_house(Surroundings(4000, ()))))
    wait(site, 1200)
    assert site.load_wh == pytest.approx((1000 + 4000) / 6)


def test_it_is_due_when_a_step_or_an_action_is() -> None:
    clock = ManualClock(NOON)
    site, done = site_of(FOLLOW, clock=clock), list[str]()
    site.after(0.75, lambda: done.append("acted"))
    due = []
    for seconds in (0, 0.5, 0.3, 0.1, 0.2):
        clock.tick(seconds)
        due.append(site.is_due)
        site.advance()
    assert due == [False, False, True, False, True]
    assert done == ["acted"]
    assert site.at_s == 1


def test_values_change_with_the_step_and_not_with_every_look() -> None:
    site = site_of(FOLLOW, house=lambda at: Surroundings(at.timestamp() % 1000, ()), pace=Pace(5))
    loads = set()
    for _ in range(20):
        wait(site, 1)
        loads.add(site.load_w)
    assert len(loads) == 5


@pytest.mark.parametrize(
    ("gap_s", "step_s"), [(0.5, 1), (60, 1), (61, 1), (600, 10), (3600, 60), (DAY_S, 900), (10 * DAY_S, 900), (365 * DAY_S, 31_536)]
)
def test_the_longer_nobody_looked_the_longer_the_steps(gap_s: float, step_s: float) -> None:
    assert Pace().step_for(gap_s) == step_s


@given(st.floats(0.1, 900), st.integers(1, 1000), st.floats(1, 3600), st.floats(0, 1e9))
def test_a_step_is_a_whole_number_of_the_shortest(step_s: float, steps: int, longest_s: float, gap_s: float) -> None:
    chosen = Pace(step_s, steps, longest_s).step_for(gap_s)
    assert chosen >= step_s
    assert chosen / step_s == pytest.approx(round(chosen / step_s))


@pytest.mark.parametrize("gap_s", [0.5, 60, 3600, DAY_S, 400 * DAY_S])
def test_a_gap_of_any_length_costs_a_bounded_number_of_steps(gap_s: float) -> None:
    looks = 0

    def house(_: datetime) -> Surroundings:
        nonlocal looks
        looks += 1
        assert looks <= 10 * MAX_STEPS
        return Surroundings(500, (100,))

    site = site_of(FOLLOW, house=house, pace=Pace())
    looks = 0
    wait(site, gap_s)
    assert looks <= 1.1 * MAX_STEPS + gap_s / DAY_S
    assert site.load_wh == pytest.approx(500 * math.floor(gap_s) / 3600)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=8), st.sampled_from((0.5, 1.0, 7.0, 60.0)))
def test_observers_are_told_every_second_once(gaps_s: list[float], step_s: float) -> None:
    site = site_of(FOLLOW, pace=Pace(step_s))
    told: list[tuple[datetime, float]] = []
    site.watch(lambda start, seconds: told.append((start, seconds)))
    for gap_s in gaps_s:
        wait(site, gap_s)
    expected = NOON
    for start, seconds in told:
        assert abs(start - expected) < timedelta(milliseconds=1)
        expected = start + timedelta(seconds=seconds)
    assert sum(seconds for _, seconds in told) == pytest.approx(site.at_s, abs=1e-3)
    assert sum(gaps_s) - step_s - 1e-3 <= site.at_s <= sum(gaps_s) + 1e-3


@pytest.mark.parametrize("pace", [FINE, Pace(1, 1)])
def test_a_day_begins_at_midnight_utc(pace: Pace) -> None:
    clock = ManualClock(NOON.replace(hour=23, minute=59))
    site = site_of(Orders(mode=Mode.POWER, power_w=600), clock=clock, response=INSTANT, pace=pace)
    wait(site, 180)
    unit = site.units[0]
    assert unit.energy_wh("battery_discharge_energy") == pytest.approx(30)
    assert unit.energy_wh("battery_discharge_energy", today=True) == pytest.approx(20)


def test_a_gap_of_days_counts_only_the_last_one_as_today() -> None:
    site = site_of(Orders(mode=Mode.REST), around=Surroundings(0, (100,)), pace=Pace(), response=INSTANT)
    wait(site, 10 * DAY_S)
    assert site.units[0].energy_wh("pv_energy") == pytest.approx(24_000)
    assert site.units[0].energy_wh("pv_energy", today=True) == pytest.approx(1200)


@pytest.mark.parametrize("shift_s", [-3 * DAY_S, -3600, 3600, 40 * DAY_S])
def test_a_wall_clock_that_is_set_moves_midnight_and_no_energy(shift_s: float) -> None:
    site = site_of(Orders(mode=Mode.POWER, power_w=600), response=INSTANT, pace=Pace(10, 1_000_000))
    assert isinstance(site.clock, ManualClock)
    wait(site, 600)
    site.clock.jump(shift_s)
    wait(site, 600)
    unit = site.units[0]
    assert unit.energy_wh("battery_discharge_energy") == pytest.approx(200)
    midnight = site.clock.now().replace(hour=0, minute=0) + timedelta(days=1)
    wait(site, (midnight - site.clock.now()).total_seconds() + 360)
    assert unit.energy_wh("battery_discharge_energy", today=True) == pytest.approx(unit.battery_w / 10, rel=0.02)


def test_settling_takes_no_time_and_at_once_is_as_if_it_had_always_been_so() -> None:
    site = site_of(FOLLOW, around=Surroundings(700, ()))
    assert site.units[0].ac_w == pytest.approx(700)
    assert site.grid_w == pytest.approx(0, abs=1e-6)
    resting = site_of(Orders(mode=Mode.REST), around=Surroundings(700, ()))
    assert resting.meter.shown_w == resting.meter.grid_w == resting.grid_w == pytest.approx(700)
    site.house = steady_house(Surroundings(1200, ()))
    version = site.version
    site.settle()
    assert site.units[0].ac_w == pytest.approx(700)
    assert site.grid_w == pytest.approx(500)
    assert site.version > version
    assert (site.at_s, site.import_wh, site.units[0].soc_pct) == (0, 0, 60)


def test_the_site_counts_what_its_house_takes_gets_and_gives() -> None:
    site = site_of(around=Surroundings(500, (), 20, 800))
    wait(site, 3600)
    assert (site.load_wh, site.roof_wh, site.import_wh, site.export_wh) == pytest.approx((500, 800, 0, 300))
    site.house = steady_house(Surroundings(500, (), 20, 100))
    wait(site, 1800)
    assert (site.load_wh, site.roof_wh, site.import_wh, site.export_wh) == pytest.approx((750, 850, 200, 300))
