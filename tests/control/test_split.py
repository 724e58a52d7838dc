"""Several units as one battery."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from indevolt.control.split import Share, Split


def share(name: str, soc_pct: float = 50.0, *, charge_w: float = 2400, discharge_w: float = 2400) -> Share:
    return Share(name, -charge_w, discharge_w, soc_pct, (soc_pct - 5) * 54, (100 - soc_pct) * 54)


A, B, C = share("a", 70), share("b", 50), share("c", 30)


def divide(power_w: float, *shares: Share, at_s: float = 0.0, split: Split | None = None) -> dict[str, float]:
    return {name: round(watts) for name, watts in (split or Split()).divide(at_s, power_w, shares).items()}


def test_little_comes_from_the_one_with_the_most_charge() -> None:
    assert divide(400, C, A, B) == {"c": 0, "a": 400, "b": 0}


def test_little_goes_into_the_one_with_the_least() -> None:
    assert divide(-400, A, B, C) == {"a": 0, "b": 0, "c": -400}


def test_a_second_one_joins_when_that_saves_more_than_it_costs() -> None:
    assert divide(2000, A, B) == {"a": 2000, "b": 0}
    assert divide(2200, A, B) == {"a": 1300, "b": 900}  # in proportion to what is above the floor


def test_as_many_work_as_the_power_needs() -> None:
    small = [share(name, discharge_w=800) for name in "abc"]
    assert divide(1500, *small) == {"a": 750, "b": 750, "c": 0}


def test_who_is_at_its_limit_leaves_the_rest_to_the_others() -> None:
    assert divide(3000, share("a", 90, discharge_w=1000), share("b", 20)) == {"a": 1000, "b": 2000}


def test_more_than_all_can_do_is_all_that_they_can_do() -> None:
    assert divide(9000, A, share("b", 50, discharge_w=800)) == {"a": 2400, "b": 800}


def test_a_unit_that_can_do_nothing_is_left_out() -> None:
    assert divide(2200, A, share("b", 50, discharge_w=0)) == {"a": 2200, "b": 0}


def test_power_below_the_least_of_a_device_is_nothing() -> None:
    assert divide(49, A) == {"a": 0}


def test_a_unit_that_fails_is_replaced_at_once() -> None:
    split = Split()
    assert divide(400, A, B, split=split) == {"a": 400, "b": 0}
    assert divide(400, B, at_s=1, split=split) == {"b": 400}


def test_who_works_goes_on_although_another_has_a_little_more() -> None:
    split = Split()
    divide(400, A, B, split=split)
    assert divide(400, share("a", 59), share("b", 66), at_s=300, split=split)["a"] == 400
    assert divide(400, share("a", 64), share("b", 66), at_s=1200, split=split)["a"] == 400
    assert divide(400, share("a", 59), share("b", 66), at_s=1200, split=split)["b"] == 400


def test_turns_change_after_an_hour() -> None:
    split = Split()
    divide(400, A, B, split=split)
    assert divide(400, share("a", 64), share("b", 66), at_s=3700, split=split)["b"] == 400


def test_two_go_on_for_a_while_when_one_would_do() -> None:
    split = Split()
    assert 0 not in divide(2600, A, B, split=split).values()
    assert 0 not in divide(900, A, B, at_s=60, split=split).values()
    assert 0 in divide(900, A, B, at_s=700, split=split).values()


def test_two_do_not_go_on_for_next_to_nothing() -> None:
    split = Split()
    divide(2600, A, B, split=split)
    assert divide(120, A, B, at_s=60, split=split) == {"a": 120, "b": 0}


units = st.lists(
    st.builds(
        lambda low, high, soc: (low, high, soc),
        st.floats(-2400, 0),
        st.floats(0, 2400),
        st.floats(5, 100),
    ),
    min_size=1,
    max_size=5,
)


@given(units, st.lists(st.tuples(st.floats(0, 2000), st.floats(-9000, 9000)), min_size=1, max_size=8))
def test_no_share_leaves_its_limits_and_all_have_one_sign(
    drawn: Sequence[tuple[float, float, float]], powers: Sequence[tuple[float, float]]
) -> None:
    shares = [Share(f"u{index}", low, high, soc, soc * 10, (100 - soc) * 10) for index, (low, high, soc) in enumerate(drawn)]
    split, now = Split(), 0.0
    for pause, power in powers:
        now += pause
        given_w = split.divide(now, power, shares)
        assert given_w.keys() == {each.unit for each in shares}
        for each in shares:
            watts = given_w[each.unit]
            assert each.low_w - 1e-6 <= watts <= each.high_w + 1e-6
            assert watts == 0 or abs(watts) >= 50 - 1e-6
            assert watts * power >= 0, "never one charges while another discharges"
        assert abs(sum(given_w.values())) <= abs(power) + 1e-6


@given(st.integers(1, 5), st.floats(50, 12000))
def test_what_units_can_do_is_done(count: int, power: float) -> None:
    shares = [share(f"u{index}", 20 + 10 * index) for index in range(count)]
    total = sum(Split().divide(0.0, power, shares).values())
    assert total == pytest.approx(min(power, 2400 * count), abs=0.01)


def adjust(power_w: float, given: dict[str, float], told_s: dict[str, float], *shares: Share) -> dict[str, float]:
    return {name: round(watts) for name, watts in Split().adjust(0.0, power_w, shares, given, told_s).items()}


def test_of_a_small_difference_only_one_is_told_each_in_its_turn() -> None:
    assert adjust(2240, {"a": 1300, "b": 900}, {"a": 5.0, "b": 3.0}, A, B) == {"a": 1300, "b": 940}
    assert adjust(2240, {"a": 1300, "b": 900}, {"a": 3.0, "b": 5.0}, A, B) == {"a": 1340, "b": 900}
    assert adjust(-2240, {"a": -850, "b": -1350}, {"a": 3.0, "b": 5.0}, A, B) == {"a": -890, "b": -1350}


def test_all_are_told_of_a_large_one_and_when_shares_are_too_far_from_what_is_in_the_units() -> None:
    whole = divide(3000, A, B)
    assert adjust(3000, {"a": 1300, "b": 900}, {}, A, B) == whole
    assert adjust(2240, {"a": 700, "b": 1500}, {}, A, B) == divide(2240, A, B)
    assert adjust(2240, {"a": 2240, "b": 0}, {}, A, B) == divide(2240, A, B)


def test_a_turn_never_passes_a_limit() -> None:
    small = share("b", 50, discharge_w=920)
    assert adjust(2240, {"a": 1300, "b": 900}, {"a": 5.0, "b": 3.0}, A, small) == divide(2240, A, small)


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 2400), st.floats(0, 2400)), min_size=1, max_size=4),
    st.lists(st.floats(-7000, 7000), min_size=1, max_size=8),
)
def test_whoever_is_told_all_give_what_is_wanted_within_their_limits_and_in_one_direction(
    units: list[tuple[float, float, float]], powers: list[float]
) -> None:
    shares = [share(str(index), soc, charge_w=charge, discharge_w=give) for index, (soc, charge, give) in enumerate(units)]
    split, given, told_s = Split(), {each.unit: 0.0 for each in shares}, dict[str, float]()
    for now, power_w in enumerate(powers):
        before = given
        given = dict(split.adjust(float(now), power_w, shares, given, told_s))
        told_s.update({unit: float(now) for unit in given if given[unit] != before[unit]})
        assert all(each.low_w - 1e-6 <= given[each.unit] <= each.high_w + 1e-6 for each in shares)
        assert all(watts * power_w >= 0 for watts in given.values())
        assert all(watts == 0 or abs(watts) >= 50 - 1e-6 for watts in given.values())
        assert abs(sum(given.values())) <= abs(power_w) + 1e-6
