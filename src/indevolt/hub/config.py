"""What an owner may decide about the hub: every setting with its default, its range and its meaning. Nothing is started here.

A setting of the file is a field here and nowhere else: checks, error texts, the reference page, the JSON schema and the file that
`indevolt hub init` writes derive from it. What a value may look like is in ``config_values``; reading a file, and naming the line
of a mistake, in ``config_file``; what others make of the settings, in ``config_schema``.

Whatever would let strangers in is refused here, whether it comes from a file or from a program: what listens beyond this machine
needs a token or a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, StringConstraints

from indevolt.errors import InvalidInput
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_forecast import ForecastConfig, PlanConfig
from indevolt.hub.config_meters import AnyMeter, meter_rules
from indevolt.hub.config_pose import PoseConfig, pose_rules
from indevolt.hub.config_section import Broken, Section, repeated
from indevolt.hub.config_tariff import AnyTariff
from indevolt.hub.config_values import (
    APP,
    AnyPath,
    Days,
    DeviceHost,
    FilePath,
    Fingerprint,
    FreePort,
    HostAlone,
    ListeningHost,
    ModelName,
    Name,
    OriginUrl,
    Port,
    ReceiverUrl,
    Seconds,
    Text,
    Topic,
    ZoneName,
    data_folder,
    has_port,
    is_loopback,
    local_zone_name,
    same_host,
    spelled,
)
from indevolt.hub.secret import Secret
from indevolt.hub.site.quantities import SITE
from indevolt.hub.tokens import Role, check_hash
from indevolt.transport import parse_address


class LogConfig(Section):
    """What the hub tells about itself, on its standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least serious that is told.")
    as_json: bool = Field(default=False, alias="json", description="One JSON document a line, for programs.")


class HubConfig(Section):
    """The hub itself."""

    name: Name = Field(default=APP, description="What this hub calls itself to brokers and receivers; two hubs need two names.")
    data: AnyPath = Field(
        default_factory=data_folder,
        description="Folder for history, journal and state; made where it is missing.",
        json_schema_extra={"x-default": "$STATE_DIRECTORY (systemd), else the data folder of this user"},
        examples=["/var/lib/indevolt"],
    )
    log: LogConfig = Field(default_factory=LogConfig, description="What the hub tells about itself.")


class SiteConfig(Section):
    """Where the devices are."""

    name: Text = Field(default="home", description="What people call it.")
    time_zone: ZoneName = Field(
        default_factory=local_zone_name,
        description="Days, weeks and months begin by its clocks.",
        json_schema_extra={"x-default": "that of this machine"},
        examples=["Europe/Berlin"],
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), spelled('three capitals, like "EUR"')] = Field(
        default="EUR", description="Of prices, by its ISO 4217 code."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)


class TlsConfig(Section):
    """A certificate to show to clients."""

    cert: FilePath = Field(
        description="Certificate and what it is signed by (PEM). Read at the start: a renewed one takes a restart.",
        examples=["hub.pem"],
    )
    key: FilePath | None = Field(default=None, description="Its private key (PEM), if elsewhere.", examples=["hub.key"])


class PollConfig(Section):
    """How often a device is asked."""

    power_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=5.0,
        description="Power, state of charge, states. The vendor recommends 5 s, and 1 s is the least.",
    )
    packs_s: Annotated[float, Field(ge=5, le=86_400)] = Field(default=60.0, description="Battery packs, counters, temperatures.")
    settings_s: Annotated[float, Field(ge=60, le=86_400)] = Field(
        default=600.0, description="Settings and limits, at the latest; sooner where requests have room."
    )


