"""`indevolt discover` shows who answers, over real datagrams on the loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from indevolt.cli.app import cli
from indevolt.cli.session import Environment
from indevolt.clock import ManualClock
from indevolt.protocol.discovery import Identification, encode_reply

from .conftest import Ran

FIRMWARE = "V1.3.08_R006.052_M4848_00000031"


class Device:
    """Answers one question, and then says that it has."""

    def __init__(self, reply: bytes) -> None:
        self.answered = threading.Event()
        self._reply = reply
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        _, asker = self._socket.recvfrom(100)
        self._socket.sendto(self._reply, asker)
        self.answered.set()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


class PatientClock(ManualClock):
    """Lets no time pass before the device has answered and the answer was taken in."""

    def __init__(self, device: Device) -> None:
        super().__init__(auto=True)
        self._device = device

    async def sleep(self, seconds: float) -> None:
        await asyncio.to_thread(self._device.answered.wait)
        for _ in range(5):
            await asyncio.sleep(0)
        await super().sleep(seconds)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    found = Device(request.param if hasattr(request, "param") else encode_reply(said()))
    yield found
    found.close()


def said(ip: str = "127.0.0.1", port: int = 8080) -> Identification:
    return Identification("A673AI2HIX02185S", FIRMWARE, ip, "V1.0.1", port)


def run_discover(device: Device, *words: str) -> Ran:
    words = ("discover", "127.0.0.1", "--port", str(device.port), "--local-port", "0", "--no-passive", *words)
    result = CliRunner().invoke(cli, words, obj=Environment(PatientClock(device)))
    return Ran(result.exit_code, result.stdout, result.stderr)


def test_who_answers_is_shown_with_address_serial_number_and_firmware(device: Device) -> None:
    ran = run_discover(device)
    assert ran.code == 0
    heads, row = ran.out.splitlines()
    assert heads.split() == ["Address", "Serial", "number", "Firmware", "API"]
    assert row.split() == ["127.0.0.1", "A673AI2HIX02185S", FIRMWARE, "on"]


def test_json_has_a_line_for_each(device: Device) -> None:
    (line,) = run_discover(device, "--json").out.splitlines()
    told = json.loads(line)
    assert (told["host"], told["port"], told["sn"], told["api"]) == ("127.0.0.1", 8080, "A673AI2HIX02185S", "on")


@pytest.mark.parametrize("device", [encode_reply(said(ip="10.184.208.119", port=8090))], indirect=True)
def test_the_address_is_the_one_that_answered_whatever_the_device_believes(device: Device) -> None:
    out = run_discover(device).out
    assert "127.0.0.1:8090 " in out
    assert "says its address is 10.184.208.119; 127.0.0.1 is the one that answered" in out


def test_rows_fit_a_terminal_of_80_columns(device: Device) -> None:
    assert max(map(len, run_discover(device).out.splitlines())) <= 80
