"""The virtual battery: what a poll reads, what a write does, and how the plant behind moves the registers.

Physics catches up when somebody asks, at most once per cadence, so an idle device costs nothing. Which number a quantity has and
how it is coded is the catalogue's; power and energy are ``physics``'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import Model, Product, load, products
from indevolt.clock import Clock
from indevolt.errors import BadRequest, InvalidInput
from indevolt.protocol.messages import WRITE_FUNCTION, AnyRequest, Data, GetData, Raw, Reply, Result, SetData
from indevolt.simulator.access import DEVICE_KEY, Api
from indevolt.simulator.board import Board, not_found, require_choice, serial_number
from indevolt.simulator.factory import START_SOC_PCT, factory_registers
from indevolt.simulator.faults import Fault, Kind
from indevolt.simulator.panel import SOC_NAMES, Panel, counter_of
from indevolt.simulator.physics import CADENCE_S, House, Orders, Plant, Surroundings, built_in_day, steady_house
from indevolt.simulator.registers import COMMAND, ORDERING, Registers, Setting, read_orders
from indevolt.simulator.state import State

MAX_POINTS: Final = 80  # one dashboard reads so many at once, 73 gave an owner a 400, 50 is known to be safe (protocol.md, 3.1)
LAG_S: Final = 2.0  # changes show "with noticeable delay, often many seconds" (protocol.md, section 13)
_MODULES: Final = 2  # one extension pack, so that packs show both ways: installed and not
_SERIAL_START: Final = 38  # ten digits, as one real unit had (protocol.md, section 3.3)


@dataclass(frozen=True, slots=True)
class _Pending:
    """A write that was accepted and does not show yet."""

    due: float
    settings: tuple[Setting, ...]


class Simulator(Board):
    """A virtual battery of any product.

    Without a state it has every point of its family and lives a small day of its own. Set to captured values it answers them as
    they came, and goes on as captured (same load, same sun, same battery power) until an order or the passing energy changes
    something; points that were not captured are then absent.
    """

    def __init__(
        self,
        product: str = "powerflex2000",
        *,
        clock: Clock | None = None,
        seed: int = 1,
        serial: str | None = None,
        state: State | Mapping[str, Raw] | None = None,
        complete: bool | None = None,
        modules: int | None = None,
        house: House | None = None,
        lag_s: float = LAG_S,
        max_points: int = MAX_POINTS,
        api: Api | str = Api.HTTP,
        password: str = DEVICE_KEY,
        factory_default: bool = False,
        latency_s: float = 0.0,
        ip: str = "127.0.0.1",
        told_ip: str | None = None,
    ) -> None:
        """Build the battery.

        Args:
            product: a name of ``catalogue.products()``.
            clock: where time comes from.
            seed: decides serial number, MAC address, the built-in day and the chances of faults.
            serial: serial number; by default from the seed.
            state: captured values.
            complete: whether points that a state lacks exist all the same; by default only without a state.
            modules: battery modules, main unit included; by default what the captured capacity means, or 2.
            house: what sky and house do; by default a built-in day, or the captured instant for ever.
            lag_s: from an accepted write until it shows and works.
            max_points: a larger GetData is answered with 400.
            api: the setting of the local API; for this and all that follows see :class:`Board`.
            password: the current Digest password.
            factory_default: the password was never changed.
            latency_s: time that each reply takes.
            ip: the device's own address.
            told_ip: what discovery says instead.

        Raises:
            InvalidInput: no such product, or modules that it does not take.
        """
        require_choice("product", product, products())
        self.product: Product = products()[product]
        self.model: Model = load(self.product.family)
        captured = State(points=state) if state is not None and not isinstance(state, State) else state
        super().__init__(
            serial=serial or serial_number(seed, _SERIAL_START),
            system=dict(self.product.system),
            state=captured,
            clock=clock,
            seed=seed,
            api=api,
            password=password,
            factory_default=factory_default,
            latency_s=latency_s,
            ip=ip,
            told_ip=told_ip,
        )
        self.lag_s = lag_s
        self.max_points = max_points
        points = dict(captured.points) if captured else {}
        self.modules = _count_modules(self.product, self.model, points, modules)
        self._registers = Registers(self.model, points)
        if captured is None if complete is None else complete:
            whole = factory_registers(self.model, self.product, modules=self.modules, serial=self.serial, at=self.clock.now())
            self._registers = Registers(self.model, whole | points)
        self._pending: list[_Pending] = []
        self._last: tuple[GetData, Data] | None = None  # a poller repeats its poll, and most find nothing new
        self._command_stands = self._registers.value("mode") == "realtime"
        # Captured power goes on until somebody gives an order; it may exceed what we think this product can do.
        self._kept_w = self._registers.number("battery_power", 0.0) if captured and house is None else None
        self.plant = self._build_plant()
        self._plant_at = self.clock.monotonic()
        shown_time = self._registers.value("device_time")
        self._clock_ahead = shown_time - self.clock.now() if isinstance(shown_time, datetime) else timedelta()
        self._orders = self._read_orders()
        self.house = house or (steady_house(self._captured()) if captured else built_in_day(seed, self.product.pv_inputs))
        self._panel = Panel(self.model, self._registers, modules=self.modules)
        self._bind_panel()
        if captured is None:
            self._panel.show_all()
        elif house is not None:
            self._panel.release()

    # ---- for tests and scenarios ---------------------------------------------------------------------------------------------

    def get(self, name: str) -> Value | None:
        """Return what a quantity shows now, or what was last written where there is no read side; None when unknown.

        Raises:
            InvalidInput: no such quantity.
        """
        self._refresh()
        point = self.model.point(name)
        return self._registers.value(point.name) if point.read else self._registers.written.get(point.name)

    def set(self, name: str, value: Value) -> None:
        """Make a quantity show a value now, as if it had been so all along; the plant goes on from there.

        Charge and counters move the plant, battery power is kept until the next order, and settings work at once. Any other
        quantity that the plant moves keeps the value until the plant would show another one.

        Raises:
            InvalidInput: no such quantity, or a value that its read side cannot show.
        """
        point = self.model.point(name)
        raw: Raw = point.read.codec.encode(value) if point.read else None
        existed = self._registers.has(point.name)
        self._catch_up()
        self._settle([Setting(point, value, raw)])
        if not existed:
            self._bind_panel()
        if isinstance(value, int | float):
            self._move_plant(point.name, float(value))
        self._show()

    def remove(self, *names: str) -> None:
        """Leave quantities out of every reply from now on, as firmware without them does.

        Raises:
            InvalidInput: no such quantity.
        """
        for name in names:
            if (side := self.model.point(name).read) is not None:
                self._registers.raw.pop(side.key, None)
        self._last = None
        self._bind_panel()

    # ---- requests ------------------------------------------------------------------------------------------------------------

    def answer(self, request: AnyRequest) -> Reply:
        """Answer at once; see :meth:`Board.answer`. A poll of a device that nothing ails takes the short way."""
        if type(request) is GetData and not self.faults and not self._is_down and self.access.api is not Api.OFF:
            self._refresh()
            return self._read(request)
        return super().answer(request)

    def _reply_own(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        frozen = any(fault.kind is Kind.FROZEN for fault in hits)
        if isinstance(request, GetData):
            if not frozen:
                self._refresh()
            return self._read(request)
        if isinstance(request, SetData):
            if not frozen:
                self._catch_up()
            return Result(self._write(request, hits))
        raise not_found(request)

    def _read(self, request: GetData) -> Data:
        if self._last is not None and self._last[0] is request:
            return self._last[1]
        if len(request.points) > self.max_points:
            raise BadRequest(f"{len(request.points)} points in one batch, {self.max_points} at most")
        raw = self._registers.raw
        reply = Data({key: raw[key] for key in request.keys if key in raw})
        self._last = request, reply
        return reply

    def _write(self, request: SetData, hits: tuple[Fault, ...]) -> bool:
        """Return whether the device takes a write; all of it or nothing."""
        checked = [self._registers.check(point, raw) for point, raw in enumerate(request.values, request.point)]
        settings = tuple(setting for setting in checked if setting is not None)
        if request.function != WRITE_FUNCTION or len(settings) < len(checked):
            return False
        if self._registers.value("mode") == "outdoor_portable" and any(each.point.name == "mode" for each in settings):
            return False  # this mode "refuses mode changes" (protocol.md, section 13)
        kinds = {fault.kind for fault in hits}
        if Kind.IGNORE in kinds or Kind.FROZEN in kinds:
            return True
        lag = max([self.lag_s, *(fault.seconds for fault in hits if fault.kind is Kind.LATE)])
        if lag > 0:
            self._pending.append(_Pending(self.clock.monotonic() + lag, settings))
            self._pending.sort(key=lambda pending: pending.due)
        else:
            self._settle(settings)
            self._show()
        return True

    def _settle(self, settings: Iterable[Setting]) -> None:
        """Let settings show and work."""
        self._last = None
        for setting in settings:
            name, before = setting.point.name, self._registers.value(setting.point.name)
            self._registers.put(setting)
            if name == "mode" and setting.value != before:
                # "Needs a mode-4 write before real-time points take effect" (points.csv): what was written earlier does not
                # count, so real-time mode begins in standby (inferred).
                self._command_stands = False
            if name in COMMAND and self._registers.value("mode") == "realtime":
                self._command_stands = True
            if name in ORDERING:
                self._kept_w = None
        self._orders = self._read_orders()

    def _forget_unsettled(self) -> None:
        self._catch_up()
        self._pending.clear()

    # ---- plant ---------------------------------------------------------------------------------------------------------------

    def _build_plant(self) -> Plant:
        charges = [self._registers.number(name, -1.0) for name in SOC_NAMES]
        capacity_wh = self._registers.number("rated_capacity", 0.0)
        plant = Plant(
            capacity_wh=capacity_wh if capacity_wh > 0 else self.product.module_wh * self.modules,
            soc_pct=min(100.0, next((charge for charge in charges if charge >= 0), START_SOC_PCT)),
            day=self.clock.now().date(),
        )
        for name in self.model.points:
            if (counter := counter_of(name)) is not None and self._registers.has(name):
                counters = plant.today_wh if counter[1] else plant.energy_wh
                counters[counter[0]] = self._registers.number(name, 0.0)
        return plant

    def _move_plant(self, name: str, number: float) -> None:
        if name in SOC_NAMES:
            self.plant.soc_pct = min(100.0, max(0.0, number - self._panel.offset(name)))
        if name == "battery_power":
            self._kept_w = number
            self._orders = self._read_orders()
        if (counter := counter_of(name)) is not None:
            counters = self.plant.today_wh if counter[1] else self.plant.energy_wh
            counters[counter[0]] = number

    def _captured(self) -> Surroundings:
        """Return load and sun of the captured instant; the load is what meter and unit together say."""
        inputs = [f"pv{number}_power" for number in range(1, self.product.pv_inputs + 1)]
        pv = tuple(max(0.0, self._registers.number(name, 0.0)) for name in inputs)
        unit = self.plant.flows(Surroundings(float("inf"), pv), self._orders)
        return Surroundings(max(0.0, self._registers.number("meter_power", 0.0) + unit.ac_w), pv)

    def _read_orders(self) -> Orders:
        if self._kept_w is not None:
            reserve = self._registers.number("backup_soc", 0.0)
            return Orders(power_w=self._kept_w, floor_pct=reserve, sees_load=self._registers.value("meter_connected") is not False)
        return read_orders(self._registers, self.product, modules=self.modules, command_stands=self._command_stands)

    def _refresh(self) -> None:
        """Catch up if a cadence has passed or a write falls due; a poll in between costs a comparison or two."""
        now = self.clock.monotonic()
        if now - self._plant_at >= CADENCE_S or (self._pending and self._pending[0].due <= now):
            self._catch_up()

    def _catch_up(self) -> None:
        """Bring plant and registers to the present, each pending write at its own moment."""
        now = self.clock.monotonic()
        while self._pending and self._pending[0].due <= now:
            pending = self._pending.pop(0)
            self._run_plant(pending.due, now)
            self._settle(pending.settings)
        self._run_plant(now, now)
        self._show()

    def _run_plant(self, until: float, now: float) -> None:
        start = self.clock.now() - timedelta(seconds=now - self._plant_at)
        self.plant.advance(start, until - self._plant_at, self._orders, self.house)
        self._plant_at = max(self._plant_at, until)

    def _show(self) -> None:
        self._last = None
        at = self.clock.now()
        flows = self.plant.flows(self.house(at), self._orders)
        self._panel.follow(self.plant, flows, at + self._clock_ahead, meter=self._orders.sees_load, monotonic_s=self._plant_at)

    def _bind_panel(self) -> None:
        at = self.clock.now()
        flows = self.plant.flows(self.house(at), self._orders)
        self._panel.bind(self.plant, flows, at + self._clock_ahead, meter=self._orders.sees_load)


def _count_modules(product: Product, model: Model, points: Mapping[str, Raw], modules: int | None) -> int:
    if modules is None:
        capacity_wh = Registers(model, points).number("rated_capacity", _MODULES * product.module_wh)
        return min(max(round(capacity_wh / product.module_wh), 1), product.max_modules)
    if not 1 <= modules <= product.max_modules:
        raise InvalidInput(f"a {product.title} has no {modules} battery modules", remedy=f"It has 1 to {product.max_modules}.")
    return modules
