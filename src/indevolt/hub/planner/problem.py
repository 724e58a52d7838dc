"""What the hub knows, as a problem that ``control.plan`` solves: the batteries as one, prices, and scenarios of sun and load.

Gathering asks the store; making the problem of it is pure. What is not known is told: a plan without prices or charge is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import repeat
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from indevolt.control.plan.forecast import GOING_ON, load_paths, pv_paths, scenarios
from indevolt.control.plan.problem import BatteryModel, PeakTariff, Pin, Problem, Scenario, Slot
from indevolt.control.situation import ABOVE_BACKUP_PCT, LEAST_SOC_PCT, Action, Target
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.keeper import Keeper
from indevolt.hub.planner.calibration import Calibration, calibrations
from indevolt.hub.planner.held import with_backup
from indevolt.hub.planner.monthly_peak import monthly_peak
from indevolt.hub.planner.packs import Passage, passages
from indevolt.hub.planner.quarters import on_grid, quarters
from indevolt.hub.planner.targets import targets_of
from indevolt.hub.planner.units import units_of
from indevolt.hub.prices.records import QUARTER, Priced, quarter_of
from indevolt.hub.site.quantities import SITE
from indevolt.hub.steer.backup import Backup

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

HISTORY_DAYS: Final = 28  # that load and sun are guessed from
PER_DAY: Final = 96
SORTS_OF_WEATHER: Final = 3
MOST_DAYS, LEAST_DAYS = 14, 4  # of past load that a plan reckons with, each with every sort of weather
MOST_WORK: Final = 144 * 42
"""Slots times scenarios of a plan, that it is solved in less than 100 ms of a core, and the battery is not steered late for it."""
UNBOUND: Final = Passage(math.inf, math.inf)
_CHARGED: Final = 0.9  # of what is taken at the socket (inferred from the captured pairs of protocol.md, section 12)
_AWAKE_PACK_W: Final = 2.0  # of standby for each extension pack (control.md, section 0)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan is made from."""

    at: datetime
    battery: BatteryModel
    prices: Sequence[Priced]  # quarters without a gap, from the one that runs
    pv_w: Sequence[float]  # foreseen of each of them
    load_history_w: Sequence[float | None]  # quarters, oldest first, the last one has just ended
    foreseen_w: Sequence[float | None]  # of the sun, of the same past quarters
    given_w: Sequence[float | None]  # by the plant
    control: ControlConfig
    pins: Mapping[datetime, Pin]
    currency: str
    gate: float
    zone: tzinfo = UTC  # by whose clocks it is told
    passages: Sequence[Passage] = ()  # of each of the prices; empty: as the battery says
    targets: Sequence[Target] = ()
    calibrations: Sequence[Calibration] = ()
    peak: PeakTariff | None = None
    running: Action | None = None  # what the last plan has it do now
    backup: Backup | None = None  # what is kept for an outage
    notes: tuple[str, ...] = ()

    @property
    def known_days(self) -> float:
        """Days of load that are known; without any, load is a guess."""
        return sum(each is not None for each in self.load_history_w) / PER_DAY


class NotKnown(Exception):
    """What a plan cannot do without is not known; the text says what."""


async def facts_of(hub: Hub, now: datetime, *, reserve_pct: float | None = None) -> Facts:
    """Gather what a plan is made from; with another reserve, to see what that would change.

    Raises:
        NotKnown: charge or prices.
        IndevoltError: the store is away.
    """
    control = control_with(hub, reserve_pct)
    battery = battery_of(hub.keepers.values(), control, wear_per_kwh=hub.config.plan.wear_per_kwh)
    start, zone = quarter_of(now), hub.config.site.zone
    until = start + timedelta(hours=hub.config.plan.horizon_h)
    prices = quarters_of(hub.prices.slots(start, until), start)
    if not prices:
        raise NotKnown("the price of now is not known")
    since = start - timedelta(days=HISTORY_DAYS)
    series = await hub.store.series(SITE, ["house_power", "solar_power"], since, start, step_s=QUARTER.total_seconds())
    load = on_grid(series.times, series.columns["house_power"], [as_now(at, start, zone) for at in quarters(since, start)])
    sun = on_grid(series.times, series.columns["solar_power"], quarters(since, start))
    notes: list[str] = []
    end = prices[-1].end
    if end < until:
        notes.append(
            f"prices are neither known nor can be guessed from {end.astimezone(zone):%Y-%m-%d %H:%M} on; the plan ends there"
        )
    pv_w = _foreseen(hub, prices, sun, notes)
    passing = await passages(hub, now, len(prices))
    if sum(each is not None for each in load) < PER_DAY:
        notes.append("there is less than a day of history, so that the load is a guess")
    if not all(each.known for each in prices):
        notes.append("some prices are guessed from past days")
    ordered = hub.planner.slot_at(now)
    return Facts(
        at=now,
        battery=_at_its_best(battery, passing, control),
        prices=prices,
        pv_w=pv_w,
        load_history_w=load,
        foreseen_w=[hub.forecast.pv_w(since + number * QUARTER) for number in range(len(sun))],
        given_w=sun,
        control=control,
        pins=dict(hub.planner.pins),
        currency=hub.config.site.currency,
        gate=hub.planner.gate(hub.config.plan.gate),
        zone=zone,
        passages=passing,
        targets=targets_of(hub, now, end),
        calibrations=await calibrations(hub, now, notes),
        peak=await monthly_peak(hub, now, notes),
        running=None if ordered is None else ordered.action,
        backup=hub.backup.current(hub),
        notes=tuple(notes),
    )


