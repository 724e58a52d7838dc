"""Which entries of the journal are asked for: the same answer whichever back end keeps them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from indevolt.store.contract import Entry


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the journal; see :meth:`indevolt.store.contract.Store.entries`."""

    after: int
    kinds: tuple[str, ...]
    device: str | None
    start: datetime | None
    end: datetime | None

    def fits(self, entry: Entry) -> bool:
        """Return whether an entry is asked for."""
        return (
            entry.number > self.after
            and (not self.kinds or entry.kind in self.kinds)
            and (self.device is None or entry.device == self.device)
            and (self.start is None or entry.at >= self.start)
            and (self.end is None or entry.at < self.end)
        )
