"""The client against virtual devices on real sockets of the loopback: what only the wire can prove."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trustme

import indevolt
from indevolt.battery import Stage
from indevolt.clock import ManualClock
from indevolt.errors import IndevoltError, NotFound, ProtocolError, Refused, Unauthorized, UnknownModel, Unreachable
from indevolt.simulator import INSTANT, Accessory, Api, Board, Simulator
from indevolt.virtual import VirtualDevice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOST = "127.0.0.1"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(auto=True)


def virtual(board: Board, **options: Any) -> VirtualDevice:
    return VirtualDevice(board, host=HOST, port=0, **{"discovery_port": None, **options})


def address_of(device: VirtualDevice) -> str:
    return f"{HOST}:{device.port}"


async def opening_fails(host: str, clock: ManualClock, kind: type[IndevoltError], **options: Any) -> IndevoltError:
    with pytest.raises(kind) as caught:
        async with indevolt.connect(host, clock=clock, **options):
            pytest.fail("it must not open")
    return caught.value


# ---- a battery -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["powerflex2000", "bk1600"])
async def test_a_device_is_read_and_commanded_over_http(product: str, clock: ManualClock) -> None:
    simulator = Simulator(product, clock=clock, response=INSTANT)
    async with virtual(simulator) as device, indevolt.connect(address_of(device), clock=clock) as battery:
        reading = await battery.read("battery_soc", "mode")
        outcome = await battery.charge(700, 90)
        back = await battery.self_use()
    assert (reading.value("battery_soc"), reading.value("mode")) == (55, "self_use")
    assert outcome.stage is Stage.EFFECTIVE
    assert outcome.shown["battery_power"] == -700
    assert back.stage is Stage.CONFIRMED


async def test_requests_keep_a_second_of_distance(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock)
    at: list[float] = []
    async with (
        virtual(simulator, observe=lambda *_: at.append(clock.monotonic())) as device,
        indevolt.connect(address_of(device), clock=clock) as battery,
    ):
        await battery.read()
        await battery.write("backup_soc", 20)
    assert len(at) > 8
    assert all(later - earlier >= 1 for earlier, later in pairwise(at))


async def test_everything_is_read_although_one_point_spoils_its_batch(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock)
    simulator.faults.add("poison:142")
    async with virtual(simulator) as device, indevolt.connect(address_of(device), clock=clock) as battery:
        reading = await battery.read()
        assert list(battery.quarantine) == ["rated_capacity"]
    assert reading.value("battery_soc") == pytest.approx(55, abs=0.3)


async def test_a_restart_during_a_write_is_interrupted_on_the_wire_too(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock)

    def restart_after_a_write(_: str, __: str, target: str, ___: int, ____: float) -> None:
        if "SetData" in target:
            simulator.reboot(8)

    async with (
        virtual(simulator, observe=restart_after_a_write) as device,
        indevolt.connect(address_of(device), clock=clock) as battery,
    ):
        outcome = await battery.write("backup_soc", 20)
    assert outcome.stage is Stage.INTERRUPTED
    assert outcome.shown == {"backup_soc": 10}
    assert "restarted in the middle" in outcome.notes[0]


async def test_a_reset_in_the_middle_of_reading_is_ridden_out(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock)
    async with virtual(simulator) as device, indevolt.connect(address_of(device), clock=clock) as battery:
        simulator.faults.add("reset*1")
        assert (await battery.read("battery_soc")).value("battery_soc") == 55


# ---- passwords -------------------------------------------------------------------------------------------------------


async def test_in_digest_mode_the_password_opens_the_device_and_nothing_else_does(clock: ManualClock) -> None:
    async with virtual(Simulator(clock=clock, api="digest", password="qazwsxed")) as device:
        async with indevolt.connect(address_of(device), clock=clock, password="qazwsxed") as battery:
            assert (await battery.read("battery_soc")).value("battery_soc") == 55
        for wrong in (None, "qwertyui"):
            error = await opening_fails(address_of(device), clock, Unauthorized, password=wrong)
            assert "password" in error.remedy


async def test_after_a_change_the_connection_goes_on_with_the_new_password(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock, api="digest", password="qazwsxed")
    async with virtual(simulator) as device:
        async with indevolt.connect(address_of(device), clock=clock, password="qazwsxed") as battery:
            await battery.change_password("qwertyui")
            assert (await battery.read("battery_soc")).value("battery_soc") == 55
            await battery.change_password("asdfghjk")
        await opening_fails(address_of(device), clock, Unauthorized, password="qwertyui")
        async with indevolt.connect(address_of(device), clock=clock, password="asdfghjk") as battery:
            assert (await battery.write("backup_soc", 20)).stage is Stage.CONFIRMED


async def test_a_new_device_is_opened_by_changing_its_default_password(clock: ManualClock) -> None:
    simulator = Simulator(clock=clock, api="digest", password="7d85b089", factory_default=True)
    async with virtual(simulator) as device:
        await opening_fails(address_of(device), clock, Unauthorized, password="7d85b089")
        await indevolt.set_password(address_of(device), "7d85b089", "opend123", clock=clock)
        async with indevolt.connect(address_of(device), clock=clock, password="opend123") as battery:
            assert battery.family == "gen2"


async def test_a_wrong_present_password_changes_nothing(clock: ManualClock) -> None:
    for api, kind in (("digest", Unauthorized), ("http", Refused)):
        simulator = Simulator(clock=clock, api=api, password="7d85b089")
        async with virtual(simulator) as device:
            with pytest.raises(kind):
                await indevolt.set_password(address_of(device), "not that", "opend123", clock=clock)
        assert simulator.access.password == "7d85b089"


# ---- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_https_needs_the_address_and_a_ca_file_or_a_fingerprint(
    authority: trustme.CA, tmp_path: Path, clock: ManualClock
) -> None:
    certificate = authority.issue_cert(HOST)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(served)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    async with virtual(Simulator(clock=clock, api=Api.HTTPS), ssl=served) as device:
        host = f"https://{address_of(device)}"
        async with indevolt.connect(host, clock=clock, ca_file=tmp_path / "ca.pem") as battery:
            assert battery.family == "gen2"
        async with indevolt.connect(host, clock=clock, fingerprint=hashlib.sha256(der).hexdigest()) as battery:
            assert battery.family == "gen2"
        await opening_fails(host, clock, Unreachable)
        await opening_fails(host, clock, Unreachable, fingerprint="00" * 32)


# ---- what is no battery ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "called"), [("p1", "P1 reader"), ("meter", "meter"), ("plug", "smart plug")])
async def test_an_accessory_says_what_it_is(kind: str, called: str, clock: ManualClock) -> None:
    async with virtual(Accessory(kind, clock=clock)) as device:
        error = await opening_fails(address_of(device), clock, UnknownModel)
    assert f"is a {called}, not a battery" in str(error)


@asynccontextmanager
async def web_server(reply: bytes) -> AsyncIterator[str]:
    """Answer everything with the same bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (http("200 OK", b"<html>It works!</html>"), ProtocolError),
        (http("404 Not Found", b"<html>no such page</html>"), ProtocolError),
        (http("200 OK", b'{"hello":"world"}'), UnknownModel),
        (http("200 OK", b'{"device":{"type":'), ProtocolError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ProtocolError),
        (http("200 OK", b"x" * 10_000_000), ProtocolError),
        (http("301 Moved", b""), indevolt.StatusError),
    ],
    ids=["page", "404", "another API", "half a document", "SSH", "10 MB", "redirect"],
)
async def test_a_server_of_another_kind_gives_one_clear_error(reply: bytes, kind: type[IndevoltError], clock: ManualClock) -> None:
    async with web_server(reply) as host:
        error = await opening_fails(host, clock, kind)
    assert "\n" not in str(error)
    assert len(str(error)) < 300
    assert error.remedy
    assert not isinstance(error, NotFound)


