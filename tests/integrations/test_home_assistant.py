"""A real Home Assistant finds units, packs and energies by itself, changes a setting, and sees what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import lacking
from indevolt.clock import SystemClock
from indevolt.hub.app import running
from indevolt.hub.config import Config, DeviceConfig, HubConfig, MqttConfig, PollConfig, StoreConfig
from indevolt.hub.hub import Hub
from indevolt.hub.mqtt import serve_mqtt
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice
from integrations.assistant import DEADLINE_S, ENTRY, Assistant, home_assistant
from integrations.installed import HOME_ASSISTANT
from mosquitto import Broker, free_port

pytestmark = pytest.mark.integration

CELLAR = "sensor.indevolt_cellar_"
SITE = "sensor.indevolt_site_simulated_"  # one of its units is
ENERGIES = ("grid_import", "grid_export", "charge", "discharge", "solar")
NOT_OURS = ("Skipping pip installation", "Support for the running Python version")


def known(state: str) -> bool:
    return state not in ("", "unknown", "unavailable")


@asynccontextmanager
async def hub(broker: Broker, place: Path, devices: dict[str, Simulator]) -> AsyncIterator[Hub]:
    """Run the hub, with its devices on the network, and one of them to be controlled."""
    async with (
        VirtualDevice(devices["cellar"], port=0, discovery_port=None) as cellar,
        VirtualDevice(devices["attic"], port=0, discovery_port=None) as attic,
    ):
        poll = PollConfig(power_s=1, packs_s=5)
        config = Config(
            hub=HubConfig(data=place),
            store=StoreConfig(kind="memory"),
            mqtt=MqttConfig(host="127.0.0.1", port=broker.port),
            devices=(
                DeviceConfig(name="cellar", host="127.0.0.1", port=cellar.port, model="powerflex2000", control=True, poll=poll),
                DeviceConfig(name="attic", host="127.0.0.1", port=attic.port, simulated=True, poll=poll),
            ),
        )
        async with running(config, bridges={"mqtt": serve_mqtt}) as it:
            yield it


async def test_home_assistant_finds_everything_and_a_setting_arrives(tmp_path: Path) -> None:
    if HOME_ASSISTANT.path is None:
        lacking("needs Home Assistant in an environment of its own (make test-integrations installs it)")
    clock = SystemClock()
    house = steady_house(Surroundings(700, (300, 200)))
    devices = {
        "cellar": Simulator("powerflex2000", clock=clock, house=house, modules=3),
        "attic": Simulator("solidflex2000", clock=clock, house=house, modules=1, serial="3800000002"),
    }
    (tmp_path / "assistant").mkdir()
    with Broker(tmp_path) as broker:
        async with (
            hub(broker, tmp_path, devices),
            home_assistant(tmp_path / "assistant", port=free_port(), broker_port=broker.port) as assistant,
        ):
            await assistant.look()
            await units_and_packs_are_there(assistant, devices["cellar"].serial)
            await the_house_as_a_whole_is_there(assistant)
            await energies_suit_the_energy_dashboard(assistant)
            await settings_are_where_the_owner_allows_them(assistant)
            await what_is_disabled_at_first_can_be_enabled(assistant)
            await a_setting_goes_all_the_way(assistant, devices["cellar"])
            await a_device_that_is_gone_is_not_shown_with_old_values(assistant, devices["attic"])
        complaints = [line for line in assistant.log if " WARNING " in line or " ERROR " in line]
        strangers = [line for line in complaints if not any(each in line for each in NOT_OURS)]
        assert not strangers, "".join(strangers)


async def registered(assistant: Assistant, *names: str) -> dict[str, dict[str, Any]]:
    """Wait until entities are known that have no state, as they are disabled; return all: what rarely changes is read last."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            entities = {entity["entity_id"]: entity for entity in await assistant.ask("config/entity_registry/list")}
            if all(name in entities for name in names):
                return entities


async def units_and_packs_are_there(assistant: Assistant, serial: str) -> None:
    await assistant.until(f"{CELLAR}battery_soc", known)
    await assistant.until("sensor.indevolt_cellar_pack_2_soc", known)
    await assistant.until("sensor.indevolt_attic_simulated_backup_soc", known)
    found = {device["name"]: device for device in await assistant.ask("config/device_registry/list")}
    units = {"INDEVOLT cellar", "INDEVOLT attic (simulated)"}
    packs = {"INDEVOLT cellar pack 1", "INDEVOLT cellar pack 2"}
    assert {name for name in found if name.startswith("INDEVOLT")} == units | packs | {"INDEVOLT site (simulated)"}
    unit = found["INDEVOLT cellar"]
    assert (unit["manufacturer"], unit["model"], unit["serial_number"]) == ("INDEVOLT", "PowerFlex 2000", serial)
    assert found["INDEVOLT cellar pack 2"]["via_device_id"] == unit["id"]


