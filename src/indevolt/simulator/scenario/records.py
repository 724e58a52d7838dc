"""What a scenario says, as records: checked, with references resolved and times as instants.

How a file spells them is in ``fields``; what is made of them, in whoever runs a scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Literal, TypeAlias

from indevolt.battery import Command, Value
from indevolt.catalogue import Product
from indevolt.simulator.access import Api
from indevolt.simulator.cluster import Role, Wiring
from indevolt.simulator.meter import MeterPlace
from indevolt.simulator.sky import Weather


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A series in a CSV file; ``path`` is as written, relative to the scenario file. ``scale`` makes its unit ours."""

    path: str
    column: str | None  # None: the only one
    step_s: float | None  # None: from the file's own times
    scale: float


Price: TypeAlias = float | tuple[float, ...] | CsvSource
"""EUR/kWh: always the same, 24 of the hours of a day in UTC, or a series."""


class MeterSort(StrEnum):
    """What measures the grid connection."""

    NATIVE = "native"  # the vendor's own
    P1 = "p1"  # a P1 reader, as the vendor sells it
    SHELLY = "shelly"  # a Shelly Pro 3EM, asked over HTTP
    NONE = "none"


@dataclass(frozen=True, slots=True)
class HouseSpec:
    """What the house takes. ``load`` is built-in appliances, always so many watts, or a series of watts."""

    load: Literal["built-in"] | float | CsvSource
    daily_kwh: float  # of the built-in appliances
    bypass_w: float  # at the first unit's bypass socket: positive draws, negative feeds in


@dataclass(frozen=True, slots=True)
class SkySpec:
    """Sun and air. ``kind`` is a weather, or a series of DC watts per installed watt of peak power."""

    kind: Weather | CsvSource
    latitude_deg: float
    longitude_deg: float
    temperature_c: tuple[float, float] | None  # coldest and warmest of every day; None: by the season


@dataclass(frozen=True, slots=True)
class RoofSpec:
    """PV of the house with an inverter of its own, behind the meter. ``azimuth_deg`` as a compass: 180 is south."""

    peak_w: float
    tilt_deg: float
    azimuth_deg: float


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """The meter. ``refresh_s`` is how often units see a new value, ``port`` where it answers clients; 0: a free one."""

    sort: MeterSort
    refresh_s: float
    port: int


@dataclass(frozen=True, slots=True)
class TariffSpec:
    """What energy costs and earns."""

    import_price: Price
    export_price: Price


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry of the device's own plan. ``end`` before ``start`` is on the next day; midnight as end is 00:00."""

    start: time  # UTC
    end: time
    action: Literal["charge", "discharge", "standby"]
    power_w: int  # 0 for standby
    soc_pct: int  # where it ends


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """One storage unit. None means what the simulator does when nobody says."""

    name: str
    product: Product
    modules: int
    soc_pct: float
    pv_w: tuple[float, ...]  # peak watts at each input
    temperature_c: float | None  # of the cells at the start; None: that of the air
    settings: Mapping[str, Value]
    role: Role
    wiring: Wiring  # of the cluster, as its master says; else without meaning
    schedule: tuple[Slot, ...]
    load_curve: tuple[float, ...] | None  # 48 half hours of watts from 00:00 on
    port: int | None
    serial: str | None
    api: Api
    password: str | None
    meter: MeterPlace | None = None  # one of its own, where there is a network


# ---- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Break:
    """A fault begins; ``spec`` is one of ``faults``."""

    spec: str


@dataclass(frozen=True, slots=True)
class Reboot:
    """The unit restarts and is away for so long."""

    down_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """Settings change as if somebody had written them in the app."""

    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Order:
    """A command arrives as a client would send it."""

    command: Command


@dataclass(frozen=True, slots=True)
class MeterLink:
    """The units lose their meter, or find it again."""

    online: bool


@dataclass(frozen=True, slots=True)
class GridSupply:
    """The grid goes out or comes back."""

    up: bool


@dataclass(frozen=True, slots=True)
class Remove:
    """These quantities are left out of every reply from now on."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restore:
    """Quantities that a :class:`Remove` has left out are answered again."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """New firmware: the unit restarts, reports other versions, and some quantities are gone or answer at another number.

    ``remove`` and ``move`` are all that differs from the unit as it was at the start: what an earlier update had removed or moved,
    and this one does not name, is back.
    """

    firmware: str | None  # the long form, ``fw`` of Sys.GetConfig
    version: str | None  # the short one, ``f_ver``
    remove: tuple[str, ...]
    move: Mapping[str, int]  # quantity to its new read number
    down_s: float


@dataclass(frozen=True, slots=True)
class Note:
    """Nothing happens; the report shows the text."""

    text: str


Action: TypeAlias = Break | Reboot | Change | Order | MeterLink | GridSupply | Remove | Restore | Update | Note


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at an instant.

    ``for_s`` later it ends: the fault is mended, meter or grid are as before, what was removed is back, settings and mode have the
    values from before the event. None: it stays. ``units`` is empty for what concerns the whole house. ``line`` is where the file
    says it.
    """

    at: datetime
    for_s: float | None
    units: tuple[str, ...]
    action: Action
    line: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """A house, its units, its weather, and what happens there. ``events`` are in the order in which they happen."""

    name: str
    title: str
    about: str
    start: datetime
    days: float
    seed: int
    step_s: float
    house: HouseSpec
    sky: SkySpec
    roof: RoofSpec | None
    meter: MeterSpec
    tariff: TariffSpec | None
    units: tuple[UnitSpec, ...]
    events: tuple[Event, ...]
