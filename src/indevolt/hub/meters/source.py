"""What all sources of a meter's telling have in common."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from indevolt.hub.meters.told import Told


class Source(Protocol):
    """Where a meter is asked or heard, while an ``async with`` lasts."""

    @property
    def every_s(self) -> float | None:
        """How often it is to be asked; None where it speaks by itself."""
        ...

    async def next(self) -> Told:
        """Ask, or wait for the next that it tells.

        Raises:
            IndevoltError: it cannot be asked or heard now, or told what cannot be understood.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
