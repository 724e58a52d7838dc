"""The service that steers: one :class:`UnitSteering` for each unit that its owner lets this hub control, and their helm."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from indevolt.control.ledger import Room
from indevolt.hub.events import LinkChanged, MeterSample, Tier, Update
from indevolt.hub.steer.helm import Helm
from indevolt.hub.steer.unit import UnitSteering

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub


def steer(hub: Hub, helm: Helm) -> tuple[UnitSteering, ...]:
    """Give every unit that may be controlled, and has none, its steering, and return them.

    From then on nothing is written past it.
    """
    control = hub.config.control
    room = Room().within(floor_pct=control.reserve_pct, ceiling_pct=control.ceiling_pct)
    units = tuple(
        UnitSteering(hub, keeper, control.leases, room)
        for keeper in hub.keepers.values()
        if keeper.config.control and (keeper.steering is None or keeper.steering.ended)
    )
    for unit in units:
        unit.changed, unit.sent, unit.proofs.answers = helm.wake, helm.sent, helm.dynamics
        unit.keeper.steering = unit
    return units


async def serve_steering(hub: Hub) -> None:
    """Steer until cancelled; then everything is put back as it was before."""
    helm = Helm(hub)
    units = list(steer(hub, helm))
    hub.pause.changed, hub.trials.learnt = helm.wake, helm.learn
    hub.envelopes.changed = hub.backup.changed = helm.wake
    await hub.pause.recall(hub)
    await hub.envelopes.recall(hub)
    await hub.backup.recall(hub)
    try:
        async with asyncio.TaskGroup() as group:
            for unit in units:
                unit.task = group.create_task(unit.run(), name=f"steering {unit.keeper.id}")
            group.create_task(helm.run(), name="helm")
            group.create_task(hub.trials.serve(hub), name="trials")
            with hub.bus.subscribe(Update, MeterSample, LinkChanged, size=64) as events:
                async for event in events:
                    match event:
                        case MeterSample():
                            helm.wake()
                        case Update(tier=Tier.POWER) | LinkChanged():
                            _wake(hub, event.device)
                            helm.wake()
                    if isinstance(event, LinkChanged):
                        for unit in steer(hub, helm):  # a device that was connected since
                            units.append(unit)
                            unit.task = group.create_task(unit.run(), name=f"steering {unit.keeper.id}")
    finally:
        for unit in units:
            unit.ended = True  # and stays where it is, so that nobody writes past it


def _wake(hub: Hub, device: str) -> None:
    """Let a unit look again after a reading of its device, and when that comes back."""
    keeper = hub.keepers.get(device)
    if keeper is not None and keeper.steering is not None:
        keeper.steering.wake()
