"""What the unit decides by itself: reserve, recharge, forced full charge, plan, load curve, standby (protocol.md, section 15)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import load, products
from indevolt.clock import ManualClock
from indevolt.simulator.converter import INSTANT, LIFELIKE, Response, to_ac, to_dc
from indevolt.simulator.firmware import DAY_S, Firmware, Mode, Orders, Slot
from indevolt.simulator.house import Surroundings, steady_house
from indevolt.simulator.physics import Unit, kit
from indevolt.simulator.site import Pace, Site

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
MINUTE_S, HOUR_S = 60, 3600
RESTING_W = to_dc(0)  # what a battery gives while its unit only feeds itself


class Home:
    """A house of steady load and sun with one unit that follows orders at once."""

    def __init__(
        self,
        orders: Orders,
        *,
        soc_pct: float = 50,
        load_w: float = 0,
        pv_w: float = 0,
        start: datetime = NOON,
        step_s: float = 1,
        response: Response = INSTANT,
    ) -> None:
        self.clock = ManualClock(start)
        self.site = Site(steady_house(Surroundings(load_w, (pv_w,))), clock=self.clock, pace=Pace(step_s, 1_000_000))
        self.unit = Unit(kit(products()["powerflex2000"], 2), soc_pct=soc_pct, response=response)
        self.firmware = Firmware(orders, start.timestamp())
        self.site.join(self.unit, self.firmware, 4)
        self.site.settle()

    def after(self, seconds: float) -> float:
        """Let time pass and return the battery's power."""
        self.clock.tick(seconds)
        self.site.advance()
        return self.unit.battery_w

    def at(self, soc_pct: float) -> float:
        """Return the battery's power at another charge."""
        self.unit.soc_pct = soc_pct
        return self.after(1)

    def surround(self, load_w: float, *, pv_w: float = 0, bypass_w: float = 0, grid_up: bool = True) -> None:
        self.site.house = steady_house(Surroundings(load_w, (pv_w,), 25, 0, bypass_w, grid_up))

    def until(self, moment: datetime) -> float:
        return self.after((moment - self.clock.now()).total_seconds())

    @property
    def state(self) -> str:
        return self.firmware.state(self.unit)


# ---- the reserve ---------------------------------------------------------------------------------------------------------


def test_discharging_ends_at_the_reserve_and_begins_again_2_points_above() -> None:
    home = Home(Orders(reserve_pct=20), load_w=1000)
    working_w = pytest.approx(to_dc(1000))
    resting_w = pytest.approx(RESTING_W)
    assert [home.at(soc) for soc in (30, 20.1)] == [working_w] * 2
    assert [home.at(soc) for soc in (20, 20.1, 21.9)] == [resting_w] * 3
    assert [home.at(soc) for soc in (22, 21, 20.1)] == [working_w] * 3
    assert home.at(20) == resting_w


def test_2_points_below_the_reserve_the_grid_recharges_with_500_w_up_to_the_reserve() -> None:
    home = Home(Orders(reserve_pct=20), load_w=1000)
    assert [home.at(soc) for soc in (19, 18)] == pytest.approx([RESTING_W] * 2)
    assert home.state == "standby"
    assert [home.at(soc) for soc in (17.9, 18.5, 19.9)] == pytest.approx([-500] * 3)
    assert home.state == "low_battery_charging"
    assert home.site.grid_w > 1500
    assert [home.at(soc) for soc in (20, 19)] == pytest.approx([RESTING_W] * 2)


def test_recharging_takes_the_power_that_is_set_and_first_from_the_sun() -> None:
    home = Home(Orders(reserve_pct=20, recharge_w=800), soc_pct=10, pv_w=300)
    assert home.after(1) == pytest.approx(-800)
    assert home.site.grid_w == pytest.approx(-to_ac(300 - 800))


@pytest.mark.parametrize("step_s", [1, 60, 900])
def test_recharging_ends_at_the_reserve_in_steps_of_any_size(step_s: float) -> None:
    home = Home(Orders(reserve_pct=20), soc_pct=15, step_s=step_s)
    socs: list[float] = []
    home.site.watch(lambda *_: socs.append(home.unit.soc_pct))
    home.after(2 * HOUR_S)
    assert max(socs) == pytest.approx(20, abs=1e-6)
    assert socs[-1] > 19


