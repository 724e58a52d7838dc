"""What the pages of the site answer with: bodies, as pydantic models, from which the OpenAPI document is made.

How they are filled stands beside each route. Units are W, Wh and %; power is positive when it flows into the house.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from indevolt.battery import Quality
from indevolt.hub.api.models import AlertBody, MetaBody, SampleBody, TroubleBody
from indevolt.hub.api.steering import SteeringBody
from indevolt.hub.config_meters import MeterRole
from indevolt.hub.keeper import Link
from indevolt.hub.site.quantities import Flow
from indevolt.store import Period


class TotalBody(BaseModel):
    """A total of the site. It is unknown (null) as long as one of its parts was never known: never a sum of some."""

    value: float | None = Field(description="With held, stale and offline, the last total that was whole.")
    unit: str
    at: datetime | None = Field(description="When the oldest of its parts was read.")
    age_s: float | None = Field(description="How long ago that was, by a clock that does not jump.")
    quality: Quality
    missing: list[str] = Field(description="Devices and meters that it lacks now; `meter` for that of the house.")


class MeterBody(BaseModel):
    """A meter at the house's connection to the grid, or a unit that tells what its own meter says."""

    name: str
    kind: Literal["meter", "unit"] = Field(description="meter: read by the hub itself; unit: told by a unit.")
    chosen: bool = Field(description="Whether the totals are made of it; only one is, so nothing counts twice.")
    power: SampleBody | None = Field(description="Positive is taken from the grid; null: it never told.")


class BranchBody(BaseModel):
    """A meter of a part of the house."""

    name: str
    role: MeterRole = Field(
        description="pv: a plant, in solar_power and house_power; charger: cars, in charger_power; load: another load, in no total."
    )
    simulated: bool
    power: SampleBody | None = Field(description="Of a plant, what it gives; else what is taken; null: it never told.")


class UnitShareBody(BaseModel):
    """What one unit contributes."""

    name: str
    title: str
    simulated: bool
    link: Link
    cluster: str = Field(description="Its part in a cluster: master, slave or none; empty while unknown.")
    values: dict[str, SampleBody] = Field(
        description="battery_power, ac_power, solar_power, battery_soc, stored_energy, capacity; what it does not have is left out."
    )


class SiteBody(BaseModel):
    """The house now."""

    name: str
    at: datetime
    simulated: bool = Field(description="Whether any part of it is simulated.")
    values: dict[str, TotalBody] = Field(description="By quantity; `/api/v1/site/points` tells what each means.")
    meter: MeterBody | None = Field(description="The meter that the totals are made of; null: none is known.")
    meters: list[MeterBody] = Field(description="All that there are.")
    branches: list[BranchBody] = Field(description="The meters of parts of the house.")
    units: list[UnitShareBody]
    notes: list[str] = Field(description="What to know about these totals.")
    links: dict[str, str]


class SitePointBody(BaseModel):
    """What a quantity of the site means."""

    name: str
    group: Literal["power", "level", "energy", "flow"]
    about: str
    unit: str


class SitePointList(BaseModel):
    """The quantities of the site."""

    points: list[SitePointBody]


class SitePeriodBody(BaseModel):
    """The energies of the site in one period."""

    start: datetime
    values: dict[str, float | None] = Field(description="Wh; null where nothing was known.")
    flows: dict[Flow, float | None] = Field(
        description="Wh from where to where, allocated by rule: sun to house, then battery, then grid."
    )
    unallocated: float | None = Field(description="Wh of the sources that no flow has: conversion losses, and what meters differ.")
    self_sufficiency: float | None = Field(description="%: share of the house's energy that was not bought.")
    self_consumption: float | None = Field(description="%: share of the sun's energy that was not given to the grid.")


class SiteEnergiesBody(BaseModel):
    """Energies of the site per period."""

    period: Period
    zone: str
    unit: Literal["Wh"] = "Wh"
    energies: list[SitePeriodBody]


class MoneyBody(BaseModel):
    """What the energy of one period cost. Amounts are in the currency of the site; what cannot be known is null."""

    start: datetime
    import_cost: float | None
    export_revenue: float | None
    cost: float | None = Field(description="Import less export.")
    cost_without_battery: float | None = Field(description="Had the sun gone straight to the house, and what is left to the grid.")
    cost_without_battery_and_sun: float | None = Field(description="Had all come from the grid.")
    saved_by_battery: float | None
    saved_by_battery_and_sun: float | None
    known_s: float = Field(description="For how much of the period there are both prices and energies.")
    import_wh: float | None
    export_wh: float | None


class SiteMoneyBody(BaseModel):
    """Money per period."""

    period: Period
    zone: str
    currency: str
    reason: str = Field(description="Why amounts are null, such as that no tariff is configured; empty if all are known.")
    notes: list[str] = Field(description="What the comparison takes for granted.")
    periods: list[MoneyBody]


class DeviceShort(BaseModel):
    """One device, as much as a first view needs."""

    name: str
    title: str
    model: str
    link: Link
    link_since: datetime
    frozen: bool
    simulated: bool
    control: bool
    trouble: TroubleBody | None
    values: dict[str, SampleBody] = Field(description="mode, battery_soc, battery_power, solar_power, ac_power and the like.")


class SummaryBody(BaseModel):
    """All that a first view needs, in one answer."""

    meta: MetaBody
    site: SiteBody
    devices: list[DeviceShort] = Field(description="At most 50; `/api/v1/devices` has all.")
    device_count: int
    today: SitePeriodBody
    money_today: MoneyBody | None = Field(description="null as long as no tariff is configured.")
    alerts: list[AlertBody]
    steering: list[SteeringBody] = Field(description="Who decides what each device that may be controlled does, and why.")
    last_event_id: str = Field(description="Send it as `Last-Event-ID` to `/api/v1/events`, so that nothing is missed in between.")
