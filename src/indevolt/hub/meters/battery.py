"""The meter that a battery reads itself, as its keeper hears of it; nobody asks the battery once more for that."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from indevolt.hub.bus import Bus
from indevolt.hub.events import Update
from indevolt.hub.meters.told import Told

POWER: Final = "meter_power"


class BatterySource:
    """Listens to the readings of one device."""

    every_s: float | None = None

    def __init__(self, bus: Bus, device: str) -> None:
        self._device = device
        self._updates = bus.subscribe(Update)

    async def __aenter__(self) -> Self:
        self._updates.__enter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._updates.__exit__(kind, error, trace)

    async def next(self) -> Told:
        """Wait for the next reading that has the power at the meter."""
        async for update in self._updates:
            if update.device == self._device and (power_w := update.reading.number(POWER)) is not None:
                reading = update.reading
                witness = tuple(number for name in reading if name != POWER and (number := reading.number(name)) is not None)
                return Told(power_w, witness=witness)  # import is positive there as well (protocol.md, section 12)
        raise AssertionError("a subscription does not end")
