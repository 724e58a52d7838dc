"""Carries out the steps of a commissioning and records what meter and device show meanwhile.

Which steps, and what the recording says, is ``control.commission``'s. Whoever calls holds the lease, and knows how to command and
where to look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from indevolt.battery import Charge, Command, Discharge, Hold
from indevolt.clock import Clock
from indevolt.control.commission import Recording, Step
from indevolt.control.situation import Seen

LOOK_S: Final = 1.0
"""Between two looks: the least that a device wants between two requests (protocol.md, section 7)."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What was to be seen at one look; None where nothing was."""

    meter: Seen | None = None  # positive: import
    told: Seen | None = None  # AC power of the unit, positive into the house
    shown: Seen | None = None  # signed power of the command that the read side shows


Send: TypeAlias = Callable[[Command], Awaitable[Seen]]
"""Commands, and returns what then stands (limits may have lowered it) and when the device took it."""
Watch: TypeAlias = Callable[[], Awaitable[Glimpse]]


async def carry_out(
    steps: Sequence[Step], *, send: Send, watch: Watch, clock: Clock, tell: Callable[[Step], None] = lambda _: None
) -> Recording:
    """Do the steps one after another and return what was seen.

    Args:
        steps: what to command and for how long.
        send: commands the device.
        watch: looks at meter and device.
        clock: what the recording goes by.
        tell: hears of each step as it begins.
    """
    sent, glimpses = list[Seen](), list[Glimpse]()
    for step in steps:
        tell(step)
        sent.append(await send(command_of(step.power_w)))
        until_s = sent[-1].at_s + step.seconds
        while (began_s := clock.monotonic()) < until_s:
            glimpses.append(await watch())
            await clock.sleep(max(0.0, began_s + LOOK_S - clock.monotonic()))
    return Recording(
        tuple(sent),
        _new([each.meter for each in glimpses]),
        _new([each.told for each in glimpses]),
        _new([each.shown for each in glimpses]),
    )


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


def _new(seen: Sequence[Seen | None]) -> tuple[Seen, ...]:
    """Return what is newer than what was seen before it."""
    found = list[Seen]()
    for each in seen:
        if each is not None and (not found or each.at_s > found[-1].at_s):
            found.append(each)
    return tuple(found)
