"""Overrides of people through the API: with an end, told step by step, taken back, and bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.apihome import DEVICE, Answer, ApiHome, api_home
from indevolt.device.lock import LeaseFile
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
    counted = [(each["name"], each["used"], each["most"]) for each in body["budgets"]]
    assert counted == [("realtime", 0, 400), ("mode", 0, 24), ("direction_changes", 0, 60)]


async def test_an_override_is_carried_out_and_told(it: ApiHome) -> None:
    with it.hub.bus.subscribe(Steered) as told:
        answer = await it.control("overrides", CHARGE)
        steps = [event.step for event in told.take()]
    assert answer.status == 200
    assert answer.json["outcome"]["stage"] == "effective"
    assert steps == ["asked", "changed", "accepted", "confirmed", "effective"]
    await it.clock.advance(2)  # so that what it shows now was read again
    body = await steering(it)
    assert (body["owner"], body["mode"], body["tier"]) == ("user", "realtime", "realtime")
    assert body["command"] == {"command": "charge", "power_w": 800, "soc_pct": 80}
    assert body["sent"] == {"command": "charge", "power_w": 800, "soc_pct": 59}
    assert body["override"]["step"] == "effective"
    assert body["lease"]["ours"] is True
    assert {each["name"]: each["used"] for each in body["budgets"]} == {"realtime": 1, "mode": 1, "direction_changes": 0}


async def test_a_released_override_brings_back_what_was_before(it: ApiHome) -> None:
    await it.control("overrides", CHARGE)
    answer = await release(it)
    assert (answer.status, answer.json["owner"]) == (200, "device")
    await it.clock.advance(20)
    assert it.simulator.get("mode") == "self_use"
    assert (await steering(it))["mode"] == "self_use"


async def test_progress_is_heard_as_events(it: ApiHome) -> None:
    stream = await it.session.get(f"{it.url}/api/v1/events?kind=steering", headers={"Accept": "text/event-stream"})
    await it.control("overrides", CHARGE)
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not seen or seen[-1]["step"] != "effective":
            line = await stream.content.readline()
            if line.startswith(b"data: ") and b'"step"' in line:
                seen.append(json.loads(line[6:]))
    stream.close()
    assert [each["step"] for each in seen] == ["asked", "changed", "accepted", "confirmed", "effective"]
    assert {each["device"] for each in seen} == {"cellar"}
    assert {each["override"] for each in seen if each["step"] != "changed"} == {(await steering(it))["override"]["id"]}


async def test_a_dry_run_tells_what_would_be_written_and_writes_nothing(it: ApiHome) -> None:
    answer = await it.control("overrides?dry_run=true", CHARGE)
    assert answer.status == 200
    assert [step["wanted"] for step in answer.json["steps"]] == [
        {"mode": "realtime"},
        {"realtime_state": "charge", "realtime_power": 800, "realtime_target_soc": 59},
    ]
    assert (it.simulator.get("mode"), (await steering(it))["override"]) == ("self_use", None)


async def test_the_same_key_asks_once(it: ApiHome) -> None:
    first = await it.control("overrides", CHARGE, headers={"Idempotency-Key": "7"})
    again = await it.control("overrides", CHARGE, headers={"Idempotency-Key": "7"})
    assert first.json == again.json
    assert again.headers["idempotent-replayed"] == "true"


async def test_undo_gives_back_the_override_before(it: ApiHome) -> None:
    await it.control("overrides", CHARGE)
    await it.control("overrides", {"command": "hold", "minutes": 5})
    answer = await release(it, "?undo=true")
    assert answer.json["override"]["command"] == {"command": "charge", "power_w": 800, "soc_pct": 80}


async def test_an_override_until_a_time_of_day(it: ApiHome) -> None:
    answer = await it.control("overrides", {"command": "hold", "until": "2026-06-21T14:00:00+02:00"})
    assert answer.status == 200
    assert answer.json["override"]["until"] == "2026-06-21T12:00:00Z"


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ({"command": "charge", "minutes": 5}, "charge needs power_w"),
        ({"command": "hold", "power_w": 5, "minutes": 5}, "hold takes neither power_w nor soc_pct"),
        ({"command": "hold"}, "every override ends"),
        ({"command": "hold", "minutes": 5, "until": "2026-06-21T14:00:00+02:00"}, "either minutes or until"),
        ({"command": "hold", "minutes": 1441}, "body.minutes"),
        ({"command": "hold", "until": "2026-06-25T14:00:00+02:00"}, "within 24 h"),
        ({"command": "hold", "until": "2026-06-20T14:00:00+02:00"}, "out of range"),
        ({"command": "schedule", "minutes": 5}, "body.command"),
        ({"command": "charge", "power_w": 20_000, "minutes": 5}, "realtime_power: 20000 W is out of range"),
        ({"command": "charge", "power_w": 500, "soc_pct": 20, "minutes": 5}, "% already"),
    ],
)
async def test_what_makes_no_sense_is_refused(it: ApiHome, body: Any, facts: str) -> None:
    answer = await it.control("overrides", body)
    assert answer.status == 422
    assert facts in answer.json["detail"] + answer.json.get("remedy", "")
    assert it.simulator.get("mode") == "self_use"


async def test_steering_needs_the_role_for_it(it: ApiHome) -> None:
    for path, method in (
        (f"{DEVICE}/overrides", "POST"),
        (f"{DEVICE}/overrides/current", "DELETE"),
        ("/api/v1/steering/pause", "POST"),
    ):
        answer = await it.ask(path, method=method, role=Role.READ, json={"command": "hold", "minutes": 5})
        assert answer.status == 403, path


async def test_a_device_that_may_only_be_read_says_so(tmp_path: Path) -> None:
    async with api_home(control=False, leases=tmp_path) as it:
        answer = await it.control("overrides", {"command": "hold", "minutes": 5})
        assert answer.status == 403
        body = await steering(it)
        assert (body["control"], body["why"]) == (False, "this hub only reads it: control = false")


async def test_a_pause_is_told_until_it_is_over(it: ApiHome) -> None:
    paused = await it.ask("/api/v1/steering/pause", method="POST", role=Role.CONTROL, json={"minutes": 10})
    assert paused.json["paused_until"] == (await steering(it))["paused_until"]
    resumed = await it.ask("/api/v1/steering/resume", method="POST", role=Role.CONTROL)
    assert resumed.json == {"paused_until": None}
    assert (await steering(it))["paused_until"] is None


async def test_one_that_has_to_wait_is_taken_and_told(it: ApiHome) -> None:
    await it.control("overrides", CHARGE)
    await release(it)
    await it.clock.advance(20)
    answer = await it.control("overrides", CHARGE)
    assert (answer.status, answer.json["outcome"]) == (202, None)
    body = await steering(it)
    assert body["trouble"]["detail"].startswith("mode was written 2 times")
    assert body["trouble"]["remedy"].startswith("Possible in ")


async def test_a_command_of_before_is_an_override_as_well(it: ApiHome) -> None:
    answer = await it.control("commands/charge", {"power_w": 800, "soc_pct": 80})
    assert (answer.status, answer.json["stage"]) == (200, "effective")
    assert (await steering(it))["override"]["command"]["power_w"] == 800


async def test_what_another_program_holds_is_a_conflict_that_names_it(it: ApiHome, tmp_path: Path) -> None:
    other = LeaseFile(tmp_path, it.simulator.serial)
    other.acquire(it.clock.now())
    answer = await it.control("overrides", CHARGE)
    other.release()
    assert answer.status == 409
    assert answer.json["type"] == "urn:indevolt:lease-held"


async def test_why_and_what_else(it: ApiHome) -> None:
    told = (await it.ask(f"{DEVICE}/steering/explanation?power_w=5000")).json
    assert told["applied"] is False
    assert any(
        each["text"].startswith("2400 W of charge") or "W of discharge are possible" in each["text"] for each in told["obstacles"]
    )
    await it.control("overrides", CHARGE)
    told = (await it.ask(f"{DEVICE}/steering/explanation?power_w=5000")).json
    assert told["applied"] is True
    assert told["why"][0].startswith("charge with 800 W up to 80 %, as api control asked")
    assert {each["by"] for each in told["obstacles"]} >= {"safety", "override"}
