"""What the unit shows of its plant: which quantity says what about power, charge and counters.

Names and house signs only; how a quantity is written on the wire is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import Model
from indevolt.catalogue.codec import Codec, Number
from indevolt.protocol.messages import Raw
from indevolt.simulator.factory import BATTERY_V, GRID_V, installed_packs
from indevolt.simulator.physics import Flows, Plant
from indevolt.simulator.registers import Registers

CHARGING_FROM_W: Final = 30.0
DISCHARGING_FROM_W: Final = 60.0
"""Below these the battery state says static, though its power is not 0 (protocol.md, section 15)."""

METER_REFRESH_S: Final = 5.0
"""The meter's value changes no more often, whatever the polling (protocol.md, section 7)."""

SOC_NAMES: Final = ("battery_soc", "system_soc", "main_soc", "main_soc_alt")
"""The unit's own state of charge under its several names, the most usual first."""

PV_V: Final = 35.0  # a balcony module at work
PV_MIN_W: Final = 1.0  # below it an input is dark

_STATES: Final = {-1: "charging", 0: "static", 1: "discharging"}
_DCDC_STATES: Final = {-1: "charging", 0: "standby", 1: "discharging"}
_SYSTEM_STATES: Final = {-1: "grid_charging", 0: "standby", 1: "grid_discharging"}


def direction(battery_w: float) -> int:
    """Return -1 when the battery counts as charging, 1 when as discharging, 0 between the thresholds."""
    if battery_w <= -CHARGING_FROM_W:
        return -1
    return 1 if battery_w >= DISCHARGING_FROM_W else 0


class Panel:
    """Lets the registers follow the plant.

    A register changes only when what the plant would show changes, so a captured value stays exactly as it came until then; and
    charges of packs, which differ by some points in captures, keep their distance from the unit's.
    """

    def __init__(self, model: Model, registers: Registers, *, modules: int) -> None:
        self._model = model
        self._registers = registers
        self._modules = modules
        self._packs: tuple[str, ...] = ()
        self._rows: list[tuple[str, str, Codec]] = []
        self._offsets: dict[str, float] = {}
        self._shown: dict[str, Value | None] = {}
        self._rendered: dict[str, Raw] = {}
        self._meter_at = -METER_REFRESH_S

    def bind(self, plant: Plant, flows: Flows, at: datetime, *, meter: bool) -> None:
        """Find out which registers there are; what a new one holds is taken for what the plant shows now."""
        self._packs = tuple(filter(self._is_installed, installed_packs(self._model, len(self._model.presence) + 1)))
        shown = show(plant, flows, at, packs=self._packs, meter=meter)
        self._rows = [
            (name, point.read.key, point.read.codec)
            for name in shown
            if self._registers.has(name) and (point := self._model.points[name]).read
        ]
        charges = [name for name in shown if name in SOC_NAMES or name.endswith("_soc")]
        offsets = {name: self._registers.number(name, plant.soc_pct) - plant.soc_pct for name in charges}
        self._offsets = offsets | self._offsets
        self._shown = shown | self._shown
        self._rendered = {key: self._render(name, codec, shown[name]) for name, key, codec in self._rows} | self._rendered

    def release(self) -> None:
        """Let the plant's values replace all others at the next look, changed or not."""
        self._shown = dict.fromkeys(self._shown)
        self._rendered = dict.fromkeys(self._rendered)

    def follow(self, plant: Plant, flows: Flows, at: datetime, *, meter: bool, monotonic_s: float) -> None:
        """Show the plant; the meter at its own slower pace."""
        shown = show(plant, flows, at, packs=self._packs, meter=meter)
        if monotonic_s - self._meter_at >= METER_REFRESH_S:
            self._meter_at = monotonic_s
        else:
            shown["meter_power"] = self._shown["meter_power"]
        before, self._shown = self._shown, shown
        for name, key, codec in self._rows:
            if (value := shown[name]) != before[name]:
                raw = self._render(name, codec, value)
                if raw != self._rendered[key]:
                    self._rendered[key] = self._registers.raw[key] = raw

    def offset(self, name: str) -> float:
        """Return by how much a state of charge differs from the plant's, in percentage points."""
        return self._offsets.get(name, 0.0)

    def show_all(self) -> None:
        """Put everything that the plant shows into the registers."""
        self._registers.raw |= self._rendered

    def _is_installed(self, pack: str) -> bool:
        serial = self._model.presence[pack]
        if self._registers.has(serial):
            return self._registers.value(serial) is not None
        return pack in installed_packs(self._model, self._modules)

    def _render(self, name: str, codec: Codec, value: Value | None) -> Raw:
        if value is None:
            return _missing(codec)
        if name in self._offsets and isinstance(value, float):
            value = min(100.0, max(0.0, value + self._offsets[name]))
        raw: Raw = codec.encode(value)
        return raw


