"""A meter, plug or P1 reader of the vendor or of IGEN that is asked over OpenData (protocol.md, section 3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, Self

from indevolt.hub.meters import accessory
from indevolt.hub.meters.told import Told
from indevolt.protocol.messages import Json, MeterJsonData, P1JsonData, PlugGetData, Request
from indevolt.transport import HttpTransport, parse_address

ANSWER_S: Final = 2.0  # for an answer; what is older is of no use to control (control.md, section 1.2)
_REQUESTS: Final[Mapping[str, Request[Json]]] = {"meter": MeterJsonData(), "p1": P1JsonData(), "plug": PlugGetData()}


class OpenDataSource:
    """Asks an accessory."""

    def __init__(self, host: str, accessory_sort: Literal["meter", "p1", "plug"], *, every_s: float, password: str | None) -> None:
        self.every_s: float | None = every_s
        self._request = _REQUESTS[accessory_sort]
        self._transport = HttpTransport(parse_address(host), password=password, deadline_s=ANSWER_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._transport.close()

    async def next(self) -> Told:
        """Ask, and return what it told.

        Raises:
            IndevoltError: no answer, or none that can be understood.
        """
        return accessory.told((await self._transport.exchange(self._request)).document)
