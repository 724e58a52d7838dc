"""What is known of prices, past and to come, and what is guessed where a source has not told yet. Pure; time is an argument.

Prices are kept by quarters of an hour. Those of days that are over stay as they were billed then, whatever the configuration adds
today. A guess is the median of the same time of day on days of the same sort, and is never taken for known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from indevolt.errors import IndevoltError
from indevolt.hub.config_tariff import FixedTariff, SimulatedTariff, TariffConfig, TimeOfUseTariff
from indevolt.hub.prices.bill import rate_at, rate_of
from indevolt.hub.prices.records import QUARTER, Priced, Rate, Spot, quarter_of
from indevolt.hub.site.prices import Price

PUBLISHED: Final = time(13, 0)  # the European day-ahead auction is published at about 12:45; its copies follow
SLACK: Final = timedelta(hours=2)  # by which the days of a market and of a site may end apart: Lisbon, London, Helsinki
GUESSED_FROM: Final = timedelta(days=14)  # back; within them there are four days of a weekend
LEAST_DAYS: Final = 3  # of the same sort, else all days are asked
_SATURDAY: Final = 5
_MONTH: Final = 31 * 96  # quarters
_LONGEST: Final = timedelta(
    days=400
)  # of one price that is taken in: a source that names the year 9999 would stop the hub for minutes


@dataclass(frozen=True, slots=True)
class _Kept:
    """One stretch as it is kept; the quarters of it share it."""

    price: float
    market: float | None
    rate: Rate


class Prices:
    """The prices of the site, by quarter of an hour; none before it has a tariff.

    Args:
        tariff: what the owner said.
        zone: by whose clocks days begin.
    """

    def __init__(self, tariff: TariffConfig | None = None, zone: ZoneInfo | None = None) -> None:
        self.tariff = tariff
        self.version = 0  # rises with each change, so that plans are made anew
        self.asked_at: datetime | None = None  # when the source last answered
        self.trouble: IndevoltError | None = None  # why it does not
        self._zone = zone or ZoneInfo("UTC")
        self._kept: dict[datetime, _Kept] = {}

    def begin(self, tariff: TariffConfig, zone: ZoneInfo) -> None:
        """Have a tariff from now on."""
        self.tariff = tariff
        self._zone = zone

    @property
    def follows_market(self) -> bool:
        """Whether prices come from day to day; else they hold until the configuration changes."""
        return self.tariff is not None and not isinstance(self.tariff, FixedTariff | TimeOfUseTariff)

    @property
    def source(self) -> str:
        """Where they come from."""
        return "" if self.tariff is None else self.tariff.kind

    @property
    def simulated(self) -> bool:
        """Whether they are made up."""
        return isinstance(self.tariff, SimulatedTariff)

    def rate_at(self, at: datetime) -> Rate | None:
        """Return what is known to hold at an instant; None where nobody knows."""
        if isinstance(self.tariff, FixedTariff | TimeOfUseTariff):
            return rate_at(at, self.tariff, self._zone)
        kept = self._kept.get(quarter_of(at.astimezone(UTC)))
        return None if kept is None else kept.rate

    def price_at(self, at: datetime) -> Price | None:
        """Return the prices that hold, or held, at an instant; None where nobody knows: a guess is no price."""
        rate = self.rate_at(at)
        return None if rate is None else Price(rate.import_price, rate.export_price)

    def known_until(self, now: datetime) -> datetime | None:
        """Return up to when prices are known without a gap; None where that of now is not."""
        at = quarter_of(now.astimezone(UTC))
        if not self.follows_market or at not in self._kept:
            return None
        while at in self._kept:
            at += QUARTER
        return at

    def slots(self, start: datetime, end: datetime) -> tuple[Priced, ...]:
        """Return stretches of an hour at most, with what is known, and guesses where there are past days to guess from.

        What can neither be known nor guessed is left out.
        """
        found: list[Priced] = []
        at = quarter_of(start.astimezone(UTC))
        while at < end:
            rate = self.rate_at(at)
            priced = rate or self._guess(at)
            if priced is not None:
                _join(found, Priced(at, at + QUARTER, priced, known=rate is not None))
            at += QUARTER
        return tuple(found)

    def _guess(self, at: datetime) -> Rate | None:
        local = at.astimezone(self._zone)
        alike: list[Rate] = []
        others: list[Rate] = []
        for back in range(1, GUESSED_FROM.days + 1):
            day = local.date() - timedelta(days=back)
            kept = self._kept.get(local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC))
            if kept is not None:
                (alike if _is_weekend(day) == _is_weekend(local.date()) else others).append(kept.rate)
        rates = alike if len(alike) >= LEAST_DAYS else [*alike, *others]
        if not rates:
            return None
        return Rate(median(rate.import_price for rate in rates), median(rate.export_price for rate in rates))

    # ---- what may be news ----------------------------------------------------------------------------------------------------

    def wanted_until(self, now: datetime) -> datetime:
        """Return up to when prices could be known: the end of today, and after noon that of tomorrow."""
        local = now.astimezone(self._zone)
        return self.midnight(now, 2 if local.time() >= PUBLISHED else 1)

    def lacks(self, now: datetime) -> bool:
        """Return whether there may be prices that are not known yet."""
        until = self.known_until(now)
        return self.follows_market and (until is None or until < self.wanted_until(now) - SLACK)

    def next_news(self, now: datetime) -> datetime:
        """Return when prices of another day may be published."""
        local = now.astimezone(self._zone)
        day = local.date() if local.time() < PUBLISHED else local.date() + timedelta(days=1)
        return datetime.combine(day, PUBLISHED, self._zone).astimezone(UTC)

    def notes(self, now: datetime) -> list[str]:
        """Return what to know about them."""
        found = []
        if self.simulated:
            found.append("These prices are made up, to try things out.")
        if self.lacks(now):
            until = self.known_until(now)
            told = "the price of now is not known" if until is None else f"prices are known up to {self.clock_time(until)}"
            found.append(f"{told}; what follows is guessed from past days")
        elif self.follows_market and now.astimezone(self._zone).time() < PUBLISHED:
            found.append("tomorrow's prices are published after 13:00; until then they are guessed from past days")
        return found

    def clock_time(self, at: datetime) -> str:
        """Return an instant as the clocks of the site show it."""
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def midnight(self, now: datetime, days: int = 0) -> datetime:
        """Return the start of today, or of a day so many days later."""
        day = now.astimezone(self._zone).date() + timedelta(days=days)
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    # ---- what comes in, and what is kept ---------------------------------------------------------------------------------------

    def put(self, spots: Iterable[Spot]) -> frozenset[str]:
        """Take in what a source told, and return the months that changed."""
        if self.tariff is None or isinstance(self.tariff, FixedTariff | TimeOfUseTariff):
            return frozenset()
        changed: set[str] = set()
        for spot in spots:
            kept = _Kept(spot.price, spot.market, rate_of(spot, self.tariff))
            for at in _quarters(spot.start, spot.start + min(spot.end - spot.start, _LONGEST)):
                before = self._kept.get(at)
                if before is None or (before.price, before.market) != (kept.price, kept.market):
                    self._kept[at] = kept
                    changed.add(_month_of(at))
        self.version += bool(changed)
        return frozenset(changed)

    def save(self, month: str) -> str:
        """Return the prices of a month as :meth:`restore` takes them."""
        rows: list[list[object]] = []
        before: tuple[datetime, _Kept] | None = None
        for at in sorted(each for each in self._kept if _month_of(each) == month):
            kept = self._kept[at]
            if before is not None and before == (at - QUARTER, kept):
                rows[-1][1] = int(str(rows[-1][1])) + 1
            else:
                rate = kept.rate
                rows.append([int(at.timestamp()), 1, kept.price, kept.market, rate.import_price, rate.export_price])
            before = at, kept
        return json.dumps(rows, separators=(",", ":"))

    def restore(self, text: str, today: datetime) -> None:
        """Take in a saved month; from ``today`` on (its start), what is added is what the configuration says now.

        Raises:
            ValueError: it was not saved by this program.
        """
        if self.tariff is None or isinstance(self.tariff, FixedTariff | TimeOfUseTariff):
            return
        try:
            rows = [(datetime.fromtimestamp(start_s, UTC), int(count), *rest) for start_s, count, *rest in json.loads(text)]
        except (TypeError, OverflowError, OSError) as error:
            raise ValueError(f"these are no kept prices: {error}") from error
        for start, count, price, market, import_price, export_price in rows:
            billed = _Kept(price, market, Rate(import_price, export_price))
            for at in _quarters(start, start + min(count, _MONTH) * QUARTER):
                now = _Kept(price, market, rate_of(Spot(at, at + QUARTER, price, market), self.tariff)) if at >= today else billed
                self._kept.setdefault(at, now)
        self.version += 1


def _join(found: list[Priced], priced: Priced) -> None:
    """Append a quarter, or make the last stretch longer where it says the same and stays within an hour."""
    last = found[-1] if found else None
    same = last is not None and (last.end, last.rate, last.known) == (priced.start, priced.rate, priced.known)
    if last is not None and same and last.start.replace(minute=0) == priced.start.replace(minute=0):
        found[-1] = Priced(last.start, priced.end, last.rate, known=last.known)
    else:
        found.append(priced)


def _quarters(start: datetime, end: datetime) -> Iterator[datetime]:
    at = quarter_of(start)
    while at < end:
        yield at
        at += QUARTER


def _month_of(at: datetime) -> str:
    return f"{at:%Y-%m}"


def _is_weekend(day: date) -> bool:
    return day.weekday() >= _SATURDAY
