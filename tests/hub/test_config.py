"""The hub's configuration: what holds by itself, what is refused and how it is told, and that nothing secret is."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st
from pydantic import ValidationError

from indevolt.errors import InvalidInput
from indevolt.hub.config import Config, DeviceConfig
from indevolt.hub.config_file import bare_secrets, find, load, load_text, places
from indevolt.hub.config_plan import plan
from indevolt.hub.config_schema import Table, schema, spelling_at, tables
from indevolt.hub.config_section import Section
from indevolt.hub.config_text import Listed, commented, spelled
from indevolt.hub.secret import Origin, Secret
from indevolt.hub.tokens import Role, hash_token
from indevolt.tomltext import WrongToml

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
DEVICE = '[[devices]]\nname = "battery"\nhost = "192.168.1.50"\n'
HASH = hash_token("laptop.of-a-test")


def read(text: str, folder: Path = Path(), **variables: str) -> Config:
    return load_text(text, name="home.toml", origin=Origin(folder.absolute(), variables))


def mistakes(text: str, folder: Path = Path(), **variables: str) -> list[str]:
    with pytest.raises(WrongToml) as caught:
        read(text, folder, **variables)
    return [str(mistake) for mistake in caught.value.mistakes]


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
        "line 24, mqtt.host: missing; allowed: a text of 1 to 200 characters",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[sit]", "line 1, sit: unknown field; did you mean site? the file has: hub, site, devices"),
        ("hub.log.levle = 1", "line 1, hub.log.levle: unknown field; did you mean level? [hub.log] has: level, json"),
        ("api = 3", "line 1, api: 3 does not fit; allowed: a table"),
        ("devices = 3", "line 1, devices: 3 does not fit; allowed: tables"),
        ("devices = [3]", "line 1, devices[1]: 3 does not fit; allowed: a table"),
        ("[devices]", "line 1, devices: a table does not fit; allowed: tables"),
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
            {"name": "a", "host": "b", "control": True, "gateway": {"port": 1, "host": "0.0.0.0", "writes": True}}  # noqa: S104
        )


def test_a_program_is_not_told_the_secret_that_it_put_in_the_wrong_place() -> None:
    with pytest.raises(ValidationError) as caught:
        DeviceConfig.model_validate({"name": "a", "host": "b", "pasword": "hunter2"})
    assert "hunter2" not in str(caught.value)


NEED_MORE = (
    "[store]\n",
    'kind = "time_of_use"\n',
    "\nexport_surcharge",
    'kind = "mqtt"',
    'kind = "home_assistant"',
    'kind = "battery"',
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


# ---- the file to start from ----------------------------------------------------------------------------------------------------


def test_a_file_to_start_from_says_nothing_but_what_holds_anyway() -> None:
    assert read(commented()) == Config()
    assert max(map(len, commented().splitlines())) <= 120


def test_every_setting_is_in_it() -> None:
    text = commented([Listed("battery", "192.168.1.50")])
    for table in tables():
        if table.kind not in ("", *table.kinds[:1]):
            continue  # of several kinds, the first is the example
        assert f"\n{table.heading}\n" in text.replace("\n#[", "\n[")
        for name in table.settings:
            assert re.search(rf"^#?{name} = ", text, re.MULTILINE)


def test_a_shown_default_is_the_default() -> None:
    text = commented([Listed("battery", "192.168.1.50")])
    lines, heading, checked = text.splitlines(), "", 0
    for number, line in enumerate(lines):
        if re.match(r"#?\[", line):
            heading = line
        if not re.match(r"#[a-z]", line) or heading.startswith("#"):
            continue
        where = heading.strip("[]").split(".")
        place: list[str | int] = ["devices", 0, *where[1:]] if where[0] == "devices" else [*where]
        setting = spelling_at((*place, line[1:].partition(" = ")[0]))
        if setting.default is not None and setting.default == setting.example:
            assert read("\n".join([*lines[:number], line[1:], *lines[number + 1 :]])) == read(text), line
            checked += 1
    assert checked > 12


def test_with_everything_switched_on_only_what_excludes_each_other_is_wrong(tmp_path: Path) -> None:
    for name in ("hub.pem", "hub.key", "ca.pem"):
        (tmp_path / name).touch()
    text = re.sub(r"^#(?=[\[a-z])", "", commented([Listed("battery", "192.168.1.50")]), flags=re.MULTILINE)
    variables = dict.fromkeys(re.findall(r'env = "(INDEVOLT_\w+)"', text), "postgresql://a")
    wrong = {told.split(", ")[1].partition(":")[0] for told in mistakes(text, tmp_path, **variables)}
    assert wrong == {"devices[1].ca_file", "devices[1].fingerprint", "store.url", "mqtt.ca_file"}


HOSTS = st.sampled_from(["192.168.1.50", "10.0.0.1:81", "[fe80::1]:8080", "battery.fritz.box", "https://a.b:1", "::1"])
DEVICES = st.lists(
    st.builds(
        Listed,
        name=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,39}", fullmatch=True),
        host=HOSTS,
        notes=st.lists(st.text(max_size=200), max_size=3).map(tuple),
        needs_password=st.booleans(),
    ),
    max_size=4,
    unique_by=(lambda device: device.name, lambda device: device.host),
)


@given(DEVICES, st.lists(st.text(max_size=200), max_size=2))
def test_whatever_devices_say_about_themselves_the_file_is_valid_and_lists_them(devices: list[Listed], notes: list[str]) -> None:
    config = read(commented(devices, time_zone="Europe/Berlin", notes=notes))
    assert [(device.name, device.host, device.control) for device in config.devices] == [
        (device.name, device.host, False) for device in devices
    ]
    assert config.model_copy(update={"devices": (), "site": Config().site}) == Config()


@example("\x7f\x00\N{BATTERY}")
@given(st.recursive(st.text() | st.booleans() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_what_is_spelled_reads_back(value: object) -> None:
    import tomllib

    assert tomllib.loads(f"a = {spelled(value)}") == {"a": value}


# ---- in plain words ------------------------------------------------------------------------------------------------------------


def test_who_may_write_is_told_by_every_way() -> None:
    told = plan(
        read(
            f"""
            mqtt.host = "10.0.0.9"
            api.tokens = [{{ name = "tv", role = "read", hash = "{HASH}" }}, {{ name = "phone", role = "admin", hash = "{HASH}" }}]
            {DEVICE}
            control = true
            gateway = {{ port = 1, host = "0.0.0.0", writes = true, without_password = true }}
            """
        )
    )
    assert told.writers == (
        "to battery: token phone (admin), by the API",
        "to battery: whoever may publish at 10.0.0.9:1883, by MQTT",
        "to battery: EVERYBODY who reaches it, without a password, by its gateway",
    )
    assert "http://0.0.0.0:1, reached from other machines, without a password, read and written" in told.listens[1]
    assert "everybody who reaches http://0.0.0.0:1 can command battery" in told.notes[0]
    assert "is used without a user" in told.notes[1]


def test_control_alone_lets_nobody_write() -> None:
    (told,) = plan(read(DEVICE + "control = true")).writers
    assert told.startswith("nobody: there is no token")


def test_a_broker_that_is_only_told_is_no_way_to_write() -> None:
    told = plan(read(f'mqtt = {{ host = "10.0.0.9", commands = false }}\n{DEVICE}control = true'))
    assert told.writers[0].startswith("nobody: ")
    assert told.notes == ()


def test_a_gateway_that_only_reads_is_nothing_to_think_about() -> None:
    assert plan(read(DEVICE + 'gateway = { port = 1, host = "0.0.0.0", without_password = true }')).notes == ()


def test_where_data_goes_is_told() -> None:
    told = plan(
        read(
            """
            store = { kind = "postgres", url = "postgresql://a", five_minute_days = 3650 }
            influx = { url = "http://10.0.0.9:8428/write?x=1", token = "b" }
            notify.urls = ["ntfy://c", "mailto://d"]
            """
        )
    )
    assert "postgres server" in told.keeps[0]
    assert told.keeps[1] == "every reading for 90 days, what is made of 5 minutes 3650 days, of an hour forever"
    assert plan(read('store.kind = "memory"')).keeps == ("history in memory, for 90 days: nothing outlives the hub",)
    assert told.sends == (
        "line protocol to http://10.0.0.9:8428/write, every 10 s",
        "notifications to 2 receivers (ntfy, mailto)",
    )
    assert told.notes == ("the token of influx travels in clear; use https where the receiver speaks it",)


# ---- the schema ----------------------------------------------------------------------------------------------------------------


def test_every_setting_is_explained_and_shown_by_an_example() -> None:
    for table in tables():
        assert table.about.endswith("."), table.heading
        for name, setting in table.settings.items():
            assert setting.about.endswith((".", "...")), (table.heading, name)
            assert setting.allowed != "a table", (table.heading, name)
            assert setting.example is not None, (table.heading, name)


def tables_in_classes(section: type[Section]) -> Iterator[type[Section]]:
    """Every class that is a table itself, and not only what several tables have in common."""
    for each in section.__subclasses__():
        if not each.__name__.startswith("_"):
            yield each
        yield from tables_in_classes(each)


def test_the_schema_names_its_dialect_and_refuses_what_is_unknown() -> None:
    found = schema()
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    kinds = [found, *found["$defs"].values()]
    assert all(kind["additionalProperties"] is False for kind in kinds if kind.get("type") == "object")
    assert sum(kind.get("type") == "object" for kind in kinds) == len(set(tables_in_classes(Section)))
