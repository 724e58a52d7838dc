"""Finding devices: over real datagrams on the loopback, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.clock import ManualClock
from indevolt.discovery import Api, Discovery, Found
from indevolt.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HOST = "127.0.0.1"
CAPTURED = (  # a battery that answered from another address than it believes to have (protocol.md, section 5)
    b'{"sn":"A673AI2HIX02185S","fw":"V1.3.08_R006.052_M4848_00000031","ip":"10.184.208.119","opendata_ver":"V1.0.1"}'
)
LAST = b'{"sn":"LAST","fw":"","ip":"","opendata_ver":"V1.0.1","port":8099}'


class Answering(asyncio.DatagramProtocol):
    """Answers each datagram with some datagrams, as devices do."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers
        self.heard: list[bytes] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        for answer in self.answers:
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def device(*answers: bytes, host: str = HOST, port: int = 0) -> AsyncIterator[Answering]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Answering(*answers), local_addr=(host, port))
    try:
        yield protocol
    finally:
        transport.close()
        await asyncio.sleep(0)


def port_of(answering: Answering) -> int:
    number: int = answering.transport.get_extra_info("sockname")[1]
    return number


@contextmanager
def udp_socket(host: str = HOST) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((host, 0))
        yield found


def free_port() -> int:
    with udp_socket() as found:
        number: int = found.getsockname()[1]
        return number


def searching(clock: ManualClock, **options: Any) -> Discovery:
    given = {"targets": [HOST], "local_port": 0, "passive": False, "interface": HOST, "clock": clock}
    return indevolt.discover(5.0, **{**given, **options})


async def search_until(name: str, clock: ManualClock, discovery: Discovery) -> list[Found]:
    """Collect until a device of this serial number is heard, let the time run out, and return all."""
    found: list[Found] = []
    async for each in discovery:
        found.append(each)
        if each.sn == name:
            await clock.advance(10)
    return found


async def search_to_the_end(clock: ManualClock, discovery: Discovery, *, meanwhile: Any = lambda: None) -> list[Found]:
    async def collect() -> list[Found]:
        return [each async for each in discovery]

    task = asyncio.create_task(collect())
    while not task.done():
        meanwhile()
        await clock.advance(0.5)
    return await task


async def test_a_device_is_found_by_where_its_answer_came_from_not_by_what_it_believes() -> None:
    clock = ManualClock()
    async with device(CAPTURED) as answering:
        (found,) = await search_until("A673AI2HIX02185S", clock, searching(clock, port=port_of(answering)))
    assert found == Found(
        host=HOST,
        port=8080,
        sn="A673AI2HIX02185S",
        firmware="V1.3.08_R006.052_M4848_00000031",
        reported_ip="10.184.208.119",
        api=Api.ON,
    )
    assert found.api == "on"


async def test_what_is_asked_is_the_documented_text_and_it_is_asked_twice() -> None:
    clock = ManualClock()
    async with device() as answering:
        await search_to_the_end(clock, searching(clock, port=port_of(answering)))
        for _ in range(20):  # the last datagram may still be on its way through the loop
            await asyncio.sleep(0)
        assert answering.heard == [b"AT+IGDEVICEIP"] * 2


async def test_each_device_is_yielded_once_however_often_it_answers() -> None:
    clock = ManualClock()
    async with device(CAPTURED, CAPTURED, CAPTURED, LAST) as answering:
        found = await search_until("LAST", clock, searching(clock, port=port_of(answering)))
    assert [each.sn for each in found] == ["A673AI2HIX02185S", "LAST"]
    assert found[1].port == 8099


async def test_an_answer_that_is_no_json_is_an_answer_and_junk_from_elsewhere_is_not() -> None:
    clock = ManualClock()
    async with device(b"+ok=here I am", LAST) as answering:
        found = await search_until("LAST", clock, searching(clock, port=port_of(answering)))
    assert found[0] == Found(HOST)

    local_port = free_port()

    def disturb() -> None:
        with udp_socket() as stranger:
            stranger.sendto(b"\x00junk", (HOST, local_port))

    async with device() as silent:
        options = {"port": port_of(silent), "local_port": local_port}
        assert await search_to_the_end(clock, searching(clock, **options), meanwhile=disturb) == []


