"""How far a command may reach on a battery as it is now: the rules of the ledger, with what the device itself says.

The rules are in ``indevolt.control.ledger``; power is lowered in ``commands``. When a fence is moved on is for ``lease`` to know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from indevolt.battery import Charge, Command, Discharge, Limits
from indevolt.catalogue import Model
from indevolt.control.ledger import Room, bounded, within_room
from indevolt.control.situation import ABOVE_BACKUP_PCT
from indevolt.device.proof import same
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from indevolt.device.device import Plan


def room_of(room: Room, own_pct: float | None, limits: Limits | None) -> Room:
    """Return what the device leaves of a room: below its own reserve it recharges from the grid (control.md, section 0)."""
    floor_pct = max(0.0 if own_pct is None else own_pct + ABOVE_BACKUP_PCT, 0.0 if limits is None else limits.soc_min.value)
    return room.within(floor_pct=floor_pct, ceiling_pct=100.0 if limits is None else limits.soc_max.value)


def bounded_plan(plan: Plan, model: Model, room: Room, sent: Command | None, *, for_good: bool = False) -> Plan:
    """Return a plan whose command has a fence; one that stays for good has only the room, as nobody will move its fence.

    What does not move the battery has neither, and so is possible whatever the charge.

    Raises:
        InvalidInput: the state of charge is unknown, and so where the fence would stand.
    """
    if not isinstance(plan.command, Charge | Discharge):
        return plan
    room = room_of(room, plan.before.number("backup_soc"), plan.limits)
    if for_good:
        return plan.spelled(within_room(plan.command, room), model)
    soc_pct = plan.before.number("battery_soc")
    if soc_pct is None:
        raise InvalidInput("battery_soc is unknown, so no command can be bounded", remedy="Wait until the device tells it.")
    return plan.spelled(bounded(plan.command, sent, soc_pct, room), model)


def stands(plan: Plan) -> bool:
    """Return whether the device shows all that a plan would write already."""
    return all(same(plan.before.value(name), value) for step in plan.steps for name, value in step.wanted.items())
