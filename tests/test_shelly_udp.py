"""The Shelly Pro 3EM look-alike in datagrams, on real sockets: what asks is no code of ours."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, NoReply
from indevolt.measurement import Measurement
from indevolt.shelly import ANSWERS_PER_S, ASKERS_PER_S, DATAGRAM_LIMIT, Asked, ShellyMeter
from wire_oracle import ask, until

PATIENCE_S = 60  # of a test that fails
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
EM = b'{"id":1,"method":"EM.GetStatus","params":{"id":0}}'


class Asker:
    """A UDP socket of its own; on Linux every address of 127.0.0.0/8 is this machine."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._to = ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self._to)

    async def hear(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return json.loads(await asyncio.get_running_loop().sock_recv(self._socket, 65536))

    async def ask(self, data: bytes = EM) -> Any:
        self.send(data)
        return await self.hear()

    def heard(self) -> int:
        """Return how many datagrams have come meanwhile."""
        count = 0
        while True:
            try:
                self._socket.recv(65536)
            except BlockingIOError:
                return count
            count += 1


def steady(_: Asked) -> Measurement:
    return Measurement(431.5, 1000.0, 20.0)


@asynccontextmanager
async def serving(measures: Callable[[Asked], Measurement] = steady, **options: Any) -> AsyncIterator[ShellyMeter]:
    async with ShellyMeter(measures, **{"udp_port": 0, "port": None, **options}) as meter:
        yield meter


async def test_a_frame_is_answered_to_whoever_sent_it() -> None:
    async with serving() as meter:
        with closing(Asker(meter.udp_port)) as first, closing(Asker(meter.udp_port)) as second:
            first.send(EM)
            second.send(EM.replace(b'"id":1', b'"id":"b","src":"second"', 1))
            mine, other = await first.hear(), await second.hear()
    assert (mine["id"], mine["src"], mine["dst"], mine["result"]["total_act_power"]) == (1, meter.name, "unknown", 431.5)
    assert (other["id"], other["dst"], other["result"]) == ("b", "second", mine["result"])


@on_linux
async def test_both_ways_lead_to_one_meter() -> None:
    asked: list[tuple[str, str]] = []

    def measures(who: Asked) -> Measurement:
        asked.append((who.over, who.peer))
        return Measurement(7.0)

    async with serving(measures, port=0) as meter:
        with closing(Asker(meter.udp_port, "127.0.0.9")) as asker:
            frame = await asker.ask()
        body = json.loads((await ask(meter.port, "/rpc/EM.GetStatus?id=0")).body)
    assert frame["result"] == body
    assert asked == [("udp", "127.0.0.9"), ("http", "127.0.0.1")]


async def test_a_meter_with_nothing_to_show_is_silent() -> None:
    quiet = True

    def measures(_: Asked) -> Measurement:
        if quiet:
            raise NoReply("the meter was not heard of for a minute")
        return Measurement(5.0)

    async with serving(measures) as meter:
        with closing(Asker(meter.udp_port)) as asker:
            asker.send(EM)
            who = await asker.ask(b'{"id":2,"method":"Shelly.GetDeviceInfo"}')
            quiet = False
            frame = await asker.ask(EM.replace(b"1", b"3", 1))
    assert (who["id"], frame["id"]) == (2, 3), "the first one got no answer"


async def test_a_meter_that_is_offline_is_silent() -> None:
    async with serving() as meter:
        with closing(Asker(meter.udp_port)) as asker:
            meter.online = False
            asker.send(EM)
            await until(lambda: meter.datagrams == 1)
            assert asker.heard() == 0
            meter.online = True
            assert (await asker.ask())["id"] == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x00" * 65_507, id="the longest that there is"),
        pytest.param(EM + b" " * DATAGRAM_LIMIT, id="a frame that is too long"),
        pytest.param(b"[" * 1000, id="deep"),
        pytest.param(b"AT+IGDEVICEIP", id="discovery"),
        pytest.param(b'{"id":1,"src":"x","dst":"y","result":{}}', id="a reply"),
    ],
)
async def test_garbage_is_let_go(data: bytes) -> None:
    async with serving() as meter:
        with closing(Asker(meter.udp_port)) as asker:
            asker.send(data)
            assert (await asker.ask(EM.replace(b"1", b"99", 1)))["id"] == 99, "it is the first to be answered"


