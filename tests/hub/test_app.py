"""The hub as a whole: it starts, survives the failure of a bridge, says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import ManualClock, SystemClock
from indevolt.discovery import Api, Found, discover
from indevolt.errors import IndevoltError, ReadOnly, StoreUnavailable
from indevolt.hub.alerts import What
from indevolt.hub.app import LONGEST_PAUSE_S, SEARCH_S, open_store, run_until_stopped, running
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, PollConfig, StoreConfig
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link
from indevolt.hub.secret import Secret
from indevolt.simulator import Accessory, Simulator, Sort
from indevolt.store.postgres import PostgresStore
from indevolt.store.rollup import Level
from indevolt.store.sqlite import SqliteStore
from indevolt.virtual import VirtualDevice


def config(*devices: DeviceConfig, store: StoreConfig | None = None) -> Config:
    return Config(devices=devices, store=store or StoreConfig(kind="memory"))


@asynccontextmanager
async def virtual() -> AsyncIterator[VirtualDevice]:
    async with VirtualDevice(Simulator("powerflex2000"), port=0, discovery_port=None) as device:
        yield device


def device_at(device: VirtualDevice, name: str = "cellar") -> DeviceConfig:
    return DeviceConfig(name=name, host=device.host, port=device.port, poll=PollConfig(power_s=1.0))


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that a running hub does; gives up loudly."""

    async def ask() -> object:
        return condition()

    await until_answer(ask, seconds)


