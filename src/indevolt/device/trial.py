"""A trial with a unit: the steps of a commissioning under a lease of its own, and what meter and device show meanwhile.

Which steps, and what the recording says, is ``control.commission``'s; asking the owner is the caller's.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from indevolt.battery import Charge, Command, Discharge, Hold, Reading, Stage
from indevolt.clock import Clock
from indevolt.control.commission import Finding, Recording, Sign, Step, charge_steps, discharge_steps, find, silence_step
from indevolt.control.situation import Seen
from indevolt.device.commands import readable
from indevolt.device.lease import Lease
from indevolt.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from indevolt.device.device import Device

SOC_PCT: Final = (15.0, 95.0)  # between: a unit near empty or full does less than it is told, by itself
LEAST_LOAD_W: Final = 100.0  # a house that takes less would export what a step of 50 W, the least of a device, gives
TTL: Final = timedelta(minutes=15)  # above the longest trial with every answer late
LOOK_S: Final = 1.0
"""Between two looks: the least that a device wants between two requests (protocol.md, section 7)."""


_ASKED: Final = ("meter_power", "ac_power", "ac_output_power", "ac_input_power", "realtime_state", "realtime_power", "battery_soc")

MeterNow: TypeAlias = Callable[[], Seen | None]
"""What a meter showed last and when it measured that; import is positive."""
Given: TypeAlias = Callable[[Reading], float | None]
"""The AC power of a unit, positive into the house, out of what it tells."""
Tell: TypeAlias = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """What can be tried with a unit."""

    charge_w: float
    discharge_w: float
    soc_pct: float
    has_meter: bool
    silence: bool

    @property
    def first(self) -> tuple[Step, ...]:
        """The steps that are done in any case."""
        return charge_steps(self.charge_w)

    @property
    def last(self) -> tuple[Step, ...]:
        """The step in which nobody writes."""
        return (silence_step(self.first[1].power_w),) if self.silence else ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them, if the meter is right and the house takes enough."""
        return (*self.first, *(self.second(float("inf")) if self.has_meter else ()), *self.last)

    def second(self, load_w: float) -> tuple[Step, ...]:
        """Return the steps that discharge, within what the house takes."""
        most = min(self.discharge_w, load_w)
        return discharge_steps(most) if most >= LEAST_LOAD_W else ()


async def survey(device: Device, *, silence: bool, has_meter: bool | None = None) -> Trial:
    """Return what can be tried.

    Args:
        device: the unit.
        silence: try as well whether a command goes on while nobody writes.
        has_meter: there is a meter; None: if the unit has one.

    Raises:
        InvalidInput: the battery is too empty or too full for it.
    """
    limits = await device.limits()
    reading = await device.read(*readable(device.model, ("battery_soc", "meter_connected")))
    soc = reading.number("battery_soc")
    if soc is None or not SOC_PCT[0] <= soc <= SOC_PCT[1]:
        raise InvalidInput(
            f"the battery is at {'an unknown charge' if soc is None else f'{soc:g} %'}",
            remedy=f"Try again between {SOC_PCT[0]:g} and {SOC_PCT[1]:g} %: outside, it does less than it is told.",
        )
    own = reading.value("meter_connected") is True
    return Trial(limits.charge.value, limits.discharge.value, soc, own if has_meter is None else has_meter, silence)


async def try_out(
    device: Device,
    trial: Trial,
    clock: Clock,
    *,
    given: Given,
    meter: MeterNow | None = None,
    actor: str = "indevolt commission",
    folder: Path | None = None,
    tell: Tell = lambda _: None,
) -> Finding:
    """Carry out a trial under a lease of its own, and return what it says; what was before is back then.

    Args:
        device: the unit.
        trial: what can be tried with it.
        clock: what it goes by.
        given: what of a reading is the power of the unit.
        meter: the meter to look at; None: what the unit tells of its own.
        actor: who others see as the holder of the lease.
        folder: where leases are kept.
        tell: hears of each step as it begins.

    Raises:
        LeaseHeld: another program commands it.
        IndevoltError: it failed; what was before is back all the same, or the error says that it is not.
    """
    async with device.lease(ttl=TTL, actor=actor, reason="a trial of how it answers", folder=folder) as lease:
        bench = _Bench(device, lease, clock, given, meter, own_meter=trial.has_meter and meter is None)
        parts = [await bench.play(trial.first, tell)]
        if find(parts[0]).sign is Sign.RIGHT:
            parts.append(await bench.play(trial.second(_load_w(parts[0])), tell))
        parts.append(await bench.play(trial.last, tell))
    return find(joined(parts), slow_meter=meter is None)


