"""Of each value it is told where it comes from, and never a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indevolt.hub.config import ApiConfig, Config
from indevolt.hub.config_file import load
from indevolt.hub.config_sources import Source, said

TEXT = """
[hub]
name = "home"

[[devices]]
name = "cellar"
host = "192.168.1.50"
password = { file = "cellar.password" }

[mqtt]
host = "broker"
user = "hub"
password = { env = "MQTT_PASSWORD" }

[notify]
urls = ["ntfy://topic", { env = "NOTIFY_URL" }]
"""


def told(tmp_path: Path) -> dict[str, tuple[Source, Any, str]]:
    (tmp_path / "cellar.password").write_text("correct horse")
    (tmp_path / "cellar.password").chmod(0o600)
    file = tmp_path / "indevolt.toml"
    file.write_text(TEXT)
    config = load(file, environ={"MQTT_PASSWORD": "battery staple", "NOTIFY_URL": "mailto://me"})
    assert config.file == file
    return {each.path: (each.source, each.value, each.detail) for each in said(config)}


def test_what_is_in_the_file_is_told_apart_from_what_is_not(tmp_path: Path) -> None:
    values = told(tmp_path)
    assert values["hub.name"] == (Source.FILE, "home", "")
    assert values["devices[1].host"] == (Source.FILE, "192.168.1.50", "")
    assert values["devices[1].control"] == (Source.DEFAULT, False, "")
    assert values["devices[1].poll.power_s"][0] is Source.DEFAULT
    assert values["api.port"] == (Source.DEFAULT, 8188, "")
    assert values["mqtt.port"][:2] == (Source.DEFAULT, 1883)
    assert values["influx"] == (Source.DEFAULT, None, "")


def test_secrets_are_stars_with_the_variable_or_file_that_they_come_from(tmp_path: Path) -> None:
    values = told(tmp_path)
    assert values["devices[1].password"] == (Source.SECRET_FILE, "***", str(tmp_path / "cellar.password"))
    assert values["mqtt.password"] == (Source.ENVIRONMENT, "***", "MQTT_PASSWORD")
    assert values["notify.urls[1]"] == (Source.FILE, "***", "")
    assert values["notify.urls[2]"] == (Source.ENVIRONMENT, "***", "NOTIFY_URL")
    assert not {"correct horse", "battery staple", "ntfy://topic"} & {str(value) for _, value, _ in values.values()}


def test_what_a_program_says_is_no_file(tmp_path: Path) -> None:
    config = Config(api=ApiConfig(port=0))
    values = {each.path: each.source for each in said(config)}
    assert config.file is None
    assert (values["api.port"], values["api.host"], values["hub.name"]) == (Source.PROGRAM, Source.DEFAULT, Source.DEFAULT)
