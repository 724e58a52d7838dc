"""A scenario on stage: the house, the units and the meter that it describes, and its events as time passes.

Pure: the clock and the lines of CSV files are arguments. ``performance`` runs one to its end without a network and returns what
happened; ``virtual_home`` puts one on the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeAlias

from indevolt.battery import Command, Value, in_words
from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.measurement import Measurement
from indevolt.protocol.messages import Result, SetData
from indevolt.simulator.access import DEVICE_KEY, Api
from indevolt.simulator.accessory import Accessory, Sort
from indevolt.simulator.appliances import Household
from indevolt.simulator.cluster import Role
from indevolt.simulator.device import Simulator, form_cluster
from indevolt.simulator.firmware import DAY_S, Slot
from indevolt.simulator.house import Array, House, Load, furnished_house
from indevolt.simulator.meter import Meter
from indevolt.simulator.orders import CURVE
from indevolt.simulator.physics import seconds_of
from indevolt.simulator.scenario.records import (
    Break,
    Change,
    CsvSource,
    Event,
    GridSupply,
    MeterLink,
    MeterSort,
    Note,
    Order,
    Reboot,
    Remove,
    Restore,
    Scenario,
    Slot as ScheduleEntry,
    UnitSpec,
    Update,
)
from indevolt.simulator.series import Series, parse_csv
from indevolt.simulator.site import Pace, Site
from indevolt.simulator.sky import Sky, Weather
from indevolt.simulator.trace import Happening

ReadLines: TypeAlias = Callable[[str], Iterable[str]]
"""Returns the lines of a file that a scenario names."""

BETWEEN_WRITES_S: Final = 1.0  # the least that clients keep (protocol.md, section 7)
WATCHED_STEPS: Final = 3600  # a gap up to so many steps is crossed in single ones: an hour at steps of a second


def no_files(path: str) -> Iterable[str]:
    """Refuse to read: for scenarios that name no files."""
    raise FileNotFoundError(path)


class Play:
    """A scenario on stage. Time passes when somebody looks; ``site.advance()`` is enough."""

    def __init__(self, scenario: Scenario, *, clock: Clock, read_lines: ReadLines = no_files) -> None:
        """Set the stage.

        Args:
            scenario: what to play.
            clock: where time comes from; it should stand at the scenario's start.
            read_lines: gives the lines of CSV files.

        Raises:
            InvalidInput: a CSV file that cannot be read as one.
        """
        self.scenario = scenario
        self.happenings: list[Happening] = []
        self._read_lines = read_lines
        online = scenario.meter.sort is not MeterSort.NONE
        self.site = Site(
            self._house(),
            clock=clock,
            pace=Pace(step_s=scenario.step_s, steps_per_gap=WATCHED_STEPS),
            meter=Meter(refresh_s=scenario.meter.refresh_s, online=online),
        )
        self.units: dict[str, Simulator] = {spec.name: self._unit(spec, number) for number, spec in enumerate(scenario.units)}
        self._join_cluster()
        self.meter = self._accessory(clock)
        self.site.settle(at_once=True)
        self._begun_s = clock.monotonic()
        for event in scenario.events:
            if event.at >= scenario.start:
                self.site.after((event.at - scenario.start).total_seconds(), partial(self._begin, event))

    @property
    def at(self) -> datetime:
        """The moment up to which everything has happened."""
        return self.scenario.start + timedelta(seconds=self.site.at_s - self._begun_s)

    def measurement(self) -> Measurement:
        """Return what the meter at the grid connection measures now."""
        self.site.advance()
        return Measurement(self.site.grid_w, self.site.import_wh, self.site.export_wh)

    # ---- the stage -----------------------------------------------------------------------------------------------------------

    def _house(self) -> House:
        house, sky, roof = self.scenario.house, self.scenario.sky, self.scenario.roof
        weather = sky.kind if isinstance(sky.kind, Weather) else Weather.SEASONAL
        air = Sky(self.scenario.seed, sky.latitude_deg, sky.longitude_deg, weather, sky.temperature_c)
        arrays = [
            Array(watts)
            for spec in self.scenario.units
            for watts in (*spec.pv_w, *(0.0,) * (spec.product.pv_inputs - len(spec.pv_w)))
        ]
        bypass_w = house.bypass_w
        return furnished_house(
            self._load(),
            air,
            arrays,
            roof=None if roof is None else Array(roof.peak_w, roof.tilt_deg, roof.azimuth_deg),
            sun=self.series(sky.kind, linear=True) if isinstance(sky.kind, CsvSource) else None,
            bypass=(lambda _: bypass_w) if bypass_w else None,
        )

    def _load(self) -> Load:
        house, sky = self.scenario.house, self.scenario.sky
        if isinstance(house.load, CsvSource):
            return self.series(house.load)
        if house.load == "built-in":
            return Household(self.scenario.seed, house.daily_kwh, sky.latitude_deg, sky.longitude_deg)
        constant_w = float(house.load)
        return lambda _: constant_w

    def series(self, source: CsvSource, *, linear: bool = False) -> Series:
        """Return what a CSV file holds.

        Raises:
            InvalidInput: it cannot be read as one.
        """
        lines = self._read_lines(source.path)
        return parse_csv(lines, column=source.column, step_s=source.step_s, scale=source.scale, linear=linear)

    def _unit(self, spec: UnitSpec, number: int) -> Simulator:
        temperature_c = self.site.house(self.scenario.start).ambient_c if spec.temperature_c is None else spec.temperature_c
        unit = Simulator(
            spec.product.name,
            site=self.site,
            seed=self.scenario.seed + number,
            serial=spec.serial,
            modules=spec.modules,
            soc_pct=spec.soc_pct,
            temperature_c=temperature_c,
            plan=[_slot(entry) for entry in spec.schedule],
            api=spec.api,
            password=spec.password or DEVICE_KEY,
        )
        if spec.load_curve is not None:
            for name, watts in zip(CURVE, spec.load_curve, strict=True):
                unit.set(name, watts)
        for name, value in spec.settings.items():
            unit.set(name, value)
        return unit

    def _join_cluster(self) -> None:
        named = [(spec, self.units[spec.name]) for spec in self.scenario.units if spec.role is not Role.NONE]
        ordered = sorted(named, key=lambda pair: pair[0].role is not Role.MASTER)
        if ordered:
            form_cluster([unit for _, unit in ordered], ordered[0][0].wiring)

    def _accessory(self, clock: Clock) -> Accessory | None:
        """Return the accessory that measures the house, where the meter is one of the vendor's."""
        sorts = {MeterSort.NATIVE: Sort.METER3, MeterSort.P1: Sort.P1}
        sort = sorts.get(self.scenario.meter.sort)
        return None if sort is None else Accessory(sort, clock=clock, seed=self.scenario.seed, measures=self.measurement)

    # ---- events --------------------------------------------------------------------------------------------------------------

    def _begin(self, event: Event) -> None:
        names = event.units or ("",)
        for name in names:
            undo = self._act(event, self.units.get(name), name)
            if event.for_s is not None and undo is not None:
                self.site.after(event.for_s, undo)
        self.site.settle()

    def _act(self, event: Event, unit: Simulator | None, name: str) -> Callable[[], None] | None:
        """Do what an event says to one unit, or to the whole home; returns how to undo it, if it can be undone."""
        action = event.action
        if unit is None:
            return self._act_on_home(event)
        match action:
            case Break(spec=spec):
                unit.faults.add(spec)
                self._note(name, f"fault {spec}")
                return self._undoing(name, f"fault {spec} is over", partial(unit.faults.remove, spec))
            case Reboot(down_s=down_s):
                unit.reboot(down_s)
                self._note(name, f"restarts, away for {down_s:g} s")
                return None
            case Change(values=values):
                before = {each: unit.get(each) for each in values}
                self._note(name, f"set {_spell(values)}")
                self._set(unit, values)
                back = {each: value for each, value in before.items() if value is not None}
                return self._undoing(name, f"set back {_spell(back)}", partial(self._set, unit, back))
            case Order(command=command):
                mode = unit.get("mode")
                self._note(name, f"command: {in_words(command)}")
                self._send(unit, name, command)
                return self._undoing(name, f"mode back to {mode}", partial(self._set, unit, {"mode": mode or "self_use"}))
            case Remove(names=names):
                unit.remove(*names)
                self._note(name, f"no longer answers {', '.join(names)}")
                return self._undoing(name, f"answers {', '.join(names)} again", partial(unit.restore, *names))
            case Restore(names=names):
                unit.restore(*names)
                self._note(name, f"answers {', '.join(names)} again")
                return None
            case Update():
                self._update(unit, name, action)
                return None
            case _:
                return self._act_on_home(event)

    def _act_on_home(self, event: Event) -> Callable[[], None] | None:
        match event.action:
            case MeterLink(online=online):
                self._link_meter(online=online)
                return partial(self._link_meter, online=not online)
            case GridSupply(up=up):
                self._supply(up=up)
                return partial(self._supply, up=not up)
            case Note(text=text):
                self._note("", text)
        return None

    def _link_meter(self, *, online: bool) -> None:
        self.site.meter.online = online
        if self.meter is not None:
            self.meter.access.api = Api.HTTP if online else Api.OFF
        self._note("", "meter is back" if online else "meter is lost")

    def _supply(self, *, up: bool) -> None:
        self.site.grid_up = up
        self._note("", "grid is back" if up else "grid is out")

    def _set(self, unit: Simulator, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            unit.set(name, value)

    def _send(self, unit: Simulator, name: str, command: Command) -> None:
        """Send the writes of a command as a client does, one after the other."""
        writes = unit.model.spell(command, cluster=unit.get("cluster_role") == "master")
        for number, write in enumerate(writes):
            request = SetData(write.point, write.values)
            self.site.after(number * BETWEEN_WRITES_S, partial(self._write, unit, name, request))

    def _write(self, unit: Simulator, name: str, request: SetData) -> None:
        try:
            reply = unit.answer(request)
        except IndevoltError as error:
            self._note(name, f"the command did not arrive: {error}")
            return
        if reply != Result(result=True):
            self._note(name, "the command was refused")

    def _update(self, unit: Simulator, name: str, update: Update) -> None:
        versions = {key: value for key, value in (("fw", update.firmware), ("f_ver", update.version)) if value is not None}
        unit.update(versions, update.down_s)
        unit.lay_out(remove=update.remove, move=update.move)
        told = [f"firmware update to {update.version or update.firmware or 'another one'}, away for {update.down_s:g} s"]
        if update.remove:
            told.append(f"then without {' and '.join(update.remove)}")
        if update.move:
            told.append(f"with {' and '.join(update.move)} at other numbers")
        self._note(name, ", ".join(told))

    def _undoing(self, name: str, text: str, undo: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            undo()
            self._note(name, text)
            self.site.settle()

        return run

    def _note(self, unit: str, text: str) -> None:
        self.happenings.append(Happening(self.at, unit, text))


def _slot(entry: ScheduleEntry) -> Slot:
    sign = {"charge": -1.0, "discharge": 1.0, "standby": 0.0}[entry.action]
    end_s = seconds_of(entry.end) or DAY_S  # midnight ends a day
    return Slot(seconds_of(entry.start), end_s, sign * entry.power_w, entry.soc_pct)


def _spell(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())
