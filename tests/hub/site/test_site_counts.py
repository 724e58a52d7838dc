"""The energies of the site only grow, whatever comes, goes and begins anew."""

from __future__ import annotations

from hypothesis import given, strategies as st

from indevolt.hub.site.counts import Counts


def test_a_unit_that_is_seen_for_the_first_time_adds_nothing() -> None:
    counts = Counts()
    counts.follow("energy_charge", "cellar", 500_000)
    counts.follow("energy_charge", "cellar", 500_120)
    counts.follow("energy_charge", "attic", 900_000)
    assert counts.totals["energy_charge"] == 120


def test_a_unit_that_was_away_adds_what_it_counted_meanwhile() -> None:
    counts = Counts()
    counts.follow("energy_charge", "cellar", 1000)
    counts.follow("energy_charge", "attic", 1000)
    for total in (1010, 1020, 1030):
        counts.follow("energy_charge", "attic", total)
    counts.follow("energy_charge", "cellar", 1500)
    assert counts.totals["energy_charge"] == 530


def test_a_count_that_falls_takes_nothing_away_and_is_not_added_twice() -> None:
    counts = Counts()
    for total in (1000, 1100, 1050, 1100, 1150):
        counts.follow("energy_charge", "cellar", total)
    assert counts.totals["energy_charge"] == 150


def test_a_meter_whose_counter_begins_anew_goes_on_from_there() -> None:
    counts = Counts()
    for at_s, count_wh in enumerate((7_000_000.0, 7_000_010.0, 3.0, 4.0, 5.0, 25.0)):
        counts.follow_meter("energy_grid_import", "cabinet", count_wh, at_s * 10.0)
    assert counts.totals["energy_grid_import"] == 30


def test_counts_go_on_after_a_restart() -> None:
    before = Counts()
    before.follow("energy_solar", "cellar", 1000)
    before.follow("energy_solar", "cellar", 1200)
    before.follow_meter("energy_grid_import", "cabinet", 50_000, 0)
    before.grow("energy_house", 33)
    after = Counts()
    after.restore(before.save(), 5)
    after.follow("energy_solar", "cellar", 1250)
    after.follow_meter("energy_grid_import", "cabinet", 50_070, 10)
    assert after.totals == {"energy_solar": 250, "energy_house": 33, "energy_grid_import": 70}


def test_after_a_sudden_end_nothing_is_lost_and_nothing_counted_twice() -> None:
    saved = Counts()
    saved.follow("energy_solar", "cellar", 1000)
    saved.grow("energy_house", 10)
    text = saved.save()  # a minute before the end; by history the site had 60 Wh more by then, which the unit had counted as well
    after = Counts()
    after.restore(text, 0)
    after.catch_up({"energy_solar": 60, "energy_house": 25}, {"cellar": {"energy_solar": 1060}})
    after.follow("energy_solar", "cellar", 1070)
    assert after.totals == {"energy_solar": 70, "energy_house": 25}


def test_history_that_is_older_than_what_was_saved_changes_nothing() -> None:
    counts = Counts()
    counts.follow("energy_solar", "cellar", 1000)
    counts.follow("energy_solar", "cellar", 1100)
    counts.catch_up({"energy_solar": 90}, {"cellar": {"energy_solar": 1090}})
    counts.follow("energy_solar", "cellar", 1110)
    assert counts.totals["energy_solar"] == 110


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=60))
def test_whatever_units_say_a_total_never_falls(said: list[tuple[str, float]]) -> None:
    counts, before = Counts(), 0.0
    for unit, count_wh in said:
        counts.follow("energy_charge", unit, count_wh)
        assert counts.totals["energy_charge"] >= before
        before = counts.totals["energy_charge"]
