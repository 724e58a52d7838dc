"""Who answers at an address is known from one run of the hub to the next, also when the hub is there before its store."""

from __future__ import annotations

import indevolt
from away_store import AwayStore
from indevolt.clock import ManualClock
from indevolt.hub.acquaintance import Acquaintance
from indevolt.hub.bus import Bus
from indevolt.hub.journal import Journal
from indevolt.hub.tiers import tables_of
from indevolt.simulator import Simulator

BEFORE, NOW = "3800000001", "3800000002"


async def test_another_device_is_noticed_once_the_store_can_be_asked_who_was_there_before() -> None:
    clock = ManualClock(auto=True)
    store = AwayStore(clock=clock)
    await store.open(tables_of("gen2"))
    await store.put("serial:cellar", BEFORE)
    store.is_away = True
    acquaintance = Acquaintance("cellar", clock, Journal(store, Bus(), clock), store)
    async with indevolt.connect("cellar", transport=Simulator("powerflex2000", serial=NOW, clock=clock), clock=clock) as device:
        assert not await acquaintance.greet(device, "a battery")  # as far as anybody can know
        store.is_away = False
        assert await store.get("serial:cellar") == BEFORE  # and nothing was written over it
        assert await acquaintance.greet(device, "a battery")
        assert await store.get("serial:cellar") == NOW
        assert not await acquaintance.greet(device, "a battery")
    texts = [entry.text for entry in await store.entries()]
    assert f"another device answers: serial number {NOW} instead of {BEFORE}" in texts
