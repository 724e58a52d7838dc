"""The bypass socket: what hangs on it, told from the direction of the power, and when it cuts itself off.

Pure. Power is positive when a load draws it, negative when a micro-inverter feeds in (protocol.md, section 12).
"""

from __future__ import annotations

from typing import Final

NOTICED_W: Final = 30.0  # below this nothing is told from a direction (protocol.md, section 15)
LOAD_AFTER_S: Final = 20.0
MICRO_INVERTER_AFTER_S: Final = 5.0
CUT_OFF_S: Final = 900.0  # a quarter of an hour after an overload it tries again (protocol.md, section 15)
OVERLOAD_AFTER_S: Final = 2.0  # inferred; the documents name no time
UNWANTED_AFTER_S: Final = (
    30.0  # a micro-inverter that feeds more than a full battery and its command have use for (control.md, section 0)
)
MARGIN_W: Final = 50.0
MARGIN_SHARE: Final = 0.1


class Bypass:
    """The socket's memory."""

    __slots__ = ("_cut_s", "_excess_s", "_over_s", "_way_s", "feeds_in")

    def __init__(self) -> None:
        self.feeds_in = False  # acts as the input of a micro-inverter
        self._way_s = 0.0  # for so long power has flown against what it acts as
        self._over_s = 0.0
        self._excess_s = 0.0
        self._cut_s = 0.0  # until it tries again

    def carry(self, offered_w: float, seconds: float, *, most_w: float, welcome_w: float | None) -> float:
        """Return what flows for so many seconds, in W.

        ``most_w`` is what it carries; ``welcome_w`` what a full battery under a command has use for, None where all is welcome.
        """
        if self._cut_s > 0:
            self._cut_s = max(0.0, self._cut_s - seconds)
            return 0.0
        self._tell(offered_w, seconds)
        self._over_s = self._over_s + seconds if abs(offered_w) > most_w else 0.0
        unwanted = welcome_w is not None and -offered_w > welcome_w + max(MARGIN_W, MARGIN_SHARE * welcome_w)
        self._excess_s = self._excess_s + seconds if unwanted else 0.0
        if self._over_s > OVERLOAD_AFTER_S or self._excess_s > UNWANTED_AFTER_S:
            self._over_s = self._excess_s = 0.0
            self._cut_s = CUT_OFF_S
            return 0.0
        return offered_w

    def _tell(self, offered_w: float, seconds: float) -> None:
        against = offered_w < -NOTICED_W if not self.feeds_in else offered_w > NOTICED_W
        self._way_s = self._way_s + seconds if against else 0.0
        if self._way_s >= (LOAD_AFTER_S if self.feeds_in else MICRO_INVERTER_AFTER_S):
            self.feeds_in = not self.feeds_in
            self._way_s = 0.0
