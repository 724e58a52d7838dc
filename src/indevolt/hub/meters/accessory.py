"""What meters, plugs and P1 readers of the vendor and of IGEN tell, asked or broadcast. Pure.

Keys differ between sorts and firmware: those of the documents are long titles, those of devices that were seen are snake_case
(protocol.md, section 3.6). A P1 reader has import and export as two numbers; the others have a sign, import positive, as the sample
of the infrared reader shows (of the others inferred). Powers are W and energies kWh; the documents' P1 titles are said to be kW.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from indevolt.hub.meters.told import Told, field, optional, present, thousandfold

_PHASES: Final = ("a", "b", "c")
_LINES: Final = ("L1", "L2", "L3")
_BOUGHT: Final = "Electricity delivered to client_"
_SOLD: Final = "Electricity delivered by client_"
_P1_TITLES: Final = ("Actual electricity power delivered +P", "Actual electricity power received -P")  # kW


def told(document: Mapping[str, Any]) -> Told:
    """Return what a document tells, of whichever sort it is.

    Raises:
        ProtocolError: no sort has such a document.
    """
    inner = document.get("data")
    fields = {str(key).strip(): value for key, value in (inner if isinstance(inner, Mapping) else document).items()}
    if "total_act_ret_power" in fields:
        return _p1(fields)
    if _P1_TITLES[0] in fields:
        return _p1_titles(fields)
    if "Total Active Power" in fields:
        return _infrared(fields)
    return _meter_or_plug(fields)


def _meter_or_plug(fields: Mapping[str, Any]) -> Told:
    return Told(
        field(fields, "total_act_power", "active power", "power"),
        present(fields, (f"{phase}_act_power" for phase in _PHASES)),
        thousandfold(optional(fields, "total_act_energy", "positive_active_energy")),
        thousandfold(optional(fields, "total_act_ret_energy", "reverse_active_energy")),
        witness=present(fields, ("voltage", "current", "electric_current", "frequency", *_of_phases("voltage", "current"))),
    )


def _p1(fields: Mapping[str, Any]) -> Told:
    return Told(
        field(fields, "total_act_power") - field(fields, "total_act_ret_power"),
        _net(fields, [(f"{phase}_act_power", f"{phase}_act_ret_power") for phase in _PHASES]),
        _total(fields, "total_act_energy_LT", "total_act_energy_NT"),
        _total(fields, "total_act_ret_energy_LT", "total_act_ret_energy_NT"),
        witness=present(fields, _of_phases("voltage", "current")),
    )


def _p1_titles(fields: Mapping[str, Any]) -> Told:
    lines = [(f"Instantaneous active power {line} +P", f"Instantaneous active power {line} -P") for line in _LINES]
    power_kw = field(fields, _P1_TITLES[0]) - field(fields, _P1_TITLES[1])
    return Told(
        power_kw * 1000,
        tuple(each * 1000 for each in _net(fields, lines)),
        _total(fields, f"{_BOUGHT}low tariff", f"{_BOUGHT}normal tariff"),
        _total(fields, f"{_SOLD}low tariff", f"{_SOLD}normal tariff"),
        witness=present(fields, [f"AC_Phase-{phase}_{what}" for phase in "ABC" for what in ("Voltage", "Current")]),
    )


def _infrared(fields: Mapping[str, Any]) -> Told:
    return Told(
        field(fields, "Total Active Power"),
        present(fields, (f"{line} Phase Power" for line in _LINES)),
        thousandfold(optional(fields, "Accumulated Purchase Of Electric Energy In Full Time.")),
        thousandfold(optional(fields, "Full-Time Cumulative Grid-Connected Electric Energy")),
        witness=present(fields, [f"{line} Phase {what}" for line in _LINES for what in ("Voltage", "Current")]),
    )


def _of_phases(*names: str) -> list[str]:
    return [f"{phase}_{name}" for phase in _PHASES for name in names]


def _net(fields: Mapping[str, Any], pairs: list[tuple[str, str]]) -> tuple[float, ...]:
    """Return import less export of each phase that has both."""
    return tuple(field(fields, taken) - field(fields, given) for taken, given in pairs if taken in fields and given in fields)


def _total(fields: Mapping[str, Any], *names: str) -> float | None:
    """Return the sum of registers in Wh; None where there is none."""
    registers = present(fields, names)
    return sum(registers) * 1000 if registers else None