def control_with(hub: Hub, reserve_pct: float | None) -> ControlConfig:
    """Return the rules of the owner; with another reserve, for a what-if."""
    control = hub.config.control
    return control if reserve_pct is None else control.model_copy(update={"reserve_pct": reserve_pct})


def problem_of(facts: Facts) -> Problem:
    """Return the problem."""
    control = facts.control
    pins = with_backup(facts.pins, facts.backup, [each.start for each in facts.prices], facts.battery)
    slots = tuple(
        Slot(
            start=each.start,
            length=each.end - each.start,
            import_per_kwh=each.rate.import_price,
            export_per_kwh=each.rate.export_price,
            charge_limit_w=passage.charge_w,
            discharge_limit_w=passage.discharge_w,
            published=each.known,
            pin=pins.get(each.start),
        )
        for each, passage in zip(facts.prices, facts.passages or repeat(UNBOUND), strict=False)
    )
    return Problem(
        slots=slots,
        scenarios=scenarios_of(facts),
        battery=facts.battery,
        currency=facts.currency,
        battery_to_grid=control.battery_to_grid,
        grid_charging=control.grid_charging,
        feed_in_cap_w=math.inf if control.feed_in_limit_w is None else control.feed_in_limit_w,
        peak=facts.peak,
        targets=tuple(Target(each.soc_pct, each.by.astimezone(facts.zone)) for each in wanted_of(facts)),
        running=facts.running,
        gate=facts.gate,
        zone=facts.zone,
    )


def wanted_of(facts: Facts) -> tuple[Target, ...]:
    """Return the charges that are to be reached: the owner's, and full by when a calibration would have filled it anyway."""
    battery, end = facts.battery, facts.prices[-1].end
    filling = timedelta(hours=battery.capacity_wh / max(battery.charge_w, 1.0) / _CHARGED)
    due = [each for each in facts.calibrations if each.at < end]
    full = [Target(_with_one_full(battery, each.capacity_wh), min(max(each.at, facts.at) + filling, end)) for each in due]
    return tuple(sorted((*facts.targets, *full), key=lambda target: target.by))


def _with_one_full(battery: BatteryModel, capacity_wh: float) -> float:
    """Return the charge of all batteries together that there is at least once one of them is full."""
    share = min(1.0, capacity_wh / battery.capacity_wh)
    return min(battery.ceiling_pct, share * 100 + (1 - share) * battery.floor_pct)


