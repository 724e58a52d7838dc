"""Publishing never waits; a slow listener loses the oldest and knows how many."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from indevolt.hub.bus import Bus
from indevolt.hub.events import Alert, LinkChanged

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def alert(text: str) -> Alert:
    return Alert("cellar", "silent", active=True, text=text, since=NOW)


async def test_a_listener_hears_what_it_asked_for_in_order() -> None:
    bus = Bus()
    with bus.subscribe(Alert) as alerts:
        bus.publish(alert("one"))
        bus.publish(LinkChanged("cellar", "silent", "does not answer", NOW))
        bus.publish(alert("two"))
        assert [(await alerts.get()).text for _ in range(2)] == ["one", "two"]


async def test_a_listener_waits_for_the_next_event() -> None:
    bus = Bus()
    with bus.subscribe(Alert) as alerts:
        waiting = asyncio.create_task(alerts.get())
        await asyncio.sleep(0)
        bus.publish(alert("late"))
        assert (await waiting).text == "late"


async def test_a_slow_listener_loses_the_oldest_and_counts_them() -> None:
    bus = Bus()
    with bus.subscribe(Alert, size=2) as slow:
        for text in "abcde":
            bus.publish(alert(text))
        assert [each.text for each in slow.take()] == ["d", "e"]
        assert slow.missed == 3


async def test_who_has_left_is_told_nothing() -> None:
    bus = Bus()
    with bus.subscribe(Alert) as alerts:
        pass
    bus.publish(alert("nobody"))
    assert len(alerts) == 0
    assert bus.listeners == []


async def test_iterating_goes_on_until_cancelled() -> None:
    bus = Bus()
    heard: list[str] = []

    async def listen() -> None:
        with bus.subscribe(Alert) as alerts:
            async for each in alerts:
                heard.append(each.text)  # noqa: PERF401 - each counts when it is heard

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for text in ("a", "b"):
        bus.publish(alert(text))
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert heard == ["a", "b"]
    assert bus.listeners == []
