"""What is known of prices: bills, bands of the week, days of 23 and 25 hours, guesses that say so, and what is kept."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from indevolt.hub.config_tariff import AwattarTariff, BandConfig, FixedTariff, SimulatedTariff, TimeOfUseTariff
from indevolt.hub.prices import madeup
from indevolt.hub.prices.bill import rate_of
from indevolt.hub.prices.book import Prices
from indevolt.hub.prices.records import QUARTER, Priced, Rate, Spot
from indevolt.hub.site.prices import Price

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)  # a Sunday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def market(**settings: Any) -> AwattarTariff:
    return AwattarTariff(kind="awattar", **settings)


def flat_days(first: datetime, days: int, price: float = 0.1) -> list[Spot]:
    return [Spot(first + number * HOUR, first + (number + 1) * HOUR, price) for number in range(24 * days)]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def test_a_price_that_never_ends_is_known_for_a_year() -> None:
    prices = Prices(market(), BERLIN)
    prices.put([Spot(NOON, datetime(9999, 1, 1, tzinfo=UTC), 0.1)])
    known_until = prices.known_until(NOON)
    assert known_until is not None
    assert 365 * DAY < known_until - NOON < 2 * 365 * DAY


# ---- bills ---------------------------------------------------------------------------------------------------------------------


def test_a_bill_is_price_times_factor_and_surcharge_and_tax_on_both() -> None:
    tariff = market(factor=1.03, surcharge=0.155, vat_pct=19.0)
    assert rate_of(Spot(NOON, NOON + HOUR, 0.1), tariff) == Rate(round((0.1 * 1.03 + 0.155) * 1.19, 6), 0.0)


def test_what_is_given_brings_a_fixed_price_or_the_markets_without_tax() -> None:
    assert rate_of(Spot(NOON, NOON + HOUR, 0.1), market(export_price=0.08, vat_pct=19.0)).export_price == 0.08
    follows = market(export_factor=0.9, export_surcharge=-0.01, vat_pct=19.0)
    assert rate_of(Spot(NOON, NOON + HOUR, 0.1), follows).export_price == pytest.approx(0.08)
    assert rate_of(Spot(NOON, NOON + HOUR, -0.2), follows).export_price == pytest.approx(-0.19), "negative prices stay negative"
    with_market = Spot(NOON, NOON + HOUR, 0.3105, 0.1105)
    assert rate_of(with_market, market(export_factor=1.0)).export_price == 0.1105


# ---- bands of the week ---------------------------------------------------------------------------------------------------------


def of_use(*bands: BandConfig) -> Prices:
    return Prices(TimeOfUseTariff(kind="time_of_use", import_price=0.32, export_price=0.05, bands=bands), BERLIN)


NIGHT = BandConfig(start=time(22), end=time(6), import_price=0.22)


def import_at(prices: Prices, text: str) -> float | None:
    rate = prices.rate_at(local(text))
    return None if rate is None else rate.import_price


@pytest.mark.parametrize(
    ("at", "price"),
    [
        ("2026-06-22T05:59", 0.22),
        ("2026-06-22T06:00", 0.32),
        ("2026-06-22T21:59", 0.32),
        ("2026-06-22T22:00", 0.22),
        ("2026-06-22T23:59", 0.22),
        ("2026-06-23T00:00", 0.22),
    ],
)
def test_a_band_goes_over_midnight(at: str, price: float) -> None:
    assert import_at(of_use(NIGHT), at) == price


def test_a_band_belongs_to_the_day_on_which_it_begins() -> None:
    friday = of_use(NIGHT.model_copy(update={"days": ("fri",)}))
    assert [import_at(friday, f"2026-06-{day}T23:00") for day in (25, 26, 27)] == [0.32, 0.22, 0.32]
    assert [import_at(friday, f"2026-06-{day}T03:00") for day in (26, 27, 28)] == [0.32, 0.22, 0.32]


def test_a_band_up_to_midnight_ends_there() -> None:
    evening = of_use(BandConfig(days=("sun",), start=time(18), end=time(0), import_price=0.4))
    assert [import_at(evening, at) for at in ("2026-06-21T23:59", "2026-06-22T00:00", "2026-06-21T17:59")] == [0.4, 0.32, 0.32]


def test_of_bands_that_fit_the_first_counts_and_may_have_its_own_export() -> None:
    noon = BandConfig(start=time(12), end=time(14), import_price=0.1, export_price=0.0)
    both = of_use(noon, BandConfig(start=time(0), end=time(0), import_price=0.2))
    assert both.rate_at(local("2026-06-22T13:00")) == Rate(0.1, 0.0)
    assert both.rate_at(local("2026-06-22T14:00")) == Rate(0.2, 0.05)


@pytest.mark.parametrize(("day", "hours", "night_hours"), [("2026-03-29", 23, 7), ("2026-06-21", 24, 8), ("2026-10-25", 25, 9)])
def test_days_on_which_clocks_are_set_have_23_or_25_hours(day: str, hours: int, night_hours: int) -> None:
    start = local(f"{day}T00:00")
    end = local(str(datetime.fromisoformat(day).date() + DAY) + "T00:00")
    slots = of_use(NIGHT).slots(start, end)
    assert (slots[0].start, slots[-1].end) == (start, end)
    assert sum((slot.end - slot.start for slot in slots), timedelta()) == hours * HOUR
    assert sum((slot.end - slot.start for slot in slots if slot.rate.import_price == 0.22), timedelta()) == night_hours * HOUR


def test_stretches_end_at_full_hours_and_where_a_price_changes() -> None:
    odd = of_use(BandConfig(start=time(13, 30), end=time(15), import_price=0.1))
    slots = odd.slots(local("2026-06-22T13:00"), local("2026-06-22T16:00"))
    starts = [slot.start.astimezone(BERLIN).strftime("%H:%M") for slot in slots]
    assert starts == ["13:00", "13:30", "14:00", "15:00"]


def test_a_fixed_price_holds_always_and_nothing_is_guessed() -> None:
    prices = Prices(FixedTariff(kind="fixed", import_price=0.3, export_price=0.08), BERLIN)
    assert prices.price_at(datetime(1999, 1, 1, tzinfo=UTC)) == Price(0.3, 0.08)
    assert {slot.known for slot in prices.slots(NOON, NOON + 10 * DAY)} == {True}
    assert (prices.known_until(NOON), prices.lacks(NOON), prices.notes(NOON)) == (None, False, [])


# ---- markets -------------------------------------------------------------------------------------------------------------------


def test_without_a_tariff_nothing_is_known() -> None:
    prices = Prices()
    assert (prices.price_at(NOON), prices.slots(NOON, NOON + DAY), prices.lacks(NOON)) == (None, (), False)


def test_a_quarter_has_the_price_of_the_stretch_that_it_is_in() -> None:
    prices = Prices(market(), BERLIN)
    prices.put([Spot(NOON, NOON + QUARTER, 0.1), Spot(NOON + QUARTER, NOON + HOUR, -0.2)])
    found = [prices.price_at(NOON + timedelta(minutes=minute)) for minute in (0, 14, 15, 59, 60)]
    assert [each and each.import_per_kwh for each in found] == [0.1, 0.1, -0.2, -0.2, None]
    assert prices.slots(NOON, NOON + HOUR) == (
        Priced(NOON, NOON + QUARTER, Rate(0.1, 0.0)),
        Priced(NOON + QUARTER, NOON + HOUR, Rate(-0.2, 0.0)),
    )


def test_before_one_o_clock_today_is_enough_and_afterwards_tomorrow_is_wanted() -> None:
    prices = Prices(market(), BERLIN)
    today = local("2026-06-22T00:00")
    prices.put(flat_days(today, 1))
    morning, afternoon = local("2026-06-22T12:59"), local("2026-06-22T13:00")
    assert (prices.lacks(morning), prices.lacks(afternoon)) == (False, True)
    assert prices.notes(morning) == ["tomorrow's prices are published after 13:00; until then they are guessed from past days"]
    assert prices.notes(afternoon) == ["prices are known up to 2026-06-23 00:00; what follows is guessed from past days"]
    assert prices.next_news(morning) == afternoon
    assert prices.next_news(afternoon) == afternoon + DAY
    prices.put(flat_days(today + DAY, 1))
    assert not prices.lacks(afternoon)
    assert prices.known_until(afternoon) == today + 2 * DAY


def test_the_day_of_a_market_may_end_an_hour_before_that_of_the_site() -> None:
    lisbon = Prices(market(), ZoneInfo("Europe/Lisbon"))
    lisbon.put(flat_days(local("2026-06-22T00:00"), 1))
    assert not lisbon.lacks(local("2026-06-22T12:00"))


def test_what_is_not_known_yet_is_guessed_from_the_same_time_of_days_alike_and_says_so() -> None:
    prices = Prices(market(), BERLIN)
    first = local("2026-06-08T00:00")  # a Monday
    for number in range(14):
        day, extra = first + number * DAY, 0.1 if number % 7 >= 5 else 0.0
        prices.put(Spot(day + hour * HOUR, day + (hour + 1) * HOUR, extra + hour / 100) for hour in range(24))
    monday = local("2026-06-22T00:00")
    saturday = local("2026-06-27T00:00")
    for start, extra in ((monday, 0.0), (saturday, 0.1)):
        slots = prices.slots(start, start + DAY)
        assert len(slots) == 24
        assert not any(slot.known for slot in slots)
        assert [slot.rate.import_price for slot in slots] == pytest.approx([extra + hour / 100 for hour in range(24)])
    assert prices.price_at(monday) is None, "a guess is no price: nobody is billed by it"


def test_where_there_are_no_past_days_nothing_is_made_up() -> None:
    prices = Prices(market(), BERLIN)
    prices.put(flat_days(NOON, 1))
    assert prices.slots(NOON + 30 * DAY, NOON + 31 * DAY) == ()


def test_a_guess_goes_by_the_clocks_of_the_site_over_a_change_of_clocks() -> None:
    prices = Prices(market(), BERLIN)
    day = local("2026-03-25T00:00")  # winter time until the 29th
    for number in range(3):
        prices.put([Spot(day + number * DAY + 19 * HOUR, day + number * DAY + 20 * HOUR, 0.5)])
    (slot,) = prices.slots(local("2026-03-30T19:00"), local("2026-03-30T20:00"))
    assert (slot.known, slot.rate.import_price) == (False, 0.5)


# ---- what is kept --------------------------------------------------------------------------------------------------------------


def test_what_was_kept_is_what_was_known() -> None:
    prices = Prices(market(surcharge=0.1, export_factor=1.0), BERLIN)
    months = prices.put([*madeup.spots(NOON - 40 * DAY, NOON), Spot(NOON, NOON + QUARTER, 0.31, 0.11)])
    assert months == {"2026-05", "2026-06"}
    again = Prices(market(surcharge=0.1, export_factor=1.0), BERLIN)
    for month in months:
        again.restore(prices.save(month), prices.midnight(NOON))
    assert again.slots(NOON - 40 * DAY, NOON + DAY) == prices.slots(NOON - 40 * DAY, NOON + DAY)


def test_days_that_are_over_stay_as_they_were_billed_and_those_to_come_follow_the_configuration() -> None:
    cheap = Prices(market(surcharge=0.1), BERLIN)
    today = cheap.midnight(NOON)
    cheap.put([Spot(today - HOUR, today, 0.2), Spot(today, today + HOUR, 0.2)])
    dear = Prices(market(surcharge=0.5), BERLIN)
    dear.restore(cheap.save("2026-06"), today)
    found = [dear.rate_at(today - HOUR), dear.rate_at(today)]
    assert [each and each.import_price for each in found] == pytest.approx([0.3, 0.7])
    dear.put([Spot(today - HOUR, today, 0.2)])
    told_again = dear.rate_at(today - HOUR)
    assert told_again is not None
    assert told_again.import_price == pytest.approx(0.3), "the same told again changes nothing"


def test_only_what_is_new_counts_as_news() -> None:
    prices = Prices(market(), BERLIN)
    assert prices.put(flat_days(NOON, 1)) == {"2026-06"}
    version = prices.version
    assert prices.put(flat_days(NOON, 1)) == frozenset()
    assert prices.version == version
    assert prices.put(flat_days(NOON, 1, price=0.2)) == {"2026-06"}
    assert prices.version == version + 1


def test_made_up_prices_say_so() -> None:
    prices = Prices(SimulatedTariff(kind="simulated"), BERLIN)
    assert prices.simulated
    assert prices.notes(NOON)[0] == "These prices are made up, to try things out."


STRETCHES = st.lists(st.tuples(st.integers(-400, 400), st.integers(1, 200), st.floats(-1, 3)), max_size=20)


@given(STRETCHES, st.integers(-500, 500), st.integers(1, 300))
def test_stretches_follow_one_another_and_say_what_holds_in_them(
    told: list[tuple[int, int, float]], first: int, count: int
) -> None:
    prices = Prices(market(), BERLIN)
    for begin, length, price in told:
        prices.put([Spot(NOON + begin * QUARTER, NOON + (begin + length) * QUARTER, price)])
    start, end = NOON + first * QUARTER, NOON + (first + count) * QUARTER
    slots = prices.slots(start, end)
    for before, after in pairwise(slots):
        assert before.end <= after.start
    for slot in slots:
        assert timedelta() < slot.end - slot.start <= HOUR
        assert start <= slot.start < slot.end <= end
        at = slot.start
        while at < slot.end:
            assert prices.rate_at(at) == (slot.rate if slot.known else None)
            at += QUARTER
    known = sum((slot.end - slot.start for slot in slots if slot.known), timedelta())
    assert known == sum((QUARTER for number in range(count) if prices.rate_at(start + number * QUARTER)), timedelta())
