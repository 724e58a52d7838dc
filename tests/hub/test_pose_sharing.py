"""Several units share one true meter, each through a posed one of its own, over whatever way it knows."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import closing
from itertools import combinations_with_replacement
from pathlib import Path
from statistics import fmean

import pytest
from posed_house import POSES, PosedHouse, posed_house

from indevolt.hub.config_pose import Way
from wire_oracle import PATIENCE_S, ask, until

PAIRS = tuple(combinations_with_replacement(POSES, 2))
EM = b'{"id":1,"method":"EM.GetStatus","params":{"id":0}}'
SCAN = "/rpc/EM.GetStatus?id=0"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


async def off_by_w(it: PosedHouse) -> float:
    """Return how far the house is from zero in the next half minute, on average: units answer at different times."""
    grid_w = []
    for _ in range(30):
        await it.pass_time(1)
        grid_w.append(abs(it.grid_w))
    return fmean(grid_w)


@pytest.mark.parametrize("ways", PAIRS)
async def test_two_units_share_a_house_whichever_way_each_is_shown_its_part(tmp_path: Path, ways: tuple[Way, Way]) -> None:
    async with posed_house(tmp_path, *ways, load=lambda second: 2800.0 if second < 310 else 300.0) as it:
        await it.pass_time(270)
        assert await off_by_w(it) < 30
        assert [unit.given_w for unit in it.units] == pytest.approx([1400, 1400], abs=80), "both are equally full"
        await it.pass_time(110)
        assert await off_by_w(it) < 30
        given = [unit.given_w for unit in it.units]
        assert min(given) > -30, "none charges while the other discharges"
        assert sum(given) == pytest.approx(300, abs=60)
        assert it.writes == []


async def test_three_units_each_in_another_way_share_by_their_charge(tmp_path: Path) -> None:
    async with posed_house(tmp_path, *POSES, load=lambda _: 4500.0, socs_pct=(70, 50, 30)) as it:
        await it.pass_time(120)
        assert await off_by_w(it) < 30
        given = [unit.given_w for unit in it.units]
        assert given == sorted(given, reverse=True), "who has more gives more"
        assert all(unit.posing.follows for unit in it.units)


@pytest.mark.parametrize("ways", [(Way.HTTP, Way.PUSH), (Way.UDP, Way.HTTP), (Way.PUSH, Way.UDP)])
async def test_a_unit_that_looks_no_more_leaves_its_share_to_the_other(tmp_path: Path, ways: tuple[Way, Way]) -> None:
    async with posed_house(tmp_path, *ways, load=lambda _: 2100.0) as it:
        await it.pass_time(100)
        assert await off_by_w(it) < 30
        lost, kept = it.units
        await lost.look_no_more()
        lost.simulator.set("meter_connected", False)
        it.units = (kept,)
        await it.pass_time(150)
        assert lost.given_w <= 5
        assert kept.given_w == pytest.approx(min(2100, kept.simulator.unit.high_w), abs=60)


@pytest.mark.parametrize("ways", [(Way.HTTP, Way.PUSH), (Way.PUSH, Way.UDP)])
async def test_a_unit_with_an_order_is_shown_the_house_and_leaves_it_to_the_other(tmp_path: Path, ways: tuple[Way, Way]) -> None:
    async with posed_house(tmp_path, *ways, load=lambda _: 1500.0) as it:
        ordered, follows = it.units
        for name, value in (("mode", "realtime"), ("realtime_state", "charge"), ("realtime_power", 500)):
            ordered.simulator.set(name, value)
        await it.pass_time(120)
        assert ordered.given_w == pytest.approx(-550, abs=60)
        assert follows.given_w == pytest.approx(1500, abs=40), "what charges the one does not come from the other"
        assert ordered.shown_w == pytest.approx(it.grid_w, abs=40)


# ---- who else is there -------------------------------------------------------------------------------------------------------


async def scan(it: PosedHouse, way: Way, address: str) -> float | None:
    """Ask the posed meter as a stranger, from another address."""
    port = it.unit.posing.ports[way]
    if way is Way.HTTP:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            with closing(writer):
                writer.write(f"GET {SCAN} HTTP/1.1\r\n\r\n".encode())
                body = (await reader.read()).partition(b"\r\n\r\n")[2]
        return float(json.loads(body)["total_act_power"]) if body else None
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
        stranger.bind((address, 0))
        stranger.setblocking(False)
        stranger.sendto(EM, ("127.0.0.1", port))
        async with asyncio.timeout(PATIENCE_S):
            reply = json.loads(await asyncio.get_running_loop().sock_recv(stranger, 65536))
        return float(reply["result"]["total_act_power"])


async def followed(folder: Path, way: Way, *, stranger: bool = True, known: bool = True) -> list[float]:
    """Return the grid's power around a step of the load, with a stranger who looks twice as often as the unit, or without."""
    async with posed_house(folder / f"{stranger}{known}", way, load=lambda second: 300.0 if second < 100 else 1500.0) as it:
        if not known:
            it.unit.posing.addresses = frozenset()
        grid = []
        for _ in range(140):
            await it.pass_time(1)
            grid.append(it.grid_w)
            if stranger:
                await scan(it, way, "127.0.0.77")
    return grid[95:]


