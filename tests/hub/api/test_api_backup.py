"""A backup hold over REST: asked for by whoever may control, told to everybody, ended, and answered clearly meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.apihome import DEVICE, START, Answer, ApiHome, api_home
from indevolt.hub.tokens import Role

PATH = "/api/v1/steering/backup"
NOTHING = {"backup": None}
STORM = {"minutes": 120, "charge_pct": 90, "reason": "a storm"}
KEPT = "everything is kept for an outage until 2026-06-21 14:00 CEST"


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[ApiHome]:
    async with api_home(leases=tmp_path) as home:
        yield home


async def asked(it: ApiHome, body: Any, role: Role | None = Role.CONTROL) -> Answer:
    return await it.ask(PATH, method="POST", json=body, role=role)


async def test_it_is_asked_for_told_and_ended(it: ApiHome) -> None:
    assert (await it.ask(PATH)).json == NOTHING
    answer = await asked(it, STORM)
    begun = it.hub.clock.now()
    until = begun + timedelta(minutes=120)
    assert answer.status == 200
    assert answer.json["backup"] == {
        "until": until.isoformat().replace("+00:00", "Z"),
        "charge_pct": 90.0,
        "at": begun.isoformat().replace("+00:00", "Z"),
        "by": "api control",
        "reason": "a storm",
    }
    assert (await it.ask(PATH)).json == answer.json
    assert (await it.ask(f"{DEVICE}/steering")).json["backup"] == answer.json["backup"]
    assert (await it.ask(PATH, method="DELETE", role=Role.CONTROL)).json == NOTHING
    assert (await it.ask(f"{DEVICE}/steering")).json["backup"] is None
    assert "the backup hold is over: api control took it back" in await it.journal()


async def test_why_a_battery_gives_nothing_is_explained_and_what_it_would_take(it: ApiHome) -> None:
    await asked(it, {"until": (START + timedelta(hours=2)).isoformat()})
    await it.clock.advance(30)
    told = (await it.ask(f"{DEVICE}/steering/explanation?power_w=500")).json
    assert told["why"][0] == f"{KEPT}."
    assert told["why"][1].startswith("api control asked for a backup hold until 2026-06-21 ")
    assert told["steering"]["owner"] == "user"
    assert {"by": "backup_hold", "text": KEPT, "otherwise": "end the backup hold"} in told["obstacles"]


async def test_an_order_to_discharge_meanwhile_is_answered_with_what_is_in_its_way(it: ApiHome) -> None:
    await asked(it, {"until": (START + timedelta(hours=2)).isoformat()})
    for query in ("", "?dry_run=true"):
        answer = await it.control(f"overrides{query}", {"command": "discharge", "power_w": 500, "minutes": 30})
        assert answer.status == 409
        assert answer.json["detail"] == f"{KEPT}, as api control asked"
        assert answer.json["remedy"].startswith("End the backup hold first")
    answer = await it.control("overrides", {"command": "charge", "power_w": 500, "minutes": 30})
    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        ({}, "give either minutes or until"),
        ({"minutes": 60, "until": START.isoformat()}, "give either minutes or until"),
        ({"minutes": 7 * 24 * 60 + 1}, "body.minutes"),
        ({"until": (START + timedelta(days=8)).isoformat()}, "within 7 days"),
        ({"until": START.isoformat()}, "is out of range"),
        ({"minutes": 60, "charge_pct": 101}, "body.charge_pct"),
        ({"minutes": 60, "power_w": 5}, "body.power_w"),
    ],
)
async def test_what_is_not_right_is_refused(it: ApiHome, body: dict[str, Any], facts: str) -> None:
    answer = await asked(it, body)
    assert answer.status == 422
    assert facts in str(answer.json)
    assert (await it.ask(PATH)).json == NOTHING


async def test_only_who_may_control_asks_for_it_or_ends_it(it: ApiHome) -> None:
    assert (await asked(it, STORM, role=None)).status == 401
    assert (await asked(it, STORM, role=Role.READ)).status == 403
    await asked(it, STORM)
    assert (await it.ask(PATH, method="DELETE")).status == 401
    assert (await it.ask(PATH, method="DELETE", role=Role.READ)).status == 403
    assert (await it.ask(PATH)).json != NOTHING


async def test_where_nothing_may_be_controlled_nothing_is_promised() -> None:
    async with api_home(control=False) as it:
        answer = await asked(it, STORM)
        assert (answer.status, answer.json["type"]) == (403, "urn:indevolt:read-only")
