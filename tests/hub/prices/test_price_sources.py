"""What each source says about prices is understood. Payloads are written by hand, with own numbers, in the documented shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.hub.config_tariff import AwattarTariff, EnergyChartsTariff, EntsoeTariff, OctopusTariff, TibberTariff
from indevolt.hub.prices import awattar, energy_charts, entsoe, madeup, octopus, pricefile, tibber
from indevolt.hub.prices.records import QUARTER, Spot
from indevolt.hub.secret import Secret

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(*prices: float, start: datetime = NOON, step: timedelta = HOUR) -> tuple[Spot, ...]:
    return tuple(Spot(start + number * step, start + (number + 1) * step, price) for number, price in enumerate(prices))


# ---- aWATTar -------------------------------------------------------------------------------------------------------------------


def test_awattar_is_asked_in_milliseconds_and_understood() -> None:
    asked = awattar.request(AwattarTariff(kind="awattar", country="at"), NOON, NOON + HOUR)
    assert asked.url == "https://api.awattar.at/v1/marketdata"
    assert asked.parameters == {"start": "1782043200000", "end": "1782046800000"}
    at_ms = int(NOON.timestamp() * 1000)
    data = [
        {"start_timestamp": at_ms, "end_timestamp": at_ms + 3_600_000, "marketprice": 61.5, "unit": "Eur/MWh"},
        {"start_timestamp": at_ms + 3_600_000, "end_timestamp": at_ms + 7_200_000, "marketprice": -12.25, "unit": "Eur/MWh"},
    ]
    body = json.dumps({"object": "list", "data": data, "url": "/at/v1/marketdata"}).encode()
    assert awattar.parse(body) == hours(0.0615, -0.01225)


# ---- Energy-Charts -------------------------------------------------------------------------------------------------------------


def test_energy_charts_is_asked_by_days_and_understood_in_quarters_and_hours() -> None:
    asked = energy_charts.request(EnergyChartsTariff(kind="energy_charts", zone="AT"), NOON, NOON + HOUR)
    assert (asked.url, asked.parameters) == (energy_charts.URL, {"bzn": "AT", "start": "2026-06-20", "end": "2026-06-22"})
    at_s = int(NOON.timestamp())
    quarters = {"unix_seconds": [at_s, at_s + 900, at_s + 1800], "price": [80.0, 40.0, -5.0], "unit": "EUR / MWh"}
    assert energy_charts.parse(json.dumps(quarters).encode()) == hours(0.08, 0.04, -0.005, step=QUARTER)
    in_hours = {"unix_seconds": [at_s, at_s + 3600, at_s + 7200], "price": [80.0, None, 10.0]}
    assert energy_charts.parse(json.dumps(in_hours).encode()) == (hours(0.08)[0], hours(0.01, start=NOON + 2 * HOUR)[0])


def test_what_is_missing_in_between_is_not_made_longer() -> None:
    at_s = int(NOON.timestamp())
    told = energy_charts.parse(json.dumps({"unix_seconds": [at_s, at_s + 30 * 3600], "price": [80.0, 10.0]}).encode())
    assert [spot.end - spot.start for spot in told] == [HOUR, HOUR]


# ---- ENTSO-E -------------------------------------------------------------------------------------------------------------------

NAMESPACE = 'xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"'


SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"


def series(points: dict[int, float], *, until: int = 14, resolution: str = "PT60M", auction: int = 0, unit: str = "MWH") -> str:
    sequence = f"<{SEQUENCE}>{auction}</{SEQUENCE}>" if auction else ""
    rows = "".join(f"<Point><position>{at}</position><price.amount>{price}</price.amount></Point>" for at, price in points.items())
    return (
        f"<TimeSeries><mRID>1</mRID>{sequence}<currency_Unit.name>EUR</currency_Unit.name>"
        f"<price_Measure_Unit.name>{unit}</price_Measure_Unit.name><curveType>A03</curveType>"
        f"<Period><timeInterval><start>2026-06-21T12:00Z</start><end>2026-06-21T{until}:00Z</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{rows}</Period></TimeSeries>"
    )


def publication(*all_series: str) -> bytes:
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return (
        f"{head}<Publication_MarketDocument {NAMESPACE}><mRID>x</mRID>{''.join(all_series)}</Publication_MarketDocument>".encode()
    )


def test_entsoe_is_asked_in_utc_and_its_token_is_a_parameter() -> None:
    tariff = EntsoeTariff(kind="entsoe", zone="10Y1001A1001A82H", token=Secret("geheim"))
    asked = entsoe.request(tariff, NOON, NOON + HOUR)
    assert (asked.parameters["documentType"], asked.parameters["in_Domain"]) == ("A44", "10Y1001A1001A82H")
    assert (asked.parameters["periodStart"], asked.parameters["periodEnd"]) == ("202606211200", "202606211300")
    assert asked.parameters["securityToken"] == "geheim"
    assert "geheim" not in asked.place


def test_entsoe_is_understood_and_a_point_that_is_left_out_has_the_price_before() -> None:
    assert entsoe.parse(publication(series({1: 60.0, 2: -3.5}))) == hours(0.06, -0.0035)
    quarters = publication(series({1: 60.0, 3: 10.0}, until=13, resolution="PT15M"))
    assert entsoe.parse(quarters) == hours(0.06, 0.06, 0.01, 0.01, step=QUARTER)


def test_of_two_auctions_the_first_counts_and_of_two_resolutions_the_finer() -> None:
    both = publication(series({1: 1.0}, auction=2), series({1: 60.0, 2: 70.0}, auction=1))
    assert entsoe.parse(both) == hours(0.06, 0.07)
    coarse, fine = series({1: 999.0}, until=13), series({1: 10.0, 2: 20.0, 3: 30.0, 4: 40.0}, until=13, resolution="PT15M")
    assert entsoe.parse(publication(coarse, fine)) == hours(0.01, 0.02, 0.03, 0.04, step=QUARTER)
    assert entsoe.parse(publication(fine, coarse)) == hours(0.01, 0.02, 0.03, 0.04, step=QUARTER)


def acknowledgement(code: str, text: str) -> bytes:
    return (
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"<Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    ).encode()


def test_nothing_yet_is_no_error_and_anything_else_is_told() -> None:
    assert entsoe.parse(acknowledgement("999", "No matching data found")) == ()
    with pytest.raises(ProtocolError, match="the platform says: Delivered time interval is not valid"):
        entsoe.parse(acknowledgement("A01", "Delivered time interval is not valid"))


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (b"<html></html>", "this is no price document but a html"),
        (b"gone", "this is no price document"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "declares entities"),
        (publication(series({1: 1.0}, resolution="P1D")), "this is no price document"),
        (publication(series({1: 1.0}, unit="KWH")), "prices for a KWH"),
    ],
)
def test_what_is_no_price_document_is_refused(body: bytes, facts: str) -> None:
    with pytest.raises(ProtocolError, match=facts):
        entsoe.parse(body)


# ---- Tibber --------------------------------------------------------------------------------------------------------------------


def tibber_home(name: str, *, contract: bool = True, tomorrow: list[Any] | None = None) -> dict[str, Any]:
    today = [
        {"total": 0.3105, "energy": 0.1105, "startsAt": "2026-06-21T14:00:00.000+02:00"},
        {"total": 0.2955, "energy": 0.0955, "startsAt": "2026-06-21T14:15:00.000+02:00"},
    ]
    info = {"priceInfo": {"today": today, "tomorrow": tomorrow or []}}
    return {"id": name, "currentSubscription": info if contract else None}


def tibber_answer(*homes: dict[str, Any]) -> bytes:
    return json.dumps({"data": {"viewer": {"homes": homes}}}).encode()


def test_tibber_is_asked_with_its_token_and_tells_totals_and_the_markets_part() -> None:
    asked = tibber.request(TibberTariff(kind="tibber", token=Secret("geheim")), NOON, NOON)
    assert asked.headers == {"Authorization": "Bearer geheim"}
    assert asked.body is not None
    assert "priceInfo(resolution: QUARTER_HOURLY)" in json.loads(asked.body)["query"]
    assert json.loads(asked.body)["query"].count("{") == json.loads(asked.body)["query"].count("}")
    told = tibber.parse(tibber_answer(tibber_home("a")))
    assert told == (
        Spot(NOON, NOON + QUARTER, 0.3105, 0.1105),
        Spot(NOON + QUARTER, NOON + 2 * QUARTER, 0.2955, 0.0955),
    )


def test_the_home_of_tibber_is_the_one_that_is_named_or_the_first_with_a_contract() -> None:
    answer = tibber_answer(tibber_home("a", contract=False), tibber_home("b"))
    assert len(tibber.parse(answer)) == len(tibber.parse(answer, "b")) == 2
    for home in ("a", "c"):
        with pytest.raises(ProtocolError, match=f"no home {home} with a contract; homes: a, b"):
            tibber.parse(answer, home)
    with pytest.raises(ProtocolError, match="Tibber says: No valid access token"):
        tibber.parse(json.dumps({"errors": [{"message": "No valid access token"}], "data": None}).encode())


# ---- Octopus -------------------------------------------------------------------------------------------------------------------


def test_octopus_is_asked_for_a_tariff_and_understood_in_half_hours() -> None:
    tariff = OctopusTariff(kind="octopus", product="AGILE-24-10-01", code="E-1R-AGILE-24-10-01-C")
    asked = octopus.request(tariff, NOON, NOON + HOUR)
    path = "/v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates/"
    assert urlsplit(asked.url).path == path
    assert asked.parameters["period_from"] == "2026-06-21T12:00:00Z"
    results = [
        {"value_exc_vat": -2.0, "value_inc_vat": -2.1, "valid_from": "2026-06-21T12:30:00Z", "valid_to": "2026-06-21T13:00:00Z"},
        {"value_exc_vat": 20.0, "value_inc_vat": 21.0, "valid_from": "2026-06-21T12:00:00Z", "valid_to": "2026-06-21T12:30:00Z"},
    ]
    body = json.dumps({"count": 2, "next": None, "previous": None, "results": results}).encode()
    assert octopus.parse(body) == hours(0.21, -0.021, step=2 * QUARTER)


def test_a_rate_without_an_end_holds_for_two_days() -> None:
    body = json.dumps({"results": [{"value_inc_vat": 24.5, "valid_from": "2026-06-21T12:00:00Z", "valid_to": None}]}).encode()
    assert octopus.parse(body) == (Spot(NOON, NOON + timedelta(days=2), 0.245),)


# ---- files ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "start,price\n2026-06-21T14:00:00+02:00,0.06\n2026-06-21T13:00:00Z,-0.01\n",
        "\ufeffprice,start\n0.06,2026-06-21T12:00:00Z\n-0.01,2026-06-21T13:00:00Z\n",
        '[{"start": "2026-06-21T12:00:00Z", "price": 0.06}, {"start": "2026-06-21T15:00:00+02:00", "price": -0.01}]',
    ],
)
def test_a_file_says_when_a_price_begins(text: str) -> None:
    assert pricefile.parse(text) == hours(0.06, -0.01)


def test_a_file_may_say_more() -> None:
    text = "start,end,price,market\n2026-06-21T12:00:00Z,2026-06-21T12:15:00Z,0.3,0.1\n2026-06-21T12:30:00Z,,0.2,\n"
    assert pricefile.parse(text) == (
        Spot(NOON, NOON + QUARTER, 0.3, 0.1),
        Spot(NOON + 2 * QUARTER, NOON + 3 * QUARTER, 0.2, None),
    )


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("time,price\n", "there is no column start"),
        ("start,price\n2026-06-21T12:00:00,0.1\n", "row 1 is no start and price: 2026-06-21T12:00:00 has no offset"),
        ("start,price\n2026-06-21T12:00:00Z,cheap\n", "row 1 is no start and price"),
        ("start,price\n2026-06-21T12:00:00Z,1\n2026-06-21T13:00:00Z,nan\n", "row 2: nan is no price"),
        ("start,price\n9999-12-31T23:30:00-02:00,1\n", "row 1 is no start and price: date value out of range"),
        ("start,price\n2026-06-21T12:00:00Z,1\n2026-06-21T12:00:00Z,2\n", "row 2: .* is not after the row before"),
        ("start,end,price\n2026-06-21T12:00:00Z,2026-06-21T11:00:00Z,1\n", "row 1: it ends before it begins"),
        (
            "start,end,price\n2026-06-21T12:00:00Z,2026-06-21T14:00:00Z,1\n2026-06-21T13:00:00Z,,2\n",
            "row 2: .* begins before the row",
        ),
        ("start,price\n,1\n", "row 1 is no start and price: there is no start"),
        ('[{"start": "2026-06-21T12:00:00Z"}]', "row 1 is no start and price"),
        ("[1]", "row 1 is no start and price"),
        ("[", "it is no JSON"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_row(text: str, facts: str) -> None:
    with pytest.raises(InvalidInput, match=facts):
        pricefile.parse(text)


# ---- made up -------------------------------------------------------------------------------------------------------------------


def test_what_is_made_up_is_the_same_at_each_look_and_like_a_market() -> None:
    day = madeup.spots(NOON.replace(hour=0), NOON.replace(hour=0) + timedelta(days=365))
    assert len(day) == 365 * 96
    assert day[96:192] == madeup.spots(NOON.replace(hour=0) + timedelta(days=1), NOON.replace(hour=0) + timedelta(days=2))
    prices = [spot.price for spot in day]
    assert min(prices) < 0
    assert 0.05 < sum(prices) / len(prices) < 0.15 < max(prices) < 0.3


# ---- whatever comes ------------------------------------------------------------------------------------------------------------

PARSERS: list[Callable[[bytes], tuple[Spot, ...]]] = [awattar.parse, energy_charts.parse, entsoe.parse, tibber.parse, octopus.parse]
NAMES = st.sampled_from(
    ["data", "results", "unix_seconds", "price", "viewer", "homes", "errors", "marketprice", "valid_from", "start_timestamp"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("told", ["nan", "inf", "-1e999"])
def test_what_is_not_known_is_no_price(told: str) -> None:
    with pytest.raises(ProtocolError, match=r"(nan|inf) is no price"):
        awattar.parse(json.dumps({"data": [{"start_timestamp": 0, "end_timestamp": 3_600_000, "marketprice": told}]}).encode())


@given(JSON)
def test_whatever_a_source_answers_it_is_understood_or_refused(document: Any) -> None:
    for parse in PARSERS:
        try:
            told = parse(json.dumps(document).encode())
        except ProtocolError:
            continue
        assert all(spot.start < spot.end for spot in told)


@given(st.binary(max_size=60))
def test_garbage_is_refused(body: bytes) -> None:
    for parse in PARSERS:
        try:
            told = parse(body)
        except ProtocolError:
            continue
        assert told == ()
