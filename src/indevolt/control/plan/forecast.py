"""What load and PV may do next, from what the site did before: not one forecast but scenarios, with how likely each is.

Load: past days as they went, drawn towards what is running now, by as much as this site's load remembers itself; and the last
hours going on as they are, as people leave and come back on evenings unlike any before. PV: the forecast of others, by factors from
gloomy to bright that are how wrong it was here, drawn towards how wrong it is today. All series are of slots of one length, oldest
first; what slots are in local time is the caller's.

Not here: fetching forecasts, and a sky without clouds (``hub.forecast``).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np

from indevolt.control.plan.effects import Indices, Numbers
from indevolt.control.plan.problem import Scenario

FORGETS_MIN: Final = 45.0
"""A load whose memory is not known yet forgets what is running now in about so long (control.md, section 2.1)."""
UNKNOWN_W: Final = 300.0  # of a house that has no history at all: a guess
_LEVEL_DAYS: Final = 2.0  # what the last days had counts most for the next one's total ...
_LEVEL_SHARE: Final = 0.3  # ... and this much of the difference to a past day
_ALIKE_H: Final = (6, 24, 48)  # a past day is likely by how alike the hours before it and before now are ...
_ALIKE: Final = 2.0  # ... in the squared differences of the logarithms of their means
_GOES_ON: Final = 0.2  # no further than this is what began a day ago: that people who are away stay away
_QUIET_W: Final = 50.0  # added before the logarithm, that a house asleep is like another one
_SAME_WEEKDAY: Final = 2.0  # times as likely
# All of these: least errors on a year of a real house, without the weeks that the benchmark of plans replays (continuous ranked
# probability score of the mean load of the next 1, 4, 12, and of the 12 hours after those, twice).
GOING_ON: Final = ((3.0, 0.25), (12.0, 0.25), (24.0, 0.25))
"""Means of so many last hours that may go on, with how likely that is against a past day before which all was as now: fewer errors
by the same measure than without, and the better of two that were tried on plans of the development weeks."""
_LEAST_W: Final = 30.0
_SCALE_WITHIN: Final = (0.3, 3.0)
_REMEMBERED_H: Final = 6.0  # beyond, what is left of a correlation is chance
_LEAST_DAYS: Final = 5  # for an estimate of a site's memory

SPREAD: Final = 0.35
"""Standard deviation of the logarithm of what came to what was foreseen, while that is not known here: good services are that
wrong about an hour of the next day."""
_BLOCK_H: Final = 2.0  # PV errors are judged by stretches so long
_SKY_LASTS_MIN: Final = 180.0  # until what is wrong with today's forecast is half forgotten, more or less
_LEAST_BLOCKS: Final = 20
_RATIO_WITHIN: Final = (0.05, 4.0)
_DUSK: Final = 0.03  # of the brightest slot foreseen lately: with less light a ratio says nothing


def load_paths(history_w: Numbers, slots: int, per_day: int, *, days: int = 14) -> tuple[Numbers, Numbers]:
    """Return paths of load, and how likely each is: past days, then the last hours going on.

    Args:
        history_w: means of past slots, oldest first; the last one has just ended.
        slots: how far to look.
        per_day: slots of a day.
        days: how many past days at most: the likeliest.
    """
    past = (len(history_w) - 1) // per_day
    if past <= 0:
        return np.full((1, slots), float(history_w.mean()) if len(history_w) else UNKNOWN_W), np.ones(1)
    back = np.arange(1, past + 1) * per_day
    start = len(history_w) - back
    likely = _alike(history_w, start, per_day)
    kept = np.sort(np.argsort(-likely, kind="stable")[:days])
    # A day that ends before the horizon does goes on with its own beginning.
    scale = _scales(history_w, start, per_day)[kept]
    back, start, likely = back[kept], start[kept], likely[kept]
    paths = history_w[start[:, None] + np.arange(slots)[None, :] % back[:, None]] * scale[:, None]
    drawn = (history_w[-1] - history_w[start - 1] * scale)[:, None] * _padded(load_memory(history_w, per_day), slots)
    most_w = history_w[len(history_w) % per_day :].reshape(-1, per_day).mean(axis=1).max()  # of a day: a car is full some time
    going_on = [np.full((1, slots), min(history_w[-round(hours * per_day / 24) :].mean(), most_w)) for hours, _ in GOING_ON]
    likely = np.append(likely, [share for _, share in GOING_ON])
    return np.vstack([np.maximum(paths + drawn, 0.0), *going_on]), likely / likely.sum()


def _alike(history_w: Numbers, start: Indices, per_day: int) -> Numbers:
    """Return how likely it is that the next hours go as each past day went on: as what came before is alike, and on its weekday."""
    apart = np.zeros(len(start))
    total = np.concatenate([[0.0], history_w.cumsum()])
    for hours in _ALIKE_H:
        slots = round(hours * per_day / 24)
        first = np.maximum(start - slots, 0)  # the oldest day has less before it
        then = np.log((total[start] - total[first]) / np.maximum(start - first, 1) + _QUIET_W)
        now = np.log(history_w[-slots:].mean() + _QUIET_W)
        apart += (then - now) ** 2
    apart[0] = min(apart[0], _GOES_ON)
    same = np.arange(1, len(start) + 1) % 7 == 0
    likely: Numbers = np.exp(-_ALIKE * apart) * np.where(same, _SAME_WEEKDAY, 1.0)
    return likely


def _scales(history_w: Numbers, start: Indices, per_day: int) -> Numbers:
    """Return by how much each past day is made like the last ones: people are away, or it got colder."""
    level = np.array([max(float(history_w[first : first + per_day].mean()), _LEAST_W) for first in start])
    weight = np.exp(-np.arange(len(level)) / _LEVEL_DAYS)
    scale: Numbers = np.clip(((level @ weight) / weight.sum() / level) ** _LEVEL_SHARE, *_SCALE_WITHIN)
    return scale


def load_memory(history_w: Numbers, per_day: int) -> Numbers:
    """Return how far a departure from the usual is still there one slot later, two slots later, ..., for some hours."""
    lags = round(_REMEMBERED_H * per_day / 24)
    days = len(history_w) // per_day
    if days < _LEAST_DAYS:
        usual: Numbers = np.exp(-(np.arange(lags) + 1) * (1440 / per_day) / FORGETS_MIN)
        return usual
    by_day = history_w[len(history_w) - days * per_day :].reshape(days, per_day)
    departure = (by_day - by_day.mean(axis=0)).ravel()
    power = max(float(departure @ departure), 1e-9)
    found = np.array([departure[: -lag - 1] @ departure[lag + 1 :] for lag in range(lags)]) / power
    return np.clip(np.minimum.accumulate(found), 0.0, 1.0)


def pv_paths(ahead_w: Numbers, foreseen_w: Numbers, given_w: Numbers, per_day: int, *, count: int = 3) -> Numbers:
    """Return paths of PV from gloomy to bright, all as likely.

    Args:
        ahead_w: the forecast from now on.
        foreseen_w: what was foreseen of past slots, as it was known the day before; the last one has just ended.
        given_w: what came.
        per_day: slots of a day.
        count: how many paths.
    """
    block = max(1, round(_BLOCK_H * per_day / 24))
    brightest = max(float(foreseen_w[-14 * per_day :].max(initial=0.0)), float(ahead_w.max(initial=0.0)), 1.0)
    departures = _departures(foreseen_w, given_w, block, brightest * _DUSK, count)
    now = 0.0
    if len(foreseen_w) >= block and foreseen_w[-block:].mean() > brightest * _DUSK:
        now = float(_log_ratio(given_w[-block:].mean(), foreseen_w[-block:].mean()))
    minutes = (np.arange(len(ahead_w)) + 0.5) * (1440 / per_day)
    kept = np.exp(-minutes / _SKY_LASTS_MIN) if now else np.zeros(len(ahead_w))
    usual = departures.mean()  # a forecast that is always wrong the same way is wrong so now as well: that counts once
    factors = np.exp(usual + (now - usual) * kept + (departures[:, None] - usual) * np.sqrt(1 - kept**2))
    paths: Numbers = ahead_w * factors
    return paths


def scenarios(load_w: Numbers, pv_w: Numbers, likely: Numbers) -> tuple[Scenario, ...]:
    """Return every path of load with every path of PV; a path of PV is a regime."""
    return tuple(
        Scenario(tuple(load.tolist()), tuple(pv.tolist()), float(weight), regime)
        for regime, pv in enumerate(pv_w)
        for load, weight in zip(load_w, likely, strict=True)
    )


def _departures(foreseen_w: Numbers, given_w: Numbers, block: int, least_w: float, count: int) -> Numbers:
    """Return logarithms of what came to what was foreseen, at even quantiles, weighed by the energy that was foreseen."""
    blocks = min(len(foreseen_w), len(given_w)) // block
    middles = (np.arange(count) + 0.5) / count
    foreseen = foreseen_w[len(foreseen_w) - blocks * block :].reshape(blocks, block).mean(axis=1)
    given = given_w[len(given_w) - blocks * block :].reshape(blocks, block).mean(axis=1)
    lit = foreseen > least_w
    if lit.sum() < _LEAST_BLOCKS:
        return SPREAD * np.array([NormalDist().inv_cdf(float(middle)) for middle in middles])
    ratios, weights = _log_ratio(given[lit], foreseen[lit]), foreseen[lit]
    order = ratios.argsort()
    reached = weights[order].cumsum() - weights[order] / 2
    quantiles: Numbers = np.interp(middles * weights.sum(), reached, ratios[order])
    return quantiles


def _log_ratio(given_w: Numbers, foreseen_w: Numbers) -> Numbers:
    ratio: Numbers = np.log(np.clip(given_w / foreseen_w, *_RATIO_WITHIN))
    return ratio


def _padded(values: Numbers, count: int) -> Numbers:
    """Return values cut, or followed by zeros, to a length."""
    return np.pad(values[:count], (0, max(0, count - len(values))))
