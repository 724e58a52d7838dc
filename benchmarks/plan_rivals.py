"""Who competes in ``plan.py`` beside what ``control.plan.replay`` has: planners that take one forecast for certain.

Both give the battery's power for each quarter of an hour, and one executor makes of it what the device can be told; what they know,
how often they plan and what they are run on is the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from side_by_side import Child

from indevolt.control.plan.choice import Choice
from indevolt.control.plan.coupled import CoupledProblem, Unit, solve_coupled
from indevolt.control.plan.past import Known, Outlook, Past, Terms
from indevolt.control.plan.plant import Plant
from indevolt.control.plan.problem import Problem
from indevolt.control.plan.replay import HORIZON
from indevolt.control.plan.terminal import terminal_value
from indevolt.control.situation import Action

Numbers: TypeAlias = NDArray[np.float64]
Powers: TypeAlias = Callable[[Known, Numbers, Numbers, float], Numbers]
"""From what is known, the forecasts of load and PV, and the state of charge to the battery's power by quarters."""

NOTHING_W: Final = 50.0
FOLLOWS: Final = 0.9  # of the net load: then it is plain self-use that is meant
EMHASS_QUARTERS: Final = 96  # its horizon; of one length, so that its model is built once


class Executor:
    """Plans with one forecast every so often, and tells the battery what comes nearest to the power that was planned."""

    def __init__(self, past: Past, powers: Powers, every: int) -> None:
        self.outlook, self.powers, self.every = Outlook(past), powers, every
        self.solve_s: list[float] = []
        self._planned: tuple[int, Numbers, Numbers] | None = None

    def __call__(self, quarter: int, plant: Plant) -> Choice:
        """Return the choice of a quarter."""
        if self._planned is None or quarter - self._planned[0] >= self.every:
            known = self.outlook.known(quarter, HORIZON)
            load_w = known.likely @ known.load_w
            pv_w = known.pv_w.mean(axis=0)
            started = time.process_time()
            self._planned = quarter, self.powers(known, load_w, pv_w, plant.soc_pct), load_w - pv_w
            self.solve_s.append(time.process_time() - started)
        since, battery_w, net_w = self._planned
        return choice_for(float(battery_w[quarter - since]), float(net_w[quarter - since]))


def choice_for(battery_w: float, net_w: float) -> Choice:
    """Return what a device can be told that comes nearest to a planned power, while so much net load was expected."""
    surplus_w = max(-net_w, 0.0)
    if battery_w < -NOTHING_W:
        return Choice(Action.SELF_USE) if -battery_w <= surplus_w + NOTHING_W else Choice(Action.CHARGE, -battery_w)
    if battery_w > NOTHING_W:
        return Choice(Action.SELF_USE) if battery_w >= FOLLOWS * net_w else Choice(Action.DISCHARGE, battery_w)
    if surplus_w > NOTHING_W:
        return Choice(Action.STOP)
    return Choice(Action.HOLD) if net_w > NOTHING_W else Choice(Action.SELF_USE)


def milp(terms: Terms) -> Powers:
    """Return our own mixed-integer model, with the mean of all scenarios as its one future."""

    def powers(known: Known, load_w: Numbers, pv_w: Numbers, soc_pct: float) -> Numbers:
        battery = replace(terms.battery, soc_pct=soc_pct)
        worth = terminal_value(Problem(known.slots, known.scenarios()[:1], battery))
        unit = Unit("battery", battery, worth)
        found = solve_coupled(CoupledProblem(known.slots, tuple(load_w.tolist()), tuple(pv_w.tolist()), units=(unit,)))
        return np.array(found.unit_w["battery"])

    return powers


def emhass(terms: Terms, child: Child, *, keeps_charge: bool) -> Powers:
    """Return EMHASS, which is to end with the charge that it began with, or with an empty battery."""
    battery = terms.battery

    def powers(known: Known, load_w: Numbers, pv_w: Numbers, soc_pct: float) -> Numbers:
        slots = known.slots[:EMHASS_QUARTERS]
        floor = battery.floor_pct / 100
        soc = min(max(soc_pct / 100, floor), 1.0)
        answer = child.ask(
            minutes=15,
            time_zone="Europe/Berlin",
            start=slots[0].start.isoformat(),
            load_w=load_w[: len(slots)].tolist(),
            pv_w=pv_w[: len(slots)].tolist(),
            import_per_kwh=[slot.import_per_kwh for slot in slots],
            export_per_kwh=[slot.export_per_kwh for slot in slots],
            soc=soc,
            soc_final=soc if keeps_charge else floor,
            battery={
                "capacity_wh": battery.capacity_wh,
                "charge_w": battery.charge_w,
                "discharge_w": battery.discharge_w,
                "floor": floor,
                "wear_per_kwh": battery.wear_per_kwh,
            },
        )
        return np.array(answer["battery_w"])

    return powers
