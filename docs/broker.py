"""The page about the hub on a broker, made of the modules that make topics, payloads and announcements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from indevolt.catalogue import families, load
from indevolt.hub.derive import DERIVED_ABOUT
from indevolt.hub.events import Tier
from indevolt.hub.mqtt.commands import BURST, PER_MINUTE
from indevolt.hub.mqtt.discovery import OUTCOMES, Entity, entities
from indevolt.hub.mqtt.site import site_entities
from indevolt.hub.mqtt.topics import TIERS, Topics, told_names
from indevolt.hub.site.quantities import SITE, SITE_ABOUT, SITE_UNITS

COLUMNS = ["quantity", "component", "class", "unit", "category", "enabled", "meaning"]
Table = Callable[[list[str], Iterable[list[str]]], Iterator[str]]

STAGES = {
    "effective": "the device shows it, and the power moved as commanded",
    "confirmed": "the device shows it",
    "accepted": "the device took it, and does not show it, or not in time",
    "refused": "the device said no",
    "interrupted": "the device went away or restarted before anything could be proven",
    "rejected": "nothing was sent: not understood, not allowed, or too many; `error` and `remedy` say why",
    "failed": "the device could not be asked, or answered with an error; `error` and `remedy` say why",
}
WITHIN = {
    Tier.POWER: "powers, states of charge, modes, energies",
    Tier.DERIVED: "what the hub works out: directions, the house, energies that only grow",
    Tier.PACKS: "packs, voltages, currents, temperatures",
    Tier.SETTINGS: "settings and limits",
    Tier.IDENTITY: "serial numbers and versions",
    Tier.SITE: "the house as a whole, as device `site`: totals of all units and the meter, energies, where energy went",
}


INTRODUCTION = """
# The hub on an MQTT broker

With `[mqtt]` in its [configuration](hub-config.md), the hub tells a broker (MQTT 3.1.1 or newer) all that it knows, takes
settings and commands from there, and announces every entity to Home Assistant, which needs nothing else.

## Topics

`indevolt` is `mqtt.topic`; `DEVICE` the name of a device in the configuration.
"""
STATES = """
## States

What is read together is one JSON object with values of one moment; one topic for each quantity would be fifty messages every
five seconds and device instead of one.

```json
{"at": "2026-06-21T10:00:05+00:00", "battery_soc": 54.9, "battery_power": 482, "mode": "self_use", "meter_power": null,
 "quality": {"meter_power": "not available"}}
```

Names, units and signs are those of [the points](points.md): W, Wh, V, A, %, °C; power is positive when it flows into the
house. `null` is unknown, and `quality` says why: not available, not installed, absent, quarantined, stale, offline. It is
never 0. A value that missed one reading is still there, with the quality `held`. When a device falls silent or repeats
itself, its values become `null`. When the hub itself is gone, its last will says `offline`, and what it left behind is old:
look at its status, the device's and the value.
"""
ASKING = """
Those are the names of `gen2`, with pack 1 for all packs; other families have theirs.

## Settings and commands

Only for devices with `control = true`, and not at all with `commands = false`; who may publish is the broker's to decide.

```console
$ mosquitto_pub -q 1 -t indevolt/cellar/set/backup_soc -m 20
$ mosquitto_pub -q 1 -t indevolt/cellar/set/backup_soc -m '{"value": 20, "id": "w-1", "reason": "storm"}'
$ mosquitto_pub -q 1 -t indevolt/cellar/command -m '{"command": "charge", "power_w": 800, "soc_pct": 80}'
$ mosquitto_pub -q 1 -t indevolt/cellar/command -m self_use
```

Commands are `self_use`, `schedule`, `hold`, `charge` and `discharge`; the last two take `power_w` and, if wanted, `soc_pct`.
`id` comes back in the outcome, `reason` goes into the journal. A retained message is never carried out, and nothing waits for
a hub that is away. At most PER_MINUTE a minute and device are taken, BURST at once.

```json
{"id": "w-1", "asked": "backup_soc", "at": "2026-06-21T10:00:07+00:00", "stage": "confirmed", "proven": true,
 "wanted": {"backup_soc": 20}, "before": {"backup_soc": 10}, "shown": {"backup_soc": 20}, "took_s": 1.2, "notes": []}
```
"""
DISCOVERY = """
## Home Assistant

