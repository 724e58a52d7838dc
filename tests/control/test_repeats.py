"""A meter that says the same again: chance, or a dead one? Its age, and the question that tells."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from indevolt.control.repeats import QUESTION_W, Repeats
from indevolt.control.situation import MeterSample
from indevolt.control.steady import Wish

LATE_S = 3.0
PERIOD_S = 10.0


def still(_from_s: float, _to_s: float) -> float:
    return 0.0


def again(times: int, *, of_s: float = 100.0, period_s: float = PERIOD_S) -> MeterSample:
    """What a meter says that has told something new at 100 s, and the same so many times since."""
    return MeterSample(5.0, of_s, period_s, of_s + LATE_S + times * period_s)


def wish(power_w: float, *, low_w: float = -2400.0, high_w: float = 2400.0) -> Wish:
    return Wish(power_w, low_w, high_w, follows_house=True, period_s=PERIOD_S)


def counts_at(repeats: Repeats, sample: MeterSample, moved_w: float = 0.0) -> float:
    heard = repeats.heard(sample, lambda _from_s, _to_s: moved_w)
    assert heard is not None
    return heard.at_s


def test_one_repetition_of_a_slow_meter_is_a_measurement_and_the_next_is_none() -> None:
    repeats = Repeats()
    assert [counts_at(repeats, again(times)) for times in (0, 1, 2, 3)] == [100, 110, 110, 110]


def test_of_a_fast_meter_none_is() -> None:
    repeats = Repeats()
    assert [counts_at(repeats, again(times, period_s=1.0)) for times in (0, 5, 9)] == [100, 100, 100]


def test_what_does_not_show_how_the_battery_moved_is_no_measurement_and_takes_back_what_was_believed() -> None:
    repeats = Repeats()
    counts_at(repeats, again(0))
    assert counts_at(repeats, again(1)) == 110
    assert counts_at(repeats, again(2), moved_w=QUESTION_W) == 100
    assert counts_at(repeats, again(3)) == 100, "the battery may be back where it was, the meter is not"


def test_a_battery_that_moved_and_moved_back_is_noticed_as_well() -> None:
    repeats, level_w = Repeats(), {100.0: 300.0, 110.0: 320.0, 120.0: 300.0}
    counted = [repeats.heard(again(times), lambda one_s, other_s: abs(level_w[one_s] - level_w[other_s])) for times in (0, 1, 2)]
    assert [each.at_s for each in counted if each is not None] == [100, 100, 100]


def test_it_is_believed_again_once_it_says_something_new() -> None:
    repeats = Repeats()
    counts_at(repeats, again(0))
    counts_at(repeats, again(1), moved_w=QUESTION_W)
    assert counts_at(repeats, again(0, of_s=150.0)) == 150
    assert counts_at(repeats, again(1, of_s=150.0)) == 160


def test_a_meter_with_a_time_of_its_own_is_never_in_doubt() -> None:
    repeats = Repeats()
    for second in range(100, 400, 10):
        sample = again(0, of_s=float(second))
        assert counts_at(repeats, sample) == second
        assert repeats.question_w(sample, second + LATE_S, 800.0, wish(800.0)) is None


@pytest.mark.parametrize(("commanded_w", "asking_w"), [(800.0, 780.0), (60.0, 80.0), (-300.0, -320.0), (0.0, None)])
def test_a_slow_meter_is_asked_when_it_has_said_the_same_twice(commanded_w: float, asking_w: float | None) -> None:
    repeats = Repeats()
    repeats.heard(again(0), still)
    assert repeats.question_w(again(0), 103.0, commanded_w, wish(commanded_w)) is None
    repeats.heard(again(1), still)
    assert repeats.question_w(again(1), 113.0, commanded_w, wish(commanded_w)) == asking_w


def test_a_slow_meter_that_is_asked_often_is_in_doubt_only_when_it_should_have_measured_again() -> None:
    repeats, asked = Repeats(), []
    for second in range(40):  # it is read every second, and has measured every ten of them but for the last time
        sample = MeterSample(5.0, 100.0 + min(second // 10, 2) * 10, PERIOD_S, 100.5 + second)
        repeats.heard(sample, still)
        asked.append(repeats.question_w(sample, 100.5 + second, 800.0, wish(800.0)))
    assert asked.index(780.0) == 33


def test_the_question_stands_until_there_is_an_answer_or_something_better_to_do() -> None:
    repeats = Repeats()
    for times in (0, 1):
        repeats.heard(again(times), still)
    assert repeats.question_w(again(1), 113.0, 800.0, wish(800.0)) == 780
    assert repeats.question_w(again(1), 119.0, 780.0, wish(800.0)) == 780
    assert repeats.question_w(again(1), 119.0, 780.0, wish(400.0)) is None
    answer = again(0, of_s=120.0)
    repeats.heard(answer, still)
    assert repeats.question_w(answer, 123.0, 780.0, wish(800.0)) is None


def test_a_question_stays_within_what_is_allowed() -> None:
    repeats = Repeats()
    for times in (0, 1):
        repeats.heard(again(times), still)
    assert repeats.question_w(again(1), 113.0, 800.0, wish(800.0, low_w=800.0, high_w=810.0)) is None


def test_a_fast_meter_is_asked_after_eight_seconds() -> None:
    repeats = Repeats()
    asked = []
    for times in range(12):
        sample = again(times, period_s=1.0)
        repeats.heard(sample, still)
        asked.append(repeats.question_w(sample, sample.arrived_s or math.nan, 800.0, wish(800.0)))
    assert asked.index(780.0) == 6  # 3 s late: what was new is 9 s old


def test_a_sample_without_a_time_of_arrival_is_taken_as_it_is() -> None:
    bare = MeterSample(5.0, 100.0, PERIOD_S)
    assert Repeats().heard(bare, still) is bare
    assert Repeats().heard(None, still) is None


@given(
    st.sampled_from([1.0, 2.0, 5.0, 10.0, 15.0]),
    st.lists(st.tuples(st.booleans(), st.floats(0.1, 30), st.floats(0, 100)), min_size=1, max_size=30),
)
def test_whatever_is_said_nothing_counts_as_younger_than_it_may_be(period_s: float, said: list[tuple[bool, float, float]]) -> None:
    repeats, now_s, new_s, unseen = Repeats(), 100.0, 100.0, False
    counts_at(repeats, MeterSample(5.0, 100.0, period_s, 100.5))
    for is_new, later_s, moved_w in said:
        now_s += later_s
        new_s, unseen = (now_s, False) if is_new else (new_s, unseen)
        counted_s = counts_at(repeats, MeterSample(5.0, new_s, period_s, now_s + 0.5), moved_w)
        assert new_s <= counted_s <= min(now_s, new_s + period_s)
        assert period_s > 2.5 or counted_s == new_s
        repeated = not is_new and now_s - new_s >= period_s / 2
        unseen = unseen or (repeated and moved_w >= QUESTION_W / 2)
        assert not (unseen and counted_s != new_s) or period_s <= 2.5