class _Bench:
    """One unit under a lease, and where it is looked at."""

    def __init__(
        self, device: Device, lease: Lease, clock: Clock, given: Given, meter: MeterNow | None, *, own_meter: bool
    ) -> None:
        self._device, self._lease, self._clock, self._given, self._meter = device, lease, clock, given, meter
        self._names = readable(device.model, (name for name in _ASKED if own_meter or name != "meter_power"))

    async def play(self, steps: Sequence[Step], tell: Tell) -> Recording:
        """Do steps one after another and return what was seen."""
        sent, meter, told, shown = list[Seen](), list[Seen](), list[Seen](), list[Seen]()
        for step in steps:
            tell(step)
            sent.append(await self._send(command_of(step.power_w)))
            until_s = sent[-1].at_s + step.seconds
            while (began_s := self._clock.monotonic()) < until_s:
                reading = await self._device.read(*self._names)
                now_s = self._clock.monotonic()
                _note(meter, self._metered(reading, now_s))
                _note(told, _seen(self._given(reading), now_s))
                _note(shown, _seen(_shown_w(reading), now_s))
                await self._clock.sleep(max(0.0, began_s + LOOK_S - self._clock.monotonic()))
        return Recording(tuple(sent), tuple(meter), tuple(told), tuple(shown))

    async def _send(self, command: Command) -> Seen:
        outcome = await self._lease.adjust(command, reason="a step of the trial")
        if outcome.stage is Stage.REFUSED:
            raise Refused(f"the device refused {command}")
        # An adjustment ends when the device has taken it. A whole command goes on until that is proven, and began so long ago.
        return Seen(power_of(self._lease.sent), self._clock.monotonic() - outcome.took_s)

    def _metered(self, reading: Reading, now_s: float) -> Seen | None:
        return _seen(reading.number("meter_power"), now_s) if self._meter is None else self._meter()


def joined(parts: Sequence[Recording]) -> Recording:
    """Return recordings that were made one after another as one."""
    return Recording(
        tuple(each for part in parts for each in part.sent),
        tuple(each for part in parts for each in part.meter),
        tuple(each for part in parts for each in part.told),
        tuple(each for part in parts for each in part.shown),
    )


def command_of(power_w: float) -> Command:
    """Return the command for a signed power."""
    watts = round(power_w)
    if not watts:
        return Hold()
    return Discharge(watts) if watts > 0 else Charge(-watts)


def power_of(command: Command | None) -> float:
    """Return the signed power of a command; 0 for what does not move the battery."""
    match command:
        case Charge(power_w=power_w):
            return -float(power_w)
        case Discharge(power_w=power_w):
            return float(power_w)
    return 0.0


def _seen(value: float | None, at_s: float) -> Seen | None:
    return None if value is None else Seen(value, at_s)


def _note(seen: list[Seen], new: Seen | None) -> None:
    """Add what is newer than what was seen before."""
    if new is not None and (not seen or new.at_s > seen[-1].at_s):
        seen.append(new)


def _shown_w(reading: Reading) -> float | None:
    power = reading.number("realtime_power")
    way = {"charge": -1.0, "discharge": 1.0}.get(str(reading.value("realtime_state")), 0.0)
    return None if power is None else way * power


def _load_w(recording: Recording) -> float:
    """Return what the house took while the battery rested at the beginning."""
    begin = recording.sent[1].at_s if len(recording.sent) > 1 else float("inf")
    rest = [each.value for each in recording.meter if each.at_s <= begin]
    return max(0.0, statistics.median(rest)) if rest else 0.0
