"""What all stores do with readings, run over each back end."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import InvalidInput
from indevolt.store import Aggregate, Column, ColumnKind, Period, Store, StoredReading, Table
from indevolt.store.memory import MemoryStore

from .conftest import PACKS, POWER, START, TABLES, Opening, after, reading, values

BERLIN = ZoneInfo("Europe/Berlin")


# ---- readings --------------------------------------------------------------------------------------------------------


async def test_what_was_appended_comes_back_as_it_was(store: Store) -> None:
    await store.append(
        [
            reading(after(0), battery_power=-230, battery_soc=55.5, battery_state="charging", meter_connected=True),
            reading(after(5), battery_power=-231, battery_soc=55.6, battery_state="standby", meter_connected=False),
        ]
    )

    series = await store.series("cellar", ["battery_power", "battery_soc", "battery_state", "meter_connected"], START, after(10))

    assert list(series.times) == [after(0), after(5)]
    assert series.columns == {
        "battery_power": [-230.0, -231.0],
        "battery_soc": [55.5, 55.6],
        "battery_state": ["charging", "standby"],
        "meter_connected": [True, False],
    }


async def test_what_is_missing_is_unknown_and_never_zero(store: Store) -> None:
    await store.append([reading(after(0), battery_power=0), reading(after(5), battery_soc=50)])

    assert await values(store, "battery_power") == [0.0, None]
    assert await values(store, "battery_soc") == [None, 50.0]


async def test_a_resent_reading_is_ignored(store: Store) -> None:
    await store.append([reading(after(0), battery_power=1)])
    await store.append([reading(after(0), battery_power=2), reading(after(5), battery_power=3), reading(after(5), battery_power=4)])

    assert await values(store, "battery_power") == [1.0, 3.0]


async def test_readings_of_two_tables_share_one_axis(store: Store) -> None:
    await store.append([reading(after(0), battery_power=1), reading(after(5), battery_power=2)])
    await store.append([reading(after(5), table="gen2_packs", pack1_temperature=21.5)])

    series = await store.series("cellar", ["battery_power", "pack1_temperature"], START, after(60))

    assert list(series.times) == [after(0), after(5)]
    assert series.columns == {"battery_power": [1.0, 2.0], "pack1_temperature": [None, 21.5]}


async def test_a_span_has_its_start_and_not_its_end(store: Store) -> None:
    await store.append([reading(after(each), battery_power=each) for each in (0, 5, 10)])

    series = await store.series("cellar", ["battery_power"], after(5), after(10))

    assert series.columns["battery_power"] == [5.0]


async def test_a_limit_gives_the_first_ones(store: Store) -> None:
    await store.append([reading(after(each), battery_power=each) for each in range(10)])

    assert await values(store, "battery_power", limit=3) == [0.0, 1.0, 2.0]


async def test_what_a_column_cannot_hold_is_unknown_and_counted(store: Store) -> None:
    await store.append(
        [
            reading(after(0), battery_power=float("nan"), battery_soc="full", battery_state="exploding", meter_connected=1),
            reading(after(5), battery_power=1e12, energy_charge=1e12),
        ]
    )

    series = await store.series("cellar", [column.name for column in POWER.columns], START, after(60))

    assert series.columns == {
        "battery_power": [None, None],
        "battery_soc": [None, None],
        "energy_charge": [None, 1e12],
        "battery_state": [None, None],
        "meter_connected": [None, None],
    }
    assert store.health()["dropped"] == 5


async def test_devices_and_quantities_that_nobody_knows_have_no_history(store: Store) -> None:
    assert await values(store, "battery_power", device="nobody") == []
    assert await values(store, "moonlight", step_s=3600, hours=2) == [None, None]
    assert await store.last("nobody") == {}


async def test_an_unknown_table_or_quantity_is_refused_and_nothing_is_kept(store: Store) -> None:
    with pytest.raises(InvalidInput, match="gen9_power"):
        await store.append([reading(after(0), battery_power=1), reading(after(0), table="gen9_power", battery_power=1)])
    with pytest.raises(InvalidInput, match="moonlight"):
        await store.append([reading(after(0), battery_power=1), reading(after(5), moonlight=1)])

    assert await values(store, "battery_power") == []


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        await store.append([reading(datetime(2026, 6, 21, 10), battery_power=1)])  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "table",
    [
        Table("Gen 2", ()),
        Table("gen2", (Column('x" TEXT); DROP TABLE feed; --', "", 0, ColumnKind.GAUGE),)),
        Table("gen2", (Column("twice", "", 0, ColumnKind.GAUGE), Column("twice", "", 0, ColumnKind.GAUGE))),
        Table("gen2", (Column("fine", "", 9, ColumnKind.GAUGE),)),
        Table("gen2", tuple(Column(f"column{each}", "", 0, ColumnKind.GAUGE) for each in range(251))),
    ],
    ids=["name", "column", "twice", "digits", "too many"],
)
async def test_a_table_that_cannot_be_kept_is_refused(opening: Opening, table: Table) -> None:
    with pytest.raises(InvalidInput):
        await opening((table,))


# ---- steps -----------------------------------------------------------------------------------------------------------


async def test_a_step_has_mean_least_most_and_last(store: Store) -> None:
    await store.append([reading(after(each * 60), battery_power=power) for each, power in enumerate([100, 400, 100, 250])])

    for aggregate, value in ((Aggregate.MEAN, 212.5), (Aggregate.MIN, 100), (Aggregate.MAX, 400), (Aggregate.LAST, 250)):
        assert await values(store, "battery_power", step_s=900, hours=0.25, aggregate=aggregate) == [value]


async def test_steps_without_a_value_are_none(store: Store) -> None:
    await store.append([reading(after(0), battery_power=1), reading(after(1800), battery_power=2)])

    series = await store.series("cellar", ["battery_power"], after(100), after(2800), step_s=900)

    assert list(series.times) == [after(0), after(900), after(1800), after(2700)]
    assert series.columns["battery_power"] == [1.0, None, 2.0, None]
    assert series.step_s == 900


async def test_words_switches_and_counters_show_their_last(store: Store) -> None:
    await store.append(
        [
            reading(after(0), battery_state="charging", meter_connected=True, energy_charge=10),
            reading(after(5), battery_state="standby", meter_connected=False, energy_charge=20),
        ]
    )

    assert await values(store, "battery_state", step_s=300, hours=0.05) == ["standby"]
    assert await values(store, "meter_connected", step_s=300, hours=0.05, aggregate=Aggregate.MAX) == [False]
    assert await values(store, "energy_charge", step_s=300, hours=0.05) == [20.0]
    assert await values(store, "energy_charge", step_s=300, hours=0.05, aggregate=Aggregate.MIN) == [10.0]


@pytest.mark.parametrize("step_s", [0, 0.5, -5, 1.5])
async def test_a_step_that_is_none_is_refused(store: Store, step_s: float) -> None:
    with pytest.raises(InvalidInput, match="step"):
        await store.series("cellar", ["battery_power"], START, after(3600), step_s=step_s)


async def test_too_many_steps_are_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="too many"):
        await store.series("cellar", ["battery_power"], START, START + timedelta(days=12), step_s=1)


def made_up_days(days: float, seed: int = 1) -> list[StoredReading]:
    """Return readings of two devices with gaps, missing values and a few that come late."""
    chance = random.Random(seed)
    found = []
    for device in ("cellar", "garage"):
        energy, soc = 1000.0, 50.0
        at_s = -3 * 86400.0
        while at_s < (days - 3) * 86400:
            at_s += chance.choice([37, 41, 60, 60, 60, 7201 if chance.random() < 0.02 else 60])
            power = chance.choice([0, 800, -1200]) + chance.randint(-30, 30)
            energy += max(0, -power) / 60
            soc = min(100.0, max(5.0, soc - power / 4000))
            taken: dict[str, Any] = {
                "battery_power": power,
                "battery_soc": soc,
                "energy_charge": energy,
                "battery_state": chance.choice(["standby", "charging"]),
            }
            if chance.random() < 0.1:
                del taken[chance.choice(list(taken))]
            found.append(reading(after(at_s + chance.random()), device, **taken))
    for _ in range(20):  # these come much later than their time
        late = found.pop(chance.randrange(len(found) // 2))
        found.insert(chance.randrange(len(found) // 2, len(found)), late)
    return found


async def same_answers(one: Store, other: Store) -> None:
    """Fail unless two stores say the same of everything."""
    names = [column.name for column in POWER.columns]
    start, end = after(-3.2 * 86400), after(86400)
    for device in ("cellar", "garage"):
        for step_s in (None, 120, 300, 900, 3600, 7200, 86400):
            for aggregate in Aggregate:
                first = await one.series(device, names, start, end, step_s=step_s, aggregate=aggregate)
                second = await other.series(device, names, start, end, step_s=step_s, aggregate=aggregate)
                assert list(first.times) == list(second.times), (step_s, aggregate)
                for name in names:
                    assert list(first.columns[name]) == list(second.columns[name]), (device, name, step_s, aggregate)
        for zone in (BERLIN, ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")):
            for period in get_args(Period):
                asked = (device, ["energy_charge"], start, end)
                energies = await one.energies(*asked, period=period, zone=zone)
                assert energies == await other.energies(*asked, period=period, zone=zone)
    for step_s in (300, 900):
        asked_of_all = ("battery_power", start, end)
        assert await one.fleet(*asked_of_all, step_s=step_s) == await other.fleet(*asked_of_all, step_s=step_s)
    assert await one.last() == await other.last()


async def test_every_back_end_answers_as_the_readings_themselves_do(opening: Opening) -> None:
    store = await opening()
    plain = MemoryStore(clock=ManualClock())
    await plain.open(TABLES)
    readings = made_up_days(3.5)
    for first in range(0, len(readings), 500):
        for each in (store, plain):
            await each.append(readings[first : first + 500])
        if first % 2000 == 0:
            await store.maintain(after((first / len(readings) * 3.5 - 3) * 86400))

    await same_answers(store, plain)
    await store.maintain(after(86400))
    await same_answers(store, plain)
    await store.append([reading(after(-2.5 * 86400 + 0.123), battery_power=5000)])  # late for a day that is sealed
    await plain.append([reading(after(-2.5 * 86400 + 0.123), battery_power=5000)])
    await same_answers(store, plain)
    await store.maintain(after(2 * 86400))
    await same_answers(store, plain)


async def test_readings_that_come_one_by_one_are_rolled_up_as_well(store: Store) -> None:
    plain = MemoryStore(clock=ManualClock())
    await plain.open(TABLES)
    chance = random.Random(3)
    for each in range(150):
        taken: dict[str, Any] = {
            "battery_power": chance.randint(-900, 900),
            "battery_soc": chance.random() * 100,
            "energy_charge": each,
        }
        if each == 60:
            taken["battery_soc"] = "broken"
        if each > 100:
            taken["battery_state"] = chance.choice(["standby", "charging"])
        at_s = each * 37 if each != 80 else 79 * 37 - 0.5
        for keeps in (store, plain):
            await keeps.append([reading(after(at_s - 86400), device, **taken) for device in ("cellar", "garage")])

    await same_answers(store, plain)


async def test_any_number_of_words_and_switches_comes_back(opening: Opening) -> None:
    chance = random.Random(5)
    words = [tuple(f"word{number}" for number in range(1 + each)) for each in range(30)]
    columns = [Column(f"state{each}", "", 0, ColumnKind.WORD, of_state) for each, of_state in enumerate(words)]
    columns += [Column(f"switch{each}", "", 0, ColumnKind.SWITCH) for each in range(10)]
    table = Table("states", tuple(columns))
    told: list[StoredReading] = []
    for second in range(0, 600, 5):
        every: dict[str, Any] = {f"state{each}": chance.choice(of_state) for each, of_state in enumerate(words)}
        every |= {f"switch{each}": chance.random() < 0.5 for each in range(10)}
        some = {name: every[name] for name in chance.sample(sorted(every), chance.choice([0, 1, 7, 40]))}
        told.append(reading(after(second), table="states", **some))
    names = [column.name for column in columns]

    async def columns_of(store: Store) -> list[list[object]]:
        series = await store.series("cellar", names, START, after(600))
        last = await store.series("cellar", names, START, after(600), step_s=300)
        return [list(each.columns[name]) for each in (series, last) for name in names]

    store = await opening((table,))
    await store.append(told)
    expected = [[each.values.get(name) for each in told] for name in names]
    found = await columns_of(store)
    assert found[: len(names)] == expected
    await store.maintain(after(3 * 86400))  # which seals them, where there is such a thing
    assert await columns_of(store) == found


async def test_a_reading_resent_after_its_day_was_sealed_is_ignored_too(store: Store) -> None:
    await store.append([reading(after(each * 60), battery_power=each) for each in range(10)])
    await store.maintain(after(3 * 86400))
    await store.append([reading(after(60), battery_power=999), reading(after(90), battery_power=50)])

    for _ in range(2):
        assert await values(store, "battery_power", hours=0.04) == [0.0, 1.0, 50.0, 2.0]
        assert await values(store, "battery_power", step_s=300, hours=0.05) == [10.0]
        await store.maintain(after(3 * 86400))


# ---- last ------------------------------------------------------------------------------------------------------------


async def test_last_knows_each_quantity_with_its_own_time(store: Store) -> None:
    await store.append([reading(after(0), battery_power=1, battery_soc=50, battery_state="charging")])
    await store.append([reading(after(5), battery_power=2)])
    await store.append([reading(after(3), battery_power=9, meter_connected=True)])  # late
    await store.append([reading(after(9), "garage", battery_power=7)])

    assert await store.last("cellar") == {
        "cellar": {
            "battery_power": (after(5), 2.0),
            "battery_soc": (after(0), 50.0),
            "battery_state": (after(0), "charging"),
            "meter_connected": (after(3), True),
        }
    }
    assert set(await store.last()) == {"cellar", "garage"}


async def test_last_is_known_after_a_restart(opening: Opening, kind: str) -> None:
    if kind == "memory":
        pytest.skip("the store in memory is documented to forget at its end")
    store = await opening()
    await store.append([reading(after(0), battery_power=1, battery_soc=50)])
    await store.append([reading(after(each * 60), battery_power=each) for each in range(1, 20)])
    before = await store.last()
    await store.close()

    again = await opening()

    assert await again.last() == before
    await again.append([reading(after(1200), battery_power=7)])
    assert (await again.last())["cellar"] == {"battery_power": (after(1200), 7.0), "battery_soc": (after(0), 50.0)}


# ---- energies --------------------------------------------------------------------------------------------------------


async def test_a_counter_grows_from_the_last_value_before_a_day_to_the_last_one_in_it(store: Store) -> None:
    midnight = datetime(2026, 6, 21, 22, tzinfo=UTC)  # in Berlin
    await store.append(
        [
            reading(midnight - timedelta(hours=2), energy_charge=100),
            reading(midnight - timedelta(minutes=1), energy_charge=150),
            reading(midnight + timedelta(hours=3), energy_charge=170),
            reading(midnight + timedelta(hours=30), energy_charge=200),
        ]
    )

    found = await store.energies(
        "cellar", ["energy_charge"], midnight - timedelta(hours=1), midnight + timedelta(days=3), period="day", zone=BERLIN
    )

    assert [(at.isoformat(), of["energy_charge"]) for at, of in found] == [
        ("2026-06-21T00:00:00+02:00", 50.0),
        ("2026-06-22T00:00:00+02:00", 20.0),
        ("2026-06-23T00:00:00+02:00", 30.0),
        ("2026-06-24T00:00:00+02:00", None),
    ]
    (_, of_day), *_ = await store.energies(
        "cellar", ["energy_charge"], midnight, midnight + timedelta(hours=1), period="day", zone=BERLIN
    )
    assert of_day == {"energy_charge": 20.0}


@pytest.mark.parametrize(
    ("period", "starts"),
    [
        ("hour", ["2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]),
        ("day", ["2026-10-25T00:00:00+02:00"]),
        ("week", ["2026-10-19T00:00:00+02:00"]),
        ("month", ["2026-10-01T00:00:00+02:00"]),
        ("year", ["2026-01-01T00:00:00+01:00"]),
    ],
)
async def test_periods_are_those_of_the_wall_clock(store: Store, period: Period, starts: list[str]) -> None:
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # the night in which clocks are set back
    found = await store.energies("cellar", ["energy_charge"], start, start + timedelta(hours=2), period=period, zone=BERLIN)
    assert [at.isoformat() for at, _ in found] == starts


async def test_only_counters_have_energies(store: Store) -> None:
    with pytest.raises(InvalidInput, match="no counter"):
        await store.energies("cellar", ["battery_power"], START, after(86400), period="day", zone=BERLIN)


async def test_the_fleet_is_the_sum_of_what_is_known(store: Store) -> None:
    await store.append([reading(after(0), "cellar", battery_power=100), reading(after(60), "cellar", battery_power=300)])
    await store.append([reading(after(0), "garage", battery_power=-50), reading(after(300), "garage", battery_power=7)])

    assert await store.fleet("battery_power", START, after(900), step_s=300) == [
        (after(0), 150.0),
        (after(300), 7.0),
        (after(600), None),
    ]


# ---- ageing and growing ----------------------------------------------------------------------------------------------


async def test_readings_past_their_time_are_deleted_and_their_rollups_stay(opening: Opening, kind: str) -> None:
    store = await opening(raw_days=2)
    await store.append([reading(after(each * 60), battery_power=each) for each in range(10)])
    await store.append([reading(after(3 * 86400), battery_power=7)])
    await store.maintain(after(86400 * 1.5))
    assert len(await values(store, "battery_power")) == 10

    upkeep = await store.maintain(after(3 * 86400))

    assert upkeep.deleted == 10
    assert await values(store, "battery_power") == []
    if kind != "memory":
        assert await values(store, "battery_power", step_s=300, hours=1 / 6) == [2.0, 7.0]
        await store.append([reading(after(70), battery_power=9999)])  # too late for anything
        assert await values(store, "battery_power", step_s=300, hours=1 / 6) == [2.0, 7.0]
        assert store.health()["lost"] == 1


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_family_may_gain_quantities_words_and_digits(opening: Opening, kind: str, sealed: bool) -> None:
    if kind == "memory":
        pytest.skip("the store in memory is documented to forget at its end")
    store = await opening()
    await store.append([reading(after(0), battery_soc=55.5, battery_state="standby")])
    if sealed:
        await store.maintain(after(3 * 86400))
    await store.close()
    grown = Table(
        "gen2_power",
        (
            Column("cell_temperature", "°C", 1, ColumnKind.GAUGE),
            Column("battery_soc", "%", 3, ColumnKind.GAUGE),
            Column("battery_state", "", 0, ColumnKind.WORD, ("fault", "standby", "charging")),
            Column("meter_connected", "", 0, ColumnKind.GAUGE),
        ),
    )

    again = await opening((grown, PACKS))
    await again.append([reading(after(5), cell_temperature=21.5, battery_soc=12.34, battery_state="fault", meter_connected=2)])

    series = await again.series("cellar", [column.name for column in grown.columns], START, after(60))
    assert series.columns == {
        "cell_temperature": [None, 21.5],
        "battery_soc": [55.5, 12.3],  # the digits that it began with
        "battery_state": ["standby", "fault"],
        "meter_connected": [None, 2.0],
    }


async def test_health_says_ok(store: Store, kind: str) -> None:
    await store.append([reading(after(0), battery_power=1)])
    health = store.health()
    assert (health["kind"], health["state"], health["waiting"], health["lost"]) == (kind, "ok", 0, 0)
    assert health["commit_at"]


async def test_the_last_commit_that_health_tells_is_one_of_readings(store: Store) -> None:
    await store.journal(after(0), "hub", "a note")
    await store.put("key", "state")
    assert store.health()["commit_at"] == ""
    await store.append([reading(after(0), battery_power=1)])
    first = store.health()["commit_at"]
    assert first
    await store.journal(after(1), "hub", "another")
    assert store.health()["commit_at"] == first
