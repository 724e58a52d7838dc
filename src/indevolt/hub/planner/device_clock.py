"""The clock of a device, by which its half hours and its times of day go. Its zone is not documented: it is taken as shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from indevolt.hub.keeper import Keeper

_QUARTER_S: Final = 900.0  # clocks of zones differ by whole ones
_WRONG_S: Final = 300.0  # by which a clock may miss that


def ahead_of_utc(keeper: Keeper, now: datetime) -> timedelta | None:
    """Return by how much a device's clock is ahead of UTC, in whole quarters; None where it is not known, or wrong."""
    shown, age_s = keeper.latest.value("device_time"), keeper.latest.age_s("device_time")
    if not isinstance(shown, datetime) or age_s is None:
        return None
    ahead_s = (shown.replace(tzinfo=UTC) - now).total_seconds() + age_s
    whole_s = round(ahead_s / _QUARTER_S) * _QUARTER_S
    return timedelta(seconds=whole_s) if abs(ahead_s - whole_s) <= _WRONG_S else None