def test_with_pv_as_the_only_source_the_grid_helps_from_3_to_5_percent() -> None:
    home = Home(Orders(reserve_pct=20, grid_charging=False), load_w=1000)
    assert [home.at(soc) for soc in (17, 10, 3)] == pytest.approx([RESTING_W] * 3)
    assert [home.at(soc) for soc in (2.9, 4, 4.9)] == pytest.approx([-500] * 3)
    assert [home.at(soc) for soc in (5, 4)] == pytest.approx([RESTING_W] * 2)


def test_a_command_cannot_discharge_below_the_reserve_but_charge_from_there() -> None:
    home = Home(Orders(mode=Mode.POWER, power_w=1000, target_pct=5, reserve_pct=20), soc_pct=20.5, step_s=900)
    home.after(HOUR_S)
    assert 19 < home.unit.soc_pct <= 20
    home.firmware.orders = Orders(mode=Mode.POWER, power_w=-1000, target_pct=60, reserve_pct=20)
    assert home.after(900) == pytest.approx(-1000)


def test_a_forgotten_reserve_costs_at_most_its_own_consumption_until_the_grid_recharges() -> None:
    home = Home(Orders(reserve_pct=20, deep_to_s=0), soc_pct=20, load_w=1000, step_s=60)
    socs = [(home.after(HOUR_S), home.unit.soc_pct)[1] for _ in range(24 * 6)]
    assert min(socs) > 17.9
    assert max(socs) <= 20
    assert socs[-1] != socs[-2]


# ---- commands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("power_w", "start_pct", "target_pct"), [(-2000, 50, 55), (2000, 50, 45)])
def test_a_command_ends_at_its_target_and_rests(power_w: float, start_pct: float, target_pct: float) -> None:
    home = Home(Orders(mode=Mode.POWER, power_w=power_w, target_pct=target_pct), soc_pct=start_pct, load_w=500)
    assert home.after(1) == pytest.approx(power_w)
    home.after(10 * MINUTE_S)
    assert home.unit.soc_pct == pytest.approx(target_pct, abs=0.1)
    assert abs(home.unit.battery_w) <= RESTING_W + 1e-6


def test_a_command_to_do_nothing_does_nothing_for_the_house() -> None:
    home = Home(Orders(mode=Mode.POWER), load_w=800)
    assert home.after(1) == pytest.approx(RESTING_W)
    assert home.site.grid_w == pytest.approx(800)


def test_a_command_may_feed_the_grid_as_far_as_that_is_allowed() -> None:
    home = Home(Orders(mode=Mode.POWER, power_w=2000, feed_in_max_w=300), load_w=400)
    home.after(1)
    assert home.site.grid_w == pytest.approx(-300)
    home.firmware.orders = Orders(mode=Mode.POWER, power_w=2000, feed_in_max_w=300, sees_meter=False)
    home.after(1)
    assert home.unit.battery_w == pytest.approx(2000)


@pytest.mark.parametrize(("limit", "power_w"), [("ac_out_max_w", 2000), ("ac_in_max_w", -2000)])
def test_settings_limit_what_a_command_can_do_at_the_socket(limit: str, power_w: float) -> None:
    limits: dict[str, Any] = {limit: 600.0}
    home = Home(Orders(mode=Mode.POWER, power_w=power_w, **limits))
    home.after(1)
    assert abs(home.unit.inverter_w) == pytest.approx(600)


# ---- following the house -------------------------------------------------------------------------------------------------


def test_who_follows_starts_at_60_w_and_stops_below_20_w() -> None:
    home = Home(Orders())
    given_w = []
    for load_w in (59, 60, 59, 21, 19, 59, 61):
        home.surround(load_w)
        home.after(1)
        given_w.append(home.unit.ac_w)
    assert given_w == pytest.approx([0, 60, 59, 21, 0, 0, 61], abs=1e-6)


def test_while_the_sun_shines_small_loads_are_served_as_well() -> None:
    home = Home(Orders(), load_w=30, pv_w=100)
    home.after(5)
    assert home.unit.ac_w == pytest.approx(30)


def test_surplus_goes_into_the_battery_and_then_to_the_grid() -> None:
    home = Home(Orders(), load_w=200, pv_w=800)
    assert home.after(1) == pytest.approx(to_dc(200) - 800)
    assert home.site.grid_w == pytest.approx(0)
    home.at(100)
    assert home.unit.battery_w == pytest.approx(0)
    assert home.site.grid_w == pytest.approx(200 - to_ac(800))


