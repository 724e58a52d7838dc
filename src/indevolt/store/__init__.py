"""History, journal and small state of the hub: one contract, one module per back end."""

from indevolt.store.contract import (
    Aggregate,
    Column,
    ColumnKind,
    Energies,
    Entry,
    Health,
    Last,
    Period,
    Series,
    Store,
    Stored,
    StoredReading,
    Table,
    Upkeep,
)

__all__ = [
    "Aggregate",
    "Column",
    "ColumnKind",
    "Energies",
    "Entry",
    "Health",
    "Last",
    "Period",
    "Series",
    "Store",
    "Stored",
    "StoredReading",
    "Table",
    "Upkeep",
]
