"""A virtual unit that looks at a meter on the network, over real sockets, in each of the ways that there are."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput, NoReply
from indevolt.measurement import Measurement
from indevolt.meter_link import MeterLink
from indevolt.protocol import push
from indevolt.shelly import Asked, ShellyMeter
from indevolt.simulator import Accessory, Pace, Simulator, Site, Sort, Surroundings, form_cluster, steady_house
from indevolt.simulator.meter import MeterPlace, Via
from indevolt.virtual import VirtualDevice
from wire_oracle import End, Peer, Script, until

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)


class Home:
    """A unit in a house of 700 W, and what its meter measures, which a test may bend."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.site = Site(steady_house(Surroundings(700.0, ())), clock=self.clock, pace=Pace(1, 1_000_000))
        self.unit = Simulator("powerflex2000", site=self.site, clock=self.clock, modules=3, soc_pct=60)
        self.quiet = False

    def measure(self, *_: Asked) -> Measurement:
        if self.quiet:
            raise NoReply("the meter was not heard of")
        self.site.advance()
        return Measurement(self.site.grid_w)

    async def pass_time(self, seconds: int, link: MeterLink, *, answered: bool = True) -> None:
        """Let time pass, a look every two seconds; over whatever, each look has ended before time goes on."""
        for second in range(1, seconds + 1):
            await self.clock.advance(1)
            if second % 2 == 0:
                before = link.seen
                await link.look()
                if answered:
                    await until(partial(saw, link, before + 1))


def saw(link: MeterLink, count: int) -> bool:
    return link.seen >= count


@asynccontextmanager
async def looking(home: Home, via: Via) -> AsyncIterator[tuple[ShellyMeter, MeterLink]]:
    async with ShellyMeter(home.measure, udp_port=0, clock=home.clock) as meter:
        port = meter.port if via is Via.HTTP else meter.udp_port
        async with MeterLink(home.unit, MeterPlace(via, "127.0.0.1", port), every_s=None) as link:
            yield meter, link


@pytest.mark.parametrize("via", [Via.HTTP, Via.UDP])
async def test_a_unit_follows_its_house_through_a_shelly_on_the_network(via: Via) -> None:
    home = Home()
    async with looking(home, via) as (_, link):
        assert home.unit.get("meter_connected") is False, "nothing was shown yet"
        await home.pass_time(30, link)
        assert abs(home.site.grid_w) < 5
        assert home.unit.unit.ac_w == pytest.approx(700, abs=5)


@pytest.mark.parametrize("via", [Via.HTTP, Via.UDP])
@pytest.mark.parametrize("silenced", [True, False], ids=["with nothing to show", "offline"])
async def test_a_meter_that_tells_nothing_is_no_meter_until_it_does_again(via: Via, *, silenced: bool) -> None:
    home = Home()
    async with looking(home, via) as (meter, link):
        await home.pass_time(20, link)
        home.quiet, meter.online = silenced, silenced
        await home.pass_time(20, link, answered=False)
        assert home.unit.get("meter_connected") is False
        assert home.unit.unit.ac_w <= 5, "its load curve is 0"
        home.quiet, meter.online = False, True
        await home.pass_time(20, link)
        assert abs(home.site.grid_w) < 5


@pytest.mark.parametrize("via", [Via.HTTP, Via.UDP])
async def test_it_looks_by_itself_every_two_seconds(via: Via) -> None:
    home = Home()
    async with ShellyMeter(home.measure, udp_port=0, clock=home.clock) as meter:
        port = meter.port if via is Via.HTTP else meter.udp_port
        async with MeterLink(home.unit, MeterPlace(via, "127.0.0.1", port)) as link:
            for count in range(1, 6):
                await home.clock.advance(2)
                await until(partial(saw, link, count))
        await home.clock.advance(10)
        assert link.seen == 5, "once it has ended it looks no more"
        assert home.unit.get("meter_connected") is True, "and goes by the meter of its house again"


async def test_a_unit_follows_its_house_through_the_frames_of_a_p1_reader() -> None:
    home = Home()
    reader = Accessory(Sort.P1, clock=home.clock, measures=home.measure)
    async with MeterLink(home.unit, MeterPlace(Via.PUSH, "127.0.0.1", 0)) as link:
        sends: dict[str, Any] = {"port": 0, "discovery_port": None, "destination": "127.0.0.1", "push_port": link.port}
        async with VirtualDevice(reader, push_s=0.5, **sends):
            for half in range(60):
                await until(partial(saw, link, half + 1))
                await home.clock.advance(0.5)
            assert abs(home.site.grid_w) < 5
            assert home.unit.unit.ac_w == pytest.approx(700, abs=5)
        await home.clock.advance(20)
        home.site.advance()
        assert home.unit.get("meter_connected") is False


