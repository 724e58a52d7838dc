"""How often, when and by whom each setting of a device was written, as the journal has it.

The journal is read once for each device, and after that only what is new in it: writes are few. What others than this hub wrote is
not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from indevolt.battery import Stage
from indevolt.hub.journal import Kind
from indevolt.store import Entry, Store

PAGE: Final = 1000  # entries at a time
ENDS: Final = ("wrote", "ended")  # the steps that tell what became of a write, with and without a lease


@dataclass(frozen=True, slots=True)
class Written:
    """The writes of one setting: the last one with its outcome, and how many got through to the device."""

    at: datetime
    actor: str
    stage: str
    reason: str
    number: int  # of the entry in the journal
    today: int = 0
    ever: int = 0
    day: date = date.min  # that ``today`` is


class WriteLog:
    """Counts writes.

    Args:
        store: has the journal.
        zone: by whose midnight days end.
    """

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self._seen: dict[str, int] = {}  # by device, the last entry that was counted
        self._written: dict[str, dict[str, Written]] = {}

    async def of(self, device: str, now: datetime) -> Mapping[str, Written]:
        """Return the writes of each setting that was ever written.

        Raises:
            StoreUnavailable: the journal cannot be read now.
        """
        written = self._written.setdefault(device, {})
        while True:
            after = self._seen.get(device, 0)
            page = await self._store.entries(after=after, kinds=(Kind.WRITE,), device=device, limit=PAGE)
            for entry in page:
                if entry.number > self._seen.get(device, 0):  # else somebody else has counted it meanwhile
                    self._seen[device] = entry.number
                    self._count(written, entry)
            if len(page) < PAGE:
                break
        today = now.astimezone(self._zone).date()
        return {name: each if each.day == today else replace(each, today=0) for name, each in written.items()}

    def _count(self, written: dict[str, Written], entry: Entry) -> None:
        wanted = entry.data.get("wanted")
        if entry.data.get("step") not in ENDS or not isinstance(wanted, Mapping):
            return
        stage = str(entry.data.get("stage", ""))
        got_through = stage != Stage.REFUSED
        day = entry.at.astimezone(self._zone).date()
        for name in wanted:
            before = written.get(name)
            today = before.today if before is not None and before.day == day else 0
            written[name] = Written(
                entry.at,
                entry.actor,
                stage,
                str(entry.data.get("reason", "")),
                entry.number,
                today + got_through,
                (before.ever if before is not None else 0) + got_through,
                day,
            )
