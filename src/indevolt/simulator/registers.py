"""The registers of a virtual battery: raw values by JSON key, as a poll reads them, and what their quantities mean.

Also how settings read as orders to the plant, since both sides of that are only names and values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import Model, Point, Product, WriteSide, load
from indevolt.catalogue.codec import Codec, Number
from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.messages import Raw
from indevolt.simulator.factory import limit_w
from indevolt.simulator.physics import Orders

REGISTER: Final = range(-32_768, 65_536)  # a write point is a 16-bit register, signed or not (inferred: protocol.md, section 3.2)

COMMAND: Final = ("realtime_state", "realtime_power", "realtime_target_soc")
ORDERING: Final = frozenset(
    ("mode", *COMMAND, "backup_soc", "inverter_input_limit", "max_ac_output_power", "feed_in_power_limit", "meter_connected")
)
"""What the plant obeys; everything else that can be written is remembered and shown."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a write on its way to the registers."""

    point: Point
    value: Value
    raw: Raw  # as written, for a read side that has no code for the value


class Registers:
    """``raw`` is the one dict that a poll looks at; ``written`` holds, by name, settings that have no read side."""

    def __init__(self, model: Model, raw: Mapping[str, Raw]) -> None:
        self.raw = dict(raw)
        self.written: dict[str, Value] = {}
        self._points = model.points
        self._write_sides = _write_sides(model.family)

    def has(self, name: str) -> bool:
        """Return whether a quantity exists here: it is readable, and not left out."""
        point = self._points.get(name)
        return point is not None and point.read is not None and point.read.key in self.raw

    def value(self, name: str) -> Value | None:
        """Return what a quantity shows; None when it is absent, not available, or captured and unreadable."""
        point = self._points.get(name)
        if point is None or point.read is None or point.read.key not in self.raw:
            return None
        try:
            return point.read.codec.decode(self.raw[point.read.key])
        except ProtocolError:
            return None

    def number(self, name: str, otherwise: float) -> float:
        """Return a quantity as a number, or something else where it shows none."""
        value = self.value(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise

    def put(self, setting: Setting) -> None:
        """Let a setting show. Where its read side has no code for the value, what was written shows (inferred)."""
        side = setting.point.read
        if side is None:
            self.written[setting.point.name] = setting.value
        else:
            self.raw[side.key] = _encoded(side.codec, setting)

    def check(self, number: int, raw: float) -> Setting | None:
        """Return the setting that a raw value at a write point means; None when a device would refuse it."""
        found = self._write_sides.get(number)
        if found is None or not REGISTER.start <= raw < REGISTER.stop:  # also refuses what is not a number
            return None
        point, side = found
        whole = round(raw)  # one client sends floats (protocol.md, section 3.2); what a fraction does is not documented
        if not side.takes(whole) or (whole != raw and not isinstance(side.codec, Number)):
            return None
        value = side.codec.decode(whole)
        return None if value is None else Setting(point, value, whole)


@cache
def _write_sides(family: str) -> Mapping[int, tuple[Point, WriteSide]]:
    """Return point and side by the number that is written; one table for all devices of a family."""
    return {side.at: (point, side) for point in load(family).points.values() for side in point.writes}


def read_orders(registers: Registers, product: Product, *, modules: int, command_stands: bool) -> Orders:
    """Return what the settings ask of the plant.

    Args:
        registers: the settings.
        product: what bounds a setting, and stands in for one that is absent.
        modules: installed battery modules.
        command_stands: a real-time command was written since real-time mode began.
    """
    reserve, rated = registers.number("backup_soc", 0.0), product.discharge_w[-1]
    power, floor, ceiling = _read_command(registers, reserve, stands=command_stands)
    return Orders(
        power_w=power,
        floor_pct=floor,
        ceiling_pct=ceiling,
        charge_max_w=limit_w(product.charge_w, modules),
        discharge_max_w=limit_w(product.discharge_w, modules),
        ac_in_max_w=registers.number("inverter_input_limit", product.charge_w[-1]),
        ac_out_max_w=registers.number("max_ac_output_power", rated),
        feed_in_max_w=registers.number("feed_in_power_limit", rated),
        sees_load=registers.value("meter_connected") is not False,
    )


def _read_command(registers: Registers, reserve: float, *, stands: bool) -> tuple[float | None, float, float]:
    """Return battery power, floor and ceiling that mode and real-time command mean."""
    mode = registers.value("mode")
    if mode in ("self_use", None):
        return None, reserve, 100.0
    if mode != "realtime" or not stands:
        # The plan of the schedule modes has no HTTP points (protocol.md, section 13), so there is none here to run.
        return 0.0, reserve, 100.0
    power, target = registers.number("realtime_power", 0.0), registers.number("realtime_target_soc", 100.0)
    match registers.value("realtime_state"):
        case "charge":
            return -power, reserve, target
        case "discharge":
            return power, max(reserve, target), 100.0
        case _:
            return 0.0, reserve, 100.0


def _encoded(codec: Codec, setting: Setting) -> Raw:
    try:
        raw = codec.encode(setting.value)
    except InvalidInput:
        return setting.raw
    return raw if isinstance(raw, int | float | str | list) else setting.raw
