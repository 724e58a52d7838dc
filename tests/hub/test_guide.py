"""The guides to the hub and to control keep their word: files that they print are such; all alerts and qualities are in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indevolt.battery import Quality
from indevolt.hub.alerts import What
from indevolt.hub.config import Config, DeviceConfig, HubConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_file import load_text
from indevolt.hub.config_plan import plan
from indevolt.hub.secret import Origin
from indevolt.simulator import scenario

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "hub.md").read_text("utf-8")
CONTROL = (DOCS / "control.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT + CONTROL, re.DOTALL)
VARIABLES = {
    "BATTERY_PASSWORD": "a",
    "MQTT_PASSWORD": "b",
    "NOTIFY_URL": "ntfy://my-topic",
    "STORE_URL": "postgresql://hub:c@127.0.0.1/hub",
}


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example{number}" for number in range(1, len(EXAMPLES) + 1)])
def test_every_file_is_taken(example: str, tmp_path: Path) -> None:
    if "[[units]]" in example:
        scenario.load(example, name="guide")
    else:
        load_text(example, name="guide", origin=Origin(tmp_path, VARIABLES))


def test_there_are_files() -> None:
    assert len(EXAMPLES) == 8 + 6


def test_what_decides_is_told_by_settings_that_exist() -> None:
    table = CONTROL.partition("## What may decide by itself")[2].partition("\n## ")[0]
    settings = re.findall(r"`([a-z_]+_(?:w|pct|kwh|charger))`", table)
    assert settings
    assert set(settings) <= ControlConfig.model_fields.keys()


def test_what_the_hub_says_when_it_runs_is_printed_as_it_says_it() -> None:
    device = DeviceConfig(name="cellar", host="192.168.1.50")
    told = plan(Config(hub=HubConfig(data=Path("/home/anna/.local/share/indevolt")), devices=(device,)))
    assert [each for each in (*told.devices, *told.listens, *told.keeps) if each not in TEXT] == []


def test_every_alert_is_explained() -> None:
    listed = {name for row in re.findall(r"^\| ([a-z, ]+) \| ", TEXT, re.MULTILINE) for name in row.split(", ")}
    assert {what.value for what in What} <= listed
    assert {quality.value for quality in Quality if quality is not Quality.UNANSWERED} <= listed
