"""The guide to the hub keeps its word: every configuration that it prints is one, and every alert and quality is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from indevolt.battery import Quality
from indevolt.hub.alerts import What
from indevolt.hub.config_file import load_text
from indevolt.hub.secret import Origin

TEXT = (Path(__file__).parents[2] / "docs" / "hub.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
VARIABLES = {
    "BATTERY_PASSWORD": "a",
    "MQTT_PASSWORD": "b",
    "NOTIFY_URL": "ntfy://my-topic",
    "STORE_URL": "postgresql://hub:c@127.0.0.1/hub",
}


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"example{number}" for number in range(1, len(EXAMPLES) + 1)])
def test_every_configuration_is_taken(example: str, tmp_path: Path) -> None:
    load_text(example, name="hub.md", origin=Origin(tmp_path, VARIABLES))


def test_there_are_configurations() -> None:
    assert len(EXAMPLES) == 8


def test_every_alert_is_explained() -> None:
    listed = {name for row in re.findall(r"^\| ([a-z, ]+) \| ", TEXT, re.MULTILINE) for name in row.split(", ")}
    assert {what.value for what in What} <= listed
    assert {quality.value for quality in Quality if quality is not Quality.UNANSWERED} <= listed