async def the_house_as_a_whole_is_there(assistant: Assistant) -> None:
    for name in ("house_power", "solar_power", "grid_power"):
        power = await assistant.until(f"{SITE}{name}", known)
        assert (power["attributes"]["device_class"], power["attributes"]["unit_of_measurement"]) == ("power", "W")
    for name in (*ENERGIES, "house"):
        energy = await assistant.until(f"{SITE}energy_{name}", known)
        assert (energy["attributes"]["device_class"], energy["attributes"]["state_class"]) == ("energy", "total_increasing")
    entities = await registered(assistant, f"{SITE}charger_power", f"{SITE}energy_charger", f"{SITE}energy_solar_to_house")
    for name in ("charger_power", "energy_charger", "energy_solar_to_house"):
        assert entities[f"{SITE}{name}"]["disabled_by"] == "integration", name  # there is no charger


async def energies_suit_the_energy_dashboard(assistant: Assistant) -> None:
    for name in ENERGIES:
        attributes = (await assistant.until(f"{CELLAR}energy_{name}", known))["attributes"]
        assert (attributes["device_class"], attributes["state_class"]) == ("energy", "total_increasing")
        assert attributes["unit_of_measurement"] == "kWh"
    await assistant.ask("energy/save_prefs", energy_sources=energy_sources(), device_consumption=[])
    told = await assistant.ask("energy/validate")
    issues = {issue["type"] for source in told["energy_sources"] for issue in source}
    assert issues <= {"statistics_not_defined"}  # which come with the first five minutes


async def settings_are_where_the_owner_allows_them(assistant: Assistant) -> None:
    number = await assistant.until("number.indevolt_cellar_backup_soc", known)
    assert (number["attributes"]["min"], number["attributes"]["max"]) == (0, 100)
    entities = await registered(assistant, f"{CELLAR}mppt_version")
    assert "number.indevolt_attic_simulated_backup_soc" not in entities
    assert entities[f"{CELLAR}mppt_version"]["disabled_by"] == "integration"
    assert entities["number.indevolt_cellar_backup_soc"]["entity_category"] == "config"


async def what_is_disabled_at_first_can_be_enabled(assistant: Assistant) -> None:
    entities = await assistant.ask("config/entity_registry/list")
    hidden = [entity["entity_id"] for entity in entities if entity["platform"] == "mqtt" and entity["disabled_by"]]
    assert len(hidden) > 50
    for name in hidden:
        await assistant.ask("config/entity_registry/update", entity_id=name, disabled_by=None)
    await assistant.ask("call_service", domain="homeassistant", service="reload_config_entry", service_data={"entry_id": ENTRY})
    await assistant.until(f"{CELLAR}mppt_version", known)
    await assistant.until(f"{CELLAR}pv_1_state", known)
    await assistant.until("number.indevolt_cellar_backup_soc", known)


async def a_setting_goes_all_the_way(assistant: Assistant, device: Simulator) -> None:
    await assistant.call("number.set_value", "number.indevolt_cellar_backup_soc", value=25)
    outcome = await assistant.until(f"{CELLAR}last_outcome", known)
    assert outcome["state"] == "confirmed"
    assert outcome["attributes"]["shown"] == {"backup_soc": 25}
    assert device.get("backup_soc") == 25
    await assistant.until("number.indevolt_cellar_backup_soc", lambda state: known(state) and float(state) == 25)
    await assistant.call("switch.turn_off", "switch.indevolt_cellar_grid_charging")
    await assistant.until("switch.indevolt_cellar_grid_charging", lambda state: state == "off")
    await assistant.call("button.press", "button.indevolt_cellar_hold")
    await assistant.until("select.indevolt_cellar_mode", lambda state: state == "realtime")


async def a_device_that_is_gone_is_not_shown_with_old_values(assistant: Assistant, device: Simulator) -> None:
    device.faults.add("reset")
    await assistant.until("sensor.indevolt_attic_simulated_battery_soc", lambda state: state == "unavailable")
    await assistant.until("binary_sensor.indevolt_attic_simulated_connection", lambda state: state == "off")


def energy_sources() -> list[dict[str, object]]:
    """Return what a person chooses on the page of the energy dashboard."""
    energy = f"{CELLAR}energy_"
    price = {"entity_energy_price": None, "number_energy_price": None}
    bought = {"stat_energy_from": f"{energy}grid_import", "stat_cost": None, **price}
    sold = {"stat_energy_to": f"{energy}grid_export", "stat_compensation": None, **price}
    return [
        {"type": "grid", "flow_from": [bought], "flow_to": [sold], "cost_adjustment_day": 0.0},
        {"type": "solar", "stat_energy_from": f"{energy}solar", "config_entry_solar_forecast": None},
        {"type": "battery", "stat_energy_from": f"{energy}discharge", "stat_energy_to": f"{energy}charge"},
    ]
