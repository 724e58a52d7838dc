"""How the settings of a unit read as orders to its plant: names and values on one side, ``firmware.Orders`` on the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from functools import lru_cache
from typing import Final

from indevolt.catalogue import Product
from indevolt.simulator.firmware import DAY_S, RECHARGE_W, Mode, Orders, Slot
from indevolt.simulator.physics import seconds_of
from indevolt.simulator.registers import Registers

COMMAND: Final = ("realtime_state", "realtime_power", "realtime_target_soc")
CURVE: Final = tuple(f"load_curve_slot_{slot:02d}" for slot in range(1, 49))
ORDERING: Final = frozenset(
    (
        "mode",
        *COMMAND,
        *CURVE,
        "backup_soc",
        "grid_charging",
        "forced_ac_charge_power",
        "inverter_input_limit",
        "max_ac_output_power",
        "feed_in_power_limit",
        "meter_connected",
        "load_source",
        "bypass",
        "full_charge_interval",
        "full_charge_start_time",
        "deep_sleep_start_time",
        "deep_sleep_end_time",
    )
)
"""What the plant obeys; everything else that can be written is remembered and shown."""


def read_orders(registers: Registers, product: Product, *, command_stands: bool, plan: Sequence[Slot] = ()) -> Orders:
    """Return what the settings ask of the plant.

    Args:
        registers: the settings.
        product: what stands in for a limit that is absent.
        command_stands: a real-time command was written since real-time mode began.
        plan: what the schedule modes run; it has no HTTP points (protocol.md, section 13).
    """
    mode, power_w, target_pct = _read_mode(registers, stands=command_stands)
    return _one_object(
        Orders(
            mode=mode,
            power_w=power_w,
            target_pct=target_pct,
            reserve_pct=registers.number("backup_soc", 0.0),
            grid_charging=registers.setting("grid_charging") is not False,
            recharge_w=registers.number("forced_ac_charge_power", RECHARGE_W),
            ac_in_max_w=max(0.0, registers.number("inverter_input_limit", product.charge_w[-1])),
            ac_out_max_w=max(0.0, registers.number("max_ac_output_power", product.discharge_w[-1])),
            feed_in_max_w=max(0.0, registers.number("feed_in_power_limit", product.discharge_w[-1])),
            sees_meter=registers.setting("meter_connected") is not False,
            follows_curve=registers.setting("load_source") == "custom",
            curve_w=_read_curve(registers),
            bypass_on=registers.setting("bypass") is not False,
            full_every_s=registers.number("full_charge_interval", 0.0) * DAY_S,
            full_from_s=_second(registers, "full_charge_start_time"),
            deep_from_s=_second(registers, "deep_sleep_start_time"),
            deep_to_s=_second(registers, "deep_sleep_end_time"),
            plan=tuple(plan),
        )
    )


def keep_power(registers: Registers, power_w: float) -> Orders:
    """Return the orders of a captured unit: its battery power goes on."""
    meter = registers.setting("meter_connected") is not False
    return Orders(mode=Mode.KEEP, power_w=power_w, reserve_pct=registers.number("backup_soc", 0.0), sees_meter=meter)


@lru_cache(maxsize=1024)
def _one_object(orders: Orders) -> Orders:
    """Return one object for all orders that are equal: thousands of units stand as they left the factory."""
    return orders


def _read_mode(registers: Registers, *, stands: bool) -> tuple[Mode, float, float | None]:
    """Return what mode and real-time command mean: mode of the plant, battery power, and where it ends."""
    match registers.setting("mode"):
        case "self_use" | None:
            return Mode.FOLLOW, 0.0, None
        case "outdoor_portable":
            return Mode.PORTABLE, 0.0, None
        case "realtime" if not stands:
            return Mode.POWER, 0.0, None
        case "realtime":
            power, target = registers.number("realtime_power", 0.0), registers.number("realtime_target_soc", 100.0)
            match registers.setting("realtime_state"):
                case "charge":
                    return Mode.POWER, -power, target
                case "discharge":
                    return Mode.POWER, power, target
                case _:
                    return Mode.POWER, 0.0, None
        case _:
            return Mode.PLAN, 0.0, None


def _read_curve(registers: Registers) -> tuple[float, ...]:
    curve = tuple(registers.number(name, 0.0) for name in CURVE) if registers.has_own(CURVE) else ()
    return curve if any(curve) else ()


def _second(registers: Registers, name: str) -> float:
    value = registers.setting(name)
    return seconds_of(value) if isinstance(value, time) else 0.0
