"""Writes with ``--hub``: whoever holds the lease of a battery takes the same orders, and says the same of what became of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import FastClock
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.events import Tier, Update
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.hub.secret import Secret
from indevolt.hub.tokens import Role, hash_token
from indevolt.simulator import INSTANT, Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice
from patient_clock import PatientClock

from .commanded import a_hub, free_port
from .conftest import Program, Ran, in_background

CLOCK = FastClock(PatientClock(), 10)
TOKEN = "anna.anna-secret"


@dataclass(frozen=True)
class Running:
    """A hub that may command one battery and not another."""

    url: str
    battery: Simulator
    address: str
    leases: Path


def known(keeper: Keeper) -> bool:
    """Return whether its charge and its meter have been read: before, safety lets nothing be discharged."""
    return None not in (keeper.latest.value("battery_soc"), keeper.latest.value("meter_power"))


async def all_known(hub: Hub) -> None:
    """Wait until all is known, and has been for some readings: what is new has to last before anything is made of it."""
    while not all(known(each) for each in hub.keepers.values()):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    with hub.bus.subscribe(Update) as updates:
        for _ in range(3):
            while (update := await updates.get()).device != "cellar" or update.tier is not Tier.POWER:
                pass


@asynccontextmanager
async def commanding(folder: Path) -> AsyncIterator[Running]:
    """Run a hub that may command one of its two batteries."""
    night = steady_house(Surroundings(700, ()))
    battery, other = (
        Simulator("powerflex2000", clock=CLOCK, response=INSTANT, lag_s=0.0, soc_pct=60, house=night, serial=f"38382371{number}")
        for number in (17, 18)
    )
    token = TokenConfig(name="anna", role=Role.CONTROL, hash=Secret(hash_token(TOKEN)))
    async with (
        VirtualDevice(battery, port=0, discovery_port=None) as cellar,
        VirtualDevice(other, port=0, discovery_port=None) as attic,
    ):
        config = Config(
            hub=HubConfig(data=folder),
            devices=(
                DeviceConfig(name="cellar", host="127.0.0.1", port=cellar.port, control=True),
                DeviceConfig(name="attic", host="127.0.0.1", port=attic.port),
            ),
            api=ApiConfig(port=free_port(), tokens=(token,)),
            control=ControlConfig(leases=folder / "leases"),
        )
        async with a_hub(config, CLOCK, all_known) as url:
            yield Running(url, battery, f"127.0.0.1:{cellar.port}", folder / "leases")


@pytest.fixture
def clock() -> Any:
    return CLOCK


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Running]:
    with in_background(lambda: commanding(tmp_path)) as it:
        yield it


def through(indevolt: Program, hub: Running, verb: str, host: str, *words: str) -> Ran:
    return indevolt(verb, host, *words, "--hub", hub.url, INDEVOLT_TOKEN=TOKEN)


def test_where_a_hub_holds_the_lease_it_is_named_and_takes_the_order(indevolt: Program, hub: Running) -> None:
    ran = through(indevolt, hub, "discharge", "cellar", "--power", "400", "--for", "1h")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("cellar: discharge with 400 W")
    assert "✓ effective   battery_power is 400 W" in ran.out
    assert re.search(r"The hub ends it at \d{4}-\d\d-\d\d \d\d:\d\d ", ran.out)
    assert hub.battery.get("realtime_state") == "discharge"

    alone = indevolt("charge", hub.address, "--power", "300", "--leases", str(hub.leases))
    assert alone.code == 16
    assert "is held by hub " in alone.err
    assert "Give the same command with `--hub http" in alone.err
    assert hub.battery.get("realtime_state") == "discharge"

    back = through(indevolt, hub, "mode", hub.address, "self-use")
    assert back.code == 0, back.err
    assert hub.battery.get("mode") == "self_use"


@pytest.mark.parametrize("by", ["address", "serial"])
def test_a_device_is_found_by_what_a_person_knows_it_by(indevolt: Program, hub: Running, by: str) -> None:
    host = hub.address if by == "address" else hub.battery.serial
    told = through(indevolt, hub, "hold", host, "--json").json
    assert (told["stage"], told["exit_code"], told["hub"]["device"]) == ("effective", 0, "cellar")


def test_a_setting_is_written_by_the_hub(indevolt: Program, hub: Running) -> None:
    ran = through(indevolt, hub, "set", "cellar", "backup_soc", "20")
    assert ran.code == 0, ran.err
    assert "the device shows backup_soc 20 %" in ran.out
    assert hub.battery.get("backup_soc") == 20
    again = through(indevolt, hub, "set", "cellar", "backup_soc", "30")
    assert again.code == 19
    assert "at least 5 min apart" in again.err


def test_what_a_device_refuses_has_the_same_exit_code_as_without_a_hub(indevolt: Program, hub: Running) -> None:
    hub.battery.faults.add("refuse")
    ran = through(indevolt, hub, "set", "cellar", "backup_soc", "20")
    assert ran.code == 9
    assert "the device refused" in ran.err


def test_a_dry_run_is_what_the_hub_would_send(indevolt: Program, hub: Running) -> None:
    told = through(indevolt, hub, "charge", "cellar", "--power", "500", "--dry-run", "--json").json
    mode, order = [(each["point"], each["values"]) for each in told["requests"]]
    assert mode == (47005, [4])
    assert (order[0], order[1][:2]) == (47015, [1, 500])
    assert 60 < order[1][2] <= 65, "the fence"
    shown = through(indevolt, hub, "charge", "cellar", "--power", "500", "--dry-run")
    assert "point 47015, values [1, 500, 6" in shown.out
    assert hub.battery.get("mode") == "self_use"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("hold", "cellar", "--keep"), 2, "a hub does not hold for good"),
        (("set", "cellar", "backup_soc", "20", "--for", "1h"), 2, "a hub writes backup_soc for good"),
        (("mode", "cellar", "schedule", "--for", "1h"), 2, "a hub follows the schedule for good"),
        (("hold", "garage"), 2, "the hub has no device 'garage'"),
        (("hold", "the garage"), 2, "the hub has no device 'the garage'"),
        (("hold", "attic"), 12, "attic is read-only here"),
    ],
)
def test_what_a_hub_does_not_do_is_refused_with_the_reason(
    indevolt: Program, hub: Running, words: tuple[str, ...], code: int, said: str
) -> None:
    ran = through(indevolt, hub, *words)
    assert ran.code == code
    assert said in ran.err
    assert "next: " in ran.err
    assert hub.battery.get("mode") == "self_use"


@pytest.mark.parametrize(
    ("words", "point"),
    [
        (("discharge", "cellar", "--power", "500", "--for", "1h"), 47015),
        (("hold", "cellar"), 47015),
        (("mode", "cellar", "schedule"), 47005),
        (("set", "cellar", "backup_soc", "20"), 1142),
    ],
)
def test_a_dry_run_of_any_order_names_its_last_request(indevolt: Program, hub: Running, words: tuple[str, ...], point: int) -> None:
    told = through(indevolt, hub, *words, "--dry-run", "--json").json
    assert (told["dry_run"], told["requests"][-1]["point"]) == (True, point)
    assert hub.battery.get("mode") == "self_use"


def test_everything_is_kept_for_an_outage_named_by_explain_and_not_discharged(indevolt: Program, hub: Running) -> None:
    def outage(*words: str) -> Ran:
        return indevolt("outage", *words, "--hub", hub.url, INDEVOLT_TOKEN=TOKEN)

    assert outage().out == "Nothing is kept for an outage.\n"
    ran = outage("--for", "2d", "--charge-to", "90", "--reason", "storm")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("Everything is kept for an outage until ")
    assert ran.out.endswith(", charged to 90 % first, as api anna asked: storm.\n")
    assert outage("--json").json["backup"]["charge_pct"] == 90
    explained = indevolt("explain", "cellar", "--hub", hub.url).out
    assert "api anna asked for a backup hold until " in explained
    refused = through(indevolt, hub, "discharge", "cellar", "--power", "400", "--for", "1h")
    assert refused.code == 9
    assert "everything is kept for an outage until " in refused.err
    assert "End the backup hold first" in refused.err
    assert outage("--end").out == "Nothing is kept for an outage.\n"
    for words, facts in (
        (("--for", "8d"), "body.minutes"),
        (("--for", "soon"), "'soon' is no time span"),
        (("--charge-to", "90"), "belong to --for"),
        (("--for", "2h", "--end"), "exclude each other"),
    ):
        wrong = outage(*words)
        assert wrong.code == 2, wrong.err
        assert facts in wrong.err
