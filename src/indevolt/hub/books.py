"""What is worked out of the readings of one device, and the energies that only grow, kept across restarts of the hub.

The arithmetic is in ``derive`` and ``counters``; here is what feeds it, and where its books are kept.
"""

from __future__ import annotations

from typing import Final

from indevolt.battery import Columns, Quality, Reading, Row
from indevolt.clock import Clock
from indevolt.errors import IndevoltError
from indevolt.hub.counters import Counters
from indevolt.hub.derive import COUNTED, DERIVED_UNITS, INTEGRATED, Derivation, Powers, ac_power
from indevolt.store import Store

SAVE_EVERY_S: Final = 60.0
RESTORE_EVERY_S: Final = 10.0  # while the store is away: short beside an outage, long beside one question to it
WIDEST_POWER_W: Final = 10_000.0  # of any product, for counters of a device whose product is unknown
_COLUMNS: Final = Columns.of(DERIVED_UNITS)
_ASKED: Final = (
    # what a family does not have is None
    *("battery_power", "battery_soc", "meter_power", "pv_power_total", "total_dc_output_power"),
    *("ac_power", "ac_output_power", "ac_input_power"),
    *COUNTED.values(),
)


class Books:
    """The books of one device.

    Args:
        name: how the hub calls the device.
        clock: measures time between readings.
        store: keeps the books, and the last energies in history.
    """

    def __init__(self, name: str, clock: Clock, store: Store) -> None:
        self.derivation = Derivation(Counters(), max_power_w=WIDEST_POWER_W)
        self._name = name
        self._clock = clock
        self._store = store
        self._saved_s = clock.monotonic()
        self._restored = False

    async def restore(self) -> bool:
        """Go on from where the hub was when it ended, or from where history ends, if that is later.

        False while the store is away: nobody knows then what was counted before, so energies are not told, and what was kept is
        left as it is. What the hub measured itself meanwhile is added later.
        """
        try:
            text = await self._store.get(f"counters:{self._name}")
            last = (await self._store.last(self._name)).get(self._name, {})
        except IndevoltError:  # the store says so itself
            return False
        now, counters, meanwhile = self._clock.monotonic(), Counters(), self.derivation.counters
        if text:
            counters.restore(text, now)
        for name in (*COUNTED, *INTEGRATED):
            if name in last:
                counters.go_on_from(name, float(last[name][1]), now)
            if energy_wh := meanwhile.total(name):
                counters.add(name, energy_wh)
        self.derivation.counters = counters
        self._restored = True
        return True

    async def keep_restoring(self) -> None:
        """Restore once the store is back."""
        while not self._restored:
            await self._clock.sleep(RESTORE_EVERY_S)
            await self.restore()

    @property
    def is_due(self) -> bool:
        """Whether it is time to save."""
        return self._clock.monotonic() - self._saved_s >= SAVE_EVERY_S

    async def save(self) -> None:
        """Keep what was counted so far.

        Raises:
            IndevoltError: the store is away; counters go on in memory.
        """
        self._saved_s = self._clock.monotonic()
        if self._restored:
            await self._store.put(f"counters:{self._name}", self.derivation.counters.save())

    def work_out(self, reading: Reading, *, alone: bool) -> Reading:
        """Return what a reading of the power tier leads to; ``alone`` as for :meth:`Derivation.cycle`."""
        told = {
            name: float(it) for name, it in zip(_ASKED, reading.tell(_ASKED), strict=True) if type(it) is int or type(it) is float
        }
        powers = Powers(
            battery_w=told.get("battery_power"),
            ac_w=ac_power(told.get),
            pv_w=told.get("pv_power_total", told.get("total_dc_output_power")),
            grid_w=told.get("meter_power"),
            soc_pct=told.get("battery_soc"),
        )
        totals = told if self._restored else {}  # a device counts on by itself, and is asked again
        found = self.derivation.cycle(powers, totals, self._clock.monotonic(), alone=alone)
        if not self._restored:
            for name in INTEGRATED:
                found.pop(name, None)
        odd = {name: Quality.NOT_AVAILABLE for name in _COLUMNS.names if name not in found}
        row = Row(_COLUMNS, tuple(map(found.get, _COLUMNS.names)), reading.at, odd)
        return Reading(self._name, reading.family, reading.at, row)
