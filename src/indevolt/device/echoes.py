"""What a device may still show after a write: what was before it. So that an echo of our own is not taken for somebody else.

Readbacks follow "with noticeable delay, often many seconds" (protocol.md, section 13), and a loop writes every few seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from indevolt.battery import Value
from indevolt.device.proof import same

LATE_S: Final = 60.0
"""How long what was written earlier may still be shown; above the slowest that was seen."""


class Echoes:
    """What may still be shown, and until when."""

    __slots__ = ("_expected",)

    def __init__(self) -> None:
        self._expected: list[tuple[float, Mapping[str, Value | None]]] = []

    def expect(self, values: Mapping[str, Value | None], now_s: float | None) -> None:
        """Expect these for a while; for good if ``now_s`` is None, as a write that is never proven may never have come."""
        until_s = float("inf") if now_s is None else now_s + LATE_S
        kept = [each for each in self._expected if now_s is None or each[0] > now_s]
        self._expected = [*kept, (until_s, values)]

    def heard(self, values: Mapping[str, Value | None], now_s: float) -> None:
        """Expect these for a while only, as the device took what was written instead."""
        self._expected = [each for each in self._expected if each[1] is not values]
        self.expect(values, now_s)

    def clear(self) -> None:
        """Expect none any more: the device has shown what was written."""
        self._expected.clear()

    def without(self, shown: Mapping[str, Value], now_s: float) -> Mapping[str, Value]:
        """Return what is shown and is no echo."""
        expected = [values for until_s, values in self._expected if until_s > now_s]
        return {name: value for name, value in shown.items() if not any(same(each.get(name), value) for each in expected)}