def scenarios_of(facts: Facts) -> tuple[Scenario, ...]:
    """Return every way of load with every sort of weather."""
    slots = len(facts.prices)
    days = min(MOST_DAYS, max(LEAST_DAYS, MOST_WORK // (slots * SORTS_OF_WEATHER) - len(GOING_ON)))
    load_w, likely = load_paths(filled(facts.load_history_w), slots, PER_DAY, days=days)
    pairs = [
        (0.0, 0.0) if foreseen is None or given is None else (foreseen, given)  # as at night: nothing is learnt from it
        for foreseen, given in zip(facts.foreseen_w, facts.given_w, strict=True)
    ]
    past = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    pv_w = pv_paths(np.asarray(facts.pv_w, dtype=np.float64), past[:, 0], past[:, 1], PER_DAY, count=SORTS_OF_WEATHER)
    return scenarios(load_w, pv_w, likely)


def battery_of(keepers: Iterable[Keeper], control: ControlConfig, *, wear_per_kwh: float) -> BatteryModel:
    """Return all batteries as one.

    Raises:
        NotKnown: there is none whose charge and capacity are known.
    """
    capacity_wh = stored_wh = charge_w = discharge_w = asleep_w = 0.0
    floor_pct = max(LEAST_SOC_PCT, min(control.reserve_pct, 99.0))
    ceiling_pct = control.ceiling_pct
    units = 0
    for unit in units_of(keepers):
        keeper, capacity, soc = unit.keeper, unit.capacity_wh, unit.soc_pct
        if capacity is None or soc is None:
            raise NotKnown(f"charge or capacity of {keeper.id} is not known")
        limits = unit.device.limits_in(unit.known)
        units += 1
        capacity_wh += capacity
        stored_wh += capacity * soc / 100
        charge_w += limits.charge.value
        discharge_w += limits.discharge.value
        asleep_w += 7.0 + _AWAKE_PACK_W * max(0, (keeper.config.modules or unit.device.modules or 1) - 1)
        backup = unit.live.get("backup_soc")
        if isinstance(backup, int | float):
            floor_pct = max(floor_pct, backup + ABOVE_BACKUP_PCT)
    if not units or capacity_wh <= 0:
        raise NotKnown("there is no battery that answers")
    if control.output_limit_w is not None:
        discharge_w = min(discharge_w, control.output_limit_w)
    return BatteryModel(
        capacity_wh=capacity_wh,
        soc_pct=min(100.0, max(0.0, stored_wh / capacity_wh * 100)),
        charge_w=charge_w,
        discharge_w=discharge_w,
        floor_pct=min(floor_pct, ceiling_pct),
        reserve_pct=min(max(LEAST_SOC_PCT, control.reserve_pct), ceiling_pct),
        ceiling_pct=ceiling_pct,
        asleep_w=asleep_w,
        awake_w=max(20.0 * units, asleep_w),
        minimum_w=50.0,
        wear_per_kwh=wear_per_kwh,
    )


def _at_its_best(battery: BatteryModel, passing: Sequence[Passage], control: ControlConfig) -> BatteryModel:
    """Return a battery with the most that it can pass in any slot: what cold packs take now is not what they take at noon."""
    if not passing:
        return battery
    most_out_w = math.inf if control.output_limit_w is None else control.output_limit_w
    charge_w = max(passage.charge_w for passage in passing)
    return replace(battery, charge_w=charge_w, discharge_w=min(most_out_w, max(passage.discharge_w for passage in passing)))


def quarters_of(prices: Iterable[Priced], start: datetime) -> tuple[Priced, ...]:
    """Return stretches in quarters of an hour, from a start up to the first gap."""
    found: list[Priced] = []
    at = start
    for each in prices:
        if each.start != at:
            break
        while at < each.end:
            found.append(replace(each, start=at, end=at + QUARTER))
            at += QUARTER
    return tuple(found)


def filled(history: Sequence[float | None]) -> Numbers:
    """Return a history without gaps: short ones are bridged, what lies before the first value is left out."""
    values = np.array([math.nan if each is None else each for each in history], dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        return np.zeros(0)
    values = values[known[0] :]
    known -= known[0]
    return np.asarray(np.interp(np.arange(len(values)), known, values[known]), dtype=np.float64)


def as_now(at: datetime, now: datetime, zone: tzinfo) -> datetime:
    """Return when clocks showed what they would have shown then, were they set as now: people live by clocks, set or not."""
    offset = now.astimezone(zone).utcoffset() or timedelta()
    return (at + offset).replace(tzinfo=zone).astimezone(UTC)


def _foreseen(hub: Hub, prices: Sequence[Priced], sun: Sequence[float | None], notes: list[str]) -> list[float]:
    """Return what is foreseen of the sun; without a forecast what the same time of day had before."""
    told = [hub.forecast.pv_w(each.start) for each in prices]
    if any(each is not None for each in told):
        if any(each is None for each in told):
            notes.append("the forecast of the sun ends before the prices do; beyond, it is that of the day before")
        return [_or_before(told, number) for number in range(len(told))]
    notes.append("there is no forecast of the sun ([forecast]); it is taken to be as in the last days")
    return [_mean(sun[-back] for back in range(PER_DAY - number % PER_DAY, len(sun) + 1, PER_DAY)) for number in range(len(prices))]


def _or_before(told: Sequence[float | None], number: int) -> float:
    while number >= 0:
        value = told[number]
        if value is not None:
            return value
        number -= PER_DAY
    return 0.0


def _mean(values: Iterable[float | None]) -> float:
    known = [each for each in values if each is not None]
    return sum(known) / len(known) if known else 0.0
