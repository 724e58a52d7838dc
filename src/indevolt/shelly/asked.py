"""Who asks a look-alike, over what, for what: what the one who gives it its measurements may want to know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from indevolt.protocol.shelly import Wanted


class Channel(StrEnum):
    """What requests come over."""

    HTTP = "http"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for something that is measured."""

    over: Channel
    peer: str  # the address that it came from; empty where the system does not tell
    wanted: Wanted = Wanted.POWER
