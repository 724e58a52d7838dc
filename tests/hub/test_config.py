"""The hub's configuration: what holds by itself, what is refused and how it is told, and that nothing secret is."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from home_toml import DEVICE, HASH, mistakes, read
from pydantic import ValidationError

from indevolt.errors import InvalidInput
from indevolt.hub.config import Config, DeviceConfig
from indevolt.hub.config_file import bare_secrets, find, load, places
from indevolt.hub.config_plan import plan
from indevolt.hub.config_schema import Table, tables
from indevolt.hub.config_text import spelled
from indevolt.hub.secret import Secret
from indevolt.hub.tokens import Role
from indevolt.tomltext import WrongToml

ISSUER = f'[[control.issuers]]\nname = "grid"\npublic_key = "{"A" * 43}="\n'
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")


# ---- what holds by itself ------------------------------------------------------------------------------------------------------


def test_without_a_word_the_hub_listens_to_this_machine_looks_for_devices_and_only_reads() -> None:
    config = load(None)
    assert config == Config() == read("")
    assert (config.api.host, config.api.port, config.api.tokens) == ("127.0.0.1", 8188, ())
    assert (config.devices, config.mqtt, config.influx, config.notify.urls) == ((), None, None, ())
    assert plan(config).writers == ("nobody: no device has control = true",)
    assert config.store_path == config.hub.data / "history.sqlite3"


def test_a_device_is_only_read_and_politely_unless_its_owner_says_more() -> None:
    (device,) = read(DEVICE).devices
    assert (device.control, device.gateway, device.password, device.model, device.modules) == (False, None, None, None, None)
    assert (device.poll.power_s, device.poll.packs_s, device.poll.settings_s) == (5.0, 60.0, 600.0)


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("192.168.1.50", None, "192.168.1.50:8080"),
        ("192.168.1.50:81", None, "192.168.1.50:81"),
        ("battery.fritz.box", 81, "battery.fritz.box:81"),
        ("fe80::1", 81, "[fe80::1]:81"),
        ("[fe80::1]:82", None, "[fe80::1]:82"),
        ("https://192.168.1.50", 443, "https://192.168.1.50:443"),
    ],
)
def test_the_address_of_a_device_is_one_that_a_client_takes(host: str, port: int | None, address: str) -> None:
    assert DeviceConfig(name="a", host=host, port=port).address == address


def test_the_port_of_a_broker_follows_from_tls() -> None:
    for text, port in [("", 1883), ("tls = true", 8883), ("tls = true\nport = 1", 1)]:
        broker = read(f'[mqtt]\nhost = "a"\n{text}').mqtt
        assert broker is not None
        assert broker.port == port


def test_what_is_read_cannot_be_changed() -> None:
    config = read(DEVICE)
    with pytest.raises(ValidationError):
        config.devices[0].control = True
    assert config.devices[0].control is False


def test_relative_paths_start_where_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "hub.pem").touch()
    (tmp_path / "sub").mkdir()
    config = read('hub.data = "../data"\napi.tls.cert = "../hub.pem"\nstore.path = "/a/b"', tmp_path / "sub")
    assert config.hub.data == tmp_path / "data"
    assert config.api.tls is not None
    assert config.api.tls.cert == tmp_path / "hub.pem"
    assert config.store_path == Path("/a/b")


def test_the_file_of_a_device_reads_as_documented(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text(f"""
        [site]
        time_zone = "Europe/Berlin"
        {DEVICE}
        control = true
        password = {{ env = "BATTERY" }}
        poll.power_s = 2
        [devices.gateway]
        port = 8081
        writes = true
        [[api.tokens]]
        name = "laptop"
        role = "control"
        hash = "{HASH}"
        """)
    config = load(file, environ={"BATTERY": "geheim"})
    assert config.site.zone.key == "Europe/Berlin"
    (device,) = config.devices
    assert (device.control, device.poll.power_s) == (True, 2.0)
    assert device.password is not None
    assert device.password.reveal() == "geheim"
    assert device.gateway is not None
    assert (device.gateway.host, device.gateway.port, device.gateway.writes) == ("127.0.0.1", 8081, True)
    assert [(token.name, token.role) for token in config.api.tokens] == [("laptop", Role.CONTROL)]


# ---- where it is ---------------------------------------------------------------------------------------------------------------


def test_the_first_file_that_is_there_counts(tmp_path: Path) -> None:
    argument, variable, system = (tmp_path / name for name in ("argument.toml", "variable.toml", "system.toml"))
    user = tmp_path / "home" / "indevolt" / "indevolt.toml"
    user.parent.mkdir(parents=True)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    with chdir(tmp_path):
        assert find(environ=environ, system=system) is None
        for place, expected in [(system, system), (user, user), (Path("indevolt.toml"), Path("indevolt.toml"))]:
            place.touch()
            assert find(environ=environ, system=system) == expected
        variable.touch()
        assert find(environ={**environ, "INDEVOLT_CONFIG": str(variable)}, system=system) == variable
        argument.touch()
        assert find(argument, environ={**environ, "INDEVOLT_CONFIG": str(variable)}, system=system) == argument
    assert places(environ={})[1].parts[-3:] == (".config", "indevolt", "indevolt.toml")


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no file .*gone\.toml"):
        find(tmp_path / "gone.toml", environ={})
    with pytest.raises(InvalidInput, match=r"of \$INDEVOLT_CONFIG"):
        find(environ={"INDEVOLT_CONFIG": str(tmp_path / "gone.toml")})


@pytest.mark.parametrize(
    ("data", "fact"),
    [(b"\xff\xfe", "is no UTF-8 text"), (b"#" * 4_200_000, "larger than any configuration"), (b"[hub", "line 1")],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, data: bytes, fact: str) -> None:
    file = tmp_path / "home.toml"
    file.write_bytes(data)
    with pytest.raises(InvalidInput, match=fact):
        load(file)


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path)
    with pytest.raises(InvalidInput, match="there is no file"):
        find(tmp_path / ("a" * 300), environ={})


# ---- mistakes ------------------------------------------------------------------------------------------------------------------

WRONG = """\
[hub]
nam = "x"
data = 5

