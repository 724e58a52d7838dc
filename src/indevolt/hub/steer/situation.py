"""What strategies may know, out of what the hub knows: units, meter, prices and the owner's rules. Nothing is asked of a device.

Unknown stays unknown: what is not live is left out, and ``control`` makes nothing of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from indevolt.battery import Charge, Command, Discharge, Hold, Limit, Limits, Quality, Reading, Schedule, SelfUse
from indevolt.catalogue import LIMITING, Product
from indevolt.control import situation as control
from indevolt.control.situation import Action, Caps, Goals, MeterSample, PlanSlot, Role, Seen, Situation, Target, Tier, UnitState
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.derive import ac_power
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.planner.targets import targets_of
from indevolt.hub.site.service import branches_of
from indevolt.hub.site.totals import USABLE

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.steer.unit import UnitSteering

ACTIONS: Final[dict[type[Command], Action]] = {
    SelfUse: Action.SELF_USE,
    Schedule: Action.SELF_USE,
    Hold: Action.STOP,
    Charge: Action.CHARGE,
    Discharge: Action.DISCHARGE,
}
CHARGE_HOLDS_S: Final = 120.0
"""How long the last state of charge counts; at the highest power of any product it moves by 2 % meanwhile."""
SUN_HOLDS_S: Final = 120.0  # likewise: a unit that misses some readings goes on giving what the sun does
TARGETS_AHEAD: Final = timedelta(days=2)  # no battery of these takes longer to fill
CALIBRATING: Final = ("forced_full_charge", "low_battery_charging")  # states in which a device charges on its own account
TEMPERATURES: Final = (
    "main_temperature",
    "battery_temperature",
    *(f"pack{number}_{what}" for number in range(1, 6) for what in ("min_cell_temperature", "temperature")),
)
_KNOWN: Final = (
    *("battery_soc", "battery_power", "rated_capacity", "mode", "cluster_role", "system_state", *LIMITING),
    *("ac_power", "ac_output_power", "ac_input_power", *TEMPERATURES),
)
_ROLES: Final = {"master": Role.MASTER, "slave": Role.SLAVE}


def unit_state(keeper: Keeper, now_s: float) -> UnitState:
    """Return what is known of a unit."""
    known = _live(keeper.snapshot(_KNOWN))
    temperatures = [celsius for name in TEMPERATURES if (celsius := known.number(name)) is not None]
    coldest = min(temperatures, default=None)
    mode = known.value("mode")
    return UnitState(
        name=keeper.id,
        limits=_limits(keeper, known, coldest),
        soc_pct=_charge(keeper, now_s),
        capacity_wh=known.number("rated_capacity"),
        battery_w=_seen(keeper, known, "battery_power", now_s),
        ac_w=_ac(keeper, known, now_s),
        mode=mode if isinstance(mode, str) else None,
        backup_pct=known.number("backup_soc"),
        temperature_c=coldest,
        online=keeper.link is Link.ONLINE and keeper.device is not None,
        role=_ROLES.get(str(known.value("cluster_role")), Role.ALONE),
        calibrating=known.value("system_state") in CALIBRATING,
    )


def situation(hub: Hub, units: tuple[UnitSteering, ...], *, people: bool, clock_trusted: bool, beside_w: float = 0.0) -> Situation:
    """Return what strategies may know when they decide for these units.

    Args:
        hub: what it knows.
        units: those that are commanded as one battery.
        people: only people decide for them, so that no plan does.
        clock_trusted: the wall clock has not jumped just now.
        beside_w: what other units of the hub give of what all together may.
    """
    now, now_s = hub.clock.now(), hub.clock.monotonic()
    config, price = hub.config.control, hub.price_at(now)
    states = tuple(replace(unit_state(unit.keeper, now_s), given_up=_given_up(unit)) for unit in units)
    unit_pv_w = sum(sun_w(unit.keeper) for unit in units)
    plants_w, charger_w = branches_w(hub)
    return Situation(
        at=now,
        at_s=now_s,
        units=states,
        meter=grid_sample(hub, units, now_s),
        pv_w=None if plants_w is None else plants_w + unit_pv_w,
        unit_pv_w=unit_pv_w,
        charger_w=charger_w,
        price=control.Price(price.import_per_kwh, price.export_per_kwh or 0.0) if price else None,
        slot=None if people else slot_at(hub),
        overrides=tuple(made for unit in units if (made := _override(unit, hub)) is not None),
        goals=_with_wishes(goals_of(config), hub, people=people),
        caps=_shared(caps_of(config), beside_w),
        tier=tier_of(units),
        envelope=hub.envelopes.current(hub),
        clock_trusted=clock_trusted or people,  # the end of what people ask for is known by another clock as well
    )


def _given_up(unit: UnitSteering) -> str:
    """Return why a unit is left to itself for a while; empty where it is not."""
    given_up = unit.proofs.given_up
    return "" if given_up is None else given_up.why(unit.keeper.id)


def tier_of(units: tuple[UnitSteering, ...]) -> Tier:
    """Return how these units follow the house: by their own loop where each has a meter that it knows, or that the hub poses as.

    What was read last counts, however old: a unit that is silent for a while has lost no meter, and one of which nothing was ever
    read is commanded nothing.
    """
    read = [unit.keeper.latest for unit in units if unit.keeper.latest.sample("battery_soc") is not None]
    meters = [latest.sample("meter_connected") for latest in read]
    own = all(sample is not None and sample.value is True for sample in meters)
    if units and all(unit.keeper.posing is not None and unit.keeper.posing.follows for unit in units):
        return Tier.POSED
    return Tier.NATIVE if own else Tier.REALTIME


def grid_sample(hub: Hub, units: tuple[UnitSteering, ...], now_s: float) -> MeterSample | None:
    """Return what the meter at the grid connection showed last: one of the hub's own, else one that a unit reads."""
    meter = hub.meters.grid
    if meter is not None and (sample := meter.sample()) is not None:
        return sample
    for unit in units:
        keeper = unit.keeper
        known = _live(keeper.snapshot(("meter_power",)))
        seen = _seen(keeper, known, "meter_power", now_s)
        if seen is not None:
            # The sign of its own meter is the one that the device's own loop goes by.
            return MeterSample(seen.value, seen.at_s, keeper.config.poll.power_s)
    return None


