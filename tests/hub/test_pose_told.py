"""What the API and `indevolt explain` tell of a meter that the hub poses as."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from posed_house import POSES, PosedHouse, posed_house

from indevolt.clock import FastClock
from indevolt.hub.api.app import create_app
from indevolt.hub.api.server import served
from indevolt.hub.app import running
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_pose import PoseConfig, Way
from indevolt.hub.keeper import Link
from indevolt.simulator import Simulator
from indevolt.virtual import VirtualDevice
from patient_clock import PatientClock

every_way = pytest.mark.parametrize("way", tuple(POSES))


@asynccontextmanager
async def told(it: PosedHouse) -> AsyncIterator[Any]:
    """Serve the API of the hub; yields who asks for a path below the device's."""
    async with served(it.hub, create_app(it.hub)) as url, aiohttp.ClientSession() as session:

        async def ask(path: str) -> Any:
            async with asyncio.timeout(60), session.get(f"{url}/api/v1/devices/cellar/{path}") as reply:
                assert reply.status == 200
                return await reply.json()

        yield ask


@every_way
async def test_the_tier_and_the_way_are_told(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way) as it, told(it) as ask:
        steering = await ask("steering")
        assert (steering["tier"] == "posed", steering["posed"]["follows"], steering["posed"]["shown_w"]) == (False, False, None)
        await it.pass_time(60)
        steering = await ask("steering")
        where = "to 127.0.0.1" if way is Way.PUSH else "127.0.0.1"
        assert steering["tier"] == "posed"
        assert steering["posed"] == {
            "transports": [way],
            "places": [f"{way} {where}:{it.unit.link.port}"],
            "follows": True,
            "over": way,
            "shown_w": pytest.approx(it.unit.shown_w, abs=1),
            "why": "",
        }


@every_way
async def test_people_are_told_in_sentences(tmp_path: Path, way: Way) -> None:
    async with posed_house(tmp_path, way) as it, told(it) as ask:

        async def sentence() -> str:
            (found,) = [each for each in (await ask("steering/explanation"))["why"] if each.startswith("The hub poses")]
            return str(found)

        assert (await sentence()).partition(")")[2].startswith(", which it does not follow")
        await it.pass_time(60)
        assert "); it follows, and was shown " in await sentence()
        it.quiet = True
        await it.pass_time(14)
        assert "and shows it nothing now: the meter grid has shown nothing new for" in await sentence()
        await it.die()
        assert not [each for each in (await ask("steering/explanation"))["why"] if each.startswith("The hub poses")]
        assert (await ask("steering"))["posed"] is None


async def test_a_unit_that_is_shown_rest_is_explained(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.HTTP, settings={"load_curve_slot_21": 400}) as it, told(it) as ask:
        await it.pass_time(60)
        it.quiet = True
        await it.pass_time(40)
        why = (await ask("steering/explanation"))["why"]
    assert any("to bring it to rest: the meter grid has shown nothing new for" in each for each in why)


async def test_a_house_that_poses_as_nothing_tells_of_nothing(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.HTTP, control=False) as it, told(it) as ask:
        await it.pass_time(10)
        steering = await ask("steering")
    assert (steering["tier"], steering["posed"]) == (None, None), "its meter is not there, and the hub is none"


async def test_explain_says_that_the_hub_poses_and_where(tmp_path: Path) -> None:
    clock = FastClock(PatientClock(), 20)  # a device wants a second between two requests
    battery = VirtualDevice(Simulator("powerflex2000", clock=clock), port=0, discovery_port=None)
    async with battery:
        config = Config(
            hub=HubConfig(data=tmp_path),
            devices=(DeviceConfig(name="cellar", host="127.0.0.1", port=battery.port, control=True, pose=PoseConfig(port=0)),),
            api=ApiConfig(port=0),
            control=ControlConfig(leases=tmp_path / "leases"),
        )
        async with running(config, clock=clock) as hub, served(hub, create_app(hub)) as url:
            keeper = hub.keepers["cellar"]
            async with asyncio.timeout(60):
                while keeper.link is not Link.ONLINE or keeper.posing is None or not keeper.posing.ports:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.01)
            port = keeper.posing.ports[Way.HTTP]
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "indevolt", "explain", "--hub", url, stdout=asyncio.subprocess.PIPE
            )
            out, _ = await program.communicate()
    assert program.returncode == 0
    assert f"The hub poses as its meter (http 127.0.0.1:{port}), which it does not follow." in out.decode()
