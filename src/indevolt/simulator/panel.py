"""What the unit shows of its plant: which quantity says what about power, charge, temperature and counters.

Names and house signs only; how a quantity is written on the wire is the catalogue's. A quantity is worked out when somebody reads
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Final, TypeAlias

from indevolt.battery import Value
from indevolt.catalogue import load
from indevolt.catalogue.codec import Codec, Number
from indevolt.protocol.messages import Raw
from indevolt.simulator import cells
from indevolt.simulator.factory import GRID_V, installed_packs
from indevolt.simulator.firmware import Firmware, Mode
from indevolt.simulator.physics import HEATER_W, Kit, Unit
from indevolt.simulator.site import Site

CHARGING_FROM_W: Final = 30.0
DISCHARGING_FROM_W: Final = 60.0
"""Below these the battery state says static, though its power is not 0 (protocol.md, section 15)."""

SOC_NAMES: Final = ("battery_soc", "system_soc", "main_soc", "main_soc_alt")
"""The unit's own state of charge under its several names, the most usual first."""

BRIGHT_V: Final = 34.0  # of an input at full sun: a balcony module at work ...
DIM_V: Final = 12.6  # ... and one that is not enough to start (samples, sf3000_vendor_test_values)
PV_MIN_W: Final = 1.0  # below it an input is dark

_STATES: Final = {-1: "charging", 0: "static", 1: "discharging"}
_DCDC_STATES: Final = {-1: "charging", 0: "standby", 1: "discharging"}


def direction(battery_w: float) -> int:
    """Return -1 when the battery counts as charging, 1 when as discharging, 0 between the thresholds."""
    shown_w = round(battery_w, 3)
    if shown_w <= -CHARGING_FROM_W:
        return -1
    return 1 if shown_w >= DISCHARGING_FROM_W else 0


Shows: TypeAlias = Callable[[Unit, Firmware, Site], Value | None]
"""What a quantity shows; None means "I have no value"."""


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity that the plant moves."""

    name: str
    codec: Codec
    shows: Shows

    def render(self, unit: Unit, firmware: Firmware, site: Site, offset: float = 0.0) -> Raw:
        """Return the value as it stands on the wire; ``offset`` moves a state of charge."""
        value = self.shows(unit, firmware, site)
        if value is None:
            return _missing(self.codec)
        if offset and isinstance(value, float):
            value = min(100.0, max(0.0, value + offset))
        raw: Raw = self.codec.encode(value)
        return raw


@cache
def rows_of(kit: Kit) -> Mapping[str, Row]:
    """Return the rows of all units of a kind by JSON key; quantities that a family lacks are left out."""
    points = load(kit.product.family).points
    shown = dict(_whole()) | dict(_counters()) | dict(_modules(kit)) | dict(_inputs(kit.product.pv_inputs))
    return {
        point.read.key: Row(name, point.read.codec, shows)
        for name, shows in shown.items()
        if (point := points.get(name)) is not None and point.read is not None
    }


def counter_of(name: str) -> tuple[str, bool] | None:
    """Return the counter of the plant that a quantity shows, and whether it is today's."""
    return _COUNTERS.get(name)


def _missing(codec: Codec) -> Raw:
    """Return how a quantity says that it has no value."""
    return codec.missing[0] if isinstance(codec, Number) and codec.missing else 0


