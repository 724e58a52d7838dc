"""A virtual device on a real socket, met with nothing but streams and datagrams of the standard library."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.protocol import push
from indevolt.protocol.digest import authorize
from indevolt.simulator import Accessory, Api, Board, Simulator
from indevolt.virtual import VirtualDevice

READ = '/rpc/Indevolt.GetData?config={"t":[6002,7101]}'
SYSTEM = "/rpc/Sys.GetConfig"
STATE = {"6000": 0, "6002": 92, "7101": 1}
BODY = b'{"6002":92,"7101":1}'
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\nConnection: close\r\n\r\n" + BODY
PATIENCE_S = 10  # of a test that fails; one that succeeds never waits


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 6, 21, 10, 0, tzinfo=UTC))


@pytest.fixture
def board(clock: ManualClock) -> Simulator:
    return Simulator(clock=clock, state=STATE, lag_s=0)


def virtual(board: Board, **options: Any) -> VirtualDevice:
    """Return a device on free ports of the loopback interface."""
    return VirtualDevice(board, port=0, **{"discovery_port": None, **options})


async def ask(device: VirtualDevice, target: str, *headers: str, method: str = "GET", tls: ssl.SSLContext | None = None) -> bytes:
    """Send one request and return every byte that comes back."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", device.port, ssl=tls)
        with closing(writer):
            lines = [f"{method} {target} HTTP/1.1", "Host: device", "Connection: close", *headers, "", ""]
            writer.write("\r\n".join(lines).encode())
            return await reader.read()


async def status(device: VirtualDevice, target: str, *headers: str) -> int:
    return int((await ask(device, target, *headers)).split()[1])


async def struck(board: Board) -> None:
    """Wait until the last fault has found its request."""
    async with asyncio.timeout(PATIENCE_S):
        while board.faults:  # noqa: ASYNC110 - nothing tells when a request has arrived
            await asyncio.sleep(0)


# ---- answers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_poll_is_answered_as_real_devices_answer(board: Simulator, method: str) -> None:
    async with virtual(board) as device:
        assert await ask(device, READ, method=method) == REPLY


async def test_a_write_is_carried_out_and_told_in_105_bytes(board: Simulator) -> None:
    async with virtual(board) as device:
        reply = await ask(device, '/rpc/Indevolt.SetData?config={"f":16,"t":47005,"v":[4]}', method="POST")
        assert (len(reply), reply[-15:]) == (105, b'{"result":true}')
    assert board.get("mode") == "realtime"


async def test_blanks_in_the_config_give_an_empty_object_or_400_if_strict(board: Simulator) -> None:
    spaced = "/rpc/Indevolt.GetData?config=%7B%22t%22:%20[6002]%7D"
    async with virtual(board) as lax, virtual(board, strict=True) as strict:
        assert (await ask(lax, spaced)).endswith(b"\r\n\r\n{}")
        assert await status(strict, spaced) == 400


async def test_an_rpc_of_another_sort_of_device_is_404(board: Simulator) -> None:
    async with virtual(board) as battery, virtual(Accessory("plug")) as plug:
        assert await status(battery, "/rpc/Plug.GetStatus") == 404
        assert await status(plug, READ) == 404
        assert (await ask(plug, "/rpc/Plug.GetStatus")).endswith(b'{"switch_status":"on"}')


async def test_a_large_batch_is_400(clock: ManualClock) -> None:
    async with virtual(Simulator(clock=clock, max_points=1)) as device:
        assert await status(device, READ) == 400


async def test_a_telegram_comes_as_it_is() -> None:
    async with virtual(Accessory("p1")) as device:
        body = (await ask(device, "/rpc/P1.GetData")).partition(b"\r\n\r\n")[2]
        assert body.startswith(b"{/ISK5\\2M550T-1012\r\n\r\n")
        assert body.endswith(b"\r\n}")


async def test_latency_passes_on_the_device_s_own_clock(clock: ManualClock) -> None:
    async with virtual(Simulator(clock=clock, state=STATE, latency_s=0.25)) as device:
        answer = asyncio.create_task(ask(device, READ))
        while not answer.done():
            await clock.advance(0.25)
        assert await answer == REPLY


async def test_what_was_served_is_observed(board: Simulator) -> None:
    seen: list[tuple[str, str, int]] = []
    async with virtual(board, observe=lambda _, method, target, code, __: seen.append((method, target, code))) as device:
        await ask(device, READ)
        await ask(device, "/rpc/No.Such")
    assert seen == [("GET", READ, 200), ("GET", "/rpc/No.Such", 404)]


