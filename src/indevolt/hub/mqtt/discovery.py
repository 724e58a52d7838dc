"""What Home Assistant is told: one entity for each quantity that a device has, with all that makes it useful there.

Pure: from the catalogue to payloads. One retained topic per entity, which every version of Home Assistant understands. Energies
that only grow are the hub's own; the totals of devices fall back now and then, and Home Assistant would count that twice, so they
are ``total``. Templates turn ``null`` into unknown, and make the entity unavailable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from indevolt.catalogue import Model, Point, load
from indevolt.catalogue.codec import DIGITS, Codec, DeviceClock, Number, Switch, TimeOfDay, Words
from indevolt.hub.derive import DERIVED_UNITS
from indevolt.hub.events import Tier
from indevolt.hub.mqtt.topics import OFFLINE, ONLINE, Topics, told_names

ON: Final = "on"
OFF: Final = "off"
OUTCOMES: Final = ("effective", "confirmed", "accepted", "refused", "interrupted", "rejected", "failed")
UNKNOWN: Final = "unknown"  # the word that Home Assistant itself has for it

_CLASSES: Final[Mapping[str, str]] = {
    # the device class of a unit
    "W": "power",
    "V": "voltage",
    "A": "current",
    "Hz": "frequency",
    "°C": "temperature",
    "VA": "apparent_power",
    "var": "reactive_power",
    "s": "duration",
    "h": "duration",
    "d": "duration",
}
_DIGITS: Final[Mapping[str, int]] = {**DIGITS, "kWh": 2, "VA": 0, "var": 0}
_SPELLED: Final[Mapping[str, str]] = {
    # words of our names, as people write them
    "ac": "AC",
    "bms": "BMS",
    "dc": "DC",
    "dcdc": "DC-DC",
    "ems": "EMS",
    "microinverter": "micro-inverter",
    "mos": "MOSFET",
    "mppt": "MPPT",
    "offgrid": "off-grid",
    "ongrid": "grid-tied",
    "pv": "PV",
    "realtime": "real-time",
    "sn": "serial number",
    "soc": "SOC",
    "soh": "SOH",
}
_PRIMARY: Final = ("mode", "realtime_state", "realtime_power", "realtime_target_soc")  # settings that people use every day
_SHOWN: Final = re.compile(
    # what is enabled from the start beside the powers, energies and settings
    r"(main|pack\d)_(soc|soh|cycles|temperature|voltage)|battery_(temperature|voltage)|(inverter|transformer)_temperature"
    r"|(charge|discharge)_time_left|grid_(voltage|frequency)|pv\d_alarm_code|heating|rated_capacity"
)
_TIME: Final = r"^$|^([01]\d|2[0-3]):[0-5]\d$"
_BUTTONS: Final[Mapping[str, str]] = {"self_use": "Self-use", "schedule": "Schedule", "hold": "Hold"}


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: ``fields`` is what does not depend on the device it is of. Settings have a topic to be set by."""

    component: str
    name: str
    title: str
    tier: Tier
    part: str
    settable: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """A device as Home Assistant is told of it; what is empty is unknown."""

    name: str
    title: str
    serial: str
    firmware: str
    expire_s: Mapping[Tier, float | None]  # how long the values of a tier hold without a new message
    simulated: bool = False
    packs: Mapping[str, str] | None = None  # serial number by part


@cache
def entities(family: str, *, control: bool) -> tuple[Entity, ...]:
    """Return every entity that a device of a family can have; ``control``: its settings can be changed."""
    model = load(family)
    return tuple(
        entity
        for tier in (Tier.POWER, Tier.DERIVED, Tier.PACKS, Tier.SETTINGS, Tier.IDENTITY)
        for name in told_names(family, tier)
        if (entity := _entity(model, name, tier, control=control)) is not None
    )


def title_of(name: str, part: str = "") -> str:
    """Return a quantity's name for people."""
    words = name.removeprefix(f"{part}_").split("_") if part else name.split("_")
    spelled = []
    for word in words:
        letters, digits = found.groups() if (found := re.fullmatch(r"([a-z]+)(\d*)", word)) else (word, "")
        spelled.append(f"{_SPELLED.get(letters, letters)} {digits}".rstrip())
    text = " ".join(spelled).replace(" alt", ", other copy")
    return text[:1].upper() + text[1:]


def _entity(model: Model, name: str, tier: Tier, *, control: bool) -> Entity | None:
    if tier is Tier.DERIVED:
        fields = value_field(name) | number_fields(name, DERIVED_UNITS[name], grows=True)
        return Entity("sensor", name, title_of(name), tier, "", settable=False, fields=fields)
    point = model.points[name]
    codec = point.read.codec if point.read else None
    if codec is None or isinstance(codec, DeviceClock):
        return None  # a clock that ticks tells nothing, and fills a database
    settable = control and point.settable and (found := _control(point)) is not None
    component, fields = found if settable and found else _sensor(point, codec)
    fields = {**fields, **_standing(point, tier, settable=settable)}
    return Entity(component, name, title_of(name, point.part), tier, point.part, settable, fields)


