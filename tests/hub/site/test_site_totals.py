"""Totals of units and a meter: never of some of them, never one meter twice, as good as the worst part and as old as the oldest."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from indevolt.battery import Quality
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.site.totals import METER, NEVER, NOTHING, Branch, Candidate, Known, Part, choose, notes, totals

AT = datetime(2026, 6, 21, 10, tzinfo=UTC)
watts = st.integers(-5000, 5000).map(float)


def known(value: float, age_s: float = 1.0, quality: Quality = Quality.LIVE) -> Known:
    return Known(value, AT, age_s, quality)


def part(unit: str = "cellar", *, role: str = "", **values: Known) -> Part:
    return Part(unit, values, role)


def unit(name: str, *, ac: float = 0, pv: float = 0, battery: float = 0, soc: float = 50, wh: float = 4000) -> Part:
    numbers = {
        "ac_power": ac,
        "solar_power": pv,
        "battery_power": battery,
        "charge_power": max(0.0, -battery),
        "discharge_power": max(0.0, battery),
        "battery_soc": soc,
        "capacity": wh,
    }
    return Part(name, {each: known(number) for each, number in numbers.items()})


def meter(
    power: float, *, quality: Quality = Quality.LIVE, age_s: float = 0.5, name: str = "meter", is_unit: bool = False
) -> Candidate:
    return Candidate(name, known(power, age_s, quality), is_unit)


def plant(power: float) -> Branch:
    return Branch("roof", MeterRole.PV, known(power))


# ---- sums ------------------------------------------------------------------------------------------------------------------------


def test_a_house_takes_what_the_meter_and_all_units_give() -> None:
    found = totals([unit("cellar", ac=300, pv=500, battery=-150), unit("attic", ac=200, battery=230)], meter(100))
    assert found["house_power"].value == 600
    assert found["battery_power"].value == 80
    assert (found["charge_power"].value, found["discharge_power"].value) == (150, 230)
    assert found["solar_power"].value == 500
    assert (found["grid_import_power"].value, found["grid_export_power"].value) == (100, 0)


def test_what_is_given_to_the_grid_is_positive_by_its_name_and_negative_by_the_sign_rule() -> None:
    found = totals([unit("cellar", ac=900)], meter(-400))
    assert (found["grid_power"].value, found["grid_export_power"].value, found["grid_import_power"].value) == (-400, 400, 0)
    assert found["house_power"].value == 500


@given(watts, watts, st.floats(0, 5000), st.floats(0, 5000))
def test_a_plant_gives_to_the_house_as_units_do_and_a_car_is_a_part_of_it(grid: float, ac: float, sun: float, car: float) -> None:
    branches = [plant(sun), Branch("wallbox", MeterRole.CHARGER, known(car)), Branch("pump", MeterRole.LOAD, known(700))]
    found = totals([unit("cellar", ac=ac, pv=500)], meter(grid), branches)
    assert found["solar_power"].value == pytest.approx(500 + sun)
    assert found["house_power"].value == pytest.approx(max(0.0, grid + ac + sun))
    assert found["ac_power"].value == ac
    assert found["charger_power"].value == car


def test_a_plant_without_any_battery_is_the_sun_of_the_house() -> None:
    found = totals([], meter(-400), [plant(900)])
    assert (found["solar_power"].value, found["house_power"].value) == (900, 500)
    assert found["battery_power"].value is None


@pytest.mark.parametrize("power", [NEVER, Known(800.0, AT, 60.0, Quality.STALE)])
def test_a_plant_that_is_not_known_makes_sun_and_house_unknown_and_is_named(power: Known) -> None:
    found = totals([unit("cellar", ac=300, pv=500)], meter(100), [Branch("roof", MeterRole.PV, power)])
    for name in ("solar_power", "house_power", "self_sufficiency", "self_consumption"):
        assert (found[name].value, found[name].missing) == (None, ("roof",)), name
    assert found["grid_power"].value == 100
    assert found["ac_power"].value == 300


def test_a_car_or_load_that_is_not_known_leaves_the_house_known() -> None:
    branches = [Branch("wallbox", MeterRole.CHARGER, NEVER), Branch("pump", MeterRole.LOAD, NEVER)]
    found = totals([unit("cellar", ac=300)], meter(100), branches)
    assert (found["charger_power"].value, found["charger_power"].missing) == (None, ("wallbox",))
    assert (found["house_power"].value, found["house_power"].missing) == (400, ())


def test_without_a_charger_its_power_is_absent_and_nothing_is_missing() -> None:
    total = totals([unit("cellar", ac=300)], meter(100))["charger_power"]
    assert (total.value, total.quality, total.missing) == (None, Quality.ABSENT, ())


def test_it_is_said_what_sun_and_house_are_made_of() -> None:
    branches = [plant(800), Branch("wallbox", MeterRole.CHARGER, known(3000))]
    parts = [unit("cellar"), unit("attic")]
    sun, house = notes(parts, meter(100), [meter(100)], totals(parts, meter(100), branches), branches)
    assert "the units cellar, attic and of the plants that are measured by roof" in sun
    assert "wallbox" in house
    given = [plant(100)]
    assert any("house gives power" in each for each in notes([], meter(-400), [meter(-400)], totals([], meter(-400), given), given))


@given(st.lists(st.tuples(watts, watts, watts), min_size=1, max_size=5), watts)
def test_the_sum_of_the_parts_is_the_total(units: list[tuple[float, float, float]], grid: float) -> None:
    parts = [unit(f"unit-{at}", ac=ac, pv=abs(pv), battery=battery) for at, (ac, pv, battery) in enumerate(units)]
    found = totals(parts, meter(grid))
    assert found["ac_power"].value == sum(ac for ac, _, _ in units)
    assert found["house_power"].value == max(0.0, grid + sum(ac for ac, _, _ in units))
    charge, discharge = found["charge_power"].value, found["discharge_power"].value
    assert charge is not None
    assert discharge is not None
    assert found["battery_power"].value == discharge - charge


@pytest.mark.parametrize("name", ["ac_power", "solar_power", "battery_power", "charge_power", "discharge_power"])
@pytest.mark.parametrize("quality", [Quality.STALE, Quality.OFFLINE, Quality.NOT_AVAILABLE, Quality.QUARANTINED])
def test_without_one_part_there_is_no_sum_and_the_part_is_named(name: str, quality: Quality) -> None:
    whole = unit("cellar", ac=300)
    broken = Part("attic", {**unit("attic", ac=200).values, name: known(7, 60, quality)})
    total = totals([whole, broken], meter(100))[name]
    assert (total.value, total.missing, total.quality) == (None, ("attic",), quality)


def test_a_unit_that_was_never_reached_makes_all_sums_unknown() -> None:
    found = totals([unit("cellar"), Part("attic", {})], meter(100))
    assert {name for name, total in found.items() if total.value is not None} == {
        "grid_power",
        "grid_import_power",
        "grid_export_power",
    }
    assert found["house_power"].missing == ("attic",)


def test_without_a_meter_the_house_is_unknown_and_the_meter_is_named() -> None:
    found = totals([unit("cellar", ac=300)], None)
    assert (found["house_power"].value, found["house_power"].missing) == (None, (METER,))
    assert found["self_sufficiency"].value is None
    assert found["ac_power"].value == 300


def test_without_units_a_house_takes_what_its_meter_says_and_has_no_battery() -> None:
    found = totals([], meter(250))
    assert found["house_power"].value == 250
    assert found["battery_power"].value is None
    assert found["battery_soc"].value is None


def test_a_part_that_is_not_installed_adds_nothing_and_is_not_missed() -> None:
    bare = Part("attic", {**unit("attic").values, "solar_power": NOTHING})
    total = totals([unit("cellar", pv=500), bare], meter(0))["solar_power"]
    assert (total.value, total.missing, total.quality) == (500, (), Quality.LIVE)


def test_a_total_is_as_old_as_its_oldest_part_and_as_good_as_its_worst() -> None:
    fresh, older = unit("cellar"), unit("attic")
    late = Part("attic", {**older.values, "ac_power": known(200, 9, Quality.HELD)})
    found = totals([fresh, late], meter(100, age_s=3))
    assert (found["house_power"].age_s, found["house_power"].quality) == (9, Quality.HELD)
    assert (found["grid_power"].age_s, found["grid_power"].quality) == (3, Quality.LIVE)


# ---- charge and shares -----------------------------------------------------------------------------------------------------------


def test_states_of_charge_are_weighted_by_capacity() -> None:
    found = totals([unit("cellar", soc=80, wh=6000), unit("attic", soc=20, wh=2000)], None)
    assert found["stored_energy"].value == 5200
    assert found["capacity"].value == 8000
    assert found["battery_soc"].value == 65


def test_the_charge_of_one_unit_alone_needs_no_capacity() -> None:
    alone = Part("cellar", {"battery_soc": known(42)})
    found = totals([alone], None)
    assert found["battery_soc"].value == 42
    assert found["stored_energy"].value is None


def test_several_units_without_a_capacity_have_no_common_charge() -> None:
    found = totals([unit("cellar"), Part("attic", {"battery_soc": known(42)})], None)
    assert (found["battery_soc"].value, found["battery_soc"].missing) == (None, ("attic",))


def test_a_capacity_that_was_read_long_ago_does_not_make_the_charge_old() -> None:
    old = Part("cellar", {"battery_soc": known(50, 2), "capacity": known(4000, 500)})
    assert totals([old, unit("attic")], None)["battery_soc"].age_s == 2


@pytest.mark.parametrize(
    ("grid", "ac", "share"), [(100, 300, 75.0), (400, 0, 0.0), (-200, 500, 100.0), (900, -500, 0.0), (0, 0, None)]
)
def test_self_sufficiency_is_what_is_not_bought(grid: float, ac: float, share: float | None) -> None:
    assert totals([unit("cellar", ac=ac)], meter(grid))["self_sufficiency"].value == share


@pytest.mark.parametrize(("grid", "pv", "share"), [(-100, 500, 80.0), (200, 500, 100.0), (-600, 500, 0.0), (50, 0, None)])
def test_self_consumption_is_what_of_the_sun_is_not_given_away(grid: float, pv: float, share: float | None) -> None:
    assert totals([unit("cellar", pv=pv)], meter(grid))["self_consumption"].value == share


# ---- the meter -------------------------------------------------------------------------------------------------------------------


def test_a_meter_of_the_hubs_own_is_preferred_to_what_units_tell() -> None:
    chosen = choose([meter(90, name="cellar", is_unit=True), meter(100)], "cellar")
    assert chosen is not None
    assert chosen.name == "meter"


def test_a_unit_tells_of_the_meter_while_the_hubs_own_is_silent() -> None:
    silent = meter(100, quality=Quality.STALE, age_s=60)
    chosen = choose([silent, meter(90, name="cellar", is_unit=True)], "meter")
    assert chosen is not None
    assert chosen.name == "cellar"


def test_the_meter_does_not_change_from_reading_to_reading() -> None:
    cellar, attic = (meter(90, name=name, is_unit=True) for name in ("cellar", "attic"))
    for current in ("cellar", "attic"):
        chosen = choose([cellar, attic], current)
        assert chosen is not None
        assert chosen.name == current
    held = meter(90, name="attic", quality=Quality.HELD, is_unit=True)
    chosen = choose([cellar, held], "attic")
    assert chosen is not None
    assert chosen.name == "attic"


def test_what_was_never_told_is_no_meter() -> None:
    assert choose([Candidate("cellar", NEVER, is_unit=True)], "") is None


def test_it_is_said_that_several_units_tell_of_a_meter() -> None:
    candidates = [meter(90, name=name, is_unit=True) for name in ("cellar", "attic")]
    parts = [unit("cellar"), unit("attic")]
    (note,) = notes(parts, candidates[0], candidates, totals(parts, candidates[0]))
    assert "cellar" in note
    assert "attic tell of one as well" in note


def test_a_cluster_and_a_house_that_gives_power_are_pointed_out() -> None:
    parts = [part("cellar", role="master", **unit("cellar", ac=100).values), part("attic", role="slave", **unit("attic").values)]
    told = list(notes(parts, meter(-900), [meter(-900)], totals(parts, meter(-900))))
    assert any("cellar, attic are a cluster" in note for note in told)
    assert any("the house gives power" in note for note in told)
