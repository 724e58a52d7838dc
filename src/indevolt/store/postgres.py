"""The store beyond one machine: a PostgreSQL server, or what speaks like one, and a local spool for when it is away.

One task writes: what waits is committed together, in one transaction with ``synchronous_commit`` on. When the server cannot be reached,
everything goes into the spool, and is acknowledged once it is on the local disk; when the server is back, the spool is emptied in
order before anything newer is written. A commit whose answer was lost is simply repeated: what is there already is ignored.

One hub owns one schema, by an advisory lock. How rows lie on the server is in :mod:`~indevolt.store.postgres_tables`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

from indevolt.clock import Clock
from indevolt.errors import IndevoltError, InvalidInput, StoreDamaged, StoreFull, StoreUnavailable
from indevolt.store import history
from indevolt.store.contract import Aggregate, Energies, Entry, Health, Last, Period, Series, StoredReading, Table, Upkeep
from indevolt.store.entries import Asked
from indevolt.store.export import export
from indevolt.store.history import Columns, Rows
from indevolt.store.layout import Kept, Layouts, checked, instant, milliseconds, settled
from indevolt.store.newest import Newest
from indevolt.store.postgres_link import AWAY, Link, library
from indevolt.store.postgres_tables import Feed, fetch
from indevolt.store.rollup import DAY_MS, Level
from indevolt.store.spool import JournalRow, Parcel, Spool

AnswerT = TypeVar("AnswerT")

MOST_AT_ONCE: Final = 20_000  # readings in one commit
