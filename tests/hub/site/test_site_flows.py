"""Where power goes by the rule: everything that flows is allocated once, and nothing is made up."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.hub.site.flows import allocate, without_battery
from indevolt.hub.site.quantities import Flow

watts = st.floats(-5000, 5000)
some = st.floats(0, 5000)


def flows(solar: float = 0, battery: float = 0, grid: float = 0, house: float = 0) -> dict[str, float]:
    found = allocate(solar_w=solar, battery_w=battery, grid_w=grid, house_w=house)
    return {flow.value: power_w for flow, power_w in found.items() if power_w}


def test_the_sun_serves_the_house_then_the_battery_then_the_grid() -> None:
    assert flows(solar=3000, battery=-1200, grid=-900, house=900) == {
        "solar_to_house": 900,
        "solar_to_battery": 1200,
        "solar_to_grid": 900,
    }


def test_at_night_the_battery_serves_the_house_and_the_grid_the_rest() -> None:
    assert flows(battery=800, grid=300, house=1100) == {"battery_to_house": 800, "grid_to_house": 300}


def test_the_grid_charges_the_battery_when_house_and_battery_want_more_than_the_sun_has() -> None:
    assert flows(solar=200, battery=-1000, grid=1300, house=500) == {
        "solar_to_house": 200,
        "grid_to_house": 300,
        "grid_to_battery": 1000,
    }


def test_a_battery_that_sells_gives_to_the_grid_what_the_house_leaves() -> None:
    assert flows(solar=300, battery=2000, grid=-1800, house=500) == {
        "solar_to_house": 300,
        "battery_to_house": 200,
        "battery_to_grid": 1800,
    }


@given(some, watts, watts, some)
def test_no_source_gives_more_than_it_has_and_no_sink_takes_more(solar: float, battery: float, grid: float, house: float) -> None:
    found = allocate(solar_w=solar, battery_w=battery, grid_w=grid, house_w=house)
    have = {"solar": solar, "battery": max(0, battery), "grid": max(0, grid)}
    want = {"house": house, "battery": max(0, -battery), "grid": max(0, -grid)}
    given_w, taken_w = dict.fromkeys(have, 0.0), dict.fromkeys(want, 0.0)
    for flow, power_w in found.items():
        assert power_w >= 0
        source, _, sink = flow.partition("_to_")
        given_w[source] += power_w
        taken_w[sink] += power_w
    assert all(given_w[source] <= have[source] + 1e-6 for source in have)
    assert all(taken_w[sink] <= want[sink] + 1e-6 for sink in want)
    left = sum(have.values()) - sum(given_w.values())
    open_w = sum(want.values()) - sum(taken_w.values())
    assert min(left, open_w) == pytest.approx(
        0, abs=1e-6
    )  # as much as can be is allocated: every source may serve every other sink
    assert set(found) == set(Flow)


@pytest.mark.parametrize(("solar", "house", "bought", "given_away"), [(300, 500, 200, 0), (800, 500, 0, 300), (0, 500, 500, 0)])
def test_without_a_battery_the_house_buys_what_the_sun_leaves_open(
    solar: float, house: float, bought: float, given_away: float
) -> None:
    assert without_battery(solar_w=solar, house_w=house) == (bought, given_away)
