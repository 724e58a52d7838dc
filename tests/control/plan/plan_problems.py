"""Small problems for the tests of planning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from indevolt.control.plan.problem import BatteryModel, LossCurve, Problem, Scenario, Slot, TerminalValue

START = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
LOSSLESS = LossCurve(0.0, 0.0, 0.0)


def battery(**changes: Any) -> BatteryModel:
    """A battery of 4 kWh, half full."""
    values: dict[str, Any] = {"capacity_wh": 4000.0, "soc_pct": 50.0, "charge_w": 2000.0, "discharge_w": 2400.0} | changes
    return BatteryModel(**values)


def ideal(**changes: Any) -> BatteryModel:
    """One without losses, standby, wear and minimum power."""
    values: dict[str, Any] = {"loss": LOSSLESS, "asleep_w": 0.0, "awake_w": 0.0, "minimum_w": 0.0, "wear_per_kwh": 0.0} | changes
    return battery(**values)


def slots(
    prices: Sequence[float], export: float | Sequence[float] = 0.0, *, length: timedelta = HOUR, **more: Any
) -> tuple[Slot, ...]:
    """Slots of one length with these import prices."""
    sold = export if isinstance(export, Sequence) else [export] * len(prices)
    return tuple(
        Slot(START + index * length, length, price, given, **more)
        for index, (price, given) in enumerate(zip(prices, sold, strict=True))
    )


def problem(prices: Sequence[float], load_w: Sequence[float], pv_w: Sequence[float] | None = None, **changes: Any) -> Problem:
    """A problem with one future."""
    export = changes.pop("export", 0.0)
    length = changes.pop("length", HOUR)
    future = Scenario(tuple(load_w), tuple(pv_w or [0.0] * len(load_w)))
    values: dict[str, Any] = {
        "slots": slots(prices, export, length=length),
        "scenarios": (future,),
        "battery": battery(),
        "terminal": TerminalValue(0.0, 0.0),
        "gate": 0.0,
    }
    return Problem(**(values | changes))
