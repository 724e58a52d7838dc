"""The rules of a lease: how often may be written, how far a command reaches, and what is put back. Searched, not only tried."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.battery import Charge, Command, Discharge, Hold, SelfUse, Value
from indevolt.control.ledger import (
    CALM_CHANGES,
    DIRECTION_ALLOWANCE,
    DIRECTION_CHANGES,
    FENCE_PCT,
    MODE,
    REALTIME,
    REALTIME_ALLOWANCE,
    SETTING_ALLOWANCE,
    Ledger,
    Room,
    Snapshot,
    allowance_of,
    bounded,
    budgets_of,
    fence_is_due,
    fenced,
    restoration,
    strange,
    wears,
)

NOW = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
TRIPLE = ("realtime_state", "realtime_power", "realtime_target_soc")

socs = st.floats(0, 100)
targets = st.integers(5, 100)
moves = st.one_of(
    st.builds(Charge, power_w=st.integers(50, 2400), soc_pct=targets),
    st.builds(Discharge, power_w=st.integers(50, 2400), soc_pct=targets),
)
commands: st.SearchStrategy[Command] = st.one_of(moves, st.just(Hold()), st.just(SelfUse()))


@st.composite
def rooms(draw: st.DrawFn) -> Room:
    floor, ceiling = sorted((draw(st.floats(5, 100)), draw(st.floats(5, 100))))
    return Room().within(floor_pct=floor, ceiling_pct=ceiling)


# ---- the write budget ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([MODE, "realtime_power", "backup_soc"]), st.floats(0, 7200)), max_size=400))
def test_no_sequence_of_writes_exceeds_a_budget(attempts: list[tuple[str, float]]) -> None:
    ledger, now_s, written = Ledger(), 0.0, dict[str, list[float]]()
    for name, pause_s in attempts:
        now_s += pause_s
        if ledger.spent((name,), now_s) is None:
            ledger = ledger.booked((name,), now_s)
            written.setdefault(budgets_of((name,))[0], []).append(now_s)
    for budget, times in written.items():
        rule = allowance_of(budget)
        for index, at_s in enumerate(times):
            within = [other for other in times[: index + 1] if other > at_s - rule.window_s]
            assert len(within) <= rule.most - rule.kept_back
            assert index == 0 or at_s - times[index - 1] >= rule.apart_s


@given(st.integers(1, 40), st.floats(1, 4000))
def test_what_waits_as_long_as_it_is_told_may_write_then(writes: int, pause_s: float) -> None:
    ledger, now_s = Ledger(), 1e9
    for _ in range(writes):
        now_s += pause_s
        ledger = ledger.booked((MODE,), now_s)
    spent = ledger.spent((MODE,), now_s)
    assert spent is not None
    assert ledger.spent((MODE,), now_s + spent.free_in_s + 1e-3) is None
    assert ledger.spent((MODE,), now_s + spent.free_in_s - 1) is not None


def test_real_time_points_are_written_together_and_count_once() -> None:
    ledger = Ledger().booked(TRIPLE, 0.0)
    assert ledger.writes == {REALTIME: (0.0,)}
    assert ledger.budget(REALTIME, 0.0).left == REALTIME_ALLOWANCE.most - 1


def turned(ledger: Ledger, ways: str, *, apart_s: float = 60.0) -> Ledger:
    """Orders after each other: c charges, d discharges, anything else rests."""
    words = {"c": "charge", "d": "discharge"}
    for number, way in enumerate(ways):
        ledger = ledger.turned({"realtime_state": words.get(way, "standby")}, number * apart_s)
    return ledger


@pytest.mark.parametrize(("ways", "changes"), [("", 0), ("d", 0), ("dddd", 0), ("dc", 1), ("d-d", 0), ("d-c--d", 2), ("-cdcd", 3)])
def test_an_order_in_the_other_direction_counts_and_rest_in_between_does_not(ways: str, changes: int) -> None:
    assert turned(Ledger(), ways).budget(DIRECTION_CHANGES, 600.0).used == changes


def test_what_is_no_order_has_no_direction() -> None:
    assert turned(Ledger(), "d").turned({MODE: "self_use"}, 60.0) == turned(Ledger(), "d")


def test_more_than_sixty_changes_of_direction_in_a_day_wear_and_keep_nothing_from_being_written() -> None:
    ledger = turned(Ledger(), "dc" * 30 + "d")
    assert not wears(ledger.budget(DIRECTION_CHANGES, 3600.0), told=False)
    ledger = turned(Ledger(), "dc" * 31)
    changes = ledger.budget(DIRECTION_CHANGES, 3720.0)
    assert (changes.used, changes.allowance.most, changes.left, changes.free_in_s) == (61, 60, 0, 0.0)
    assert wears(changes, told=False)
    assert ledger.spent((DIRECTION_CHANGES, REALTIME), 3720.0) is None


def test_an_alarm_of_too_many_changes_ends_below_where_it_began() -> None:
    ledger = turned(Ledger(), "dc" * 31)
    day_s = DIRECTION_ALLOWANCE.window_s
    left = [ledger.budget(DIRECTION_CHANGES, day_s + number * 60.0) for number in range(1, 63)]
    assert [each.used for each in left[:2]] == [60, 59]
    assert [each.used for each in left if wears(each, told=False)] == []
    assert min(each.used for each in left if wears(each, told=True)) == CALM_CHANGES + 1


def test_two_writes_of_a_setting_are_kept_back_for_putting_it_back() -> None:
    ledger = Ledger()
    for hour in range(22):
        ledger = ledger.booked((MODE,), hour * 3600.0)
    budget = ledger.budget(MODE, 22 * 3600.0)
    assert (budget.used, budget.left, budget.allowance.most) == (22, 0, SETTING_ALLOWANCE.most)
    assert budget.free_in_s > 0


def test_a_clock_that_goes_back_frees_nothing() -> None:
    ledger = Ledger().booked((MODE,), 1000.0).booked((MODE,), 10.0)
    assert ledger.writes[MODE] == (1000.0, 1000.0)
    assert ledger.latest_s() == 1000.0


# ---- the fence -------------------------------------------------------------------------------------------------------------------


@given(commands, socs, rooms())
def test_no_command_reaches_below_the_floor_above_the_ceiling_or_beyond_the_fence(command: Command, soc: float, room: Room) -> None:
    near = fenced(command, soc, room)
    match near:
        case Discharge(soc_pct=target, power_w=power):
            assert target >= min(100, room.floor_pct)
            assert target >= soc - FENCE_PCT
            assert isinstance(command, Discharge)
            assert (power, target >= command.soc_pct) == (command.power_w, True)
        case Charge(soc_pct=target, power_w=power):
            assert target <= max(room.ceiling_pct, 5)
            assert target <= max(soc + FENCE_PCT, 5)
            assert isinstance(command, Charge)
            assert (power, target <= max(command.soc_pct, 5)) == (command.power_w, True)
        case _:
            assert near == command


@given(moves, rooms(), st.lists(socs, min_size=1, max_size=30))
def test_however_the_charge_moves_the_fence_stays_near_and_within_the_room(
    command: Command, room: Room, course: list[float]
) -> None:
    sent: Command | None = None
    for soc in course:
        sent = bounded(command, sent, soc, room)
        strict = fenced(command, soc, room)
        match sent, strict:
            case Discharge(soc_pct=stands), Discharge(soc_pct=nearest):
                assert stands >= nearest  # never further than the fence
            case Charge(soc_pct=stands), Charge(soc_pct=nearest):
                assert stands <= nearest
        assert not fence_is_due(command, sent, soc, room)


def test_a_fence_is_moved_every_two_percent_and_to_its_end() -> None:
    sent, targets_sent = None, []
    for tenths in range(600, 400, -1):
        soc = tenths / 10
        now = bounded(Discharge(500, 45), sent, soc, Room())
        if now != sent:
            targets_sent.append(getattr(now, "soc_pct", None))
        sent = now
    assert targets_sent == [55, 53, 51, 49, 47, 45]


def test_a_charge_that_is_full_already_stands_by() -> None:
    assert fenced(Charge(500, 100), 96.0, Room(5.0, 90.0)) == Charge(500, 90)


# ---- what was before -------------------------------------------------------------------------------------------------------------


def snapshot(**settings: Any) -> Snapshot:
    return Snapshot(NOW, settings)


@pytest.mark.parametrize(
    ("before", "wrote", "shown", "writes", "left"),
    [
        ({"mode": "self_use"}, {"mode": "realtime"}, {"mode": "realtime"}, {"mode": "self_use"}, {}),
        ({"mode": "self_use"}, {"mode": "realtime"}, {"mode": "self_use"}, {}, {}),
        ({"mode": "self_use"}, {"mode": "realtime"}, {"mode": "schedule"}, {}, {"mode": "schedule"}),
        ({"mode": "self_use"}, {"mode": "realtime"}, {"mode": None}, {"mode": "self_use"}, {}),
        ({"mode": "self_use"}, {}, {"mode": "schedule"}, {}, {}),
        (
            {"mode": "self_use", "inverter_input_limit": 2400},
            {"inverter_input_limit": 1000},
            {"mode": "schedule", "inverter_input_limit": 1000},
            {"inverter_input_limit": 2400},
            {},
        ),
        (
            {"mode": "self_use", "realtime_power": 0},
            {"mode": "realtime", "realtime_power": 500},
            {"mode": "realtime", "realtime_power": 500},
            {"mode": "self_use"},
            {},
        ),
    ],
    ids=["put back", "is so already", "left to who changed it", "unknown", "never written", "a setting", "inert points"],
)
def test_what_is_put_back_and_what_is_left(before: Any, wrote: Any, shown: Any, writes: Any, left: Any) -> None:
    found = restoration(snapshot(**before), wrote, shown)
    assert (dict(found.writes), dict(found.left)) == (writes, left)


def test_an_order_of_somebody_else_comes_back_whole() -> None:
    before: dict[str, Value] = {"mode": "realtime", "realtime_state": "charge", "realtime_power": 300, "realtime_target_soc": 90}
    wrote: dict[str, Value] = {"mode": "realtime", "realtime_state": "discharge", "realtime_power": 300, "realtime_target_soc": 50}
    found = restoration(snapshot(**before), wrote, wrote)
    assert {name: found.writes[name] for name in TRIPLE} == {name: before[name] for name in TRIPLE}
    assert "mode" not in found.writes


modes = st.sampled_from(["self_use", "realtime", "schedule"])


@given(modes, modes, st.one_of(st.none(), modes))
def test_putting_back_twice_writes_nothing_the_second_time(before: str, wrote: str, shown: str | None) -> None:
    first = restoration(snapshot(mode=before), {"mode": wrote}, {"mode": shown})
    after = first.writes.get("mode", shown)
    again = restoration(snapshot(mode=before), {"mode": wrote}, {"mode": after})
    assert not again.writes
    assert shown in (None, before, wrote) or first.left == {"mode": shown}


def test_settings_join_a_snapshot_and_never_replace_what_was_there_first() -> None:
    joined = snapshot(mode="self_use").joined({"mode": "realtime", "backup_soc": 10})
    assert joined.settings == {"mode": "self_use", "backup_soc": 10}
    assert joined.rebased({"backup_soc": 30, "light": True}).settings == {"mode": "self_use", "backup_soc": 30}


@pytest.mark.parametrize(
    ("wrote", "shown", "found"),
    [
        ({"mode": "realtime"}, {"mode": "realtime"}, {}),
        ({"mode": "realtime"}, {"mode": "schedule"}, {"mode": "schedule"}),
        ({"mode": "realtime", "realtime_power": 500}, {"mode": "realtime", "realtime_power": 800}, {"realtime_power": 800}),
        ({"mode": "realtime", "realtime_power": 500}, {"mode": "realtime", "realtime_power": None}, {}),
        ({"mode": "self_use", "realtime_power": 500}, {"mode": "self_use", "realtime_power": 800}, {}),
        ({}, {"mode": "schedule"}, {}),
    ],
)
def test_what_somebody_else_wrote_is_noticed(wrote: Any, shown: Any, found: Any) -> None:
    assert strange(wrote, shown) == found
