"""The journal as rows, and which of them are asked for: the same whichever back end keeps them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from indevolt.store.contract import Entry
from indevolt.store.layout import NEVER_MS, instant, milliseconds

_EVERY_NUMBER: Final = 1 << 62  # above all that a journal will ever give out


class JournalRow(NamedTuple):
    """An entry as it is kept; ``data`` is JSON."""

    number: int
    at_ms: int
    kind: str
    device: str
    actor: str
    text: str
    data: str


def row_of(entry: Entry) -> JournalRow:
    """Return an entry as it is kept."""
    data = json.dumps(dict(entry.data), default=str)
    return JournalRow(entry.number, milliseconds(entry.at), entry.kind, entry.device, entry.actor, entry.text, data)


def entry_of(row: JournalRow) -> Entry:
    """Return the entry of a row."""
    return Entry(row.number, instant(row.at_ms), row.kind, row.device, row.actor, row.text, json.loads(row.data))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the journal; see :meth:`indevolt.store.store.Store.entries`."""

    after: int
    before: int | None
    kinds: tuple[str, ...]
    device: str | None
    actor: str | None
    start: datetime | None
    end: datetime | None
    newest_first: bool
    limit: int

    @property
    def before_number(self) -> int:
        """The number that all of them are below."""
        return _EVERY_NUMBER if self.before is None else self.before

    @property
    def start_ms(self) -> int:
        """The time that none of them is before."""
        return 0 if self.start is None else milliseconds(self.start)

    @property
    def end_ms(self) -> int:
        """The time that all of them are before."""
        return NEVER_MS if self.end is None else milliseconds(self.end)

    def of(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return those that are asked for, in the order that is asked for."""
        found = {entry.number: entry for entry in entries if self._fits(entry)}
        return [found[number] for number in sorted(found, reverse=self.newest_first)][: self.limit]

    def _fits(self, entry: Entry) -> bool:
        return (
            self.after < entry.number < self.before_number
            and (not self.kinds or entry.kind in self.kinds)
            and (self.device is None or entry.device == self.device)
            and (self.actor is None or entry.actor == self.actor)
            and (self.start is None or entry.at >= self.start)
            and (self.end is None or entry.at < self.end)
        )
