"""Energies only grow, whatever a device says: blips, resets, leaps, another device, a restart of the hub."""

from __future__ import annotations

from hypothesis import given, strategies as st

from indevolt.hub.counters import CONFIRM, Counters

NAME = "energy_charge"
POWER_W = 2400.0


def take(counters: Counters, raw_wh: float, at_s: float) -> float | None:
    return counters.take(NAME, raw_wh, at_s, POWER_W)


def test_what_a_device_counts_is_counted() -> None:
    counters = Counters()
    assert take(counters, 380_580, 0) == 380_580
    assert take(counters, 380_600, 60) == 380_600


def test_a_fall_for_one_poll_is_passed_over() -> None:
    counters = Counters()
    take(counters, 5000, 0)
    assert take(counters, 0, 5) is None
    assert take(counters, 5003, 10) == 5003


def test_a_reset_that_stays_is_carried_on_from() -> None:
    counters = Counters()
    take(counters, 5000, 0)
    said = [take(counters, raw, 5.0 * number) for number, raw in enumerate((0, 3, 6, 9), 1)]
    assert said[: CONFIRM - 1] == [None] * (CONFIRM - 1)
    assert said[CONFIRM - 1 :] == [5000, 5003]


def test_a_leap_that_no_power_can_bring_is_passed_over() -> None:
    counters = Counters()
    take(counters, 5000, 0)
    assert take(counters, 2_457_000, 5) is None
    assert take(counters, 5003, 10) == 5003


def test_what_a_device_counted_while_it_was_away_is_believed() -> None:
    counters = Counters()
    take(counters, 5000, 0)
    assert take(counters, 7000, 3600) == 7000


def test_a_small_step_back_is_rounding() -> None:
    counters = Counters()
    take(counters, 5010, 0)
    assert take(counters, 5000, 5) == 5010


def test_another_device_goes_on_from_where_the_first_ended() -> None:
    counters = Counters()
    take(counters, 5000, 0)
    counters.another_device()
    assert take(counters, 120, 60) == 5000  # what it had counted elsewhere is not ours
    assert take(counters, 150, 120) == 5030


def test_totals_survive_a_restart_of_the_hub() -> None:
    before = Counters()
    take(before, 5000, 0)
    for at_s, raw in ((5, 0), (10, 1), (15, 2)):
        take(before, raw, at_s)
    before.add("energy_house", 12.5)
    after = Counters()
    after.restore(before.save(), 0)
    assert after.total(NAME) == before.total(NAME)
    assert after.total("energy_house") == 12.5
    assert take(after, 902, 5) == 5900  # what was added meanwhile is believed


@given(st.lists(st.floats(0, 1e7), max_size=30))
def test_no_sequence_of_readings_makes_a_total_fall(raws: list[float]) -> None:
    counters = Counters()
    last = 0.0
    for number, raw in enumerate(raws):
        total = take(counters, raw, number * 5.0)
        if total is not None:
            assert total >= last - 1e-6
            last = total


def test_after_a_sudden_end_a_total_goes_on_from_history() -> None:
    counters = Counters()
    counters.restore('{"energy_charge": [5000, 100], "energy_house": [300, 0]}', 0)
    counters.go_on_from("energy_charge", 5150, 0)  # 50 Wh more than was saved
    counters.go_on_from("energy_house", 290, 0)  # what was saved is newer
    counters.go_on_from("energy_solar", 700, 0)  # nothing was saved
    assert [counters.total(name) for name in ("energy_charge", "energy_house", "energy_solar")] == [5150, 300, 700]
    assert counters.take("energy_charge", 5060, 10, 2400) == 5160  # the device counted on as well
    assert counters.add("energy_solar", 5) == 705