def _whole() -> Iterator[tuple[str, Shows]]:
    """Yield what the unit as a whole shows."""
    yield from dict.fromkeys(("battery_soc", "main_soc_alt"), lambda unit, *_: unit.soc_pct).items()
    yield "system_soc", lambda unit, _, site: _system_soc(unit, site)
    yield "device_time", lambda _, firmware, site: site.clock.now() + firmware.clock_ahead
    yield "battery_power", lambda unit, *_: unit.battery_w
    yield "battery_state", lambda unit, *_: _STATES[direction(unit.battery_w)]
    yield "battery_voltage", lambda unit, *_: cells.battery_voltage(unit)
    yield "battery_current", lambda unit, *_: unit.battery_w / cells.battery_voltage(unit)
    yield (
        "charge_time_left",
        lambda unit, *_: _seconds_left(unit.kit.capacity_wh - unit.stored_wh, -unit.battery_w, CHARGING_FROM_W),
    )
    yield "discharge_time_left", lambda unit, *_: _seconds_left(unit.stored_wh, unit.battery_w, DISCHARGING_FROM_W)
    yield "battery_max_charge_power", lambda unit, *_: min(unit.kit.charge_w, unit.kit.carries(unit.temperature_c)[0])
    yield "system_max_discharge_power", lambda unit, *_: min(unit.kit.discharge_w, unit.kit.carries(unit.temperature_c)[1])
    yield "system_state", lambda unit, firmware, _: firmware.state(unit)
    yield "ac_power", lambda unit, *_: unit.ac_w
    yield "inverter_ac_power", lambda unit, *_: unit.inverter_w
    yield "ac_input_power", lambda unit, *_: max(0.0, -unit.ac_w)
    yield "ac_output_power", lambda unit, *_: max(0.0, unit.ac_w)
    yield "inverter_current", lambda unit, *_: abs(unit.inverter_w) / GRID_V
    yield "inverter_apparent_power", lambda unit, *_: max(0.0, unit.inverter_w)
    yield "bypass_power", lambda unit, *_: unit.bypass_w
    yield "bypass_mode", lambda unit, *_: "micro_inverter" if unit.bypass is not None and unit.bypass.feeds_in else "eps"
    yield "offgrid_power", lambda unit, *_: unit.bypass_w if unit.island else 0.0
    yield "grid_voltage", lambda unit, firmware, _: 0.0 if unit.island and firmware.orders.mode is not Mode.PORTABLE else GRID_V
    yield "grid_export_power_alt", lambda unit, firmware, site: max(0.0, -_meter_power(unit, firmware, site))
    yield from dict.fromkeys(("home_load_power", "load_power"), lambda _unit, _, site: site.load_w).items()
    yield "meter_connected", _metered
    yield "meter_power", _meter_power
    yield from dict.fromkeys(("pv_power_total", "total_dc_output_power"), lambda unit, *_: sum(unit.pv_w)).items()
    stage = ("transformer_temperature", "inverter_temperature", "main_mos_temperature", "mos_temperature_charge")
    yield from dict.fromkeys((*stage, "mos_temperature_discharge"), lambda unit, *_: unit.stage_c).items()
    yield "battery_temperature", lambda unit, *_: unit.temperature_c
    yield "heating", lambda unit, *_: unit.heating


def _modules(kit: Kit) -> Iterator[tuple[str, Shows]]:
    """Yield what each installed module shows."""
    model = load(kit.product.family)
    for index, name in enumerate(("main", *installed_packs(model, kit.modules))):
        yield f"{name}_soc", _of_module(cells.module_soc, index)
        yield f"{name}_soh", lambda unit, *_: cells.health(unit)
        yield f"{name}_cycles", lambda unit, *_: cells.cycles(unit)
        yield f"{name}_voltage", _of_module(cells.module_voltage, index)
        for suffix in ("current", "dcdc_current", "current_alt"):
            yield f"{name}_{suffix}", _of_module(cells.module_current, index)
        yield f"{name}_dcdc_power", _of_module(cells.module_power, index)
        yield f"{name}_dcdc_state", lambda unit, *_: _DCDC_STATES[direction(unit.battery_w)]
        for suffix in ("temperature", "module_temperature", "heater_temperature", "mos_temperature"):
            if (name, suffix) != ("main", "mos_temperature"):
                yield f"{name}_{suffix}", _of_module(cells.module_temperature, index)
        yield f"{name}_min_cell_temperature", _of_module(cells.coldest_cell, index)
        yield f"{name}_heater_state", lambda unit, *_: "on" if unit.heating else "off"
        yield f"{name}_heater_power", lambda unit, *_: HEATER_W if unit.heating else 0.0
        for cell in (1, 2):
            yield f"{name}_cell{cell}_voltage", _of_cell(index, cell)
    for cell in range(1, cells.CELLS + 1):  # of the first generation, which shows the cells of its only module
        yield f"cell{cell}_voltage", _of_cell(0, cell)


