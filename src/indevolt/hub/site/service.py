"""The site at work: hears units and meters, counts, publishes one reading a cycle, and keeps the counts.

A cycle ends when all units that answer were heard, or when the shortest period is over; so there are about as many readings of the
site as of one unit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError
from indevolt.hub.books import RESTORE_EVERY_S
from indevolt.hub.config_meters import BatteryMeter, MeterRole
from indevolt.hub.derive import COUNTED
from indevolt.hub.events import BranchSample, Event, LinkChanged, MeterSample, Tier, Update
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import Link
from indevolt.hub.latest import HELD_CYCLES
from indevolt.hub.site.book import LONGEST_GAP_S, Picture
from indevolt.hub.site.quantities import COUNTERS, SITE
from indevolt.hub.site.totals import Part, part_of
from indevolt.store import Stored

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

QUEUED: Final = 20_000  # events that may wait: some seconds of 2000 devices
SAVE_EVERY_S: Final = 60.0
METER_S: Final = 2.0  # the shortest time between two readings of the site that only the meter is new in
UNIT_S: Final = 0.05  # of a cycle for each unit, of which working it out takes some hundredths
MANY: Final = 32  # units above which nobody looks after each reading whether all were heard
KEY: Final = "counts:site"


async def serve_site(hub: Hub) -> None:
    """Work the site out until cancelled."""
    work = _Work(hub)
    with hub.bus.subscribe(Update, LinkChanged, MeterSample, BranchSample, size=QUEUED) as events:
        await work.restore()
        restoring = asyncio.create_task(work.keep_restoring())  # ends at once, but where the store was away
        try:
            while True:
                if work.heed(await events.get()):
                    await work.cycle()
        finally:
            restoring.cancel()
            await work.save()


def parts_of(hub: Hub) -> list[Part]:
    """Return what each unit contributes now."""
    elsewhere = {each.device for each in hub.config.meters if isinstance(each, BatteryMeter) and each.role is not MeterRole.GRID}
    return [
        part_of(keeper.id, keeper.latest, simulated=keeper.simulated, sees_grid=keeper.id not in elsewhere)
        for keeper in tuple(hub.keepers.values())
    ]


def branches_of(hub: Hub) -> dict[str, MeterRole]:
    """Return the meters of parts of the house by what flows through them, heard or not."""
    return {meter.name: meter.role for meter in hub.config.meters if meter.role is not MeterRole.GRID}


def look(hub: Hub) -> Picture:
    """Return the site as it is now; nothing is asked of a device, and nothing is counted."""
    return hub.site.look(parts_of(hub), branches_of(hub), hub.clock.now(), hub.clock.monotonic())


def period_s(hub: Hub) -> float:
    """Return how often the site is worked out: as often as the fastest unit is asked, and not that often for a whole fleet."""
    return max(min((keeper.config.poll.power_s for keeper in hub.keepers.values()), default=5.0), UNIT_S * len(hub.keepers))


class _Work:
    """What is between two cycles."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._heard: set[str] = set()
        self._last_s = self._saved_s = hub.clock.monotonic()
        self._restored = False

    def heed(self, event: Event) -> bool:
        """Take in an event, and return whether a cycle is over."""
        now_s = self._hub.clock.monotonic()
        match event:
            case Update(device=device, tier=Tier.DERIVED):
                self._heard.add(device)
                keepers, since_s = self._hub.keepers, now_s - self._last_s
                if len(keepers) > MANY:  # the period looks at each unit, so it is not asked for before it can be over
                    return since_s >= UNIT_S * len(keepers) and since_s >= period_s(self._hub)
                is_heard = all(each.id in self._heard for each in keepers.values() if each.link is Link.ONLINE)
                return is_heard or since_s >= period_s(self._hub)
            case MeterSample() | BranchSample():
                self._hub.site.hear(event, now_s)
                return now_s - self._last_s >= min(METER_S, event.period_s)
            case LinkChanged(state=Link.SILENT | Link.REFUSED):
                return True  # totals are unknown from now on, and nobody else may say so for long
        return False

    async def cycle(self) -> None:
        """Count, publish and sometimes save."""
        hub, now_s = self._hub, self._hub.clock.monotonic()
        self._heard.clear()
        self._last_s = now_s
        meter = hub.site.meter
        if self._restored:
            gap_s = max(LONGEST_GAP_S, HELD_CYCLES * period_s(self._hub))
            picture = hub.site.cycle(parts_of(hub), branches_of(hub), hub.clock.now(), now_s, longest_gap_s=gap_s)
        else:
            picture = look(hub)  # nobody knows yet what was counted before, so energies are not told
        hub.bus.publish(Update(SITE, Tier.SITE, picture.reading(), next(hub.numbers)))
        if hub.site.meter != meter and picture.meter is not None:
            text = f"the meter of the house is now {'that of ' if picture.meter.is_unit else ''}{picture.meter.name}"
            await hub.journal.note(Kind.HUB, text, before=meter, after=hub.site.meter)
        if now_s - self._saved_s >= SAVE_EVERY_S:
            await self.save()

    async def restore(self) -> None:
        """Go on from what was counted before the hub began, unless the store is away."""
        hub = self._hub
        try:
            text, last = await hub.store.get(KEY), await hub.store.last()
        except IndevoltError:  # the store says so itself
            return
        if text:
            hub.site.counts.restore(text, hub.clock.monotonic())
        of = {device: _numbers(values, tuple(COUNTED)) for device, values in last.items() if device != SITE}
        hub.site.counts.catch_up(_numbers(last.get(SITE, {}), COUNTERS), of)
        self._restored = True

    async def keep_restoring(self) -> None:
        """Restore once the store is back."""
        while not self._restored:
            await self._hub.clock.sleep(RESTORE_EVERY_S)
            await self.restore()

    async def save(self) -> None:
        """Keep the counts; what was kept before stays while it could not be read."""
        self._saved_s = self._hub.clock.monotonic()
        if not self._restored:
            return
        with suppress(IndevoltError):  # the store says so itself; counting goes on in memory
            await self._hub.store.put(KEY, self._hub.site.counts.save())


def _numbers(values: Mapping[str, tuple[datetime, Stored]], names: Iterable[str]) -> dict[str, float]:
    found = ((name, values[name][1]) for name in names if name in values)
    return {name: float(value) for name, value in found if isinstance(value, int | float)}
