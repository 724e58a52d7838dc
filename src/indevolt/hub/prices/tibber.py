"""What Tibber tells its customers. Pure.

Facts are from its public API documentation: GraphQL by POST, today's and tomorrow's prices of each home, with ``total`` (all
taxes), ``energy`` (the market's part) and ``startsAt``; tomorrow's list is empty until they are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import orjson

from indevolt.errors import ProtocolError
from indevolt.hub.config_tariff import TibberTariff
from indevolt.hub.prices.records import Spot
from indevolt.hub.websource import WebRequest, document_of

URL: Final = "https://api.tibber.com/v1-beta/gql"
_PRICES: Final = "{ total energy startsAt }"
QUERY: Final = (
    "{ viewer { homes { id currentSubscription { priceInfo(resolution: QUARTER_HOURLY) "
    f"{{ today {_PRICES} tomorrow {_PRICES} }} }} }} }} }}"
)
_HOUR: Final = timedelta(hours=1)


def request(tariff: TibberTariff, _start: datetime, _end: datetime) -> WebRequest:
    """Return what is asked; always today and tomorrow."""
    headers = {"Authorization": f"Bearer {tariff.token.reveal()}"}
    return WebRequest(tariff.url or URL, headers=headers, body=orjson.dumps({"query": QUERY}))


def parse(body: bytes, home: str | None = None) -> tuple[Spot, ...]:
    """Return what was told of a home; of the first one that has a contract, where none is named.

    Raises:
        ProtocolError: there is no such home or no contract, or it is no such answer.
    """
    document = document_of(body)
    try:
        if document.get("errors"):
            raise ProtocolError(f"Tibber says: {document['errors'][0]['message']:.200}", remedy="Check token in the configuration.")
        homes = document["data"]["viewer"]["homes"]
        fitting = [each for each in homes if home in (None, each["id"]) and each.get("currentSubscription")]
        if not fitting:
            known = ", ".join(str(each["id"]) for each in homes) or "none"
            raise ProtocolError(
                f"no home{f' {home}' if home else ''} with a contract; homes: {known}", remedy="Set home of [tariff]."
            )
        info = fitting[0]["currentSubscription"]["priceInfo"]
        return tuple(_spots([*info["today"], *(info["tomorrow"] or ())]))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ProtocolError(f"these are no prices as Tibber has them: {error!r:.80}", raw=body[:200]) from error


def _spots(told: list[Mapping[str, Any]]) -> Iterator[Spot]:
    starts = [datetime.fromisoformat(each["startsAt"]).astimezone(UTC) for each in told]
    steps = [min(_HOUR, later - at) for at, later in pairwise(starts)]
    steps.append(steps[-1] if steps else _HOUR)
    for each, start, step in zip(told, starts, steps, strict=True):
        energy = each.get("energy")
        yield Spot(start, start + step, float(each["total"]), None if energy is None else float(energy))
