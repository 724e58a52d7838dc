"""How a cluster divides power: everything is handed out once, nobody gets what he cannot do, and charge decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, strategies as st

from indevolt.catalogue import products
from indevolt.simulator.cluster import CENTRALIZED_W, MAX_UNITS, Share, share_alike, share_by_charge

Divide = Callable[[float, Sequence[Share]], list[float]]
shares = st.builds(Share, st.floats(0, 100), st.floats(-2400, 0), st.floats(0, 2400))
clusters = st.lists(shares, min_size=1, max_size=MAX_UNITS)
both = pytest.mark.parametrize("divide", [share_by_charge, share_alike])


def strong(*socs_pct: float) -> list[Share]:
    return [Share(soc_pct, -2400, 2400) for soc_pct in socs_pct]


@both
@given(st.floats(-8000, 8000), clusters)
def test_shares_add_up_to_what_was_asked_or_to_all_that_is_possible(divide: Divide, total_w: float, units: list[Share]) -> None:
    parts = divide(total_w, units)
    possible = min(max(total_w, sum(each.low_w for each in units)), sum(each.high_w for each in units))
    assert sum(parts) == pytest.approx(possible, abs=1e-5)


@both
@given(st.floats(-8000, 8000), clusters)
def test_no_unit_gets_more_than_it_can_do_nor_the_other_direction(divide: Divide, total_w: float, units: list[Share]) -> None:
    for part, unit in zip(divide(total_w, units), units, strict=True):
        assert unit.low_w - 1e-9 <= part <= unit.high_w + 1e-9
        assert part * total_w >= 0


@given(st.floats(500, 2400), st.lists(st.floats(1, 100), min_size=2, max_size=3))
def test_much_power_is_shared_in_proportion_to_charge(total_w: float, socs_pct: list[float]) -> None:
    parts = share_by_charge(total_w, strong(*socs_pct))
    assert parts == pytest.approx([total_w * soc / sum(socs_pct) for soc in socs_pct])


@pytest.mark.parametrize(
    ("total_w", "parts"),
    [
        (0, [0, 0, 0]),
        (199, [0, 199, 0]),  # below 200 W the fullest alone (protocol.md, section 14)
        (200, [75, 125, 0]),  # below 500 W the two fullest, as 30 to 50
        (499.2, [187.2, 312, 0]),
        (500, [150, 250, 100]),  # and then all, as 30 to 50 to 20
        (3000, [900, 1500, 600]),
        (-199, [0, 0, -199]),  # surplus goes to the emptiest first (inferred)
        (-300, [-140, 0, -160]),
        (-2000, [-700, -500, -800]),
    ],
)
def test_little_is_for_one_some_for_two_and_much_for_all(total_w: float, parts: list[float]) -> None:
    assert share_by_charge(total_w, strong(30, 50, 20)) == pytest.approx(parts)


def test_what_one_unit_cannot_do_the_others_do_in_proportion() -> None:
    units = [Share(50, 0, 300), Share(30, 0, 2400), Share(20, 0, 2400)]
    assert share_by_charge(2300, units) == pytest.approx([300, 1200, 800])
    assert share_alike(2300, units) == pytest.approx([300, 1000, 1000])


def test_when_the_chosen_few_cannot_do_it_all_help() -> None:
    units = [Share(90, 0, 100), Share(30, 0, 2400), Share(10, 0, 2400)]
    parts = share_by_charge(180, units)
    assert sum(parts) == pytest.approx(180)
    assert min(parts) > 0


def test_empty_units_share_alike_for_want_of_a_better_measure() -> None:
    assert share_by_charge(600, strong(0, 0, 0)) == pytest.approx([200, 200, 200])


def test_a_command_is_divided_into_equal_parts() -> None:
    assert share_alike(2400, strong(90, 10)) == [1200, 1200]  # as a pair did (protocol.md, section 14)
    assert share_alike(-3000, strong(90, 10, 50)) == [-1000, -1000, -1000]


def test_every_family_has_a_rating_for_one_socket() -> None:
    assert {product.family for product in products().values()} == set(CENTRALIZED_W)
    assert CENTRALIZED_W["gen2"] == CENTRALIZED_W["gen3"] == 3600
    assert CENTRALIZED_W["sf1200"] == CENTRALIZED_W["gen1"] == 2300
