"""Writes are counted as the journal has them: by setting, today and ever, whoever asks and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from indevolt.clock import ManualClock
from indevolt.hub.bus import Bus
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.writes import WriteLog
from indevolt.store.memory import MemoryStore

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 6, 21, 20, 0, tzinfo=UTC)  # 22:00 in Berlin


class Desk:
    """A journal, and who counts in it."""

    def __init__(self) -> None:
        self.clock = ManualClock(EVENING)
        store = MemoryStore(clock=self.clock)
        self.journal = Journal(store, Bus(), self.clock)
        self.log = WriteLog(store, BERLIN)

    async def note(self, stage: str, *names: str, device: str = "cellar", step: str = "ended", **facts: Any) -> None:
        wanted = dict.fromkeys(names, 1)
        await self.journal.note(Kind.WRITE, "a write", device=device, actor="me", step=step, stage=stage, wanted=wanted, **facts)

    async def counts(self, name: str, device: str = "cellar") -> tuple[int, int]:
        written = (await self.log.of(device, self.clock.now())).get(name)
        return (written.today, written.ever) if written else (0, 0)


async def test_each_setting_of_each_device_is_counted_by_itself() -> None:
    it = Desk()
    await it.note("confirmed", "backup_soc")
    await it.note("confirmed", "realtime_state", "realtime_power", step="wrote")
    await it.note("confirmed", "backup_soc", device="attic")
    assert await it.counts("backup_soc") == (1, 1)
    assert await it.counts("realtime_power") == (1, 1)
    assert await it.counts("mode") == (0, 0)


async def test_what_was_only_asked_for_or_refused_did_not_get_through() -> None:
    it = Desk()
    await it.note("", "backup_soc", step="asked")
    await it.note("", "backup_soc", step="failed")
    assert await it.counts("backup_soc") == (0, 0)
    await it.note("refused", "backup_soc", reason="why not")
    assert await it.counts("backup_soc") == (0, 0)
    assert (await it.log.of("cellar", it.clock.now()))["backup_soc"].reason == "why not"


async def test_a_day_ends_at_the_midnight_of_the_site() -> None:
    it = Desk()
    await it.note("confirmed", "backup_soc")
    it.clock.tick(3 * 3600)  # 01:00 in Berlin, still the same day in UTC
    assert await it.counts("backup_soc") == (0, 1)
    await it.note("confirmed", "backup_soc")
    assert await it.counts("backup_soc") == (1, 2)


async def test_what_was_counted_is_not_counted_again_and_what_is_new_is() -> None:
    it = Desk()
    for _ in range(3):
        await it.note("confirmed", "backup_soc")
        await it.counts("backup_soc")
    assert await it.counts("backup_soc") == (3, 3)


async def test_a_long_journal_is_counted_to_its_end() -> None:
    it = Desk()
    for _ in range(2100):
        await it.note("accepted", "backup_soc")
    assert await it.counts("backup_soc") == (2100, 2100)
    written = (await it.log.of("cellar", it.clock.now() + timedelta(0)))["backup_soc"]
    assert written.number == 2100
