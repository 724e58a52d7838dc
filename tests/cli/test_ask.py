"""`indevolt explain` and `indevolt journal`: a hub that runs is asked over its real API."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from indevolt.battery import Hold
from indevolt.cli.ask import HubAt, events
from indevolt.clock import FastClock
from indevolt.errors import ProtocolError
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Link
from indevolt.simulator import INSTANT, Simulator
from indevolt.virtual import VirtualDevice
from patient_clock import PatientClock

from .commanded import a_hub, free_port
from .conftest import Peer, Program, in_background

CLOCK = FastClock(PatientClock(), 20)  # a device wants a second between two requests


@dataclass(frozen=True)
class Running:
    """A hub that holds a battery, as a person asked."""

    url: str


async def held(hub: Hub) -> None:
    """Have a person keep the battery at rest."""
    keeper = hub.keepers["cellar"]
    while keeper.link is not Link.ONLINE or keeper.steering is None:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.01)
    await keeper.steering.ask(Hold(), CLOCK.now() + timedelta(hours=3), actor="api anna", reason="thunder")


@asynccontextmanager
async def holding(folder: Path) -> AsyncIterator[Running]:
    device = VirtualDevice(Simulator("powerflex2000", clock=CLOCK, response=INSTANT, lag_s=0.0), port=0, discovery_port=None)
    async with device:
        config = Config(
            hub=HubConfig(data=folder),
            devices=(DeviceConfig(name="cellar", host="127.0.0.1", port=device.port, control=True),),
            api=ApiConfig(port=free_port()),
            control=ControlConfig(leases=folder / "leases"),
        )
        async with a_hub(config, CLOCK, held) as url:
            yield Running(url)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Running]:
    with in_background(lambda: holding(tmp_path)) as it:
        yield it


def test_what_a_battery_does_is_explained(indevolt: Program, hub: Running) -> None:
    ran = indevolt("explain", "--hub", hub.url)
    assert ran.code == 0
    first = ran.out.partition("\n")[0]  # on a busy machine, at 20 times its pace, the mode may be too old to be told
    assert first in ("cellar: user decides, realtime", "cellar: user decides")
    assert "neither charge nor discharge, as api anna asked, until " in ran.out
    assert ": thunder." in ran.out
    assert "chosen" in ran.out


def test_what_another_power_would_take(indevolt: Program, hub: Running) -> None:
    told = indevolt("explain", "cellar", "--what-if", "9000", "--hub", hub.url, "--json").json
    assert told["applied"] is True
    assert told["steering"]["command"]["command"] == "hold"
    by = {each["by"]: each for each in told["obstacles"]}
    assert {"safety", "override"} <= by.keys()
    assert by["override"]["otherwise"] == "release the override"
    shown = indevolt("explain", "cellar", "--what-if", "9000", "--hub", hub.url).out
    assert "What +9000 W would take" in shown
    assert "release the override" in shown


def test_a_device_that_the_hub_does_not_have(indevolt: Program, hub: Running) -> None:
    ran = indevolt("explain", "attic", "--hub", hub.url)
    assert ran.code == 2
    assert "the hub has no device 'attic'" in ran.err
    assert "Devices: cellar." in ran.err


@pytest.mark.parametrize("name", ["the attic", "Dachgeschoß", "attic?power_w=1"])
def test_a_name_that_no_device_of_a_hub_can_have(indevolt: Program, hub: Running, name: str) -> None:
    ran = indevolt("explain", name, "--hub", hub.url)
    assert ran.code == 2
    assert "path.device: " in ran.err
    assert "next: Allowed: " in ran.err


def test_the_journal_is_told_oldest_first(indevolt: Program, hub: Running) -> None:
    ran = indevolt("journal", "--hub", hub.url, "--kind", "decision", "--kind", "write", "--device", "cellar")
    assert ran.code == 0
    lines = ran.out.splitlines()
    asked = next(line for line in lines if "api anna asked: neither charge nor discharge until " in line)
    assert "cellar/api anna" in asked
    assert any("neither charge nor discharge: effective" in line for line in lines)
    told = indevolt("journal", "--hub", hub.url, "--limit", "3", "--json").json["entries"]
    assert [each["number"] for each in told] == sorted(each["number"] for each in told)
    assert len(told) == 3


@pytest.mark.parametrize(("since", "some"), [("2h", True), ("3d", True), ("2100-01-01T00:00+01:00", False)])
def test_the_journal_from_a_time_on(indevolt: Program, hub: Running, since: str, some: bool) -> None:
    now = {"since": since}
    if since == "2h":  # the program's own clock stands still in tests, long before the hub's
        now["since"] = CLOCK.now().isoformat()[:10]
    entries = indevolt("journal", "--hub", hub.url, "--since", now["since"], "--json").json["entries"]
    assert bool(entries) is some


@pytest.mark.parametrize("since", ["yesterday", "999999d", "99999999999999999999d"])
def test_a_time_that_is_none(indevolt: Program, since: str) -> None:
    ran = indevolt("journal", "--since", since)
    assert ran.code == 2
    assert f"'{since}' is no time" in ran.err


@pytest.mark.parametrize("words", [("explain",), ("journal", "--follow"), ("hold", "cellar", "--for", "1h")])
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", (5, "is no hub: it does not speak HTTP")),
        (b"", (3, "no hub answers at http://127.0.0.1:")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", (4, "did not come whole")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", (5, "is no hub: it tells no JSON object")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", (5, "is no hub: it tells no JSON object")),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 2\r\n\r\n{}",
            (2, "it is said to be at 'http://127.0.0.1:9/'"),
        ),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n[]", (1, "the hub failed: Oh")),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 200\r\n\r\n{", (1, "the hub failed: Oh")),
    ],
    ids=["ssh", "silence", "cut off", "a list", "a page", "elsewhere", "failed", "failed and cut off"],
)
def test_what_is_no_hub_or_a_broken_one_is_called_that(
    indevolt: Program, peer: Peer, words: tuple[str, ...], answer: bytes, told: tuple[int, str]
) -> None:
    ran = indevolt(*words, "--hub", peer(answer))
    assert ran.code == told[0]
    assert told[1] in ran.err
    assert "\n  next: " in ran.err


def test_who_follows_a_hub_that_ends_is_told(indevolt: Program, peer: Peer) -> None:
    whole = b'{"entries": [], "last_event_id": "run-1"}'
    ran = indevolt("journal", "--follow", "--hub", peer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(whole), whole)))
    assert (ran.code, ran.out) == (3, "")
    assert re.match(r"error: the hub at http://127.0.0.1:\d+ ended\n  next: Follow it again", ran.err)


def test_who_follows_hears_once_what_happens_between_the_two_questions(indevolt: Program) -> None:
    def entry(number: int) -> dict[str, object]:
        known = {"at": "2026-06-21T10:00:00Z", "kind": "hub", "device": "", "actor": "", "data": {}}
        return {**known, "number": number, "text": f"entry {number}"}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            if "/events" in self.path:
                assert self.headers["Last-Event-ID"] == "run-6"  # which brings 7, as it came after that
                for number in (7, 8):
                    self.wfile.write(b"event: journal\ndata: %b\n\n" % json.dumps(entry(number)).encode())
            else:
                told = {"last_event_id": "run-6"} if "/summary" in self.path else {"entries": [entry(7)]}
                self.wfile.write(json.dumps(told).encode())

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        ran = indevolt("journal", "--follow", "--hub", f"127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert [each[-7:] for each in ran.out.splitlines()] == ["entry 7", "entry 8"]


@pytest.mark.parametrize("told", [b"what?", b"[]", b"\xff"])
def test_an_event_that_is_none_is_called_that(peer: Peer, told: bytes) -> None:
    body = b"event: journal\ndata: {}\n\nevent: \xff\ndata: %b\n\n" % told
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    heard = events(HubAt(f"http://{peer(answer)}"))
    assert next(heard) == ("journal", {})
    with pytest.raises(ProtocolError, match="is no hub: it tells no JSON object"):
        next(heard)


def test_a_time_without_a_zone_is_by_the_clock_of_whoever_types_it() -> None:
    """As the journal is shown; and of a machine that is not in Greenwich."""
    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        words = ("journal", "--since", "2026-06-21T10:00", "--hub", f"127.0.0.1:{server.server_port}")
        subprocess.run([sys.executable, "-m", "indevolt", *words], env={**os.environ, "TZ": "Etc/GMT-3"}, check=False)
        server.shutdown()
        thread.join()
    assert "start=2026-06-21T10%3A00%3A00%2B03%3A00" in asked[0]


def test_no_proxy_of_the_environment_stands_between(indevolt: Program, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", peer(b"HTTP/1.1 502 From the proxy\r\nContent-Length: 2\r\n\r\n{}"))
    ran = indevolt("explain", "--hub", peer(b"HTTP/1.1 503 From the hub\r\nContent-Length: 2\r\n\r\n{}"))
    assert "From the hub" in ran.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "http://a b"])
def test_an_address_of_a_hub_that_is_none(indevolt: Program, url: str) -> None:
    ran = indevolt("explain", "--hub", url)
    assert ran.code == 2
    assert f"--hub: '{url}' is no address" in ran.err


@pytest.mark.parametrize("text", [None, "no certificate"], ids=["missing", "something else"])
def test_a_file_of_certificates_that_is_none(indevolt: Program, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text, "utf-8")
    ran = indevolt("explain", "--hub", f"https://127.0.0.1:{free_port()}", "--hub-ca", str(file))
    assert ran.code == 2
    assert f"error: --hub-ca: {file} cannot be used: " in ran.err
    assert "next: Give a file of certificates as PEM" in ran.err


def test_without_a_hub_the_next_step_is_told(indevolt: Program) -> None:
    ran = indevolt("explain", "--hub", f"127.0.0.1:{free_port()}")
    assert ran.code == 3
    assert "no hub answers at http://127.0.0.1:" in ran.err
    assert "indevolt hub" in ran.err


def test_the_journal_of_a_hub_that_does_not_run_is_read_from_its_file(indevolt: Program, tmp_path: Path) -> None:
    (tmp_path / "home.toml").write_text(f'hub.data = "{tmp_path}"\napi.port = {free_port()}\n')
    with in_background(lambda: holding(tmp_path)):
        pass
    ran = indevolt("journal", "--config", str(tmp_path / "home.toml"), "--json")
    assert ran.code == 0
    assert any(each["text"] == "stopping" for each in json.loads(ran.out)["entries"])


SECRET = '[[devices]]\nname = "cellar"\nhost = "127.0.0.1"\npassword = { env = "OF_THE_HUB_ALONE" }\n'


@pytest.mark.parametrize("where", ["--config", "INDEVOLT_CONFIG"])
def test_a_hub_whose_secrets_are_nobody_elses_is_found(indevolt: Program, peer: Peer, tmp_path: Path, where: str) -> None:
    port = peer(b"HTTP/1.1 503 From the hub\r\nContent-Length: 2\r\n\r\n{}").rpartition(":")[2]
    file = tmp_path / "home.toml"
    file.write_text(f'{SECRET}[api]\nhost = "0.0.0.0"\nport = {port}\ntokens = [{{ hash = {{ file = "gone" }} }}]\n')
    named = indevolt("explain", "--config", str(file)) if where == "--config" else indevolt("explain", INDEVOLT_CONFIG=str(file))
    assert "From the hub" in named.err


def test_where_a_hub_listens_has_to_be_right_all_the_same(indevolt: Program, tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text("[api]\nport = 99999\n")
    ran = indevolt("explain", "--config", str(file))
    assert ran.code == 2
    assert "line 2, api.port: 99999 does not fit; allowed: a whole number from 0 to 65535" in ran.err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no file refuses to be read by whoever runs this")
def test_a_file_that_only_the_hub_may_read_is_no_dead_end(indevolt: Program) -> None:
    ran = indevolt("explain", "--config", "/proc/self/mem")
    assert ran.code == 2
    assert "/proc/self/mem cannot be read: Input/output error" in ran.err
    assert "say where it is with --hub" in ran.err