def test_a_full_battery_takes_no_more_until_it_fell_to_98() -> None:
    home = Home(Orders(feed_in_max_w=0), pv_w=500)
    powers_w = [home.at(soc) for soc in (99, 100, 99.5, 98.1, 97.9, 99)]
    charging = [power_w < -100 for power_w in powers_w]
    assert charging == [True, False, False, False, True, True]


# ---- the forced full charge ----------------------------------------------------------------------------------------------

AT_2 = Orders(full_every_s=5 * DAY_S, full_from_s=2 * HOUR_S, ac_out_max_w=0)


def began(home: Home, days: int) -> list[datetime]:
    """Return when forced charges began in so many days."""
    moments, before = [], home.firmware.forcing
    for _ in range(days * 24 * 4):
        home.after(15 * MINUTE_S)
        if home.firmware.forcing and not before:
            moments.append(home.clock.now())
        before = home.firmware.forcing
    return moments


def test_a_full_charge_is_forced_every_few_days_at_its_time_and_does_not_drift() -> None:
    home = Home(AT_2, step_s=300)
    moments = began(home, 16)
    midnight = NOON.replace(hour=0)
    wanted = [midnight + timedelta(days=5 * times, hours=2) for times in (1, 2, 3)]
    assert len(moments) == 3
    assert all(abs(moment - due) <= timedelta(minutes=15) for moment, due in zip(moments, wanted, strict=True))


def test_a_forced_charge_goes_on_until_full_with_all_the_power_there_is() -> None:
    home = Home(AT_2, load_w=500, step_s=60)
    home.until(NOON.replace(hour=2, minute=10) + timedelta(days=5))
    assert home.unit.battery_w == pytest.approx(-2000)
    assert home.state == "forced_full_charge"
    home.after(3 * HOUR_S)
    assert home.unit.soc_pct > 99.5
    assert not home.firmware.forcing


def test_a_battery_that_got_full_by_itself_is_not_due() -> None:
    home = Home(AT_2, step_s=300)
    home.after(3 * DAY_S)
    home.unit.soc_pct = 100
    home.after(300)
    home.unit.soc_pct = 50
    moments = began(home, 6)
    assert [moment.date() for moment in moments] == [(NOON + timedelta(days=8)).date()]


def test_a_charge_whose_time_of_day_is_not_there_yet_waits_for_it() -> None:
    home = Home(Orders(full_every_s=5 * DAY_S, full_from_s=18 * HOUR_S), step_s=300)
    home.until(NOON.replace(hour=17, minute=50) + timedelta(days=5))
    assert not home.firmware.forcing
    home.until(NOON.replace(hour=18, minute=10) + timedelta(days=5))
    assert home.firmware.forcing


def test_a_command_outranks_a_charge_that_is_due() -> None:
    home = Home(AT_2, step_s=300)
    home.until(NOON + timedelta(days=4))
    home.firmware.orders = Orders(mode=Mode.POWER, full_every_s=5 * DAY_S, full_from_s=2 * HOUR_S)
    home.until(NOON + timedelta(days=6))
    assert home.unit.battery_w >= 0
    home.firmware.orders = AT_2
    assert home.after(300) == pytest.approx(-2000)


def test_without_an_interval_nothing_is_forced() -> None:
    home = Home(Orders(), step_s=900)
    home.after(40 * DAY_S)
    assert not home.firmware.forcing
    assert home.unit.soc_pct < 50


# ---- the plan ------------------------------------------------------------------------------------------------------------

seconds_of_day = st.floats(0, DAY_S, exclude_max=True)


@given(seconds_of_day, seconds_of_day, seconds_of_day)
def test_a_second_is_either_in_a_slot_or_in_the_rest_of_the_day(start_s: float, end_s: float, second: float) -> None:
    there, back = Slot(start_s, end_s, 0, 0).holds(second), Slot(end_s, start_s, 0, 0).holds(second)
    assert there != back or start_s == end_s


def test_a_slot_over_midnight_has_an_evening_and_a_morning() -> None:
    slot = Slot(22 * HOUR_S, 2 * HOUR_S, -800, 80)
    assert [slot.holds(hour * HOUR_S) for hour in (21, 22, 23.9, 0, 1.9, 2, 12)] == [False, True, True, True, True, False, False]
    assert not Slot(5, 5, 0, 0).holds(5)


PLAN = Orders(
    mode=Mode.PLAN,
    plan=(
        Slot(22 * HOUR_S, 2 * HOUR_S, -400, 80),
        Slot(13 * HOUR_S, 14 * HOUR_S, 1000, 30),
        Slot(13.5 * HOUR_S, 15 * HOUR_S, -500, 90),
    ),
)


