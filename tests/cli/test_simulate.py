"""`indevolt simulate` as a process of its own, asked with nothing but the standard library, and ended with Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.protocol.digest import authorize
from indevolt.simulator import DEVICE_KEY

from .conftest import Program

READ_SOC = "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B6002%5D%7D"


class Running:
    """A simulate process; lines are read as they come."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "indevolt", "simulate", "--port", "0", "--no-discovery", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def interrupt(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def simulate(*words: str) -> Iterator[Running]:
    running = Running(*words)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


def ask(url: str, *, context: ssl.SSLContext | None = None, header: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={} if header is None else {"Authorization": header})
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def test_it_answers_prints_a_line_for_each_request_and_ends_with_ctrl_c() -> None:
    with simulate() as running:
        introduction = [running.line() for _ in range(4)]
        assert introduction[0].startswith("virtual PowerFlex 2000 with 2 battery modules, serial number ")
        url = introduction[1].removeprefix("  API: ")
        assert introduction[-1] == "  Ctrl-C stops it."
        assert ask(url + READ_SOC) == (200, '{"6002":55}')
        assert running.line().endswith("Indevolt.GetData  battery_soc")
        ask(url + "/rpc/Indevolt.SetData?config=%7B%22f%22%3A16%2C%22t%22%3A1142%2C%22v%22%3A%5B20%5D%7D")
        assert running.line().endswith("Indevolt.SetData  backup_soc = 20 %")
        assert ask(url + "/favicon.ico")[0] == 404
        assert "404 " in running.line()
        code, out, err = running.interrupt()
    assert (code, out) == (130, "")
    assert err.strip() == ""


def started(running: Running) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(running.line())
    assert told["virtual"] is True
    return told


def test_json_lines_for_programs() -> None:
    with simulate("--json", "--model", "bk1600", "--seed", "7") as running:
        told = started(running)
        assert (told["event"], told["model"], told["api"]) == ("started", "bk1600", "http")
        ask(told["url"] + READ_SOC)
        line = json.loads(running.line())
    assert (line["rpc"], line["points"], line["status"]) == ("Indevolt.GetData", [6002], 200)


def test_quiet_prints_the_introduction_only() -> None:
    with simulate("--json", "--quiet") as running:
        told = started(running)
        ask(told["url"] + READ_SOC)
        _, out, _ = running.interrupt()
    assert out == ""


def test_faults_happen_as_asked() -> None:
    with simulate("--json", "--fault", "status:503*1", "--fault", "refuse") as running:
        told = started(running)
        assert told["faults"] == ["status:503*1", "refuse"]
        assert ask(told["url"] + READ_SOC)[0] == 503
        assert ask(told["url"] + READ_SOC)[0] == 200


@pytest.mark.parametrize(("words", "status"), [([], 200), (["--strict"], 400)])
def test_strict_answers_as_documented_instead_of_as_observed(words: list[str], status: int) -> None:
    with simulate("--json", *words) as running:
        assert ask(started(running)["url"] + "/rpc/Indevolt.GetData?config=all")[0] == status


def test_a_device_as_it_leaves_the_factory_opens_nothing_yet() -> None:
    with simulate("--json", "--api", "digest", "--factory-default") as running:
        url = started(running)["url"]
        assert ask(url + READ_SOC)[0] == 401
        assert ask(url + READ_SOC, header=credentials(DEVICE_KEY))[0] == 401


def test_with_its_password_changed_it_opens() -> None:
    with simulate("--json", "--api", "digest", "--password", "secret") as running:
        url = started(running)["url"]
        assert ask(url + READ_SOC, header=credentials("secret"))[0] == 200


def credentials(password: str) -> str:
    return authorize("GET", READ_SOC, password, realm="cmFuZG9t", nonce="1", cnonce="2").header()


def test_https_makes_a_certificate_and_prints_its_fingerprint() -> None:
    with simulate("--json", "--api", "https") as running:
        told = started(running)
        host, port = told["url"].removeprefix("https://").split(":")
        shown = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port))))
        assert hashlib.sha256(shown).hexdigest() == told["fingerprint"]
        context = ssl.create_default_context(cadata=shown)
        assert ask(told["url"] + READ_SOC, context=context) == (200, '{"6002":55}')


def test_the_client_pins_that_fingerprint(indevolt: Program) -> None:
    with simulate("--json", "--api", "https") as running:
        told = started(running)
        ran = indevolt("get", told["url"], "battery_soc", "--fingerprint", told["fingerprint"], "--json")
        assert ran.json["values"]["battery_soc"]["value"] == 55
        assert indevolt("get", told["url"], "battery_soc").code == 3


def test_api_off_closes_the_port() -> None:
    with simulate("--json", "--api", "off") as running:
        assert started(running)["url"] is None


def test_an_accessory_answers_its_own_rpc() -> None:
    with simulate("--json", "--model", "plug") as running:
        url = started(running)["url"]
        assert ask(url + "/rpc/Plug.GetStatus") == (200, '{"switch_status":"on"}')
        assert ask(url + READ_SOC)[0] == 404


def test_it_starts_from_a_state(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"6002": 42}')
    with simulate("--json", "--state", str(state)) as running:
        assert ask(started(running)["url"] + READ_SOC) == (200, '{"6002":42}')


def test_a_taken_port_is_told_in_one_line(indevolt: Program, clock: ManualClock) -> None:
    with simulate("--json") as running:
        port = started(running)["url"].rpartition(":")[2]
        ran = indevolt("simulate", "--port", port, "--no-discovery")
    assert ran.code == 2
    assert ran.err.startswith(f"error: cannot listen on TCP port {port}")
