"""Meters over real sockets: our look-alikes where there are any, else a small server that answers as documented; a real broker."""

from __future__ import annotations

import asyncio
import itertools
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from kept_house import at_work

from indevolt.clock import ManualClock
from indevolt.hub.alerts import What, serve_alerts
from indevolt.hub.config import MqttConfig
from indevolt.hub.config_meters import (
    HomeAssistantMeter,
    HomeWizardMeter,
    MeterRole,
    OpenDataMeter,
    PushMeter,
    ReplayMeter,
    ShellyMeter as ShellyConfig,
    TasmotaMeter,
    TopicMeter,
)
from indevolt.hub.events import BranchSample, MeterSample
from indevolt.hub.meters.meter import MeterState
from indevolt.hub.meters.service import keep_sign, serve_meters
from indevolt.hub.secret import Secret
from indevolt.measurement import Measurement
from indevolt.protocol.push import Push, encode
from indevolt.shelly import ShellyMeter
from indevolt.simulator.accessory import Accessory, Sort
from indevolt.virtual import VirtualDevice
from meters.meterhome import meter_home
from mosquitto import Broker, free_port, listening
from websource import Asked, WebSource, web_source


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as it:
        yield it


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def house(shelly: ShellyMeter) -> ShellyConfig:
    return ShellyConfig(name="house", kind="shelly", host=at(shelly.port))


def homewizard(web: WebSource, **more: Any) -> HomeWizardMeter:
    return HomeWizardMeter(kind="homewizard", host=at(web.port), **{"name": "house", **more})


def opendata(served: VirtualDevice, accessory: Any, **more: Any) -> OpenDataMeter:
    return OpenDataMeter(name="house", kind="opendata", host=at(served.port), accessory=accessory, **more)


# ---- asked ---------------------------------------------------------------------------------------------------------------------


async def test_a_shelly_is_asked_every_second_over_real_http() -> None:
    powers = iter([431.5, -200.0, 300.0])
    async with (
        ShellyMeter(lambda _: Measurement(next(powers), 1000.0, 20.0)) as shelly,
        meter_home(house(shelly)) as it,
    ):
        for power_w in (431.5, -200.0, 300.0):
            sample = await it.next()
            assert isinstance(sample, MeterSample)
            assert (sample.meter, sample.power_w, sample.import_wh, sample.export_wh) == ("house", power_w, 1000.0, 20.0)
            assert sample.at == it.clock.now()
            await it.clock.advance(1)
        assert it.meter.period_s == 1.0
        assert it.meter.state(it.clock.monotonic()) is MeterState.LIVE


async def test_a_shelly_that_is_off_is_tried_again_and_the_journal_tells() -> None:
    async with ShellyMeter(lambda _: Measurement(100.0)) as shelly:
        shelly.online = False
        async with meter_home(house(shelly)) as it:
            await it.until(lambda: it.meter.failures >= 3)
            assert it.meter.state(it.clock.monotonic()) is MeterState.WAITING
            shelly.online = True
            await it.until(it.heard.take)
            assert (it.meter.trouble, it.meter.state(it.clock.monotonic())) == ("", MeterState.LIVE)
            shelly.online = False
            await it.until(lambda: it.meter.state(it.clock.monotonic()) is MeterState.STALE)
            await it.clock.advance(1)
            told = await it.journal()
    assert any(text.startswith(f"meter house: 127.0.0.1:{shelly.port}: ") for text in told)
    states = [text.partition(":")[0] for text in told if text.startswith("meter house is ")]
    assert states == ["meter house is live", "meter house is stale"]


async def test_a_meter_whose_numbers_stand_still_is_frozen() -> None:
    async with (
        ShellyMeter(lambda _: Measurement(0.0)) as shelly,
        meter_home(house(shelly)) as it,
    ):
        await it.until(lambda: it.meter.state(it.clock.monotonic()) is MeterState.FROZEN)
        assert it.meter.accepted > 10
        await it.clock.advance(1)
        assert any(text.startswith("meter house is frozen: every number has stood still for") for text in await it.journal())


