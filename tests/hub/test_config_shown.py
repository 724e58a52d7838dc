"""How the hub's configuration is shown: the file to start from, what it means in plain words, and its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from home_toml import DEVICE, HASH, mistakes, read
from hypothesis import example, given, strategies as st

from indevolt.hub.config import Config
from indevolt.hub.config_plan import plan
from indevolt.hub.config_schema import schema, spelling_at, tables
from indevolt.hub.config_section import Section
from indevolt.hub.config_text import Listed, commented, spelled

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
    posed = {f"devices[1].pose.{field}" for field in ("udp_port", "push_to", "push_port", "serial")}
    assert wrong == posed | {"store.url", "mqtt.ca_file", "mqtt.cert", "mqtt.key"}, "a device is looked at once its tables fit"


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


def test_meters_that_the_hub_poses_as_are_told() -> None:
    posed = 'control = true\npose = { host = "0.0.0.0", transports = ["http", "udp"], port = 8010, udp_port = 0 }\n'
    pushed = DEVICE.replace('"battery"', '"attic"').replace(".50", ".51") + 'control = true\npose = { transports = ["push"] }'
    told = plan(read(DEVICE + posed + pushed))
    places = "at http 0.0.0.0:8010 and udp 0.0.0.0:(a free port)"
    assert told.listens[1:] == (f"meter posed for battery {places}, reached from other machines, without a password, only read",)
    assert told.sends[0] == "what a P1 reader shows for attic to UDP 192.168.1.51:8088, twice a second"
    told = plan(read(DEVICE + 'pose = { transports = ["http"] }'))
    assert len(told.listens) == 1
    assert told.notes[-1] == "the hub poses as no meter for battery: what is shown moves the battery, and control = false"


def test_control_alone_lets_nobody_write() -> None:
    (told,) = plan(read(DEVICE + "control = true")).writers
    assert told.startswith("nobody: there is no token")
    assert told.endswith("and automatic = false in [control]")


ISSUER = 'issuers = [{ name = "grid", public_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" }]'


def test_a_hub_that_decides_by_itself_is_told_among_those_who_write() -> None:
    told = plan(read(f"{DEVICE}control = true\n[control]\nautomatic = true\n{ISSUER}"))
    assert told.writers == (
        "to battery: this hub by itself: automatic = true in [control]",
        "to battery: grid, within a range of power, by signed envelopes",
    )
    assert told.notes == ()


def test_strategies_and_envelopes_that_move_nothing_are_to_be_thought_about() -> None:
    (told,) = plan(read(f"{DEVICE}[control]\nautomatic = true")).notes
    assert told == "nothing is steered: automatic = true in [control], and no device has control = true"
    (told,) = plan(read(f"{DEVICE}control = true\n[control]\n{ISSUER}")).notes
    assert told == "envelopes of [[control.issuers]] are not heeded: automatic = false in [control]"


def test_a_token_is_no_wall_around_this_machine() -> None:
    tokens = f'api.tokens = [{{ name = "tv", role = "read", hash = "{HASH}" }}]'
    (told,) = plan(read(tokens)).listens
    assert told.endswith("this machine only, with a token (tv: read); programs on this machine may read without one")


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
