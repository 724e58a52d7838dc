"""The house as a whole on the broker: one more device, whose entities Home Assistant's energy dashboard can take as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from indevolt.hub.config_meters import MeterRole
from indevolt.hub.events import Tier
from indevolt.hub.latest import HELD_CYCLES
from indevolt.hub.mqtt.discovery import Entity, Unit, number_fields, title_of, value_field
from indevolt.hub.mqtt.topics import state_payload
from indevolt.hub.site.quantities import COUNTERS, ENERGIES, LEVELS, POWERS, SITE, SITE_UNITS
from indevolt.hub.site.service import branches_of, look, period_s

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

TITLE: Final = "The house as a whole, as the hub works it out"
SHOWN: Final = frozenset((*POWERS, *LEVELS, *(name for name in ENERGIES if "without" not in name)))
"""What is enabled from the start; flows, and what would be without a battery, are there for those who want them."""
OF_CHARGERS: Final = frozenset(("charger_power", "energy_charger"))
"""What is enabled only where a meter of the role charger is."""


def site_entities(*, chargers: bool) -> tuple[Entity, ...]:
    """Return the entities of the site; ``chargers``: there is a meter of that role."""
    shown = SHOWN if chargers else SHOWN - OF_CHARGERS
    return tuple(_entity(name, unit, shown=name in shown) for name, unit in SITE_UNITS.items())


def _entity(name: str, unit: str, *, shown: bool) -> Entity:
    fields = value_field(name) | number_fields(name, unit, grows=name in COUNTERS)
    if not shown:
        fields["enabled_by_default"] = False
    return Entity("sensor", name, title_of(name), Tier.SITE, "", settable=False, fields=fields)


def has_chargers(hub: Hub) -> bool:
    """Return whether there is a meter of what cars take."""
    return MeterRole.CHARGER in branches_of(hub).values()


def site_unit(hub: Hub) -> Unit:
    """Return the site as Home Assistant is told of it."""
    expire_s = {Tier.SITE: 2 * HELD_CYCLES * period_s(hub) + 60.0}
    return Unit(SITE, TITLE, "", "", expire_s, simulated=any(keeper.simulated for keeper in hub.keepers.values()))


def site_payload(hub: Hub) -> bytes:
    """Return the state of the site."""
    return state_payload(look(hub).reading(), SITE_UNITS)
