"""Why, and what it would take to do otherwise."""

from __future__ import annotations

from dataclasses import replace

from control_scene import later, load, situation, unit

from indevolt.control.controller import Controller
from indevolt.control.decision import Decision
from indevolt.control.explain import obstacles, why
from indevolt.control.situation import Action, Dynamics, Goals, Override, PlanSlot, Situation, Tier


def decided(known: Situation) -> Decision:
    return Controller({"battery": Dynamics(gain=1.0)}).decide(known)


def test_a_decision_in_sentences() -> None:
    asked = Override(Action.CHARGE, later(30), "Ada", 9000)
    first, *others = why(decided(situation(overrides=(asked,))))
    assert first == "Charge with 2400 W since Ada asked to charge until 12:30 UTC (override)."
    assert others == [
        "2400 W of charge and 2400 W of discharge are possible: limits of the units (safety).",
        "battery: -2400 W; battery takes at most 2400 W: three modules.",
    ]


def test_a_decision_that_waits_says_so() -> None:
    first, *others = why(decided(situation()))
    assert first == "Neither charge nor discharge since the house takes 400 W beyond its PV (self_use)."
    assert others[0].startswith("+395 W are due, once that has lasted")


def test_rest_and_the_devices_own_loop_have_words_too() -> None:
    assert why(decided(situation(meter=None)))[0].startswith("Neither charge nor discharge since there is no meter: rest")
    assert why(decided(situation(tier=Tier.NATIVE)))[0].startswith("The device follows the house by itself")


def test_what_would_have_to_be_different() -> None:
    hold = PlanSlot(later(0), later(15), Action.HOLD, reason="19:00 is dearer")
    known = situation(unit(soc=20), slot=hold, goals=Goals(reserve_pct=30), net_load=load(400))
    floor, grid, plan, chosen = obstacles(decided(known), 400)
    assert floor.reason.endswith("battery is at 20 %, and nothing is given below 30 %")
    assert grid.otherwise == "caps.battery_to_grid, where law and contract allow it"
    assert plan.reason == "the plan until 12:15 UTC: 19:00 is dearer: nothing is given"
    assert chosen.otherwise == "pin another action to this slot, or switch the plan off"


def test_nothing_stands_in_the_way_of_what_is_done() -> None:
    decision = decided(situation(overrides=(Override(Action.CHARGE, later(30), "Ada", 500),)))
    assert obstacles(decision, -500) == ()


def test_a_bound_that_a_higher_wish_overrules_is_no_obstacle() -> None:
    asked = Override(Action.CHARGE, later(30), "Ada", 900)
    hold = replace(situation(overrides=(asked,)), goals=Goals(peak_import_w=100))
    assert [each.strategy for each in obstacles(decided(hold), -1200)] == ["override"]
