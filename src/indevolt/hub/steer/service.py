"""The service that steers: one :class:`UnitSteering` for each unit that its owner lets this hub control, and the pause for all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from indevolt.control.ledger import Room
from indevolt.hub.events import LinkChanged, Tier, Update
from indevolt.hub.steer.unit import UnitSteering

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub


def steer(hub: Hub) -> tuple[UnitSteering, ...]:
    """Give every unit that may be controlled its steering, and return them; from then on nothing is written past it."""
    control = hub.config.control
    room = Room().within(floor_pct=control.reserve_pct, ceiling_pct=control.ceiling_pct)
    units = tuple(UnitSteering(hub, keeper, control.leases, room) for keeper in hub.keepers.values() if keeper.config.control)
    for unit in units:
        unit.keeper.steering = unit
    return units


async def serve_steering(hub: Hub) -> None:
    """Steer until cancelled; then everything is put back as it was before."""
    units = steer(hub)
    await hub.pause.recall(hub)
    try:
        async with asyncio.TaskGroup() as group:
            for unit in units:
                group.create_task(unit.run(), name=f"steering {unit.keeper.id}")
            group.create_task(_wake(hub, units), name="steering")
    finally:
        for unit in units:
            unit.ended = True  # and stays where it is, so that nobody writes past it


async def _wake(hub: Hub, units: tuple[UnitSteering, ...]) -> None:
    """Let units look again after each reading of theirs, and when they come back."""
    by_name = {unit.keeper.id: unit for unit in units}
    with hub.bus.subscribe(Update, LinkChanged, size=64) as events:
        async for event in events:
            match event:
                case Update(tier=Tier.POWER) | LinkChanged():
                    if (unit := by_name.get(event.device)) is not None:
                        unit.wake()