async def test_devices_are_yielded_as_they_answer_and_the_search_may_be_left_at_any_time() -> None:
    async with device(CAPTURED) as answering:
        async for found in searching(ManualClock(), port=port_of(answering)):
            assert found.sn == "A673AI2HIX02185S"
            break  # the clock never moved: nothing waited for the end


async def test_nobody_there_ends_after_the_time_and_with_nothing() -> None:
    clock = ManualClock()
    async with device() as silent:
        discovery = searching(clock, port=port_of(silent))
        assert await search_to_the_end(clock, discovery) == []
    assert clock.monotonic() >= 5
    assert discovery.notes == []


# ---- announcements ---------------------------------------------------------------------------------------------------


async def test_a_device_that_only_announces_itself_has_its_api_probably_off() -> None:
    clock = ManualClock()
    port = free_port()
    with udp_socket() as announcing:
        found = await search_to_the_end(
            clock,
            searching(clock, port=port, passive=True),
            meanwhile=lambda: announcing.sendto(b"BCF-D\x01\x02whatever", (HOST, port)),
        )
    assert found == [Found(HOST, api=Api.PROBABLY_OFF)]
    assert found[0].api == "probably off"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a second loopback address without being asked")
async def test_a_device_that_announces_itself_and_answers_is_on() -> None:
    clock = ManualClock()
    other = "127.0.0.2"
    async with device(CAPTURED, host=other) as answering:
        port = port_of(answering)
        with udp_socket(other) as announcing:
            found = await search_to_the_end(
                clock,
                searching(clock, targets=[other], port=port, passive=True),
                meanwhile=lambda: announcing.sendto(b"BCF-D", (HOST, port)),
            )
    assert [(each.host, each.api) for each in found] == [(other, Api.ON)]


async def test_our_own_question_is_no_device() -> None:
    clock = ManualClock()
    port = free_port()
    assert await search_to_the_end(clock, searching(clock, port=port, passive=True)) == []  # asks its own listener
    assert await search_to_the_end(clock, searching(clock, port=port, local_port=port)) == []  # asks itself


# ---- what hampers a search -------------------------------------------------------------------------------------------


async def test_a_taken_reply_port_is_replaced_and_the_search_says_so() -> None:
    clock = ManualClock()
    async with device(CAPTURED) as answering:
        with udp_socket() as occupying:
            taken = occupying.getsockname()[1]
            discovery = searching(clock, port=port_of(answering), local_port=taken)
            (found,) = await search_until("A673AI2HIX02185S", clock, discovery)
    assert found.sn == "A673AI2HIX02185S"
    (note,) = discovery.notes
    assert f"UDP port {taken} is taken" in note


async def test_a_taken_announcement_port_leaves_the_asking_alone() -> None:
    clock = ManualClock()
    async with device(CAPTURED) as answering:
        discovery = searching(clock, port=port_of(answering), passive=True)
        (found,) = await search_until("A673AI2HIX02185S", clock, discovery)
    assert found.api is Api.ON
    assert any("announcements are not heard" in note for note in discovery.notes)


@pytest.mark.parametrize("targets", [[], ["0.0.0.1"]])
async def test_when_nothing_can_be_sent_the_search_says_so_and_raises_nothing(targets: list[str]) -> None:
    clock = ManualClock()
    discovery = searching(clock, targets=targets)
    assert await search_to_the_end(clock, discovery) == []
    (note,) = discovery.notes
    assert "nothing could be sent" in note


async def test_an_interface_that_is_not_of_this_machine_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot ask from"):
        await search_to_the_end(ManualClock(), searching(ManualClock(), interface="192.0.2.1"))


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
async def test_a_time_that_is_none_is_refused(timeout_s: float) -> None:
    with pytest.raises(InvalidInput, match="timeout_s"):
        indevolt.discover(timeout_s)