# ---- access --------------------------------------------------------------------------------------------------------------


async def test_digest_mode_asks_for_credentials_and_takes_them() -> None:
    async with virtual(Simulator(api="digest", password="secret")) as device:
        refused = await ask(device, SYSTEM)
        assert refused.startswith(b"HTTP/1.1 401 ")
        assert b"\r\nWWW-Authenticate: Digest " in refused
        header = authorize("GET", SYSTEM, "secret", realm="x", nonce="1", cnonce="2").header()
        assert await status(device, SYSTEM, f"Authorization: {header}") == 200


async def test_the_api_setting_can_be_changed_while_it_runs(board: Simulator) -> None:
    async with virtual(board) as device:
        port = device.port
        await device.set_api("digest")
        assert await status(device, SYSTEM) == 401
        await device.set_api("off")
        with pytest.raises(ConnectionRefusedError):
            await ask(device, SYSTEM)
        await device.set_api(Api.HTTP)
        assert device.port == port
        assert await status(device, SYSTEM) == 200


async def test_a_device_whose_api_is_off_opens_no_port_until_it_is_switched_on() -> None:
    async with virtual(Simulator(api="off")) as device:
        await device.set_api("off")
        await device.set_api("http")
        assert await status(device, SYSTEM) == 200


async def test_an_unknown_api_setting_changes_nothing(board: Simulator) -> None:
    async with virtual(board) as device:
        with pytest.raises(InvalidInput):
            await device.set_api("ftp")
        assert await status(device, SYSTEM) == 200


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_https_is_the_same_behind_tls(board: Simulator, authority: trustme.CA) -> None:
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    board.access.api = Api.HTTPS
    async with virtual(board, ssl=served) as device:
        assert await ask(device, READ, tls=trusting) == REPLY
        assert str(device.address) == f"127.0.0.1:{device.port}"
        assert device.address.tls


async def test_https_needs_a_certificate(board: Simulator) -> None:
    async with virtual(board) as device:
        with pytest.raises(InvalidInput, match="certificate"):
            await device.set_api("https")
        assert await ask(device, READ) == REPLY
    with pytest.raises(InvalidInput, match="certificate"):
        async with virtual(Simulator(api="https")):
            pass


# ---- faults on the wire --------------------------------------------------------------------------------------------------


async def test_a_reset_is_a_reset(board: Simulator) -> None:
    board.faults.add("reset*1")
    async with virtual(board) as device:
        with pytest.raises(ConnectionResetError):
            await ask(device, READ)
        assert await ask(device, READ) == REPLY


async def test_garbage_is_sent_byte_for_byte(board: Simulator) -> None:
    board.faults.add("garbage*1")
    async with virtual(board) as device:
        assert not (await ask(device, READ)).startswith(b"HTTP/")
        assert await ask(device, READ) == REPLY


@pytest.mark.parametrize(("fault", "reply"), [("truncated", REPLY[:-10]), ("halfjson", REPLY.replace(b"20", b"10", 2)[:-10])])
async def test_a_cut_reply_is_cut(board: Simulator, fault: str, reply: bytes) -> None:
    board.faults.add(fault)
    async with virtual(board) as device:
        got = await ask(device, READ)
    assert got.partition(b"\r\n\r\n")[2] == BODY[:10]
    assert (b"Content-Length: 20" if fault == "truncated" else b"Content-Length: 10") in got
    assert len(got) == len(reply)


async def test_a_status_is_told_as_that_status(board: Simulator) -> None:
    board.faults.add("status:503")
    async with virtual(board) as device:
        assert await status(device, READ) == 503


async def test_a_silent_device_keeps_the_connection_and_says_nothing(board: Simulator) -> None:
    board.faults.add("silent*1")
    async with virtual(board) as device:
        reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
        with closing(writer):
            writer.write(b"GET /rpc/Sys.GetConfig HTTP/1.1\r\nHost: device\r\n\r\n")
            silence = asyncio.create_task(reader.read())
            await struck(board)
            assert await ask(device, READ) == REPLY  # somebody else is served meanwhile
            assert not silence.done()
            silence.cancel()


async def test_a_slow_device_answers_when_its_time_has_come(board: Simulator, clock: ManualClock) -> None:
    board.faults.add("slow:2.5*1")
    async with virtual(board) as device:
        answer = asyncio.create_task(ask(device, READ))
        await struck(board)
        await clock.advance(2.4)
        assert not answer.done()
        await clock.advance(0.1)
        assert await answer == REPLY


