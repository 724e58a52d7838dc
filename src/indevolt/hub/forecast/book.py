"""What is foreseen of the sun, and how wrong that was here lately. Pure; time is an argument.

A forecast knows the sky, not the chimney beside the modules nor what the plant really is. So it is multiplied by what the plant
gave for what had been foreseen, hour by hour of the day, over the last two weeks; where little is known, by little.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from indevolt.errors import IndevoltError
from indevolt.hub.config_forecast import ForecastConfig, SunSource
from indevolt.hub.forecast import clearsky
from indevolt.hub.prices.records import QUARTER, quarter_of

LEARNT_FROM: Final = timedelta(days=14)
DOUBT_WH_PER_W: Final = 12.0  # foreseen for each watt of the plant, until what came of it is half believed: two days of summer
HOURLY_DOUBT: Final = 1 / 8  # of that, for what is peculiar to an hour
LEAST, MOST = 0.02, 2.0  # of corrections: beyond, the configuration is wrong
_REMEMBERED: Final = 4000  # quarters of a clear sky: a month and more
_PARTS: Final = 3  # of a quarter that a clear sky is looked at in


class Forecasts:
    """Power of the plant by quarter of an hour; none before it has a place."""

    def __init__(self, config: ForecastConfig | None = None) -> None:
        self.config = config
        self.version = 0  # rises with each change, so that plans are made anew
        self.asked_at: datetime | None = None
        self.trouble: IndevoltError | None = None
        self.factors: Mapping[int, float] = {}  # by hour of the day, UTC
        self._clear: dict[datetime, float] = {}  # worked out before
        self._told: dict[datetime, float] = {}  # what a service foresaw; past quarters stay as they were foreseen

    def begin(self, config: ForecastConfig) -> None:
        """Have a place from now on."""
        self.config = config
        self._clear.clear()

    @property
    def source(self) -> str:
        """Who foresees."""
        return "" if self.config is None else self.config.source

    @property
    def peak_w(self) -> float:
        """Power of the whole plant by its data sheets."""
        return sum(plane.peak_w for plane in self.config.planes) if self.config else 0.0

    def foreseen_w(self, at: datetime) -> float | None:
        """Return the mean of a quarter as the source foresees or foresaw it; None where it says nothing."""
        start = quarter_of(at.astimezone(UTC))
        if self.config is None or not self.config.planes:
            return None
        if self.config.source is SunSource.CLEAR_SKY:
            return self._clear_w(start)
        return self._told.get(start)

    def pv_w(self, at: datetime) -> float | None:
        """Return the same, put right by what the plant gave before."""
        foreseen_w = self.foreseen_w(at)
        if foreseen_w is None or self.config is None:
            return None
        corrected_w = foreseen_w * self.factors.get(at.astimezone(UTC).hour, 1.0)
        return corrected_w if self.config.limit_w is None else min(self.config.limit_w, corrected_w)

    def clear_w(self, at: datetime) -> float | None:
        """Return what a clear sky would give, whoever foresees."""
        if self.config is None or not self.config.planes:
            return None
        return self._clear_w(quarter_of(at.astimezone(UTC)))

    def take(self, told: Iterable[Mapping[datetime, float]], at: datetime) -> None:
        """Take in what a service foresees of each plane; what is past stays as it was foreseen before."""
        total: dict[datetime, float] = {}
        for plane in told:
            for start, power_w in plane.items():
                total[start] = total.get(start, 0.0) + power_w
        now = quarter_of(at.astimezone(UTC))
        for start, power_w in total.items():
            if start >= now or start not in self._told:
                self._told[start] = power_w
        self._forget(at)
        self.asked_at = at
        self.version += 1

    def learn(self, given_w: Mapping[datetime, float]) -> None:
        """Compare what was foreseen with what the plant gave, means by quarter of an hour."""
        foreseen_wh: dict[int, float] = {}
        given_wh: dict[int, float] = {}
        for at, power_w in given_w.items():
            foreseen_w = self.foreseen_w(at)
            if foreseen_w is not None:
                foreseen_wh[at.hour] = foreseen_wh.get(at.hour, 0.0) + foreseen_w / 4
                given_wh[at.hour] = given_wh.get(at.hour, 0.0) + max(0.0, power_w) / 4
        doubt_wh = DOUBT_WH_PER_W * self.peak_w
        whole = _ratio(sum(given_wh.values()), sum(foreseen_wh.values()), doubt_wh, 1.0)
        factors = {hour: _ratio(given_wh[hour], foreseen_wh[hour], doubt_wh * HOURLY_DOUBT, whole) for hour in foreseen_wh}
        if factors != self.factors:
            self.factors = {hour: factors.get(hour, whole) for hour in range(24)}
            self.version += 1

    def save(self) -> str:
        """Return a text that :meth:`restore` takes."""
        return json.dumps({f"{at.timestamp():.0f}": round(power_w, 1) for at, power_w in self._told.items()}, separators=(",", ":"))

    def restore(self, text: str, at: datetime) -> None:
        """Go on from a saved text.

        Raises:
            ValueError: it was not saved by this program.
        """
        try:
            self._told.update(
                {datetime.fromtimestamp(int(start_s), UTC): float(power_w) for start_s, power_w in json.loads(text).items()}
            )
        except (TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError(f"this is no kept forecast: {error}") from error
        self._forget(at)
        self.version += 1

    def _forget(self, at: datetime) -> None:
        since = at - LEARNT_FROM - timedelta(days=1)
        for start in [each for each in self._told if each < since]:
            del self._told[start]

    def _clear_w(self, start: datetime) -> float:
        known_w = self._clear.get(start)
        if known_w is not None or self.config is None:
            return known_w or 0.0
        total_w = 0.0
        for part in range(_PARTS):
            sun = clearsky.sun_at(start + QUARTER * ((part + 0.5) / _PARTS), self.config.latitude_deg, self.config.longitude_deg)
            light = clearsky.light_of(sun)
            for plane in self.config.planes:
                total_w += plane.peak_w * clearsky.on_plane(sun, light, plane.tilt_deg, plane.azimuth_deg) / 1000
        if len(self._clear) >= _REMEMBERED:
            self._clear.clear()
        return self._clear.setdefault(start, total_w / _PARTS * clearsky.YIELD)


def _ratio(given_wh: float, foreseen_wh: float, doubt_wh: float, otherwise: float) -> float:
    """Return how much of what was foreseen came, drawn towards something else as long as little was foreseen."""
    return min(MOST, max(LEAST, (given_wh + otherwise * doubt_wh) / (foreseen_wh + doubt_wh))) if doubt_wh else otherwise
