"""What became of a write: it is sent once, and then the device itself has to show it.

``result: true`` means accepted, not done, and the read side follows late, often by many seconds (protocol.md, sections
3.2 and 13). So an early old value proves nothing; only patience, the uptime and, for commands, the battery power tell how
a write ended. Which writes a command needs is decided in ``device``.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from indevolt.battery import Outcome, Quality, Reading, Stage, Value
from indevolt.catalogue import Write
from indevolt.clock import Clock
from indevolt.device.batches import Batches
from indevolt.errors import IndevoltError, ProtocolError
from indevolt.protocol.messages import SetData, SysGetConfig

PATIENCE_S: Final = 30.0
"""How long a write may take to show: "often many seconds" (protocol.md, section 13), and below what a person takes for a hang."""
_SLOWEST_LOOK_S: Final = 5.0  # the vendor's recommended interval between requests (protocol.md, section 7)
_POWER: Final = ("battery_power", "battery_soc")  # show an effect, and may excuse that there is none
_LATE_S: Final = 5.0  # a confirmation later than this is worth a note; the usual one comes with the first or second look

Look: TypeAlias = Callable[[tuple[str | int, ...]], Awaitable[Reading]]
"""Reads quantities in one request, and raises what goes wrong."""

Tell: TypeAlias = Callable[[Stage], None]
"""Hears of each stage that a write reaches, as it does."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What the battery power has to do before a command counts as effective.

    ``proves`` is asked about the battery power in W, positive when discharging. ``excuse`` says why the power may rightly not move,
    empty where nothing is known; a reason makes further waiting pointless.
    """

    proves: Callable[[float], bool]
    excuse: Callable[[Reading], str]

    def seen(self, reading: Reading) -> bool:
        """Whether the battery power is where the command wants it."""
        power_w = reading.number("battery_power")
        return power_w is not None and self.proves(power_w)


@dataclass(slots=True)
class _Trail:
    """What has been seen since a write was sent."""

    write: Write
    before: Reading
    watched: tuple[str, ...]
    started: float
    lost: IndevoltError | None = None  # why the reply to the write itself never came
    outage: IndevoltError | None = None  # the last look that failed
    away: bool = False  # that was the last thing seen
    restarted: bool = False
    shown: dict[str, Value | None] = field(default_factory=dict)
    power_w: float | None = None
    effective: bool = False
    idle: str = ""  # why the power does not move, although the rest is as wanted
    last: float = 0.0  # when that was

    @property
    def confirmed(self) -> bool:
        return bool(self.watched) and all(same(self.shown.get(name), self.write.wanted[name]) for name in self.watched)

    @property
    def took_s(self) -> float:
        return self.last - self.started

    def see(self, reading: Reading, effect: Effect | None) -> None:
        self.away = False
        self.shown = {name: reading.value(name) for name in self.watched}
        self.power_w = reading.number("battery_power")
        self.effective = effect is not None and effect.seen(reading)
        self.idle = "" if effect is None or self.effective else effect.excuse(reading)

    def settled(self, effect: Effect | None) -> bool:
        shown = self.confirmed or not self.watched
        return shown and (effect is None or self.effective or bool(self.idle))


class Prover:
    """Sends writes to one device and follows each until it is proven, refused, lost, or patience ends.

    Args:
        batches: holds the way to the device, which a change of password renews.
        look: reads quantities.
        clock: times everything.
        interval_s: at least so long between requests.
        patience_s: how long a write may take to show.
    """

    def __init__(self, batches: Batches, look: Look, clock: Clock, *, interval_s: float, patience_s: float) -> None:
        self._batches = batches
        self._look = look
        self._clock = clock
        self._interval_s = interval_s
        self._patience_s = patience_s

    async def prove(self, write: Write, before: Reading, effect: Effect | None = None, tell: Tell | None = None) -> Outcome:
        """Send a write once and return what became of it.

        Args:
            write: what to send.
            before: a reading that holds the wanted quantities, as far as they can be read.
            effect: what the power must do, for a command.
            tell: hears of each stage as it is reached.

        Raises:
            IndevoltError: the device rejected the request itself (an error status); nothing was changed.
        """
        trail = _Trail(write, before, _watched(write, before), self._clock.monotonic())
        accepted = await self._send(trail)
        trail.last = self._clock.monotonic()
        if not accepted:
            return self._outcome(trail, Stage.REFUSED, "the device answered result: false")
        if tell is not None and trail.lost is None:
            tell(Stage.ACCEPTED)
        if trail.watched or effect is not None:
            await self._follow(trail, effect, tell)
        return await self._judge(trail, effect)

    async def _send(self, trail: _Trail) -> bool:
        """Return False if the device refused. A lost reply leaves open whether the write arrived, and it is not sent again."""
        try:
            reply = await self._batches.transport.exchange(SetData(trail.write.point, trail.write.values))
        except IndevoltError as error:
            if not _is_passing(error):
                raise
            trail.lost = error
            return True
        return reply.result

    async def _follow(self, trail: _Trail, effect: Effect | None, tell: Tell | None) -> None:
        """Look at growing intervals until the write shows, and the power moves or has an excuse not to."""
        told: set[Stage] = set()
        until = trail.started + self._patience_s
        # What spoils whole replies is not asked for: it would make every look fail, as if the device were away.
        names = (*trail.watched, *(each for each in (_POWER if effect else ()) if not _is_locked_away(trail.before, each)))
        if not names:
            return
        pause = self._interval_s
        while True:
            await self._clock.sleep(pause)
            try:
                reading = await self._look(names)
            except IndevoltError as error:  # of any kind: the write is out, so what becomes of it is an outcome, no error
                trail.outage, trail.away = error, True
            else:
                trail.see(reading, effect)
                for stage, reached in ((Stage.CONFIRMED, trail.confirmed), (Stage.EFFECTIVE, trail.confirmed and trail.effective)):
                    if tell is not None and reached and stage not in told:
                        told.add(stage)
                        tell(stage)
                if trail.settled(effect):
                    return
            finally:
                trail.last = self._clock.monotonic()
            left = until - trail.last
            if left < self._interval_s:
                return
            pause = min(pause * 1.5, max(_SLOWEST_LOOK_S, self._interval_s), left)

    async def _judge(self, trail: _Trail, effect: Effect | None) -> Outcome:
        proven = trail.confirmed or (trail.effective and not trail.watched)
        followed = bool(trail.watched) or effect is not None
        if followed and not trail.away and (trail.outage is not None or not proven):
            trail.restarted = await self.restarted_since(trail.started)
        if proven:
            stage = Stage.EFFECTIVE if trail.effective else Stage.CONFIRMED
            return self._outcome(trail, stage, *_proven_notes(trail, effect))
        shows = f"it shows {_spell(trail.shown)} instead of {_spell(trail.write.wanted)}"
        if trail.away:
            return self._outcome(trail, Stage.INTERRUPTED, f"the device went away and has not come back: {trail.outage}")
        if trail.restarted:
            fact = shows if trail.watched else "nothing shows whether the write survived that"
            return self._outcome(trail, Stage.INTERRUPTED, f"the device restarted in the middle; {fact}")
        if trail.lost is not None:
            fact = shows if trail.watched else "no readback exists to tell whether it arrived"
            return self._outcome(trail, Stage.INTERRUPTED, f"the reply to the write was lost ({trail.lost}); {fact}")
        if trail.watched:
            return self._outcome(trail, Stage.ACCEPTED, f"after {trail.took_s:.0f} s {shows}")
        return self._outcome(
            trail, Stage.ACCEPTED, _why_unreadable(trail) if effect is None else "neither a readback nor the power shows it"
        )

    async def restarted_since(self, started: float) -> bool:
        """Whether the device counts less time since its start than has passed since the write."""
        elapsed = self._clock.monotonic() - started
        try:
            system = await self._batches.transport.exchange(SysGetConfig())
        except IndevoltError:
            return False  # not every device has it, and what is not known is not claimed
        uptime_s = system.device.get("run_time")
        # Whole seconds, cut off: an uptime that covers the write is more than the elapsed time less one.
        return isinstance(uptime_s, int | float) and uptime_s <= elapsed - 1

    def _outcome(self, trail: _Trail, stage: Stage, *notes: str) -> Outcome:
        before = {name: trail.before.value(name) for name in trail.write.wanted if name in trail.before}
        shown: dict[str, Value | None] = dict(trail.shown)
        if trail.power_w is not None:
            shown["battery_power"] = trail.power_w
        return Outcome(stage, trail.write.wanted, before, shown, trail.took_s, notes)


def _proven_notes(trail: _Trail, effect: Effect | None) -> list[str]:
    notes: list[str] = []
    if trail.lost is not None:
        notes.append(f"the reply to the write was lost ({trail.lost}), but the device shows it")
    if trail.restarted:
        notes.append("the device restarted in the middle")
    elif trail.outage is not None:
        notes.append(f"the device did not answer for a while: {trail.outage}")
    if all(same(trail.before.value(name), trail.write.wanted[name]) for name in trail.watched) and trail.watched:
        notes.append("it already was so before the write")
    elif trail.took_s >= _LATE_S and (effect is None or trail.effective):
        notes.append(f"shown late, after {trail.took_s:.0f} s")
    if effect is not None and not trail.effective:
        notes.append(
            trail.idle or f"after {trail.took_s:.0f} s the battery power is {_watts(trail.power_w)}, which does not prove it"
        )
    if unseen := [name for name in trail.write.wanted if name not in trail.watched]:
        notes.append(f"no readback of {', '.join(unseen)}")
    return notes


def same(shown: Value | None, wanted: Value) -> bool:
    """Whether a value that was read back is the one that was written."""
    if isinstance(shown, int | float) and isinstance(wanted, int | float):
        # Decimal fractions are not exact; the steps of devices are far coarser than this.
        return math.isclose(shown, wanted, rel_tol=0, abs_tol=1e-6)
    return shown == wanted


def _watched(write: Write, before: Reading) -> tuple[str, ...]:
    """Return the wanted quantities that this device can show."""
    hopeless = (Quality.ABSENT, Quality.QUARANTINED, Quality.NOT_INSTALLED)
    return tuple(name for name in write.wanted if name in before and before[name].quality not in hopeless)


def _is_locked_away(before: Reading, name: str) -> bool:
    return name in before and before[name].quality is Quality.QUARANTINED


def _why_unreadable(trail: _Trail) -> str:
    present = [trail.before[name] for name in trail.write.wanted if name in trail.before]
    if not present:
        return "no readback exists"
    return "no readback now: " + ", ".join(f"{sample.name} is {sample.quality}" for sample in present)


def _is_passing(error: IndevoltError) -> bool:
    """Whether this can come from a lost connection or a restart, so that the device has to be asked what is true."""
    return error.transient or isinstance(error, ProtocolError)


def _watts(power_w: float | None) -> str:
    return "unknown" if power_w is None else f"{power_w:g} W"


def _spell(values: Mapping[str, Value | None]) -> str:
    return ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in values.items()) or "nothing"
