"""`indevolt commission`: a trial with a virtual unit, from the question to everything back as it was."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import indevolt as library
from indevolt.battery import Reading
from indevolt.clock import FastClock, ManualClock
from indevolt.control.commission import Finding, Sign, Step
from indevolt.device.lock import LeaseFile
from indevolt.device.trial import survey, try_out
from indevolt.errors import IndevoltError
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link as Online
from indevolt.hub.secret import Secret
from indevolt.hub.tokens import Role, hash_token
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.simulator.site import Pace, Site
from indevolt.virtual import VirtualDevice
from patient_clock import PatientClock

from .commanded import a_hub, free_port
from .conftest import Program, Ran, Virtual, in_background

TOKEN = "anna.anna-secret"


def unit(clock: Any, load_w: float = 800.0) -> Simulator:
    site = Site(steady_house(Surroundings(load_w, ())), clock=clock, pace=Pace(step_s=0.5))
    return Simulator("powerflex2000", clock=clock, site=site, modules=2, soc_pct=55)


def given_w(reading: Reading) -> float | None:
    return reading.number("ac_power")


async def passing(clock: ManualClock, work: Awaitable[Finding]) -> Finding:
    """Let time pass until a trial is done; a quarter of an hour at most."""
    task = asyncio.ensure_future(work)
    for _ in range(900):
        if task.done():
            break
        await clock.advance(1)
    return await asyncio.wait_for(task, 0)


async def tried(battery: Simulator, clock: ManualClock, folder: Path, *, silence: bool = False) -> tuple[Finding, list[Step]]:
    steps = list[Step]()

    async def work() -> Finding:
        async with library.connect("sim", transport=battery, clock=clock) as device:
            return await try_out(
                device, await survey(device, silence=silence), clock, given=given_w, folder=folder, tell=steps.append
            )

    return await passing(clock, work()), steps


async def test_a_trial_finds_how_the_unit_answers_and_puts_everything_back(tmp_path: Path) -> None:
    clock = ManualClock()
    battery = unit(clock)
    found, steps = await tried(battery, clock, tmp_path, silence=True)
    assert found.sign is Sign.RIGHT
    assert found.goes_on is True
    assert found.fits > 0.9
    assert found.source == "unit", "its meter shows a value every five seconds"
    assert found.dynamics is not None
    assert found.dynamics.dead_s == pytest.approx(2, abs=1)  # of the simulated unit; it is looked at every second
    assert found.dynamics.gain == pytest.approx(0.9, abs=0.06)
    assert max(step.power_w for step in steps) == 600
    assert battery.get("mode") == "self_use"


async def test_without_a_meter_it_only_charges(tmp_path: Path) -> None:
    clock = ManualClock()
    battery = unit(clock)
    battery.set("meter_connected", value=False)
    found, steps = await tried(battery, clock, tmp_path)
    assert (found.sign, found.source) == (Sign.UNKNOWN, "unit")
    assert found.dynamics is not None
    assert max(step.power_w for step in steps) == 0


async def test_a_house_that_takes_little_is_not_made_to_export(tmp_path: Path) -> None:
    clock = ManualClock()
    battery = unit(clock, 60.0)
    _, steps = await tried(battery, clock, tmp_path)
    assert max(step.power_w for step in steps) == 0
    assert battery.site.export_wh < 0.2


async def test_a_unit_that_goes_away_meanwhile_ends_it_and_is_put_back(tmp_path: Path) -> None:
    clock = ManualClock()
    battery = unit(clock)

    def away(step: Step) -> None:
        if step.purpose == "charge less":
            battery.reboot(30)

    async def work() -> Finding:
        async with library.connect("sim", transport=battery, clock=clock) as device:
            return await try_out(device, await survey(device, silence=False), clock, given=given_w, folder=tmp_path, tell=away)

    with pytest.raises(IndevoltError):
        await passing(clock, work())
    assert battery.get("mode") == "self_use"


# ---- the command -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def battery(clock: ManualClock) -> Simulator:
    return unit(clock)


@pytest.fixture
def host(virtual: Virtual, battery: Simulator) -> str:
    return virtual(battery)


def commission(indevolt: Program, folder: Path, *words: str) -> Ran:
    return indevolt("commission", *words, INDEVOLT_LEASES=str(folder))


class TestThroughTheWire:
    """The whole of it over a socket, a minute in a second: several actors wait here, and each for its own time."""

    @pytest.fixture
    def clock(self) -> Any:
        return FastClock(PatientClock(), 60)

    def test_what_people_see(self, indevolt: Program, host: str, battery: Simulator, tmp_path: Path) -> None:
        ran = commission(indevolt, tmp_path, host, "--yes", "--short")
        assert ran.code == 0, ran.err
        assert "✓ sign of the meter: right: charging shows as import" in ran.out
        assert "-300 W for  20 s: charge: the meter has to show more import" in ran.err
        assert "✓ what was before is back" in ran.out
        assert battery.get("mode") == "self_use"

    def test_what_programs_get(self, indevolt: Program, host: str, tmp_path: Path) -> None:
        found = commission(indevolt, tmp_path, host, "--yes", "--short", "--json").json
        assert found["sign"] == "right"
        assert found["goes_on"] is None
        assert found["dynamics"]["identified"] is True


def test_a_dry_run_writes_nothing(indevolt: Program, host: str, battery: Simulator, tmp_path: Path) -> None:
    ran = commission(indevolt, tmp_path, host, "--dry-run")
    assert ran.code == 0
    assert "Trial of" in ran.out
    assert "charge more" in ran.out
    assert (battery.get("realtime_state"), battery.get("realtime_power")) == ("standby", 0)
    assert not list(tmp_path.iterdir())
    steps = commission(indevolt, tmp_path, host, "--dry-run", "--json").json["steps"]
    assert steps[1]["power_w"] == -300
    assert steps[1]["writes"][-1]["wanted"] == {"realtime_state": "charge", "realtime_power": 300, "realtime_target_soc": 100}
    assert steps[1]["writes"][-1]["url"] in ran.out


def test_nothing_moves_without_a_yes(indevolt: Program, host: str, battery: Simulator, tmp_path: Path) -> None:
    ran = commission(indevolt, tmp_path, host)
    assert ran.code == 2
    assert "this moves the battery" in ran.err
    assert battery.get("realtime_state") == "standby"


@pytest.mark.parametrize("soc_pct", [10, 97])
def test_a_battery_that_is_nearly_empty_or_full_is_not_tried(
    indevolt: Program, virtual: Virtual, clock: ManualClock, tmp_path: Path, soc_pct: float
) -> None:
    ran = commission(indevolt, tmp_path, virtual(Simulator("powerflex2000", clock=clock, soc_pct=soc_pct)), "--yes")
    assert ran.code == 2
    assert f"the battery is at {soc_pct} %" in ran.err


def test_a_battery_that_another_program_holds_is_left_alone(
    indevolt: Program, host: str, battery: Simulator, clock: ManualClock, tmp_path: Path
) -> None:
    files = LeaseFile(tmp_path, battery.serial)
    files.acquire(clock.now())
    try:
        ran = commission(indevolt, tmp_path, host, "--yes")
    finally:
        files.release()
    assert ran.code != 0
    assert battery.get("realtime_state") == "standby"


# ---- through a hub ---------------------------------------------------------------------------------------------------------


async def online(hub: Hub) -> None:
    while hub.keepers["cellar"].link is not Online.ONLINE:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)


@asynccontextmanager
async def controlling(folder: Path, soc_pct: float) -> AsyncIterator[str]:
    """Run a hub that controls one battery, and give its URL."""
    clock = FastClock(PatientClock(), 60)
    simulator = Simulator("powerflex2000", clock=clock, soc_pct=soc_pct, house=steady_house(Surroundings(800.0, ())))
    token = TokenConfig(name="anna", role=Role.CONTROL, hash=Secret(hash_token(TOKEN)))
    async with VirtualDevice(simulator, port=0, discovery_port=None) as device:
        config = Config(
            hub=HubConfig(data=folder),
            devices=(DeviceConfig(name="cellar", host="127.0.0.1", port=device.port, control=True),),
            api=ApiConfig(port=free_port(), tokens=(token,)),
            control=ControlConfig(leases=folder / "leases"),
        )
        async with a_hub(config, clock, online) as url:
            yield url


def through(indevolt: Program, url: str, *words: str) -> Ran:
    return indevolt("commission", "cellar", "--hub", url, "--yes", "--short", *words, INDEVOLT_TOKEN=TOKEN)


def test_a_hub_tries_its_own_device(indevolt: Program, tmp_path: Path) -> None:
    with in_background(lambda: controlling(tmp_path, 55)) as url:
        ran = through(indevolt, url)
        assert ran.code == 0, ran.err
        assert "charge: the meter has to show more import" in ran.err
        assert "✓ sign of the meter: right: charging shows as import" in ran.out
        assert "dead time" in ran.out


def test_a_hub_that_cannot_try_it_says_why(indevolt: Program, tmp_path: Path) -> None:
    with in_background(lambda: controlling(tmp_path, 99)) as url:
        ran = through(indevolt, url)
        assert ran.code == 10
        assert re.search(r"error: the battery is at 9[89]", ran.err)
        assert "Try again between 15 and 95 %" in ran.err
        assert through(indevolt, url, "--dry-run").code == 2
