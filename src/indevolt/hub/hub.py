"""What all services of the hub share: one record, made in ``app`` and passed to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from typing import TypeAlias

from indevolt.clock import Clock
from indevolt.control.situation import PlanSlot
from indevolt.errors import NoSuchDevice
from indevolt.hub.alerts import Alerts
from indevolt.hub.bus import Bus
from indevolt.hub.config import Config
from indevolt.hub.forecast.book import Forecasts
from indevolt.hub.journal import Journal
from indevolt.hub.keeper import Keeper
from indevolt.hub.meters.meter import Meters
from indevolt.hub.planner.planner import Planner
from indevolt.hub.prices.book import Prices
from indevolt.hub.roster import Roster
from indevolt.hub.scout import Scout
from indevolt.hub.site.book import Site
from indevolt.hub.site.prices import Price, Tariff
from indevolt.hub.steer.backup import BackupHold
from indevolt.hub.steer.envelopes import Envelopes
from indevolt.hub.steer.pause import Pause
from indevolt.hub.steer.trials import Trials
from indevolt.store import Store

PlanAt: TypeAlias = Callable[[datetime], PlanSlot | None]
"""Gives what a plan wants at an instant (aware); None where it wants nothing."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The running hub. ``services`` tells the state of each, ``keepers`` are by the name of their device."""

    config: Config
    clock: Clock
    store: Store
    bus: Bus
    journal: Journal
    alerts: Alerts
    keepers: Mapping[str, Keeper]
    started: datetime
    services: dict[str, str] = field(default_factory=dict)  # name -> "running", "restarting: why", "ended"
    figures: dict[str, dict[str, float]] = field(default_factory=dict)  # service -> what it counts, for metrics
    meters: Meters = field(default_factory=Meters)
    prices: Prices = field(default_factory=Prices)
    forecast: Forecasts = field(default_factory=Forecasts)  # of the sun
    planner: Planner = field(default_factory=Planner)
    roster: Roster | None = None  # None: the devices are what they are, as in tests
    scout: Scout | None = None  # None: nobody looks for devices
    site: Site = field(default_factory=Site)
    tariffs: list[Tariff] = field(default_factory=list)  # whoever knows prices adds itself; the first that knows one counts
    plans: list[PlanAt] = field(default_factory=list)  # whoever plans adds itself; the first that has a slot counts
    pause: Pause = field(default_factory=Pause)  # of everything that decides by itself
    backup: BackupHold = field(default_factory=BackupHold)  # what is kept for an outage
    envelopes: Envelopes = field(default_factory=Envelopes)  # what somebody outside asks for
    trials: Trials = field(default_factory=Trials)  # of how units answer
    numbers: Iterator[int] = field(default_factory=partial(count, 1))  # of updates

    def keeper(self, device: str) -> Keeper:
        """Return the keeper of a device.

        Raises:
            NoSuchDevice: the hub has no such device; names those that there are.
        """
        keeper = self.keepers.get(device)
        if keeper is None:
            known = ", ".join(self.keepers) or "none"
            raise NoSuchDevice(f"the hub has no device {device!r:.60}", remedy=f"Devices: {known}.")
        return keeper

    def price_at(self, at: datetime) -> Price | None:
        """Return the prices that hold, or held, at an instant; None where nobody knows."""
        return next((price for tariff in self.tariffs if (price := tariff(at)) is not None), None)
