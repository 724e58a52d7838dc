"""What a unit knows of the grid connection: a value, how old it is, and whether there is a meter at all.

Not here: what is measured (``site``), how a unit asks a meter on the network (``meter_link``), and meters that others ask
(``accessory``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

METER_SHOWN_S: Final = 5.0
"""The meter's value that a unit shows changes no more often, whatever the polling (protocol.md, section 7)."""

REFRESH_S: Final = 2.0  # a unit asks a meter on the network so often (control.md, section 0)
LOST_S: Final = 10.0
"""A unit whose own meter has shown nothing for so long has none (inferred): five looks at a Shelly, 20 frames of a P1 reader."""
_DUST_S: Final = 1e-6  # what rounding leaves


class Via(StrEnum):
    """How a unit knows what a meter on the network shows."""

    HTTP = "http"  # it asks a Shelly
    UDP = "udp"  # it asks a Shelly in datagrams
    PUSH = "push"  # it hears the frames of a P1 reader


@dataclass(frozen=True, slots=True)
class MeterPlace:
    """A meter on the network; for frames, where the unit listens."""

    via: Via
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.via}://{host}:{self.port}"


class Meter:
    """What measures the grid connection, as units see it: all of them, read only so often; or one, through a meter of its own."""

    __slots__ = ("age_s", "fresh", "grid_w", "online", "refresh_s", "shown_age_s", "shown_w")

    def __init__(self, *, refresh_s: float = REFRESH_S, online: bool = True) -> None:
        self.refresh_s = refresh_s
        self.online = online
        self.grid_w = 0.0  # as last read
        self.fresh = False  # nobody has acted on that yet
        self.age_s = 0.0
        self.shown_w = 0.0  # as the units show it
        self.shown_age_s = 0.0

    def read(self, grid_w: float, seconds: float) -> bool:
        """Let time pass at the site's meter; returns whether it was read."""
        self.age_s += seconds
        due = self.age_s >= self.refresh_s - _DUST_S
        if due:
            self.age_s, self.fresh, self.grid_w = 0.0, True, grid_w
        self._show(grid_w, seconds)
        return due

    def take(self, grid_w: float) -> None:
        """Take in what the own meter of a unit shows."""
        self.online, self.fresh, self.grid_w, self.age_s = True, True, grid_w, 0.0

    def wait(self, seconds: float) -> None:
        """Let time pass at the own meter of a unit."""
        self.age_s += seconds
        if self.age_s >= LOST_S - _DUST_S:
            self.online = self.fresh = False
        self._show(self.grid_w, seconds)

    def _show(self, grid_w: float, seconds: float) -> None:
        self.shown_age_s += seconds
        if self.shown_age_s >= METER_SHOWN_S - _DUST_S:
            self.shown_age_s, self.shown_w = 0.0, grid_w
