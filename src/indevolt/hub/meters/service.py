"""Follows every meter: asks or listens, judges, and tells the others. One that fails is tried again, and disturbs nobody."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from indevolt.errors import IndevoltError, ProtocolError
from indevolt.hub.config_meters import BatteryMeter, MeterRole
from indevolt.hub.events import BranchSample, MeterSample
from indevolt.hub.journal import Kind
from indevolt.hub.meters.meter import Meter, MeterState, Shown, SignTest
from indevolt.hub.meters.source import Source
from indevolt.hub.meters.sources import source_of, usual_s

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

FIRST_PAUSE_S: Final = 2.0  # after a failure; doubles up to ...
LONGEST_PAUSE_S: Final = 30.0
NOTED_S: Final = 600.0  # between two notes on one meter: what fails every other time would fill the journal
LOOK_EVERY_S: Final = 1.0  # for meters that have gone quiet


async def serve_meters(hub: Hub) -> None:
    """Follow all meters of the configuration until cancelled."""
    for config in hub.config.meters:
        meter = Meter(config, usual_s=usual_s(config, hub), simulated=_is_simulated(config, hub))
        meter.sign = await _kept_sign(hub, meter)
        hub.meters.add(meter)
    async with asyncio.TaskGroup() as group:
        for meter in hub.meters.values():
            group.create_task(_Follower(hub, meter).run(), name=f"meter {meter.name}")
        group.create_task(watch(hub))


async def keep_sign(hub: Hub, meter: Meter, *, passed: bool, evidence: str) -> SignTest:
    """Keep what came of testing the sign of a meter, for the setting that it has now."""
    test = meter.sign = SignTest(passed, hub.clock.now(), evidence, meter.setting)
    await hub.store.put(_sign_key(meter), test.text())
    text = f"sign of the meter {meter.name}: {'right' if passed else 'wrong'}; {evidence}"
    await hub.journal.note(Kind.CONNECTION, text, meter=meter.name, passed=passed)
    return test


async def _kept_sign(hub: Hub, meter: Meter) -> SignTest | None:
    with suppress(IndevoltError):  # the store says so itself; an untested meter is the safe way
        if text := await hub.store.get(_sign_key(meter)):
            return SignTest.of_text(text)
    return None


def _sign_key(meter: Meter) -> str:
    return f"meter-sign:{meter.name}"


def _is_simulated(config: object, hub: Hub) -> bool:
    match config:
        case BatteryMeter(device=device):
            return any(each.simulated for each in hub.config.devices if each.name == device)
    return False


class _Follower:
    """Follows one meter."""

    def __init__(self, hub: Hub, meter: Meter) -> None:
        self._hub = hub
        self._meter = meter
        self._failures = 0
        self._noted_s = -NOTED_S

    async def run(self) -> None:
        """Follow until cancelled, and begin anew after each failure, with patience."""
        while True:
            try:
                async with source_of(self._meter.config, self._hub) as source:
                    await self._follow(source)
            except IndevoltError as error:
                await self._failed(error)
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 10))
            await self._hub.clock.sleep(pause_s)

    async def _follow(self, source: Source) -> None:
        clock = self._hub.clock
        while True:
            began_s = clock.monotonic()
            try:
                told = await source.next()
            except ProtocolError as error:  # the next that it tells may be better
                await self._failed(error)
            else:
                now_s = clock.monotonic()
                took_s = now_s - began_s if source.every_s else 0.0
                shown = self._meter.take(told, clock.now(), now_s, took_s)
                if shown is not None:
                    self._failures = 0
                    self._publish(shown)
            if source.every_s:
                await clock.sleep(max(0.0, began_s + source.every_s - clock.monotonic()))

    async def _failed(self, error: IndevoltError) -> None:
        self._failures += 1
        self._meter.fail(str(error))
        now_s = self._hub.clock.monotonic()
        if self._failures == 1 and now_s - self._noted_s >= NOTED_S:
            self._noted_s = now_s
            text = f"meter {self._meter.name}: {error}"
            await self._hub.journal.note(Kind.CONNECTION, text, meter=self._meter.name, remedy=error.remedy)

    def _publish(self, shown: Shown) -> None:
        meter = self._meter
        if meter.role is not MeterRole.GRID:
            sample = BranchSample(meter.name, meter.role, shown.power_w, shown.at, meter.period_s, shown.import_wh, meter.simulated)
            self._hub.bus.publish(replace(sample, quiet_s=meter.config.patience_s or 0.0))
        elif not isinstance(meter.config, BatteryMeter):  # a unit tells of its own meter itself
            self._hub.bus.publish(
                MeterSample(meter.name, shown.power_w, shown.at, meter.period_s, shown.import_wh, shown.export_wh, meter.simulated)
            )


async def watch(hub: Hub) -> None:
    """Write down when meters go quiet, and when they are back."""
    known = dict.fromkeys(hub.meters, MeterState.WAITING)
    while True:
        await hub.clock.sleep(LOOK_EVERY_S)
        now_s = hub.clock.monotonic()
        for name, meter in hub.meters.items():
            state = meter.state(now_s)
            if state is not known[name]:
                known[name] = state
                why = f": {meter.why(now_s)}" if state is not MeterState.LIVE and meter.why(now_s) else ""
                await hub.journal.note(Kind.CONNECTION, f"meter {name} is {state}{why}", meter=name, state=state.value)
