"""Somebody else who writes: noticed by what the device shows, named, and left alone for a while.

An echo of our own, or a device that restarted and forgot, is nobody. What counts as strange is in ``indevolt.control.ledger``; what
a lease then does is in ``lease``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from indevolt.battery import Reading, Value
from indevolt.clock import Clock
from indevolt.control.ledger import MODE, REALTIME_NAMES, strange
from indevolt.device.account import Account, lasting
from indevolt.device.echoes import Echoes
from indevolt.device.proof import same
from indevolt.errors import ForeignWriter

YIELD_S: Final = 900.0
"""How long somebody else who writes is left alone (control.md, section 5, rule 1)."""


@dataclass(frozen=True, slots=True)
class Yielded:
    """Somebody else wrote; it is left alone until then, by the monotonic clock."""

    shown: Mapping[str, Value]
    at: datetime
    until: datetime
    until_s: float

    def __str__(self) -> str:
        return ", ".join(f"{name} is {value}" for name, value in self.shown.items())


class Others:
    """Who else writes to the device of a lease.

    Args:
        account: what the lease wrote itself; it keeps what is found.
        clock: how long they are left alone.
    """

    def __init__(self, account: Account, clock: Clock) -> None:
        self.yielded: Yielded | None = None
        self.echoes = Echoes()
        self._account = account
        self._clock = clock

    def respect(self) -> None:
        """Refuse to write while somebody else is left alone.

        Raises:
            ForeignWriter: says for how long.
        """
        if self.yielded is None:
            return
        left_s = self.yielded.until_s - self._clock.monotonic()
        if left_s > 0:
            raise ForeignWriter(f"somebody else wrote: {self.yielded}; it is left alone for {lasting(left_s)} more")
        self.yielded = None

    def traces(self, reading: Reading) -> Mapping[str, Value]:
        """Return what a reading shows that we did not write, and that is no echo."""
        wrote = self._account.record.wrote
        shown = {name: reading.value(name) for name in wrote if name in reading}
        if all(same(shown.get(name), value) for name, value in wrote.items()):
            self.echoes.clear()
        return self.echoes.without(strange(wrote, shown), self._clock.monotonic())

    def leave_alone(self, found: Mapping[str, Value], shown: Mapping[str, Value]) -> None:
        """Leave what somebody wrote alone for 15 min, and his mode for good.

        Args:
            found: what he wrote.
            shown: what is set now, beside that.

        Raises:
            LeaseLost, InvalidInput: it cannot be kept.
        """
        record, now = self._account.record, self._clock.now()
        until = now + timedelta(seconds=YIELD_S)
        self.yielded = Yielded(found, now, until, self._clock.monotonic() + YIELD_S)
        record = replace(record, wrote={**record.wrote, **found})
        if MODE in found and record.snapshot is not None:  # who chose another mode wants to find it again; our settings are ours
            orders = {name: value for name, value in shown.items() if name in REALTIME_NAMES}
            record = replace(record, snapshot=record.snapshot.rebased({**orders, **found}))
        self._account.keep(record)
        self._account.note("foreign", shown=dict(found), until=until)