class GatewayConfig(Section):
    """An OpenData address of the hub that stands in for the device, so that other programs need not ask the device itself."""

    host: ListeningHost = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every one of this machine.")
    port: FreePort = Field(description="TCP port; 0 takes a free one.", examples=[8080])
    writes: bool = Field(
        default=False, description="Pass settings and commands on, up to 30 in a minute; the device needs control = true as well."
    )
    password: Secret | None = Field(
        default=None,
        description="Ask for it by Digest (user opend), whether the device does so or not.",
        examples=[{"env": "INDEVOLT_GATEWAY_PASSWORD"}],
    )
    without_password: bool = Field(
        default=False,
        description="Let other machines write without a password, for programs that know no Digest.",
    )
    max_age_s: Seconds = Field(
        default=5.0, description="Answer from memory what is not older; else ask the device, once for all who wait."
    )
    discovery: bool = Field(
        default=False,
        description="Answer programs that look for devices, beside the device itself: both have the same serial number.",
    )
    tls: TlsConfig | None = Field(default=None, description="Speak https.")

    def rules(self) -> Broken:
        """Writing from beyond this machine needs a password, or the word of the owner."""
        if self.writes and self.password is None and not self.without_password and not is_loopback(self.host):
            yield (
                ("writes",),
                (
                    f"whoever reaches {self.host} could command the battery; give a password, or set without_password = true "
                    "if that is meant"
                ),
            )


class DeviceConfig(Section):
    """One battery."""

    name: Name = Field(description="What topics and history call it; another name begins a new history.", examples=["battery"])
    host: DeviceHost = Field(description="Where it is: its address or name in your network.", examples=["192.168.1.50"])
    port: Port | None = Field(default=None, description="Its TCP port, where host does not say it; else 8080.", examples=[8080])
    password: Secret | None = Field(
        default=None,
        description="Its Digest password, where its API is set to HTTP + Digest.",
        examples=[{"env": "INDEVOLT_PASSWORD"}],
    )
    model: ModelName | None = Field(
        default=None, description="Product or family, where it cannot be told.", examples=["powerflex2000"]
    )
    modules: Annotated[int, Field(ge=1, le=6)] | None = Field(
        default=None, description="Battery modules, main unit included, where they cannot be told.", examples=[2]
    )
    control: bool = Field(default=False, description="Let settings and commands through; else this hub never writes to it.")
    ca_file: FilePath | None = Field(default=None, description="Certificates to trust (PEM), for https.", examples=["ca.pem"])
    fingerprint: Fingerprint | None = Field(
        default=None, description="SHA-256 of the certificate that it must have, for https.", examples=["5e" * 32]
    )
    simulated: bool = Field(default=False, description="It is a virtual device; whatever shows its values says so.")
    poll: PollConfig = Field(default_factory=PollConfig, description="How often it is asked.")
    gateway: GatewayConfig | None = Field(default=None, description="An OpenData address of the hub that stands in for it.")
    plan_in_load_curve: bool = Field(
        default=False,
        description="Write what the plan gives in the next 24 h into its load curve, by which it goes while it sees no meter.",
    )
    pose: PoseConfig | None = Field(default=None, description="A meter that the hub poses as for it; needs control = true as well.")

    @property
    def address(self) -> str:
        """Where it is, with its port, as :func:`indevolt.connect` takes it."""
        parsed = parse_address(self.host)
        return f"{'https://' if parsed.tls else ''}{parsed.bracketed_host}:{self.port or parsed.port}"

    def rules(self) -> Broken:
        """Say everything once; pass on writes only where there are any."""
        if self.port is not None and has_port(self.host):
            yield ("port",), f"host says a port already; write it in one of the two: {self.host!r}"
        if self.gateway and self.gateway.writes and not self.control:
            yield ("gateway", "writes"), "the device itself has control = false; set both, or neither"
        for field in ("ca_file", "fingerprint"):
            if getattr(self, field) is not None and not parse_address(self.host).tls:
                yield (field,), f"it means nothing without https; write host as https://{self.host}"


