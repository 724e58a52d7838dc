"""What stands in the registers of a virtual unit that nobody has touched: plausible values for every readable quantity.

Only where no capture says better. The point numbers and codes come from the catalogue; the values here are ours, chosen to look
like those of the samples, and nothing may be concluded from them about real devices.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue.codec import Codec, Number, Switch, Text, TimeOfDay, Version, VersionBytes, Words
from indevolt.catalogue.model import Model, Point, Product
from indevolt.protocol.messages import Raw

BATTERY_V: Final = 51.2  # 16 cells of 3.2 V, as packs of fixtures show (samples, getdata_gen2); fixed until there is a cell model
GRID_V: Final = 230.0
START_SOC_PCT: Final = 55.0  # room in both directions
_LIFETIME_WH: Final = {
    # a summer of a small unit; the battery's losses are between the first two
    "battery_charge_energy_total": 380_580,
    "battery_discharge_energy_total": 338_070,
    "pv_energy_total": 321_134,
    "ac_input_energy_total": 89_970,
    "inverter_input_energy_total": 89_970,
    "ac_output_energy_total": 289_970,
}
_TEMPERATURE_C: Final = 25.0
_CELL_V: Final = BATTERY_V / 16
_NUMBERED: Final = re.compile(r"(pack|pv)(\d+)_")


def factory_registers(model: Model, product: Product, *, modules: int, serial: str, at: datetime) -> dict[str, Raw]:
    """Return the raw value of every readable point by its JSON key.

    Packs beyond ``modules`` and PV inputs that the product lacks say so as real ones do: no serial number, and 0 everywhere else
    (protocol.md, section 11).
    """
    values = {"device_time": at, **_values(product, modules, serial)}
    registers: dict[str, Raw] = {}
    for point in model.readable():
        if (side := point.read) is None:
            continue
        if _is_missing(point, product, modules):
            registers[side.key] = "" if isinstance(side.codec, Text) else 0
        else:
            value = values[point.name] if point.name in values else _plain(point, side.codec)
            registers[side.key] = side.codec.encode(value)
    return registers


def installed_packs(model: Model, modules: int) -> tuple[str, ...]:
    """Return the names of the extension packs: one less than modules, as the main unit holds the first."""
    return tuple(sorted(model.presence))[: modules - 1]


def _is_missing(point: Point, product: Product, modules: int) -> bool:
    match = _NUMBERED.match(point.name)
    if match is None:
        return False
    return int(match[2]) > (modules - 1 if match[1] == "pack" else product.pv_inputs)


def _values(product: Product, modules: int, serial: str) -> Mapping[str, Value]:
    rated = product.discharge_w[-1]
    charge, discharge = limit_w(product.charge_w, modules), limit_w(product.discharge_w, modules)
    return {
        **_LIFETIME_WH,
        "device_sn": serial,
        "model_code": product.name,
        "main_sn": f"{serial}-0",
        "main_sn_alt": f"{serial}-0",
        **{f"pack{number}_sn": f"{serial}-{number}" for number in range(1, modules)},
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
        "battery_max_charge_power": charge,
        "system_max_discharge_power": discharge,
        "mppt_rated_power": 600 * product.pv_inputs,
        "rated_capacity": product.module_wh * modules,
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
        "meter_connected": True,
        "battery_voltage": BATTERY_V,
    }


def limit_w(by_modules: tuple[float, ...], modules: int) -> float:
    """Return what so many modules allow; the last entry stands for more."""
    return by_modules[min(modules, len(by_modules)) - 1]


def _plain(point: Point, codec: Codec) -> Value:
    """Return a value that a healthy, idle unit could show, by what sort of quantity it is."""
    kind = point.name.rpartition("_")[2]
    if point.unit == "°C":
        return _TEMPERATURE_C
    if point.unit == "V" and kind == "voltage":
        return _CELL_V if "cell" in point.name else BATTERY_V
    if kind == "soc" or point.name.endswith("soc_alt"):
        return START_SOC_PCT
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
        case Number():
            return 0
        case _:
            return ""
