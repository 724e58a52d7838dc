"""The meter that the hub poses as for a battery, in the hub's configuration. What is shown there is ``pose``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias, TypeGuard

from pydantic import Field, StringConstraints

from indevolt.hub.config_meters import MeterConfig, PushMeter
from indevolt.hub.config_section import Broken, Section
from indevolt.hub.config_values import FreePort, HostAlone, ListeningHost, Port, is_loopback, same_host, spelled
from indevolt.protocol import push
from indevolt.transport import parse_address

if TYPE_CHECKING:
    from indevolt.hub.config import DeviceConfig

EVERYBODY: Final = "255.255.255.255"


class Way(StrEnum):
    """How what is shown gets to a battery."""

    HTTP = "http"  # it asks a Shelly Pro 3EM
    UDP = "udp"  # it asks a Shelly Pro 3EM in datagrams
    PUSH = "push"  # it hears a P1 reader


_OF_WAY: Final[Mapping[str, Way]] = {
    "port": Way.HTTP,
    "udp_port": Way.UDP,
    "push_to": Way.PUSH,
    "push_port": Way.PUSH,
    "serial": Way.PUSH,
}
_MEANING: Final = {Way.HTTP: 'transports has "http"', Way.UDP: 'transports has "udp"', Way.PUSH: 'transports = ["push"]'}

SerialNumber: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[!-~]{1,16}$"), spelled("1 to 16 ASCII characters without blanks", pattern="^[!-~]{1,16}$")
]


class PoseConfig(Section):
    """The hub poses as a meter for this battery, so that its own loop follows the meter of the hub.

    As a Shelly Pro 3EM it is asked, over HTTP, in datagrams or both: in the vendor's app its address is the battery's meter. As a
    P1 reader of the vendor it sends what it measures.
    """

    transports: Annotated[tuple[Annotated[Way, Field(strict=False)], ...], Field(strict=False, max_length=3)] = Field(
        default=(Way.HTTP,),
        description=(
            "How: http and udp, where the battery asks a Shelly; or push, where it hears a P1 reader. Units are documented to ask "
            "over HTTP and to hear; none is to ask in datagrams."
        ),
        examples=[["http"]],
    )
    host: ListeningHost = Field(default="127.0.0.1", description="Address to listen on; the battery has to reach it.")
    port: FreePort = Field(default=80, description="TCP port; a real one has 80, 0 takes a free one.", examples=[80])
    udp_port: FreePort = Field(
        default=1010, description="UDP port; a real one has whatever was set in it, 0 takes a free one.", examples=[1010]
    )
    push_to: HostAlone | None = Field(
        default=None,
        description=(
            f"Where the P1 reader sends to. Real ones broadcast ({EVERYBODY}), which shows everybody on the network what is meant "
            "for one battery."
        ),
        json_schema_extra={"x-default": "the battery itself"},
        examples=["192.168.1.50"],
    )
    push_port: Port = Field(default=push.PORT, description="UDP port that it sends to.", examples=[push.PORT])
    serial: SerialNumber | None = Field(
        default=None,
        description="Serial number of the P1 reader, where the app has to know it.",
        json_schema_extra={"x-default": "made of the name of the device"},
        examples=["3310500113"],
    )

    def rules(self) -> Broken:
        """A battery follows one meter; what is said of another transport would be passed over."""
        if not self.transports:
            yield ("transports",), f"there is none; choose of {', '.join(Way)}"
        for position, way in enumerate(self.transports):
            if way in self.transports[:position]:
                yield ("transports", position), f"{way} is there already"
        if Way.PUSH in self.transports and len(set(self.transports)) > 1:
            yield ("transports",), "push is a P1 reader and the others are a Shelly: a battery follows one of them; choose"
        for field, way in _OF_WAY.items():
            if field in self.model_fields_set and way not in self.transports:
                yield (field,), f"it means nothing unless {_MEANING[way]}"


def asked_at(pose: PoseConfig) -> tuple[str, ...]:
    """Return where the Shelly is asked; nowhere if it is none."""
    ports = ((Way.HTTP, pose.port), (Way.UDP, pose.udp_port))
    return tuple(f"{way} {spelled_place(pose.host, port)}" for way, port in ports if way in pose.transports)


def sent_to(pose: PoseConfig, device_host: str) -> str:
    """Return where the P1 reader sends to; empty if it is none."""
    return spelled_place(pose.push_to or parse_address(device_host).host, pose.push_port) if Way.PUSH in pose.transports else ""


def spelled_place(host: str, port: int) -> str:
    """Return an address with its port, of which 0 is any that is free."""
    return f"{f'[{host}]' if ':' in host else host}:{port or '(a free port)'}"


def pose_rules(devices: Sequence[DeviceConfig], meters: Sequence[MeterConfig], taken: Sequence[tuple[str, int, str]]) -> Broken:
    """Yield what is wrong with posed meters as a whole: two at one port, and a hub that would hear itself.

    Args:
        devices: all of them.
        meters: of the hub.
        taken: address, TCP port and what listens there.
    """
    at = {Way.HTTP: list(taken), Way.UDP: [(each.listen, each.port, f"the meter {each.name}") for each in meters if _hears(each)]}
    for position, device in enumerate(devices):
        pose = device.pose
        if pose is None:
            continue
        for way, port, field in ((Way.HTTP, pose.port, "port"), (Way.UDP, pose.udp_port, "udp_port")):
            if way not in pose.transports:
                continue
            for host, other, what in at[way]:
                if port and port == other and same_host(pose.host, host):
                    yield ("devices", position, "pose", field), f"{what} listens there already; give each its own port or address"
            at[way].append((pose.host, port, f"the meter posed for {device.name}"))
        if Way.PUSH in pose.transports:
            yield from _echo(position, pose, pose.push_to or parse_address(device.host).host, meters)


def _echo(position: int, pose: PoseConfig, to: str, meters: Sequence[MeterConfig]) -> Broken:
    """Yield a meter of the hub that would hear what the hub itself sends."""
    if to != EVERYBODY and not is_loopback(to):
        return
    for meter in meters:
        if _hears(meter) and meter.port == pose.push_port and meter.serial in (None, pose.serial):
            yield (
                ("devices", position, "pose", "push_to"),
                f"the meter {meter.name} would hear what the hub sends to {to}; give that meter the serial number of the true one",
            )


def _hears(meter: MeterConfig) -> TypeGuard[PushMeter]:
    return isinstance(meter, PushMeter)
