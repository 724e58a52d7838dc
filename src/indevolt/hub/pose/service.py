"""Opens a posed meter for each unit that is to have one, and keeps it open.

The owner gives the unit its address, or its serial number, in the vendor's app.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

from indevolt.errors import InvalidInput
from indevolt.hub.config_pose import Way, spelled_place
from indevolt.hub.journal import Kind
from indevolt.hub.pose.posing import Posing
from indevolt.hub.pose.sender import PERIOD_S, Sender
from indevolt.hub.pose.shown import Poses
from indevolt.shelly import ShellyMeter
from indevolt.transport import parse_address

if TYPE_CHECKING:
    from indevolt.hub.config_pose import PoseConfig
    from indevolt.hub.hub import Hub
    from indevolt.hub.keeper import Keeper


Tell: TypeAlias = Callable[[str, str], Awaitable[None]]
"""Tells the journal a fact and a remedy, unless that was told of this unit just before."""

RETRY_S: Final = 30.0  # for a port that is taken to become free, or a name to be known
AGAIN_S: Final = 60.0  # without a unit that follows, where frames go is looked up again


async def serve_pose(hub: Hub) -> None:
    """Pose as a meter for each unit that is to have one, until cancelled."""
    units: dict[Keeper, Posing] = {}
    for keeper in hub.keepers.values():
        config = keeper.config.pose
        if config is None:
            continue
        if keeper.config.control:
            units[keeper] = Posing(config.transports, hub.clock, poll_s=keeper.config.poll.power_s)
        else:  # what is shown moves the battery
            await hub.journal.note(Kind.HUB, "poses as no meter: control is false for this device", device=keeper.id)
    poses = Poses(hub, units)
    try:
        async with asyncio.TaskGroup() as group:
            for keeper, posing in units.items():
                keeper.posing = posing
                if keeper.config.pose is not None:
                    group.create_task(_keep_open(hub, keeper, posing, keeper.config.pose, poses), name=f"pose {keeper.id}")
    finally:
        for keeper in units:
            keeper.posing = None


async def _keep_open(hub: Hub, keeper: Keeper, posing: Posing, config: PoseConfig, poses: Poses) -> None:
    """Keep one meter open; if it cannot be, the others go on."""
    told = ""  # last, in the journal

    async def tell(text: str, remedy: str) -> None:
        nonlocal told
        if text != told:
            told = text
            await hub.journal.note(Kind.HUB, text, device=keeper.id, remedy=remedy)

    pose = _send if Way.PUSH in config.transports else _be_asked
    while True:
        try:
            posing.addresses = await _addresses(keeper)
            await pose(hub, keeper, config, poses, tell)
        except InvalidInput as error:
            posing.why = str(error)
            await tell(f"poses as no meter: {error}", error.remedy)
            await hub.clock.sleep(RETRY_S)
        finally:
            posing.places, posing.ports = (), {}


async def _be_asked(hub: Hub, keeper: Keeper, config: PoseConfig, poses: Poses, tell: Tell) -> None:
    """Pose as a Shelly, until cancelled."""
    posing = poses.posing(keeper)
    ports = {Way.HTTP: config.port, Way.UDP: config.udp_port}
    asked = {way: port for way, port in ports.items() if way in config.transports}
    meter = ShellyMeter(
        partial(poses.answer, keeper),
        config.host,
        asked.get(Way.HTTP),
        udp_port=asked.get(Way.UDP),
        clock=hub.clock,
        seed=_seed(keeper),
    )
    async with meter:
        posing.ports = {way: port for way, port in ((Way.HTTP, meter.port), (Way.UDP, meter.udp_port)) if way in asked}
        posing.places = tuple(f"{way} {spelled_place(config.host, port)}" for way, port in posing.ports.items())
        posing.why = ""
        text = f"poses as the Shelly Pro 3EM {meter.name} at {' and '.join(posing.places)}"
        await tell(text, "")
        await asyncio.get_running_loop().create_future()  # until cancelled


async def _send(hub: Hub, keeper: Keeper, config: PoseConfig, poses: Poses, tell: Tell) -> None:
    """Pose as a P1 reader, until its unit is to be looked up again."""
    posing = poses.posing(keeper)
    to = (config.push_to or parse_address(keeper.config.host).host, config.push_port)
    measures = partial(poses.frame, keeper)
    async with Sender(measures, to, serial=config.serial, clock=hub.clock, seed=_seed(keeper)) as sender:
        posing.ports, posing.places = {Way.PUSH: to[1]}, (f"{Way.PUSH} to {spelled_place(*to)}",)
        await tell(f"poses as the P1 reader {sender.serial}, which sends to {spelled_place(*to)}", "")
        heard_s = hub.clock.monotonic()
        while hub.clock.monotonic() - heard_s < AGAIN_S:
            refused = sender.refused
            sender.send()
            if posing.follows:
                heard_s = hub.clock.monotonic()
            elif refused:
                posing.why = f"nothing listens at UDP port {to[1]} of {to[0]}"
            await hub.clock.sleep(PERIOD_S)


async def _addresses(keeper: Keeper) -> frozenset[str]:
    """Return where a unit asks from, as far as its name tells."""
    host = parse_address(keeper.config.host).host
    with suppress(ValueError):  # a name
        return frozenset({str(ip_address(host))})
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError:  # no such name now
        return frozenset()
    return frozenset(str(each[4][0]) for each in found)


def _seed(keeper: Keeper) -> int:
    """Return what makes MAC address and serial number: of the name, so that they stay when other devices come and go."""
    return zlib.crc32(keeper.id.encode())
