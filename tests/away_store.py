"""A store that knows something and cannot always be asked, as one whose server begins after the hub."""

from __future__ import annotations

from indevolt.errors import StoreUnavailable
from indevolt.store.memory import MemoryStore


class AwayStore(MemoryStore):
    """While it is away, it refuses to tell what was kept."""

    is_away = False

    async def get(self, key: str) -> str | None:
        if self.is_away:
            raise StoreUnavailable("the server is away")
        return await super().get(key)