@on_linux
@pytest.mark.parametrize("way", [Way.HTTP, Way.UDP])
async def test_who_else_looks_takes_nothing_away_from_the_unit(tmp_path: Path, way: Way) -> None:
    assert await followed(tmp_path, way) == pytest.approx(await followed(tmp_path, way, stranger=False), abs=1)


@on_linux
@pytest.mark.parametrize("way", [Way.HTTP, Way.UDP])
async def test_where_a_unit_cannot_be_told_from_strangers_it_still_follows_if_later(tmp_path: Path, way: Way) -> None:
    grid = await followed(tmp_path, way, known=False)
    assert max(map(abs, grid[25:])) < 40


async def test_who_asks_only_what_was_counted_does_not_follow(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.HTTP) as it:
        unit = it.unit
        it.units = ()
        await it.pass_time(20)
        for path, follows in (("Shelly.GetDeviceInfo", False), ("EMData.GetStatus?id=0", False), ("EM.GetStatus?id=0", True)):
            await ask(unit.posing.ports[Way.HTTP], f"/rpc/{path}")
            assert unit.posing.follows is follows


@on_linux
async def test_a_flood_of_datagrams_does_not_disturb_a_unit(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.UDP) as it:
        await it.pass_time(40)
        port = it.unit.posing.ports[Way.UDP]
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as flood:
            flood.bind(("127.0.0.66", 0))
            for _ in range(30):  # of the longest one only as much as a socket keeps: what it drops would be the kernel's doing
                flood.sendto(b"\x00" * 60_000, ("127.0.0.1", port))
                for junk in (EM, b"", b"{" * 900, b'{"id":1,"src":"x","result":{}}'):
                    for _ in range(5):
                        flood.sendto(junk, ("127.0.0.1", port))
                await it.pass_time(1)
        assert abs(it.grid_w) < 40


async def test_anybody_may_send_frames_and_a_unit_goes_by_those_of_its_own_reader(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.PUSH) as it:
        await it.pass_time(40)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
            for _ in range(20):
                other.sendto(b"PSC-D" * 50, ("127.0.0.1", it.unit.link.port))
                await it.pass_time(1)
        assert abs(it.grid_w) < 40


async def test_each_unit_has_a_meter_with_a_name_of_its_own_that_stays(tmp_path: Path) -> None:
    seen = []
    for number, ways in enumerate([(Way.HTTP, Way.UDP, Way.PUSH), (Way.HTTP, Way.UDP, Way.PUSH), (Way.HTTP,)]):
        async with posed_house(tmp_path / str(number), *ways) as it:
            texts = [entry.text for entry in await it.entries("hub")]
            seen.append({text.split(" at ")[0].split(",")[0] for text in texts if text.startswith("poses as the ")})
    assert (len(seen[0]), len(seen[2])) == (3, 1)
    assert seen[0] == seen[1] > seen[2]


# ---- ports -------------------------------------------------------------------------------------------------------------------


async def test_a_port_that_is_taken_is_told_once_and_taken_when_it_is_free(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with posed_house(tmp_path, Way.UDP, waits=False, udp_port=port) as it:
            await it.clock.advance(100)
            texts = [entry.text for entry in await it.entries("hub")]
            assert [each for each in texts if "cannot listen on UDP port" in each] == [
                f"poses as no meter: cannot listen on UDP port {port} of 127.0.0.1: Address already in use"
            ]
            assert it.unit.posing.why.startswith("cannot listen on UDP port")
            assert it.unit.posing.places == ()
            taken.close()
            for _ in range(40):
                await it.clock.advance(1)
            await until(lambda: it.unit.posing.places == (f"udp 127.0.0.1:{port}",))


async def test_both_ports_of_a_shelly_lead_to_one_meter(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.UDP, transports=("http", "udp"), port=0) as it:
        await it.pass_time(40)
        assert abs(it.grid_w) < 40
        info = json.loads((await ask(it.unit.posing.ports[Way.HTTP], "/shelly")).body)
        assert info["id"].startswith("shellypro3em-")
        assert len(it.unit.posing.places) == 2


async def test_a_unit_with_another_meter_is_not_taken_to_follow_even_where_all_is_at_zero(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.PUSH) as it:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as nobody:
            await it.unit.look_no_more()
            nobody.bind(("127.0.0.1", it.unit.link.port))
            for _ in range(60):
                await it.pass_time(1)
                assert not it.unit.posing.follows
        assert abs(it.grid_w) < 5


async def test_a_machine_where_nothing_listens_for_frames_is_told_as_long_as_it_is_so(tmp_path: Path) -> None:
    async with posed_house(tmp_path, Way.PUSH) as it:
        port = it.unit.link.port
        await it.unit.look_no_more()
        for _ in range(30):
            await it.pass_time(1)
        assert it.unit.posing.why == f"nothing listens at UDP port {port} of 127.0.0.1"
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as somebody:
            somebody.bind(("127.0.0.1", port))
            await it.pass_time(2)
            assert (it.unit.posing.why, it.unit.posing.follows) == ("", False)