class StoreConfig(Section):
    """Where history is kept, and for how long; what is rolled up by the hour is kept forever."""

    kind: Literal["sqlite", "postgres", "memory"] = Field(
        default="sqlite", description="sqlite: a file; postgres: a server; memory: nothing outlives the hub."
    )
    path: AnyPath | None = Field(
        default=None,
        description="The file of sqlite.",
        json_schema_extra={"x-default": "history.sqlite3 in the data folder"},
        examples=["history.sqlite3"],
    )
    url: Secret | None = Field(
        default=None,
        description="The server of postgres: postgresql://USER:PASSWORD@HOST/DATABASE.",
        examples=[{"env": "INDEVOLT_STORE_URL"}],
    )
    raw_days: Days = Field(default=90, description="How long every reading is kept.")
    five_minute_days: Days | None = Field(
        default=None, description="How long mean, least, most and last of every 5 minutes are kept; else forever.", examples=[3650]
    )

    def rules(self) -> Broken:
        """The kind decides what else is needed; what is rolled up is kept at least as long as what it was made of."""
        if self.kind == "postgres" and self.url is None:
            yield ("url",), 'missing; postgres needs it, best as { env = "NAME" } or { file = "path" }'
        if self.kind != "postgres" and self.url is not None:
            yield ("url",), f'it means nothing with kind = "{self.kind}"; remove it, or set kind = "postgres"'
        if self.url is not None and not self.url.reveal().startswith(("postgresql://", "postgres://")):
            yield ("url",), "it does not begin with postgresql://"
        if self.kind != "sqlite" and self.path is not None:
            yield ("path",), f'it means nothing with kind = "{self.kind}"; remove it, or set kind = "sqlite"'
        if self.five_minute_days is not None and self.five_minute_days < self.raw_days:
            facts = f"{self.five_minute_days} days are less than raw_days keeps; allowed: {self.raw_days} or more"
            yield ("five_minute_days",), facts


class TokenConfig(Section):
    """A token that opens the API."""

    name: Name = Field(description="What the journal calls whoever uses it.", examples=["laptop"])
    role: Annotated[Role, Field(strict=False)] = Field(
        description="read; control: settings and commands as well; admin: the hub itself as well.", examples=["read"]
    )
    hash: Secret = Field(
        description="What `indevolt hub token NAME` prints; the token itself is nowhere.",
        examples=["scrypt:4096:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],
    )

    def rules(self) -> Broken:
        """A hash can be verified against."""
        try:
            check_hash(self.hash.reveal())
        except InvalidInput as error:
            yield ("hash",), f"{error}; {error.remedy}"


class _ApiPlace(Section):
    """Where the API listens."""

    host: ListeningHost = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every one of this machine.")
    port: FreePort = Field(default=8188, description="TCP port; 0 takes a free one.")


class ApiConfig(_ApiPlace):
    """The hub's own API, its live page and /metrics."""

    tokens: Annotated[tuple[TokenConfig, ...], Field(strict=False, max_length=100)] = Field(
        default=(), description="Who may do what. Without a token, programs on this machine may read."
    )
    hosts: Annotated[tuple[ListeningHost, ...], Field(strict=False, max_length=100)] = Field(
        default=(),
        description="Names by which this machine is called; requests for others are refused.",
        examples=[["hub.fritz.box"]],
    )
    origins: Annotated[tuple[OriginUrl, ...], Field(strict=False, max_length=100)] = Field(
        default=(), description="Pages of other servers that may use the API in a browser.", examples=[["https://grafana.example"]]
    )
    commands_per_minute: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=30, description="Most settings and commands of one token for one device in a minute; more are refused."
    )
    tls: TlsConfig | None = Field(default=None, description="Speak https.")

    @staticmethod
    def place_of(table: Mapping[str, object]) -> tuple[str, int, bool]:
        """Return host and port that a table gives, and whether it has TLS, whatever else it says.

        Raises:
            ValidationError: one of these is wrong.
        """
        place = _ApiPlace.model_validate({name: table[name] for name in _ApiPlace.model_fields if name in table})
        return place.host, place.port, "tls" in table

    def rules(self) -> Broken:
        """Beyond this machine, everybody needs a token."""
        if not self.tokens and not is_loopback(self.host):
            yield (
                ("host",),
                (
                    f"{self.host} is reached from other machines, which need a token, and there is none; "
                    '`indevolt hub token NAME` makes one, or listen on "127.0.0.1"'
                ),
            )
        yield from repeated([token.name for token in self.tokens], "tokens", "name")


