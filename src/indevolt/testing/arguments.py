"""What virtual devices for tests may be told, and from that to devices. A mistake is named with what there is instead."""

from __future__ import annotations

import ssl as tls
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypedDict, get_type_hints

from indevolt.clock import Clock, FastClock
from indevolt.errors import InvalidInput
from indevolt.protocol.messages import Raw
from indevolt.simulator import INSTANT, Api, House, Response, Simulator, Site, State, Surroundings, scenario, steady_house
from indevolt.simulator.play import Play, ReadLines, no_files
from indevolt.simulator.scenario.records import Scenario
from indevolt.testing.served import ServedDevice, Stage, TravelClock

START: Final = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
"""When time begins for every device unless it is told: the same summer's day as for a manual clock."""

_BESIDE_A_SCENARIO: Final = ("discovery", "faults", "keep_alive", "speed", "ssl", "start", "strict", "unit")


class Arguments(TypedDict, total=False):
    """What every virtual battery may be told; what is left out is as :class:`Simulator` has it, and explained there."""

    product: str
    modules: int
    soc_pct: float
    temperature_c: float
    seed: int
    serial: str
    state: State | Mapping[str, Raw]
    complete: bool
    house: House
    load_w: float  # a house that always takes this much ...
    pv_w: Sequence[float]  # ... under a sun that always gives this much at each PV input
    response: Response
    lag_s: float
    latency_s: float
    max_points: int
    api: Api | str
    password: str
    factory_default: bool
    faults: str | Sequence[str]


class BatteryArguments(Arguments, total=False):
    """What one in process may be told besides."""

    site: Site  # a house on the same clock, which several share


class DeviceArguments(Arguments, total=False):
    """What one on a socket may be told besides. A scenario describes a whole home, so only a few of these fit beside it."""

    speed: float  # of its time: 0 stands still, 1 is real time, 60 a minute in a second
    start: datetime
    scenario: str | Path  # a shipped one by its name, or a file
    unit: str  # which of its units; by default the first
    ssl: tls.SSLContext
    strict: bool
    keep_alive: bool
    discovery: bool


def build_battery(given: dict[str, Any], clock: Clock) -> Simulator:
    """Return a battery as :class:`BatteryArguments` describe it.

    Raises:
        InvalidInput: an unknown argument, or a value that does not fit.
    """
    _require_known(given, get_type_hints(BatteryArguments))
    return _build(given, clock)


def serve(stage: Stage, seed: int, given: dict[str, Any]) -> ServedDevice:
    """Return a device on a socket as :class:`DeviceArguments` describe it; ``seed`` is for one that is told none.

    Raises:
        InvalidInput: an unknown argument, or a value that does not fit.
    """
    _require_known(given, get_type_hints(DeviceArguments))
    how: dict[str, Any] = {name: given.pop(name) for name in ("ssl", "strict", "keep_alive") if name in given}
    how["discovery_port"] = 0 if given.pop("discovery", False) else None
    speed, start = given.pop("speed", 0.0), given.pop("start", None)
    if not 0 <= speed <= FastClock.FASTEST:
        raise InvalidInput(f"no speed {speed:g}", remedy=f"0 stands still, 1 is real time, {FastClock.FASTEST:g} is the fastest.")
    if start is not None and start.tzinfo is None:
        raise InvalidInput(f"start {start} has no time zone", remedy="Write datetime(..., tzinfo=UTC).")
    if "scenario" in given:
        return _serve_home(stage, given, speed, start, how)
    if "unit" in given:
        raise InvalidInput("unit without scenario", remedy="Only the units of a scenario have names.")
    if speed == 0:  # no time passes by itself, so what would take time happens at once
        given = {"lag_s": 0.0, "response": INSTANT, **given}
    clock = TravelClock(start or START, speed)
    return ServedDevice(stage, _build({"seed": seed, **given}, clock), clock, {}, **how)


def _serve_home(stage: Stage, given: dict[str, Any], speed: float, start: datetime | None, how: dict[str, Any]) -> ServedDevice:
    """Put all units of a scenario on sockets, and return the one that was asked for."""
    told, read_lines = _read_scenario(given.pop("scenario"), start)
    names = [unit.name for unit in told.units]
    wanted, faults = given.pop("unit", names[0]), given.pop("faults", ())
    if given:
        raise InvalidInput(
            f"{', '.join(sorted(given))} beside scenario, which says that itself",
            remedy=f"Beside it there may be {', '.join(_BESIDE_A_SCENARIO)}.",
        )
    if wanted not in names:
        raise InvalidInput(f"the scenario has no unit {wanted!r:.60}", remedy=f"There are {', '.join(names)}.")
    clock = TravelClock(told.start, speed)
    home: dict[str, ServedDevice] = {}
    for name, simulator in Play(told, clock=clock, read_lines=read_lines).units.items():
        home[name] = ServedDevice(stage, simulator, clock, home, **how)
    home[wanted].faults.add(*_specs(faults))
    return home[wanted]


def _build(given: dict[str, Any], clock: Clock) -> Simulator:
    steady = {name: given[name] for name in ("load_w", "pv_w") if name in given}
    rest = {name: value for name, value in given.items() if name not in steady and name != "faults"}
    if steady:
        if twice := [name for name in ("house", "site", "state") if name in given]:
            raise InvalidInput(f"{', '.join(steady)} beside {', '.join(twice)}", remedy="Say only once what house and sun do.")
        rest["house"] = steady_house(Surroundings(steady.get("load_w", 0.0), tuple(steady.get("pv_w", ()))))
    simulator = Simulator(clock=clock, **rest)
    simulator.faults.add(*_specs(given.get("faults", ())))
    return simulator


def _read_scenario(source: str | Path, start: datetime | None) -> tuple[Scenario, ReadLines]:
    """Return a scenario, and what reads the files that it names, which are beside its own."""
    if isinstance(source, str):
        return scenario.load(scenario.shipped(source), name=source, start=start), no_files
    told = scenario.load(source.read_text("utf-8"), name=source.name, start=start)
    return told, lambda path: (source.parent / path).read_text("utf-8").splitlines()


def _specs(faults: str | Sequence[str]) -> Sequence[str]:
    return (faults,) if isinstance(faults, str) else faults


def _require_known(given: Mapping[str, object], known: Iterable[str]) -> None:
    if unknown := sorted(given.keys() - known):
        raise InvalidInput(f"no argument {', '.join(unknown)}", remedy=f"There are {', '.join(sorted(known))}.")