def branches_w(hub: Hub) -> tuple[float | None, float | None]:
    """Return what plants beside the units give and what cars take, as the site's own meters tell; None where that is unknown.

    Without a meter of plants there is taken to be none; without one of cars nothing is known of cars.
    """
    branches = branches_of(hub)
    totals = hub.site.look((), branches, hub.clock.now(), hub.clock.monotonic()).totals
    solar, charger = ((totals[name].value if totals[name].quality in USABLE else None) for name in ("solar_power", "charger_power"))
    return (solar if MeterRole.PV in branches.values() else 0.0), charger


def slot_at(hub: Hub) -> PlanSlot | None:
    """Return what the plan wants now, by the clocks of the site."""
    slot = next((slot for plan in hub.plans if (slot := plan(hub.clock.now())) is not None), None)
    zone = hub.config.site.zone
    return None if slot is None else replace(slot, start=slot.start.astimezone(zone), end=slot.end.astimezone(zone))


def _target(hub: Hub) -> Target | None:
    """Return the next charge that the owner wants by a time."""
    now = hub.clock.now()
    wanted = next(iter(targets_of(hub, now, now + TARGETS_AHEAD)), None)
    return None if wanted is None else replace(wanted, by=wanted.by.astimezone(hub.config.site.zone))


def _with_wishes(goals: Goals, hub: Hub, *, people: bool) -> Goals:
    """Return what the owner wants at all times, and what somebody asked for in the running hub."""
    backup = hub.backup.current(hub)
    goals = replace(goals, target=None if people else _target(hub))
    return goals if backup is None else replace(goals, backup_until=backup.until, backup_pct=backup.charge_pct)


def goals_of(config: ControlConfig) -> Goals:
    """Return what the owner wants."""
    return Goals(
        reserve_pct=config.reserve_pct,
        ceiling_pct=config.ceiling_pct,
        grid_target_w=config.grid_target_w,
        hard_zero=config.hard_zero,
        peak_import_w=config.peak_import_w,
        soak_below_per_kwh=config.soak_below_per_kwh,
        spare_charger=config.spare_charger,
    )


def caps_of(config: ControlConfig) -> Caps:
    """Return what law, circuit and contract allow."""

    def cap(value: float | None, cause: str) -> Limit | None:
        return None if value is None else Limit(value, "W", cause)

    return Caps(
        output=cap(config.output_limit_w, "output_limit_w of [control]"),
        feed_in=cap(config.feed_in_limit_w, "feed_in_limit_w of [control]"),
        grid_import=cap(config.grid_import_limit_w, "grid_import_limit_w of [control]"),
        battery_to_grid=config.battery_to_grid,
        grid_charging=config.grid_charging,
    )


