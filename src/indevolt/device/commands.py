"""What a command needs beyond its writes: whom it may be sent to, how much power, and what the battery should do then.

Pure functions over readings. How commands are spelled is in the catalogue, how writes are proven in ``proof``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, assert_never

from indevolt.battery import Charge, Command, Discharge, Hold, Limit, Limits, Reading, Schedule, SelfUse
from indevolt.catalogue import LIMITING, Model
from indevolt.device.proof import Effect
from indevolt.errors import InvalidInput

CHARGING_W: Final = -30.0
"""A device calls the battery charging from 30 W (protocol.md, section 15); positive is discharging."""
DISCHARGING_W: Final = 60.0
"""... and discharging from 60 W. What is less is static, though not always 0 (26 W were seen)."""
REALTIME: Final = ("realtime_state", "realtime_power", "realtime_target_soc")
_SITUATION: Final = ("mode", *REALTIME, "battery_power", "battery_soc", "cluster_role")


def situation(model: Model) -> tuple[str, ...]:
    """Return the quantities to read before a command, as far as the family has them; they fit into one request."""
    return readable(model, (*_SITUATION, *LIMITING))


def readable(model: Model, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that this family can read."""
    return tuple(dict.fromkeys(name for name in names if name in model.points and model.points[name].read))


def require_leader(wanted: Iterable[str], *, mode: object, role: object) -> None:
    """Refuse real-time writes to a cluster slave: they disturb the balance that the master keeps (protocol.md, section 14).

    Raises:
        InvalidInput: the unit is a slave.
    """
    if role == "slave" and (mode == "realtime" or any(name in REALTIME for name in wanted)):
        raise InvalidInput(
            "this unit is a slave of a cluster and takes its power from the master",
            remedy="Send the command to the master, with the total power; it divides it among the units.",
        )


def within_limits(command: Command, limits: Limits) -> tuple[Command, tuple[str, ...]]:
    """Return the command with its power lowered to what holds now, and a note that says so."""
    match command:
        case Charge(power_w=power_w):
            limit = limits.charge
        case Discharge(power_w=power_w):
            limit = limits.discharge
        case SelfUse() | Schedule() | Hold():
            return command, ()
        case _:
            assert_never(command)
    if power_w <= limit.value:
        return command, ()
    return replace(command, power_w=math.floor(limit.value)), (_lowered(power_w, limit),)


def effect_of(command: Command, limits: Limits) -> Effect | None:
    """Return what the battery power has to do; None for the modes in which the device itself decides."""
    match command:
        case Charge(power_w=power_w, soc_pct=soc_pct):

            def full(reading: Reading) -> str:
                soc = reading.number("battery_soc")
                if soc is not None and soc >= soc_pct:
                    return f"the battery is at {soc:g} % and the target is {soc_pct} %, so it does not charge"
                return _too_little(power_w, -CHARGING_W)

            return Effect(lambda watts: watts < CHARGING_W, full)
        case Discharge(power_w=power_w, soc_pct=soc_pct):

            def empty(reading: Reading) -> str:
                soc = reading.number("battery_soc")
                if soc is not None and soc <= soc_pct:
                    return f"the battery is at {soc:g} % and the target is {soc_pct} %, so it does not discharge"
                if soc is not None and soc <= limits.soc_min.value:
                    return f"the battery is at {soc:g} %, and {limits.soc_min.value:g} % is {limits.soc_min.cause}"
                return _too_little(power_w, DISCHARGING_W)

            return Effect(lambda watts: watts > DISCHARGING_W, empty)
        case Hold():
            return Effect(lambda watts: abs(watts) < DISCHARGING_W, lambda _: "")
        case SelfUse() | Schedule():
            return None
        case _:
            assert_never(command)


def _lowered(power_w: float, limit: Limit) -> str:
    return f"power lowered from {power_w:g} W to {math.floor(limit.value)} W: {limit.cause}"


def _too_little(power_w: float, threshold_w: float) -> str:
    return "" if power_w > threshold_w else f"{power_w:g} W is too little to be told from idling"
