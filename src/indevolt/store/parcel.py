"""What is handed to a store at once, and how it waits on a local disk while the store's server is away. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from indevolt.store.contract import StoredReading
from indevolt.store.entries import JournalRow
from indevolt.store.layout import instant, milliseconds


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was handed over at once."""

    readings: Sequence[StoredReading] = ()
    entries: Sequence[JournalRow] = ()
    state: Sequence[tuple[str, str]] = ()

    def __len__(self) -> int:
        return len(self.readings) + len(self.entries) + len(self.state)

    def encode(self) -> bytes:
        """Return it as bytes."""
        readings = [[each.device, each.table, milliseconds(each.at), dict(each.values)] for each in self.readings]
        return zlib.compress(json.dumps([readings, list(self.entries), list(self.state)], default=str).encode(), 1)

    @staticmethod
    def decode(body: bytes) -> Parcel:
        """Return what :meth:`encode` made bytes of."""
        readings, entries, state = json.loads(zlib.decompress(body))
        return Parcel(
            [StoredReading(device, table, instant(at_ms), values) for device, table, at_ms, values in readings],
            [JournalRow(*entry) for entry in entries],
            [(key, value) for key, value in state],
        )
