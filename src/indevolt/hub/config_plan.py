"""What a configuration will do, in plain words: who is read, who may write, where the hub listens, where data goes.

For `indevolt hub check` and for the hub's first lines. Nothing secret is told, and nothing is tried out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, assert_never
from urllib.parse import urlsplit

from indevolt.hub.config import ApiConfig, Config, DeviceConfig, GatewayConfig, TlsConfig
from indevolt.hub.config_meters import (
    BatteryMeter,
    HomeAssistantMeter,
    HomeWizardMeter,
    MeterConfig,
    OpenDataMeter,
    PushMeter,
    ReplayMeter,
    ShellyMeter,
    TasmotaMeter,
    TopicMeter,
)
from indevolt.hub.config_pose import asked_at, sent_to
from indevolt.hub.config_values import is_loopback
from indevolt.hub.tokens import Role


@dataclass(frozen=True, slots=True)
class Plan:
    """Sentences by topic; ``notes`` are what an owner should think about."""

    devices: tuple[str, ...]
    writers: tuple[str, ...]
    listens: tuple[str, ...]
    keeps: tuple[str, ...]
    sends: tuple[str, ...]
    notes: tuple[str, ...]


def plan(config: Config) -> Plan:
    """Return what a configuration will do."""
    return Plan(
        (*_devices(config), *map(_meter, config.meters)),
        tuple(_writers(config)),
        tuple(_listens(config)),
        tuple(_keeps(config)),
        tuple(_sends(config)) or ("nowhere",),
        tuple(_notes(config)),
    )


def _devices(config: Config) -> Iterator[str]:
    yield from map(_device, config.devices)
    if not config.devices:
        yield "none is listed: it looks for devices on this network, and only reads"


def _meter(meter: MeterConfig) -> str:
    """Return where a meter is asked or heard."""
    match meter:
        case ShellyMeter() | HomeWizardMeter() | TasmotaMeter() | OpenDataMeter():
            place = f"{meter.host}{f':{meter.port}' if meter.port else ''}"
            how = f"asked at {place} every {meter.every_s:g} s"
        case TopicMeter() | HomeAssistantMeter():
            how = f"heard of through {'the broker of [mqtt]' if meter.host is None else f'the broker at {meter.host}'}"
        case PushMeter():
            how = f"heard at UDP port {meter.port} of {meter.listen}"
        case BatteryMeter():
            how = f"as {meter.device} reads it"
        case ReplayMeter():
            how = f"replayed from {meter.file}"
        case _:
            assert_never(meter)
    return f"meter {meter.name} ({meter.role}, {meter.kind}): {how}{', its sign turned round' if meter.invert else ''}"


def _device(device: DeviceConfig) -> str:
    poll = device.poll
    how = f"power every {poll.power_s:g} s, packs every {poll.packs_s:g} s, settings every {poll.settings_s:g} s or sooner"
    secret = ", with a password" if device.password else ""
    curve = "; the plan goes into its load curve" if device.plan_in_load_curve else ""
    return f"{device.name} at {device.address}{secret}: {'may be written to' if device.control else 'is only read'}; {how}{curve}"


def _writers(config: Config) -> Iterator[str]:
    """Yield who can write, on which way; the owner of a device has to have allowed it."""
    controlled = [device for device in config.devices if device.control]
    if not controlled:
        yield "nobody: no device has control = true"
        return
    names = ", ".join(device.name for device in controlled)
    ways = [f"token {token.name} ({token.role}), by the API" for token in config.api.tokens if token.role.includes(Role.CONTROL)]
    if config.control.automatic:
        ways.append("this hub by itself: automatic = true in [control]")
        ways += [f"{issuer.name}, within a range of power, by signed envelopes" for issuer in config.control.issuers]
    if config.mqtt and config.mqtt.commands:
        ways.append(f"whoever may publish at {config.mqtt.host}:{config.mqtt.port}, by MQTT")
    yield from (f"to {names}: {way}" for way in ways)
    through_gateways = [device for device in controlled if device.gateway and device.gateway.writes]
    yield from (f"to {device.name}: {_who(device.gateway)}, by its gateway" for device in through_gateways if device.gateway)
    if not ways and not through_gateways:
        missing = "no token with the role control or admin, no gateway with writes = true, no MQTT with commands"
        yield f"nobody: there is {missing}, and automatic = false in [control]"


def _who(gateway: GatewayConfig) -> str:
    if gateway.password:
        return "whoever has the gateway's password"
    return "every program on this machine" if is_loopback(gateway.host) else "EVERYBODY who reaches it, without a password"


def _listens(config: Config) -> Iterator[str]:
    api = config.api
    if api.tokens:
        tokens = ", ".join(f"{token.name}: {token.role}" for token in api.tokens)
        who = f"with a token ({tokens}); programs on this machine may read without one"
    else:
        who = "without a token, only for reading"
    yield f"API {_at(api)}, {_reach(api.host)}, {who}"
    for device in config.devices:
        if (gateway := device.gateway) is not None:
            secret = "with a password" if gateway.password else "without a password"
            does = "read and written" if gateway.writes else "only read"
            yield f"gateway of {device.name} {_at(gateway)}, {_reach(gateway.host)}, {secret}, {does}"
        if (pose := device.pose) is not None and device.control and (places := asked_at(pose)):
            yield f"meter posed for {device.name} at {' and '.join(places)}, {_reach(pose.host)}, without a password, only read"


def _at(place: ApiConfig | GatewayConfig) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{_scheme(place.tls)}://{host}:{place.port or '(a free port)'}"


def _scheme(tls: TlsConfig | None) -> str:
    return "https" if tls else "http"


def _reach(host: str) -> str:
    return "this machine only" if is_loopback(host) else "reached from other machines"


def _keeps(config: Config) -> Iterator[str]:
    store = config.store
    match store.kind:
        case "sqlite":
            yield f"history in the file {config.store_path}"
        case "postgres":
            yield f"history at the postgres server of store.url; in {config.spool_path} while it is away"
        case "memory":
            yield f"history in memory, for {store.raw_days} days: nothing outlives the hub"
            return
    five = f"{store.five_minute_days} days" if store.five_minute_days else "forever"
    yield f"every reading for {store.raw_days} days, what is made of 5 minutes {five}, of an hour forever"


def _sends(config: Config) -> Iterator[str]:
    for device in config.devices:
        if device.pose is not None and device.control and (to := sent_to(device.pose, device.host)):
            yield f"what a P1 reader shows for {device.name} to UDP {to}, twice a second"
    if config.mqtt is not None:
        tls = ", by TLS" if config.mqtt.tls else ""
        home = f", and discovery under {config.mqtt.discovery_prefix}/" if config.mqtt.discovery else ""
        yield f"MQTT to {config.mqtt.host}:{config.mqtt.port}{tls}: states under {config.mqtt.topic}/{home}"
    if config.influx is not None:
        url = urlsplit(config.influx.url)
        yield f"line protocol to {url.scheme}://{url.netloc}{url.path}, every {config.influx.every_s:g} s"
    tariff, forecast = config.tariff, config.forecast
    if tariff is not None and (host := _asked(tariff.kind, getattr(tariff, "url", None), _PRICES)):
        yield f"asks {host} for prices{', with a token' if getattr(tariff, 'token', None) else ''}"
    if forecast is not None and forecast.planes and (host := _asked(forecast.source, forecast.url, _WEATHER)):
        yield f"asks {host} for the sun; it learns where the house is and how its modules lie"
    if config.notify.urls:
        kinds = ", ".join(url.reveal().partition(":")[0] for url in config.notify.urls)  # what is behind it may hold a password
        yield f"notifications to {len(config.notify.urls)} receiver{'s' if len(config.notify.urls) > 1 else ''} ({kinds})"


_PRICES: Final[Mapping[str, str]] = {
    "awattar": "aWATTar",
    "energy_charts": "Energy-Charts",
    "entsoe": "the ENTSO-E transparency platform",
    "tibber": "Tibber",
    "octopus": "Octopus Energy",
}
_WEATHER: Final[Mapping[str, str]] = {"open_meteo": "Open-Meteo", "forecast_solar": "Forecast.Solar"}


def _asked(kind: str, url: str | None, names: Mapping[str, str]) -> str:
    """Return who on the web is asked; empty where nobody is."""
    if kind not in names:
        return ""
    return f"{urlsplit(url).hostname} (as {names[kind]})" if url else names[kind]


def _notes(config: Config) -> Iterator[str]:
    api = config.api
    if not is_loopback(api.host) and api.tls is None:
        yield f"tokens travel in clear to {api.host}: anybody in that network can read them; set [api.tls], or put a proxy in front"
    for device in config.devices:
        gateway = device.gateway
        if gateway and gateway.writes and gateway.without_password and not gateway.password and not is_loopback(gateway.host):
            yield f"everybody who reaches {_at(gateway)} can command {device.name}: without_password = true"
        if device.pose is not None and not device.control:
            yield f"the hub poses as no meter for {device.name}: what is shown moves the battery, and control = false"
    if config.control.automatic and not any(device.control for device in config.devices):
        yield "nothing is steered: automatic = true in [control], and no device has control = true"
    if config.control.issuers and not config.control.automatic:
        yield "envelopes of [[control.issuers]] are not heeded: automatic = false in [control]"
    mqtt = config.mqtt
    if mqtt and mqtt.user is None and mqtt.commands and any(device.control for device in config.devices):
        yield f"the broker at {mqtt.host} is used without a user: if it asks nobody who they are, anybody there can command devices"
    if mqtt and mqtt.password and not mqtt.tls and not is_loopback(mqtt.host):
        yield f"the password of MQTT travels in clear to {mqtt.host}; set mqtt.tls = true where the broker speaks TLS"
    influx = config.influx
    if influx and influx.token and influx.url.startswith("http:") and not is_loopback(urlsplit(influx.url).hostname or ""):
        yield "the token of influx travels in clear; use https where the receiver speaks it"
