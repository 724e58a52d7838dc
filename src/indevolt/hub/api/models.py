"""What the API answers with: bodies of replies, as pydantic models, from which its OpenAPI document is made.

How they are filled stands beside each route. Units are W, Wh, V, A, Hz, %, °C, s; power is positive when it flows into the house.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field

from indevolt.battery import Quality, Stage
from indevolt.hub.config_sources import Source
from indevolt.hub.events import Tier
from indevolt.hub.keeper import Link, Origin
from indevolt.hub.tokens import Role
from indevolt.store import Period

Scalar: TypeAlias = bool | int | float | str
"""A switch, a number, a word or a text; times of day are texts like 22:30, clocks are ISO 8601."""


class OutcomeBody(BaseModel):
    """What became of a write or a command, as far as the device itself has shown it."""

    stage: Stage = Field(
        description=(
            "refused; interrupted: nobody knows; accepted: sent, but not shown; confirmed: the device shows it; effective: "
            "the power moved, too."
        )
    )
    proven: bool = Field(description="Whether the device itself shows what was wanted.")
    wanted: dict[str, Scalar | time | datetime]
    before: dict[str, Scalar | time | datetime | None]
    shown: dict[str, Scalar | time | datetime | None] = Field(description="The last read-back; null: not readable.")
    took_s: float = Field(description="From the first write to the last proof.")
    notes: list[str] = Field(description="Clamped values, slow confirmations, what is still missing.")


class Step(BaseModel):
    """One SetData as it would be sent."""

    point: int
    values: list[int | float]
    wanted: dict[str, Scalar | time | datetime] = Field(description="What should show afterwards.")
    sent: bool = Field(description="False: left out, as the device is so already.")


class LimitBody(BaseModel):
    """A bound that holds now, and why."""

    value: float
    unit: str
    cause: str


class LimitsBody(BaseModel):
    """What the unit can really do now, as far as is known."""

    charge: LimitBody
    discharge: LimitBody
    soc_min: LimitBody
    soc_max: LimitBody


class PlanBody(BaseModel):
    """What a command or a setting would send; nothing was sent."""

    dry_run: Literal[True] = True
    steps: list[Step]
    notes: list[str] = []
    limits: LimitsBody | None = None


class HealthBody(BaseModel):
    """How a device answers, counted since the hub began."""

    requests: int
    failures: int
    blips: int = Field(description="Single cycles that brought nothing, with the next one good again.")
    writes: int
    budget_used: float = Field(description="Share of one request a second that was used in the last minute, 0 to 1.")
    latency_last_s: float | None
    latency_p50_s: float | None
    latency_p99_s: float | None


class TroubleBody(BaseModel):
    """What is wrong with a device."""

    detail: str
    remedy: str


class DeviceBody(BaseModel):
    """One device, as far as it is known."""

    name: str
    title: str = Field(description="What it is; empty while unknown.")
    family: str = Field(description="gen1, gen2, gen3 or sf1200; empty while unknown.")
    model: str = Field(description="Product; empty while unknown.")
    serial: str
    firmware: str
    address: str
    origin: Origin = Field(
        description="configured: it is in the configuration. added: it was connected here. found: it was on the network."
    )
    simulated: bool
    control: bool = Field(description="Whether the owner lets settings and commands through.")
    link: Link
    link_since: datetime
    frozen: bool = Field(description="Whether it repeats itself, so that what it says is stale.")
    trouble: TroubleBody | None
    quarantined: dict[str, str] = Field(description="Quantities that are not asked for now, and why.")
    evidence: list[str] = Field(description="Why it counts as this family.")
    warnings: list[str]


class DeviceDetail(DeviceBody):
    """One device, with what changes from request to request."""

    health: HealthBody
    limits: LimitsBody | None = Field(description="null while the device has not been reached.")


class DeviceList(BaseModel):
    """Devices by name, a page at a time."""

    devices: list[DeviceBody]


class SampleBody(BaseModel):
    """One quantity. Unknown is null, never 0."""

    value: Scalar | time | datetime | None
    unit: str
    at: datetime = Field(description="When it was read.")
    age_s: float = Field(description="How long ago, by a clock that does not jump.")
    quality: Quality = Field(description="Only live, held, stale and offline have a value; the last three an old one.")


class ReadingBody(BaseModel):
    """What is known of a device now."""

    device: str
    family: str
    simulated: bool
    link: Link
    at: datetime
    values: dict[str, SampleBody]


class ReadingList(BaseModel):
    """What is known of several devices."""

    readings: list[ReadingBody]


class PointBody(BaseModel):
    """What a quantity of a device means."""

    name: str
    group: str
    part: str = Field(description="The pack it belongs to: main, pack1, ...; empty: the unit as a whole.")
    about: str
    unit: str
    kind: Literal["number", "word", "switch", "time", "text"]
    words: list[str] = Field(description="The words it can be; for switches off and on.")
    read: int | None = Field(description="Number of the point in OpenData; null where it cannot be read.")
    writes: list[int]
    tier: Tier | None = Field(description="Which cycle reads it; null where none does.")
    history: bool = Field(description="Whether the hub keeps its history.")
    settable: bool
    range: str = Field(description="What may be written, in words.")
    low: float | None
    high: float | None
    source: str
    note: str


class PointList(BaseModel):
    """The catalogue of a device: its own quantities, and those that the hub works out."""

    device: str
    family: str
    points: list[PointBody]


class LastWriteBody(BaseModel):
    """The last write of a setting by this hub, and what became of it."""

    at: datetime
    actor: str
    stage: str = Field(description="refused, interrupted, accepted, confirmed, effective.")
    reason: str
    entry: int = Field(description="Its number in the journal.")


class SettingBody(BaseModel):
    """A quantity that can be read and written, with its present value."""

    name: str
    group: str
    about: str
    value: Scalar | time | datetime | None
    unit: str
    at: datetime | None
    age_s: float | None
    quality: Quality | None = Field(description="null: not read yet.")
    kind: Literal["number", "word", "switch", "time", "text"]
    words: list[str]
    range: str
    low: float | None
    high: float | None
    note: str = Field(description="Doubts about it, and what sources say differently.")
    last_write: LastWriteBody | None = Field(description="By this hub; null: never, as far as its journal goes.")
    writes_today: int = Field(description="Of this hub, that got through to the device; days are those of the site.")
    writes_ever: int = Field(description="Since the journal begins.")


class SettingList(BaseModel):
    """Settings of a device."""

    device: str
    control: bool = Field(description="Whether they can be written here.")
    settings: list[SettingBody]


class PackBody(BaseModel):
    """One battery pack, the main unit's own among them."""

    part: str = Field(description="main, pack1, ...")
    installed: bool | None = Field(description="null: not known yet.")
    serial: str = Field(description="Empty while unknown.")
    values: dict[str, SampleBody] = Field(description="Its quantities, by their full names.")
    cell_spread_v: float | None = Field(description="Between the highest and the lowest cell voltage that it tells.")


