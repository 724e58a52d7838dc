"""`indevolt hub`: a configuration is checked, told in plain words, and written with the devices that are there."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import chdir
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from indevolt.cli.app import cli
from indevolt.cli.hub import hub_command
from indevolt.cli.hub_init import _save
from indevolt.cli.session import Environment
from indevolt.cli.survey import Seen, survey
from indevolt.clock import ManualClock
from indevolt.discovery import Api, Found
from indevolt.hub.config import DeviceConfig
from indevolt.hub.config_file import load
from indevolt.hub.config_schema import schema
from indevolt.hub.tiers import tables_of
from indevolt.hub.tokens import verify_token
from indevolt.simulator import Simulator
from indevolt.simulator.accessory import Accessory, Sort
from indevolt.store.sqlite import SqliteStore

from .commanded import free_port
from .conftest import Peer, Program, Ran, Virtual, closed_udp_port

DEVICE = '[[devices]]\nname = "battery"\nhost = "192.168.1.50"\n'


@pytest.fixture
def indevolt(clock: ManualClock, tmp_path: Path) -> Program:
    """Run `indevolt WORDS` in an empty folder of a user who has nothing configured."""

    def run(*words: str, **variables: str) -> Ran:
        outside = Environment(clock, discovery_port=closed_udp_port(), discovery_local_port=0)
        settings = {
            "INDEVOLT_CONFIG": None,
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_DATA_HOME": "/data",
            "COLUMNS": None,
            **variables,
        }
        with chdir(tmp_path):
            result = CliRunner().invoke(cli, words, prog_name="indevolt", obj=outside, env=settings)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "home.toml"
        file.write_text(text)
        file.chmod(0o600)
        return file

    return write


# ---- check ---------------------------------------------------------------------------------------------------------------------


def test_without_a_file_it_says_what_holds_by_itself(indevolt: Program) -> None:
    ran = indevolt("hub", "check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[:4] == [
        "✓ no configuration file, so the hub does this by itself",
        "  Devices         none is listed: it looks for devices on this network, and only reads",
        "  Who may write   nobody: no device has control = true",
        "  Listens         API http://127.0.0.1:8188, this machine only, without a token, only for reading",
    ]


def test_a_file_is_told_in_plain_words_and_nothing_secret_is(indevolt: Program, home: Callable[[str], Path]) -> None:
    file = home(f'notify.urls = ["ntfy://hunter2"]\n{DEVICE}control = true\npassword = "hunter2"')
    for words in (["check"], ["--check"], ["run", "--check"]):
        ran = indevolt("hub", *words, str(file))
        assert ran.code == 0
        assert f"{file} is in order" in ran.out
        assert "battery at 192.168.1.50:8080, with a password: may be written to" in ran.out
        assert "hunter2" not in ran.out
    told = indevolt("hub", "check", str(file), "--json").json
    assert (told["ok"], told["configuration"]["devices"][0]["password"]) == (True, "***")
    assert told["plan"]["writers"][0].startswith("nobody: ")


def test_every_mistake_has_a_line_of_its_own_and_the_exit_code_is_2(indevolt: Program, home: Callable[[str], Path]) -> None:
    file = home("[api]\nprot = 1\n[store]\nraw_days = 0\n")
    ran = indevolt("hub", "check", str(file))
    assert (ran.code, ran.out) == (2, "")
    first, second, last = ran.err.splitlines()
    assert first.startswith(f"{file}, line 2, api.prot: unknown field; did you mean port? ")
    assert second == f"{file}, line 4, store.raw_days: 0 does not fit; allowed: a whole number from 1 to 36500"
    assert last.startswith("2 mistakes. ")
    told = indevolt("hub", "--check", "--json", str(file))
    assert told.code == 2
    assert [(each["line"], each["where"]) for each in told.json["mistakes"]] == [(2, "api.prot"), (4, "store.raw_days")]


def test_running_with_a_wrong_file_tells_the_same(indevolt: Program, home: Callable[[str], Path]) -> None:
    ran = indevolt("hub", str(home("prot = 1")))
    assert ran.code == 2
    assert "line 1, prot: unknown field" in ran.err


def test_the_file_is_found_by_the_variable_or_in_this_folder(
    indevolt: Program, home: Callable[[str], Path], tmp_path: Path
) -> None:
    file = home(DEVICE)
    assert f"{file} is in order" in indevolt("hub", "check", INDEVOLT_CONFIG=str(file)).out
    file.rename(tmp_path / "indevolt.toml")
    assert "indevolt.toml is in order" in indevolt("hub", "check").out
    gone = indevolt("hub", "check", INDEVOLT_CONFIG=str(file))
    assert gone.code == 2
    assert "(of $INDEVOLT_CONFIG)" in gone.err


@pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
def test_secrets_that_others_can_read_are_pointed_out(indevolt: Program, home: Callable[[str], Path]) -> None:
    file = home(f'{DEVICE}password = "hunter2"')
    assert "Think about" not in indevolt("hub", "check", str(file)).out
    file.chmod(0o644)
    assert (
        f"other users of this machine may read devices[1].password in {file}: chmod 600" in indevolt("hub", "check", str(file)).out
    )


# ---- init ----------------------------------------------------------------------------------------------------------------------


def test_a_file_with_the_device_in_it_is_written_for_its_owner_only(
    indevolt: Program, virtual: Virtual, clock: ManualClock, tmp_path: Path
) -> None:
    simulator = Simulator("solidflex2000", clock=clock)
    host = virtual(simulator)
    ran = indevolt("hub", "init", "--host", host)
    assert ran.code == 0
    file = tmp_path / "indevolt.toml"
    assert ran.out.splitlines()[0] == "✓ wrote indevolt.toml: 1 device"
    assert f"battery at {host}: " in ran.out
    assert "  next: indevolt hub check indevolt.toml" in ran.out
    assert os.name != "posix" or stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load(file).devices == (DeviceConfig(name="battery", host=host),)
    assert f"serial number {simulator.serial}" in file.read_text()
    assert indevolt("hub", "check").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["indevolt.toml"]


def test_a_file_is_never_overwritten_unless_that_is_asked_for(indevolt: Program, tmp_path: Path, closed_port: int) -> None:
    file = tmp_path / "home.toml"
    file.write_text("mine")
    ran = indevolt("hub", "init", "home.toml", "--host", f"127.0.0.1:{closed_port}")
    assert (ran.code, file.read_text()) == (2, "mine")
    assert "home.toml exists" in ran.err
    assert "--force" in ran.err
    assert indevolt("hub", "init", "home.toml", "--host", f"127.0.0.1:{closed_port}", "--force").code == 0
    assert load(file).devices[0].host == f"127.0.0.1:{closed_port}"


@pytest.mark.parametrize(
    ("file", "fact"), [("gone/home.toml", "there is no folder"), (".", "is no ordinary file"), ("a" * 300, "cannot be written")]
)
def test_where_no_file_can_be_written_nothing_is_asked(indevolt: Program, file: str, fact: str) -> None:
    ran = indevolt("hub", "init", file)
    assert ran.code == 2
    assert fact in ran.err


def test_what_is_no_address_is_refused(indevolt: Program, tmp_path: Path) -> None:
    ran = indevolt("hub", "init", "--host", "1.2.3")
    assert ran.code == 2
    assert "1.2.3 is no IPv4 address" in ran.err
    assert not list(tmp_path.iterdir())


def test_several_devices_are_numbered_and_what_is_none_is_only_mentioned(
    indevolt: Program, virtual: Virtual, peer: Peer, closed_port: int, tmp_path: Path
) -> None:
    clock = ManualClock(auto=True)
    locked = virtual(Simulator("powerflex2000", clock=clock, api="digest", password="qwertyui"))
    reader = virtual(Accessory(Sort.P1, clock=clock))
    printer = peer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    hosts = [virtual(), locked, reader, printer, f"127.0.0.1:{closed_port}"]
    told = indevolt("hub", "init", "--json", *(word for host in hosts for word in ("--host", host))).json
    assert [(each["name"], each["host"], each["needs_password"]) for each in told["devices"]] == [
        ("battery1", hosts[0], False),
        ("battery2", locked, True),
        ("battery3", hosts[4], False),
    ]
    assert f"{reader} is a P1 reader, not a battery" in told["notes"][0]
    assert f"{printer} is a web server" in told["notes"][1]
    assert "could not be asked what it is" in told["devices"][2]["notes"][0]
    assert any("give the passwords" in step for step in told["next"])
    file = tmp_path / "indevolt.toml"
    assert [device.host for device in load(file).devices] == [hosts[0], locked, hosts[4]]
    text = file.read_text()
    assert '#password = { file = "battery2.password" }' in text
    assert f"# not listed: {reader} is a P1 reader" in text
    if os.name == "posix":
        (tmp_path / "battery2.password").write_text("qwertyui")
        (tmp_path / "battery2.password").chmod(0o600)
        file.write_text(text.replace('#password = { file = "battery2', 'password = { file = "battery2'))
        password = load(file).devices[1].password
        assert password is not None
        assert password.reveal() == "qwertyui"


async def test_what_discovery_finds_is_asked_what_it_is(clock: ManualClock, virtual: Virtual) -> None:
    host, _, port = virtual().partition(":")

    async def heard() -> AsyncIterator[Found]:
        yield Found("127.0.0.9", api=Api.PROBABLY_OFF)
        yield Found(host, port=int(port))

    battery, silent = await survey(heard(), Environment(clock))
    assert (battery.host, battery.is_battery, battery.needs_password) == (f"{host}:{port}", True, False)
    assert "PowerFlex" in battery.about[0]
    assert silent == Seen("127.0.0.9", silent.about, is_battery=False)
    assert "enable its local API" in silent.about[0]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text("mine")
    with pytest.raises(UnicodeEncodeError):
        _save("\ud800", file, force=True)
    assert ([path.name for path in tmp_path.iterdir()], file.read_text()) == (["home.toml"], "mine")


# ---- schema and token ----------------------------------------------------------------------------------------------------------


def test_the_schema_is_printed(indevolt: Program) -> None:
    assert indevolt("hub", "schema").json == schema()


def test_a_token_is_shown_once_and_its_lines_go_into_the_file(indevolt: Program, home: Callable[[str], Path]) -> None:
    ran = indevolt("hub", "token", "phone", "--role", "control")
    assert ran.code == 0
    token = ran.out.splitlines()[2]
    (kept,) = load(home(ran.out.partition("For the configuration:\n")[2])).api.tokens
    assert (kept.name, kept.role) == ("phone", "control")
    assert verify_token(token, kept.hash.reveal())
    told = indevolt("hub", "token", "phone", "--json").json
    assert told["role"] == "read"
    assert verify_token(told["token"], told["hash"])


def test_a_token_needs_a_name_that_the_file_takes(indevolt: Program) -> None:
    ran = indevolt("hub", "token", "My Phone")
    assert (ran.code, ran.out) == (2, "")
    assert '"My Phone" does not fit; allowed: 1 to 40 of a-z' in ran.err


# ---- the commands --------------------------------------------------------------------------------------------------------------


def test_the_page_lists_the_commands_and_each_has_its_own(indevolt: Program) -> None:
    page = indevolt("hub", "--help").out
    for name in hub_command.commands:
        assert f"\n  {name} " in page
        below = indevolt("hub", name, "--help")
        assert below.code == 0
        assert "\nExamples:\n" in below.out
    assert max(map(len, page.splitlines())) <= 100


# ---- backup ----------------------------------------------------------------------------------------------------------


def a_history(path: Path) -> None:
    async def write() -> None:
        store = SqliteStore(path, clock=ManualClock())
        await store.open(tables_of("gen2"))
        await store.journal(ManualClock().now(), "hub", "here I am")
        await store.close()

    asyncio.run(write())


def test_a_backup_is_a_whole_history(indevolt: Program, tmp_path: Path) -> None:
    a_history(tmp_path / "history.sqlite3")
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\ndata = "{tmp_path}"\n{DEVICE}')
    ran = indevolt("hub", "backup", str(tmp_path / "copy.sqlite3"), str(config))
    assert ran.code == 0

    async def read() -> list[str]:
        store = SqliteStore(tmp_path / "copy.sqlite3", clock=ManualClock())
        await store.open(tables_of("gen2"))
        texts = [entry.text for entry in await store.entries()]
        await store.close()
        return texts

    assert asyncio.run(read()) == ["here I am"]


def test_a_backup_replaces_nothing(indevolt: Program, tmp_path: Path) -> None:
    a_history(tmp_path / "history.sqlite3")
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\ndata = "{tmp_path}"\n{DEVICE}')
    ran = indevolt("hub", "backup", str(config), str(config))
    assert ran.code == 2
    assert "exists already" in ran.err


@pytest.mark.parametrize(
    ("words", "code"), [(("hub", "backup", "copy.sqlite3", "hub.toml"), 2), (("journal", "--config", "hub.toml"), 3)]
)
def test_a_hub_that_has_never_run_has_no_history_and_none_is_made(
    indevolt: Program, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    config = tmp_path / "hub.toml"
    config.write_text(f'[hub]\ndata = "{tmp_path}"\n[api]\nport = {free_port()}\n{DEVICE}')
    ran = indevolt(*(str(tmp_path / word) if "." in word else word for word in words))
    assert ran.code == code
    assert "there is no history in" in ran.err
    assert [each.name for each in tmp_path.iterdir()] == ["hub.toml"]


def test_what_is_kept_nowhere_has_no_backup(indevolt: Program, tmp_path: Path) -> None:
    config = tmp_path / "hub.toml"
    config.write_text(f'{DEVICE}[store]\nkind = "memory"\n')
    ran = indevolt("hub", "backup", str(tmp_path / "copy.sqlite3"), str(config))
    assert ran.code == 2
    assert not (tmp_path / "copy.sqlite3").exists()


def test_commands_complete() -> None:
    def completions(*words: str) -> list[str]:
        *before, last = words
        shell = ShellComplete(cli, {}, "indevolt", "_INDEVOLT_COMPLETE")
        return [item.value for item in shell.get_completions(before, last)]

    assert completions("hub", "") == ["backup", "check", "init", "notify-test", "run", "schema", "token"]
    assert completions("hub", "token", "--role", "c") == ["control"]


RUN = """
import sys
{hide}
from indevolt.cli.app import cli
cli.main(sys.argv[1:], prog_name="indevolt")
"""


def without_the_extra(*words: str) -> subprocess.CompletedProcess[str]:
    hide = "for name in ('pydantic', 'pydantic_core', 'fastapi', 'uvicorn'): sys.modules[name] = None"
    return subprocess.run([sys.executable, "-c", RUN.format(hide=hide), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["hub"], ["hub", "check"], ["hub", "init"], ["hub", "schema"], ["hub", "token", "a"]])
def test_without_the_extra_it_is_said_what_to_install(words: list[str]) -> None:
    ran = without_the_extra(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == 'error: the hub needs pydantic\n  next: pip install "indevolt[hub]"\n'


def test_without_the_extra_everything_else_works() -> None:
    assert without_the_extra("hub", "--help").returncode == 0
    assert without_the_extra("points", "--json").returncode == 0
    told = json.loads(without_the_extra("hub", "check", "--json").stdout)
    assert told["error"]["next"] == 'pip install "indevolt[hub]"'