def frame(sn: str, data: dict[str, Any]) -> bytes:
    return push.encode(push.Push(sn, 1, 1_782_036_300, 4, data))


async def test_frames_of_one_reader_count_and_export_is_negative() -> None:
    home = Home()
    async with MeterLink(home.unit, MeterPlace(Via.PUSH, "127.0.0.1", 0), serial="mine") as link:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for data in (
                frame("another", {"total_act_power": 999, "total_act_ret_power": 0}),
                frame("mine", {"total_act_power": 0, "total_act_ret_power": 250.5}),
            ):
                sender.sendto(data, ("127.0.0.1", link.port))
            await until(lambda: link.seen == 1)
        meter = home.site.members[0].meter
        assert meter is not None
        assert meter.grid_w == -250.5


@pytest.mark.parametrize(
    "data",
    [b"", b"x" * 60_000, frame("mine", {}), frame("mine", {"total_act_power": 5}), frame("mine", {"total_act_power": "5"})],
)
async def test_what_is_no_frame_of_a_reader_is_no_value(data: bytes) -> None:
    home = Home()
    async with MeterLink(home.unit, MeterPlace(Via.PUSH, "127.0.0.1", 0)) as link:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.sendto(data, ("127.0.0.1", link.port))
        await until(lambda: link.refused == 1)
        assert link.seen == 0


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\n\r\n{"total_act_power":null}',
        b'HTTP/1.1 200 OK\r\n\r\n{"total_act_power":true}',
        b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"total_act_power":5}',
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 100_000,
    ],
)
async def test_what_is_no_status_of_a_shelly_is_no_value(reply: bytes) -> None:
    home, peer = Home(), Peer(Script(reply, End.CLOSE))
    async with peer.run(), MeterLink(home.unit, MeterPlace(Via.HTTP, "127.0.0.1", peer.port), every_s=None) as link:
        await link.look()
        assert (link.seen, link.refused) == (0, 1)
    assert home.unit.get("meter_connected") is True


async def test_an_answer_to_an_earlier_question_comes_too_late() -> None:
    home = Home()
    async with looking(home, Via.UDP) as (meter, link):
        await link.look()
        await link.look()
        await until(lambda: meter.datagrams == 2 and link.seen + link.refused == 2)
        assert (link.seen, link.refused) == (1, 1)


async def test_a_port_that_is_taken_is_named() -> None:
    home = Home()
    async with MeterLink(home.unit, MeterPlace(Via.PUSH, "127.0.0.1", 0)) as link:
        with pytest.raises(InvalidInput, match=f"cannot use UDP port {link.port} of 127.0.0.1"):
            await MeterLink(home.unit, MeterPlace(Via.PUSH, "127.0.0.1", link.port)).__aenter__()


def test_a_unit_of_a_cluster_has_no_meter_of_its_own() -> None:
    home = Home()
    form_cluster([home.unit, Simulator("powerflex2000", site=home.site, clock=home.clock, modules=3, seed=2)])
    with pytest.raises(InvalidInput, match="cluster"):
        MeterLink(home.unit, MeterPlace(Via.HTTP, "127.0.0.1", 80))


async def test_nobody_at_the_port_is_no_meter() -> None:
    home = Home()
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for via in (Via.HTTP, Via.UDP):
            async with MeterLink(home.unit, MeterPlace(via, "127.0.0.1", port), every_s=None) as link:
                await link.look()
                await home.clock.advance(20)
                assert (link.seen, home.unit.get("meter_connected")) == (0, False)
                assert link.refused == (via is Via.HTTP), "who sends a datagram to nobody hears nothing"


async def test_a_host_that_can_be_no_name_is_no_meter() -> None:
    unit = Home().unit
    async with MeterLink(unit, MeterPlace(Via.HTTP, "a..b", 80), every_s=None) as link:
        await link.look()
        assert (link.seen, link.refused) == (0, 1)
    with pytest.raises(InvalidInput, match=r"cannot use UDP port 80 of a\.\.b") as refused:
        await MeterLink(unit, MeterPlace(Via.UDP, "a..b", 80)).__aenter__()
    assert refused.value.remedy == "Give the address that the meter has."
