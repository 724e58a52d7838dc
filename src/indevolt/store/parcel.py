"""What is handed to a store at once, and how it waits on a local disk while the store's server is away. Pure."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

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
        """Return it as bytes: the names of quantities once for all readings that have the same."""
        alike: dict[tuple[str, ...], list[list[Any]]] = {}
        for each in self.readings:
            row = [each.device, each.table, milliseconds(each.at), list(each.values.values())]
            alike.setdefault(tuple(each.values), []).append(row)
        document = [list(alike.items()), [list(entry) for entry in self.entries], self.state]
        try:
            text = orjson.dumps(document, default=str)
        except TypeError:  # half a character, which JSON can spell and UTF-8 cannot
            text = json.dumps(document, default=str).encode()
        return zlib.compress(text, 1)

    @staticmethod
    def decode(body: bytes) -> Parcel:
        """Return what :meth:`encode` made bytes of.

        Raises:
            ValueError: it did not.
        """
        try:
            text = zlib.decompress(body)
            try:
                alike, entries, state = orjson.loads(text)
            except orjson.JSONDecodeError:
                alike, entries, state = json.loads(text)
            return Parcel(
                [
                    StoredReading(device, table, instant(at_ms), dict(zip(names, values, strict=True)))
                    for names, rows in alike
                    for device, table, at_ms, values in rows
                ],
                [JournalRow(*entry) for entry in entries],
                [(key, value) for key, value in state],
            )
        except (zlib.error, TypeError, OverflowError) as error:
            raise ValueError(f"not a parcel: {error}") from error
