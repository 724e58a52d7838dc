"""The plan in a unit's own load curve, so that something of it holds while the hub is dead and the unit sees no meter.

What a curve says of a plan is ``control.load_curve``'s. Here is when it is written: through the lease, seldom, and never while
nothing is planned, the unit is commanded, or somebody else decides. When the lease ends, what was there before comes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.control.load_curve import NAMES, curve_of, index_of, matters, span_of
from indevolt.errors import BudgetSpent, ForeignWriter, IndevoltError, LeaseLost
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import Keeper
from indevolt.hub.planner.device_clock import ahead_of_utc
from indevolt.hub.planner.units import units_of

if TYPE_CHECKING:
    from indevolt.device.lease import Lease
    from indevolt.hub.hub import Hub

APART_S: Final = 7200.0
"""Between two writes: 12 a day at most, half of what the flash budget of a setting allows."""
LEAST_DAYS: Final = 5  # of load that have to be known, so that the least that the house takes is no guess
AGAIN_S: Final = 900.0  # after one that failed
_NOT_REACHED: Final = "the device has not been reached"
_NO_PLAN: Final = "there is no plan that can be trusted"
_NO_CLOCK: Final = "the device's clock is not known, or is wrong"
_TOO_NEW: Final = f"what the house surely takes is known after {LEAST_DAYS} days of history"
_AT_FIRST: Final = ("", _NOT_REACHED, _NO_PLAN)  # so it is after each start


class LoadCurve:
    """What lies in the load curve of one unit."""

    def __init__(self, hub: Hub, keeper: Keeper) -> None:
        self.wanted: tuple[int, ...] | None = None  # what the plan says now, by half hour of the device's clock; None: nothing
        self.laid: tuple[int, ...] | None = None  # what the device has of it
        self.laid_at: datetime | None = None
        self.reason = ""  # why nothing is wanted; empty while all is well
        self._hub = hub
        self._keeper = keeper
        self._shown: tuple[float, ...] | None = None  # what the device showed last
        self._next_s = float("-inf")
        self._foreign = False
        self._told = ""  # the reason that the journal has

    @property
    def asked(self) -> bool:
        """Whether its owner wants the plan there."""
        return self._keeper.config.plan_in_load_curve and self._keeper.config.control

    async def look(self) -> None:
        """Find out what is wanted now; a reason against it is told when it is another one."""
        if not self.asked:
            return
        was, self.reason = self.wanted, self._against()
        self.wanted = None if self.reason else self._planned()
        news = self.reason != self._told and (was is not None or self.reason not in _AT_FIRST)
        if news and (self.reason or self._told):
            text = f"the plan is not in the load curve: {self.reason}" if self.reason else "the plan goes into the load curve again"
            await self._hub.journal.note(Kind.DECISION, text, device=self._keeper.id)
        if news:
            self._told = self.reason

    async def lay(self, lease: Lease) -> None:
        """Write what is wanted, where that is worth it, and so often only.

        Raises:
            LeaseLost: the lease is over.
        """
        clock = self._hub.clock
        if self.wanted is None or clock.monotonic() < self._next_s:
            return
        if self._shown is not None and not self._matters(self._shown):
            return
        try:
            await self._lay(lease, self.wanted)
        except LeaseLost:
            raise
        except (BudgetSpent, ForeignWriter):
            self._next_s = clock.monotonic() + AGAIN_S
        except IndevoltError as error:
            self._next_s = clock.monotonic() + AGAIN_S
            await self._hub.journal.note(Kind.DECISION, f"the load curve was not written: {error}", device=self._keeper.id)

    def forget(self) -> None:
        """Take note that the lease is over, and with it what was written."""
        self.laid = self.laid_at = self._shown = None
        self._next_s = float("-inf")

    async def _lay(self, lease: Lease, wanted: tuple[int, ...]) -> None:
        reading = await lease.device.read(*NAMES)
        shown = tuple(value for name in NAMES if (value := reading.number(name)) is not None)
        if len(shown) < len(NAMES):
            raise IndevoltError("it does not show all of it")
        if self.laid is not None and shown != tuple(map(float, self.laid)):
            self._foreign = True  # whoever changed it wants it so
            return
        self._shown = shown
        span = span_of(wanted, shown)
        if span is None or not self._matters(shown):
            return
        outcome = await lease.write(NAMES[span.start], *wanted[span], reason=self._why())
        now = self._hub.clock
        if not outcome.proven:
            raise IndevoltError(f"it was {outcome.stage.value}, and is not shown")
        await self._keeper.learn(outcome.shown)
        self.laid, self.laid_at, self._shown = wanted, now.now(), tuple(map(float, wanted))
        self._next_s = now.monotonic() + APART_S

    def _matters(self, shown: tuple[float, ...]) -> bool:
        ahead = self._ahead()
        return self.wanted is not None and ahead is not None and matters(self.wanted, shown, index_of(self._hub.clock.now(), ahead))

    def _why(self) -> str:
        plan = self._hub.planner.plan
        return f"{plan.name}: what it gives in the next 24 h, 0 W for all else" if plan else ""

    def _against(self) -> str:
        """Return why nothing is to be there now; empty where something is."""
        hub, keeper = self._hub, self._keeper
        if self._foreign:
            return "somebody else changed it; it is left as it is until the hub starts anew"
        if hub.pause.until(hub) is not None:
            return "automation pauses"
        if keeper.model is None or keeper.device is None:
            return _NOT_REACHED
        if NAMES[0] not in keeper.model.points:
            return f"a {keeper.model.title} has none over HTTP"
        if hub.planner.slot_at(hub.clock.now()) is None:
            return _NO_PLAN
        if hub.planner.known_days < LEAST_DAYS:
            return _TOO_NEW
        if self._ahead() is None:
            return _NO_CLOCK
        return ""

    def _planned(self) -> tuple[int, ...] | None:
        hub, plan, ahead, device = self._hub, self._hub.planner.plan, self._ahead(), self._keeper.device
        if plan is None or ahead is None or device is None:
            return None
        most_w = device.limits_in(self._keeper.snapshot()).discharge.value
        all_w = sum(each.device.limits_in(each.known).discharge.value for each in units_of(hub.keepers.values()))
        share = most_w / all_w if all_w > most_w else 1.0
        limit_w = hub.config.control.output_limit_w
        if limit_w is not None:
            most_w = min(most_w, limit_w)
        return curve_of(plan, hub.clock.now(), ahead, share=share, most_w=most_w)

    def _ahead(self) -> timedelta | None:
        return ahead_of_utc(self._keeper, self._hub.clock.now())
