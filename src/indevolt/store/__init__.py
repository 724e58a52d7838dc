"""History, journal and small state of the hub: one class for what stores do alike, one module per back end."""

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
    Stored,
    StoredReading,
    Table,
    Upkeep,
)
from indevolt.store.history import boundaries
from indevolt.store.store import Store

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
    "boundaries",
]
