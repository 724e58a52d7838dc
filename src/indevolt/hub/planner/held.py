"""What a backup hold makes of the slots that it lasts for: a plan neither sells nor uses what is kept, and says why.

In a plan they are as if they were pinned: charged as far as was asked for, then only the surplus is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from indevolt.control.plan.problem import BatteryModel, Pin
from indevolt.control.situation import Action
from indevolt.control.strategies.backup_hold import LET_PCT, said
from indevolt.control.strategies.target_by_time import EFFICIENCY
from indevolt.hub.prices.records import QUARTER
from indevolt.hub.steer.backup import Backup

GIVING: Final = (Action.DISCHARGE, Action.SELF_USE)


def with_backup(
    pins: Mapping[datetime, Pin], backup: Backup | None, quarters: Sequence[datetime], battery: BatteryModel
) -> Mapping[datetime, Pin]:
    """Return the pins of the owner, and those of a backup hold in place of each that would give what is kept."""
    if backup is None:
        return pins
    because = said(backup.until)
    hold = Pin(Action.HOLD, because=because)
    held = dict.fromkeys((start for start in quarters if start < backup.until), hold)
    most, power_w = _charging(backup, battery)
    for start in list(held)[:most]:
        held[start] = Pin(Action.CHARGE, power_w, because=said(backup.until, backup.charge_pct))
    return {**held, **{start: pin for start, pin in pins.items() if start not in held or pin.action not in GIVING}}


def _charging(backup: Backup, battery: BatteryModel) -> tuple[int, float]:
    """Return for how many quarters, and with what power, the batteries charge at first."""
    if backup.charge_pct is None or battery.soc_pct >= backup.charge_pct - LET_PCT or battery.charge_w < battery.minimum_w:
        return 0, 0.0
    wanted_wh = (backup.charge_pct - battery.soc_pct) / 100 * battery.capacity_wh / EFFICIENCY
    hours = QUARTER.total_seconds() / 3600
    most = math.ceil(wanted_wh / (battery.charge_w * hours))
    return most, max(battery.minimum_w, float(round(wanted_wh / (most * hours))))
