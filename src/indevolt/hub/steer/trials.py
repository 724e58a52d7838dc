"""Commissioning in the hub: a trial with a unit and the hub's own meter, one at a time, asked for by a person.

It proves the sign of the meter, without which nothing follows it, and finds how the unit answers, which is kept over restarts.
Nothing else decides meanwhile: automation pauses, and a unit with an override is not tried. Which steps and what they say is
``control.commission``'s, the lease around them ``device.trial``'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson

from indevolt.battery import Reading
from indevolt.control.commission import Finding, Sign, Step
from indevolt.control.situation import Dynamics, Seen
from indevolt.device import Device
from indevolt.device.trial import TTL, survey, try_out
from indevolt.errors import IndevoltError, InvalidInput, ReadOnly, Unreachable
from indevolt.hub.config_meters import BatteryMeter
from indevolt.hub.derive import ac_power
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import Link

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.meters.meter import Meter

FREE_S: Final = 60.0  # for a lease that is being given back
LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class TrialState:
    """How far a trial is, or what came of the last one."""

    device: str
    at: datetime  # when it was asked for
    actor: str
    running: bool = True
    step: str = "waits for its turn"
    finding: Finding | None = None
    trouble: IndevoltError | None = None


class Trials:
    """Carries out trials one after another. One for each hub; :attr:`states` are by device."""

    def __init__(self) -> None:
        self.states: dict[str, TrialState] = {}
        self.learnt: Callable[[str, Dynamics], None] = lambda _, __: None  # whoever steers by it
        self._asked: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    @property
    def running(self) -> bool:
        """Whether a unit is tried now, or waits for it; nothing else moves batteries meanwhile."""
        return any(state.running for state in self.states.values())

    def ask(self, hub: Hub, device: str, *, actor: str, silence: bool = True) -> TrialState:
        """Have a unit tried.

        Args:
            hub: whose unit it is.
            device: which.
            actor: who asks.
            silence: try as well whether a command goes on while nobody writes, which takes two minutes more.

        Raises:
            NoSuchDevice: the hub has none of this name.
            ReadOnly, Unreachable: nothing can be written to it now.
            InvalidInput: it is being tried, somebody has asked for something else, or all is kept for an outage.
        """
        keeper = hub.keeper(device)
        if not keeper.config.control:
            raise ReadOnly(f"{device} is read-only here")
        if keeper.device is None or keeper.link is not Link.ONLINE:
            raise Unreachable(f"{device} does not answer", remedy="Wait until it answers; the journal says what is wrong.")
        if (known := self.states.get(device)) is not None and known.running:
            raise InvalidInput(f"{device} is being tried already", remedy="Wait until that is done.")
        if keeper.steering is not None and keeper.steering.override is not None:
            raise InvalidInput(f"somebody has asked {device} for something", remedy="Release the override first.")
        if (backup := hub.backup.current(hub)) is not None:
            raise InvalidInput(backup.why(), remedy="A trial gives some of it; end the backup hold first.")
        state = self.states[device] = TrialState(device, hub.clock.now(), actor)
        self._asked.put_nowait((device, silence))
        return state

    async def serve(self, hub: Hub) -> None:
        """Carry out what is asked for, until cancelled; a trial that is cut short puts back what was before."""
        while True:
            device, silence = await self._asked.get()
            try:
                finding = await self._carry_out(hub, device, silence=silence)
            except IndevoltError as error:
                self._change(device, running=False, step="failed", trouble=error)
                await hub.journal.note(Kind.DECISION, f"the trial of {device} failed: {error}", device=device, remedy=error.remedy)
            else:
                self._change(device, running=False, step="done", finding=finding)
            finally:
                if self.states[device].running:  # steering ends, or fails and is started anew
                    self._change(device, running=False, step="cut short")

    async def _carry_out(self, hub: Hub, device: str, *, silence: bool) -> Finding:
        actor = self.states[device].actor
        await hub.journal.note(Kind.DECISION, f"{actor} has {device} tried", device=device, actor=actor)
        paused = hub.pause.until(hub)
        meanwhile = max(paused or hub.clock.now(), hub.clock.now() + TTL + timedelta(seconds=FREE_S))
        await hub.pause.set(hub, meanwhile, actor=actor)
        try:
            unit = await self._free(hub, device)
            meter = _own_meter(hub)
            trial = await survey(unit, silence=silence, has_meter=True if meter is not None else None)
            finding = await try_out(
                unit,
                trial,
                hub.clock,
                given=_given_w,
                meter=None if meter is None else lambda: _metered(meter),
                actor=f"hub {hub.config.hub.name}, trial",
                folder=hub.config.control.leases,
                tell=lambda step: self._change(device, step=_said(step)),
            )
        finally:
            if hub.pause.until(hub) == meanwhile:  # else somebody has asked for something else since
                await hub.pause.set(hub, paused, actor=actor)
        await self._keep(hub, device, finding)
        return finding

    async def _free(self, hub: Hub, device: str) -> Device:
        """Wait until nobody of this hub holds the lease."""
        keeper = hub.keeper(device)
        until_s = hub.clock.monotonic() + FREE_S
        while keeper.steering is not None and keeper.steering.lease is not None:
            if hub.clock.monotonic() > until_s:
                raise Unreachable(f"{device} was not given back in time", remedy="Try again.")
            await hub.clock.sleep(LOOK_S)
        if keeper.device is None:
            raise Unreachable(f"{device} does not answer")
        return keeper.device

    async def _keep(self, hub: Hub, device: str, finding: Finding) -> None:
        from indevolt.hub.meters.service import keep_sign  # noqa: PLC0415 - a hub without meters of its own does without it

        grid = hub.meters.grid
        seen_by_it = grid is not None and (not isinstance(grid.config, BatteryMeter) or grid.config.device == device)
        if grid is not None and seen_by_it and finding.sign is not Sign.UNKNOWN:
            await keep_sign(hub, grid, passed=finding.sign is Sign.RIGHT, evidence=f"tried with {device}: {finding.evidence}")
        text = f"{device} was tried: sign {finding.sign}"
        if (known := finding.dynamics) is not None:
            text += f", dead time {known.dead_s:g} s, slope {known.slew_w_per_s:g} W/s, seen by the {finding.source}"
            await keep_dynamics(hub, device, known)
            self.learnt(device, known)
        await hub.journal.note(Kind.DECISION, text, device=device, notes=list(finding.notes))

    def _change(self, device: str, **changes: object) -> None:
        self.states[device] = replace(self.states[device], **changes)  # type: ignore[arg-type]  # fields of its own


@dataclass(frozen=True, slots=True)
class Kept:
    """How a unit answers, as a trial found it, and with which firmware: with another it may differ (control.md, section 1.7)."""

    dynamics: Dynamics
    firmware: str  # empty while it was unknown

    def is_of(self, firmware: str) -> bool:
        """Return whether it still counts; it does while either firmware is unknown."""
        return firmware == self.firmware or "" in (firmware, self.firmware)


async def keep_dynamics(hub: Hub, device: str, known: Dynamics) -> None:
    """Keep how a unit answers over a restart."""
    kept = {**asdict(known), "firmware": hub.keeper(device).firmware}
    with suppress(IndevoltError):  # the store says so itself
        await hub.store.put(_key(device), orjson.dumps(kept).decode())


async def kept_dynamics(hub: Hub, device: str) -> Kept | None:
    """Return how a unit answers, as it was kept; None where nothing was, or nothing that is understood."""
    with suppress(IndevoltError, ValueError, TypeError):
        if text := await hub.store.get(_key(device)):
            kept = orjson.loads(text)
            firmware = kept.pop("firmware", "")
            return Kept(Dynamics(**kept), str(firmware))
    return None


def _key(device: str) -> str:
    return f"dynamics:{device}"


def _own_meter(hub: Hub) -> Meter | None:
    """Return the meter that the hub reads itself; one that a unit tells of is looked at with the unit."""
    meter = hub.meters.grid
    return None if meter is None or isinstance(meter.config, BatteryMeter) else meter


def _metered(meter: Meter) -> Seen | None:
    """Return what it told last, also where that is the same as before: between two steps nothing changes in a quiet house."""
    shown = meter.shown
    return None if shown is None else Seen(shown.power_w, shown.at_s)


def _given_w(reading: Reading) -> float | None:
    return ac_power(reading.number)


def _said(step: Step) -> str:
    return f"{step.power_w:+.0f} W for {step.seconds:.0f} s: {step.purpose}"