def given_w(keeper: Keeper, now_s: float) -> float:
    """Return what a unit gives to the house now, as far as it tells."""
    seen = unit_state(keeper, now_s).ac_w
    return 0.0 if seen is None else max(0.0, seen.value)


def sun_w(keeper: Keeper) -> float:
    """Return what the sun gives through a unit, for a while also from before it fell silent: it counts against the output limit."""
    sample, age_s = keeper.latest.sample("solar_power"), keeper.latest.age_s("solar_power")
    if sample is None or age_s is None or age_s > SUN_HOLDS_S or not isinstance(sample.value, int | float):
        return 0.0
    return float(sample.value)


def _shared(caps: Caps, beside_w: float) -> Caps:
    """Return what is left of caps that all units have together."""
    if caps.output is None or not beside_w:
        return caps
    cause = f"{caps.output.cause}, of whose {caps.output.value:.0f} W other units have {beside_w:.0f} W"
    return replace(caps, output=replace(caps.output, value=max(0.0, caps.output.value - beside_w), cause=cause))


def derated(limits: Limits, product: Product | None, temperature_c: float | None, modules: int | None) -> Limits:
    """Return what battery modules of this temperature leave of limits (protocol.md, section 15; control.md, section 0)."""
    if product is None or temperature_c is None or not product.derating:
        return limits
    row = next((row for row in product.derating if temperature_c <= row.upto_c), None)
    charge_w, discharge_w = (0.0, 0.0) if row is None else (row.charge_w, row.discharge_w)
    count = modules or 1
    cause = f"battery modules at {temperature_c:g} °C"
    charge, discharge = _lower(limits.charge, count * charge_w, cause), _lower(limits.discharge, count * discharge_w, cause)
    return replace(limits, charge=charge, discharge=discharge)


def _lower(limit: Limit, value: float, cause: str) -> Limit:
    return replace(limit, value=value, cause=cause) if value < limit.value else limit


def _limits(keeper: Keeper, known: Reading, temperature_c: float | None) -> Limits:
    device = keeper.device
    if device is None:
        nothing = Limit(0.0, "W", "the device has not been reached")
        return Limits(nothing, nothing, Limit(5.0, "%", "unknown"), Limit(100.0, "%", "unknown"))
    limits = device.limits_in(known)
    cluster = known.value("cluster_role") == "master"
    return limits if cluster else derated(limits, device.product, temperature_c, keeper.config.modules or device.modules)


def _live(reading: Reading) -> Reading:
    """Return the part of a reading that is of now."""
    samples = {name: sample for name, sample in reading.items() if sample.quality in (Quality.LIVE, Quality.HELD)}
    return replace(reading, samples=samples)


def _seen(keeper: Keeper, known: Reading, name: str, now_s: float) -> Seen | None:
    value, age_s = known.number(name), keeper.latest.age_s(name)
    return None if value is None or age_s is None else Seen(value, now_s - age_s)


def _charge(keeper: Keeper, now_s: float) -> Seen | None:
    """Return the state of charge, for a while also from before the device fell silent: it moves by a few percent an hour."""
    sample, age_s = keeper.latest.sample("battery_soc"), keeper.latest.age_s("battery_soc")
    if sample is None or age_s is None or age_s > CHARGE_HOLDS_S or not isinstance(sample.value, int | float):
        return None
    return Seen(float(sample.value), now_s - age_s)


def _ac(keeper: Keeper, known: Reading, now_s: float) -> Seen | None:
    value = ac_power(known.number)
    ages_s = (keeper.latest.age_s(name) for name in ("ac_power", "ac_output_power"))
    age_s = next((each for each in ages_s if each is not None), None)
    return None if value is None or age_s is None else Seen(value, now_s - age_s)


def _override(unit: UnitSteering, hub: Hub) -> control.Override | None:
    made = unit.override
    if made is None:
        return None
    until = min(made.until, hub.clock.now() + timedelta(seconds=max(0.0, unit.left_s)))
    power_w = float(getattr(made.command, "power_w", 0))
    until = until.astimezone(hub.config.site.zone)
    return control.Override(ACTIONS[type(made.command)], until, made.by, power_w, getattr(made.command, "soc_pct", None))
