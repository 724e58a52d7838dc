"""On the broker stands what is known, and only that: unknown, old and absent values are null, and nobody is online who is not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from mqtthome import CELLAR, CONFIGS, ROOT, mqtt_home

from indevolt.errors import InvalidInput
from indevolt.hub.alerts import CALM_S, What
from indevolt.hub.config import MqttConfig
from indevolt.hub.events import REMOVED, LinkChanged
from indevolt.hub.mqtt.trust import trust
from indevolt.hub.site.service import serve_site
from mosquitto import DEADLINE_S, Broker, listening

POWER = f"{CELLAR}/state/power"
DERIVED = f"{CELLAR}/state/derived"
SITE = f"{ROOT}/site/state/site"


async def test_what_is_read_together_is_told_together(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await home.pass_time(10)
            await listener.until(lambda: listener.json(POWER).get("battery_soc"))
            state = listener.json(POWER)
            assert state["battery_soc"] == pytest.approx(home.simulator.get("battery_soc"), abs=0.2)
            assert state["mode"] == "self_use"
            assert state["at"].startswith("2026-06-21T10:00")
            assert listener.text(f"{CELLAR}/status") == "online"
            await listener.until(lambda: listener.json(DERIVED).get("house_power"))
            assert listener.json(DERIVED)["house_power"] == pytest.approx(700, abs=5)


async def test_packs_that_are_not_there_are_null_and_say_so(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with mqtt_home(broker) as home, listening(broker) as listener:
            await home.pass_time(5)
            await listener.until(lambda: listener.json(f"{CELLAR}/state/packs").get("pack1_soc"))
            packs = listener.json(f"{CELLAR}/state/packs")
            assert packs["pack2_soc"] is None
            assert packs["quality"]["pack2_soc"] == "not installed"
            assert "pack1_soc" not in packs["quality"]


async def test_states_are_retained_so_that_who_comes_later_has_them_at_once(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker, f"{ROOT}/status") as first, mqtt_home(broker):
            await first.until_told(f"{ROOT}/status", "online")
            async with listening(broker) as late:
                await late.until(lambda: late.json(POWER).get("battery_soc") and late.text(f"{CELLAR}/status") == "online")


async def test_a_device_that_does_not_answer_is_offline_and_its_values_are_gone(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{CELLAR}/status", "online")
            sample = home.hub.keepers["cellar"].latest.sample("battery_soc")
            assert sample is not None
            await listener.until(lambda: listener.json(POWER).get("at") == sample.at.isoformat())
            await home.until_bridged()
            home.simulator.faults.add("silent")
            await home.pass_time(20)  # three cycles were missed, and the device is not given up yet
            await listener.until(lambda: listener.json(POWER)["quality"].get("battery_soc") == "stale")
            assert listener.json(POWER)["battery_soc"] is None
            assert listener.text(f"{CELLAR}/status") == "online"
            await home.while_time_passes(listener.until_told(f"{CELLAR}/status", "offline"))
            assert listener.json(POWER)["battery_soc"] is None
            assert listener.json(POWER)["quality"]["battery_soc"] == "offline"
            home.simulator.faults.clear()
            await home.while_time_passes(listener.until_told(f"{CELLAR}/status", "online"))
            await home.while_time_passes(listener.until(lambda: listener.json(POWER)["battery_soc"] is not None))


async def test_what_a_frozen_device_repeats_is_not_told_as_news(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{CELLAR}/status", "online")
            home.simulator.faults.add("frozen")
            stale = {"battery_power": "stale"}.items()
            await home.while_time_passes(listener.until(lambda: stale <= listener.json(POWER).get("quality", {}).items()))
            assert listener.json(POWER)["battery_power"] is None
            settings = f"{CELLAR}/state/settings"
            await home.while_time_passes(listener.until(lambda: listener.json(settings)["backup_soc"] is None))
            home.simulator.faults.clear()
            await home.while_time_passes(listener.until(lambda: listener.json(POWER)["battery_power"] is not None))
            await home.while_time_passes(listener.until(lambda: listener.json(settings)["backup_soc"] is not None))


async def test_a_poisoned_point_is_null_while_the_others_go_on(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{CELLAR}/status", "online")
            home.simulator.faults.add("poison:11016")
            await home.while_time_passes(listener.until(lambda: "meter_power" in home.hub.keepers["cellar"].health.quarantined))
            unknown = {"battery_soc", "battery_power", "mode", "meter_power"}
            await home.while_time_passes(
                listener.until(lambda: {name for name in unknown if listener.json(POWER)[name] is None} == {"meter_power"})
            )


async def test_alerts_are_told_and_over_when_they_are_over(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until(lambda: listener.json(f"{CELLAR}/alerts") == {"active": [], "texts": {}})
            await home.hub.alerts.begin(What.FROZEN, "repeats itself", device="cellar")
            await listener.until(lambda: listener.json(f"{CELLAR}/alerts")["active"] == ["frozen"])
            assert listener.json(f"{CELLAR}/alerts")["texts"] == {"frozen": "repeats itself"}
            await home.hub.alerts.end(What.FROZEN, device="cellar")
            await home.pass_time(CALM_S)
            await home.hub.alerts.end(What.FROZEN, device="cellar")
            await listener.until(lambda: listener.json(f"{CELLAR}/alerts")["active"] == [])
            assert listener.json(f"{ROOT}/alerts")["active"] == []


async def test_the_hub_says_goodbye_when_it_stops(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await home.stop()
            await listener.until_told(f"{ROOT}/status", "offline")


async def test_a_hub_that_vanishes_is_offline_by_its_last_will(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker):
            await listener.until_told(f"{ROOT}/status", "online")
            heard = len(listener.heard)
            # To a broker, a second connection under the same name is the sign that the first is gone.
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            name = b"indevolt"
            writer.write(b"\x10" + bytes([12 + len(name)]) + b"\x00\x04MQTT\x04\x02\x00\x3c\x00" + bytes([len(name)]) + name)
            await reader.readexactly(4)
            await listener.until(lambda: (f"{ROOT}/status", b"offline") in listener.heard[heard:])
            writer.close()
            await writer.wait_closed()


async def test_a_broker_that_was_away_gets_everything_again(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with mqtt_home(broker) as home:
            async with listening(broker, f"{ROOT}/status") as before:
                await before.until_told(f"{ROOT}/status", "online")
            broker.stop()
            async with asyncio.timeout(DEADLINE_S):
                while not home.hub.services["mqtt"].startswith("restarting"):
                    await home.pass_time(0.1)
            broker.start()
            async with listening(broker) as listener:
                await home.while_time_passes(listener.until_told(f"{ROOT}/status", "online"))
                await listener.until(lambda: listener.json(POWER).get("battery_soc"))
                await listener.until(lambda: f"{CONFIGS}/sensor/indevolt/cellar-battery_soc/config" in listener.last)
            assert home.hub.services["mqtt"] == "running"
            texts = await home.journal()
            assert sum("no connection to the broker" in text for text in texts) == 1
            assert sum("connected to the broker" in text for text in texts) == 2


async def test_user_and_password_open_a_broker_that_asks_for_them(tmp_path: Path) -> None:
    user, password = "hub", "horse battery"
    with Broker(tmp_path, user=user, password=password) as broker:
        async with (
            listening(broker, user=user, password=password) as listener,
            mqtt_home(broker, mqtt={"user": user, "password": password}),
        ):
            await listener.until_told(f"{ROOT}/status", "online")


async def test_a_wrong_password_is_told_and_tried_again_with_patience(tmp_path: Path) -> None:
    with Broker(tmp_path, user="hub", password="horse battery") as broker:
        async with mqtt_home(broker, mqtt={"user": "hub", "password": "wrong"}) as home:
            async with asyncio.timeout(DEADLINE_S):
                while "mqtt" not in home.hub.services:
                    await home.pass_time(0.1)
            assert "Not authorized" in home.hub.services["mqtt"]


async def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "broker.pem"))
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with Broker(tmp_path, certificate=tmp_path / "broker.pem") as broker:
        async with (
            listening(broker, tls=trusting) as listener,
            mqtt_home(broker, mqtt={"tls": True, "ca_file": tmp_path / "ca.pem"}),
        ):
            await listener.until_told(f"{ROOT}/status", "online")


async def test_the_house_as_a_whole_is_one_more_device_that_the_energy_dashboard_takes(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker, services=(serve_site,)) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await home.pass_time(30)
            await listener.until(lambda: listener.json(SITE).get("energy_house") is not None)
            state = listener.json(SITE)
            assert state["house_power"] == pytest.approx(700, abs=50)
            assert state["energy_grid_import"] == 0
            assert listener.text(f"{ROOT}/site/status") == "online"
            told = listener.json(f"{CONFIGS}/sensor/indevolt/site-energy_grid_import/config")
            assert (told["device_class"], told["state_class"], told["unit_of_measurement"]) == ("energy", "total_increasing", "kWh")
            assert told["state_topic"] == SITE
            stored = listener.json(f"{CONFIGS}/sensor/indevolt/site-stored_energy/config")
            assert stored["device_class"] == "energy_storage"
            flow = listener.json(f"{CONFIGS}/sensor/indevolt/site-energy_solar_to_grid/config")
            assert flow["enabled_by_default"] is False


async def test_a_device_that_is_let_go_leaves_nothing_behind_on_the_broker(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await listener.until(lambda: f"{CONFIGS}/sensor/indevolt/cellar-battery_soc/config" in listener.last)
            assert isinstance(home.hub.keepers, dict)
            del home.hub.keepers["cellar"]
            home.hub.bus.publish(LinkChanged("cellar", REMOVED, "is not kept any more", home.clock.now()))
            for topic in (f"{CONFIGS}/sensor/indevolt/cellar-battery_soc/config", POWER, f"{CELLAR}/status"):
                await listener.until_told(topic, "")
            assert listener.text(f"{ROOT}/site/status") == "online"


async def test_a_certificate_of_the_hubs_own_for_a_broker_that_asks_for_one(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "broker.pem"))
    own = authority.issue_cert("hub.example")
    own.private_key_pem.write_to_path(str(tmp_path / "hub.key"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "hub.pem"))
    tls = {"tls": True, "ca_file": tmp_path / "ca.pem"}
    with Broker(tmp_path, certificate=tmp_path / "broker.pem", vouched_by=tmp_path / "ca.pem") as broker:
        async with mqtt_home(broker, mqtt={**tls, "cert": tmp_path / "hub.pem", "key": tmp_path / "hub.key"}) as home:
            await home.until_bridged()
        nobody = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", broker.port, ssl=nobody)
            with pytest.raises(ssl.SSLError), closing(writer):  # whoever has no certificate is not let in
                await reader.read()


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "hub.pem").write_text("no certificate")
    with pytest.raises(InvalidInput, match=r"hub\.pem") as refused:
        trust(MqttConfig(host="127.0.0.1", tls=True, cert=tmp_path / "hub.pem"))
    assert "PEM" in refused.value.remedy


async def test_a_broker_that_never_speaks_tls_is_given_up_before_the_hub_would_wait_for_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute_broker = Broker(tmp_path)
        mute_broker.port = mute.getsockname()[1]
        async with mqtt_home(mute_broker, mqtt={"tls": True}) as home, asyncio.timeout(20):  # paho alone would wait for 30 s
            while "timed out" not in home.hub.services.get("mqtt", ""):
                await home.pass_time(0.1)


async def test_a_broker_with_a_certificate_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    stranger.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "broker.pem"))
    with Broker(tmp_path, certificate=tmp_path / "broker.pem") as broker:
        async with mqtt_home(broker, mqtt={"tls": True, "ca_file": tmp_path / "ca.pem"}) as home:
            async with asyncio.timeout(DEADLINE_S):
                while "mqtt" not in home.hub.services:
                    await home.pass_time(0.1)
            assert "certificate verify failed" in home.hub.services["mqtt"]