async def test_a_shelly_with_a_password_is_given_it_by_digest() -> None:
    challenge = {"WWW-Authenticate": 'Digest qop="auth", realm="shellyplus-1", nonce="1792000000", algorithm=SHA-256'}
    document = json.dumps({"switch:0": {"id": 0, "apower": 61.4, "voltage": 229.8, "current": 0.3}})
    seen: list[str] = []

    async def answer(request: aiohttp.web.Request) -> aiohttp.web.Response:
        given = request.headers.get("Authorization", "")
        seen.append(given)
        return aiohttp.web.Response(text=document) if given else aiohttp.web.Response(status=401, headers=challenge)

    app = aiohttp.web.Application()
    app.router.add_get("/rpc/Shelly.GetStatus", answer)
    runner = aiohttp.web.AppRunner(app, access_log=None)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        config = ShellyConfig(
            name="fridge",
            kind="shelly",
            role=MeterRole.LOAD,
            component="switch",
            host=at(runner.addresses[0][1]),
            password=Secret("geheim"),
        )
        async with meter_home(config) as it:
            sample = await it.next()
            assert isinstance(sample, BranchSample)
            assert (sample.role, sample.power_w) == (MeterRole.LOAD, 61.4)
    finally:
        await runner.cleanup()
    assert seen[0] == ""
    assert 'username="admin"' in seen[1]
    assert "SHA-256" in seen[1]
    assert "geheim" not in seen[1]


async def test_a_homewizard_of_a_plant_gives_what_flows_into_the_house() -> None:
    def answers(asked: Asked) -> str | int:
        return json.dumps({"active_power_w": -812, "total_power_export_kwh": 77.5}) if asked.path == "/api/v1/data" else 404

    async with (
        web_source(answers) as web,
        meter_home(homewizard(web, name="sun", role=MeterRole.PV)) as it,
    ):
        sample = await it.next()
    assert isinstance(sample, BranchSample)
    assert (sample.role, sample.power_w, sample.energy_wh) == (MeterRole.PV, 812.0, 77_500.0)


async def test_a_tasmota_is_asked_for_its_sensors_with_its_password() -> None:
    document = json.dumps({"StatusSNS": {"Time": "2026-06-21T12:00:00", "SML": {"Power_curr": -213, "Total_in": 4.5}}})
    async with web_source(lambda _: document) as web:
        paths: dict[str, Any] = {"power": "SML.Power_curr", "energy_import": "SML.Total_in"}
        config = TasmotaMeter(name="house", kind="tasmota", host=at(web.port), password=Secret("geheim"), **paths)
        async with meter_home(config) as it:
            sample = await it.next()
    assert isinstance(sample, MeterSample)
    assert (sample.power_w, sample.import_wh, sample.export_wh) == (-213.0, 4500.0, None)
    assert (web.asked[0].path, web.asked[0].query) == ("/cm", {"cmnd": "Status 10"})
    assert web.asked[0].headers["Authorization"] == f"Basic {b64encode(b'admin:geheim').decode()}"


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (b"<html>", "is no JSON"),
        (b"[1]", "is no JSON object"),
        (b"{}", "there is no active_power_w"),
        (500, "HTTP 500"),
        (401, "wants a password"),
        (b"x" * 70_000, "more than 65536 bytes"),
    ],
)
async def test_what_no_meter_says_is_told_and_the_next_answer_counts(answer: bytes | int, facts: str) -> None:
    answers: list[Any] = [answer, b'{"active_power_w": 5}']
    async with (
        web_source(lambda _: answers.pop(0) if len(answers) > 1 else answers[0]) as web,
        meter_home(homewizard(web)) as it,
    ):
        await it.until(lambda: it.meter.failures == 1)
        assert facts in it.meter.trouble
        await it.until(lambda: it.meter.accepted)
        assert it.meter.trouble == ""


