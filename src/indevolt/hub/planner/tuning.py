"""Finds each night which gate suits this site: its own last days are lived again, and the gate that cost least holds from then on.

How well a future can be told differs from house to house, so how much a plan has to promise before it is followed does, too
(control.md, section 2.1). The work is done by a process of its own (``tournament``). Too little history leaves the configured gate.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.journal import Kind
from indevolt.hub.planner import gate

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

GATE: Final = "plan-gate"  # what the last finding is kept under
NIGHT: Final = time(3, 30)  # by the clocks of the site: it exists on every day, also where they are set
SPREAD_S: Final = 1200.0  # hubs of one machine do not all work at once
FIRST_S: Final = 600.0  # after a start, where the last night was missed
AGAIN_S: Final = 3600.0  # after it could not be done


async def serve_tuning(hub: Hub, *, gates: Sequence[float] | None = None) -> None:
    """Find the gate each night until cancelled; ``gates`` are those to try, by default the usual ones and the configured one."""
    planner = hub.planner
    if not hub.config.plan.tune:
        return
    try:
        from indevolt.control.plan.tuning import GATES  # noqa: PLC0415 - numpy may be missing
    except ImportError:
        return  # the planner says what is missing
    with suppress(IndevoltError, ValueError):  # the store says so itself; what is not known is found anew
        if text := await hub.store.get(GATE):
            planner.tuned = gate.Tuned.of_text(text)
    tried = tuple(dict.fromkeys((hub.config.plan.gate, *GATES))) if gates is None else tuple(gates)
    wait_s = first_wait_s(hub)
    while True:
        await hub.clock.sleep(wait_s)
        try:
            await tune(hub, tried)
        except IndevoltError as error:
            await hub.journal.note(Kind.HUB, f"the gate of plans was not tuned: {error}")
            wait_s = AGAIN_S
        else:
            wait_s = _until_night_s(hub)


def first_wait_s(hub: Hub) -> float:
    """Return how long to wait after a start: to the next night, or some minutes where the last one was missed."""
    tuned = hub.planner.tuned
    fresh = tuned is not None and tuned.usual == hub.config.plan.gate and tuned.at >= _night(hub, before=True)
    return _until_night_s(hub) if fresh else FIRST_S


async def tune(hub: Hub, gates: Sequence[float]) -> None:
    """Find the gate now, tell it, and keep it.

    Raises:
        IndevoltError: the store is away, no battery is known, or the work failed.
    """
    now, config = hub.clock.now(), hub.config
    found = await _found(hub, now, gates)
    before = hub.planner.tuned
    hub.planner.tuned = found
    with suppress(IndevoltError):  # the store says so itself; it goes on in memory
        await hub.store.put(GATE, found.save())
    if before is None or (before.gate, before.cost_per_day == {}) != (found.gate, found.cost_per_day == {}):
        text = f"the gate of plans is {found.gate:g} {config.site.currency}/kWh from now on: {found.reason}"
        costs = {f"{each:g}": round(cost, 4) for each, cost in found.cost_per_day.items()}
        await hub.journal.note(Kind.HUB, text, days=found.days, cost_per_day=costs)


async def _found(hub: Hub, now: datetime, gates: Sequence[float]) -> gate.Tuned:
    from indevolt.control.plan.past import Terms  # noqa: PLC0415 - numpy may be missing
    from indevolt.control.plan.tuning import LEAST_DAYS  # noqa: PLC0415 - numpy may be missing
    from indevolt.hub.planner.problem import NotKnown, battery_of  # noqa: PLC0415 - numpy may be missing
    from indevolt.hub.planner.site_past import past_days  # noqa: PLC0415 - numpy may be missing
    from indevolt.hub.planner.tournament import ask  # noqa: PLC0415 - numpy may be missing

    config = hub.config
    usual = config.plan.gate
    span = await past_days(hub, now, config.plan.tune_days)
    if span is None or span.days < LEAST_DAYS:
        return gate.too_little(now, usual, 0.0 if span is None else span.days, LEAST_DAYS)
    try:
        battery = battery_of(hub.keepers.values(), config.control, wear_per_kwh=config.plan.wear_per_kwh)
    except NotKnown as error:
        raise IndevoltError(str(error)) from error
    terms = Terms(battery, battery_to_grid=config.control.battery_to_grid, grid_charging=config.control.grid_charging, gate=usual)
    return gate.found(now, usual, span.days, await ask(span, terms, gates), config.site.currency)


def _until_night_s(hub: Hub) -> float:
    own_s = zlib.crc32(hub.config.hub.name.encode()) % SPREAD_S
    return (_night(hub) - hub.clock.now()).total_seconds() + own_s


def _night(hub: Hub, *, before: bool = False) -> datetime:
    """Return when the next night's work begins, or when the last one's did."""
    now, zone = hub.clock.now(), hub.config.site.zone
    day = now.astimezone(zone).date()
    at = datetime.combine(day, NIGHT, zone).astimezone(UTC)
    if before:
        return at if at <= now else datetime.combine(day - timedelta(days=1), NIGHT, zone).astimezone(UTC)
    return at if at > now else datetime.combine(day + timedelta(days=1), NIGHT, zone).astimezone(UTC)
