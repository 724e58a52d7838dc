"""Home Assistant is told what a device has, by its own rules; and what is gone is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from mqtthome import CELLAR, CONFIGS, ROOT, MqttHome, mqtt_home

from indevolt.catalogue import families, load
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.events import Tier, Update
from indevolt.hub.mqtt.discovery import Announcer, Entity, Unit, entities, title_of
from indevolt.hub.mqtt.topics import Topics
from mosquitto import Broker, Listener, listening

# developers.home-assistant.io: device classes of sensors, their units, and the state classes that go with them
UNITS = {
    "power": ("W",),
    "energy": ("Wh", "kWh"),
    "energy_storage": ("Wh", "kWh"),
    "voltage": ("V",),
    "current": ("A",),
    "frequency": ("Hz",),
    "temperature": ("°C",),
    "apparent_power": ("VA",),
    "reactive_power": ("var",),
    "battery": ("%",),
    "power_factor": ("%", None),
    "duration": ("s", "h", "d"),
    "enum": (None,),
    "": ("%", None),
}
STATES = {"energy": ("total", "total_increasing"), "energy_storage": ("measurement", None), "enum": (None,)}


def unit(**more: Any) -> Unit:
    return Unit("cellar", "PowerFlex 2000", "123", "V1", dict.fromkeys(Tier, 60.0), packs={"pack1": "456"}, **more)


def announcer() -> Announcer:
    return Announcer("indevolt", CONFIGS, Topics(ROOT))


def every_entity() -> Iterator[Entity]:
    for family in families():
        for control in (False, True):
            yield from entities(family, control=control)


def entity(name: str, *, control: bool = True) -> Entity:
    return next(each for each in entities("gen2", control=control) if each.name == name)


# ---- by the rules of Home Assistant ------------------------------------------------------------------------------------------


def test_units_and_classes_go_together() -> None:
    for each in every_entity():
        kind = each.fields.get("device_class", "")
        if each.component in ("sensor", "number"):
            measured = each.fields.get("unit_of_measurement")
            assert measured in UNITS[kind], f"{each.name}: {kind} in {measured}"
        if each.component == "sensor":
            allowed = STATES.get(kind, ("measurement", None))
            assert each.fields.get("state_class") in allowed, f"{each.name}: {kind} is {each.fields.get('state_class')}"


def test_only_what_can_be_set_is_configuration() -> None:
    for each in every_entity():
        assert each.settable == (each.component in ("number", "select", "switch", "text")), each.name
        assert each.settable or each.fields.get("entity_category") != "config", each.name


def test_an_enum_lists_its_words_and_one_for_what_it_does_not_know() -> None:
    options = entity("battery_state").fields["options"]
    assert options == ["static", "charging", "discharging", "unknown"]
    for each in every_entity():
        if each.fields.get("device_class") == "enum":
            assert len(set(each.fields["options"])) == len(each.fields["options"]) > 1


def test_numbers_have_the_bounds_of_the_catalogue() -> None:
    fields = entity("backup_soc").fields
    assert (fields["min"], fields["max"], fields["step"], fields["unit_of_measurement"]) == (0, 100, 1, "%")
    for each in every_entity():
        if each.component == "number":
            assert each.fields["min"] < each.fields["max"], each.name


def test_only_energies_that_only_grow_or_start_anew_each_day_are_total_increasing() -> None:
    growing = {each.name for each in every_entity() if each.fields.get("state_class") == "total_increasing"}
    assert {name for name in growing if not name.endswith("_today")} == {
        name for name in DERIVED_UNITS if name.startswith("energy_")
    }
    assert entity("battery_charge_energy_total").fields["state_class"] == "total"


def test_every_setting_with_a_read_side_can_be_set_if_the_owner_allows_it() -> None:
    for family in families():
        settings = {point.name for point in load(family).points.values() if point.writes and point.read and point.group != "curve"}
        assert {each.name for each in entities(family, control=True) if each.settable} == settings
        assert not any(each.settable for each in entities(family, control=False))


def test_ids_are_unique_and_stay_the_same_when_another_unit_stands_there() -> None:
    for family in families():
        told = [announcer().entity(each, unit()) for each in entities(family, control=True)]
        told += announcer().own(unit(), control=True)
        assert len({topic for topic, _ in told}) == len(told)
        assert len({payload["unique_id"] for _, payload in told}) == len(told)
    assert announcer().entity(entity("mode"), unit())[1]["unique_id"] == "indevolt_cellar_mode"


def test_a_device_with_hyphens_in_its_name_is_found_in_the_topic() -> None:
    topic = announcer().topic("sensor", "garden-shed-2", "battery_soc")
    assert topic == "homeassistant/sensor/indevolt/garden-shed-2-battery_soc/config"
    assert announcer().device_of(topic) == "garden-shed-2"


def test_an_entity_is_available_only_if_hub_device_and_value_are() -> None:
    topic, payload = announcer().entity(entity("battery_soc"), unit())
    assert topic == "homeassistant/sensor/indevolt/cellar-battery_soc/config"
    assert payload["availability_mode"] == "all"
    assert [each["topic"] for each in payload["availability"]] == [f"{ROOT}/status", f"{CELLAR}/status", f"{CELLAR}/state/power"]
    assert payload["expire_after"] == 60
    assert payload["origin"]["name"] == "indevolt"


def test_a_pack_is_a_device_of_its_own_behind_its_unit() -> None:
    device = announcer().entity(entity("pack1_soc"), unit())[1]["device"]
    assert (device["name"], device["via_device"], device["serial_number"]) == ("INDEVOLT cellar pack 1", "indevolt_cellar", "456")
    assert announcer().entity(entity("main_soc"), unit())[1]["device"]["identifiers"] == ["indevolt_cellar"]


def test_what_is_simulated_says_so() -> None:
    device = announcer().entity(entity("battery_soc"), unit(simulated=True))[1]["device"]
    assert device["name"] == "INDEVOLT cellar (simulated)"


@pytest.mark.parametrize(
    ("name", "part", "title"),
    [
        ("battery_soc", "", "Battery SOC"),
        ("pack2_dcdc_state", "pack2", "DC-DC state"),
        ("pv1_power", "", "PV 1 power"),
        ("main_temperature_alt2", "", "Main temperature, other copy 2"),
        ("energy_grid_import", "", "Energy grid import"),
    ],
)
def test_names_are_for_people(name: str, part: str, title: str) -> None:
    assert title_of(name, part) == title


# ---- on the broker -----------------------------------------------------------------------------------------------------------


def config_topic(component: str, name: str) -> str:
    return f"{CONFIGS}/{component}/indevolt/cellar-{name}/config"


async def until_announced(home: MqttHome, listener: Listener, component: str, name: str) -> Any:
    await home.while_time_passes(listener.until(lambda: listener.last.get(config_topic(component, name))))
    return listener.json(config_topic(component, name))


async def test_units_packs_and_settings_are_announced(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await until_announced(home, listener, "number", "backup_soc")
            await until_announced(home, listener, "sensor", "pack1_soc")
            await until_announced(home, listener, "sensor", "energy_grid_import")
            await until_announced(home, listener, "button", "hold")
            assert config_topic("sensor", "pack2_soc") not in listener.last
            payload = listener.json(config_topic("sensor", "battery_soc"))
            assert payload["device"]["serial_number"] == home.simulator.serial
            assert payload["device"]["model"] == home.hub.keepers["cellar"].title


async def test_without_control_settings_are_only_shown(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker, devices={"cellar": False}) as home:
            await until_announced(home, listener, "sensor", "backup_soc")
            await until_announced(home, listener, "binary_sensor", "grid_charging")
            assert config_topic("number", "backup_soc") not in listener.last
            assert config_topic("button", "hold") not in listener.last


async def test_what_was_announced_is_retained_and_not_told_again_to_a_hub_that_comes_back(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "sensor", "pack1_soc")
            listener.last.clear()
            async with mqtt_home(broker) as home:
                await home.while_time_passes(listener.until(lambda: listener.json(f"{CELLAR}/state/identity").get("device_sn")))
                await listener.until_told(f"{ROOT}/status", "online")
                assert config_topic("sensor", "pack1_soc") not in listener.last
        async with listening(broker, f"{CONFIGS}/#") as late:
            await late.until(lambda: config_topic("sensor", "pack1_soc") in late.last)


async def test_when_control_is_revoked_the_controls_go(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "number", "backup_soc")
            async with mqtt_home(broker, devices={"cellar": False}) as home:
                await until_announced(home, listener, "sensor", "backup_soc")
                await home.while_time_passes(listener.until_told(config_topic("number", "backup_soc"), ""))
                await listener.until_told(config_topic("button", "hold"), "")


async def test_a_pack_that_was_taken_out_goes(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await until_announced(home, listener, "sensor", "pack1_soc")
            home.simulator.lay_out(remove=["pack1_sn", "pack1_soc"])
            await home.while_time_passes(listener.until_told(config_topic("sensor", "pack1_soc"), ""))


async def test_a_pack_that_is_missing_in_one_reading_stays(tmp_path: Path) -> None:
    packs = f"{CELLAR}/state/packs"
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await until_announced(home, listener, "sensor", "pack1_soc")
            await listener.until_told(f"{ROOT}/status", "online")
            for _ in range(4):
                home.simulator.lay_out(remove=["pack1_sn", "pack1_soc"])
                await until_packs(home, listener, there=False)
                home.simulator.lay_out()
                await until_packs(home, listener, there=True)
            assert listener.json(packs)["pack1_soc"] is not None
            assert (config_topic("sensor", "pack1_soc"), b"") not in listener.heard


def _asked(update: Update, since: datetime) -> bool:
    """Whether a reading of the packs asked for that pack since then."""
    return update.tier is Tier.PACKS and "pack1_soc" in update.reading and update.reading["pack1_soc"].at > since


async def until_packs(home: MqttHome, listener: Listener, *, there: bool) -> None:
    """Let the next reading that asks for that pack pass and be told, and no more; one may still hold what was read just before."""
    began = home.clock.now()
    with home.hub.bus.subscribe(Update, size=1000) as updates:
        while not any(_asked(update, began) for update in updates.take()):
            await home.pass_time(5)
    await listener.until(lambda: ("pack1_soc" not in listener.json(f"{CELLAR}/state/packs")["quality"]) is there)


async def test_what_a_new_firmware_no_longer_tells_keeps_its_entity(tmp_path: Path) -> None:
    state = f"{CELLAR}/state/packs"
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await until_announced(home, listener, "sensor", "main_temperature")
            home.simulator.lay_out(remove=["main_temperature"])
            await home.while_time_passes(
                listener.until(lambda: listener.json(state)["quality"].get("main_temperature") == "absent")
            )
            seen = len(listener.heard)
            await home.while_time_passes(listener.until(lambda: state in [topic for topic, _ in listener.heard[seen:]]))
            assert listener.last[config_topic("sensor", "main_temperature")]


async def test_a_hub_that_looks_for_its_devices_takes_nothing_back_from_those_it_found_before(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "sensor", "battery_soc")
                await listener.until_told(f"{ROOT}/status", "online")
            heard = len(listener.heard)
            async with mqtt_home(broker, devices={}):
                await listener.until(lambda: (f"{ROOT}/status", b"online") in listener.heard[heard:])
            assert listener.last[config_topic("sensor", "battery_soc")]


async def test_a_device_that_the_owner_removed_goes_at_once(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker, devices={"cellar": True, "attic": True}) as home:
                attic = f"{CONFIGS}/sensor/indevolt/attic-battery_soc/config"
                await home.while_time_passes(listener.until(lambda: listener.last.get(attic)))
            async with mqtt_home(broker, starts=0):
                await listener.until_told(attic, "")


async def test_without_discovery_nothing_stays(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "sensor", "battery_soc")
            async with mqtt_home(broker, mqtt={"discovery": False}, starts=0):
                await listener.until_told(config_topic("sensor", "battery_soc"), "")


async def test_a_hub_that_has_not_reached_its_device_yet_takes_nothing_back(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "sensor", "battery_soc")
            heard = len(listener.heard)
            async with mqtt_home(broker, silent=True):
                await listener.until(lambda: (f"{ROOT}/status", b"online") in listener.heard[heard:])
                assert listener.text(f"{CELLAR}/status") == "offline"
                assert not [topic for topic, payload in listener.heard[heard:] if topic.startswith(CONFIGS) and not payload]


async def test_announcements_of_others_are_left_alone(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener:
            theirs = f"{CONFIGS}/sensor/another/thing/config"
            await listener.say(theirs, "{}", retain=True)
            async with mqtt_home(broker) as home:
                await until_announced(home, listener, "sensor", "battery_soc")
                assert listener.text(theirs) == "{}"


async def test_all_is_told_again_when_home_assistant_starts(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        async with listening(broker) as listener, mqtt_home(broker) as home:
            await until_announced(home, listener, "sensor", "pack1_soc")
            await listener.until_told(f"{ROOT}/status", "online")
            listener.last.clear()
            await listener.say(f"{CONFIGS}/status", "online")
            await listener.until(lambda: config_topic("sensor", "pack1_soc") in listener.last)
            await listener.until(lambda: listener.json(f"{CELLAR}/state/power").get("battery_soc"))
