"""Permits: so many a minute for each, some at once, and no more of anybody else's."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.hub.rates import MOST_BUCKETS, Rates


def test_a_burst_is_allowed_and_then_a_steady_rate() -> None:
    rates = Rates(60, burst=3)
    assert [rates.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert rates.take("a", 0.0) == pytest.approx(1.0)
    assert rates.take("a", 0.5) == pytest.approx(0.5)
    assert rates.take("a", 1.0) == 0


def test_everybody_has_a_bucket_of_their_own() -> None:
    rates = Rates(1, burst=1)
    assert rates.take("a", 0.0) == 0
    assert rates.take("b", 0.0) == 0
    assert rates.take("a", 0.0) > 0


def test_looking_takes_nothing() -> None:
    rates = Rates(1, burst=1)
    assert rates.wait_s("a", 0.0) == 0
    assert rates.take("a", 0.0) == 0
    assert rates.wait_s("a", 30.0) == pytest.approx(30.0)


def test_a_crowd_of_askers_is_not_remembered_for_ever() -> None:
    rates = Rates(1)
    for asker in range(MOST_BUCKETS + 10):
        rates.take(asker, 0.0)
    assert rates.take(0, 0.0) == 0  # forgotten, so it has a full bucket again


@given(
    per_minute=st.integers(1, 600),
    burst=st.integers(1, 20),
    gaps_s=st.lists(st.floats(0, 30), min_size=1, max_size=100),
)
def test_nobody_gets_more_than_the_burst_and_the_rate(per_minute: int, burst: int, gaps_s: list[float]) -> None:
    rates, now_s, taken = Rates(per_minute, burst=burst), 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken += rates.take("a", now_s) == 0
    assert taken <= burst + now_s * per_minute / 60 + 1e-6
