"""What an owner may say about meters: where each is, what it measures, and how what it tells is to be read.

One table of the file for each meter; ``kind`` decides which settings it has. How each kind is asked or heard is in ``meters``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from indevolt.hub.config_section import Broken, Section
from indevolt.hub.config_values import DeviceHost, FilePath, HostAlone, ListeningHost, Name, Port, Text, Topic
from indevolt.hub.secret import Secret

_PASSWORD_EXAMPLE: Final = {"env": "INDEVOLT_METER_PASSWORD"}


class MeterRole(StrEnum):
    """What flows through a meter."""

    GRID = "grid"  # all that the house takes from the grid, or gives
    PV = "pv"  # what a plant gives that is not connected to a battery
    CHARGER = "charger"  # what a car takes
    LOAD = "load"  # what something else takes, and is part of the house


class _Meter(Section):
    """What all meters have."""

    name: Name = Field(description="What it is called.", examples=["house"])
    role: Annotated[MeterRole, Field(strict=False)] = Field(
        default=MeterRole.GRID, description="What flows through it: all of the house, a PV plant, a car, or another load."
    )
    invert: bool = Field(default=False, description="Its sign is the other way round than that of its kind usually is.")
    limit_w: Annotated[float, Field(ge=100, le=1_000_000)] = Field(
        default=25_000.0, description="The most that can flow there, by its fuse. More than twice that is taken for a fault."
    )

    patience_s: Annotated[float, Field(ge=1, le=3600)] | None = Field(
        default=None,
        description="How long it may tell nothing new before it counts as stale or frozen; by default three of its intervals.",
        examples=[60.0],
    )


class _AskedMeter(_Meter):
    """A meter that answers when it is asked."""

    host: DeviceHost = Field(description="Where it is: its address or name in your network.", examples=["192.168.1.60"])
    port: Port | None = Field(default=None, description="Its TCP port, where it is not the usual one.", examples=[80])
    every_s: Annotated[float, Field(ge=0.2, le=3600)] = Field(default=1.0, description="How often it is asked.")


class _HeardMeter(_Meter):
    """A meter that is heard of through a broker."""

    host: HostAlone | None = Field(default=None, description="The broker; by default that of [mqtt].", examples=["192.168.1.10"])
    port: Port | None = Field(default=None, description="Its TCP port; by default 1883, with tls 8883.", examples=[1883])
    tls: bool = Field(default=False, description="Speak TLS.")
    user: Text | None = Field(default=None, description="Who the hub is to it.", examples=["indevolt"])
    password: Secret | None = Field(default=None, description="Its password.", examples=[_PASSWORD_EXAMPLE])

    def rules(self) -> Broken:
        """What belongs to a broker needs one."""
        for name in ("port", "tls", "user", "password"):
            if self.host is None and getattr(self, name):
                yield (name,), "it belongs to a broker of its own, which host names; without host the broker is that of [mqtt]"
        if self.password is not None and self.user is None:
            yield ("password",), "it means nothing without user"


class BatteryMeter(_Meter):
    """The meter that a battery reads itself; as fresh as the battery is read."""

    kind: Literal["battery"]
    device: Name = Field(description="The battery, by its name.", examples=["battery"])


class ShellyMeter(_AskedMeter):
    """A Shelly of generation 2 or later: Pro 3EM, Pro EM, Plus and Pro plugs and relays that measure."""

    kind: Literal["shelly"]
    component: Literal["em", "em1", "switch", "pm1"] = Field(
        default="em", description="What measures: em has three phases, em1 one, switch is a relay or plug, pm1 a meter alone."
    )
    channel: Annotated[int, Field(ge=0, le=99)] = Field(default=0, description="Which of these, counted from 0.")
    password: Secret | None = Field(default=None, description="Its password, where it has one.", examples=[_PASSWORD_EXAMPLE])


class HomeWizardMeter(_AskedMeter):
    """A HomeWizard P1 meter, kWh meter or energy socket, with its local API switched on."""

    kind: Literal["homewizard"]


class _Document(Section):
    """Where in a JSON document values are: steps separated by dots, those with dots in them in quotes."""

    export: Text | None = Field(
        default=None,
        description="Where the power given is, if it is a number of its own; power is then only what is taken.",
        examples=["SML.Power_out"],
    )
    energy_import: Text | None = Field(default=None, description="Where the energy taken is, in kWh.", examples=["SML.Total_in"])
    energy_export: Text | None = Field(default=None, description="Where the energy given is, in kWh.", examples=["SML.Total_out"])
    time: Text | None = Field(
        default=None,
        description="Where the meter's own time is, ISO 8601 or seconds since 1970; not that of what passes its values on.",
        examples=["SML.Time"],
    )
    unit: Literal["W", "kW"] = Field(default="W", description="Unit of powers.")


class TasmotaMeter(_AskedMeter, _Document):
    """Tasmota: a reader of a meter's SML telegrams, or a plug."""

    kind: Literal["tasmota"]
    power: Text = Field(
        description="Where in its status the power is: steps separated by dots, those with dots in them in quotes.",
        examples=["SML.Power"],
    )
    status: Annotated[int, Field(ge=0, le=99)] = Field(
        default=10, description="Number of the status that has it: 10; in old versions 8."
    )
    password: Secret | None = Field(default=None, description="Its password, where it has one.", examples=[_PASSWORD_EXAMPLE])


