"""One posed meter, and what is known of its unit: where it may be asked or sends to, and whether the unit follows it.

Who asks is seen at once. Who only hears says nothing; but a unit tells what its meter shows, and where that is what was sent, it
follows. Not here: what is shown (``shown``).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from indevolt.clock import Clock
from indevolt.hub.config_pose import Way

FOLLOWS_S: Final = 15.0  # a unit that has not asked for so long does not follow; they ask every 1 to 2 s (control.md, section 0)
POLLS: Final = 3  # of the hub, for a unit that says nothing new of its meter
BACK_S: Final = 12.0
"""What a unit says its meter shows was sent so long before, at most: it shows a new value every 5 s (protocol.md, section 7)."""
ALIKE_W: Final = 1.0  # units show whole watts
NEWER_S: Final = 0.5  # than the last reading; units are read once a second at most
PROOFS: Final = 2  # readings that fit, one after the other
PROBE_W: Final = 7.0
"""Sent in turn with its opposite until the unit follows: together they move nothing, and the meter of a house that is at zero shows
neither. Above what whole watts and noise hide, below what any unit wakes up for."""
_SENT: Final = 512  # frames remembered: four minutes, above the slowest polling that makes sense


class Posing:
    """What the hub poses as for one unit."""

    def __init__(self, ways: tuple[Way, ...], clock: Clock, *, poll_s: float) -> None:
        """Begin without a unit that follows.

        Args:
            ways: how what is shown gets there.
            clock: what ages are measured with.
            poll_s: how often the unit is read.
        """
        self.ways = ways
        self.ports: dict[Way, int] = {}  # that are open, or sent to
        self.places: tuple[str, ...] = ()  # in words; none while nothing is open
        self.addresses: frozenset[str] = frozenset()  # of the unit, as far as they are known
        self.over: Way | None = None  # how it was followed last
        self.shown_w: float | None = None  # last, to the unit itself
        self.why = ""  # nothing of the true meter is shown now
        self._clock = clock
        self._patience_s = max(FOLLOWS_S, POLLS * poll_s) if Way.PUSH in ways else FOLLOWS_S
        self._followed_s = self._itself_s = -math.inf
        self._sent: deque[tuple[float, float]] = deque(maxlen=_SENT)
        self._read_s = -math.inf  # of the last reading that was compared
        self._proofs = 0
        self._probe_w = PROBE_W

    @property
    def follows(self) -> bool:
        """Whether the unit goes by this meter, as far as is known."""
        return self._clock.monotonic() - self._followed_s <= self._patience_s

    @property
    def is_sure(self) -> bool:
        """Whether what was shown reached the unit itself, and not somebody who cannot be told from it."""
        return Way.PUSH in self.ways or self._clock.monotonic() - self._itself_s <= FOLLOWS_S

    # ---- a unit that asks --------------------------------------------------------------------------------------------------------

    def asked(self, over: Way, peer: str) -> bool:
        """Take note of who asks for power; returns whether it is the unit.

        Anybody counts as the unit while that has not asked from its own address: behind some routers and containers it never does.
        """
        now = self._clock.monotonic()
        if peer.removeprefix("::ffff:") in self.addresses:
            self._itself_s = now
        elif now - self._itself_s <= FOLLOWS_S:
            return False
        self._followed_s, self.over = now, over
        return True

    # ---- a unit that hears -------------------------------------------------------------------------------------------------------

    def probe_w(self) -> float:
        """Return what to send to a unit that does not follow yet."""
        self._probe_w = -self._probe_w
        return self._probe_w

    def sent(self, power_w: float) -> None:
        """Take note of what was sent."""
        self._sent.append((self._clock.monotonic(), power_w))

    def told(self, power_w: float, read_s: float) -> None:
        """Take note of what the unit says its meter shows, which may be an older reading once more."""
        if read_s - self._read_s < NEWER_S:
            return
        self._read_s = read_s
        fits = any(read_s - BACK_S <= at_s <= read_s and abs(power_w - sent) <= ALIKE_W for at_s, sent in self._sent)
        self._proofs = self._proofs + 1 if fits else 0
        if self._proofs >= PROOFS:
            self._followed_s, self.over = self._clock.monotonic(), Way.PUSH