class MqttConfig(Section):
    """A broker that gets every state and, by discovery, tells Home Assistant of every entity."""

    host: HostAlone = Field(description="The broker.", examples=["127.0.0.1"])
    tls: bool = Field(default=False, description="Speak TLS.")
    port: Port = Field(
        default_factory=lambda before: 8883 if before.get("tls") else 1883,
        description="Its TCP port.",
        json_schema_extra={"x-default": "1883, with tls 8883"},
        examples=[1883],
    )
    user: Text | None = Field(default=None, description="Who the hub is to the broker.", examples=["indevolt"])
    password: Secret | None = Field(default=None, description="Its password.", examples=[{"env": "INDEVOLT_MQTT_PASSWORD"}])
    ca_file: FilePath | None = Field(
        default=None, description="Certificates to trust (PEM); else those that this machine trusts.", examples=["ca.pem"]
    )
    cert: FilePath | None = Field(
        default=None, description="Certificate of the hub (PEM), for a broker that asks for one.", examples=["hub.pem"]
    )
    key: FilePath | None = Field(
        default=None, description="Its private key, where it is not in the same file.", examples=["hub.key"]
    )
    topic: Topic = Field(default=APP, description="What all topics of the hub begin with.")
    discovery_prefix: Topic = Field(default="homeassistant", description="Where Home Assistant looks for discovery.")
    discovery: bool = Field(default=True, description="Tell Home Assistant of every entity.")
    commands: bool = Field(
        default=True,
        description="Take settings and commands from whoever may publish there, for devices with control = true.",
    )

    def rules(self) -> Broken:
        """A password belongs to a user, a certificate to TLS."""
        if self.password is not None and self.user is None:
            yield ("password",), "it means nothing without user"
        for field in ("ca_file", "cert", "key"):
            if getattr(self, field) is not None and not self.tls:
                yield (field,), "it means nothing without tls = true"
        if self.key is not None and self.cert is None:
            yield ("key",), "it means nothing without cert"


class InfluxConfig(Section):
    """A receiver of InfluxDB's line protocol: InfluxDB, VictoriaMetrics, Telegraf, QuestDB."""

    url: ReceiverUrl = Field(description="Where lines are sent to, path included.", examples=["http://127.0.0.1:8428/write"])
    token: Secret | None = Field(
        default=None, description="Sent along with http and https.", examples=[{"env": "INDEVOLT_INFLUX_TOKEN"}]
    )
    org: Text | None = Field(default=None, description="Organization of InfluxDB 2.", examples=["home"])
    bucket: Text | None = Field(default=None, description="Bucket of InfluxDB 2, database of InfluxDB 1.", examples=["indevolt"])
    measurement: Text = Field(default=APP, description="What each line begins with.")
    every_s: Annotated[float, Field(ge=1, le=3600)] = Field(default=10.0, description="How often what has come in is sent.")

    def rules(self) -> Broken:
        """UDP carries lines and nothing else."""
        if self.url.startswith("udp:"):
            if urlsplit(self.url).port is None:
                yield ("url",), "udp needs a port, like udp://127.0.0.1:8089"
            for field in ("token", "org", "bucket"):
                if getattr(self, field) is not None:
                    yield (field,), "it means nothing with udp"


class NotifyConfig(Section):
    """Who is told when something breaks."""

    urls: Annotated[tuple[Secret, ...], Field(strict=False, max_length=20)] = Field(
        default=(),
        description="Receivers as Apprise spells them: ntfy://TOPIC, mailto://..., json://HOST/PATH and a hundred more.",
        examples=[[{"env": "INDEVOLT_NOTIFY_URL"}]],
    )
    silent_after_s: Annotated[float, Field(ge=30, le=86_400)] = Field(
        default=300.0, description="Tell of a device that has not answered for so long."
    )

    def rules(self) -> Broken:
        """Receivers are URLs; they hold passwords, so none is repeated."""
        for position, url in enumerate(self.urls):
            if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", url.reveal()):
                yield ("urls", position), 'this is no URL as Apprise spells them, like "ntfy://my-topic"'


