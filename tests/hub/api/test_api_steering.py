"""Overrides of people through the API: with an end, told step by step, taken back, and bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.apihome import DEVICE, Answer, ApiHome, api_home
from indevolt.hub.events import Steered
from indevolt.hub.tokens import Role

CHARGE = {"command": "charge", "power_w": 800, "soc_pct": 80, "minutes": 90}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[ApiHome]:
    async with api_home(leases=tmp_path) as home:
        yield home


async def steering(it: ApiHome) -> Any:
    return (await it.ask(f"{DEVICE}/steering")).json


async def release(it: ApiHome, query: str = "") -> Answer:
    return await it.ask_while_time_passes(f"{DEVICE}/overrides/current{query}", method="DELETE", role=Role.CONTROL)


async def test_while_nobody_wants_anything_the_device_decides(it: ApiHome) -> None:
    body = await steering(it)
    assert (body["owner"], body["mode"], body["tier"], body["command"]) == ("device", "self_use", "native", None)
    assert body["why"] == "nothing is commanded; the device decides, in mode self_use"
    assert body["lease"] is None
    assert [(each["name"], each["used"], each["most"]) for each in body["budgets"]] == [("realtime", 0, 400), ("mode", 0, 24)]


async def test_an_override_is_carried_out_and_told(it: ApiHome) -> None:
    with it.hub.bus.subscribe(Steered) as told:
        answer = await it.control("overrides", CHARGE)
        steps = [event.step for event in told.take()]
    assert answer.status == 200
    assert answer.json["outcome"]["stage"] == "effective"
    assert steps == ["asked", "changed", "accepted", "confirmed", "effective"]
    body = await steering(it)
    assert (body["owner"], body["mode"], body["tier"]) == ("user", "realtime", "realtime")
    assert body["command"] == {"command": "charge", "power_w": 800, "soc_pct": 80}
    assert body["sent"] == {"command": "charge", "power_w": 800, "soc_pct": 59}
    assert body["override"]["step"] == "effective"
    assert body["lease"]["ours"] is True
    assert {each["name"]: each["used"] for each in body["budgets"]} == {"realtime": 1, "mode": 1}


async def test_a_released_override_brings_back_what_was_before(it: ApiHome) -> None:
    await it.control("overrides", CHARGE)
    answer = await release(it)
    assert (answer.status, answer.json["owner"]) == (200, "device")
    await it.clock.advance(20)
    assert it.simulator.get("mode") == "self_use"
    assert (await steering(it))["mode"] == "self_use"