@given(data=st.binary(max_size=300))
async def test_no_bytes_at_all_disturb_it(data: bytes) -> None:
    async with serving() as meter:
        with closing(Asker(meter.udp_port)) as asker:
            asker.send(data)
            assert await asker.ask() is not None


@on_linux
async def test_a_flood_is_answered_within_bounds_and_hurts_nobody_else() -> None:
    clock = ManualClock()
    async with serving(clock=clock) as meter:
        with closing(Asker(meter.udp_port, "127.0.0.66")) as flood, closing(Asker(meter.udp_port)) as unit:
            for _ in range(5):
                for _ in range(40):
                    flood.send(EM)
                assert (await unit.ask())["id"] == 1
            for _ in range(ANSWERS_PER_S):
                await flood.hear()
            assert flood.heard() == 0, "no more"
            clock.tick(1)
            assert (await flood.ask())["id"] == 1, "a second later it may again"


@on_linux
async def test_many_senders_are_answered_within_bounds() -> None:
    async with serving(clock=ManualClock()) as meter:
        with ExitStack() as stack:
            addresses = [f"127.0.1.{number}" for number in range(1, ASKERS_PER_S + 11)]
            senders = [stack.enter_context(closing(Asker(meter.udp_port, address))) for address in addresses]
            for sender in senders:
                sender.send(EM)
            await until(lambda: meter.datagrams == len(senders))
            answers: list[int] = []

            def all_came() -> bool:
                answers.append(sum(sender.heard() for sender in senders))
                return sum(answers) >= ASKERS_PER_S

            await until(all_came)
            assert sum(answers) == ASKERS_PER_S


async def test_whatever_measuring_raises_is_told_and_ends_one_call() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    failures = [ZeroDivisionError("sun")]

    def fails_once(_: Asked) -> Measurement:
        if failures:
            raise failures.pop()
        return Measurement(1.0)

    async with serving(fails_once) as meter:
        with closing(Asker(meter.udp_port)) as asker:
            asker.send(EM)
            assert (await asker.ask(EM.replace(b"1", b"2", 1)))["id"] == 2
    assert [str(context["exception"]) for context in told] == ["sun"]


async def test_a_port_that_is_taken_is_named_and_the_other_one_let_go() -> None:
    async with serving() as meter:
        second = ShellyMeter(steady, udp_port=meter.udp_port)
        with pytest.raises(InvalidInput, match=f"cannot listen on UDP port {meter.udp_port} of 127.0.0.1"):
            await second.__aenter__()
        async with ShellyMeter(steady, port=second.port):
            pass


async def test_its_port_is_free_once_it_is_closed() -> None:
    async with serving() as meter:
        port = meter.udp_port
    async with serving(udp_port=port):
        pass


def test_a_meter_without_any_port_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a port"):
        ShellyMeter(steady, port=None)


@pytest.mark.skipif(sys.platform != "linux", reason="ports below 1024 are Linux's to forbid")
def test_a_port_that_is_not_allowed_is_told_with_what_allows_it() -> None:
    program = (
        "import asyncio, os\n"
        "from indevolt.shelly import ShellyMeter\n"
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "try: asyncio.run(ShellyMeter(lambda _: None, port=None, udp_port=1).__aenter__())\n"
        "except Exception as error: print(error, '|', error.remedy)\n"
    )
    if Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text("ascii").strip() == "0":
        pytest.skip("this machine allows every port")
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.startswith("cannot listen on UDP port 1 of 127.0.0.1: Permission denied | ")
    assert "CAP_NET_BIND_SERVICE" in told
