"""Tables of the configuration whose kind decides their settings: meters and the tariff. What is wrong is told by line and field."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest
from home_toml import DEVICE, mistakes, read

from indevolt.hub.config_meters import MeterRole, ShellyMeter, TopicMeter
from indevolt.hub.config_plan import plan
from indevolt.hub.config_schema import place_of, spelling_at, tables
from indevolt.hub.config_tariff import AwattarTariff, TimeOfUseTariff

SHELLY = '[[meters]]\nname = "house"\nkind = "shelly"\nhost = "10.0.0.9"\n'
TOPIC = '[[meters]]\nname = "a"\nkind = "mqtt"\ntopic = "a"\n'
BATTERY = '[[meters]]\nname = "a"\nkind = "battery"\n'
OF_USE = '[tariff]\nkind = "time_of_use"\nimport_price = 0.3\n'
BAND = OF_USE + '[[tariff.bands]]\nend = "06:00"\nimport_price = 0.2\n'
BROKER = '[mqtt]\nhost = "10.0.0.2"\n'


def test_the_kind_decides_which_settings_a_meter_has() -> None:
    config = read(f'{BROKER}{SHELLY}[[meters]]\nname = "sun"\nkind = "mqtt"\nrole = "pv"\ntopic = "pv/power"\ninvert = true')
    house, sun = config.meters
    assert isinstance(house, ShellyMeter)
    assert (house.component, house.every_s, house.role, house.limit_w) == ("em", 1.0, MeterRole.GRID, 25_000.0)
    assert isinstance(sun, TopicMeter)
    assert (sun.topic, sun.role, sun.invert, sun.host) == ("pv/power", MeterRole.PV, True, None)


def test_a_tariff_reads_as_documented() -> None:
    config = read("""
        [tariff]
        kind = "time_of_use"
        import_price = 0.32
        export_price = 0.08
        [[tariff.bands]]
        days = ["sat", "sun"]
        start = "22:00"
        end = 06:00:00
        import_price = 0.22
        """)
    assert isinstance(config.tariff, TimeOfUseTariff)
    (band,) = config.tariff.bands
    assert (band.days, band.start, band.end, band.export_price) == (("sat", "sun"), time(22), time(6), None)
    awattar = read('[tariff]\nkind = "awattar"\nsurcharge = 0.155\nvat_pct = 19.0').tariff
    assert isinstance(awattar, AwattarTariff)
    assert (awattar.country, awattar.factor, awattar.export_factor) == ("de", 1.0, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SHELLY.replace("shelly", "shely"), 'line 3, meters[1].kind: "shely" does not fit; did you mean shelly? allowed: "shelly"'),
        (SHELLY.replace('kind = "shelly"\n', ""), 'line 1, meters[1].kind: missing; allowed: "shelly", "homewizard"'),
        (SHELLY.replace('"shelly"', "3"), 'line 3, meters[1].kind: "3" does not fit; allowed: "shelly"'),
        (SHELLY + 'topic = "a"', "line 5, meters[1].topic: unknown field; [[meters]] has: name, role, invert"),
        (SHELLY.replace('host = "10.0.0.9"', ""), "line 1, meters[1].host: missing; allowed: HOST, HOST:PORT"),
        (SHELLY + "every_s = 0.1", "line 5, meters[1].every_s: 0.1 does not fit; allowed: a number from 0.2 to 3600"),
        (SHELLY + 'role = "sun"', 'line 5, meters[1].role: "sun" does not fit; allowed: "grid", "pv", "charger", "load"'),
        (SHELLY + SHELLY.replace("house", "second"), "line 5, meters[2].role: house measures the grid already"),
        (SHELLY + SHELLY.replace("kind", 'role = "pv"\nkind'), "line 6, meters[2].name: house is that of number 1 as well"),
        (f"{DEVICE}{SHELLY.replace('house', 'battery')}", "meters[1].name: a device is called battery as well"),
        (TOPIC, "line 1, meters[1].host: missing; without it the broker is that of [mqtt]"),
        (TOPIC + 'host = "tcp://10.0.0.9"', "line 5, meters[1].host: 'tcp://10.0.0.9' is no address alone"),
        (BROKER + TOPIC + "port = 1", "line 7, meters[1].port: it belongs to a broker of its own"),
        (
            BROKER + TOPIC + 'export = "b"',
            "line 7, meters[1].export: it is a place in a JSON document; give power, too",
        ),
        (DEVICE + BATTERY + 'device = "cellar"', "meters[1].device: no device is called cellar; there are: battery"),
        ('[[meters]]\nname = "a"\nkind = "replay"\nfile = "gone.csv"', "line 4, meters[1].file: there is no file"),
        ('[[meters]]\nname = "a"\nkind = "home_assistant"\nhost = "b"\nentity = "grid"', 'allowed: like "sensor.grid_power"'),
        ('[tariff]\nkind = "fixed"', "line 1, tariff.import_price: missing; allowed: a number from -10 to 100"),
        ('[tariff]\nkind = "fixed"\nimport_price = 0.3\nfactor = 1.1', "line 4, tariff.factor: unknown field; [tariff] has"),
        (OF_USE + "bands = []", "line 4, tariff.bands: there is none; add [[tariff.bands]]"),
        (
            BAND + 'start = "25:00"',
            'line 7, tariff.bands[1].start: "25:00" does not fit; allowed: a time of day, like "22:00"',
        ),
        (
            BAND + 'start = "22:00+02:00"',
            "line 7, tariff.bands[1].start: it goes by the clocks of the site; remove the offset",
        ),
        ('[tariff]\nkind = "awattar"\nexport_surcharge = 0.1', "line 3, tariff.export_surcharge: it is added to the"),
        ('[tariff]\nkind = "entsoe"\nzone = "DE"\ntoken = "a"', 'line 3, tariff.zone: "DE" does not fit; allowed: an EIC code'),
        ("tariff = 1", "line 1, tariff: 1 does not fit; allowed: a table"),
        ("[forecast]\nlatitude_deg = 91\nlongitude_deg = 0", "line 2, forecast.latitude_deg: 91 does not fit; allowed: a"),
    ],
)
def test_a_mistake_is_told_by_line_field_value_and_what_is_allowed(text: str, told: str) -> None:
    assert any(told in mistake for mistake in mistakes(text)), mistakes(text)


def test_the_token_of_a_source_is_never_repeated() -> None:
    for told in mistakes('[tariff]\nkind = "tibber"\ntoken = 12345678\nhome = 9'):
        assert "12345678" not in told
    assert spelling_at(("tariff", "token")).is_secret
    assert spelling_at(("meters", 0, "password")).is_secret


def test_every_kind_is_a_table_of_its_own_with_its_kind_first() -> None:
    kinds = {(table.path[0], table.kind): table for table in tables() if "kind" in table.settings and table.kinds}
    assert len(kinds) == len(spelling_at(("meters", 0)).kinds) + len(spelling_at(("tariff",)).kinds)
    for (_, kind), table in kinds.items():
        assert next(iter(table.settings)) == "kind"
        assert table.settings["kind"].example == kind
        assert "kind" in table.needed
        assert table.about


def test_a_place_in_the_file_has_no_kind_in_it() -> None:
    assert place_of(("meters", 1, "shelly", "host")) == ("meters", 1, "host")
    assert place_of(("tariff", "time_of_use", "bands", 0, "start")) == ("tariff", "bands", 0, "start")
    assert place_of(("tariff", "file", "file")) == ("tariff", "file")
    assert place_of(("devices", 0, "host")) == ("devices", 0, "host")


def test_what_is_asked_and_heard_is_told_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "day.csv").touch()
    text = f"""
        {BROKER}
        {SHELLY}
        [[meters]]
        name = "sun"
        kind = "opendata_push"
        role = "pv"
        invert = true
        [[meters]]
        name = "car"
        kind = "mqtt"
        role = "charger"
        topic = "car"
        [[meters]]
        name = "try"
        kind = "replay"
        role = "load"
        file = "day.csv"
        [tariff]
        kind = "tibber"
        token = "geheim"
        [forecast]
        source = "open_meteo"
        latitude_deg = 52.5
        longitude_deg = 13.4
        planes = [{{ tilt_deg = 30, azimuth_deg = 180, peak_w = 900 }}]
        """
    told = plan(read(text, tmp_path))
    assert told.devices[1:] == (
        "meter house (grid, shelly): asked at 10.0.0.9 every 1 s",
        "meter sun (pv, opendata_push): heard at UDP port 8088 of 0.0.0.0, its sign turned round",
        "meter car (charger, mqtt): heard of through the broker of [mqtt]",
        f"meter try (load, replay): replayed from {tmp_path / 'day.csv'}",
    )
    assert "asks Tibber for prices, with a token" in told.sends
    assert "asks Open-Meteo for the sun; it learns where the house is and how its modules lie" in told.sends
    assert "geheim" not in str(told)
    through = plan(read('[tariff]\nkind = "awattar"\nurl = "https://proxy.example/prices"'))
    assert through.sends == ("asks proxy.example (as aWATTar) for prices",)
    assert plan(read('[tariff]\nkind = "fixed"\nimport_price = 0.3')).sends == ("nowhere",)
