"""What all stores do with the journal and with small state, run over each back end."""

from __future__ import annotations

import asyncio
import random

import pytest

from indevolt.errors import StoreUnavailable
from indevolt.store import Store

from .conftest import START, Opening, after, reading, values


async def test_the_journal_numbers_its_entries_and_finds_them(store: Store) -> None:
    first = await store.journal(START, "link", "cellar is online", device="cellar")
    second = await store.journal(after(1), "write", "backup_soc 10 -> 20", device="cellar", actor="ann", data={"before": 10})
    third = await store.journal(after(2), "hub", "stopped")

    assert [first.number, second.number, third.number] == [1, 2, 3]
    assert await store.entries() == [first, second, third]
    assert await store.entries(after=1, limit=1) == [second]
    assert await store.entries(kinds=["link", "hub"]) == [first, third]
    assert await store.entries(device="cellar", start=after(1)) == [second]
    assert await store.entries(end=after(1)) == [first]
    assert second.data == {"before": 10}


async def test_the_newest_entries_come_first_and_lead_to_older_ones(store: Store) -> None:
    every = [await store.journal(after(each), "hub", f"note {each}") for each in range(7)]

    assert await store.entries(newest_first=True, limit=3) == [every[6], every[5], every[4]]
    assert await store.entries(newest_first=True, before=every[4].number, limit=3) == [every[3], every[2], every[1]]
    assert await store.entries(newest_first=True, before=every[1].number, limit=3) == [every[0]]
    assert await store.entries(newest_first=True, before=every[0].number) == []
    assert await store.entries(before=every[4].number, after=every[1].number) == [every[2], every[3]]


async def test_every_filter_of_the_journal_holds_in_both_directions(store: Store) -> None:
    chance = random.Random(3)
    every = []
    for second in range(120):
        kind, device, actor = chance.choice(["write", "hub", "alert"]), chance.choice(["", "cellar", "garage"]), chance.choice("ab")
        every.append(await store.journal(after(second // 2), kind, f"note {second}", device=device, actor=actor))

    for kinds in ([], ["write"], ["write", "alert"], ["gossip"]):
        for of_device in (None, "", "garage"):
            for by in (None, "b"):
                fits = [
                    entry
                    for entry in every
                    if (not kinds or entry.kind in kinds)
                    and of_device in (None, entry.device)
                    and by in (None, entry.actor)
                    and 10 < entry.number < 100
                    and after(8) <= entry.at < after(40)
                ]
                for newest_first in (False, True):
                    found = await store.entries(
                        after=10,
                        before=100,
                        kinds=kinds,
                        device=of_device,
                        actor=by,
                        start=after(8),
                        end=after(40),
                        newest_first=newest_first,
                        limit=9,
                    )
                    assert found == (fits[::-1] if newest_first else fits)[:9], (kinds, of_device, by, newest_first)


async def test_what_cannot_be_written_is_told_and_holds_up_nothing_else(store: Store, kind: str) -> None:
    if kind == "memory":
        pytest.skip("the store in memory encodes nothing, so it can keep whatever it is given")
    good = asyncio.gather(store.append([reading(after(0), battery_power=1)]), store.put("offset", "1"))
    with pytest.raises(StoreUnavailable, match=r"history|refuses"):
        await store.journal(START, "hub", "half a character: \ud800")
    await good
    await store.append([reading(after(5), battery_power=2)])

    assert await values(store, "battery_power") == [1.0, 2.0]
    assert await store.get("offset") == "1"
    assert await store.entries() == []
    assert store.health()["state"] == "ok"


async def test_small_state_is_kept_and_replaced(store: Store) -> None:
    assert await store.get("offset") is None
    await store.put("offset", "1")
    await store.put("offset", "2")
    assert await store.get("offset") == "2"


async def test_journal_and_state_outlive_a_restart(opening: Opening, kind: str) -> None:
    if kind == "memory":
        pytest.skip("the store in memory is documented to forget at its end")
    store = await opening()
    entry = await store.journal(START, "hub", "started", data={"version": "1"})
    await store.put("offset", "1")
    await store.close()

    again = await opening()

    assert await again.entries() == [entry]
    assert await again.get("offset") == "1"
    assert (await again.journal(START, "hub", "started")).number == 2
