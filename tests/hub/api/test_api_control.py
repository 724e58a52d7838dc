"""Settings and commands through the API: who may, what is sent, what became of it, and that nothing is sent twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.apihome import DEVICE, ApiHome, api_home, until
from indevolt.hub.tokens import Role

CONTROL = "/settings/backup_soc"


def writes(it: ApiHome) -> int:
    return it.hub.keepers["cellar"].health.writes


async def test_settings_are_listed_with_value_and_range(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/settings")).json
    assert body["control"] is True
    settings = {each["name"]: each for each in body["settings"]}
    assert (settings["backup_soc"]["value"], settings["backup_soc"]["range"]) == (10, "0 to 100 %")
    assert settings["mode"]["value"] == "self_use"
    assert "battery_power" not in settings


async def test_one_setting_is_told(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}{CONTROL}")).json
    assert (body["name"], body["value"], body["quality"]) == ("backup_soc", 10, "live")


async def test_a_setting_that_the_device_shows_is_confirmed(it: ApiHome) -> None:
    answer = await it.control("settings/backup_soc", {"value": 20, "reason": "storm warning"}, method="PUT")
    assert answer.status == 200
    assert answer.json | {"took_s": 0} == {
        "stage": "confirmed",
        "proven": True,
        "wanted": {"backup_soc": 20},
        "before": {"backup_soc": 10},
        "shown": {"backup_soc": 20},
        "took_s": 0,
        "notes": [],
    }
    assert it.simulator.get("backup_soc") == 20
    entry = (await it.hub.store.entries(kinds=["write"]))[-1]
    assert (entry.actor, entry.data["reason"]) == ("api control", "storm warning")


async def test_a_command_that_moves_the_power_is_effective(it: ApiHome) -> None:
    answer = await it.control("commands/charge", {"power_w": 2400, "soc_pct": 90})
    assert answer.status == 200
    assert answer.json["stage"] == "effective"
    assert any("power lowered from 2400 W to 2000 W" in note for note in answer.json["notes"])


@pytest.mark.parametrize(
    ("path", "body", "mode"),
    [
        ("commands/discharge", {"power_w": 500, "soc_pct": 20}, "realtime"),
        ("commands/hold", {}, "realtime"),
        ("commands/hold", None, "realtime"),
        ("commands/self-use", {"reason": "done"}, "self_use"),
        ("commands/schedule", {}, "schedule"),
    ],
)
async def test_every_command_is_carried_out(it: ApiHome, path: str, body: Any, mode: str) -> None:
    answer = (
        await it.ask_while_time_passes(f"{DEVICE}/{path}", method="POST", role=Role.CONTROL)
        if body is None
        else await it.control(path, body)
    )
    assert answer.status == 200
    assert answer.json["proven"]
    assert it.simulator.get("mode") == mode


async def test_a_refusal_of_the_device_is_a_conflict_that_carries_the_outcome(it: ApiHome) -> None:
    it.simulator.faults.add("refuse")
    answer = await it.control("settings/backup_soc", {"value": 20}, method="PUT")
    assert answer.status == 409
    assert answer.json["type"] == "urn:indevolt:refused"
    assert answer.json["outcome"]["stage"] == "refused"


async def test_what_is_taken_but_not_shown_is_only_accepted() -> None:
    async with api_home(simulator={"lag_s": 1000.0}) as it:
        answer = await it.control("settings/backup_soc", {"value": 20}, method="PUT")
    assert answer.status == 202
    assert (answer.json["stage"], answer.json["proven"]) == ("accepted", False)


async def test_when_nobody_knows_what_became_of_it_the_answer_says_so(it: ApiHome) -> None:
    request = asyncio.create_task(it.control("settings/backup_soc", {"value": 20}, method="PUT"))
    await until(lambda: writes(it))
    it.simulator.faults.add("silent")
    answer = await request
    assert answer.status == 504
    assert answer.json["type"] == "urn:indevolt:interrupted"
    assert answer.json["outcome"]["stage"] == "interrupted"


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "facts"),
    [
        ("settings/backup_soc", "PUT", {"value": 101}, 422, "backup_soc: 101 % is out of range"),
        ("settings/backup_soc", "PUT", {"value": "much"}, 422, "'much' is not a number"),
        ("settings/backup_soc", "PUT", {"value": 1e300}, 422, "body.value"),
        ("settings/backup_soc", "PUT", {"worth": 1}, 422, "body.value"),
        ("settings/backup_soc", "PUT", {"value": 20, "force": True}, 422, "body.force"),
        ("settings/battery_soc", "PUT", {"value": 20}, 404, "battery_soc is no setting"),
        ("settings/gravity", "PUT", {"value": 20}, 404, "no quantity 'gravity'"),
        ("commands/charge", "POST", {"power_w": 20_000}, 422, "realtime_power: 20000 W is out of range"),
        ("commands/charge", "POST", {"power_w": -5}, 422, "body.power_w"),
        ("commands/explode", "POST", {}, 422, "path.command"),
    ],
)
async def test_what_makes_no_sense_is_never_sent(
    it: ApiHome, path: str, method: str, *, body: Any, status: int, facts: str
) -> None:
    answer = await it.control(path, body, method=method)
    assert (answer.status, facts in answer.json["detail"]) == (status, True), answer.json
    assert answer.json["remedy"]
    assert writes(it) == 0


async def test_a_device_whose_owner_did_not_allow_it_is_not_written_to() -> None:
    async with api_home(control=False) as it:
        answer = await it.control("commands/charge", {"power_w": 800})
        assert answer.status == 403
        assert answer.json["type"] == "urn:indevolt:read-only"
        assert "control = true" in answer.json["remedy"]
        assert writes(it) == 0
        assert (await it.ask(f"{DEVICE}/settings")).json["control"] is False


async def test_a_device_that_was_never_reached_cannot_be_commanded(it: ApiHome) -> None:
    answer = await it.ask("/api/v1/devices/attic/commands/hold", method="POST", role=Role.CONTROL, json={})
    assert answer.status == 403  # it is read-only as well, which is said first
    plan = await it.ask("/api/v1/devices/attic/commands/hold?dry_run=true", method="POST", role=Role.CONTROL, json={})
    assert plan.status == 503
    assert plan.headers["retry-after"]


# ---- plans -----------------------------------------------------------------------------------------------------------------------


async def test_a_plan_shows_the_exact_writes_and_sends_none(it: ApiHome) -> None:
    answer = await it.control("commands/charge?dry_run=true", {"power_w": 2400, "soc_pct": 90})
    assert answer.status == 200
    assert answer.json["dry_run"] is True
    first, second = answer.json["steps"]
    assert (first["wanted"], first["sent"]) == ({"mode": "realtime"}, True)
    assert (second["point"], second["values"]) == (47015, [1, 2000, 90])
    assert "power lowered from 2400 W to 2000 W" in answer.json["notes"][0]
    assert answer.json["limits"]["charge"]["value"] == 2000
    assert writes(it) == 0


async def test_a_plan_of_a_setting_shows_what_would_be_sent(it: ApiHome) -> None:
    answer = await it.control("settings/backup_soc?dry_run=true", {"value": 20}, method="PUT")
    assert answer.json["steps"] == [{"point": 1142, "values": [20], "wanted": {"backup_soc": 20}, "sent": True}]
    assert it.simulator.get("backup_soc") == 10


async def test_a_plan_needs_no_consent_of_the_owner() -> None:
    async with api_home(control=False) as it:
        answer = await it.control("commands/hold?dry_run=true", {})
    assert answer.status == 200


# ---- once, and not too often -----------------------------------------------------------------------------------------------------


async def test_a_repeated_request_with_the_same_key_is_answered_and_not_sent_again(it: ApiHome) -> None:
    sent: dict[str, Any] = {"body": {"value": 20}, "method": "PUT", "headers": {"Idempotency-Key": "a-1"}}
    first = await it.control("settings/backup_soc", **sent)
    again = await it.control("settings/backup_soc", **sent)
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert writes(it) == 1


async def test_two_at_once_with_the_same_key_are_one_write(it: ApiHome) -> None:
    sent: dict[str, Any] = {"method": "PUT", "role": Role.CONTROL, "json": {"value": 20}, "headers": {"Idempotency-Key": "a-1"}}
    both = [asyncio.create_task(it.ask_while_time_passes(f"{DEVICE}{CONTROL}", **sent)) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert first.body == second.body
    assert writes(it) == 1


async def test_a_key_that_was_used_for_something_else_is_refused(it: ApiHome) -> None:
    headers = {"Idempotency-Key": "a-1"}
    await it.control("settings/backup_soc", {"value": 20}, method="PUT", headers=headers)
    answer = await it.control("settings/backup_soc", {"value": 30}, method="PUT", headers=headers)
    assert answer.status == 422
    assert answer.json["type"] == "urn:indevolt:idempotency-key-reused"
    assert it.simulator.get("backup_soc") == 20


async def test_a_key_is_forgotten_after_a_day(it: ApiHome) -> None:
    headers = {"Idempotency-Key": "a-1"}
    await it.control("settings/backup_soc", {"value": 20}, method="PUT", headers=headers)
    it.clock.tick(25 * 3600)
    await it.clock.advance(30)
    answer = await it.control("settings/backup_soc", {"value": 30}, method="PUT", headers=headers)
    assert answer.status == 200
    assert it.simulator.get("backup_soc") == 30


async def test_what_was_not_sent_may_be_tried_again_with_the_same_key(it: ApiHome) -> None:
    headers = {"Idempotency-Key": "a-1"}
    wrong = await it.control("settings/backup_soc", {"value": 101}, method="PUT", headers=headers)
    assert wrong.status == 422
    right = await it.control("settings/backup_soc", {"value": 20}, method="PUT", headers=headers)
    assert right.status == 200


async def test_a_write_goes_on_when_its_caller_hangs_up(it: ApiHome) -> None:
    task = asyncio.create_task(it.ask(f"{DEVICE}{CONTROL}", method="PUT", role=Role.CONTROL, json={"value": 20}))
    await until(lambda: it.app.state.desk.busy)
    task.cancel()
    await asyncio.wait([task])
    await it.clock.advance(40)
    assert any(text.endswith("backup_soc = 20: confirmed") for text in await it.journal())


async def test_too_many_writes_are_told_to_wait() -> None:
    async with api_home(api={"commands_per_minute": 6}) as it:
        path = "settings/backup_soc?dry_run=true"
        answers = [await it.control(path, {"value": 20}, method="PUT") for _ in range(3)]
        assert [each.status for each in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
        other = await it.ask(f"{DEVICE}/{path}", method="PUT", role=Role.ADMIN, json={"value": 20})
        assert other.status == 200
        await it.clock.advance(11)
        assert (await it.control(path, {"value": 20}, method="PUT")).status == 200