def test_a_plan_runs_its_slots_the_first_that_holds_and_rests_between() -> None:
    home = Home(PLAN, load_w=300, step_s=60)
    powers_w = {}
    for hour in (12.5, 13.2, 13.7, 14.5, 18, 22.5, 25, 26.5):
        powers_w[hour] = home.until(NOON.replace(hour=0) + timedelta(hours=hour))
    asleep_w = home.unit.kit.deep_w
    assert powers_w == pytest.approx(
        {12.5: asleep_w, 13.2: 1000, 13.7: 1000, 14.5: -500, 18: asleep_w, 22.5: -400, 25: -400, 26.5: asleep_w}
    )


def test_a_slot_ends_at_its_charge() -> None:
    home = Home(PLAN, soc_pct=78, start=NOON.replace(hour=22), step_s=60)
    assert home.after(60) == pytest.approx(-400)
    home.after(HOUR_S)
    assert home.unit.soc_pct == pytest.approx(80, abs=0.5)
    assert abs(home.unit.battery_w) <= RESTING_W + 1e-6


# ---- without a meter -----------------------------------------------------------------------------------------------------

CURVE = (100.0,) * 24 + (250.0, 400.0, 150.0) + (100.0,) * 21  # 250 W from 12:00 to 12:30 UTC


@pytest.mark.parametrize("reason", ["offline", "not connected", "not wanted"])
def test_without_a_meter_the_load_curve_says_what_is_given(reason: str) -> None:
    home = Home(Orders(curve_w=CURVE, sees_meter=reason != "not connected", follows_curve=reason == "not wanted"), load_w=900)
    home.site.meter.online = reason != "offline"
    given_w = [(home.until(NOON + timedelta(minutes=minute)), home.unit.ac_w)[1] for minute in (1, 29, 31, 61)]
    assert given_w == pytest.approx([250, 250, 400, 150])


def test_a_curve_that_nobody_set_gives_nothing_and_keeps_the_sun() -> None:
    home = Home(Orders(sees_meter=False), load_w=900, pv_w=600)
    assert home.after(1) == pytest.approx(to_dc(0) - 600)
    assert home.unit.ac_w == pytest.approx(0, abs=1e-6)


def test_by_the_curve_a_unit_may_feed_the_grid() -> None:
    home = Home(Orders(curve_w=(500.0,) * 48, sees_meter=False, feed_in_max_w=0), load_w=100)
    home.after(1)
    assert home.site.grid_w == pytest.approx(-400)


# ---- standby -------------------------------------------------------------------------------------------------------------


def test_after_ten_minutes_of_rest_it_goes_into_deep_standby() -> None:
    home = Home(Orders())
    assert home.after(9 * MINUTE_S) == pytest.approx(RESTING_W)
    assert home.state == "standby"
    assert home.after(2 * MINUTE_S) == home.unit.kit.deep_w
    assert home.state == "deep_sleep"


@pytest.mark.parametrize(("load_w", "pv_w", "wakes"), [(59, 0, False), (60, 0, True), (0, 49, False), (0, 50, True)])
def test_load_and_sun_wake_it_when_they_are_worth_it(load_w: float, pv_w: float, *, wakes: bool) -> None:
    home = Home(Orders())
    home.after(HOUR_S)
    assert home.unit.asleep
    home.surround(load_w, pv_w=pv_w)
    home.after(5)
    assert home.unit.asleep is not wakes


def test_a_command_wakes_it_and_one_to_rest_lets_it_sleep() -> None:
    home = Home(Orders())
    home.after(HOUR_S)
    home.firmware.orders = Orders(mode=Mode.POWER, power_w=500)
    assert home.after(1) == pytest.approx(500)
    home.firmware.orders = Orders(mode=Mode.REST)
    home.after(HOUR_S)
    assert home.unit.asleep


@pytest.mark.parametrize("reserve_pct", [0, 20])
def test_a_unit_that_has_nothing_to_give_sleeps_in_spite_of_the_load(reserve_pct: float) -> None:
    home = Home(Orders(reserve_pct=reserve_pct), soc_pct=reserve_pct, load_w=800)
    home.after(HOUR_S)
    assert home.unit.asleep


def test_a_command_that_a_setting_forbids_keeps_nobody_awake() -> None:
    home = Home(Orders(mode=Mode.POWER, power_w=500, ac_out_max_w=0))
    home.after(HOUR_S)
    assert home.unit.asleep


