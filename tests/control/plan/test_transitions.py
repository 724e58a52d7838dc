"""From level to level: powers are the curve of losses solved, and what is found costs what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from plan_problems import LOSSLESS, battery, problem

from indevolt.control.plan.effects import change_of, effects_of
from indevolt.control.plan.problem import LossCurve, Pin, Problem, TerminalValue
from indevolt.control.plan.programme import terminal_worth
from indevolt.control.plan.transitions import Transitions, power_at
from indevolt.control.situation import Action

CURVES = [LossCurve(), LOSSLESS, LossCurve(14.3, 0.0582, 1.18e-5)]
WORTH = TerminalValue(0.2, 0.1)


@pytest.mark.parametrize("loss", CURVES)
@given(power_w=st.floats(50, 2400), gives=st.booleans())
def test_a_power_is_found_again_from_how_fast_it_changes_what_is_stored(loss: LossCurve, power_w: float, gives: bool) -> None:
    ac_w = np.array([power_w if gives else -power_w])
    rate_w = change_of(ac_w, battery(loss=loss))
    assert power_at(rate_w, loss) == pytest.approx(ac_w, rel=1e-4)


def test_at_rest_nothing_passes() -> None:
    assert power_at(np.zeros(1), LossCurve()).tolist() == [0.0]


def cost_of(given_problem: Problem, ac_w: np.ndarray) -> float:
    """What powers cost in the only scenario, by the same records as everywhere."""
    model, effects = given_problem.battery, effects_of(given_problem)
    stored_wh = model.soc_pct / 100 * model.capacity_wh + np.cumsum(change_of(ac_w, model) * effects.hours)
    grid_kwh = (effects.net_w[:, 0] - ac_w) * effects.hours / 1000
    price = [
        slot.import_per_kwh if kwh > 0 else slot.export_per_kwh for slot, kwh in zip(given_problem.slots, grid_kwh, strict=True)
    ]
    wear = np.maximum(ac_w, 0) @ effects.hours / 1000 * model.wear_per_kwh
    return float(grid_kwh @ price + wear - terminal_worth(WORTH, stored_wh[-1:], model)[0])


DAY = problem([0.30, 0.05, 0.42, 0.21, 0.38], [900, 300, 1500, 400, 2600], [0, 1700, 300, 900, 0], export=0.08)


def test_what_is_found_costs_what_it_says() -> None:
    ac_w, cost = Transitions(DAY, WORTH, levels=201).powers_from(2000.0)
    stored_wh = DAY.battery.soc_pct / 100 * 4000 + float((change_of(ac_w, DAY.battery)).sum())
    left = float(terminal_worth(WORTH, np.array([stored_wh]), DAY.battery)[0])
    assert cost - left == pytest.approx(cost_of(DAY, ac_w), abs=1e-9)


def test_finer_levels_cost_no_more_but_for_what_they_round() -> None:
    coarse, fine = (cost_of(DAY, Transitions(DAY, WORTH, levels=levels).powers_from(2000.0)[0]) for levels in (61, 801))
    assert fine <= coarse + 5e-4


def test_a_pinned_slot_has_its_pin_alone() -> None:
    slots = (replace(DAY.slots[0], pin=Pin(Action.CHARGE, 700)), *DAY.slots[1:])
    ac_w, _ = Transitions(replace(DAY, slots=slots), WORTH, levels=201).powers_from(2000.0)
    assert ac_w[0] == pytest.approx(-700)


def test_whether_the_grid_may_charge_and_the_battery_may_sell_is_kept_to() -> None:
    ac_w, _ = Transitions(replace(DAY, grid_charging=False), WORTH, levels=201).powers_from(2000.0)
    net_w = effects_of(DAY).net_w[:, 0]
    assert (ac_w >= np.minimum(net_w, 0) - 1e-6).all()
    assert (ac_w <= np.maximum(net_w, 0) + 1e-6).all()
    dear = tuple(replace(slot, export_per_kwh=1.0) for slot in DAY.slots)
    sold, _ = Transitions(replace(DAY, slots=dear, battery_to_grid=True), WORTH, levels=201).powers_from(2000.0)
    assert (sold > np.maximum(net_w, 0) + 1).any()
