"""Which source a meter's configuration asks for: the only place that knows all kinds."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Final, assert_never

from indevolt.errors import InvalidInput
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
from indevolt.hub.meters import document, homewizard, shelly
from indevolt.hub.meters.battery import BatterySource
from indevolt.hub.meters.document import TASMOTA_USER, Places, tasmota_path, tasmota_told
from indevolt.hub.meters.http import HttpSource
from indevolt.hub.meters.opendata import OpenDataSource
from indevolt.hub.meters.push import PushSource
from indevolt.hub.meters.replay import ReplaySource
from indevolt.transport import parse_address

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.meters.source import Source

HTTP_PORT: Final = 80
PUSHED_S: Final = 0.5  # between two frames of a P1 reader or plug; meters are faster (protocol.md, section 6)
TOPIC_S: Final = 10.0  # between two messages, until that is learnt
"""Nothing is known of a topic at first; ten seconds are usual for what is read off a utility's meter."""


def source_of(config: MeterConfig, hub: Hub) -> Source:
    """Return the source of a meter; nothing is opened yet.

    Raises:
        InvalidInput: something in the configuration cannot work.
    """
    match config:
        case ShellyMeter():
            digest = (shelly.USER, config.password.reveal()) if config.password else None
            language = partial(shelly.told, component=config.component, channel=config.channel)
            return HttpSource(*_place(config), shelly.PATH, language, every_s=config.every_s, digest=digest)
        case HomeWizardMeter():
            return HttpSource(*_place(config), homewizard.PATH, homewizard.told, every_s=config.every_s)
        case TasmotaMeter():
            basic = (TASMOTA_USER, config.password.reveal()) if config.password else None
            told = partial(tasmota_told, places=Places.of(config))
            return HttpSource(*_place(config), tasmota_path(config.status), told, every_s=config.every_s, basic=basic)
        case OpenDataMeter():
            host = f"{config.host}:{config.port}" if config.port else config.host
            password = config.password.reveal() if config.password else None
            return OpenDataSource(host, config.accessory, every_s=config.every_s, password=password)
        case PushMeter():
            return PushSource(config.listen, config.port, config.serial)
        case TopicMeter():
            return _heard(config, config.topic, hub)
        case HomeAssistantMeter():
            return _heard(config, document.statestream_topic(config.topic, config.entity), hub)
        case BatteryMeter():
            return BatterySource(hub.bus, config.device)
        case ReplayMeter():
            return ReplaySource(config.file, hub.clock)
        case _:
            assert_never(config)


def usual_s(config: MeterConfig, hub: Hub) -> float:
    """Return how often a meter tells, as long as nobody has learnt it."""
    match config:
        case ShellyMeter() | HomeWizardMeter() | TasmotaMeter() | OpenDataMeter():
            return config.every_s
        case PushMeter():
            return PUSHED_S
        case BatteryMeter():
            return next((device.poll.power_s for device in hub.config.devices if device.name == config.device), TOPIC_S)
        case ReplayMeter():
            return 1.0
        case TopicMeter() | HomeAssistantMeter():
            return TOPIC_S
        case _:
            assert_never(config)


def _place(config: ShellyMeter | HomeWizardMeter | TasmotaMeter) -> tuple[str, int]:
    has_port = config.host.rpartition("]")[2].count(":") == 1 and "://" not in config.host
    own = parse_address(config.host).port if has_port else HTTP_PORT
    return config.host, config.port or own


def _heard(config: TopicMeter | HomeAssistantMeter, topic: str, hub: Hub) -> Source:
    from indevolt.hub.meters.mqtt import TopicSource  # noqa: PLC0415 - its library is imported only where there is a broker

    places = Places.of(config)
    if config.host is not None:
        port = config.port or (8883 if config.tls else 1883)
        tls = ssl.create_default_context() if config.tls else None
        password = config.password.reveal() if config.password else None
        return TopicSource(topic, places, host=config.host, port=port, user=config.user, password=password, tls=tls)
    broker = hub.config.mqtt
    if broker is None:
        raise InvalidInput(f"meter {config.name}: there is no broker", remedy="Set host of the meter, or [mqtt].")
    try:
        tls = ssl.create_default_context(cafile=broker.ca_file) if broker.tls else None
    except (OSError, ssl.SSLError) as error:
        raise InvalidInput(f"mqtt.ca_file: {broker.ca_file} cannot be used: {error}") from error
    password = broker.password.reveal() if broker.password else None
    return TopicSource(topic, places, host=broker.host, port=broker.port, user=broker.user, password=password, tls=tls)
