"""What a number, or a JSON document of any shape, tells where its owner says so: any topic, Tasmota, Home Assistant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from indevolt.errors import ProtocolError
from indevolt.hub.config_meters import HomeAssistantMeter, TasmotaMeter, TopicMeter
from indevolt.hub.meters.told import Told, moment_at, number_at, path_of, thousandfold
from indevolt.hub.websource import Json

TASMOTA_USER: Final = "admin"  # the only one that it knows
_TASMOTA: Final = "StatusSNS"  # where in its answer to Status 8 and 10 the sensors are (Tasmota documentation, Commands)


@dataclass(frozen=True, slots=True)
class Places:
    """Where in a document values are, and in which unit; no power: the whole payload is a number."""

    power: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    energy_import: tuple[str, ...] = ()
    energy_export: tuple[str, ...] = ()
    time: tuple[str, ...] = ()
    watts: float = 1.0  # in one of its units

    @classmethod
    def of(cls, config: TasmotaMeter | TopicMeter | HomeAssistantMeter) -> Places:
        """Return what an owner said.

        Raises:
            InvalidInput: a path that is none.
        """
        names = ("power", "export", "energy_import", "energy_export", "time")
        paths = {name: path_of(text) for name in names if (text := getattr(config, name, None))}
        return cls(**paths, watts=1000.0 if config.unit == "kW" else 1.0)

    def told(self, document: Json) -> Told:
        """Return what a document tells.

        Raises:
            ProtocolError: a value that it should have is not there, or is no number.
        """
        power = number_at(document, self.power) - (number_at(document, self.export) if self.export else 0.0)
        return Told(
            power * self.watts,
            import_wh=thousandfold(number_at(document, self.energy_import)) if self.energy_import else None,
            export_wh=thousandfold(number_at(document, self.energy_export)) if self.energy_export else None,
            at=moment_at(document, self.time) if self.time else None,
        )

    def told_by(self, payload: bytes) -> Told:
        """Return what a payload tells: a number as it is written, or a JSON document.

        Raises:
            ProtocolError: it is neither, or does not have the values.
        """
        try:
            return self.told(orjson.loads(payload))
        except orjson.JSONDecodeError:
            return self.told(payload.decode("utf-8", "replace").strip())


def tasmota_path(status: int) -> str:
    """Return what is asked of Tasmota."""
    return f"/cm?cmnd=Status%20{status}"


def tasmota_told(document: Mapping[str, Any], places: Places) -> Told:
    """Return what a status of Tasmota tells; paths begin below its sensors.

    Raises:
        ProtocolError: it has no sensors, or these do not have the values.
    """
    sensors = document.get(_TASMOTA)
    if not isinstance(sensors, Mapping):
        said = document.get("WARNING") or f"there is no {_TASMOTA}; there are {', '.join(list(document)[:12]) or 'no fields'}"
        raise ProtocolError(f"{said}", remedy="Set status of the meter to 8 or 10, and password if it has one.")
    return places.told(sensors)


def statestream_topic(base: str, entity: str) -> str:
    """Return the topic of a sensor's state (Home Assistant documentation, MQTT Statestream)."""
    domain, _, name = entity.partition(".")
    return f"{base}/{domain}/{name}/state"
