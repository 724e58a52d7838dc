"""What a Shelly of generation 2 or later tells in ``Shelly.GetStatus``: power and energy of any of its parts. Pure.

Field names are of the Shelly Gen2+ API documentation (components EM, EMData, EM1, EM1Data, Switch, PM1). Powers are W, positive for
import; energies Wh. All parts are in one document, so one request has powers and counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from indevolt.errors import ProtocolError
from indevolt.hub.meters.told import Told, field, optional, present

PATH: Final = "/rpc/Shelly.GetStatus"
USER: Final = "admin"  # the only one that a Shelly knows
_PHASES: Final = ("a", "b", "c")


def told(document: Mapping[str, Any], component: str, channel: int) -> Told:
    """Return what one part measured.

    Raises:
        ProtocolError: it has no such part, or that does not measure.
    """
    part = document.get(f"{component}:{channel}")
    if not isinstance(part, Mapping):
        parts = [name for name in document if name.partition(":")[0] in ("em", "em1", "switch", "pm1")]
        remedy = "Set component and channel of the meter accordingly."
        raise ProtocolError(f"there is no {component}:{channel}; it measures {', '.join(parts) or 'nothing'}", remedy=remedy)
    match component:
        case "em":
            return _three_phases(part, _data(document, "emdata", channel))
        case "em1":
            return _one_phase(part, "act_power", _data(document, "em1data", channel))
    energies = {name: each.get("total") for name in ("aenergy", "ret_aenergy") if isinstance(each := part.get(name), Mapping)}
    return _one_phase(
        part, "apower", {"total_act_energy": energies.get("aenergy"), "total_act_ret_energy": energies.get("ret_aenergy")}
    )


def _three_phases(part: Mapping[str, Any], data: Mapping[str, Any]) -> Told:
    return Told(
        field(part, "total_act_power"),
        present(part, (f"{phase}_act_power" for phase in _PHASES)),
        optional(data, "total_act"),
        optional(data, "total_act_ret"),
        witness=present(part, (f"{phase}_{what}" for phase in _PHASES for what in ("voltage", "current", "aprt_power"))),
    )


def _one_phase(part: Mapping[str, Any], power: str, data: Mapping[str, Any]) -> Told:
    return Told(
        field(part, power),
        import_wh=optional(data, "total_act_energy"),
        export_wh=optional(data, "total_act_ret_energy"),
        witness=present(part, ("voltage", "current", "aprt_power")),
    )


def _data(document: Mapping[str, Any], component: str, channel: int) -> Mapping[str, Any]:
    data = document.get(f"{component}:{channel}")
    return data if isinstance(data, Mapping) else {}
