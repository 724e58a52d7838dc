"""The house as a whole on the broker: one more device, whose entities Home Assistant's energy dashboard can take as they are."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from indevolt.hub.events import Tier
from indevolt.hub.latest import HELD_CYCLES
from indevolt.hub.mqtt.discovery import Entity, Unit, number_fields, title_of, value_field
from indevolt.hub.mqtt.topics import state_payload
from indevolt.hub.site.quantities import COUNTERS, ENERGIES, LEVELS, POWERS, SITE, SITE_UNITS
from indevolt.hub.site.service import look, period_s

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

TITLE: Final = "The house as a whole, as the hub works it out"
SHOWN: Final = frozenset((*POWERS, *LEVELS, *(name for name in ENERGIES if "without" not in name)))
"""What is enabled from the start; flows, and what would be without a battery, are there for those who want them."""


@cache
def site_entities() -> tuple[Entity, ...]:
    """Return the entities of the site."""
    return tuple(_entity(name, unit) for name, unit in SITE_UNITS.items())


def _entity(name: str, unit: str) -> Entity:
    fields = value_field(name) | number_fields(name, unit, grows=name in COUNTERS)
    if name not in SHOWN:
        fields["enabled_by_default"] = False
    return Entity("sensor", name, title_of(name), Tier.SITE, "", settable=False, fields=fields)


def site_unit(hub: Hub) -> Unit:
    """Return the site as Home Assistant is told of it."""
    expire_s = {Tier.SITE: 2 * HELD_CYCLES * period_s(hub) + 60.0}
    return Unit(SITE, TITLE, "", "", expire_s, simulated=any(keeper.simulated for keeper in hub.keepers.values()))


def site_payload(hub: Hub) -> bytes:
    """Return the state of the site."""
    return state_payload(look(hub).reading(), SITE_UNITS)