@pytest.mark.parametrize(("sort", "accessory"), [(Sort.METER3, "meter"), (Sort.IR, "meter"), (Sort.P1, "p1"), (Sort.PLUG, "plug")])
async def test_the_vendors_accessories_are_asked_over_opendata(sort: Sort, accessory: Any) -> None:
    device = Accessory(sort, measures=lambda: Measurement(-620.0, 12_000.0, 3_000.0), clock=ManualClock())
    async with (
        VirtualDevice(device, port=0, discovery_port=None) as served,
        meter_home(opendata(served, accessory)) as it,
    ):
        sample = await it.next()
    assert isinstance(sample, MeterSample)
    assert (sample.power_w, sample.import_wh, sample.export_wh) == (-620.0, 12_000.0, 3_000.0)


async def test_an_accessory_with_a_password_is_given_it() -> None:
    device = Accessory(Sort.METER, measures=lambda: Measurement(75.0), clock=ManualClock(), api="digest", password="geheim")
    async with VirtualDevice(device, port=0, discovery_port=None) as served:
        config = OpenDataMeter(name="house", kind="opendata", host=at(served.port), accessory="meter", password=Secret("geheim"))
        async with meter_home(config) as it:
            assert (await it.next()).power_w == 75.0


# ---- heard ---------------------------------------------------------------------------------------------------------------------


async def test_broadcasts_of_one_sender_are_heard_among_others_and_garbage() -> None:
    ours = Accessory(Sort.P1, measures=lambda: Measurement(-75.0), clock=ManualClock(), serial="1SAG1100000001")
    others = Accessory(Sort.METER, measures=lambda: Measurement(999.0), clock=ManualClock(), serial="3310000001")
    port = free_port()
    loop = asyncio.get_running_loop()
    async with meter_home(PushMeter(name="house", kind="opendata_push", serial=ours.serial, listen="127.0.0.1", port=port)) as it:
        await it.clock.advance(0)
        sender, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
        for frame in (b"garbage", encode(others.push()), encode(ours.push())):
            sender.sendto(frame)
        sample = await it.next()
        assert (sample.meter, sample.power_w) == ("house", -75.0)
        sender.sendto(encode(Push(ours.serial, 9, 0, 4, {"SN": "x"})))
        sender.sendto(encode(ours.push()))
        assert (await it.next()).power_w == -75.0
        assert it.meter.failures == 1, "a frame that tells no power is told of, and the next one counts"
        sender.close()


async def test_two_meters_hear_the_same_port() -> None:
    first = PushMeter(name="house", kind="opendata_push", serial="a", listen="127.0.0.1", port=(port := free_port()))
    async with meter_home(
        first, PushMeter(name="sun", kind="opendata_push", role=MeterRole.PV, listen="127.0.0.1", port=port)
    ) as it:
        await it.clock.advance(0)
        assert [meter.failures for meter in it.hub.meters.values()] == [0, 0]


async def test_a_topic_of_a_real_broker_is_heard_and_what_was_kept_is_not(broker: Broker) -> None:
    config = TopicMeter(name="house", kind="mqtt", topic="meter/sml", power="p", energy_import="in")
    async with listening(broker, "nothing") as speaker:
        await speaker.say("meter/sml", b'{"p": 1, "in": 1}', retain=True)
        async with meter_home(config, mqtt=MqttConfig(host="127.0.0.1", port=broker.port)) as it:
            subscribed = asyncio.create_task(it.next())
            while not subscribed.done():  # until the meter has subscribed, nobody hears
                await speaker.say("meter/sml", b'{"p": -431.5, "in": 2}')
                await asyncio.wait([subscribed], timeout=0.05)
            sample = await subscribed
            assert isinstance(sample, MeterSample)
            assert (sample.power_w, sample.import_wh) == (-431.5, 2000.0)
            await speaker.say("meter/sml", b"unavailable")
            await speaker.say("meter/sml", b'{"p": 7, "in": 2}')
            while sample.power_w != 7.0:
                sample = await it.next()
            assert it.meter.failures == 1
            assert not any(each.power_w == 1 for each in it.told), "what the broker had kept is from nobody knows when"


async def test_a_sensor_of_home_assistant_is_heard_by_its_statestream(broker: Broker) -> None:
    config = HomeAssistantMeter(
        name="house", kind="home_assistant", entity="sensor.grid_power", unit="kW", host="127.0.0.1", port=broker.port, invert=True
    )
    async with listening(broker, "nothing") as speaker, meter_home(config) as it:
        heard = asyncio.create_task(it.next())
        while not heard.done():
            await speaker.say("homeassistant/sensor/grid_power/state", b"0.25", retain=True)
            await asyncio.wait([heard], timeout=0.05)
        assert (await heard).power_w == -250.0


