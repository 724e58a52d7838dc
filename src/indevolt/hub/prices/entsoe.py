"""Day-ahead prices of the ENTSO-E transparency platform. Pure.

Facts are from the platform's public guide to its API: document type A44 (price document), periods in UTC as YYYYMMDDhhmm; the
answer is XML with time series of periods, each with a resolution (PT15M, PT60M) and points. With curve type A03 a point is left out
where the price is that of the one before. Where several series tell of the same time (two auctions, two resolutions), the one of
the first auction counts, and of those the finest.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET

from indevolt.errors import ProtocolError
from indevolt.hub.config_tariff import EntsoeTariff
from indevolt.hub.prices.records import Spot
from indevolt.hub.websource import WebRequest

URL: Final = "https://web-api.tp.entsoe.eu/api"
_STEPS: Final = {
    "PT15M": timedelta(minutes=15),
    "PT30M": timedelta(minutes=30),
    "PT60M": timedelta(hours=1),
    "PT1H": timedelta(hours=1),
}
_NO_DATA: Final = "999"  # the reason of an acknowledgement that there is nothing yet
_AUCTION: Final = "classificationSequence_AttributeInstanceComponent.position"


def request(tariff: EntsoeTariff, start: datetime, end: datetime) -> WebRequest:
    """Return what is asked for a stretch of time."""
    parameters = {
        "securityToken": tariff.token.reveal(),
        "documentType": "A44",
        "in_Domain": tariff.zone,
        "out_Domain": tariff.zone,
        "periodStart": f"{start.astimezone(UTC):%Y%m%d%H%M}",
        "periodEnd": f"{end.astimezone(UTC):%Y%m%d%H%M}",
    }
    return WebRequest(tariff.url or URL, parameters)


def parse(body: bytes) -> tuple[Spot, ...]:
    """Return what was told; nothing where the platform has nothing yet.

    Raises:
        ProtocolError: it is no such document, or one that says why there are no prices.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ProtocolError("the answer declares entities, which no such document does", raw=body[:200])
    try:
        root = ET.fromstring(body)  # noqa: S314 - entities are refused above, and the size is bounded where it is fetched
        if _name(root) == "Acknowledgement_MarketDocument":
            return _acknowledged(root)
        if _name(root) != "Publication_MarketDocument":
            raise ProtocolError(f"this is no price document but a {_name(root):.60}", raw=body[:200])
        found: dict[datetime, tuple[tuple[int, timedelta], Spot]] = {}
        for auction, step, spot in _all(root):
            rank = (auction, step)
            if spot.start not in found or rank < found[spot.start][0]:
                found[spot.start] = rank, spot
    except (ET.ParseError, KeyError, ValueError) as error:
        raise ProtocolError(f"this is no price document: {error!r:.80}", raw=body[:200]) from error
    best = min((rank for rank, _ in found.values()), default=(0, timedelta()))
    return tuple(spot for _, (rank, spot) in sorted(found.items()) if rank[0] == best[0])


def _all(root: ET.Element) -> Iterator[tuple[int, timedelta, Spot]]:
    for series in _each(root, "TimeSeries"):
        unit = _text(series, "price_Measure_Unit.name") or "MWH"
        if unit != "MWH":
            raise ValueError(f"prices for a {unit}")
        auction = int(_text(series, _AUCTION) or 1)
        for period in _each(series, "Period"):
            step = _STEPS[_text(period, "resolution")]
            for spot in _period(period, step):
                yield auction, step, spot


def _period(period: ET.Element, step: timedelta) -> Iterator[Spot]:
    """Yield each step of a period; one without a point of its own has the price of the one before."""
    interval = next(_each(period, "timeInterval"))
    start, end = (datetime.fromisoformat(_text(interval, name)).astimezone(UTC) for name in ("start", "end"))
    points = {int(_text(point, "position")): float(_text(point, "price.amount")) for point in _each(period, "Point")}
    price: float | None = None
    at, position = start, 1
    while at < end:
        price = points.get(position, price)
        if price is not None:
            yield Spot(at, at + step, price / 1000)
        at, position = at + step, position + 1


def _acknowledged(root: ET.Element) -> tuple[Spot, ...]:
    reason = next(_each(root, "Reason"), root)
    if _text(reason, "code") == _NO_DATA:
        return ()
    raise ProtocolError(f"the platform says: {_text(reason, 'text'):.200}", remedy="Check zone and token in the configuration.")


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _each(element: ET.Element, name: str) -> Iterator[ET.Element]:
    return (child for child in element if _name(child) == name)


def _text(element: ET.Element, name: str) -> str:
    child = next(_each(element, name), None)
    return "" if child is None else (child.text or "").strip()