class OpenDataMeter(_AskedMeter):
    """A meter, plug or P1 reader of the vendor or of IGEN, asked over OpenData."""

    kind: Literal["opendata"]
    accessory: Literal["meter", "p1", "plug"] = Field(description="What it is; an infrared reader is a meter.", examples=["meter"])
    password: Secret | None = Field(
        default=None, description="Its Digest password, where its API is set to HTTP + Digest.", examples=[_PASSWORD_EXAMPLE]
    )


class PushMeter(_Meter):
    """A meter, plug or P1 reader of the vendor or of IGEN that broadcasts what it measures."""

    kind: Literal["opendata_push"]
    serial: Text | None = Field(
        default=None, description="Its serial number; by default the first that is heard.", examples=["3310500113"]
    )
    listen: ListeningHost = Field(
        default="0.0.0.0",  # noqa: S104 - broadcasts reach no other
        description="Address to listen on; broadcasts reach only 0.0.0.0.",
    )
    port: Port = Field(default=8088, description="UDP port to listen on.")


class TopicMeter(_HeardMeter, _Document):
    """Any topic of a broker, with a number or a JSON document."""

    kind: Literal["mqtt"]
    topic: Topic = Field(description="The topic.", examples=["meter/power"])
    power: Text | None = Field(
        default=None,
        description="Where in a JSON document the power is: steps separated by dots. Without it, the payload is a number.",
        examples=["SML.Power"],
    )

    def rules(self) -> Broken:
        """A number has no parts."""
        yield from super().rules()
        for name in ("export", "energy_import", "energy_export", "time"):
            if self.power is None and getattr(self, name) is not None:
                yield (name,), "it is a place in a JSON document; give power, too, as such a place"


class HomeAssistantMeter(_HeardMeter):
    """A sensor of Home Assistant, by its integration MQTT Statestream; it is heard only when it changes."""

    kind: Literal["home_assistant"]
    entity: Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z0-9_]+$", max_length=200)] = Field(
        description="The sensor.", examples=["sensor.grid_power"], json_schema_extra={"x-allowed": 'like "sensor.grid_power"'}
    )
    topic: Topic = Field(default="homeassistant", description="What its topics begin with (base_topic).")
    unit: Literal["W", "kW"] = Field(default="W", description="Unit of the sensor.")


class ReplayMeter(_Meter):
    """A recording, to try things out; it begins with the hub and is repeated at its end."""

    kind: Literal["replay"]
    file: FilePath = Field(description="A CSV file with the columns seconds and power_w.", examples=["meter.csv"])


MeterConfig: TypeAlias = (
    ShellyMeter
    | HomeWizardMeter
    | TasmotaMeter
    | TopicMeter
    | HomeAssistantMeter
    | OpenDataMeter
    | PushMeter
    | BatteryMeter
    | ReplayMeter
)
AnyMeter: TypeAlias = Annotated[MeterConfig, Field(discriminator="kind")]
"""One table of ``[[meters]]``."""


def meter_rules(meters: tuple[MeterConfig, ...], devices: list[str], *, broker: bool) -> Broken:
    """Yield what is wrong with meters as a whole: more than one for the grid; devices and brokers that are not there."""
    for position, meter in enumerate(meters):
        if meter.name in devices:
            yield ("meters", position, "name"), f"a device is called {meter.name} as well; each has its own"
    grids = [position for position, meter in enumerate(meters) if meter.role is MeterRole.GRID]
    for position in grids[1:]:
        facts = f"{meters[grids[0]].name} measures the grid already; a house has one such meter"
        yield ("meters", position, "role"), f"{facts}. Other roles: {', '.join(role for role in MeterRole if role != 'grid')}"
    for position, meter in enumerate(meters):
        if isinstance(meter, BatteryMeter) and meter.device not in devices:
            yield ("meters", position, "device"), f"no device is called {meter.device}; there are: {', '.join(devices) or 'none'}"
        if isinstance(meter, _HeardMeter) and meter.host is None and not broker:
            yield ("meters", position, "host"), "missing; without it the broker is that of [mqtt], and there is none"