async def test_a_rebooting_device_drops_connections_until_it_is_back(board: Simulator, clock: ManualClock) -> None:
    board.faults.add("reboot:3")
    async with virtual(board) as device:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await ask(device, READ)
        await clock.advance(3)
        assert await ask(device, READ) == REPLY


# ---- discovery and broadcasts --------------------------------------------------------------------------------------------


class Ear(asyncio.DatagramProtocol):
    """Hears datagrams on the loopback interface."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.sender = ("", 0)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sender = addr
        self.heard.put_nowait(data)


@asynccontextmanager
async def ear() -> AsyncIterator[tuple[Ear, asyncio.DatagramTransport, int]]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def hear(ear: Ear, clock: ManualClock, step_s: float = 0.1) -> bytes:
    """Let the device's time pass until something is heard."""
    async with asyncio.timeout(PATIENCE_S):
        while ear.heard.empty():
            await clock.advance(step_s)
            await asyncio.sleep(0)
    return ear.heard.get_nowait()


async def test_discovery_answers_the_one_who_asked(clock: ManualClock) -> None:
    board = Simulator(clock=clock, serial="A673AI2HIX02185S", told_ip="10.184.208.119")
    async with virtual(board, discovery_port=0) as device, ear() as (listener, transport, _):
        transport.sendto(b"AT+IGDEVICEIP", ("127.0.0.1", device.discovery_port))
        told = json.loads(await hear(listener, clock))
    assert told["sn"] == "A673AI2HIX02185S"
    assert told["ip"] == "10.184.208.119"
    assert told["opendata_ver"] == "V1.0.1"
    assert told["port"] == device.port  # real devices have only the one port, and do not say so


async def test_nobody_answers_discovery_while_the_api_is_off(clock: ManualClock) -> None:
    silent, loud = Simulator(clock=clock, api="off"), Simulator(clock=clock, serial="LOUD")
    async with (
        virtual(silent, discovery_port=0) as off,
        virtual(loud, discovery_port=0) as on,
        ear() as (listener, transport, _),
    ):
        for device in (off, on):
            transport.sendto(b"AT+IGDEVICEIP", ("127.0.0.1", device.discovery_port))
        assert json.loads(await hear(listener, clock))["sn"] == "LOUD"
        await clock.advance(10)
        everything = [json.loads(listener.heard.get_nowait())["sn"] for _ in range(listener.heard.qsize())]
        assert set(everything) <= {"LOUD"}


def test_a_port_of_discovery_that_is_none_means_none(board: Simulator) -> None:
    assert virtual(board).discovery_port is None


async def test_announcements_and_pushes_go_where_they_are_sent(clock: ManualClock) -> None:
    board = Accessory("p1", clock=clock, serial="P1READER")
    async with (
        ear() as (listener, _, port),
        virtual(board, announce_s=5, push_s=0.5, destination="127.0.0.1", announce_port=port, push_port=port),
    ):
        heard = [await hear(listener, clock) for _ in range(14)]
    announced = [frame for frame in heard if frame.startswith(b"BCF-D")]
    pushed = [push.decode(frame) for frame in heard if not frame.startswith(b"BCF-D")]
    assert announced
    assert len(pushed) >= 10
    assert {each.sn for each in pushed} == {"P1READER"}
    assert sorted({each.sequence for each in pushed}) == [each.sequence for each in pushed]


async def test_a_device_that_only_announces_itself_answers_nobody(clock: ManualClock) -> None:
    async with (
        ear() as (listener, transport, port),
        virtual(Simulator(clock=clock), announce_s=5, destination="127.0.0.1", announce_port=port),
    ):
        assert (await hear(listener, clock)).startswith(b"BCF-D")
        transport.sendto(b"AT+IGDEVICEIP", listener.sender)
        assert all([(await hear(listener, clock)).startswith(b"BCF-D") for _ in range(5)])


async def test_a_battery_has_nothing_to_push(board: Simulator) -> None:
    with pytest.raises(InvalidInput, match="push"):
        virtual(board, push_s=0.5)


# ---- coming and going ----------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_told_and_nothing_is_left_open(board: Simulator) -> None:
    async with virtual(board) as device:
        with pytest.raises(InvalidInput, match=str(device.port)):
            async with VirtualDevice(board, port=device.port, discovery_port=None):
                pass
        assert await ask(device, READ) == REPLY


async def test_a_device_can_be_started_again_on_its_port(board: Simulator) -> None:
    device = virtual(board)
    async with device:
        port = device.port
    with pytest.raises(ConnectionRefusedError):
        await ask(device, READ)
    async with device:
        assert device.port == port
        assert await ask(device, READ) == REPLY
