"""Many virtual batteries, each made when somebody first wants something of it, and all of them decided by one seed.

A fleet knows which addresses its devices have and what each is; no device is made to find that out. How they come to be behind one
socket is in ``virtual_fleet``, what a device does is in ``device``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from indevolt.catalogue import Product, products as known_products
from indevolt.clock import Clock, SystemClock
from indevolt.errors import InvalidInput
from indevolt.protocol.discovery import Identification
from indevolt.simulator.board import API_VERSION, require_choice, serial_number
from indevolt.simulator.device import Simulator
from indevolt.simulator.faults import parse_fault
from indevolt.simulator.house import House, built_in_house
from indevolt.simulator.site import Pace, Site

PACE: Final = Pace(steps_per_gap=10)
"""Coarser than that of single devices: what a fleet costs is catching up, and a minute in steps of six seconds is fine enough."""

HOUSES: Final = 16
"""Different houses and skies; devices share them, and so what a day of each costs."""

_HOSTS: Final = 254  # .1 to .254 of each /24, so that no address looks like that of a network or a broadcast
_PER_16: Final = 256 * _HOSTS
MOST_DEVICES: Final = 254 * _PER_16
"""What there are addresses for: 127.1.0.1 to 127.254.255.254. Memory ends before."""

_LEAST_SOC_PCT, _MOST_SOC_PCT = 10, 95
_SERIAL_START: Final = 38  # as single virtual batteries have
_SEEDS: Final = 1_000_003  # apart, so that fleets of neighbouring seeds have few devices in common


@dataclass(frozen=True, slots=True)
class Member:
    """What one device of a fleet is."""

    address: str
    product: Product
    modules: int
    soc_pct: float  # to begin with
    seed: int  # of its MAC address and of the chances of its faults
    house: int  # which of the fleet's houses it is in, from 0
    serial: str


class Fleet:
    """So many virtual batteries, numbered from 0; the same arguments give the same ones.

    Args:
        count: how many.
        clock: where time comes from, the same for all.
        seed: decides product, modules, charge, house and serial number of each.
        products: which there are, names of ``catalogue.products()``; named twice, one is twice as frequent. By default all.
        modules: battery modules of each, main unit included; by default from 1 to what the product takes.
        faults: what goes wrong with each of them, by the specs of :mod:`~indevolt.simulator.faults`.

    Raises:
        InvalidInput: names the argument that is out of its range, and the range.
    """

    def __init__(
        self,
        count: int,
        *,
        clock: Clock | None = None,
        seed: int = 1,
        products: Sequence[str] = (),
        modules: int | None = None,
        faults: Sequence[str] = (),
    ) -> None:
        if not 1 <= count <= MOST_DEVICES:
            raise InvalidInput(f"count: a fleet has no {count} devices", remedy=f"It has 1 to {MOST_DEVICES}.")
        for name in products:
            require_choice("product", name, known_products())
        self._products = tuple(known_products()[name] for name in products or known_products())
        most = min(product.max_modules for product in self._products)
        if modules is not None and not 1 <= modules <= most:
            raise InvalidInput(f"modules: not every product of this fleet has {modules}", remedy=f"They all have 1 to {most}.")
        for spec in faults:
            parse_fault(spec)
        self.clock: Clock = clock or SystemClock()
        self._count = count
        self._seed = seed
        self._modules = modules
        self._faults = tuple(faults)
        self._devices: dict[int, Simulator] = {}
        self._houses: dict[tuple[int, int], House] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def made(self) -> int:
        """How many devices exist so far, because somebody wanted something of them."""
        return len(self._devices)

    # ---- addresses ---------------------------------------------------------------------------------------------------

    def address_of(self, index: int) -> str:
        """Return the loopback address of a device: 127.1.0.1 for the first, then .2 to .254, then 127.1.1.1 and so on.

        Raises:
            InvalidInput: the fleet has no such device.
        """
        if not 0 <= index < self._count:
            raise InvalidInput(f"index: this fleet has no device {index}", remedy=f"It has 0 to {self._count - 1}.")
        return _address(index)

    def index_of(self, address: str) -> int | None:
        """Return which device is at an address, None for an address that is none of this fleet's."""
        parts = address.split(".")
        if len(parts) != 4 or not all(part.isdecimal() for part in parts):
            return None
        _, second, third, host = map(int, parts)
        index = (second - 1) * _PER_16 + third * _HOSTS + host - 1
        return index if 0 <= index < self._count and _address(index) == address else None

    def addresses(self) -> Iterator[str]:
        """Return the address of each device in turn."""
        return map(_address, range(self._count))

    # ---- devices -----------------------------------------------------------------------------------------------------

    def member(self, index: int) -> Member:
        """Return what a device is; it is not made for that.

        Raises:
            InvalidInput: the fleet has no such device.
        """
        address = self.address_of(index)
        lot = int.from_bytes(blake2b(f"{self._seed} {index}".encode(), digest_size=16).digest())
        lot, which = divmod(lot, len(self._products))
        lot, house = divmod(lot, HOUSES)
        lot, tenths = divmod(lot, 10 * (_MOST_SOC_PCT - _LEAST_SOC_PCT) + 1)
        product = self._products[which]
        seed = self._seed * _SEEDS + index
        return Member(
            address=address,
            product=product,
            modules=self._modules or 1 + lot % product.max_modules,
            soc_pct=_LEAST_SOC_PCT + tenths / 10,
            seed=seed,
            house=house,
            serial=serial_number(seed, _SERIAL_START),
        )

    def device(self, index: int) -> Simulator:
        """Return a device, which is made when it is first wanted.

        Raises:
            InvalidInput: the fleet has no such device.
        """
        device = self._devices.get(index)
        if device is None:
            device = self._devices[index] = self._make(self.member(index))
        return device

    def identification(self, index: int) -> Identification | None:
        """Return what a device says to discovery, None while it says nothing; it is not made for that.

        Raises:
            InvalidInput: the fleet has no such device.
        """
        device = self._devices.get(index)
        if device is not None:
            return device.identification()
        member = self.member(index)
        return Identification(member.serial, member.product.system.get("fw", ""), member.address, API_VERSION)

    def _make(self, member: Member) -> Simulator:
        device = Simulator(
            member.product.name,
            clock=self.clock,
            seed=member.seed,
            serial=member.serial,
            modules=member.modules,
            soc_pct=member.soc_pct,
            site=Site(self._house(member), clock=self.clock, pace=PACE),
            ip=member.address,
        )
        device.faults.add(*self._faults)
        return device

    def _house(self, member: Member) -> House:
        """Return a house of the fleet, shared by all devices in it that have as many PV inputs."""
        key = member.house, member.product.pv_inputs
        house = self._houses.get(key)
        if house is None:
            house = self._houses[key] = built_in_house(self._seed * HOUSES + member.house, member.product.pv_inputs)
        return house


def _address(index: int) -> str:
    block, rest = divmod(index, _PER_16)
    network, host = divmod(rest, _HOSTS)
    return f"127.{block + 1}.{network}.{host + 1}"
