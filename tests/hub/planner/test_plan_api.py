"""The plan, pins, what-ifs, past days and forecasts through the real API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from api.apihome import token_configs, tokens

from indevolt.control.plan.problem import Pin
from indevolt.control.situation import Action
from indevolt.hub.api import create_app, served
from indevolt.hub.config import ApiConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.prices.records import QUARTER, quarter_of
from indevolt.hub.tokens import Role
from planner.planhome import PlanHome, plan_home


@dataclass
class Client:
    home: PlanHome
    url: str
    session: aiohttp.ClientSession

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.session.get(self.url + path) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json(content_type=None)

    async def post(self, path: str, body: Any, *, role: Role = Role.CONTROL, status: int = 202) -> Any:
        headers = {"Authorization": f"Bearer {tokens()[role]}"}
        async with self.session.post(self.url + path, json=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json(content_type=None)


@asynccontextmanager
async def client(**home: Any) -> AsyncIterator[Client]:
    async with plan_home(**home) as it:
        hub = replace(it.hub, config=it.hub.config.model_copy(update={"api": ApiConfig(port=0, tokens=token_configs())}))
        async with served(hub, create_app(hub)) as url, aiohttp.ClientSession() as session:
            yield Client(it, url, session)


async def test_the_plan_is_told_slot_by_slot_with_what_it_is_worth() -> None:
    async with client() as it:
        await it.home.until_planned()
        body = await it.get("/api/v1/plan")
        assert (body["reason"], body["dry"], body["automatic"], body["stale"], body["simulated"]) == ("", False, False, False, True)
        assert body["name"].startswith("plan of 2026-06-21 12:0")
        assert (body["currency"], body["time_zone"], body["reserve_pct"]) == ("EUR", "Europe/Berlin", 5.0)
        assert len(body["slots"]) == 48
        first = body["slots"][0]
        assert first["start"] == quarter_of(it.home.hub.clock.now()).isoformat().replace("+00:00", "Z")
        assert first["reason"]
        assert set(first["soc_pct"]) == {"p10", "p50", "p90"}
        assert first["mode"] in ("self_use", "hold", "charge", "discharge", "stop")
        totals = body["totals"]
        assert totals["planned"]["total"] <= totals["self_use"]["total"] <= totals["no_battery"]["total"]
        assert totals["saving"] > 0
        assert len(body["stored_value"]) > 5


async def test_without_a_tariff_the_reason_is_told_instead_of_a_plan() -> None:
    async with client(tariff=None) as it:
        body = await it.get("/api/v1/plan")
        assert (body["slots"], body["totals"], body["at"]) == ([], None, None)
        assert body["reason"] == "no plan is made: no tariff is configured; see [tariff]"
        problem = await it.get("/api/v1/plan?dry=1", status=503)
        assert problem["detail"] == "no plan can be made: the price of now is not known"


async def test_a_what_if_changes_nothing() -> None:
    async with client() as it:
        await it.home.until_planned()
        holds = await it.get("/api/v1/plan")
        careful = await it.get("/api/v1/plan?reserve=80&dry=1")
        assert (careful["dry"], careful["reserve_pct"]) == (True, 80.0)
        least = [min(slot["soc_pct"]["p50"] for slot in body["slots"]) for body in (holds, careful)]
        assert least[1] > least[0]
        assert await it.get("/api/v1/plan") == holds
        refused = await it.get("/api/v1/plan?reserve=80", status=422)
        assert "Add dry=1" in refused["remedy"]


@pytest.mark.parametrize(("configured", "asked"), [(45, 10), (10, 45)])
async def test_a_what_if_is_what_would_hold_with_that_reserve(configured: float, asked: float) -> None:
    async with client(control=ControlConfig(reserve_pct=configured), service=False) as it:
        what_if = await it.get(f"/api/v1/plan?reserve={asked}&dry=1")
    async with client(control=ControlConfig(reserve_pct=asked), service=False) as it:
        would_hold = await it.get("/api/v1/plan?dry=1")
    assert what_if == would_hold


def pinned(it: Client) -> int:
    plan = it.home.hub.planner.plan
    return sum(slot.pinned for slot in plan.slots) if plan else 0


async def test_an_owner_pins_a_slot_and_lets_it_go() -> None:
    async with client() as it:
        await it.home.until_planned()
        start = quarter_of(it.home.hub.clock.now()) + timedelta(hours=2)
        asked = {"slot": start.isoformat(), "end": (start + 2 * QUARTER).isoformat(), "mode": "charge", "power_w": 600}
        await it.post("/api/v1/plan/pin", asked)
        await it.home.until(lambda: pinned(it) == 2)
        slots = (await it.get("/api/v1/plan"))["slots"]
        assert [(slot["mode"], slot["power_w"]) for slot in slots if slot["pinned"]] == [("charge", 600), ("charge", 600)]
        await it.post("/api/v1/plan/pin", {"slot": start.isoformat(), "mode": None})
        await it.home.until(lambda: pinned(it) == 1)
        told = [text for text in await it.home.journal() if text.startswith("plan from")]
        assert [text.split(" CEST ")[-1] for text in told] == ["pinned to charge with 600 W", "let go"]
        assert told[1] == "plan from 2026-06-21 14:00 to 14:15 CEST let go", "by the clocks of the house"


async def test_a_time_within_a_slot_pins_that_slot_alone() -> None:
    async with client() as it:
        await it.home.until_planned()
        start = quarter_of(it.home.hub.clock.now()) + timedelta(hours=2)
        await it.post("/api/v1/plan/pin", {"slot": (start + timedelta(minutes=7)).isoformat(), "mode": "hold"})
        assert set(it.home.hub.planner.pins) == {start}


async def test_who_may_only_read_pins_nothing_and_what_is_over_cannot_be_pinned() -> None:
    async with client() as it:
        await it.home.until_planned()
        now = it.home.hub.clock.now()
        ahead = {"slot": (now + timedelta(hours=1)).isoformat(), "mode": "hold"}
        await it.post("/api/v1/plan/pin", ahead, role=Role.READ, status=403)
        wrong: list[dict[str, Any]] = [
            {"slot": (now - timedelta(hours=1)).isoformat(), "mode": "hold"},
            {"slot": (now + timedelta(days=9)).isoformat(), "mode": "hold"},
            {"slot": (now + timedelta(hours=2)).isoformat(), "end": (now + timedelta(hours=1)).isoformat(), "mode": "hold"},
            {**ahead, "mode": "fly"},
            {**ahead, "power_w": -1},
            {**ahead, "colour": "red"},
            {"slot": "2026-06-21T12:00:00", "mode": "hold"},
        ]
        for body in wrong:
            await it.post("/api/v1/plan/pin", body, status=422)
        assert it.home.hub.planner.pins == {}


async def test_an_owner_wants_a_charge_by_a_time_and_then_no_more() -> None:
    async with client() as it:
        await it.home.until_planned()
        by = it.home.hub.clock.now().replace(microsecond=0) + timedelta(hours=6)
        body = await it.post("/api/v1/plan/target", {"soc_pct": 95, "by": by.isoformat()})
        assert body["targets"] == [{"soc_pct": 95.0, "by": by.isoformat().replace("+00:00", "Z")}]
        await it.home.until_planned("the owner wants it otherwise")
        slots = (await it.get("/api/v1/plan"))["slots"]
        assert max(slot["soc_pct"]["p50"] for slot in slots[20:26]) > 93
        headers = {"Authorization": f"Bearer {tokens()[Role.CONTROL]}"}
        async with it.session.delete(f"{it.url}/api/v1/plan/target", headers=headers) as answer:
            assert (answer.status, (await answer.json())["targets"]) == (202, [])
        await it.home.until_planned("the owner wants it otherwise")
        assert any(text.startswith("95 % wanted by 2026-06-21 18:0") for text in await it.home.journal())
        await it.post("/api/v1/plan/target", {"soc_pct": 95, "by": by.isoformat()}, role=Role.READ, status=403)
        for wrong in ({"soc_pct": 101}, {"soc_pct": 3}, {"by": "2026-06-20T12:00:00Z"}, {"by": "2026-06-29T12:00:00Z"}):
            await it.post("/api/v1/plan/target", {"soc_pct": 95, "by": by.isoformat(), **wrong}, status=422)


async def test_a_day_is_told_with_what_was_planned_and_what_came() -> None:
    async with client() as it:
        await it.home.until_planned()
        await it.home.it.pass_time(1)
        body = await it.get("/api/v1/plan/days/today")
        assert (body["day"], len(body["slots"]), body["actual_cost"]) == ("2026-06-21", 1, None)
        assert body["slots"][0]["actual"]["grid_w"] is None
        assert (await it.get("/api/v1/plan/days/yesterday"))["slots"] == []
        assert (await it.get("/api/v1/plan/days/2026-06-21")) == body
        await it.get("/api/v1/plan/days/someday", status=422)


async def test_forecasts_are_told_by_quarters() -> None:
    async with client() as it:
        await it.home.until_planned()
        body = await it.get("/api/v1/forecast")
        assert (body["source"], body["reason"], body["trouble"]) == ("clear_sky", "", "")
        assert len(body["slots"]) == 144
        first, last = body["slots"][0], body["slots"][-1]
        assert first["foreseen_w"] == first["clear_w"] > 500
        assert 0.5 < first["pv_w"] / first["foreseen_w"] < 0.75, "the plant gave six tenths of it each day"
        assert first["load_w"] > 200
        assert last["load_w"] is None, "beyond the plan nobody says"
        await it.get("/api/v1/forecast?start=2026-01-01T00:00:00Z&end=2026-06-21T00:00:00Z", status=422)


async def test_without_a_place_no_sun_is_foreseen() -> None:
    async with client(forecast=None) as it:
        body = await it.get("/api/v1/forecast")
        assert body["reason"] == "nobody foresees the sun; see [forecast]"
        assert {slot["pv_w"] for slot in body["slots"]} == {None}


async def test_a_backup_hold_is_planned_for_beats_the_price_and_is_not_pinned_against() -> None:
    async with client() as it:
        await it.home.until_planned()
        hub, begun = it.home.hub, it.home.hub.clock.now()
        for keeper in hub.keepers.values():
            keeper.config = keeper.config.model_copy(update={"control": True})
        until = quarter_of(begun) + 20 * QUARTER
        pinned = quarter_of(begun) + 4 * QUARTER
        hub.planner.pin(pinned, pinned + QUARTER, Pin(Action.DISCHARGE, 500))
        await it.home.until_planned("the owner wants it otherwise")
        await it.post("/api/v1/steering/backup", {"until": until.isoformat(), "charge_pct": 95}, status=200)
        await it.home.until_planned("the owner wants it otherwise")
        slots = (await it.get("/api/v1/plan"))["slots"]
        held, free = slots[:20], slots[20:]
        assert {slot["mode"] for slot in held} == {"charge", "hold"}
        assert all("everything is kept for an outage until 2026-06-21 " in slot["reason"] for slot in held)
        assert not any(slot["pinned"] for slot in held)
        assert max(slot["battery_w"] for slot in held) <= 0
        assert held[-1]["soc_pct"]["p50"] >= 93  # and the sun does the rest
        assert not any("outage" in slot["reason"] for slot in free)
        assert min(slot["soc_pct"]["p50"] for slot in free) < 90  # it is used once the hold is over
        ahead = {"slot": (pinned + QUARTER).isoformat(), "mode": "discharge"}
        assert "kept for an outage" in (await it.post("/api/v1/plan/pin", ahead, status=409))["detail"]
        await it.post("/api/v1/plan/pin", {**ahead, "slot": until.isoformat()})
        headers = {"Authorization": f"Bearer {tokens()[Role.CONTROL]}"}
        async with it.session.delete(f"{it.url}/api/v1/steering/backup", headers=headers) as answer:
            assert answer.status == 200
        await it.home.until_planned("the owner wants it otherwise")
        slots = (await it.get("/api/v1/plan"))["slots"]
        assert [slot["mode"] for slot in slots if slot["start"] == pinned.isoformat().replace("+00:00", "Z")] == ["discharge"]
        assert not any("outage" in slot["reason"] for slot in slots)
