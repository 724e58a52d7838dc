"""Energy counters that only grow, whatever a device says: blips are passed over, resets carried on from, leaps doubted.

Real totals regress or jump for one poll, and start anew after a reset or in another device (protocol.md, section 18). What comes
out here is the first count plus all that was added since, and survives restarts of the hub.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

CONFIRM: Final = 3  # readings in a row that must agree before a fall or a leap is believed; a blip lasts one poll
TOLERANCE_WH: Final = 20.0  # kWh with two decimals wobble by 10 Wh
LOST_S: Final = 30 * 86_400.0  # a month of full power is believed after a restart of the hub
MARGIN_WH: Final = 200.0  # beside what power can have brought: counters of devices move in steps


@dataclass(slots=True)
class Counter:
    """One counter.

    ``raw_wh`` is what the device last said and was believed, ``offset_wh`` what is added to that.
    """

    raw_wh: float | None = None
    offset_wh: float = 0.0
    at_s: float = 0.0  # on the monotonic clock
    doubted_wh: float | None = None
    doubts: int = 0
    replaced: bool = False  # the next reading is of another device

    @property
    def total_wh(self) -> float | None:
        """The count that only grows; None before the first reading."""
        return None if self.raw_wh is None else self.raw_wh + self.offset_wh

    def take(self, raw_wh: float, at_s: float, max_power_w: float) -> bool:
        """Take in what a device says; False while it is doubted."""
        if self.raw_wh is None:
            self.raw_wh, self.at_s = raw_wh, at_s
            return True
        if self.replaced:
            self.begin_anew(raw_wh, at_s)
            return True
        room_wh = max_power_w * max(0.0, at_s - self.at_s) / 3600 + MARGIN_WH
        if -TOLERANCE_WH <= raw_wh - self.raw_wh <= room_wh:
            self.raw_wh, self.at_s = max(raw_wh, self.raw_wh), at_s
            self.doubts, self.doubted_wh = 0, None
            return True
        agrees = self.doubted_wh is not None and -TOLERANCE_WH <= raw_wh - self.doubted_wh <= room_wh
        self.doubts = self.doubts + 1 if agrees else 1
        self.doubted_wh = raw_wh
        if self.doubts < CONFIRM:
            return False
        self.begin_anew(raw_wh, at_s)
        return True

    def begin_anew(self, raw_wh: float, at_s: float) -> None:
        """Go on from another count, as after a reset or in another device; the total stays where it is."""
        self.offset_wh += (self.raw_wh or 0.0) - raw_wh
        self.raw_wh, self.at_s = raw_wh, at_s
        self.doubts, self.doubted_wh, self.replaced = 0, None, False


class Counters:
    """The counters of one device by name."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}

    def take(self, name: str, raw_wh: float, at_s: float, max_power_w: float) -> float | None:
        """Take in a reading and return the total; None while it is doubted."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter()
        return counter.total_wh if counter.take(raw_wh, at_s, max_power_w) else None

    def add(self, name: str, energy_wh: float) -> float:
        """Count what the hub measured itself, and return the total."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter(raw_wh=0.0)
        counter.raw_wh = (counter.raw_wh or 0.0) + max(0.0, energy_wh)
        return counter.raw_wh + counter.offset_wh

    def total(self, name: str) -> float | None:
        """Return a total; None before its first reading."""
        counter = self._counters.get(name)
        return None if counter is None else counter.total_wh

    def another_device(self) -> None:
        """Go on from whatever the next readings are: the device behind the name was replaced."""
        for counter in self._counters.values():
            counter.replaced = True

    def go_on_from(self, name: str, total_wh: float, at_s: float) -> None:
        """Let a total be no less than history has it: after a sudden end, what was saved is older than that.

        The device is taken to have counted on as well, so its own count is raised, and not what is added to it.
        """
        counter = self._counters.setdefault(name, Counter(raw_wh=0.0, at_s=at_s - LOST_S))
        counter.raw_wh = max(counter.raw_wh or 0.0, total_wh - counter.offset_wh)

    def save(self) -> str:
        """Return a text that :meth:`restore` takes."""
        return json.dumps({name: [each.raw_wh, each.offset_wh] for name, each in self._counters.items()})

    def restore(self, text: str, at_s: float) -> None:
        """Go on from a saved text.

        Whatever was added while nobody looked is believed at the first reading, as nobody knows how long that was.
        """
        for name, (raw_wh, offset_wh) in json.loads(text).items():
            self._counters[name] = Counter(raw_wh, offset_wh, at_s - LOST_S)
