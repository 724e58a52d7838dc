"""What stands in the registers of a virtual unit that nobody has touched: plausible values for every readable quantity.

Only where neither a capture nor the plant says better. The point numbers and codes come from the catalogue; the values here are
ours, chosen to look like those of the samples, and nothing may be concluded from them about real devices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import cache
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import load
from indevolt.catalogue.codec import Codec, DeviceClock, Number, Switch, Text, TimeOfDay, Version, VersionBytes, Words
from indevolt.catalogue.model import Model, Point, Product
from indevolt.protocol.messages import Raw
from indevolt.simulator.physics import Kit

GRID_V: Final = 230.0
START_SOC_PCT: Final = 55.0  # room in both directions
LIFETIME_WH: Final = {
    # of a unit of 4 kWh that has seen a summer, by the plant's names; the battery's losses are between the first two
    "battery_charge_energy": 380_580.0,
    "battery_discharge_energy": 338_070.0,
    "pv_energy": 321_134.0,
    "ac_input_energy": 89_970.0,
    "ac_output_energy": 289_970.0,
}
_TEMPERATURE_C: Final = 25.0
_NUMBERED: Final = re.compile(r"(pack|pv)(\d+)_")


@cache
def factory_registers(kit: Kit) -> Mapping[str, Raw]:
    """Return the raw value of every readable point by its JSON key; one table for all units of a kind.

    Packs beyond the installed ones and PV inputs that the product lacks say so as real ones do: no serial number, and 0 everywhere
    else (protocol.md, section 11).
    """
    product, modules = kit.product, kit.modules
    values = _values(kit)
    registers: dict[str, Raw] = {}
    for point in load(product.family).readable():
        if (side := point.read) is None:
            continue
        if _is_missing(point, product, modules):
            registers[side.key] = "" if isinstance(side.codec, Text) else 0
        else:
            value = values[point.name] if point.name in values else _plain(point, side.codec)
            registers[side.key] = side.codec.encode(value)
    return registers


@cache
def serial_keys(kit: Kit) -> Mapping[str, str]:
    """Return by JSON key what each serial number of an installed part adds to that of the unit."""
    model = load(kit.product.family)
    ends = {"device_sn": "", "main_sn": "-0", "main_sn_alt": "-0"}
    ends |= {f"pack{number}_sn": f"-{number}" for number in range(1, kit.modules)}
    return {side.key: end for name, end in ends.items() if name in model.points and (side := model.points[name].read) is not None}


def installed_packs(model: Model, modules: int) -> tuple[str, ...]:
    """Return the names of the extension packs: one less than modules, as the main unit holds the first."""
    return tuple(sorted(model.presence))[: modules - 1]


def _is_missing(point: Point, product: Product, modules: int) -> bool:
    match = _NUMBERED.match(point.name)
    if match is None:
        return False
    return int(match[2]) > (modules - 1 if match[1] == "pack" else product.pv_inputs)


def _values(kit: Kit) -> Mapping[str, Value]:
    product = kit.product
    rated = product.discharge_w[-1]
    return {
        "model_code": product.name,
        "mppt_channel_count": product.pv_inputs,
        "max_pack_count": product.max_modules,
        # versions that were seen on real units (samples, sf3000)
        "ems_version": "V1.00.06" if product.family == "gen1" else "V1.01.08",
        "bms_main_version": "V1.20.08",
        "inverter_version": "V1.65" if product.family == "gen1" else "V3.21",
        "mppt_version": "V1.40.15",
        "protocol_version": "V1.8",
        "mode": "self_use",
        "realtime_state": "standby",
        "realtime_target_soc": 100,
        "cluster_role": "none",
        "inverter_rated_output_power": rated,
        "ongrid_rated_power": rated,
        "offgrid_rated_power": rated,
        "max_active_power": rated,
        "max_ac_output_power": rated,
        "feed_in_power_limit": rated,
        "feed_in_power_limit_alt": rated,
        "inverter_input_limit": product.charge_w[-1],
        "mppt_rated_power": 600 * product.pv_inputs,
        "rated_capacity": kit.capacity_wh,
        "standby_timeout": 24,
        "full_charge_interval": 30,
        "grid_charging": True,
        "forced_ac_charge_power": 500,  # the documented default (protocol.md, section 15)
        "backup_soc": 10,
        "offgrid_rated_voltage": GRID_V,
        "offgrid_rated_frequency": 50,
        "grid_voltage": GRID_V,
        "inverter_voltage": GRID_V,
        "grid_frequency": 50,
        "inverter_frequency": 50,
        "inverter_power_factor": 100,
        "light": "on",
        "bypass": True,
        "meter_connected": True,
    }


def _plain(point: Point, codec: Codec) -> Value:
    """Return a value that a healthy, idle unit could show, by what sort of quantity it is."""
    kind = point.name.rpartition("_")[2]
    if point.unit == "°C":
        return _TEMPERATURE_C
    if kind == "soh" or point.name.endswith("soh_alt"):
        return 100
    return _zero(codec)


def _zero(codec: Codec) -> Value:
    match codec:
        case Words(codes=codes):
            return next(iter(codes))
        case Switch():
            return False
        case Version() | VersionBytes():
            return "V1.08"
        case TimeOfDay():
            return time(0, 0)
        case DeviceClock():
            return datetime(2026, 1, 1, tzinfo=UTC)  # a placeholder: every unit shows its own
        case Number():
            return 0
        case _:
            return ""
