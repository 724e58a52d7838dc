"""Words to systemd, heard at a socket as systemd opens it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kept_house import a_hub, at_work

from conftest import lacking
from indevolt.clock import ManualClock
from indevolt.hub.config import Config
from indevolt.hub.config_file import load_text
from indevolt.hub.secret import Origin, Secret
from indevolt.hub.systemd import ALIVE, READY, STOPPING, notify, serve_watchdog, watchdog_s
from indevolt.tomltext import WrongToml

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systemd is of Linux")
PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = PACKAGING / "indevolt-hub.service"
WATCHDOG = PACKAGING / "indevolt-watchdog.service"


@contextmanager
def systemd(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(10)
        yield ear


def test_a_word_arrives(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with systemd(address) as ear:
        for word in (READY, ALIVE, STOPPING):
            assert notify(word, {"NOTIFY_SOCKET": address})
            assert ear.recv(100).decode() == word


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="abstract sockets are of Linux")
def test_an_abstract_socket_is_understood(tmp_path: Path) -> None:
    name = f"indevolt-{tmp_path.name}-{id(tmp_path)}"
    with systemd(f"\0{name}") as ear:
        assert notify(READY, {"NOTIFY_SOCKET": f"@{name}"})
        assert ear.recv(100).decode() == READY


def test_where_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    assert not notify(READY, {})
    assert not notify(READY, {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(("microseconds", "seconds"), [("30000000", 15.0), ("1000000", 0.5)])
def test_the_watchdog_hears_of_us_twice_as_often_as_it_wants(microseconds: str, seconds: float) -> None:
    assert watchdog_s({"WATCHDOG_USEC": microseconds}) == seconds


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}])
def test_without_a_watchdog_there_is_nothing_to_say(environ: dict[str, str]) -> None:
    assert watchdog_s(environ) is None


async def test_a_hub_that_nobody_watches_ends_this_service_at_once() -> None:
    await asyncio.wait_for(serve_watchdog(a_hub(Config(), ManualClock()), {}), 10)


async def test_the_watchdog_hears_that_the_hub_is_alive(tmp_path: Path) -> None:
    address, clock = str(tmp_path / "notify"), ManualClock()
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}
    with systemd(address) as ear:
        async with at_work(serve_watchdog(a_hub(Config(), clock), environ)):
            await clock.advance(45)
        ear.setblocking(False)
        assert [ear.recv(100).decode() for _ in range(4)] == [ALIVE] * 4
        with pytest.raises(BlockingIOError):
            ear.recv(100)


@pytest.mark.parametrize("packaged", [UNIT, WATCHDOG], ids=lambda path: path.stem)
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path, packaged: Path) -> None:
    program = shutil.which("systemd-analyze") or lacking("needs systemd-analyze, of the package systemd")
    # The program has to be there to be verified, and belongs where the installation put it.
    unit = tmp_path / packaged.name
    unit.write_text(packaged.read_text("utf-8").replace("/opt/indevolt/bin/indevolt", shutil.which("true") or "/bin/true"), "utf-8")
    ran = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    told = [line for line in ran.stderr.splitlines() if packaged.name in line or "indevolt" in line]
    assert (ran.returncode, told) == (0, []), ran.stderr


@pytest.mark.parametrize(("folder", "taken"), [("credentials", True), ("elsewhere", False)])
def test_a_secret_that_systemd_hands_over_may_look_as_if_a_group_could_read_it(tmp_path: Path, folder: str, taken: bool) -> None:
    (tmp_path / folder).mkdir()
    file = tmp_path / folder / "battery-password"
    file.write_text("geheim")
    file.chmod(0o440)
    origin = Origin(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")})
    text = f'[mqtt]\nhost = "a"\nuser = "hub"\npassword = {{ file = "{folder}/battery-password" }}'
    if taken:
        broker = load_text(text, name="home.toml", origin=origin).mqtt
        assert broker is not None
        assert broker.password == Secret("geheim")
    else:
        with pytest.raises(WrongToml, match="others on this machine"):
            load_text(text, name="home.toml", origin=origin)


def test_the_unit_gives_the_hub_what_it_asks_for_and_nothing_else() -> None:
    lines = UNIT.read_text("utf-8").splitlines()
    for needed in (
        "Type=notify",
        "Restart=on-failure",
        "DynamicUser=yes",
        "StateDirectory=indevolt",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ):
        assert needed in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)
    assert any("LoadCredential=" in line for line in lines)


def test_the_watchdog_finds_the_leases_of_the_hub_and_outlives_it() -> None:
    hub, watchdog = ({line for line in path.read_text("utf-8").splitlines() if "=" in line} for path in (UNIT, WATCHDOG))
    for shared in ("DynamicUser=yes", "User=indevolt", "StateDirectory=indevolt"):
        assert shared in hub & watchdog
    assert "Restart=always" in watchdog
    assert not any("indevolt-hub" in line for line in watchdog)