async def test_a_closed_port_is_unreachable_with_the_next_step(clock: ManualClock) -> None:
    async with virtual(Simulator(clock=clock)) as device:
        await device.set_api("off")
        error = await opening_fails(address_of(device), clock, Unreachable)
    assert "API" in error.remedy


# ---- discovery -------------------------------------------------------------------------------------------------------


async def search(device: VirtualDevice, *clocks: ManualClock) -> list[indevolt.Found]:
    """Look for one device until the time is over; ``clocks`` are the device's and the search's."""
    assert device.discovery_port is not None
    discovery = indevolt.discover(
        targets=[HOST], local_port=0, port=device.discovery_port, passive=False, interface=HOST, clock=clocks[-1]
    )

    async def collect() -> list[indevolt.Found]:
        return [each async for each in discovery]

    task = asyncio.create_task(collect())
    while not task.done():
        for each in clocks:
            await each.advance(0.1)
    return await task


async def test_a_virtual_device_is_found_at_its_port_although_it_tells_a_wrong_address() -> None:
    own, ours = ManualClock(), ManualClock()
    simulator = Simulator(clock=own, serial="A673AI2HIX02185S", told_ip="10.184.208.119")
    async with virtual(simulator, discovery_port=0) as device:
        (battery,) = await search(device, own, ours)
        assert (battery.host, battery.port, battery.sn) == (HOST, device.port, "A673AI2HIX02185S")
        assert (battery.reported_ip, battery.api) == ("10.184.208.119", "on")


async def test_a_virtual_device_whose_api_is_off_is_not_found() -> None:
    own, ours = ManualClock(), ManualClock()
    async with virtual(Simulator(clock=own), discovery_port=0) as device:
        await device.set_api("off")
        assert await search(device, own, ours) == []
