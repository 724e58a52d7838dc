"""What is asked over the broker is read strictly, done only where the owner allows it, and every answer comes back."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from mqtthome import CELLAR, ROOT, mqtt_home

from indevolt.battery import Charge, Discharge, Hold
from indevolt.errors import InvalidInput
from indevolt.hub.mqtt.commands import Order, read_command, read_setting
from indevolt.hub.mqtt.topics import Asked, Topics
from mosquitto import Broker, listening


@pytest.mark.parametrize(
    ("payload", "order"),
    [
        (b"20", Order("backup_soc", ("20",))),
        (b" self_use ", Order("backup_soc", ("self_use",))),
        (b'{"value": 20}', Order("backup_soc", (20,))),
        (b'{"value": true, "id": 7, "reason": "storm"}', Order("backup_soc", (True,), mark="7", reason="storm")),
        (b'{"values": [1, 2]}', Order("backup_soc", (1, 2))),
    ],
)
def test_a_setting_is_a_plain_value_or_an_object(payload: bytes, order: Order) -> None:
    assert read_setting("backup_soc", payload) == order


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"x" * 3000,
        b"{",
        b"{}",
        b'{"value": null}',
        b'{"value": 1, "values": [1]}',
        b'{"values": []}',
        b'{"value": {}}',
        b'{"value": NaN}',
        b'{"value": 1, "force": true}',
        b'{"value": 1, "id": []}',
        b'{"value": 1, "reason": "' + b"x" * 300 + b'"}',
    ],
)
def test_nonsense_is_no_setting(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_setting("backup_soc", payload)


@pytest.mark.parametrize(
    ("payload", "order"),
    [
        (b"hold", Order("hold", command=Hold())),
        (b'{"command": "hold", "id": "a"}', Order("hold", command=Hold(), mark="a")),
        (b'{"command": "charge", "power_w": 800, "soc_pct": 80}', Order("charge", command=Charge(800, 80))),
        (b'{"command": "discharge", "power_w": 800}', Order("discharge", command=Discharge(800))),
    ],
)
def test_a_command_is_a_word_or_an_object(payload: bytes, order: Order) -> None:
    assert read_command(payload) == order


@pytest.mark.parametrize(
    "payload",
    [
        b"charge",
        b"explode",
        b"[]",
        b'{"command": "charge"}',
        b'{"command": "charge", "power_w": "800"}',
        b'{"command": "charge", "power_w": true}',
        b'{"command": "charge", "power_w": 1.5}',
        b'{"command": "hold", "power_w": 1}',
        b'{"command": ["hold"]}',
        b'{"power_w": 800}',
    ],
)
def test_nonsense_is_no_command(payload: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_command(payload)


@pytest.mark.parametrize(
    ("topic", "asked"),
    [
        ("home/indevolt/cellar/set/mode", Asked("cellar", "mode")),
        ("home/indevolt/cellar/command", Asked("cellar", "")),
        ("home/indevolt/cellar/status", None),
        ("home/indevolt/cellar/set/a/b", None),
        ("elsewhere/cellar/command", None),
    ],
)
def test_a_topic_says_what_is_asked(topic: str, asked: Asked | None) -> None:
    assert Topics("home/indevolt").asked(topic) == asked


async def test_a_setting_arrives_at_the_device_and_its_outcome_and_new_value_come_back(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await home.while_time_passes(listener.until(lambda: listener.json(f"{CELLAR}/state/settings").get("backup_soc") == 10))
            outcome = await home.hear(listener, f"{CELLAR}/set/backup_soc", '{"value": 20, "id": "w-1", "reason": "winter"}')
            assert home.simulator.get("backup_soc") == 20
            assert (outcome["id"], outcome["asked"], outcome["stage"], outcome["proven"]) == (
                "w-1",
                "backup_soc",
                "confirmed",
                True,
            )
            assert (outcome["before"], outcome["shown"]) == ({"backup_soc": 10}, {"backup_soc": 20})
            await home.while_time_passes(listener.until(lambda: listener.json(f"{CELLAR}/state/settings")["backup_soc"] == 20))
            entry = next(entry for entry in await home.hub.store.entries(limit=1000) if entry.data.get("step") == "ended")
            assert (entry.actor, entry.data["reason"]) == ("mqtt", "winter")


async def test_a_command_is_carried_out(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            outcome = await home.hear(
                listener, f"{CELLAR}/command", '{"command": "charge", "power_w": 800, "soc_pct": 90, "id": 4}'
            )
            assert (outcome["id"], outcome["asked"], outcome["stage"]) == ("4", "charge", "effective")
            await home.while_time_passes(listener.until(lambda: listener.json(f"{CELLAR}/state/power")["mode"] == "realtime"))


async def test_what_is_not_understood_is_rejected_with_a_reason(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            for topic, payload, reason in [
                (f"{CELLAR}/set/backup_soc", "101", "out of range"),
                (f"{CELLAR}/set/backup_sock", "20", "no quantity"),
                (f"{CELLAR}/set/battery_soc", "20", "can only be read"),
                (f"{CELLAR}/command", "explode", "no command"),
                (f"{ROOT}/attic/command", "hold", "no device"),
            ]:
                outcome = await home.hear(listener, topic, payload)
                assert outcome["stage"] == "rejected"
                assert reason in outcome["error"]
            assert home.hub.keepers["cellar"].health.writes == 0


async def test_nothing_is_written_to_a_device_that_the_owner_did_not_open(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker, devices={"cellar": False}) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            outcome = await home.hear(listener, f"{CELLAR}/set/backup_soc", "20")
            assert outcome["stage"] == "rejected"
            assert "read-only" in outcome["error"]
            assert "control = true" in outcome["remedy"]
            assert home.simulator.get("backup_soc") == 10


async def test_a_bridge_without_commands_does_not_listen(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker, mqtt={"commands": False}) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            await listener.say(f"{CELLAR}/set/backup_soc", "20")
            await home.pass_time(60)
            await listener.say("a/later/message", "x")
            await listener.until_told("a/later/message", "x")
            assert f"{CELLAR}/outcome" not in listener.last
            assert home.simulator.get("backup_soc") == 10


async def test_a_retained_command_is_ignored_and_written_down(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            await listener.say(f"{CELLAR}/set/backup_soc", "90", retain=True)
            async with mqtt_home(broker) as home:
                await listener.until_told(f"{ROOT}/status", "online")
                outcome = await home.hear(listener, f"{CELLAR}/set/backup_soc", "20")
                assert outcome["wanted"] == {"backup_soc": 20}
                assert home.simulator.get("backup_soc") == 20
                assert sum("ignored a retained message" in text for text in await home.journal()) == 1


async def test_too_many_are_rejected(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            for number in range(12):
                await listener.say(f"{CELLAR}/set/backup_soc", f'{{"value": {101 + number}, "id": {number}}}')
            outcomes = f"{CELLAR}/outcome"
            await listener.until(lambda: sum(topic == outcomes for topic, _ in listener.heard) == 12)
            errors = [orjson.loads(payload)["error"] for topic, payload in listener.heard if topic == outcomes]
            assert sum("too many" in error for error in errors) == 2
            assert home.hub.keepers["cellar"].health.writes == 0


async def test_a_device_that_is_away_is_no_success(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await listener.until_told(f"{ROOT}/status", "online")
            home.simulator.faults.add("silent")
            outcome = await home.hear(listener, f"{CELLAR}/set/backup_soc", "20")
            assert outcome["stage"] == "failed"
            assert outcome["error"]