async def test_a_broker_that_goes_away_is_missed_and_found_again(broker: Broker) -> None:
    config = TopicMeter(name="house", kind="mqtt", topic="meter/power", host="127.0.0.1", port=broker.port)
    async with meter_home(config) as it, listening(broker, "nothing") as speaker:
        heard = asyncio.create_task(it.next())
        while not heard.done():
            await speaker.say("meter/power", b"1")
            await asyncio.wait([heard], timeout=0.05)
        broker.stop()
        await it.until(lambda: it.meter.failures)
        assert it.meter.trouble.startswith(f"no connection to the broker 127.0.0.1:{broker.port}")
        broker.start()
        it.heard.take()
        async with listening(broker, "nothing") as again:
            for _ in range(200):
                await again.say("meter/power", b"2")
                await it.clock.advance(1)
                if it.heard.take():
                    break
            else:
                pytest.fail("the meter did not come back")


# ---- replayed ------------------------------------------------------------------------------------------------------------------


async def test_a_recording_is_replayed_at_its_own_times_and_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "meter.csv"
    file.write_text("seconds,power_w\n10,100\n12,-50\n13,70\n")
    async with meter_home(ReplayMeter(name="house", kind="replay", file=file)) as it:
        start = it.clock.now()
        heard: list[tuple[float, float]] = []
        for _ in range(20):
            heard += [((sample.at - start).total_seconds(), sample.power_w) for sample in it.heard.take()]
            await it.clock.advance(0.5)
    assert heard == [(0, 100.0), (2, -50.0), (3, 70.0), (4, 100.0), (6, -50.0), (7, 70.0), (8, 100.0)]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("power_w\n1\n", "has no column seconds"),
        ("seconds,power_w\n", "has no rows"),
        ("seconds,power_w\n1,a\n", "line 2: not two numbers"),
        ("seconds,power_w\n1,2\n1,3\n", "line 3: seconds 1 are not after those before"),
        ("seconds,power_w\nnan,2\n", "line 2: seconds nan are not after those before"),
    ],
)
async def test_what_is_no_recording_is_told_with_its_line(tmp_path: Path, text: str, facts: str) -> None:
    file = tmp_path / "meter.csv"
    file.write_text(text)
    async with meter_home(ReplayMeter(name="house", kind="replay", file=file)) as it:
        await it.until(lambda: it.meter.failures)
        assert facts in it.meter.trouble


# ---- the sign ------------------------------------------------------------------------------------------------------------------


async def test_what_a_test_of_the_sign_showed_outlives_the_hub() -> None:
    async with (
        ShellyMeter(lambda _: Measurement(1.0)) as shelly,
        meter_home(house(shelly)) as it,
    ):
        await it.next()
        first = it.meter
        untested = first.proven
        await keep_sign(it.hub, it.meter, passed=True, evidence="charged with 300 W, the meter rose by 296 W")
        assert (untested, first.proven) == (False, True)
        async with at_work(serve_meters(it.hub)):  # as after a restart: all meters are made anew
            await it.clock.advance(0)
            second = it.meter
            assert second is not first
            assert second.proven
        assert "sign of the meter house: right; charged with 300 W, the meter rose by 296 W" in await it.journal()


# ---- alerts --------------------------------------------------------------------------------------------------------------------


async def test_a_meter_that_fails_is_an_alert_until_it_is_back_for_a_while() -> None:
    powers = itertools.count(1)
    async with ShellyMeter(lambda _: Measurement(float(next(powers)))) as shelly:
        shelly.online = False
        async with meter_home(house(shelly)) as it, at_work(serve_alerts(it.hub)):
            await it.until(lambda: ("", What.METER) in it.hub.alerts.active)
            assert it.hub.alerts.active["", What.METER].text.startswith("meter house is waiting: 127.0.0.1")
            shelly.online = True
            await it.until(lambda: not it.hub.alerts.active)