def test_waking_takes_it_ten_seconds() -> None:
    home = Home(Orders(), response=LIFELIKE)
    home.after(HOUR_S)
    assert home.unit.asleep
    home.firmware.orders = Orders(mode=Mode.POWER, power_w=500)
    home.after(10)
    assert home.unit.inverter_w == 0
    home.after(3)
    assert home.unit.battery_w == pytest.approx(500)


def test_in_its_window_it_sleeps_at_once_unless_the_sun_shines() -> None:
    home = Home(Orders(deep_from_s=22 * HOUR_S, deep_to_s=6 * HOUR_S), load_w=500, start=NOON.replace(hour=21, minute=59), step_s=5)
    assert home.after(30) == pytest.approx(to_dc(500))
    assert home.after(60) == home.unit.kit.deep_w
    home.surround(500, pv_w=100)
    home.after(5)
    assert not home.unit.asleep
    home.surround(500)
    home.until(NOON.replace(hour=6, minute=0) + timedelta(days=1, seconds=5))
    assert home.unit.battery_w == pytest.approx(to_dc(500))


def test_the_same_time_twice_is_no_window() -> None:
    home = Home(Orders(deep_from_s=12 * HOUR_S, deep_to_s=12 * HOUR_S), load_w=500)
    assert home.after(60) == pytest.approx(to_dc(500))


# ---- away from the grid, and as captured ---------------------------------------------------------------------------------


def test_a_portable_unit_feeds_its_bypass_socket_and_nothing_else() -> None:
    home = Home(Orders(mode=Mode.PORTABLE))
    home.surround(700, bypass_w=250)
    home.after(1)
    assert home.unit.bypass_w == 250
    assert home.unit.battery_w == pytest.approx(to_dc(250, home.unit.kit.offgrid_own_w))
    assert home.unit.ac_w == 0
    assert home.site.grid_w == 700
    assert home.state == "offgrid_discharging"
    home.surround(700, pv_w=500)
    home.after(1)
    assert home.state == "offgrid_charging"


def test_off_grid_the_reserve_is_what_it_was_kept_for() -> None:
    home = Home(Orders(reserve_pct=50), soc_pct=50)
    home.surround(700, bypass_w=1000, grid_up=False)
    home.after(HOUR_S)
    assert home.unit.soc_pct < 30
    assert home.unit.energy_wh("offgrid_output_energy") == pytest.approx(1000)


@pytest.mark.parametrize("power_w", [3100, -3300, 26, 0])
def test_a_captured_power_goes_on_whatever_the_limits(power_w: float) -> None:
    home = Home(Orders(mode=Mode.KEEP, power_w=power_w), load_w=500)
    assert home.after(60) == pytest.approx(power_w)
    assert home.unit.inverter_w == pytest.approx(to_ac(power_w))


@pytest.mark.parametrize(("power_w", "end_pct"), [(3100, 15), (-3300, 100)])
def test_a_captured_power_ends_where_the_energy_does(power_w: float, end_pct: float) -> None:
    home = Home(Orders(mode=Mode.KEEP, power_w=power_w, reserve_pct=15), step_s=60)
    home.after(2 * HOUR_S)
    assert home.unit.soc_pct == pytest.approx(end_pct)
    assert home.unit.battery_w == pytest.approx(0, abs=1e-6)


# ---- what it says of itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power_w", "pv_w", "state"),
    [
        (1000, 0, "grid_discharging"),
        (-1000, 0, "grid_charging"),
        (0, 0, "standby"),
        (0, 300, "grid_discharging"),
        (-280, 300, "mppt"),
    ],
)
def test_the_state_says_what_it_does(power_w: float, pv_w: float, state: str) -> None:
    home = Home(Orders(mode=Mode.POWER, power_w=power_w), load_w=1500, pv_w=pv_w)
    home.after(1)
    assert home.state == state


def test_every_state_is_a_word_of_the_catalogue() -> None:
    point = load("gen2").point("system_state")
    assert point.read is not None
    shown = ("deep_sleep", "forced_full_charge", "low_battery_charging", "grid_charging", "grid_discharging", "mppt", "standby")
    for word in (*shown, "offgrid_discharging", "offgrid_charging"):
        assert point.read.codec.encode(word) is not None


def test_orders_without_limits_have_none() -> None:
    assert Orders().ac_in_max_w == Orders().ac_out_max_w == Orders().feed_in_max_w == math.inf
