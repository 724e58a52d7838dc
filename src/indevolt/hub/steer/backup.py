"""A backup hold: everything is kept for an outage until a time, as somebody asked, before a storm or announced work on the grid.

It is an order of a person to all units that this hub controls, so it holds while nothing decides by itself as well, and it always
ends. It is kept in the store, so that it outlives a restart of the hub, and never its own end. What it means for the batteries is
``control.strategies.backup_hold``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson

from indevolt.battery import Command, Discharge
from indevolt.control.strategies.backup_hold import said
from indevolt.errors import IndevoltError, InvalidInput, ReadOnly, Refused
from indevolt.hub.events import Steered
from indevolt.hub.journal import Kind
from indevolt.hub.steer.end import End
from indevolt.hub.steer.records import Step

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LONGEST: Final = timedelta(days=7)
"""Storms are foreseen for some days; a battery that gives nothing for longer is of no use to its house."""
LEAST_PCT: Final = 5.0  # the lowest target that devices take (control.md, section 5, rule 3)
_KEY: Final = "steering:backup"


@dataclass(frozen=True, slots=True)
class Backup:
    """What somebody asked for; it always ends."""

    until: datetime
    by: str  # as the journal calls who asked
    at: datetime
    charge_pct: float | None = None  # first, also from the grid; None: what is there, and the surplus
    reason: str = ""

    def why(self) -> str:
        """Return it in words."""
        return said(self.until, self.charge_pct)


class BackupHold:
    """The backup hold of a hub, if there is one."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None  # whom it concerns
        self._standing: tuple[Backup, End] | None = None

    def current(self, hub: Hub) -> Backup | None:
        """Return what holds now; its end is told by the clocks of the house."""
        return None if self._standing is None or self._standing[1].is_over(hub.clock) else self._standing[0]

    async def ask(self, hub: Hub, until: datetime, *, actor: str, charge_pct: float | None = None, reason: str = "") -> Backup:
        """Have everything kept until then, in place of what was asked for before.

        Raises:
            ReadOnly: the owner lets this hub control no battery.
            InvalidInput: an end that is past or too far away, or a charge that may not be reached.
        """
        now, control = hub.clock.now(), hub.config.control
        until = until.astimezone(hub.config.site.zone)  # so that it is told by the clocks of the house
        if not any(keeper.config.control for keeper in hub.keepers.values()):
            raise ReadOnly("no battery may be controlled here, so nothing could be kept")
        if not now < until <= now + LONGEST:
            remedy = f"After now, and within {LONGEST.days} days; ask again when it has ended."
            raise InvalidInput(f"until: {until:%Y-%m-%d %H:%M %Z} is out of range", remedy=remedy)
        if charge_pct is not None and not LEAST_PCT <= charge_pct <= control.ceiling_pct:
            facts = f"charge_pct: {charge_pct:g} is not in {LEAST_PCT:g} to {control.ceiling_pct:g}"
            raise InvalidInput(facts, remedy="The highest is ceiling_pct of [control].")
        if charge_pct is not None and not control.grid_charging:
            facts = "charge_pct: energy of the grid may not be stored here (grid_charging of [control])"
            raise InvalidInput(facts, remedy="Leave it out: then the surplus of the sun is stored.")
        backup = Backup(until, actor, now, charge_pct, reason)
        text = f"{actor} asked: {backup.why()}"
        await self._set(hub, backup, text)
        await hub.journal.note(Kind.DECISION, text, actor=actor, reason=reason)
        return backup

    async def end(self, hub: Hub, *, actor: str) -> None:
        """End it now: nobody wants it any more."""
        if self.current(hub) is not None:
            await self._over(hub, f"{actor} took it back", by=actor)

    async def expire(self, hub: Hub) -> None:
        """End it when its time has passed."""
        if self._standing is not None and self._standing[1].is_over(hub.clock):
            await self._over(hub, "its time has passed")

    async def recall(self, hub: Hub) -> None:
        """Take up what was asked for before a restart; one that has ended meanwhile is over."""
        with suppress(IndevoltError, ValueError, TypeError, KeyError, AttributeError):
            if not (text := await hub.store.get(_KEY)):
                return
            kept = orjson.loads(text)
            until = datetime.fromisoformat(kept.pop("until")).astimezone(hub.config.site.zone)
            self._take(hub, Backup(until=until, at=datetime.fromisoformat(kept.pop("at")), **kept))
            if (backup := self.current(hub)) is not None:
                await hub.journal.note(Kind.DECISION, f"goes on after a restart: {backup.why()}", actor=backup.by)

    def check(self, hub: Hub, command: Command) -> None:
        """Raise where a command would give what is kept.

        Raises:
            Refused: it is to be kept.
        """
        if isinstance(command, Discharge):
            self.refuse_at(hub, hub.clock.now())

    def refuse_at(self, hub: Hub, at: datetime) -> None:
        """Raise where somebody wants to give at an instant what is kept until then.

        Raises:
            Refused: it is to be kept.
        """
        backup = self.current(hub)
        if backup is not None and at < backup.until:
            remedy = "End the backup hold first, if the battery may be used; the page and DELETE /api/v1/steering/backup do that."
            raise Refused(f"{said(backup.until)}, as {backup.by} asked", remedy=remedy)

    async def _over(self, hub: Hub, why: str, *, by: str = "hub") -> None:
        text = f"the backup hold is over: {why}"
        await self._set(hub, None, text)
        await hub.journal.note(Kind.DECISION, text, actor=by)

    async def _set(self, hub: Hub, backup: Backup | None, text: str) -> None:
        """Have it hold, or nothing any more, and tell everybody: also where the batteries do the same as before."""
        self._take(hub, backup)
        self.changed()
        hub.planner.changed.set()
        step = Step.ENDED if backup is None else Step.ASKED
        for unit in (keeper.steering for keeper in hub.keepers.values() if keeper.steering is not None):
            hub.bus.publish(Steered(unit.keeper.id, step.value, text, hub.clock.now(), "", unit.owner.value))
        with suppress(IndevoltError):  # the store says so itself
            await hub.store.put(_KEY, "" if backup is None else orjson.dumps(asdict(backup)).decode())

    def _take(self, hub: Hub, backup: Backup | None) -> None:
        self._standing = None if backup is None else (backup, End.at(backup.until, hub.clock))