class PackList(BaseModel):
    """The packs of a device."""

    device: str
    packs: list[PackBody]


class HistoryBody(BaseModel):
    """History on one axis of time; gaps are null."""

    device: str
    start: datetime
    end: datetime
    step_s: float | None = Field(description="null: the readings as they were.")
    aggregate: Literal["mean", "min", "max", "last"]
    units: dict[str, str]
    times: list[datetime]
    columns: dict[str, list[float | str | bool | None]]


class EnergyBody(BaseModel):
    """By how much counters grew in one period."""

    start: datetime
    values: dict[str, float | None] = Field(description="Wh; null where nothing was read.")


class EnergiesBody(BaseModel):
    """Energies per period."""

    device: str
    period: Period
    zone: str
    unit: Literal["Wh"] = "Wh"
    energies: list[EnergyBody]


class EntryBody(BaseModel):
    """One line of the journal."""

    number: int = Field(description="Rises by one with each; 0 while the store is away.")
    at: datetime
    kind: str
    device: str = Field(description="Empty: about the hub itself.")
    actor: str
    text: str
    data: dict[str, Any]


class EntryList(BaseModel):
    """A page of the journal, in the order that was asked for."""

    entries: list[EntryBody]
    next_after: int | None = Field(description="`after` for the next page, where the oldest come first; null at the end.")
    next_before: int | None = Field(description="`before` for the next page, where the newest come first; null at the end.")


class AlertBody(BaseModel):
    """Something that needs attention."""

    device: str = Field(description="Empty for the hub itself.")
    what: str
    text: str
    since: datetime


class AlertList(BaseModel):
    """What needs attention now."""

    alerts: list[AlertBody]


class HubHealth(BaseModel):
    """How the hub is."""

    live: Literal[True] = True
    ready: bool = Field(description="Whether the store keeps what is read, and every device has been tried.")
    started: datetime
    services: dict[str, str]
    store: dict[str, int | float | str]
    devices: dict[Link, int] = Field(description="How many devices have which link.")
    alerts: int
    streams: int = Field(description="Listeners of /api/v1/events.")


class CallerBody(BaseModel):
    """Who asks."""

    name: str = Field(description="Name of the token; empty without one.")
    role: Role


class MetaBody(BaseModel):
    """Which hub this is."""

    name: str
    version: str
    api: str
    site: str
    time_zone: str
    currency: str
    simulated: bool = Field(description="Whether any of its devices is a simulated one.")
    started: datetime
    today: date = Field(description="In the zone of the site.")
    caller: CallerBody


class ConfigValueBody(BaseModel):
    """One value of the configuration, and where it comes from."""

    path: str = Field(description="Where it stands, or would stand, in the file, such as `api.port` or `devices[0].host`.")
    value: Any = Field(description="Secrets and hashes are stars.")
    source: Source = Field(
        description=(
            "file; environment or secret_file: a secret that the file only names; program: said by what started the hub; default: "
            "not in the file."
        )
    )
    detail: str = Field(description="Name of the variable, or path of the secret's file.")


class ConfigBody(BaseModel):
    """The configuration, with stars in place of secrets."""

    file: str = Field(description="Which file was read; empty: none, so that defaults hold.")
    config: dict[str, Any] = Field(description="As the file has it, defaults filled in.")
    values: list[ConfigValueBody] = Field(description="The same, value by value.")


class TokenBody(BaseModel):
    """A token that opens the API; neither it nor its hash is told."""

    name: str
    role: Role
    last_used: datetime | None = Field(description="Within ten minutes; null: never, as far as is known.")


class TokenList(BaseModel):
    """The tokens of the configuration."""

    tokens: list[TokenBody]
    how_to: str = Field(description="How to make one, and how to take one away.")


class Alive(BaseModel):
    """The hub answers."""

    status: Literal["ok"] = "ok"
