"""Steps that were ordered, seen by two witnesses: what is judged, what is not, and that a lively house raises no alarm."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from control_scene import Home, later, unit

from indevolt.battery import Charge, Command, Discharge, Hold
from indevolt.control.situation import Action, Dynamics, Override, Seen
from indevolt.control.verification import (
    GIVEN_UP_S,
    LINGERS_S,
    LONGEST_S,
    WAITS_S,
    WITHIN_S,
    Check,
    Readback,
    Trust,
    Verdict,
    Verification,
    is_excused,
)
from indevolt.simulator.converter import Response

KNOWN = Dynamics(gain=1.0, charge_gain=1.0)
Course = Callable[[float], float | None]


def judged(
    ordered_w: float, unit_w: Course, meter_w: Course, *, before_w: float | None = 0.0, excused: bool = False
) -> list[Check]:
    """Order a power at 60 s, and return what was said in two minutes; the unit is read every 5 s, the meter every second.

    ``meter_w`` is what the meter shows turned round, so that it rises with the battery.
    """
    verification, found = Verification(), []
    if before_w is not None:
        verification.sent(0.0, before_w, KNOWN)
    for second in range(120):
        now_s = float(second)
        inner = Seen(value, now_s) if second % 5 == 0 and (value := unit_w(now_s)) is not None else None
        outer = Seen(value, now_s) if (value := meter_w(now_s)) is not None else None
        check = verification.look(now_s, inner, outer, excused=excused)
        if check is not None and now_s > 60:
            found.append(check)
        if second == 60:
            verification.sent(now_s, ordered_w, KNOWN)
    return found


def step(to_w: float, *, at_s: float = 64.0, from_w: float = 0.0) -> Course:
    return lambda second: to_w if second >= at_s else from_w


def verdicts(checks: list[Check]) -> list[Verdict]:
    return [check.verdict for check in checks]


# ---- one step --------------------------------------------------------------------------------------------------------------------


def test_a_step_that_unit_and_meter_show_is_one() -> None:
    assert verdicts(judged(700, step(680), step(660, from_w=-300))) == [Verdict.MOVED]


def test_half_a_step_is_enough() -> None:
    assert verdicts(judged(700, step(400), step(360))) == [Verdict.MOVED]


def test_a_step_that_neither_shows_within_fifteen_seconds_was_not_made() -> None:
    first = judged(700, step(0), step(-250, from_w=-250))[0]
    assert (first.verdict, str(first)) == (Verdict.STILL, "ordered +700 W, it shows +0 W, and nothing moved")


def test_a_step_that_is_made_too_late_was_not_made() -> None:
    assert verdicts(judged(700, step(700, at_s=60 + WITHIN_S + 10), step(700, at_s=60 + WITHIN_S + 10)))[0] is Verdict.STILL


def test_a_unit_that_does_not_stop_is_noticed_as_well() -> None:
    first = judged(0, step(700, from_w=700), step(0), before_w=700)[0]
    assert (first.verdict, first.ordered_w, first.shown_w) == (Verdict.STILL, 0.0, 700.0)


def test_a_unit_that_says_it_moved_while_the_meter_of_a_quiet_house_shows_nothing_is_not_believed() -> None:
    (check,) = judged(-800, step(-800), lambda second: -250.0 + second % 3)
    assert (check.verdict, str(check)) == (Verdict.UNSEEN, "ordered -800 W, it shows -800 W, and the meter did not move")


def test_where_the_house_was_not_quiet_before_nothing_is_said_of_that() -> None:
    assert verdicts(judged(700, step(700), step(0, at_s=58, from_w=700))) == [Verdict.UNDECIDED]


def test_a_house_that_moves_as_much_leaves_it_undecided() -> None:
    assert verdicts(judged(700, step(0), step(600)))[0] is Verdict.UNDECIDED
    assert verdicts(judged(700, step(0), step(-600)))[0] is Verdict.UNDECIDED


def test_one_that_gives_less_than_it_was_told_has_a_limit() -> None:
    assert verdicts(judged(2000, step(600), step(600))) == [Verdict.UNDECIDED]
    assert judged(2000, step(600, from_w=600), step(600, from_w=600), before_w=1000) == [], "it gave no more before"


def test_small_steps_are_not_judged() -> None:
    assert judged(190, step(0), step(0)) == []


def test_without_a_second_witness_nothing_is_said() -> None:
    assert set(verdicts(judged(700, step(0), lambda _: None))) <= {Verdict.UNDECIDED}
    assert set(verdicts(judged(700, lambda second: 0.0 if second < 60 else None, step(0)))) <= {Verdict.UNDECIDED}
    assert WAITS_S < 60 + 60


def test_a_unit_that_has_a_reason_not_to_move_is_not_judged() -> None:
    assert judged(700, step(0), step(0), excused=True) == []


def test_a_unit_that_was_given_back_is_not_judged() -> None:
    verification = Verification()
    verification.look(0.0, Seen(0.0, 0.0), Seen(0.0, 0.0))
    verification.sent(1.0, 700.0, KNOWN)
    verification.sent(2.0, None)
    assert [verification.look(at_s, Seen(0.0, at_s), Seen(0.0, at_s)) for at_s in (10.0, 20.0, 40.0)] == [None] * 3


def test_a_slow_unit_has_the_time_that_it_is_known_to_take() -> None:
    slow = Dynamics(dead_s=6.0, slew_w_per_s=100.0)
    verification = Verification()
    for second in range(30):
        seen = Seen(0.0, float(second))
        assert verification.look(float(second), seen, seen) is None
        if second == 0:
            verification.sent(0.0, 4800.0, slow)


@pytest.mark.parametrize(
    ("sent", "changes", "excused"),
    [
        (Discharge(700, 45), {}, False),
        (Discharge(700, 49), {}, True),
        (Discharge(700, 5), {"backup_pct": 50.0}, True),
        (Charge(700, 55), {}, False),
        (Charge(700, 51), {}, True),
        (Charge(700, 100), {"soc_pct": Seen(96.0, 100.0)}, True),
        (Charge(700, 55), {"calibrating": True}, True),
        (Hold(), {}, False),
        (Hold(), {"soc_pct": None}, True),
    ],
)
def test_where_an_order_ends_and_where_a_unit_is_busy_it_may_rest(sent: Any, changes: dict[str, Any], *, excused: bool) -> None:
    assert is_excused(replace(unit(), **changes), sent) is excused


@pytest.mark.parametrize(
    ("sent", "ac_w", "sun_w", "excused"),
    [
        (Hold(), 20.0, 600.0, True),
        (Hold(), 20.0, 0.0, False),
        (Hold(), 600.0, 600.0, False),
        (Discharge(700, 20), 690.0, 700.0, True),
        (Charge(700, 90), -650.0, 300.0, True),
        (Charge(700, 90), 300.0, 300.0, False),
    ],
)
def test_while_the_sun_gives_through_a_unit_its_socket_may_do_as_ordered(
    sent: Command, ac_w: float, sun_w: float, *, excused: bool
) -> None:
    assert is_excused(replace(unit(), ac_w=Seen(ac_w, 100.0)), sent, sun_w=sun_w) is excused


# ---- a house ---------------------------------------------------------------------------------------------------------------------


class Watched(Home):
    """A home whose unit is read every 5 s, and what it shows is 3 s old; its orders are followed."""

    def run(self, seconds: float) -> list[tuple[float, float, float]]:
        self.verification, self.checks = Verification(), []
        self.seen: list[tuple[float, float]] = []
        told = 0
        for _ in range(round(seconds * 2)):
            super().run(0.5)
            self.seen.append((self.now_s, self.battery_w))
            if len(self.writes) > told:
                told = len(self.writes)
                self.verification.sent(*self.writes[-1], self.controller.dynamics["battery"])
            inner = Seen(self.seen[-7][1], self.now_s) if self.now_s % 5 == 0 and len(self.seen) > 6 else None
            outer = None if self._sample is None else Seen(-self._sample.power_w, self._sample.at_s)
            if (check := self.verification.look(self.now_s, inner, outer)) is not None:
                self.checks.append(check)
        return []

    def said(self) -> set[Verdict]:
        return {check.verdict for check in self.checks}


def lively(seed: int) -> Callable[[float], float]:
    """Appliances come and go, a hob pulses, and clouds pass."""
    rng = random.Random(seed)
    steps = sorted((rng.uniform(0, 3600), rng.choice([-1200, -700, -300, 300, 700, 1200])) for _ in range(60))
    cloud_s, hob_s = rng.uniform(60, 600), rng.uniform(8, 40)

    def net_w(second: float) -> float:
        load = 400 + sum(power for at_s, power in steps if at_s <= second)
        sun = 900 * max(0.0, min(1.0, abs((second / cloud_s) % 2 - 1) * 3 - 1))
        hob = 1500 if 600 < second < 1200 and second % hob_s < hob_s / 2 else 0
        return min(max(load, -1500), 3000) + hob - sun + 20 * ((second * 7919) % 1)

    return net_w


@pytest.mark.parametrize(("seed", "period_s"), [(1, 1.0), (2, 5.0), (3, 10.0)])
def test_a_lively_house_that_is_followed_raises_no_alarm(seed: int, period_s: float) -> None:
    home = Watched(lively(seed), period_s=period_s)
    home.run(1500)
    assert home.said() <= {Verdict.MOVED, Verdict.UNDECIDED}
    assert Verdict.MOVED in home.said()


@pytest.mark.parametrize("seed", [4, 6])
def test_a_unit_that_hangs_in_a_lively_house_is_noticed(seed: int) -> None:
    home = Watched(lively(seed), response=Response(slew_w_per_s=1e-6))
    home.run(400)
    assert Verdict.STILL in home.said()
    assert Verdict.MOVED not in home.said()


def test_an_order_of_a_person_is_judged_as_well() -> None:
    asked = (Override(Action.CHARGE, later(60), "Ada", 800),)
    home = Watched(lambda _: 300.0, change=lambda known: known if known.at_s < 30 else replace(known, overrides=asked))
    home.run(90)
    assert home.said() == {Verdict.MOVED}


# ---- what it shows of its orders -------------------------------------------------------------------------------------------------


def late_s(shown_w: float | None, at_s: float, *orders: tuple[float, float]) -> float:
    readback = Readback()
    for sent_s, power_w in orders:
        readback.sent(sent_s, power_w)
    return readback.late_s(at_s, shown_w)


def test_a_unit_that_shows_the_last_order_is_not_late() -> None:
    assert late_s(700, 100, (0, 700)) == 0
    assert late_s(0, 100, (0, 700), (50, 0)) == 0


def test_a_loop_that_orders_every_few_seconds_may_show_its_last_but_two() -> None:
    assert late_s(300, 12, (0, 300), (4, 400), (8, 500), (11, 600)) == 8


def test_one_that_hangs_at_an_order_is_late_since_that_was_replaced() -> None:
    orders = [(float(at_s), 300.0 + at_s) for at_s in range(0, 60, 4)]
    assert late_s(304, 60, *orders) == 52


def test_an_order_that_is_given_again_is_not_late() -> None:
    assert late_s(300, 60, (0, 300), (10, 900), (50, 300)) == 0


def test_what_is_none_of_ours_counts_from_when_it_was_shown_first() -> None:
    readback = Readback()
    readback.sent(0.0, 700.0)
    assert [readback.late_s(at_s, shown_w) for at_s, shown_w in ((40.0, 700.0), (50.0, 123.0), (60.0, 123.0))] == [0, 0, 10]
    assert [readback.late_s(at_s, None) for at_s in (70.0, 80.0)] == [0, 10], "another mode"


def test_after_it_was_given_back_nothing_is_late() -> None:
    readback = Readback()
    readback.sent(0.0, 700.0)
    readback.sent(5.0, None)
    assert readback.late_s(100.0, 300.0) == 0


# ---- what follows ----------------------------------------------------------------------------------------------------------------


def test_it_is_tried_once_more_and_then_given_up_for_a_while() -> None:
    trust = Trust()
    assert trust.failed(100.0, "nothing moved")
    assert (trust.gave_up(100.0), trust.alarms(100.0)) == (False, False)
    assert not trust.failed(130.0, "nothing moved")
    assert [trust.gave_up(130.0 + after_s) for after_s in (0, GIVEN_UP_S - 1, GIVEN_UP_S)] == [True, True, False]


def test_each_time_it_fails_again_the_pause_is_longer() -> None:
    trust, now_s, pauses = Trust(), 0.0, []
    for _ in range(7):
        trust.failed(now_s, "nothing moved")
        trust.failed(now_s, "nothing moved")
        pauses.append(trust.until_s - now_s)
        now_s = trust.until_s
    assert pauses == [GIVEN_UP_S, 2 * GIVEN_UP_S, 4 * GIVEN_UP_S, 8 * GIVEN_UP_S, LONGEST_S, LONGEST_S, LONGEST_S]


def test_one_step_that_is_seen_and_all_is_well() -> None:
    trust = Trust()
    for _ in range(2):
        trust.failed(0.0, "nothing moved")
    trust.proved()
    assert (trust.gave_up(1.0), trust.alarms(1.0), trust.what) == (False, False, "")
    assert trust.failed(2.0, "nothing moved"), "and the next failure is the first again"


def test_an_alarm_outlives_the_pause_by_the_time_of_another_try() -> None:
    trust = Trust()
    for _ in range(2):
        trust.failed(0.0, "nothing moved")
    assert [trust.alarms(at_s) for at_s in (1.0, GIVEN_UP_S + 1, GIVEN_UP_S + LINGERS_S)] == [True, True, False]


def test_who_asks_has_it_tried_at_once() -> None:
    trust = Trust()
    for _ in range(2):
        trust.failed(0.0, "nothing moved")
    trust.forgive()
    assert not trust.gave_up(1.0)
