"""A *feed* is one device's readings of one table: what is known of each by back ends that keep rows in a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from indevolt.store.layout import Layout, Layouts
from indevolt.store.rollup import Level


@dataclass(slots=True)
class Feed:
    """One device's readings of one table; ``rolled_ms`` is up to where its five-minute rows are written."""

    id: int
    device: str
    layout: Layout
    rolled_ms: int


def table_of(level: Level, layout: Layout) -> str:
    """Return the quoted name of the table that has a level's rows."""
    return f'"{level.prefix}_{layout.name}"'


def by_device(rows: Iterable[tuple[int, str, str, int]], layouts: Layouts, device: str | None) -> list[dict[str, Feed]]:
    """Return the feeds of each device by table, of rows with number, device, table and how far it is rolled up.

    A device that is named has its place also without any feed.
    """
    found: dict[str, dict[str, Feed]] = defaultdict(dict) if device is None else {device: {}}
    for number, of_device, table, rolled_ms in rows:
        layout = layouts.by_table.get(table)
        if layout is not None:
            found[of_device][table] = Feed(number, of_device, layout, rolled_ms)
    return list(found.values())


def how_far(feeds: Mapping[str, Feed]) -> dict[str, int]:
    """Return up to where each table of a device is rolled up."""
    return {table: feed.rolled_ms for table, feed in feeds.items()}
