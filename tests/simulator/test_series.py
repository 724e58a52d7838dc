"""Recorded series are read as people have them, and lie in time where they belong."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.simulator.series import Series, parse_csv

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)


def series(*values: float, step_s: float = 60, start: datetime | None = None, linear: bool = False) -> Series:
    return Series(array("f", values), step_s, start, linear=linear)


# ---- in time -----------------------------------------------------------------------------------------------------------


def test_a_value_holds_until_the_next() -> None:
    load = series(100, 200, 300)
    assert [load(NEW_YEAR + timedelta(seconds=second)) for second in (0, 59.9, 60, 119, 120, 179)] == [100, 100, 200, 200, 300, 300]


def test_a_linear_one_goes_straight_from_value_to_value() -> None:
    sun = series(0, 1, 0.5, linear=True)
    assert [sun(NEW_YEAR + timedelta(seconds=second)) for second in (0, 15, 60, 90, 120)] == [0, 0.25, 1, 0.75, 0.5]


def test_after_its_end_it_begins_again() -> None:
    assert series(100, 200, 300)(NEW_YEAR + timedelta(seconds=3 * 60)) == 100
    assert series(100, 200, 300, linear=True)(NEW_YEAR + timedelta(seconds=2.5 * 60)) == 200


def test_without_a_start_it_lies_on_the_year_that_is_asked_for() -> None:
    hours = series(*range(8760), step_s=3600)
    for year in (1999, 2026, 2027):
        assert hours(datetime(year, 1, 1, tzinfo=UTC)) == 0
        assert hours(datetime(year, 2, 1, 5, 30, tzinfo=UTC)) == 31 * 24 + 5
        assert hours(datetime(year, 12, 31, 23, 59, tzinfo=UTC)) == 8759
    assert hours(datetime(2028, 12, 31, 1, tzinfo=UTC)) == 1  # a leap year has a day more: it takes the first again


def test_with_a_start_it_begins_there_and_reaches_back_as_well() -> None:
    load = series(100, 200, 300, start=START)
    assert load(START) == 100
    assert load(START + timedelta(minutes=2)) == 300
    assert load(START - timedelta(minutes=1)) == 300
    assert load(START - timedelta(minutes=4)) == 300
    assert load(START + timedelta(days=365)) == 100


def test_scaled_copies_share_their_values() -> None:
    per_unit = series(0.25, 0.5)
    mine = per_unit.scaled(800)
    assert mine(NEW_YEAR) == 200
    assert mine.scaled(0.5)(NEW_YEAR) == 100
    assert mine.values is per_unit.values
    assert per_unit.duration_s == 120


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=20), st.floats(0, 1e9), st.sampled_from([0.5, 1, 60, 900, 3600]))
def test_no_instant_leaves_the_values(values: list[int], second: float, step_s: float) -> None:
    for linear in (False, True):
        for start in (None, START):
            found = series(*values, step_s=step_s, start=start, linear=linear)(NEW_YEAR + timedelta(seconds=second))
            assert min(values) - 1e-3 <= found <= max(values) + 1e-3


@pytest.mark.parametrize(
    ("values", "step_s", "start", "named"),
    [
        ([], 60, None, "no values"),
        ([1.0], 0, None, "step_s: 0"),
        ([1.0], float("nan"), None, "step_s: nan"),
        ([1.0], 60, datetime(2026, 1, 1), "no time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_a_series_that_cannot_be_is_named(values: list[float], step_s: float, start: datetime | None, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        Series(array("f", values), step_s, start)


# ---- from files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "step_s"),
    [
        ("load_w\n100\n200\n300\n", 60),
        ("100\n200\n300", 60),
        ("\ufeffload_w\r\n100\r\n200\r\n\r\n300\r\n", 60),
        ("# a house\nload_w\n100\n# a remark\n200\n300\n", 60),
        ("seconds,load_w\n0,100\n60,200\n120,300\n", None),
        ("seconds, load_w\n0, 100\n60, 200\n120, 300\n", 60),
        ('"seconds","load_w"\n"0","100"\n"60","200"\n"120","300"\n', None),
        ("time;load_w;pv_w\n0;100;0\n60;200;0\n120;300;0\n", None),
        ("Time;load_w\n0,0;100,0\n60,0;200,0\n120,0;300,0\n", None),
    ],
)
def test_a_file_without_a_date_lies_on_the_year(text: str, step_s: float | None) -> None:
    found = parse_csv(text.splitlines(keepends=True), step_s=step_s)
    assert list(found.values) == [100, 200, 300]
    assert found.step_s == 60
    assert found.start is None


@pytest.mark.parametrize(
    "text",
    [
        "time,load_w\n2026-06-21T10:00:00Z,100\n2026-06-21T10:15:00Z,200\n",
        "2026-06-21T12:00:00+02:00,100\n2026-06-21T12:15:00+02:00,200\n",
        "when,load_w\n2026-06-21 10:00,100\n2026-06-21 10:15,200\n",
        "t;load_w\n1782036000;100\n1782036900;200\n",
    ],
)
def test_a_file_with_dates_says_when_it_starts_and_how_it_steps(text: str) -> None:
    found = parse_csv(text.splitlines())
    assert (found.start, found.step_s) == (START, 900)
    assert found(START + timedelta(minutes=20)) == 200


def test_a_column_is_taken_by_its_name_or_its_number() -> None:
    named = "time,load_w,pv_w\n0,100,7\n60,200,8\n".splitlines()
    assert list(parse_csv(named).values) == [100, 200]
    assert list(parse_csv(named, column="pv_w").values) == [7, 8]
    assert list(parse_csv(["\ufeffload_w", "100"], column="load_w", step_s=60).values) == [100]
    assert list(parse_csv(["2026-06-21,1,7", "2026-06-22,2,8"], column="3").values) == [7, 8]
    assert list(parse_csv(["load_w,pv_w", "100,7", "200,8"], step_s=60).values) == [100, 200]


def test_scale_and_shape_go_into_the_series() -> None:
    found = parse_csv(["per_unit", "0.0", "1.0"], step_s=900, scale=440, linear=True)
    assert found(NEW_YEAR + timedelta(seconds=450)) == 220


def test_times_that_jitter_follow_the_step_that_is_meant() -> None:
    lines = ["time,load_w", *(f"{60 * index + index % 3},{index}" for index in range(200))]
    assert len(parse_csv(lines, step_s=60).values) == 200
    with pytest.raises(InvalidInput, match="from where a step of"):
        parse_csv(lines)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("load_w\n100\nn/a\n", "line 3, column load_w: 'n/a' is not a number"),
        ("# a remark\n\nload_w\n100\n\nnan\n", "line 6, column load_w: 'nan' is not a number"),
        ("load_w\n1e99\n", "line 2, column load_w: '1e99' is not a number"),
        ("time,load_w\n0,100\n60,\n", "line 3, column load_w: '' is not a number"),
        ("time,load_w\n0,100\n60\n", "line 3, column load_w: '' there is no such cell"),
        ("time,load_w\n0,100\n60,200\n180,300\n", "line 4, column time: '180' is +60 s from where a step of 60 s leads"),
        ("time,load_w\n0,100\n60,200\n60,300\n", "line 4, column time: '60' is -60 s"),
        ("time,load_w\n0,100\n0,200\n", "line 3, column time: '0' is not later than the line before"),
        ("time,load_w\n2026-06-21,100\n2026-06-31,200\n", "line 3, column time: '2026-06-31' is no time"),
        ("time,load_w\n0,100\nlater,200\n", "line 3, column time: 'later' is no time"),
        ("time,load_w\n1782036000000,100\n", "line 2, column time: '1782036000000' is no time in seconds"),
        ("time,load_w\n3600,100\n", "line 2, column time: '3600' is neither Unix seconds nor seconds from 0"),
    ],
)
def test_a_mistake_is_named_by_line_column_and_value(text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_csv(text.splitlines(), step_s=None if text.startswith("time") else 60)
    assert named in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize(
    ("text", "column", "named", "remedy"),
    [
        ("", None, "no lines", "at least one value"),
        ("load_w\n", None, "no values", "at least one value"),
        ("load_w\n100\n200\n", None, "2 values are apart", "step_s"),
        ("time,load_w\n0,100\n", None, "1 values are apart", "step_s"),
        ("time,load_w\n0,100\n60,200\n", "grid_w", "column 'grid_w'", "It has time, load_w."),
    ],
)
def test_what_a_file_does_not_say_is_asked_for(text: str, column: str | None, named: str, remedy: str) -> None:
    with pytest.raises(InvalidInput, match=named) as raised:
        parse_csv(text.splitlines(), column=column)
    assert remedy in raised.value.remedy