[[devices]]
name = "Battery"
host = "1.2.3"
prot = 3

[[devices]]
name = "b"
host = "10.0.0.1:81"
port = 80
poll.power_s = 0.5

[store]
kind = "postgress"
raw_days = "90"

[api]
host = "0.0.0.0"
tokens = 3

[mqtt]
"""


def test_every_mistake_is_told_at_once_with_line_field_value_and_what_is_allowed() -> None:
    assert mistakes(WRONG) == [
        "line 2, hub.nam: unknown field; did you mean name? [hub] has: name, data, log",
        "line 3, hub.data: 5 does not fit; allowed: a path; a relative one starts where this file is",
        'line 6, devices[1].name: "Battery" does not fit; allowed: 1 to 40 of a-z, 0-9, _ and -, beginning with a-z or 0-9',
        (
            "line 7, devices[1].host: '1.2.3' is no address: 1.2.3 is no IPv4 address; write HOST, HOST:PORT, [IPV6]:PORT, "
            "http://HOST:PORT or https://HOST:PORT"
        ),
        f"line 8, devices[1].prot: unknown field; did you mean port? [[devices]] has: {', '.join(DeviceConfig.model_fields)}",
        "line 14, devices[2].poll.power_s: 0.5 does not fit; allowed: a number from 1 to 3600",
        'line 17, store.kind: "postgress" does not fit; did you mean postgres? allowed: "sqlite", "postgres", "memory"',
        'line 18, store.raw_days: "90" does not fit; allowed: a whole number from 1 to 36500',
        "line 22, api.tokens: 3 does not fit; allowed: tables",
        "line 24, mqtt.host: missing; allowed: an address or name without a port",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[sit]", "line 1, sit: unknown field; did you mean site? the file has: hub, site, devices"),
        ("hub.log.levle = 1", "line 1, hub.log.levle: unknown field; did you mean level? [hub.log] has: level, json"),
        ("api = 3", "line 1, api: 3 does not fit; allowed: a table"),
        ("devices = 3", "line 1, devices: 3 does not fit; allowed: tables"),
        ("devices = [3]", "line 1, devices[1]: 3 does not fit; allowed: a table"),
        ("[devices]", "line 1, devices: a table does not fit; allowed: tables, each headed [[devices]], in double brackets"),
        ("[meters]", "each a table, each headed [[meters]], in double brackets"),
        ("[[api]]", "line 1, api: a list does not fit; allowed: a table, headed [api], in single brackets"),
        ("[[tariff]]", "line 1, tariff: a list does not fit; allowed: a table, headed [tariff], in single brackets"),
        (
            'plan.targets = [{ soc_pct = 80, by = 07:00:00, days = ["monday"] }]',
            'days[1]: "monday" does not fit; did you mean mon?',
        ),
        ("hub.log.json = 1", "hub.log.json: 1 does not fit; allowed: true or false"),
        ('hub.log.level = "loud"', 'hub.log.level: "loud" does not fit; allowed: "debug", "info", "warning", "error"'),
        ("api.port = 65536", "api.port: 65536 does not fit; allowed: a whole number from 0 to 65535"),
        ("api.port = true", "api.port: true does not fit; allowed: a whole number from 0 to 65535"),
        ("api.port = 80.5", "api.port: 80.5 does not fit"),
        ("site.name = 2026-01-01", "site.name: 2026-01-01 does not fit; allowed: a text of 1 to 200 characters"),
        ('site.time_zone = "Berlin"', "no time zone 'Berlin'; names are like \"Europe/Berlin\""),
        ('site.time_zone = "../etc/passwd"', "no time zone"),
        ('site.currency = "Euro"', 'allowed: three capitals, like "EUR"'),
        (DEVICE + 'model = "powerflex"', "no model 'powerflex'; models: "),
        (DEVICE + "port = 0", "port: 0 does not fit; allowed: a whole number from 1 to 65535"),
        ('api.host = "0.0.0.0:80"', "'0.0.0.0:80' is no address alone; its port is a field of its own"),
        ('mqtt.host = "10.0.0.9:1883"', "mqtt.host: '10.0.0.9:1883' is no address alone; its port is a field of its own"),
        ('mqtt.host = "mqtt://10.0.0.9"', "mqtt.host: 'mqtt://10.0.0.9' is no address alone; its port is a field of its own"),
        ('mqtt.host = "a b"', "mqtt.host: 'a b' is no address: 'a b' is no host name; write its address or name alone"),
        (
            'api.origins = ["https://a/b"]',
            "api.origins[1]: this is no URL that begins with http:// or https://, with nothing behind",
        ),
        ('influx.url = "ftp://a"', "influx.url: this is no URL that begins with http:// or https:// or udp://"),
        ('hub.data = "a\\u0000b"', "hub.data: no path has a NUL inside"),
        ('api.tls.cert = "gone.pem"', "api.tls.cert: there is no file"),
        (f'api.tls.cert = "{"a" * 300}"', "api.tls.cert: there is no file"),
        (f'{DEVICE}password = {{ file = "{"a" * 300}" }}', "cannot be read"),
        ('mqtt = { host = "a", topic = "a/#" }', 'allowed: a topic without + and #, like "home/battery"'),
    ],
)
def test_what_does_not_fit_is_told(text: str, mistake: str) -> None:
    (told,) = mistakes(text)
    assert mistake in told


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (DEVICE + DEVICE.replace("50", "51"), "line 5, devices[2].name: battery is that of number 1 as well; each has its own"),
        (DEVICE + DEVICE.replace('"battery"', '"b"'), "devices[2].host: 192.168.1.50:8080 is that of number 1 as well"),
        (ISSUER + ISSUER, "line 5, control.issuers[2].name: grid is that of number 1 as well; each has its own"),
        ('[[devices]]\nname = "a"\nhost = "h:81"\nport = 82', "line 4, devices[1].port: host says a port already"),
        (DEVICE + 'fingerprint = "' + "5e" * 32 + '"', "fingerprint: it means nothing without https"),
        ('api.host = "0.0.0.0"', "line 1, api.host: 0.0.0.0 is reached from other machines, which need a token, and there is none"),
        ('api.host = "hub.fritz.box"', "api.host: hub.fritz.box is reached from other machines"),
        (
            DEVICE + 'control = true\ngateway = { port = 1, host = "0.0.0.0", writes = true }',
            "gateway.writes: whoever reaches 0.0.0.0 could command the battery; give a password, or set without_password = true",
        ),
        (DEVICE + "gateway = { port = 1, writes = true }", "gateway.writes: the device itself has control = false"),
        (DEVICE + "gateway = { port = 8188 }", "gateway.port: the API listens there already"),
        (DEVICE + 'gateway = { host = "localhost", port = 8188 }', "gateway.port: the API listens there already"),
        (DEVICE.replace("192.168.1.50", "127.0.0.1") + "gateway = { port = 8080 }", "its gateway would ask itself"),
        ('store.kind = "postgres"', "store.url: missing; postgres needs it"),
        ('store.url = "postgresql://a"', 'store.url: it means nothing with kind = "sqlite"'),
        ('store = { kind = "postgres", url = "mysql://a" }', "store.url: it does not begin with postgresql://"),
        ('store = { kind = "memory", path = "a" }', 'store.path: it means nothing with kind = "memory"'),
        (
            "store = { raw_days = 90, five_minute_days = 30 }",
            "five_minute_days: 30 days are less than raw_days keeps; allowed: 90 or",
        ),
        ('mqtt = { host = "a", password = "b" }', "mqtt.password: it means nothing without user"),
        ('influx = { url = "udp://a" }', "influx.url: udp needs a port"),
        ('influx = { url = "udp://a:1", token = "b" }', "influx.token: it means nothing with udp"),
        ('notify.urls = ["ntfy://a", "b"]', "notify.urls[2]: this is no URL as Apprise spells them"),
        (
            'api.tokens = [{ name = "a", role = "read", hash = "b" }]',
            "api.tokens[1].hash: this is no hash of a token; `indevolt hub",
        ),
    ],
)
def test_what_does_not_go_together_is_told(text: str, mistake: str) -> None:
    (told,) = mistakes(text)
    assert mistake in told


def test_two_gateways_need_two_ports() -> None:
    second = '[[devices]]\nname = "b"\nhost = "10.0.0.1"\ngateway = { port = 8081, host = "0.0.0.0" }'
    (told,) = mistakes(DEVICE + "gateway = { port = 8081 }\n" + second)
    assert "devices[2].gateway.port: the gateway of battery listens there already" in told
    assert read((DEVICE + "gateway = { port = 0 }\n" + second).replace("8081", "0")).devices[1].gateway is not None


def test_a_program_is_refused_what_a_file_is() -> None:
    with pytest.raises(ValidationError, match="could command the battery"):
        DeviceConfig.model_validate(
            {"name": "a", "host": "b", "control": True, "gateway": {"port": 1, "host": "0.0.0.0", "writes": True}}
        )


def test_a_program_is_not_told_the_secret_that_it_put_in_the_wrong_place() -> None:
    with pytest.raises(ValidationError) as caught:
        DeviceConfig.model_validate({"name": "a", "host": "b", "pasword": "hunter2"})
    assert "hunter2" not in str(caught.value)


NEED_MORE = (
    "\nudp_port",
    "\npush_port",
    "[store]\n",
    'kind = "time_of_use"\n',
    "\nexport_surcharge",
    'kind = "mqtt"',
    'kind = "home_assistant"',
    'kind = "battery"',
    "peak_floor_kw",
)
"""Tables in which one setting depends on another, or on what is not there."""


def numbers() -> list[tuple[str, Any]]:
    """Every setting that is a number in a range, as the text that sets it."""
    found = []
    for table in tables():
        for name, setting in table.settings.items():
            if "minimum" in setting.node:
                found.append((f"{outer_of(table)}{least(table, name)}{name} = ", setting.node))
    return found


def outer_of(table: Table) -> str:
    """The tables that a table stands in, where they need anything to be said."""
    outer = (each for each in tables() if len(each.path) < len(table.path) and table.path[: len(each.path)] == each.path)
    return "".join(least(each) for each in outer if each.needed and each.kind == table.kind)


def least(table: Table, but: str = "") -> str:
    """A table with what it needs."""
    needed = [key for key in table.settings if key in table.needed and key != but]
    return "\n".join([table.heading, *(f"{key} = {spelled(table.settings[key].example)}" for key in needed), ""])


@pytest.mark.parametrize(("setting", "node"), numbers())
def test_both_ends_of_a_range_are_in_and_what_is_beyond_is_out(setting: str, node: Mapping[str, Any], tmp_path: Path) -> None:
    for file in ("meter.csv", "prices.csv"):
        (tmp_path / file).touch()
    lenient = not any(needs in setting for needs in NEED_MORE)
    low, high = node["minimum"], node["maximum"]
    for value in (low, high):
        if lenient:
            read(setting + str(value), tmp_path, INDEVOLT_TARIFF_TOKEN="a")
    for value in (low - 1, high + 1):
        assert any(
            f"{value} does not fit; allowed: " in told and f" from {low} to {high}" in told
            for told in mistakes(setting + str(value), tmp_path, INDEVOLT_TARIFF_TOKEN="a")
        )


# ---- secrets -------------------------------------------------------------------------------------------------------------------


@POSIX
def test_a_secret_comes_from_the_file_a_variable_or_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "battery.password"
    file.write_text("geheim\n")
    file.chmod(0o600)
    for spelling in ('"geheim"', '{ env = "BATTERY" }', '{ file = "battery.password" }', f'{{ file = "{file}" }}'):
        secret = read(f"{DEVICE}password = {spelling}", tmp_path, BATTERY="geheim").devices[0].password
        assert secret is not None
        assert secret.reveal() == "geheim"


@POSIX
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_that_others_may_use_is_refused_with_the_way_to_change_that(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_text("geheim")
    file.chmod(mode)
    (told,) = mistakes(f'{DEVICE}password = {{ file = "secret" }}', tmp_path)
    assert f"line 4, devices[1].password: others on this machine may use {file}: its mode is {mode:04o}; chmod 600 {file}" in told


@POSIX
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff", b"a" * 5000])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    (told,) = mistakes(f'{DEVICE}password = {{ file = "secret" }}', tmp_path)
    assert str(file) in told


@POSIX
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (told,) = mistakes(f'{DEVICE}password = {{ file = "pipe" }}', tmp_path)
    assert "is no ordinary file" in told


def test_a_variable_or_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for variables in ({"OTHER": "a"}, {"BATTERY": ""}):
        (told,) = mistakes(f'{DEVICE}password = {{ env = "BATTERY" }}', Path(), **variables)
        assert "the environment variable 'BATTERY' is not set" in told
    (told,) = mistakes(f'{DEVICE}password = {{ file = "gone" }}', tmp_path)
    assert f"{tmp_path / 'gone'} cannot be read" in told


@pytest.mark.parametrize(
    "text",
    [
        DEVICE + 'password = ["hunter2"]',
        DEVICE + 'password = { text = "hunter2" }',
        DEVICE + 'password = { env = "A", also = "hunter2" }',
        DEVICE + 'pasword = "hunter2"',
        'mqtt = ["hunter2"]',
        'mqtt = "hunter2"',
        'api.tokens = ["hunter2"]',
        'mqtt = [{ password = "hunter2" }]',
        'mqtt = { host = "a", user = "b", password = { file = 1, b = "hunter2" } }',
        'devices = { password = "hunter2" }',
        'notify.urls = "hunter2"',
        'notify.urls = ["hunter2"]',
        'store = { kind = "postgres", url = "hunter2" }',
        'api.tokens = [{ name = "a", role = "read", hash = "hunter2" }]',
        'influx.url = "http://me:hunter2@a/"',
        'influx.url = "what?token=hunter2"',
        f'{DEVICE}host = "http://me:hunter2@a/"'.replace('host = "192.168.1.50"\n', ""),
    ],
)
def test_what_may_be_a_secret_is_not_repeated_even_where_it_is_in_the_wrong_place(text: str) -> None:
    with pytest.raises(WrongToml) as caught:
        read(text)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_nothing_that_shows_a_configuration_shows_a_secret() -> None:
    config = read(
        f"""
        store = {{ kind = "postgres", url = "postgresql://hunter2" }}
        mqtt = {{ host = "a", user = "b", password = "hunter2" }}
        influx = {{ url = "http://a/", token = "hunter2" }}
        notify.urls = ["ntfy://hunter2"]
        [[api.tokens]]
        name = "laptop"
        role = "admin"
        hash = "{HASH}"
        {DEVICE}
        password = "hunter2"
        gateway = {{ port = 1, password = "hunter2" }}
        """
    )
    for shown in (repr(config), str(config), f"{config.devices[0].password}", config.model_dump_json(), str(plan(config))):
        assert "hunter2" not in shown
        assert HASH not in shown
    dumped = config.model_dump(mode="json", by_alias=True)
    assert (dumped["mqtt"]["password"], dumped["hub"]["log"]) == ("***", {"level": "info", "json": False})
    assert json.dumps(dumped)


def test_equal_secrets_are_equal() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1


def test_secrets_in_the_file_itself_are_found(tmp_path: Path) -> None:
    file = tmp_path / "home.toml"
    file.write_text(
        f'notify.urls = ["ntfy://a", {{ env = "B" }}]\napi.tokens = [{{ name = "a", role = "read", hash = "{HASH}" }}]\n'
        f'{DEVICE}password = "b"\ngateway = {{ port = 1, password = {{ file = "c" }} }}'
    )
    assert bare_secrets(file) == ("notify.urls[1]", "devices[1].password")
