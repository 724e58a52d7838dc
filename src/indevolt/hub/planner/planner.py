"""The plan that holds, what the owner pinned, and why there is none. Without numpy, so that everybody may ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from indevolt.control.plan.planned import Plan
from indevolt.control.plan.problem import Pin
from indevolt.control.situation import Action, PlanSlot, Target
from indevolt.hub.planner.gate import Tuned
from indevolt.hub.prices.records import QUARTER, quarter_of

TOO_OLD: Final = timedelta(hours=2)
"""A plan that could not be renewed for so long commands nothing: prices and charge are others by now."""
SURPRISE_PCT: Final = 5.0
"""By which the charge may miss the plan before that is made anew (control.md, section 2.1)."""


class Planner:
    """Knows the plan."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.because = ""  # why it was made when it was
        self.reason = "no plan is made: no tariff is configured; see [tariff]"  # why there is none; empty while there is one
        self.notes: tuple[str, ...] = ()  # what to know about what it was made from
        self.pins: dict[datetime, Pin] = {}  # by the start of a quarter
        self.changed = asyncio.Event()  # the owner wants something else
        self.soc_pct: float | None = None  # where it began
        self.known_days = 0.0  # of load, that it was made from
        self.target: Target | None = None  # that the owner asked for, beside those of the configuration
        self.tuned: Tuned | None = None  # what the last night found; None: nothing yet

    def gate(self, usual: float) -> float:
        """Return the gate that holds: what a night found for this configured one, else that itself."""
        return self.tuned.gate if self.tuned is not None and self.tuned.usual == usual else usual

    def slot_at(self, at: datetime) -> PlanSlot | None:
        """Return what the plan wants at an instant; None without a plan, and where it is too old to be trusted."""
        plan = self.plan
        if plan is None or not timedelta() <= at - plan.at + QUARTER < TOO_OLD + QUARTER:
            return None
        slot = plan.slot_at(at)
        return None if slot is None else slot.order(plan.name)

    def expected_soc_pct(self, at: datetime) -> float | None:
        """Return the state of charge that the plan expects at an instant."""
        if self.plan is None or self.soc_pct is None:
            return None
        before, before_at = self.soc_pct, self.plan.at
        for slot in self.plan.slots:
            if at < slot.end:
                whole = (slot.end - before_at) / timedelta(seconds=1)
                share = max(0.0, (at - before_at) / timedelta(seconds=1)) / whole if whole > 0 else 1.0
                return before + (slot.soc_pct.p50 - before) * min(1.0, share)
            before, before_at = slot.soc_pct.p50, slot.end
        return None

    def missed_by_pct(self, at: datetime, soc_pct: float | None) -> float:
        """Return by how much the charge misses the plan; 0 where one of them is unknown."""
        expected = self.expected_soc_pct(at)
        return 0.0 if expected is None or soc_pct is None else abs(soc_pct - expected)

    # ---- pins --------------------------------------------------------------------------------------------------------------------

    def pin(self, start: datetime, end: datetime, pin: Pin | None) -> None:
        """Want something of all quarters between two instants, whatever it costs; None: nothing any more."""
        at = quarter_of(start.astimezone(UTC))
        while at < end:
            if pin is None:
                self.pins.pop(at, None)
            else:
                self.pins[at] = pin
            at += QUARTER
        self.changed.set()

    def want(self, target: Target | None) -> None:
        """Want a charge by a time, in place of the one that was wanted before; None: none any more."""
        self.target = target
        self.changed.set()

    def forget(self, before: datetime) -> bool:
        """Forget pins and a target of the past; return whether there were any."""
        old = [at for at in self.pins if at + QUARTER <= before]
        for at in old:
            del self.pins[at]
        late = self.target is not None and self.target.by <= before
        if late:
            self.target = None
        return bool(old) or late

    def save_pins(self) -> str:
        """Return a text that :meth:`restore_pins` takes."""
        return json.dumps({at.isoformat(): [pin.action, pin.power_w] for at, pin in self.pins.items()})

    def restore_pins(self, text: str) -> None:
        """Go on from a saved text.

        Raises:
            ValueError: it was not saved by this program.
        """
        try:
            kept: Mapping[str, tuple[str, float]] = json.loads(text)
            self.pins = {datetime.fromisoformat(at): Pin(Action(action), float(power_w)) for at, (action, power_w) in kept.items()}
        except (TypeError, AttributeError) as error:
            raise ValueError(f"these are no kept pins: {error}") from error
