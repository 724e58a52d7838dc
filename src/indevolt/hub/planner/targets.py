"""Charges that the owner wants to be reached by a time: those of the configuration that come round, and one that he asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from indevolt.control.situation import Target
from indevolt.hub.config_tariff import WEEKDAYS

if TYPE_CHECKING:
    from indevolt.hub.config_forecast import TargetConfig
    from indevolt.hub.hub import Hub


def targets_of(hub: Hub, now: datetime, until: datetime) -> tuple[Target, ...]:
    """Return what is wanted after now and up to an instant, the next one first."""
    asked = hub.planner.target
    found = [*coming(hub.config.plan.targets, now, until, hub.config.site.zone)]
    if asked is not None and now < asked.by <= until:
        found.append(asked)
    return tuple(sorted(found, key=lambda target: target.by))


def coming(configured: Iterable[TargetConfig], now: datetime, until: datetime, zone: tzinfo) -> Iterator[Target]:
    """Yield the targets of the configuration between two instants, by the clocks of the site."""
    for each in configured:
        day = now.astimezone(zone).date()
        while (by := datetime.combine(day, each.by, zone).astimezone(UTC)) <= until:
            if by > now and WEEKDAYS[day.weekday()] in each.days:
                yield Target(each.soc_pct, by)
            day += timedelta(days=1)


def save(target: Target | None) -> str:
    """Return a text that :func:`restored` takes."""
    return "" if target is None else json.dumps([target.soc_pct, target.by.isoformat()])


def restored(text: str) -> Target | None:
    """Return the target of a saved text.

    Raises:
        ValueError: it was not saved by this program.
    """
    if not text:
        return None
    try:
        soc_pct, by = json.loads(text)
        return Target(float(soc_pct), datetime.fromisoformat(by))
    except TypeError as error:
        raise ValueError(f"this is no kept target: {error}") from error