def _missing(codec: Codec) -> Raw:
    """Return how a quantity says that it has no value."""
    return codec.missing[0] if isinstance(codec, Number) and codec.missing else 0


def show(plant: Plant, flows: Flows, at: datetime, *, packs: Sequence[str], meter: bool) -> dict[str, Value | None]:
    """Return every quantity that the plant moves; None means "I have no value".

    ``packs`` are the installed extension packs. Without a ``meter`` its power shows as 0 (points.csv).
    """
    way = direction(flows.battery_w)
    shown: dict[str, Value | None] = dict.fromkeys((*SOC_NAMES, *(f"{pack}_soc" for pack in packs)), plant.soc_pct)
    shown |= {
        "device_time": at,
        "battery_power": flows.battery_w,
        "battery_state": _STATES[way],
        "battery_current": flows.battery_w / BATTERY_V,
        "charge_time_left": _seconds_left((100 - plant.soc_pct) * plant.capacity_wh / 100, -flows.battery_w, -way),
        "discharge_time_left": _seconds_left(plant.soc_pct * plant.capacity_wh / 100, flows.battery_w, way),
        "system_state": _SYSTEM_STATES[way],
        "ac_power": flows.ac_w,
        "inverter_ac_power": flows.ac_w,
        "ac_input_power": max(0.0, -flows.ac_w),
        "ac_output_power": max(0.0, flows.ac_w),
        "inverter_current": abs(flows.ac_w) / GRID_V,
        "inverter_apparent_power": max(0.0, flows.ac_w),
        "grid_export_power": max(0.0, -flows.grid_w),
        "home_load_power": flows.load_w,
        "load_power": flows.load_w,
        "meter_power": flows.grid_w if meter else 0.0,
        "pv_power_total": sum(flows.pv_w),
        "total_dc_output_power": sum(flows.pv_w),
    }
    modules = ("main", *packs)
    for module in modules:  # packs share alike (minimal: real ones differ by their own charge)
        shown[f"{module}_current"] = flows.battery_w / BATTERY_V / len(modules)
        shown[f"{module}_dcdc_state"] = _DCDC_STATES[way]
    for number, power in enumerate(flows.pv_w, 1):
        bright = power >= PV_MIN_W
        shown[f"pv{number}_power"] = power
        shown[f"pv{number}_voltage"] = PV_V if bright else 0.0
        shown[f"pv{number}_current"] = power / PV_V if bright else 0.0
        shown[f"pv{number}_state"] = "running" if bright else "standby"
    shown.update(_counters(plant))
    return shown


def counter_of(name: str) -> tuple[str, bool] | None:
    """Return the counter of the plant that a quantity shows, and whether it is today's."""
    return _COUNTERS.get(name)


def _counters(plant: Plant) -> Iterator[tuple[str, float]]:
    for name, (counter, today) in _COUNTERS.items():
        yield name, (plant.today_wh if today else plant.energy_wh)[counter]


def _seconds_left(energy_wh: float, power_w: float, way: int) -> float | None:
    return energy_wh / power_w * 3600 if way > 0 else None


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
}