def _of_module(shows: Callable[[Unit, int], float], index: int) -> Shows:
    return lambda unit, *_: shows(unit, index)


def _of_cell(index: int, cell: int) -> Shows:
    return lambda unit, *_: cells.cell_voltage(unit, index, cell)


def _inputs(count: int) -> Iterator[tuple[str, Shows]]:
    """Yield what each PV input shows."""
    for index in range(count):
        yield f"pv{index + 1}_power", partial(_pv_power, index)
        yield f"pv{index + 1}_voltage", partial(_pv_voltage, index)
        yield f"pv{index + 1}_current", partial(_pv_current, index)
        yield f"pv{index + 1}_state", partial(_pv_state, index)


def _pv_power(index: int, unit: Unit, _firmware: Firmware | None = None, _site: Site | None = None) -> float:
    return unit.pv_w[index] if index < len(unit.pv_w) else 0.0


def _pv_voltage(index: int, unit: Unit, _firmware: Firmware, _site: Site) -> float:
    power = _pv_power(index, unit)
    return 0.0 if power < PV_MIN_W else BRIGHT_V - (BRIGHT_V - DIM_V) / (1 + power / 20)


def _pv_current(index: int, unit: Unit, firmware: Firmware, site: Site) -> float:
    voltage = _pv_voltage(index, unit, firmware, site)
    return _pv_power(index, unit) / voltage if voltage else 0.0


def _pv_state(index: int, unit: Unit, _firmware: Firmware, _site: Site) -> str:
    return "running" if _pv_power(index, unit) >= PV_MIN_W else "standby"


def _metered(unit: Unit, firmware: Firmware, site: Site) -> bool:
    return firmware.orders.sees_meter and site.meter_of(unit).online


def _meter_power(unit: Unit, firmware: Firmware, site: Site) -> float:
    """Return what the meter shows; without one that is 0 (points.csv)."""
    return site.meter_of(unit).shown_w if _metered(unit, firmware, site) else 0.0


def _system_soc(unit: Unit, site: Site) -> float:
    """Return the charge over all units of the cluster that this one belongs to."""
    if not site.is_clustered or site.member_of(unit).is_alone:
        return unit.soc_pct
    units = [member.unit for member in site.members if not member.is_alone]
    return sum(each.stored_wh for each in units) / sum(each.kit.capacity_wh for each in units) * 100


def _seconds_left(energy_wh: float, power_w: float, least_w: float) -> float | None:
    return energy_wh / power_w * 3600.0 if power_w >= least_w else None


_COUNTERS: Final[dict[str, tuple[str, bool]]] = {
    "battery_charge_energy_total": ("battery_charge_energy", False),
    "battery_charge_energy_today": ("battery_charge_energy", True),
    "battery_discharge_energy_total": ("battery_discharge_energy", False),
    "battery_discharge_energy_today": ("battery_discharge_energy", True),
    "pv_energy_total": ("pv_energy", False),
    "pv_energy_today": ("pv_energy", True),
    "ac_input_energy_total": ("ac_input_energy", False),
    "inverter_input_energy_total": ("ac_input_energy", False),
    "ac_output_energy_total": ("ac_output_energy", False),
    "ongrid_output_energy_today": ("ac_output_energy", True),
    "bypass_output_energy_total": ("bypass_output_energy", False),
    "bypass_output_energy_today": ("bypass_output_energy", True),
    "microinverter_energy_total": ("microinverter_energy", False),
    "microinverter_energy_today": ("microinverter_energy", True),
    "offgrid_output_energy_total": ("offgrid_output_energy", False),
    "offgrid_output_energy_today": ("offgrid_output_energy", True),
}


def _counters() -> Iterator[tuple[str, Shows]]:
    for name, (counter, today) in _COUNTERS.items():
        yield name, _of_counter(counter, today=today)


def _of_counter(counter: str, *, today: bool) -> Shows:
    return lambda unit, *_: unit.energy_wh(counter, today=today)