def _standing(point: Point, tier: Tier, *, settable: bool) -> dict[str, Any]:
    """Return how prominent an entity is."""
    shown = settable or tier is Tier.POWER or _SHOWN.fullmatch(point.name) is not None or (tier is Tier.SETTINGS and point.settable)
    standing: dict[str, Any] = {} if shown else {"enabled_by_default": False}
    if settable:
        return standing if point.name in _PRIMARY else {**standing, "entity_category": "config"}
    quiet = not shown or tier in (Tier.SETTINGS, Tier.IDENTITY) or point.name.endswith("_code") or point.name == "meter_connected"
    return {**standing, "entity_category": "diagnostic"} if quiet else standing


# ---- what is shown -----------------------------------------------------------------------------------------------------------


def value_field(name: str) -> dict[str, str]:
    """Return where in a state a quantity is."""
    return {"value_template": f"{{{{ {_get(name)} }}}}"}


def _get(name: str) -> str:
    return f"(value_json.{name} | default(none))"


def _sensor(point: Point, codec: Codec) -> tuple[str, dict[str, Any]]:
    value = _get(point.name)
    match codec:
        case Number():
            return "sensor", value_field(point.name) | number_fields(point.name, point.unit, grows=False)
        case Words(codes=codes):
            words = list(codes)
            template = f"{{% set v = {value} %}}{{{{ v if v in {words} else '{UNKNOWN}' }}}}"
            return "sensor", {"device_class": "enum", "options": [*words, UNKNOWN], "value_template": template}
        case Switch():
            return "binary_sensor", {"payload_on": ON, "payload_off": OFF, "value_template": _on_or_off(value)}
    return "sensor", {"value_template": f"{{% set v = {value} %}}{{{{ v if v is string else '{UNKNOWN}' }}}}"}


def _on_or_off(value: str) -> str:
    return f"{{% set v = {value} %}}{{{{ '{ON}' if v is true else '{OFF}' if v is false else none }}}}"


def number_fields(name: str, unit: str, *, grows: bool) -> dict[str, Any]:
    """Return what kind of number it is, by Home Assistant's rules."""
    if unit == "Wh" and "energy" in name and name != "stored_energy":
        template = f"{{% set v = {_get(name)} %}}{{{{ (v / 1000) | round(3) if v is number else none }}}}"
        # A count that starts anew each midnight is total_increasing there. The totals of devices fall back now and then.
        kind = "total_increasing" if grows or name.endswith("_today") else "total"
        return _measured("energy", "kWh", kind) | {"value_template": template}
    if unit == "Wh":
        return _measured("energy_storage", unit, None)
    if unit == "%":
        charge = re.fullmatch(r"(.*_)?soc", name) is not None
        factor = name.endswith("power_factor")
        return _measured("battery" if charge else "power_factor" if factor else None, unit, "measurement")
    if unit:
        rated = name.startswith("max_") or "rated" in name or "limit" in name
        return _measured(_CLASSES.get(unit), unit, None if rated else "measurement")
    return {"state_class": "measurement"} if name.endswith("_cycles") else {}


def _measured(kind: str | None, unit: str, state: str | None) -> dict[str, Any]:
    fields = {
        "device_class": kind,
        "unit_of_measurement": unit,
        "state_class": state,
        "suggested_display_precision": _DIGITS.get(unit),
    }
    return {name: value for name, value in fields.items() if value is not None}


# ---- what can be set ---------------------------------------------------------------------------------------------------------


def _control(point: Point) -> tuple[str, dict[str, Any]] | None:
    """Return how a setting is set; None where its bounds are not documented."""
    value = _get(point.name)
    match point.writes[0].codec:
        case Number():
            lows = [side.low for side in point.writes if side.low is not None]
            highs = [side.high for side in point.writes if side.high is not None]
            if not lows or not highs:
                return None
            low, high = min(lows), max(highs)
            # Home Assistant complains of a value beyond the bounds, as a stopped command has it; it is unknown there.
            template = f"{{% set v = {value} %}}{{{{ v if v is number and {low:g} <= v <= {high:g} else none }}}}"
            fields: dict[str, Any] = {"min": low, "max": high, "step": 1, "mode": "box", "value_template": template}
            kind = number_fields(point.name, point.unit, grows=False)
            return "number", fields | {name: kind[name] for name in ("device_class", "unit_of_measurement") if name in kind}
        case Words():
            words = [word for side in point.writes if isinstance(side.codec, Words) for word in side.codec.codes]
            options = list(dict.fromkeys(words))
            return "select", {
                "options": options,
                "value_template": f"{{% set v = {value} %}}{{{{ v if v in {options} else none }}}}",
            }
        case Switch():
            return "switch", {"payload_on": ON, "payload_off": OFF, "value_template": _on_or_off(value)}
        case TimeOfDay():
            return "text", {"min": 0, "max": 5, "pattern": _TIME, "value_template": f"{{{{ {value} or '' }}}}"}
    return None


