"""What a HomeWizard meter tells at ``/api/v1/data``: P1 meters, kWh meters and energy sockets. Pure.

Field names are of the HomeWizard Energy API documentation, version 1. Powers are W, positive for import; energies kWh.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from indevolt.hub.meters.told import Told, field, optional, present, thousandfold

PATH: Final = "/api/v1/data"
_LINES: Final = ("l1", "l2", "l3")
_WITNESSES: Final = (
    "active_voltage_v",
    "active_current_a",
    *(f"active_{what}" for line in _LINES for what in (f"voltage_{line}_v", f"current_{line}_a")),
)


def told(document: Mapping[str, Any]) -> Told:
    """Return what it measured.

    Raises:
        ProtocolError: there is no power in it.
    """
    return Told(
        field(document, "active_power_w"),
        present(document, (f"active_power_{line}_w" for line in _LINES)),
        thousandfold(optional(document, "total_power_import_kwh")),
        thousandfold(optional(document, "total_power_export_kwh")),
        witness=present(document, _WITNESSES),
    )
