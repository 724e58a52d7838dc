"""Whatever units, meter, plan, people and grid operator say, in whatever order, no decision leaves what safety allows. A search.

A machine of hypothesis: each rule changes something that the controller hears of, or that happens to what it decided; after each, a
decision is made, and held against bounds that are written down here once more, not taken from the code that is tested.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

from control_scene import NOON, limits
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from indevolt.battery import Charge, Discharge, Limit
from indevolt.control.controller import Controller
from indevolt.control.decision import Decision, UnitOrder
from indevolt.control.situation import (
    Action,
    Caps,
    Dynamics,
    Envelope,
    Goals,
    MeterSample,
    Override,
    PlanSlot,
    Price,
    Role,
    Seen,
    Situation,
    Tier,
    UnitState,
)

NAMES = ("cellar", "attic")
LEAST_W = 50
GONE_S = 16.0  # from then on nobody sees the house
watts = st.floats(-30_000, 30_000)
asked_w = st.sampled_from([0.0, 60.0, 900.0, 2400.0, 30_000.0]) | st.floats(0, 30_000)
seconds = st.sampled_from([0.2, 1.0, 2.0, 9.0, 40.0, 400.0])
percent = st.floats(0, 100)
actions = st.sampled_from(list(Action))


class Deciding(RuleBasedStateMachine):
    """A controller of two units, and everything that it hears of."""

    def __init__(self) -> None:
        super().__init__()
        self.controller = Controller({name: Dynamics(gain=1.0) for name in NAMES})
        self.now_s, self.jumped_s, self.meter_s = 100.0, 0.0, -math.inf
        self.units = {name: UnitState(name, limits(), Seen(50.0, 100.0), 5400.0) for name in NAMES}
        self.more: dict[str, Any] = {}
        self.decision: Decision | None = None

    @property
    def at(self) -> Any:
        return NOON + timedelta(seconds=self.now_s - 100 + self.jumped_s)

    def change(self, name: str, **changes: Any) -> None:
        self.units[name] = replace(self.units[name], **changes)

    # ---- what happens --------------------------------------------------------------------------------------------------------

    @initialize(tier=st.sampled_from(list(Tier)), free=st.booleans())
    def begin(self, tier: Tier, *, free: bool) -> None:
        self.more = {"tier": tier, "caps": Caps(battery_to_grid=free)}
        self.decide()

    @rule(passed_s=seconds)
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s
        self.decide()

    @rule(by_s=st.floats(-90_000, 90_000), trusted=st.booleans())
    def the_clock_jumps(self, by_s: float, *, trusted: bool) -> None:
        self.jumped_s += by_s
        self.more["clock_trusted"] = trusted
        self.decide()

    @rule(power_w=watts, late_s=st.floats(-2, 30), period_s=st.sampled_from([1.0, 2.0, 10.0]), proven=st.booleans())
    def the_meter_tells(self, power_w: float, late_s: float, period_s: float, *, proven: bool) -> None:
        self.meter_s = self.now_s - late_s
        self.more["meter"] = MeterSample(power_w, self.meter_s, period_s, self.now_s, proven)
        self.decide()

    @rule()
    def the_meter_is_gone(self) -> None:
        self.more["meter"] = None
        self.decide()

    @rule(
        name=st.sampled_from(NAMES), soc=st.none() | percent, backup=st.none() | percent, temperature=st.none() | st.floats(-20, 70)
    )
    def a_unit_tells(self, name: str, soc: float | None, backup: float | None, temperature: float | None) -> None:
        seen = None if soc is None else Seen(soc, self.now_s)
        self.change(name, soc_pct=seen, backup_pct=backup, temperature_c=temperature)
        self.decide()

    @rule(name=st.sampled_from(NAMES), charge_w=st.floats(0, 2400), discharge_w=st.floats(0, 2400), ac_w=st.none() | watts)
    def a_unit_can_do_less(self, name: str, charge_w: float, discharge_w: float, ac_w: float | None) -> None:
        self.change(name, limits=limits(charge_w, discharge_w), ac_w=None if ac_w is None else Seen(ac_w, self.now_s))
        self.decide()

    @rule(name=st.sampled_from(NAMES), online=st.booleans(), controlled=st.booleans(), role=st.sampled_from(list(Role)))
    def a_unit_comes_or_goes(self, name: str, role: Role, *, online: bool, controlled: bool) -> None:
        self.change(name, online=online, controlled=controlled, role=role)
        self.decide()

    @rule(name=st.sampled_from(NAMES), calibrating=st.booleans())
    def a_unit_calibrates(self, name: str, *, calibrating: bool) -> None:
        self.change(name, calibrating=calibrating)
        self.decide()

    @rule(action=actions, power_w=asked_w, minutes=st.floats(0, 60), soc=st.none() | percent)
    def somebody_asks(self, action: Action, power_w: float, minutes: float, soc: float | None) -> None:
        self.more["overrides"] = (Override(action, self.at + timedelta(minutes=minutes), "Ada", power_w, soc),)
        self.decide()

    @rule(action=actions, power_w=asked_w, pinned=st.booleans())
    def a_plan_wants(self, action: Action, power_w: float, *, pinned: bool) -> None:
        self.more["slot"] = PlanSlot(self.at, self.at + timedelta(minutes=15), action, power_w, pinned=pinned)
        self.decide()

    @rule(low_w=watts, high_w=watts, minutes=st.floats(0, 60))
    def the_grid_operator_wants(self, low_w: float, high_w: float, minutes: float) -> None:
        self.more["envelope"] = Envelope(low_w, high_w, self.at + timedelta(minutes=minutes), "grid operator")
        self.decide()

    @rule(reserve=percent, ceiling=percent, peak_w=st.none() | st.floats(0, 9000), soak=st.none() | st.floats(-1, 1))
    def the_owner_changes_his_goals(self, reserve: float, ceiling: float, peak_w: float | None, soak: float | None) -> None:
        self.more["goals"] = Goals(reserve, ceiling, peak_import_w=peak_w, soak_below_per_kwh=soak)
        self.more["price"] = Price(0.0, 0.0)
        self.decide()

    @rule(free=st.booleans(), grid_charging=st.booleans(), output_w=st.none() | st.floats(0, 5000), unit_pv_w=st.floats(0, 3000))
    def the_law_changes(self, output_w: float | None, unit_pv_w: float, *, free: bool, grid_charging: bool) -> None:
        output = None if output_w is None else Limit(output_w, "W", "law")
        self.more |= {"caps": Caps(output, battery_to_grid=free, grid_charging=grid_charging), "unit_pv_w": unit_pv_w}
        self.decide()

    # ---- what is decided -----------------------------------------------------------------------------------------------------

    def decide(self) -> None:
        self.known = Situation(self.at, self.now_s, tuple(self.units.values()), **self.more)
        self.decision = self.controller.decide(self.known)
        for order in self.decision.orders:
            self.controller.sent(order.unit, self.now_s, order.power_w)

    @property
    def commands(self) -> list[tuple[UnitState, UnitOrder]]:
        assert self.decision is not None
        return [(self.units[order.unit], order) for order in self.decision.orders]

    def floor_pct(self, unit: UnitState) -> float:
        reserve = self.known.goals.reserve_pct
        above = 2.0 if self.known.tier is Tier.REALTIME else 0.0
        return max(5.0, reserve, 0.0 if unit.backup_pct is None else min(100.0, unit.backup_pct + above))

    @invariant()
    def only_units_that_may_be_commanded_are(self) -> None:
        for unit, _ in self.commands if self.decision else ():
            assert unit.online
            assert unit.controlled
            assert unit.role is not Role.SLAVE

    @invariant()
    def no_command_leaves_the_limits_of_its_unit(self) -> None:
        for unit, order in self.commands if self.decision else ():
            match order.command:
                case Discharge(power_w=power_w, soc_pct=target):
                    assert LEAST_W <= power_w <= unit.limits.discharge.value
                    assert unit.soc_pct is not None
                    assert unit.soc_pct.value > self.floor_pct(unit) - 1e-9
                    assert target >= min(100, self.floor_pct(unit))
                    assert not unit.calibrating
                case Charge(power_w=power_w, soc_pct=target):
                    assert LEAST_W <= power_w <= unit.limits.charge.value
                    assert unit.soc_pct is not None
                    assert unit.soc_pct.value < self.known.goals.ceiling_pct
                    assert target <= self.known.goals.ceiling_pct
                    assert unit.temperature_c is None or 0 < unit.temperature_c <= 52

    @invariant()
    def no_unit_is_charged_from_another(self) -> None:
        signs = {math.copysign(1, order.power_w) for _, order in (self.commands if self.decision else ()) if order.power_w}
        assert len(signs) <= 1

    @invariant()
    def nothing_is_discharged_by_a_meter_that_nobody_sees(self) -> None:
        if self.decision is None or self.known.caps.battery_to_grid or self.known.tier is not Tier.REALTIME:
            return
        meter = self.known.meter
        if meter is None or not meter.proven or self.now_s - self.meter_s > max(GONE_S, 0.0) + meter.period_s:
            assert not any(isinstance(order.command, Discharge) for _, order in self.commands)

    @invariant()
    def all_units_and_their_pv_stay_within_the_law(self) -> None:
        if self.decision is None or self.known.caps.output is None:
            return
        given = sum(order.power_w or 0.0 for _, order in self.commands)
        assert given <= max(0.0, self.known.caps.output.value - self.known.unit_pv_w) + 1e-9


TestDeciding = Deciding.TestCase
# Without shrinking, which takes many minutes here; 200 courses did not find each time that a unit gives more than it can.
TestDeciding.settings = settings(max_examples=600, stateful_step_count=25, phases=(Phase.explicit, Phase.generate))