class Config(Section):
    """All of it. ``Config()`` is what holds without a file: loopback, discovery, read-only."""

    hub: HubConfig = Field(default_factory=HubConfig, description="The hub itself.")
    site: SiteConfig = Field(default_factory=SiteConfig, description="Where the devices are.")
    devices: Annotated[tuple[DeviceConfig, ...], Field(strict=False, max_length=10_000)] = Field(
        default=(), description="The batteries. Without any, the hub looks for them on this network and only reads."
    )
    meters: Annotated[tuple[AnyMeter, ...], Field(strict=False, max_length=100)] = Field(
        default=(), description="Meters of the house, where the batteries' own do not do."
    )
    tariff: AnyTariff | None = Field(default=None, description="What energy costs.")
    forecast: ForecastConfig | None = Field(default=None, description="Where the house is, and how its PV plant lies.")
    control: ControlConfig = Field(default_factory=ControlConfig, description="How batteries with control = true are steered.")
    plan: PlanConfig = Field(default_factory=PlanConfig, description="How plans are made.")
    store: StoreConfig = Field(default_factory=StoreConfig, description="Where history is kept.")
    api: ApiConfig = Field(default_factory=ApiConfig, description="The hub's own API.")
    mqtt: MqttConfig | None = Field(default=None, description="A broker, and Home Assistant behind it.")
    influx: InfluxConfig | None = Field(default=None, description="A receiver of InfluxDB's line protocol.")
    notify: NotifyConfig = Field(default_factory=NotifyConfig, description="Who is told when something breaks.")

    _file: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path | None:
        """The file that it was read from; None for one that a program made."""
        return self._file

    def read_from(self, file: Path) -> Self:
        """Remember the file that it was read from, and return it."""
        self._file = file
        return self

    @property
    def store_path(self) -> Path:
        """The file of sqlite."""
        return self.store.path or self.hub.data / "history.sqlite3"

    @property
    def spool_path(self) -> Path:
        """Where rows wait for a server that is away."""
        return self.hub.data / "spool.sqlite3"

    def rules(self) -> Broken:
        """Names and addresses are unique, no device is called like the house, and no gateway asks itself."""
        for position, device in enumerate(self.devices):
            if device.name == SITE:
                yield ("devices", position, "name"), f"{SITE!r} is what history calls the house as a whole; choose another"
        yield from repeated([device.name for device in self.devices], "devices", "name")
        yield from repeated([device.address for device in self.devices], "devices", "host")
        yield from self._plan_rules()
        yield from repeated([meter.name for meter in self.meters], "meters", "name")
        yield from meter_rules(self.meters, [device.name for device in self.devices], broker=self.mqtt is not None)
        taken: list[tuple[str, int, str]] = [(self.api.host, self.api.port, "the API")]
        for position, device in enumerate(self.devices):
            gateway = device.gateway
            if gateway is None:
                continue
            where = ("devices", position, "gateway", "port")
            own = parse_address(device.address)
            if gateway.port == own.port and same_host(gateway.host, own.host) and is_loopback(own.host):
                yield where, f"the device itself is at {device.address}; its gateway would ask itself"
            for host, port, what in taken:
                if port and port == gateway.port and same_host(gateway.host, host):
                    yield where, f"{what} listens there already; give each its own port or address"
            taken.append((gateway.host, gateway.port, f"the gateway of {device.name}"))
        yield from pose_rules(self.devices, self.meters, taken)

    def _plan_rules(self) -> Broken:
        """What is planned can be reached, and what is to be written can be."""
        for position, target in enumerate(self.plan.targets):
            if target.soc_pct > self.control.ceiling_pct:
                facts = f"{target.soc_pct:g} is above ceiling_pct of [control], which is {self.control.ceiling_pct:g}; lower this"
                yield ("plan", "targets", position, "soc_pct"), f"{facts}, or raise that"
        for position, device in enumerate(self.devices):
            if device.plan_in_load_curve and (why := self._no_curve(device)):
                yield ("devices", position, "plan_in_load_curve"), why

    def _no_curve(self, device: DeviceConfig) -> str:
        """Return why the plan cannot be written into a device's load curve; empty where it can."""
        if not device.control:
            return "the device itself has control = false; set both, or neither"
        if device.pose is not None:
            return (
                "the hub poses as the meter of this device, which would go by that curve when the hub is gone, so that has to stay "
                "0 W; remove pose, or this"
            )
        if not self.control.automatic:
            return "plans are only shown; set automatic = true in [control], or remove this"
        if self.tariff is None or not self.plan.enabled:
            return "there is no plan to write; add [tariff], and leave [plan] enabled"
        return ""
