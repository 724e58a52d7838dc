"""The documents in which accessories tell what they measure, one a sort, and the telegram of a P1 reader.

Keys and units are those of the samples (protocol.md, section 3.6); they differ between sorts and firmware, and each is spelled as
its sample is. Registers are kWh, powers W. Import is positive and export negative, as the sample of the infrared reader shows; that
the other sorts sign alike is inferred. Not here: which accessory answers what, and where a measurement comes from (``accessory``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from indevolt.measurement import Measurement, Phase

_FREQUENCY_HZ: Final = 50.0
_NOTHING: Final = Phase(0.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """What one accessory shows at one instant."""

    serial: str
    measurement: Measurement
    normal_import_wh: float = (
        0.0  # what of it a P1 reader has in the registers of the normal tariff; the rest is in those of the low one
    )
    normal_export_wh: float = 0.0

    @property
    def phases(self) -> tuple[Phase, Phase, Phase]:
        """The three phases; of a connection with one, the first."""
        whole = self.measurement
        return whole.phases or (Phase(whole.power_w, whole.import_wh, whole.export_wh), _NOTHING, _NOTHING)

    def current_a(self, power_w: float) -> float:
        """Return the current of a power, never negative and 0 without voltage; nothing here models reactive power."""
        voltage_v = self.measurement.voltage_v
        return round(abs(power_w) / voltage_v, 2) if voltage_v >= 1 else 0.0


def meter(shown: Shown) -> Mapping[str, Any]:
    """Return what a meter with one phase answers."""
    whole = shown.measurement
    return {
        "SN": shown.serial,
        "voltage": round(whole.voltage_v, 2),
        "current": shown.current_a(whole.power_w),
        "active power": _watts(whole.power_w),
        "apparent power": _watts(abs(whole.power_w)),
        "reactive power": 0,
        "power factor": 1,
        "frequency": _FREQUENCY_HZ,
        "total_act_energy": _kwh(whole.import_wh),
        "total_act_ret_energy": _kwh(whole.export_wh),
    }


def meter3(shown: Shown) -> Mapping[str, Any]:
    """Return what a meter with three phases answers, of which a house with one uses the first."""
    whole, phases = shown.measurement, shown.phases
    powers = [_watts(phase.power_w) for phase in phases]
    fields: dict[str, Any] = {"sn": shown.serial}
    fields |= _three("current", *(shown.current_a(phase.power_w) for phase in phases))
    fields |= _three("voltage", *[round(whole.voltage_v, 1)] * 3)
    fields |= {"frequency": _FREQUENCY_HZ, "total_pf": 100, **_three("pf", 100, 100, 100)}
    fields |= {"total_act_power": _watts(whole.power_w), **_three("act_power", *powers)}
    fields |= {"total_aprt_power": _watts(sum(map(abs, powers))), **_three("aprt_power", *map(abs, powers))}
    fields |= {"total_react_power": 0, **_three("react_power", 0, 0, 0)}
    fields |= {"total_act_energy": _kwh(whole.import_wh), "total_act_ret_energy": _kwh(whole.export_wh)}
    fields |= _three("act_energy", *(_kwh(phase.import_wh) for phase in phases))
    fields |= _three("act_ret_energy", *(_kwh(phase.export_wh) for phase in phases))
    return {"data": fields}


def infrared(shown: Shown) -> Mapping[str, Any]:
    """Return what an infrared reader answers; a connection with one phase is L3 in its sample."""
    whole = shown.measurement
    phases = whole.phases or (_NOTHING, _NOTHING, shown.phases[0])
    voltages = [round(whole.voltage_v, 1)] * 3 if whole.phases else [0, 0, round(whole.voltage_v, 1)]
    lines = ("L1", "L2", "L3")
    return {
        "SN": shown.serial,
        "SN2": "56197869",
        "Total Active Power": _watts(whole.power_w),
        **{f"{line} Phase Voltage": voltage for line, voltage in zip(lines, voltages, strict=True)},
        **{f"{line} Phase Current": shown.current_a(phase.power_w) for line, phase in zip(lines, phases, strict=True)},
        "Reactive Power": 0,
        **{f"{line} Phase Power": _watts(phase.power_w) for line, phase in zip(lines, phases, strict=True)},
        "Full-Time Cumulative Grid-Connected Electric Energy": _kwh(whole.export_wh),
        "Accumulated Purchase Of Electric Energy In Full Time.": _kwh(whole.import_wh),
        "Installation Direction": "Vertical",
    }


def p1(shown: Shown) -> Mapping[str, Any]:
    """Return what a real reader sends: snake_case and W, where the documents print long titles and kW.

    Import and export are two numbers, neither of them negative, as in the telegram that it reads.
    """
    whole, phases = shown.measurement, shown.phases
    voltage_v = round(whole.voltage_v, 1)
    others_v = voltage_v if whole.phases else 0
    return {
        "SN": shown.serial,
        "device_version": "50213",
        "device_type": 3,
        "total_act_energy_LT": _kwh(whole.import_wh - shown.normal_import_wh),
        "total_act_energy_NT": _kwh(shown.normal_import_wh),
        "total_act_ret_energy_LT": _kwh(whole.export_wh - shown.normal_export_wh),
        "total_act_ret_energy_NT": _kwh(shown.normal_export_wh),
        **_three("current", *(shown.current_a(phase.power_w) for phase in phases)),
        **_three("voltage", voltage_v, others_v, others_v),
        "total_act_power": _imported(whole.power_w),
        "total_act_ret_power": _imported(-whole.power_w),
        **_three("act_power", *(_imported(phase.power_w) for phase in phases)),
        **_three("act_ret_power", *(_imported(-phase.power_w) for phase in phases)),
        "total_gas": 0,
    }


def plug(shown: Shown) -> Mapping[str, Any]:
    """Return what a smart plug answers; that its power turns negative when a micro-inverter feeds in is inferred."""
    whole = shown.measurement
    return {
        "voltage": round(whole.voltage_v, 2),
        "electric_current": shown.current_a(whole.power_w),
        "positive_active_energy": _kwh(whole.import_wh),
        "reverse_active_energy": _kwh(whole.export_wh),
        "power": _watts(whole.power_w),
    }


def _watts(power_w: float) -> float:
    return round(power_w, 1) + 0.0  # + 0.0: no meter shows a negative zero


def _imported(power_w: float) -> float:
    return _watts(max(0.0, power_w))


def _kwh(energy_wh: float) -> float:
    return round(energy_wh / 1000, 3)


def _three(name: str, first: float, second: float, third: float) -> dict[str, float]:
    return {f"a_{name}": first, f"b_{name}": second, f"c_{name}": third}


# ---- the telegram of a P1 reader -------------------------------------------------------------------------------------------------


def telegram(shown: Shown, stamp: str) -> str:
    """Return a DSMR telegram with header and checksum, in the braces that the reader puts around it (protocol.md, section 3.6).

    The codes are those of DSMR 5: register 1 is the low tariff, 2 the normal one; 1.8 and 1.7 import, 2.8 and 2.7 export. A
    connection with one phase has no lines for the others.
    """
    whole = shown.measurement
    lines = [
        "/ISK5\\2M550T-1012",
        "",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({stamp})",
        f"0-0:96.1.1({shown.serial.encode('ascii', 'replace').hex()})",
        f"1-0:1.8.1({_register(whole.import_wh - shown.normal_import_wh)})",
        f"1-0:1.8.2({_register(shown.normal_import_wh)})",
        f"1-0:2.8.1({_register(whole.export_wh - shown.normal_export_wh)})",
        f"1-0:2.8.2({_register(shown.normal_export_wh)})",
        "0-0:96.14.0(0001)",
        f"1-0:1.7.0({_kilowatts(whole.power_w)})",
        f"1-0:2.7.0({_kilowatts(-whole.power_w)})",
    ]
    phases = [(code, phase) for code, phase in zip((20, 40, 60), shown.phases, strict=True) if code == 20 or whole.phases]
    lines += [f"1-0:{code + 12}.7.0({whole.voltage_v:05.1f}*V)" for code, _ in phases]
    lines += [f"1-0:{code + 11}.7.0({shown.current_a(phase.power_w):03.0f}*A)" for code, phase in phases]
    for code, phase in phases:
        lines += [f"1-0:{code + 1}.7.0({_kilowatts(phase.power_w)})", f"1-0:{code + 2}.7.0({_kilowatts(-phase.power_w)})"]
    checked = "\r\n".join([*lines, "!"])
    return f"{{{checked}{_crc16(checked.encode('ascii')):04X}\r\n}}"


def _register(energy_wh: float) -> str:
    return f"{_kwh(energy_wh):010.3f}*kWh"


def _kilowatts(power_w: float) -> str:
    return f"{_imported(power_w) / 1000:06.3f}*kW"


def _crc16(data: bytes) -> int:
    """Return CRC-16/ARC, which DSMR uses: that of Modbus, but starting from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
