"""The virtual battery: what a poll reads, what a write does, and when both reach the plant behind it.

Time passes when somebody asks, see ``site``, so an idle device costs nothing. Which number a quantity has and how it is coded is
the catalogue's; what it shows is ``panel``'s, where its value comes from ``registers``'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from indevolt.battery import Value
from indevolt.catalogue import Model, Product, load, products
from indevolt.clock import Clock, SystemClock
from indevolt.errors import BadRequest, InvalidInput
from indevolt.protocol.messages import WRITE_FUNCTION, AnyRequest, Data, GetData, Raw, Reply, Result, SetData
from indevolt.simulator.access import DEVICE_KEY, Api
from indevolt.simulator.board import Board, not_found, require_choice, serial_number
from indevolt.simulator.cluster import MAX_UNITS, Role, Wiring
from indevolt.simulator.converter import LIFELIKE, Response
from indevolt.simulator.factory import LIFETIME_WH, START_SOC_PCT
from indevolt.simulator.faults import Fault, Kind
from indevolt.simulator.firmware import Firmware, Orders, Slot
from indevolt.simulator.house import House, Surroundings, built_in_house, steady_house
from indevolt.simulator.orders import COMMAND, ORDERING, keep_power, read_orders
from indevolt.simulator.panel import SOC_NAMES, counter_of
from indevolt.simulator.physics import Unit, kit
from indevolt.simulator.registers import Registers, Setting, decoded
from indevolt.simulator.site import Site
from indevolt.simulator.state import State

MAX_POINTS: Final = 80  # one dashboard reads so many at once, 73 gave an owner a 400, 50 is known to be safe (protocol.md, 3.1)
LAG_S: Final = 2.0  # changes show "with noticeable delay, often many seconds" (protocol.md, section 13)
_MODULES: Final = 2  # one extension pack, so that packs show both ways: installed and not
_SERIAL_START: Final = 38  # ten digits, as one real unit had (protocol.md, section 3.3)


class Simulator(Board):
    """A virtual battery of any product.

    Without a state it has every point of its family, in a house of its own or in a :class:`Site` that it shares. Set to captured
    values it answers them as they came, and goes on as captured (same load, same sun, same battery power) until an order or the
    passing energy changes something; points that were not captured are then absent.
    """

    __slots__ = (
        "_command_stands",
        "_frozen",
        "_kept_w",
        "_last",
        "_last_version",
        "_life",
        "_registers",
        "firmware",
        "lag_s",
        "max_points",
        "model",
        "modules",
        "plan",
        "product",
        "site",
        "unit",
    )

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
        soc_pct: float | None = None,
        temperature_c: float = 25.0,
        house: House | None = None,
        site: Site | None = None,
        plan: Sequence[Slot] = (),
        response: Response = LIFELIKE,
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
            clock: where time comes from; by default the site's, or the real one.
            seed: decides serial number, MAC address, the built-in house and the chances of faults.
            serial: serial number; by default from the seed.
            state: captured values.
            complete: whether points that a state lacks exist all the same; by default only without a state.
            modules: battery modules, main unit included; by default what the captured capacity means, or 2.
            soc_pct: state of charge at the start, 0 to 100; by default the captured one, or 55.
            temperature_c: of the cells at the start.
            house: what sky and house do; by default a built-in one, or the captured instant for ever.
            site: the house that this unit shares with others, instead of one of its own.
            plan: slots that the schedule modes run.
            response: how fast power follows an order.
            lag_s: from an accepted write until it shows and works.
            max_points: a larger GetData is answered with 400.
            api: the setting of the local API; for this and all that follows see :class:`Board`.
            password: the current Digest password.
            factory_default: the password was never changed.
            latency_s: time that each reply takes.
            ip: the device's own address.
            told_ip: what discovery says instead.

        Raises:
            InvalidInput: no such product, modules that it does not take, or both a house and a site.
        """
        require_choice("product", product, products())
        if house is not None and site is not None:
            raise InvalidInput("house and site are both given", remedy="A site has a house: give it there.")
        self.product: Product = products()[product]
        self.model: Model = load(self.product.family)
        captured = State(points=state) if state is not None and not isinstance(state, State) else state
        super().__init__(
            serial=serial or serial_number(seed, _SERIAL_START),
            system=self.product.system,
            state=captured,
            clock=clock or (site.clock if site else SystemClock()),
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
        self.plan: tuple[Slot, ...] = tuple(plan)
        self._last: tuple[GetData, Data] | None = None  # a poller repeats its poll, and most find nothing new
        self._last_version = -1
        self._life = 0  # counts restarts: what a former one had accepted and not shown is lost
        self._frozen: dict[str, Raw] | None = None
        points = dict(captured.points) if captured else {}
        capacity_wh, self.modules = _read_size(self.product, self.model, points, modules)
        parts = kit(self.product, self.modules, capacity_wh)
        self._registers = Registers(parts, points, complete=captured is None if complete is None else complete, serial=self.serial)
        self._command_stands = self._registers.setting("mode") == "realtime"
        # Captured power goes on until somebody gives an order; it may exceed what we think this product can do.
        steady = captured is not None and house is None and site is None
        self._kept_w = self._registers.number("battery_power", 0.0) if steady else None
        self.unit = Unit(
            parts,
            soc_pct=_start_soc(self._registers) if soc_pct is None else min(max(soc_pct, 0.0), 100.0),
            temperature_c=temperature_c,
            response=response,
            spread_pct=3.0 + seed % 7,  # of the 3 to 15 points that are documented (protocol.md, section 15)
        )
        self.firmware = Firmware(Orders(), self.clock.now().timestamp())
        self._set_counters()
        self.site = site or Site(house or steady_house(Surroundings(0.0, ())), clock=self.clock)
        self.site.join(self.unit, self.firmware, self.product.pv_inputs)
        self._registers.attach(self.unit, self.firmware, self.site)
        shown_time = self._registers.setting("device_time") if points else None
        if isinstance(shown_time, datetime):
            self.firmware.clock_ahead = shown_time - self.clock.now()
        self.firmware.orders = self._read_orders()
        if site is None and house is None:
            self.site.house = steady_house(self._captured()) if captured else built_in_house(seed, self.product.pv_inputs)
        self.site.settle(at_once=True)
        if captured is not None:
            self._registers.hold()
            if not steady:
                self._registers.release()

    # ---- for tests and scenarios ---------------------------------------------------------------------------------------------

    @property
    def house(self) -> House:
        """What sky and house do."""
        return self.site.house

    @house.setter
    def house(self, house: House) -> None:
        self.site.advance()
        self.site.house = house
        self.site.settle()

    def get(self, name: str) -> Value | None:
        """Return what a quantity shows now, or what was last written where there is no read side; None when unknown.

        Raises:
            InvalidInput: no such quantity.
        """
        self._refresh()
        point = self.model.point(name)
        return self._registers.value(point.name) if point.read else self._registers.setting(point.name)

    def set(self, name: str, value: Value) -> None:
        """Make a quantity show a value now, as if it had been so all along; the plant goes on from there.

        Charge and counters move the plant, battery power is kept until the next order, and settings work at once. Any other
        quantity that the plant moves keeps the value until the plant would show another one.

        Raises:
            InvalidInput: no such quantity, or a value that its read side cannot show.
        """
        point = self.model.point(name)
        raw: Raw = point.read.codec.encode(value) if point.read else None
        self.site.advance()
        self._settle([Setting(point, value, raw)])
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._move_plant(point.name, float(value))
        self.site.settle(at_once=self._kept_w is not None)
        self._registers.hold(names=[point.name])

    def remove(self, *names: str) -> None:
        """Leave quantities out of every reply from now on, as firmware without them does.

        Raises:
            InvalidInput: no such quantity.
        """
        self._registers.remove([self.model.point(name).name for name in names])
        self._last = None

    def restore(self, *names: str) -> None:
        """Answer quantities again that were left out.

        Raises:
            InvalidInput: no such quantity.
        """
        self._registers.restore([self.model.point(name).name for name in names])
        self._last = None

    def lay_out(self, *, remove: Iterable[str] = (), move: Mapping[str, int] | None = None) -> None:
        """Let quantities be where another firmware has them: some nowhere, some at another number, all others at their own.

        Raises:
            InvalidInput: no such quantity.
        """
        moved = {self.model.point(name).name: str(number) for name, number in (move or {}).items()}
        self._registers.lay_out([self.model.point(name).name for name in remove], moved)
        self._last = None

    # ---- requests ------------------------------------------------------------------------------------------------------------

    def answer(self, request: AnyRequest) -> Reply:
        """Answer at once; see :meth:`Board.answer`. A poll of a device that nothing ails takes the short way."""
        if type(request) is GetData and not self.faults and not self._is_down and self.access.api is not Api.OFF:
            self._refresh()
            self._frozen = None
            return self._read(request)
        return super().answer(request)

    def _reply_own(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        frozen = any(fault.kind is Kind.FROZEN for fault in hits)
        if not frozen:
            self._frozen = None
            if isinstance(request, GetData | SetData):
                self._refresh()
        elif self._frozen is None:
            self._frozen = self._registers.poll(self._registers.keys())
        if isinstance(request, GetData):
            return self._read(request)
        if isinstance(request, SetData):
            return Result(self._write(request, hits))
        raise not_found(request)

    def _read(self, request: GetData) -> Data:
        if len(request.points) > self.max_points:
            raise BadRequest(f"{len(request.points)} points in one batch, {self.max_points} at most")
        if self._frozen is not None:
            return Data({key: self._frozen[key] for key in request.keys if key in self._frozen})
        if self._last is not None and self._last[0] is request and self._last_version == self.site.version:
            return self._last[1]
        reply = Data(self._registers.poll(request.keys))
        self._last, self._last_version = (request, reply), self.site.version
        return reply

    def _write(self, request: SetData, hits: tuple[Fault, ...]) -> bool:
        """Return whether the device takes a write; all of it or nothing."""
        checked = [self._registers.check(point, raw) for point, raw in enumerate(request.values, request.point)]
        settings = tuple(setting for setting in checked if setting is not None)
        if request.function != WRITE_FUNCTION or len(settings) < len(checked):
            return False
        if self._registers.setting("mode") == "outdoor_portable" and any(each.point.name == "mode" for each in settings):
            return False  # this mode "refuses mode changes" (protocol.md, section 13)
        kinds = {fault.kind for fault in hits}
        if Kind.IGNORE in kinds or Kind.FROZEN in kinds:
            return True
        lag = max([self.lag_s, *(fault.seconds for fault in hits if fault.kind is Kind.LATE)])
        if lag > 0:
            self.site.after(lag, partial(self._settle_later, settings, self._life))
        else:
            self._settle(settings)
            self.site.settle()
        return True

    def _settle_later(self, settings: tuple[Setting, ...], life: int) -> None:
        if life == self._life:
            self._settle(settings)
            self.site.settle()

    def _settle(self, settings: Iterable[Setting]) -> None:
        """Let settings show and work."""
        self._last = None
        for setting in settings:
            name, before = setting.point.name, self._registers.setting(setting.point.name)
            self._registers.put(setting)
            if name == "mode" and setting.value != before:
                # "Needs a mode-4 write before real-time points take effect" (points.csv): what was written earlier does not
                # count, so real-time mode begins in standby (inferred).
                self._command_stands = False
            if name in COMMAND and self._registers.setting("mode") == "realtime":
                self._command_stands = True
            if name in ORDERING:
                self._kept_w = None
        self.firmware.orders = self._read_orders()

    def _forget_unsettled(self) -> None:
        self.site.advance()
        self._life += 1

    # ---- plant ---------------------------------------------------------------------------------------------------------------

    def _set_counters(self) -> None:
        """Let the counters stand where they were captured, or where a summer's use would have brought them."""
        registers = self._registers
        share = self.unit.kit.capacity_wh / 4000.0
        for counter, energy_wh in LIFETIME_WH.items():
            self.unit.set_energy(counter, energy_wh * share if registers.is_complete else 0.0)
        self.unit.turn_day()
        for name in self.model.points:
            if (counter_and_day := counter_of(name)) is not None and registers.has_own([name]):
                counter, today = counter_and_day
                self.unit.set_energy(counter, registers.number(name, 0.0), today=today)

    def _move_plant(self, name: str, number: float) -> None:
        if name in SOC_NAMES:
            self.unit.soc_pct = number - self._registers.offset(name)
        if name == "battery_power":
            self._kept_w = number
            self.firmware.orders = self._read_orders()
        if (counter := counter_of(name)) is not None:
            self.unit.set_energy(counter[0], number, today=counter[1])

    def _captured(self) -> Surroundings:
        """Return load and sun of the captured instant; the load is what meter and unit together say."""
        inputs = [f"pv{number}_power" for number in range(1, self.product.pv_inputs + 1)]
        pv = tuple(max(0.0, self._registers.number(name, 0.0)) for name in inputs)
        self.site.house = steady_house(Surroundings(0.0, pv))
        self.site.settle(at_once=True)
        return Surroundings(max(0.0, self._registers.number("meter_power", 0.0) + self.unit.ac_w), pv)

    def _read_orders(self) -> Orders:
        if self._kept_w is not None:
            return keep_power(self._registers, self._kept_w)
        return read_orders(self._registers, self.product, command_stands=self._command_stands, plan=self.plan)

    def _refresh(self) -> None:
        """Catch up if a step of time has passed or a write falls due; a poll in between costs a comparison or two."""
        if self.site.is_due:
            self.site.advance()


def form_cluster(units: Sequence[Simulator], wiring: Wiring | str = Wiring.COORDINATED) -> None:
    """Join units of one site to a cluster; the first leads it.

    Raises:
        InvalidInput: fewer than two or more than three units, or units of different sites.
    """
    if not 2 <= len(units) <= MAX_UNITS:
        raise InvalidInput(f"a cluster of {len(units)} units", remedy=f"It has 2 to {MAX_UNITS}.")
    if any(unit.site is not units[0].site for unit in units):
        raise InvalidInput("the units of a cluster are in different houses", remedy="Give them one site.")
    for unit in units:
        role = Role.MASTER if unit is units[0] else Role.SLAVE
        member = unit.site.member_of(unit.unit)
        member.role, member.wiring = role, Wiring(wiring)
        for name, word in (("cluster_role", role), ("cluster_type", member.wiring)):
            if name in unit.model.points:
                unit.set(name, word.value)


def _start_soc(registers: Registers) -> float:
    charges = (registers.number(name, -1.0) for name in SOC_NAMES if registers.has_own([name]))
    return min(100.0, next((charge for charge in charges if charge >= 0), START_SOC_PCT))


def _read_size(product: Product, model: Model, points: Mapping[str, Raw], modules: int | None) -> tuple[float | None, int]:
    """Return the captured capacity in Wh, if any, and the number of modules."""
    if modules is not None and not 1 <= modules <= product.max_modules:
        raise InvalidInput(f"a {product.title} has no {modules} battery modules", remedy=f"It has 1 to {product.max_modules}.")
    side = model.points["rated_capacity"].read
    captured = decoded(side.codec, points[side.key]) if side is not None and side.key in points else None
    number = float(captured) if isinstance(captured, int | float) else _MODULES * product.module_wh
    capacity_wh = number if number > 0 and captured is not None else None
    if modules is None:
        modules = min(max(round(number / product.module_wh), 1), product.max_modules)
    return capacity_wh, modules
