"""Plans each quarter of an hour and on surprise: new prices, another forecast, a charge that misses the plan, a wish."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from indevolt.control.plan.planned import Plan
from indevolt.errors import IndevoltError
from indevolt.hub.journal import Kind
from indevolt.hub.planner.days import keep_slot
from indevolt.hub.planner.planner import SURPRISE_PCT
from indevolt.hub.planner.targets import restored, save
from indevolt.hub.planner.units import soc_of
from indevolt.hub.prices.records import quarter_of

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LOOK_S: Final = 30.0  # between two looks whether something is otherwise
FIRST_S: Final = 60.0  # after the start, within which devices and prices are asked for the first time
PINS: Final = "plan-pins"
TARGET: Final = "plan-target"
_EXTRA: Final = 'planning needs two libraries more: pip install "indevolt[control]"'


async def serve_planner(hub: Hub) -> None:
    """Plan until cancelled."""
    planner = hub.planner
    if hub.config.tariff is None or not hub.config.plan.enabled:
        return
    try:
        from indevolt.control.plan import solve as _solver  # noqa: F401, PLC0415 - numpy may be missing
    except ImportError:
        planner.reason = _EXTRA
        await hub.journal.note(Kind.HUB, _EXTRA)
        return
    planner.reason = "the first plan is being made"
    with suppress(IndevoltError, ValueError):  # the store says so itself; pins that are not known are none
        if text := await hub.store.get(PINS):
            planner.restore_pins(text)
    with suppress(IndevoltError, ValueError):  # likewise
        planner.target = restored(await hub.store.get(TARGET) or "")
    if planner.slot_at not in hub.plans:
        hub.plans.append(planner.slot_at)
    await _Desk(hub).run()


class _Desk:
    """Makes plans."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._planner = hub.planner
        self._versions = (-1, -1)  # of prices and forecast that the plan knows
        self._quarter: datetime | None = None
        self._began_s = hub.clock.monotonic()

    async def run(self) -> None:
        while True:
            if because := self._why_now():
                await self._renew(because)
            await self._wait()

    async def _wait(self) -> None:
        """Wait for the next look, or for a wish of the owner."""
        sleep = asyncio.ensure_future(self._hub.clock.sleep(LOOK_S))
        wish = asyncio.ensure_future(self._planner.changed.wait())
        try:
            await asyncio.wait((sleep, wish), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wish.cancel()
            await asyncio.wait((sleep, wish))

    def _why_now(self) -> str:
        """Return why a plan has to be made now; empty where the last one holds."""
        hub, planner, now = self._hub, self._planner, self._hub.clock.now()
        if planner.changed.is_set():
            return "the owner wants it otherwise"
        if self._quarter is None or planner.plan is None:
            return "there was none"
        if quarter_of(now) != self._quarter:
            return "a quarter of an hour is over"
        if self._versions[0] != hub.prices.version:
            return "prices are new"
        if self._versions[1] != hub.forecast.version:
            return "the forecast is another one"
        missed_pct = planner.missed_by_pct(now, soc_of(hub.keepers.values()))
        return f"the charge misses the plan by {missed_pct:.0f} %" if missed_pct > SURPRISE_PCT else ""

    async def _renew(self, because: str) -> None:
        hub, planner = self._hub, self._planner
        now = hub.clock.now()
        planner.changed.clear()
        self._quarter = quarter_of(now)
        self._versions = (hub.prices.version, hub.forecast.version)
        if planner.forget(now) or because.startswith("the owner"):
            with suppress(IndevoltError):  # the store says so itself; what the owner wants goes on in memory
                await hub.store.put(PINS, planner.save_pins())
                await hub.store.put(TARGET, save(planner.target))
        from indevolt.hub.planner.problem import NotKnown  # noqa: PLC0415 - it needs numpy

        try:
            made = await make(hub, now)
        except NotKnown as error:
            await self._without(str(error))
            return
        except IndevoltError as error:
            await self._without(f"{error}")
            return
        planner.plan, planner.because, planner.reason, planner.notes = made.plan, because, "", made.notes
        planner.soc_pct, planner.known_days = soc_of(hub.keepers.values()), made.known_days
        slot = made.plan.slot_at(now)
        if slot is not None:
            with suppress(IndevoltError):  # the store says so itself
                await keep_slot(hub, slot, made.plan)

    async def _without(self, reason: str) -> None:
        """Have no new plan; the last one holds until it is too old. That nothing is known at first is no news."""
        early = self._planner.plan is None and self._hub.clock.monotonic() < self._began_s + FIRST_S
        if self._planner.reason != reason and not early:
            self._planner.reason = reason
            await self._hub.journal.note(Kind.HUB, f"no plan can be made: {reason}")


class Made(NamedTuple):
    """A plan, and what to know about what it was made from."""

    plan: Plan
    notes: tuple[str, ...]
    known_days: float  # of load, in the history of the site


async def make(hub: Hub, now: datetime, *, reserve_pct: float | None = None) -> Made:
    """Make a plan and return it; nothing is kept.

    Raises:
        NotKnown: what a plan cannot do without is not known.
        IndevoltError: the store is away, or what is known makes no sense.
    """
    from indevolt.control.plan.solve import solve  # noqa: PLC0415 - numpy may be missing
    from indevolt.hub.planner.circumstances import explained  # noqa: PLC0415 - numpy may be missing
    from indevolt.hub.planner.problem import facts_of, problem_of  # noqa: PLC0415 - numpy may be missing

    facts = await facts_of(hub, now, reserve_pct=reserve_pct)

    def worked_out() -> Plan:
        problem = problem_of(facts)
        return explained(solve(problem, now.astimezone(facts.zone)), facts, problem)

    return Made(await asyncio.to_thread(worked_out), facts.notes, facts.known_days)