async def until_answer(question: Callable[[], Awaitable[object]], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await question():  # noqa: ASYNC110 - what the hub reads sets no event
            await asyncio.sleep(0.02)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def nothing(_: Hub) -> None:
    await asyncio.Event().wait()


async def test_a_hub_reads_its_devices_and_keeps_what_they_say() -> None:
    async with virtual() as device, running(config(device_at(device)), bridges={}) as hub:
        await until(lambda: hub.keepers["cellar"].link is Link.ONLINE)
        await until(lambda: hub.keepers["cellar"].latest.value("battery_soc") is not None)

        async def is_kept() -> bool:
            return "battery_soc" in (await hub.store.last("cellar")).get("cellar", {})

        await until_answer(is_kept)
        texts = [entry.text for entry in await hub.store.entries()]
    assert any(text.startswith("started") for text in texts)
    assert any(text.startswith("reached") for text in texts)


async def test_nothing_is_left_behind() -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    async with virtual() as device, running(config(device_at(device)), bridges={"idle": nothing}) as hub:
        await until(lambda: hub.keepers["cellar"].link is Link.ONLINE)
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == threads


async def test_a_bridge_that_fails_is_started_anew_and_the_rest_goes_on() -> None:
    clock = ManualClock()
    starts: list[float] = []

    async def shaky(hub: Hub) -> None:
        starts.append(hub.clock.monotonic())
        raise OSError("no broker")

    async with running(config(), clock=clock, bridges={"mqtt": shaky, "idle": nothing}) as hub:
        await clock.advance(10)
        assert hub.services["mqtt"] == "restarting: no broker"
        assert hub.services["idle"] == "running"
        assert (("", What.SERVICE)) in hub.alerts.active
        await clock.advance(600)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps[0] < gaps[2] <= LONGEST_PAUSE_S + 1
    assert max(gaps) <= LONGEST_PAUSE_S + 1


async def test_a_store_that_cannot_be_opened_ends_the_hub_with_its_reason(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(IndevoltError):
        async with running(config(store=StoreConfig(kind="sqlite", path=blocked / "history.sqlite3")), bridges={}):
            pass


async def test_a_history_that_is_damaged_is_kept_aside_and_the_hub_says_so(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.write_bytes(b"SQLite format 3\0" + b"nonsense" * 1000)
    clock = ManualClock()
    async with running(config(store=StoreConfig(kind="sqlite", path=path)), clock=clock, bridges={}) as hub:
        await clock.advance(10)
        await until(lambda: ("", What.STORE) in hub.alerts.active)
        assert "it is kept as history.sqlite3.damaged-" in hub.alerts.active["", What.STORE].text
        texts = [entry.text for entry in await hub.store.entries()]
    assert any("was damaged" in text for text in texts)
    assert sum(name.startswith("history.sqlite3.damaged-") for name in names_in(tmp_path)) == 1


async def test_a_device_that_is_away_at_the_start_is_kept_looking_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    clock = ManualClock()
    lonely = DeviceConfig(name="cellar", host="127.0.0.1", port=port)
    async with running(config(lonely), clock=clock, bridges={}) as hub:
        for _ in range(40):
            await clock.advance(10)
            await asyncio.sleep(0.01)
        assert hub.keepers["cellar"].link is Link.SILENT
        assert ("cellar", What.SILENT) in hub.alerts.active


# ---- without a configuration ---------------------------------------------------------------------------------------------------


class Network:
    """What answers when a hub looks for devices, time after time."""

    def __init__(self, *answers: list[Found]) -> None:
        self.answers = list(answers)
        self.looked = 0

    async def __call__(self) -> AsyncIterator[Found]:
        self.looked += 1
        for found in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
            yield found


def look_at(network: Network) -> Any:
    return network


async def test_without_a_configuration_it_finds_batteries_leaves_out_others_and_only_reads() -> None:
    meter = Accessory(Sort.METER)
    async with virtual() as device, VirtualDevice(meter, port=0, discovery_port=None) as other:
        network = Network(
            [
                Found(device.host, device.port, sn="SN 38/A"),
                Found(other.host, other.port, sn=meter.serial),
                Found(device.host, 9, sn="asleep", api=Api.PROBABLY_OFF),
            ]
        )
        async with running(config(), bridges={}, look=look_at(network)) as hub:
            await until(lambda: "device-sn-38-a" in hub.keepers)
            keeper = hub.keepers["device-sn-38-a"]
            await until(lambda: keeper.link is Link.ONLINE)
            with pytest.raises(ReadOnly):
                await keeper.write("backup_soc", 20, actor="test")

            async def is_left_out() -> bool:
                return any(entry.text.startswith(f"left out {other.host}") for entry in await hub.store.entries())

            await until_answer(is_left_out)
            assert list(hub.keepers) == ["device-sn-38-a"]


async def test_it_asks_the_network_itself() -> None:
    async with VirtualDevice(Simulator("powerflex2000", serial="3800000001"), port=0, discovery_port=0) as device:
        assert device.discovery_port is not None
        look = partial(discover, 1.0, targets=["127.0.0.1"], port=device.discovery_port, local_port=0, passive=False)
        async with running(config(), bridges={}, look=look) as hub:
            await until(lambda: "device-3800000001" in hub.keepers)
            await until(lambda: hub.keepers["device-3800000001"].link is Link.ONLINE)
            assert not hub.keepers["device-3800000001"].config.control


async def test_a_device_that_got_another_address_is_followed() -> None:
    clock = ManualClock()
    async with virtual() as before, virtual() as after:
        serial = before.simulator.serial
        network = Network([Found(before.host, before.port, sn=serial)], [Found(after.host, after.port, sn=serial)])
        async with running(config(), clock=clock, bridges={}, look=look_at(network)) as hub:

            async def moved() -> bool:
                await clock.advance(5)
                await asyncio.sleep(0.01)
                keeper = hub.keepers.get(f"device-{serial}")
                if keeper is not None and keeper.link is Link.ONLINE:
                    before.simulator.faults.add("reset")  # it is there no more
                return keeper is not None and keeper.config.port == after.port

            await until_answer(moved)
            assert clock.monotonic() >= SEARCH_S


async def test_a_device_that_is_heard_at_two_addresses_stays_where_it_answers() -> None:
    clock = ManualClock()
    async with virtual() as device, virtual() as other:
        serial = device.simulator.serial
        network = Network(
            [Found(device.host, device.port, sn=serial)],
            [Found(device.host, device.port, sn=serial), Found(other.host, other.port, sn=serial)],
        )
        async with running(config(), clock=clock, bridges={}, look=look_at(network)) as hub:

            async def is_online() -> bool:
                await clock.advance(0.2)  # long before the next search
                keeper = hub.keepers.get(f"device-{serial}")
                return keeper is not None and keeper.link is Link.ONLINE

            async def looked_again() -> bool:
                await clock.advance(5)
                return network.looked > 4

            await until_answer(is_online)
            await until_answer(looked_again)
            keeper = hub.keepers[f"device-{serial}"]
            assert keeper.config.port == device.port
            assert keeper.link is Link.ONLINE
            texts = [entry.text for entry in await hub.store.entries()]
    assert sum(text.startswith("found ") for text in texts) == 1


# ---- how it ends ---------------------------------------------------------------------------------------------------------------


async def test_what_the_hub_is_for_ends_it_with_its_own_error_and_not_with_a_group() -> None:
    broken: list[Hub] = []
    async with virtual() as device:
        stopping = asyncio.create_task(run_until_stopped(config(device_at(device)), started=broken.append))
        await until(lambda: broken)

        async def append(_: object) -> None:
            raise StoreUnavailable("the disk is gone")

        broken[0].store.append = append  # type: ignore[method-assign, assignment]  # a store that breaks while the hub runs
        with pytest.raises(StoreUnavailable, match="the disk is gone"):
            await asyncio.wait_for(stopping, 30)


async def test_a_store_on_a_server_keeps_everything_as_long_as_it_is_told() -> None:
    wanted = StoreConfig(kind="postgres", url=Secret("postgresql:///history"), raw_days=10, five_minute_days=30)
    store = open_store(config(store=wanted), SystemClock())
    assert isinstance(store, PostgresStore)
    assert store._writer._days == {Level.RAW: 10, Level.FIVE: 30, Level.HOUR: None}


async def test_a_store_that_cannot_be_opened_is_its_own_error_as_well(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable):
        await run_until_stopped(config(store=StoreConfig(kind="sqlite", path=tmp_path / "file" / "history.sqlite3")))


PROGRAM = """
import sys
from indevolt.cli.ending import finish
from indevolt.cli.hub import hub_command
from indevolt.cli.session import Environment
given = Environment(discovery_port=int(sys.argv.pop(1)), discovery_local_port=0)
sys.exit(finish(lambda: hub_command.main(sys.argv[1:], standalone_mode=False, obj=given), as_json=False, debug=False))
"""


class Process:
    """A hub as a process, as people start it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """Return its next line; empty when there is none any more."""
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode()

    async def end(self, how: signal.Signals | None = None) -> tuple[int, str]:
        """Send a signal, if any; return exit code and what was told on the standard error."""
        if how is not None:
            self.process.send_signal(how)
        _, told = await asyncio.wait_for(self.process.communicate(), 60)
        assert self.process.returncode is not None
        return self.process.returncode, told.decode()


@asynccontextmanager
async def started(*words: str, folder: Path, discovery_port: int = 9, **variables: str) -> AsyncIterator[Process]:
    environ = {
        **os.environ, "INDEVOLT_CONFIG": "", "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), **variables
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(discovery_port), "run", *words,
        env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def toml(device: VirtualDevice, api_port: int) -> str:
    return f"""
        [hub]
        data = "data"
        [api]
        port = {api_port}
        [[devices]]
        name = "cellar"
        host = "{device.host}"
        port = {device.port}
        password = "geheim"
        poll.power_s = 1
        """


def connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_the_process_cleanly_and_leaves_nothing(tmp_path: Path, how: signal.Signals, code: int) -> None:
    simulator = Simulator("powerflex2000", api="digest", password="geheim")
    async with VirtualDevice(simulator, port=0, discovery_port=None) as device:
        port = free_port()
        file = tmp_path / "home.toml"
        file.write_text(toml(device, port))
        file.chmod(0o600)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(tmp_path / "notify"))
            systemd.setblocking(False)
            async with started(str(file), folder=tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as hub:
                assert "the hub runs, 1 device" in await hub.line()
                async with asyncio.timeout(60):
                    assert await asyncio.get_running_loop().sock_recv(systemd, 100) == b"READY=1"
                await until(lambda: connects(port), 60)
                stops = asyncio.get_running_loop().time()
                ended, told = await hub.end(how)
                took_s = asyncio.get_running_loop().time() - stops
            assert systemd.recv(100) == b"STOPPING=1"
        assert ended == code, told
        assert took_s < 5  # a promise of the hub, and many times what it takes
        assert "Traceback" not in told
        assert "geheim" not in told
        assert not connects(port)
    folder = tmp_path / "data"
    assert not [name for name in names_in(folder) if name.endswith(("-wal", "-shm"))]
    with sqlite3.connect(folder / "history.sqlite3") as kept:
        texts = [text for (text,) in kept.execute("SELECT text FROM journal ORDER BY number")]
    kept.close()
    assert texts[0] == "started with 1 device"
    assert "stopping" in texts


async def test_a_history_that_another_hub_has_open_gives_the_exit_code_of_that(tmp_path: Path) -> None:
    async with virtual() as device:
        file = tmp_path / "home.toml"
        file.write_text(toml(device, 0))
        file.chmod(0o600)
        store = SqliteStore(tmp_path / "data" / "history.sqlite3", clock=ManualClock())
        await store.open([])
        try:
            async with started(str(file), folder=tmp_path) as hub:
                ended, told = await hub.end()
        finally:
            await store.close()
    assert ended == StoreUnavailable.exit_code, told
    assert told.splitlines()[-2].startswith("error: ")
    assert told.splitlines()[-1].startswith("  next: ")


@pytest.mark.skipif(os.name != "posix", reason="signals are of POSIX")
async def test_without_a_configuration_a_process_listens_on_loopback_discovers_and_only_reads(tmp_path: Path) -> None:
    if connects(ApiConfig().port):
        pytest.skip("something listens at the hub's usual port")
    simulator = Simulator("powerflex2000", serial="3800000001")
    async with VirtualDevice(simulator, host="127.0.0.1", port=0, discovery_port=0) as device:
        assert device.discovery_port is not None
        async with started("--json", folder=tmp_path, discovery_port=device.discovery_port) as hub:
            said = json.loads(await hub.line())
            assert said["file"] is None
            assert said["listens"][0].startswith("API http://127.0.0.1:8188, this machine only, without a token, only for reading")
            assert said["devices"] == ["none is listed: it looks for devices on this network, and only reads"]
            assert len(said["next"]) == 3
            await until_answer(lambda: answers("/healthz"), 60)
            ended, told = await hub.end(signal.SIGTERM)
    assert ended == 0, told


async def answers(path: str) -> Mapping[str, Any] | None:
    """Return what the hub's API at its usual port says, None while it says nothing."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", ApiConfig().port)
    except OSError:
        return None
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{ApiConfig().port}\r\nConnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    body: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    return body
