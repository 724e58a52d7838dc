"""The beacon on real UDP sockets of the loopback interface, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from indevolt.beacon import ASKED_OF_ALL, BURST, BURST_GAP_S, MAX_WAITING, Beacon, Broadcast, FleetBeacon, require_linux
from indevolt.clock import Clock, ManualClock
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import Identification, decode_reply
from wire_oracle import until

PATIENCE_S = 10  # of a test that fails; one that succeeds never waits
QUESTION = b"AT+IGDEVICEIP"
BATTERY = Identification("A673AI2HIX02185S", "V1.3.08_R006.052_M4848_00000031", "10.184.208.119", "V1.0.1")
ANSWER = b'{"sn":"A673AI2HIX02185S","fw":"V1.3.08_R006.052_M4848_00000031","ip":"10.184.208.119","opendata_ver":"V1.0.1"}'


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Asker:
    """A plain UDP socket that sends questions and collects what comes."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.bind((host, 0))
        self.endpoint: tuple[str, int] = self._socket.getsockname()

    def ask(self, port: int, datagram: bytes = QUESTION, *, host: str = "127.0.0.1") -> None:
        self._socket.sendto(datagram, (host, port))

    async def receive(self) -> tuple[bytes, int]:
        """Return the next datagram and the port it came from."""
        data, (_, port) = await self.hear()
        return data, port

    async def hear(self) -> tuple[bytes, tuple[str, int]]:
        """Return the next datagram and where it came from."""
        async with asyncio.timeout(PATIENCE_S):
            data, source = await asyncio.get_running_loop().sock_recvfrom(self._socket, 65536)
        return data, source

    def pending(self) -> list[bytes]:
        """Return what has already come."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(65536))
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def asker() -> AsyncIterator[Asker]:
    asker = Asker()
    yield asker
    asker.close()


@asynccontextmanager
async def shining(clock: Clock, identify: Any = lambda: BATTERY, **options: Any) -> AsyncIterator[Beacon]:
    beacon = Beacon(identify, clock, **options)
    await beacon.start("127.0.0.1", 0)
    try:
        yield beacon
    finally:
        await beacon.close()


async def heard(clock: ManualClock, beacon: Beacon, asker: Asker) -> None:
    """Wait until the beacon has seen everything that was sent before: it answers datagrams in order."""
    count = len(beacon._tasks)
    asker.ask(beacon.port)
    await until(lambda: len(beacon._tasks) > count)
    await clock.advance(0)


async def test_a_question_is_answered_to_whoever_asked(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock) as beacon:
        asker.ask(beacon.port)
        assert await asker.receive() == (ANSWER, beacon.port)


async def test_anything_else_is_not_answered(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock) as beacon:
        for noise in (b"", b"AT+", b"at+igdeviceip", b"BCF-D", ANSWER, b"\xff" * 1000):
            asker.ask(beacon.port, noise)
        asker.ask(beacon.port)
        assert await asker.receive() == (ANSWER, beacon.port)
        assert asker.pending() == []


async def test_who_must_not_be_found_stays_silent_until_it_may(clock: ManualClock, asker: Asker) -> None:
    asked = asyncio.Event()
    hidden = True

    def identify() -> Identification | None:
        asked.set()
        return None if hidden else BATTERY

    async with shining(clock, identify) as beacon:
        asker.ask(beacon.port)
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
        hidden = False
        asker.ask(beacon.port)
        await asker.receive()
        assert asker.pending() == []


async def test_a_wrong_address_can_be_claimed(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock, claimed_ip="192.168.3.66") as beacon:
        asker.ask(beacon.port)
        data, _ = await asker.receive()
        assert json.loads(data) == {**json.loads(ANSWER), "ip": "192.168.3.66"}


async def test_a_late_device_answers_three_times_within_a_tenth_of_a_second(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock, delay_s=0.4, repeats=3) as beacon:
        await heard(clock, beacon, asker)
        await clock.advance(0.39)
        assert asker.pending() == []
        await clock.advance(0.02)
        assert await asker.receive() == (ANSWER, beacon.port)
        assert asker.pending() == []
        await clock.advance(0.1)
        assert [await asker.receive() for _ in range(2)] == [(ANSWER, beacon.port)] * 2
        await clock.advance(10)
        assert asker.pending() == []


async def test_a_flood_of_questions_does_not_pile_up(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock, delay_s=1) as beacon:
        for _ in range(MAX_WAITING + 20):
            asker.ask(beacon.port)
        await until(lambda: len(beacon._tasks) == MAX_WAITING)
        asker.ask(beacon.port, b"end")
        await clock.advance(1)
        for _ in range(MAX_WAITING):
            await asker.receive()
        await clock.advance(1)
        assert asker.pending() == []


async def test_broadcasts_go_out_at_the_start_and_then_periodically(clock: ManualClock, asker: Asker) -> None:
    numbers = iter(range(100))
    frame = Broadcast(lambda: b"PSC-D%d" % next(numbers), asker.endpoint, 0.5)
    word = Broadcast(lambda: b"BCF-D", asker.endpoint, 2.0)
    async with shining(clock, broadcasts=[frame, word]):
        await clock.advance(2.1)
        received = [(await asker.receive())[0] for _ in range(7)]
        assert sorted(received) == [b"BCF-D", b"BCF-D", *(b"PSC-D%d" % n for n in range(5))]
        assert asker.pending() == []


async def test_a_broadcast_can_be_left_out(clock: ManualClock, asker: Asker) -> None:
    frames = [b"one", None, b"three"]
    async with shining(clock, broadcasts=[Broadcast(lambda: frames.pop(0) if frames else None, asker.endpoint, 1.0)]):
        await clock.advance(10)
        assert [(await asker.receive())[0] for _ in range(2)] == [b"one", b"three"]
        assert asker.pending() == []


async def test_a_broadcast_that_nobody_listens_to_changes_nothing(clock: ManualClock, asker: Asker) -> None:
    deaf = Asker()
    deaf.close()  # the kernel now reports each datagram to it as refused
    async with shining(clock, broadcasts=[Broadcast(lambda: b"x", deaf.endpoint, 0.1)]) as beacon:
        for _ in range(10):
            await clock.advance(0.1)
        asker.ask(beacon.port)
        assert await asker.receive() == (ANSWER, beacon.port)


async def test_after_closing_nothing_is_sent_and_the_port_is_free(clock: ManualClock, asker: Asker) -> None:
    async with shining(clock, delay_s=1, broadcasts=[Broadcast(lambda: b"x", asker.endpoint, 1.0)]) as beacon:
        port = beacon.port
        await heard(clock, beacon, asker)
        await asker.receive()
    await clock.advance(10)
    assert asker.pending() == []
    again = Beacon(lambda: BATTERY, clock)
    await again.start("127.0.0.1", port)
    await again.close()
    await again.close()
    with pytest.raises(InvalidInput, match="not running"):
        _ = again.port


async def test_a_port_that_is_taken_is_named_with_a_way_out(clock: ManualClock) -> None:
    async with shining(clock) as beacon:
        with pytest.raises(InvalidInput, match=rf"cannot listen on UDP port {beacon.port} of 127.0.0.1: .*in use") as caught:
            await Beacon(lambda: BATTERY, clock).start("127.0.0.1", beacon.port)
        assert "without discovery" in caught.value.remedy
    with pytest.raises(InvalidInput, match="cannot listen"):
        await Beacon(lambda: BATTERY, clock).start("127.0.0.1", 70000)


# ---- a fleet ---------------------------------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a socket which of many addresses was asked")
FLEET = [f"127.1.0.{host}" for host in range(1, 2 * BURST + 21)]
HIDDEN = "127.1.0.7"


def member(address: str) -> Identification | None:
    return Identification(f"SN-{address}", "V1", address, "V1.0.1") if address in FLEET and address != HIDDEN else None


@asynccontextmanager
async def fleet_shining(clock: Clock) -> AsyncIterator[FleetBeacon]:
    beacon = FleetBeacon(member, lambda: FLEET, clock)
    await beacon.start(0)
    try:
        yield beacon
    finally:
        await beacon.close()


async def everybody(asker: Asker, clock: ManualClock, port: int) -> list[str]:
    """Return who answers, in order, after checking that each speaks for itself."""
    found: list[str] = []
    for _ in range(len(FLEET) - 1):
        if len(found) == BURST - 1 or (len(found) + 1) % BURST == 0:  # one of the first burst is hidden
            assert asker.pending() == []
            await clock.advance(BURST_GAP_S)
        data, source = await asker.hear()
        assert source == (decode_reply(data).ip, port)
        found.append(source[0])
    return found


@on_linux
async def test_a_member_of_a_fleet_answers_alone_and_from_its_own_address(clock: ManualClock, asker: Asker) -> None:
    async with fleet_shining(clock) as beacon:
        for address in (FLEET[0], FLEET[-1]):
            asker.ask(beacon.port, host=address)
            data, source = await asker.hear()
            assert source == (address, beacon.port)
            assert decode_reply(data).sn == f"SN-{address}"
        await clock.advance(10)
        assert asker.pending() == []


@on_linux
@pytest.mark.parametrize("host", ASKED_OF_ALL)
async def test_a_question_to_all_is_answered_by_all_with_pauses_in_between(clock: ManualClock, asker: Asker, host: str) -> None:
    async with fleet_shining(clock) as beacon:
        asker.ask(beacon.port, host=host)
        assert await everybody(asker, clock, beacon.port) == [address for address in FLEET if address != HIDDEN]
        await clock.advance(10)
        assert asker.pending() == []


@on_linux
async def test_who_repeats_the_question_meanwhile_is_answered_once_and_later_again(clock: ManualClock, asker: Asker) -> None:
    async with fleet_shining(clock) as beacon:
        for _ in range(2):
            for _ in range(3):
                asker.ask(beacon.port, host=ASKED_OF_ALL[0])
            asker.ask(beacon.port, host=FLEET[0])  # read after the others
            heard = [await asker.hear() for _ in range(BURST)]
            assert sum(source[0] == FLEET[0] for _, source in heard) == 2
            await clock.advance(10)
            assert [len(asker.pending()), len(beacon._askers)] == [len(FLEET) - BURST, 0]


@on_linux
async def test_so_many_can_ask_all_at_once_and_no_more(clock: ManualClock) -> None:
    askers = [Asker() for _ in range(MAX_WAITING + 1)]
    async with fleet_shining(clock) as beacon:
        for asker in askers:
            asker.ask(beacon.port)
            await asyncio.sleep(0)
        askers[-1].ask(beacon.port, host=FLEET[-1])
        assert (await askers[-1].hear())[1][0] == FLEET[-1]
        assert len(beacon._askers) == MAX_WAITING
        assert askers[-1].pending() == []
    for asker in askers:
        asker.close()


@on_linux
async def test_noise_strangers_and_the_hidden_get_no_answer_from_a_fleet(clock: ManualClock, asker: Asker) -> None:
    async with fleet_shining(clock) as beacon:
        for noise in (b"", b"AT+", ANSWER, QUESTION + b"x" * 5000):
            asker.ask(beacon.port, noise, host=ASKED_OF_ALL[0])
        for address in (HIDDEN, "127.0.0.2", "127.9.9.9"):
            asker.ask(beacon.port, host=address)
        asker.ask(beacon.port, host=FLEET[0])
        assert (await asker.hear())[1][0] == FLEET[0]
        assert asker.pending() == []


@on_linux
async def test_a_question_from_the_network_is_not_answered_by_a_fleet(clock: ManualClock, asker: Asker) -> None:
    outside = own_network_address()
    neighbour = Asker(outside)
    async with fleet_shining(clock) as beacon:
        for host in (outside, FLEET[0], *ASKED_OF_ALL):
            neighbour.ask(beacon.port, host=host)
        asker.ask(beacon.port, host=FLEET[1])
        assert (await asker.hear())[1][0] == FLEET[1]
        await clock.advance(10)
        assert neighbour.pending() == []
    neighbour.close()


def own_network_address() -> str:
    """Return an address of this machine that others see, or skip where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine is on no network")
        return str(probe.getsockname()[0])


@on_linux
async def test_a_fleet_that_closes_stops_in_the_middle_and_frees_its_port(clock: ManualClock, asker: Asker) -> None:
    async with fleet_shining(clock) as beacon:
        port = beacon.port
        asker.ask(port)
        for _ in range(BURST - 1):
            await asker.hear()
    assert not beacon._askers
    await clock.advance(10)
    assert asker.pending() == []
    again = FleetBeacon(member, lambda: FLEET, clock)
    await again.start(port)
    with pytest.raises(InvalidInput, match=rf"cannot listen on UDP port {port} of 0.0.0.0: .*in use"):
        await FleetBeacon(member, lambda: FLEET, clock).start(port)
    await again.close()
    await again.close()
    with pytest.raises(InvalidInput, match="not running"):
        _ = again.port
    with pytest.raises(InvalidInput, match="cannot listen"):
        await again.start(70000)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_than_on_linux_a_fleet_is_refused_with_a_way_out(platform: str) -> None:
    with pytest.raises(InvalidInput, match=f"needs Linux, this is {platform}") as caught:
        require_linux(platform)
    assert "without discovery" in caught.value.remedy