# ---- payloads ----------------------------------------------------------------------------------------------------------------


class Announcer:
    """Makes the announcements of one hub.

    ``node`` is the name of the hub: with the device's name it makes ids, so another unit behind the same name keeps its entities.
    """

    def __init__(self, node: str, prefix: str, topics: Topics) -> None:
        self._node = node
        self._prefix = prefix
        self._topics = topics
        self._origin = {"name": "indevolt", "sw_version": version("indevolt")}

    @property
    def filter(self) -> str:
        """What matches all our announcements."""
        return f"{self._prefix}/+/{self._node}/+/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self._prefix}/status"

    def topic(self, component: str, device: str, name: str) -> str:
        """Return the topic of an announcement."""
        return f"{self._prefix}/{component}/{self._node}/{device}-{name}/config"

    def device_of(self, topic: str) -> str:
        """Return the device whose announcement this is."""
        return topic.split("/")[-2].rpartition("-")[0]  # no quantity has a hyphen in its name

    def entity(self, entity: Entity, unit: Unit) -> tuple[str, dict[str, Any]]:
        """Return topic and payload of an entity."""
        state = self._topics.state(unit.name, entity.tier)
        there = f"{{{{ '{OFFLINE}' if {_get(entity.name)} is none else '{ONLINE}' }}}}"
        payload = self._payload(entity.name, entity.title, unit, part=entity.part)
        payload["availability"].append({"topic": state, "value_template": there})
        payload |= {"state_topic": state, **entity.fields}
        if entity.settable:
            payload |= {"command_topic": self._topics.setting(unit.name, entity.name), "qos": 1, "retain": False}
        elif (expire_s := unit.expire_s.get(entity.tier)) is not None:
            payload["expire_after"] = math.ceil(expire_s)
        return self.topic(entity.component, unit.name, entity.name), payload

    def own(self, unit: Unit, *, control: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield topic and payload of what a device has beside its quantities. The first one does not need the device."""
        status = self._topics.device_status(unit.name)
        link = self._payload("link", "Connection", unit)
        link["availability"].pop()
        link |= {"state_topic": status, "payload_on": ONLINE, "payload_off": OFFLINE, "device_class": "connectivity"}
        yield self.topic("binary_sensor", unit.name, "link"), {**link, "entity_category": "diagnostic"}
        alerts = self._topics.alerts(unit.name)
        problem = self._payload("problem", "Problem", unit)
        problem["availability"].pop()
        problem |= {"state_topic": alerts, "json_attributes_topic": alerts, "device_class": "problem"}
        problem |= {"value_template": f"{{{{ '{ON}' if value_json.active else '{OFF}' }}}}", "payload_on": ON, "payload_off": OFF}
        yield self.topic("binary_sensor", unit.name, "problem"), {**problem, "entity_category": "diagnostic"}
        if not control:
            return
        outcome = self._topics.outcome(unit.name)
        last = self._payload("outcome", "Last outcome", unit)
        last |= {"state_topic": outcome, "json_attributes_topic": outcome, "value_template": "{{ value_json.stage }}"}
        last |= {"device_class": "enum", "options": list(OUTCOMES), "entity_category": "diagnostic"}
        yield self.topic("sensor", unit.name, "outcome"), last
        for command, title in _BUTTONS.items():
            button = self._payload(command, title, unit)
            button |= {"command_topic": self._topics.command(unit.name), "payload_press": command, "qos": 1, "retain": False}
            yield self.topic("button", unit.name, command), button

    def _payload(self, name: str, title: str, unit: Unit, *, part: str = "") -> dict[str, Any]:
        availability: list[dict[str, str]] = [{"topic": self._topics.status}, {"topic": self._topics.device_status(unit.name)}]
        return {
            "name": title,
            "unique_id": f"{self._node}_{unit.name}_{name}",
            "availability": availability,
            "availability_mode": "all",
            "device": self._pack(unit, part) if part else self._unit(unit),
            "origin": self._origin,
        }

    def _unit(self, unit: Unit) -> dict[str, Any]:
        return _known(
            identifiers=[f"{self._node}_{unit.name}"],
            name=_device_name(unit),
            manufacturer="INDEVOLT",
            model=unit.title,
            sw_version=unit.firmware,
            serial_number=unit.serial,
        )

    def _pack(self, unit: Unit, part: str) -> dict[str, Any]:
        return _known(
            identifiers=[f"{self._node}_{unit.name}_{part}"],
            name=f"{_device_name(unit)} {title_of(part).lower()}",
            manufacturer="INDEVOLT",
            model=f"Battery pack of {unit.title}" if unit.title else "Battery pack",
            serial_number=(unit.packs or {}).get(part, ""),
            via_device=f"{self._node}_{unit.name}",
        )


def _device_name(unit: Unit) -> str:
    # Begins with a word that no entity's name begins with, which Home Assistant would complain of.
    return f"INDEVOLT {unit.name}{' (simulated)' if unit.simulated else ''}"


def _known(**facts: object) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact}
