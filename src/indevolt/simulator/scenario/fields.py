"""How a scenario file is written: every table with its fields, as data.

Checks, error texts and the page of reference all come from here. What has to fit together (a unit's settings and its model, an
event and its unit) is in ``units`` and ``events``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from indevolt.catalogue import products
from indevolt.errors import InvalidInput
from indevolt.simulator.access import Api
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.faults import FORMS, parse_fault
from indevolt.simulator.meter import MeterPlace, Via
from indevolt.simulator.scenario.records import MeterSort
from indevolt.simulator.sky import Weather
from indevolt.tomlfields import (
    NEEDED,
    Either,
    Entries,
    Field,
    Instant,
    Many,
    Number,
    Section,
    Spelled,
    Table,
    Tables,
    Text,
    Word,
    words,
)

# ---- times -----------------------------------------------------------------------------------------------------------

When: TypeAlias = Callable[[datetime], datetime]
"""What ``at`` of an event means, given the start."""

_UNITS_S: Final = {"d": 86_400.0, "h": 3_600.0, "min": 60.0, "s": 1.0}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:d|h|min|s)\s*)+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|s)")
_DAY_TIME: Final = re.compile(r"(?:(?P<days>\d{1,3})d\s+)?(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?")
_LONGEST_S: Final = 366 * 86_400.0
_DURATIONS: Final = "a duration like 90s, 10min, 1h30min or 2d"
_METERS: Final = "http://HOST:PORT, udp://HOST:PORT or push://HOST:PORT"
_TIMES: Final = (
    "a time of day like 13:05, 13:05:30 or, two days later, 2d 13:05; +90min after the start; a date and time without quotes"
)


def duration_s(text: str) -> float:
    """Return the seconds that a text like ``1h30min`` means.

    Raises:
        InvalidInput: not a duration, none at all, or more than a year.
    """
    if _DURATION.fullmatch(text.strip()):
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
        if 0 < seconds <= _LONGEST_S:
            return seconds
    raise InvalidInput(f'"{text:.40}" does not fit', remedy=f"allowed: {_DURATIONS}, up to a year")


def time_of_day(raw: str | time) -> time:
    """Return a time of day from ``22:30``, ``22:30:15``, ``24:00`` or a time of TOML.

    Raises:
        InvalidInput: not a time of day.
    """
    if isinstance(raw, time):
        return raw.replace(microsecond=0)
    match = _DAY_TIME.fullmatch(raw.strip())
    if match is None or match["days"] is not None:
        raise InvalidInput(f'"{raw:.40}" does not fit', remedy="allowed: a time of day like 22:30")
    return time() if match[0] == "24:00" else _time(match)


def moment(raw: str | time | datetime) -> When:
    """Return what a text or a value of TOML says about when something happens.

    Raises:
        InvalidInput: none of the forms.
    """
    if isinstance(raw, datetime):
        return lambda _: raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    if isinstance(raw, time):
        return lambda start: _next(start, raw)
    text = raw.strip()
    if text.startswith("+"):
        after = timedelta(seconds=duration_s(text[1:]))
        return lambda start: start + after
    match = _DAY_TIME.fullmatch(text)
    if match is None:
        raise InvalidInput(f'"{raw:.40}" does not fit', remedy=f"allowed: {_TIMES}")
    at, days = _time(match), match["days"]
    if days is None:
        return lambda start: _next(start, at)
    return lambda start: datetime.combine(start.date(), at, UTC) + timedelta(days=int(days))


def meter_place(text: str) -> MeterPlace:
    """Return the meter that a text like ``http://192.168.1.5:80`` means.

    Raises:
        InvalidInput: none of the forms.
    """
    try:
        parts = urlsplit(text.strip())
        place = MeterPlace(Via(parts.scheme), parts.hostname or "", parts.port or 0)
    except ValueError:
        place = None
    if place is None or not place.host or not place.port or str(place) != text.strip().lower():
        raise InvalidInput(f'"{text:.60}" does not fit', remedy=f"allowed: {_METERS}")
    return place


def _time(match: re.Match[str]) -> time:
    try:
        return time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    except ValueError:
        raise InvalidInput(f'"{match[0]}" does not fit', remedy="allowed: times from 00:00 to 23:59:59") from None


def _next(start: datetime, at: time) -> datetime:
    """Return the first instant at or after the start with this time of day."""
    found = datetime.combine(start.date(), at, UTC)
    return found if found >= start else found + timedelta(days=1)


# ---- tables ----------------------------------------------------------------------------------------------------------

_PORT: Final = Number(0, 2**16 - 1, whole=True)
_PRICE: Final = Number(-10, 10, "EUR/kWh")
_PERCENT: Final = Number(0, 100, "%", whole=True)
_MOST_W: Final = 12_000.0
_WATTS: Final = Number(0, _MOST_W, "W", whole=True)
_SLOT_TIME: Final = Spelled(time_of_day, "a time of day like 22:30 (UTC); 24:00 as an end", (str, time))

CSV: Final = Section(
    '{ csv = "FILE" }',
    "A column of numbers at equal steps, from a file. Without times it begins with the year; when it ends, it starts again.",
    (
        Field("csv", Text("a file name, relative to the scenario file,"), "File, with a line of column names."),
        Field("column", Text("the name of a column"), "Which column, where there are more than one.", None),
        Field("step_s", Number(0.1, 86_400, "s"), "Seconds from value to value; else the file needs a column of times.", None),
        Field("scale", Number(-1e6, 1e6), "Makes the file's unit ours: 0.001 for prices in EUR/MWh, 1000 for power in kW.", 1.0),
    ),
)

HOUSE: Final = Section(
    "[house]",
    "What the house takes.",
    (
        Field(
            "load",
            Either((words("built-in"), Number(0, 100_000, "W"), Table(CSV))),
            "Built-in appliances that come and go by the seed, the same watts all day, or a series of watts.",
            "built-in",
        ),
        Field("daily_kwh", Number(1, 100, "kWh"), "What the built-in appliances take in a day, on average.", 9.0),
        Field(
            "bypass_w",
            Number(-_MOST_W / 5, _MOST_W / 5, "W"),
            "At the first unit's bypass socket, which also works without grid: positive is a load, negative a micro-inverter.",
            0.0,
        ),
    ),
)

SKY: Final = Section(
    "[sky]",
    "Sun and air.",
    (
        Field(
            "kind",
            Either((Word(lambda: tuple(map(str, Weather))), Table(CSV))),
            "Weather of every day, `seasonal` for a mixture as the month has it; or a series of PV watts per watt of peak power.",
            "seasonal",
        ),
        Field("latitude_deg", Number(-66, 66, "°"), "North is positive.", 51.0),
        Field("longitude_deg", Number(-180, 180, "°"), "East is positive. Times stay UTC.", 10.0),
        Field(
            "temperature_c",
            Many(Number(-60, 70, "°C"), 2, 2),
            "Coldest and warmest air of every day, where the units stand; else by season and place.",
            None,
        ),
    ),
)

ROOF: Final = Section(
    "[roof]",
    "PV with an inverter of its own, behind the same meter. Without this table there is none.",
    (
        Field("peak_w", Number(1, 30_000, "W"), "Installed peak power."),
        Field("tilt_deg", Number(0, 90, "°"), "0 lies flat, 90 stands upright.", 30.0),
        Field("azimuth_deg", Number(0, 360, "°"), "As a compass: 90 east, 180 south, 270 west.", 180.0),
    ),
)

METER: Final = Section(
    "[meter]",
    "What measures the grid connection, for the units in self-consumption.",
    (
        Field(
            "sort",
            Word(lambda: tuple(map(str, MeterSort))),
            "The vendor's own, a P1 reader, a Shelly Pro 3EM look-alike, or none: units then follow their load curve.",
            "native",
        ),
        Field(
            "refresh_s",
            Number(0.1, 60, "s"),
            "How often a unit sees a new value; else 2, and 0.5 of a p1, which pushes.",
            None,
        ),
        Field("port", _PORT, "TCP port where the meter answers; 0 takes a free one.", 0),
    ),
)

_PRICES: Final = Either((_PRICE, Many(_PRICE, 24, 24), Table(CSV)))

TARIFF: Final = Section(
    "[tariff]",
    "Prices, for the costs in the report. Without this table none are shown.",
    (
        Field("import_price", _PRICES, "Of energy from the grid: one price, one for each hour of the day (UTC), or a series."),
        Field("export_price", _PRICES, "Of energy into the grid.", 0.0),
    ),
)

SLOT: Final = Section(
    "[[units.schedule]]",
    "One slot of the unit's own plan, which it runs while its mode is schedule or custom_time. Between slots it stands by.",
    (
        Field("start", _SLOT_TIME, "From when on, every day."),
        Field("end", _SLOT_TIME, "Until when; before the start means the next day."),
        Field("action", words("charge", "discharge", "standby"), "What the unit does."),
        Field("power_w", _WATTS, "With which power; needed but for standby.", None),
        Field("soc_pct", _PERCENT, "Where it stops; else 100 charging and 5 discharging.", None),
    ),
)

UNIT: Final = Section(
    "[[units]]",
    "A storage unit; one table for each.",
    (
        Field("name", Text("a name", 40), "What events and report call it; else unit1, unit2, ...", None),
        Field("model", Word(lambda: tuple(products())), "Product."),
        Field("modules", Number(1, 6, whole=True), "Battery modules, main unit included; the product may take fewer.", 2),
        Field("soc_pct", Number(0, 100, "%"), "State of charge at the start.", 50.0),
        Field("pv_w", Many(Number(0, 1500, "W"), 0, 4), "Peak power at each PV input: `[440, 440]`.", ()),
        Field("temperature_c", Number(-40, 70, "°C"), "Of the cells at the start; else that of the air.", None),
        Field(
            "settings", Entries("a table of settable quantities of the model"), 'As `{ backup_soc = 20, mode = "schedule" }`.', {}
        ),
        Field("cluster", Word(lambda: tuple(map(str, Role))), "Its part in the cluster of these units.", "none"),
        Field(
            "cluster_type", Word(lambda: tuple(map(str, Wiring))), "Of a master: how the units are wired; else coordinated.", None
        ),
        Field("schedule", Tables(SLOT, 0, 24), "Its plan.", ()),
        Field(
            "load_curve",
            Either((Number(0, _MOST_W, "W"), Many(Number(0, _MOST_W, "W"), 48, 48))),
            "What it delivers when the meter is lost: the same all day, or for each half hour from 00:00 UTC on.",
            None,
        ),
        Field(
            "meter",
            Spelled(meter_place, _METERS),
            "A meter on the network that it looks at instead of that of the home: a Shelly, asked over HTTP or in datagrams, or a "
            "P1 reader, heard at this address. Without a network, in a report, it goes by that of the home.",
            None,
        ),
        Field("port", _PORT, "TCP port of its API; else one after the other from the one that is asked for.", None),
        Field("serial", Text("a serial number", 40), "Else by the seed.", None),
        Field("api", Word(lambda: tuple(map(str, Api))), "Setting of the local API.", "http"),
        Field("password", Text("a password", 64), "Digest password; else the one that the documents print.", None),
    ),
)

COMMAND: Final = Section(
    "{ charge = W }",
    "A power command: one of charge and discharge.",
    (
        Field("charge", _WATTS, "Charge with this power.", None),
        Field("discharge", _WATTS, "Discharge with this power.", None),
        Field("soc", _PERCENT, "Until this state of charge; else 100 charging and 5 discharging.", None),
    ),
)

_QUANTITIES: Final = Many(Text("the name of a quantity", 60), 1, 500)

FIRMWARE: Final = Section(
    "{ fw = VERSION }",
    "An update. The unit restarts; then some quantities are gone or answer at another number. What an earlier one did is undone.",
    (
        Field("fw", Text("a version"), "The long version that the unit then reports.", None),
        Field("f_ver", Text("a version"), "The short one.", None),
        Field("remove", _QUANTITIES, "Quantities that are no longer answered.", ()),
        Field("move", Entries("a table of quantities and their new numbers"), "As `{ battery_soc = 60001 }`.", {}),
        Field("down_s", Number(0, 3600, "s"), "How long the unit is away.", 60.0),
    ),
)

EVENT: Final = Section(
    "[[events]]",
    "Something that happens: when, to whom, and one thing that does.",
    (
        Field("at", Spelled(moment, _TIMES, (str, time, datetime)), "When. A time of day is the next one after the start (UTC)."),
        Field("for", Spelled(duration_s, _DURATIONS), "How long; then everything is as before. Else it stays.", None),
        Field("unit", Text("the name of a unit, or all,", 40), "To whom.", "all"),
        Field(
            "fault",
            Spelled(lambda spec: parse_fault(spec).spec, f"a fault: {', '.join(FORMS)}, with *COUNT or @PROBABILITY"),
            "Something goes wrong with its answers.",
            None,
        ),
        Field("reboot", Number(0, 3600, "s"), "It restarts and is away for so long.", None),
        Field("set", Entries("a table of settable quantities and values"), "Somebody changes settings in the app.", None),
        Field(
            "command",
            Either((words("self-use", "hold", "schedule"), Table(COMMAND))),
            "A client sends a command; with all, only to units that are no slaves.",
            None,
        ),
        Field("meter", words("offline", "online"), "The units lose their meter, or find it.", None),
        Field("grid", words("down", "up"), "The grid goes out, or comes back.", None),
        Field("remove", _QUANTITIES, "These quantities are left out of every reply.", None),
        Field("restore", _QUANTITIES, "What was removed so is back.", None),
        Field("firmware", Table(FIRMWARE), "New firmware.", None),
        Field("note", Text("a text"), "Only a remark in the report.", None),
    ),
)

SCENARIO: Final = Section(
    "the top of the file",
    "What it is, when it is, and how finely it is computed.",
    (
        Field("title", Text("a text", 80), "One line."),
        Field("about", Text("a text", 2000), "What there is to see.", ""),
        Field("start", Instant(), "When it begins; this also decides the season."),
        Field("days", Number(0.01, 366, "d"), "How long it lasts.", 1.0),
        Field("seed", Number(0, 999_999, whole=True), "Decides appliances, clouds, serial numbers and chance.", 1),
        Field("step_s", Number(1, 900, "s"), "Step of the computation.", 1.0),
        Field("house", Table(HOUSE), "The house.", {}),
        Field("sky", Table(SKY), "The weather.", {}),
        Field("roof", Table(ROOF), "Other PV.", None),
        Field("meter", Table(METER), "The meter.", {}),
        Field("tariff", Table(TARIFF), "The prices.", None),
        Field("units", Tables(UNIT, 1, 12), "The units.", NEEDED),
        Field("events", Tables(EVENT, 0, 500), "What happens.", ()),
    ),
)