Each entity has a retained topic `homeassistant/COMPONENT/HUB/DEVICE-NAME/config`, which every version understands. A unit is
a device, and so is each of its packs. An entity is available while the hub, the device and the value are; sensors expire
besides. Ids are made of the names of hub and device, so a unit that is exchanged keeps its entities and history. A pack that
is taken out, a device that is no longer configured, and controls that are no longer allowed are taken back; all is told again
when Home Assistant starts.

The energy dashboard takes `energy_grid_import`, `energy_grid_export`, `energy_solar`, `energy_charge` and `energy_discharge` of
the device *site*, which is the house as a whole: they only grow, whatever a unit says, and several units that see the same meter
count it once. Each unit has the same of its own. The units' own totals may fall back, so they are `total`.

Beside its quantities each device has *Connection* and *Problem*; with control also *Last outcome* and buttons for self-use,
schedule and hold. Settings are only shown without control. What is not enabled from the start can be, on the page of the
entity. Pack 1 stands for all packs.
"""


def broker(table: Table) -> Iterator[str]:
    """Yield the lines of the page."""
    yield INTRODUCTION.lstrip()
    yield from _topics(table)
    yield STATES
    rows = ([f"`{tier}`", ", ".join(f"`{name}`" for name in told_names("gen2", tier) if _is_told(name))] for tier in TIERS)
    yield from table(["state", "quantities"], [*rows, [f"`{Tier.SITE}`", ", ".join(f"`{name}`" for name in SITE_UNITS)]])
    yield ASKING.replace("PER_MINUTE", str(PER_MINUTE)).replace("BURST", str(BURST))
    yield from table(["stage", "meaning"], ([f"`{stage}`", STAGES[stage]] for stage in OUTCOMES))
    yield DISCOVERY
    yield "### The house as a whole (`site`)\n"
    yield from table(COLUMNS, (_row(each, SITE) for each in site_entities(chargers=True)))
    yield ""
    for family in families():
        yield from _family(family, table)


def _is_told(name: str) -> bool:
    return not name.startswith(("pack2", "pack3", "pack4", "pack5"))


def _topics(table: Table) -> Iterator[str]:
    topics = Topics("indevolt")
    device = "DEVICE"
    rows = [
        [f"`{topics.status}`", "yes, QoS 1", "`online` or `offline`: the hub; also its last will"],
        [f"`{topics.alerts('')}`", "yes, QoS 1", "what needs attention in the hub itself"],
        [f"`{topics.device_status(device)}`", "yes, QoS 1", "`online` or `offline`: whether the device answers the hub"],
        *([f"`{topics.state(device, tier)}`", "yes, QoS 0", WITHIN[tier]] for tier in TIERS),
        [f"`{topics.state(SITE, Tier.SITE)}`", "yes, QoS 0", WITHIN[Tier.SITE]],
        [
            f"`{topics.alerts(device)}`",
            "yes, QoS 1",
            '`{"active": ["silent"], "texts": {"silent": "..."}}`; empty when all is well',
        ],
        [f"`{topics.setting(device, 'NAME')}`", "**never**", "to be published to: a value for a setting"],
        [f"`{topics.command(device)}`", "**never**", "to be published to: a command"],
        [f"`{topics.outcome(device)}`", "no, QoS 1", "what became of each"],
    ]
    yield from table(["topic", "retained", "payload"], rows)


def _family(family: str, table: Table) -> Iterator[str]:
    model = load(family)
    yield f"### {model.title} (`{family}`)\n"
    told = [each for each in entities(family, control=True) if _is_told(each.name)]
    if model.extends:
        base = [each for each in entities(model.extends, control=True) if _is_told(each.name)]
        names = {each.name for each in told}
        yield f"As `{model.extends}`, without {', '.join(f'`{each.name}`' for each in base if each.name not in names)}.\n"
        told = [each for each in told if each not in base]
    yield from table(COLUMNS, (_row(each, family) for each in told))
    yield ""


def _row(entity: Entity, family: str) -> list[str]:
    fields = entity.fields
    match entity.tier:
        case Tier.DERIVED:
            about = DERIVED_ABOUT[entity.name]
        case Tier.SITE:
            about = SITE_ABOUT[entity.name]
        case _:
            about = load(family).points[entity.name].about
    return [
        f"`{entity.name}`",
        entity.component,
        ", ".join(filter(None, (fields.get("device_class"), fields.get("state_class")))),
        fields.get("unit_of_measurement", ""),
        fields.get("entity_category", ""),
        "yes" if fields.get("enabled_by_default", True) else "no",
        about,
    ]
