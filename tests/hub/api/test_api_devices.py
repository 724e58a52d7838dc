"""Devices through the API: who they are, what they say and how much that is worth, what their quantities mean."""

from __future__ import annotations

import asyncio

import pytest

from api.apihome import DEVICE, ApiHome, until
from indevolt.hub.api.devices import MOST_WAITING
from indevolt.hub.tokens import Role


async def test_devices_are_listed_by_name(it: ApiHome) -> None:
    answer = await it.ask("/api/v1/devices")
    assert answer.status == 200
    assert [device["name"] for device in answer.json["devices"]] == ["attic", "cellar"]
    attic, cellar = answer.json["devices"]
    assert (cellar["link"], cellar["serial"], cellar["family"], cellar["control"]) == ("online", it.simulator.serial, "gen2", True)
    assert (attic["link"], attic["family"], attic["serial"]) == ("connecting", "", "")


async def test_a_long_list_comes_in_pages_that_link_to_each_other(it: ApiHome) -> None:
    first = await it.ask("/api/v1/devices?limit=1")
    assert [device["name"] for device in first.json["devices"]] == ["attic"]
    assert first.headers["link"] == '</api/v1/devices?limit=1&after=attic>; rel="next"'
    second = await it.ask("/api/v1/devices?limit=1&after=attic")
    assert [device["name"] for device in second.json["devices"]] == ["cellar"]
    assert "link" not in second.headers


async def test_a_device_tells_its_limits_with_their_cause_and_how_it_answers(it: ApiHome) -> None:
    body = (await it.ask(DEVICE)).json
    assert body["limits"]["charge"]["unit"] == "W"
    assert body["limits"]["charge"]["cause"]
    assert body["health"]["requests"] > 3
    assert 0 < body["health"]["budget_used"] < 1
    assert body["trouble"] is None


async def test_the_trouble_of_a_device_that_is_away_comes_with_a_remedy(it: ApiHome) -> None:
    await it.clock.advance(120)
    body = (await it.ask("/api/v1/devices/attic")).json
    assert body["link"] == "silent"
    assert "nobody answers" in body["trouble"]["detail"]
    assert body["trouble"]["remedy"]
    assert body["limits"] is None


async def test_values_come_with_unit_time_age_and_quality(it: ApiHome) -> None:
    answer = await it.ask(f"{DEVICE}/readings?names=battery_power,battery_soc,pack3_soc,house_power")
    values = answer.json["values"]
    assert set(values) == {"battery_power", "battery_soc", "pack3_soc", "house_power"}
    assert values["battery_soc"]["quality"] == "live"
    assert values["battery_soc"]["unit"] == "%"
    assert 0 <= values["battery_soc"]["age_s"] < 8
    assert values["house_power"]["value"] == pytest.approx(700, abs=5)
    assert values["pack3_soc"] | {"at": "", "age_s": 0} == {
        "value": None,
        "unit": "%",
        "at": "",
        "age_s": 0,
        "quality": "not installed",
    }


async def test_an_old_value_says_so(it: ApiHome) -> None:
    it.simulator.faults.add("silent")
    await it.clock.advance(120)
    body = (await it.ask(f"{DEVICE}/readings?names=battery_soc")).json
    assert body["link"] == "silent"
    assert body["values"]["battery_soc"]["quality"] == "offline"
    assert body["values"]["battery_soc"]["age_s"] > 60
    assert body["values"]["battery_soc"]["value"] == 55


async def test_readings_of_all_devices_come_at_once(it: ApiHome) -> None:
    body = (await it.ask("/api/v1/readings?names=battery_soc")).json
    assert {each["device"]: len(each["values"]) for each in body["readings"]} == {"cellar": 1, "attic": 0}


async def test_a_reading_can_be_asked_to_be_fresh(it: ApiHome) -> None:
    await it.clock.advance(4)
    known = (await it.ask(f"{DEVICE}/readings?names=pack1_soc")).json
    assert known["values"]["pack1_soc"]["age_s"] > 3
    fresh = await it.ask_while_time_passes(f"{DEVICE}/readings?names=pack1_soc&max_age_s=2")
    assert fresh.json["values"]["pack1_soc"]["age_s"] <= 2


async def test_a_crowd_that_waits_for_a_slow_device_is_told_to_come_back(it: ApiHome) -> None:
    it.simulator.faults.add("slow:3")
    path = f"{DEVICE}/readings?names=pack1_soc&max_age_s=0"
    crowd = [asyncio.create_task(it.ask(path)) for _ in range(MOST_WAITING)]
    await until(lambda: it.app.state.waiting["cellar"] == MOST_WAITING)
    late = await it.ask(path)
    assert (late.status, late.headers["retry-after"]) == (429, "5")
    while not all(task.done() for task in crowd):
        await it.clock.advance(0.5)
    assert {task.result().status for task in crowd} == {200}


async def test_a_wrong_method_is_told_the_right_ones(it: ApiHome) -> None:
    answer = await it.ask(f"{DEVICE}/settings/backup_soc", method="DELETE", role=Role.CONTROL)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, PUT")


@pytest.mark.parametrize(
    ("path", "status", "kind", "facts"),
    [
        ("/api/v1/devices/barn", 404, "no-such-device", "the hub has no device 'barn'"),
        (f"{DEVICE}/readings?names=batery_soc", 422, "invalid-input", "cellar has no quantity 'batery_soc'"),
        (f"{DEVICE}/readings?names=,", 422, "invalid-input", "0 names"),
        (f"{DEVICE}/readings?max_age_s=1", 422, "invalid-input", "names are missing"),
        ("/api/v1/readings?devices=barn", 404, "no-such-device", "the hub has no device 'barn'"),
        ("/api/v1/devices/attic/points", 503, "unreachable", "attic has not been reached yet"),
        ("/api/v1/devices?limit=0", 422, "invalid-input", "query.limit"),
        ("/api/v1/nothing", 404, "not-found", "Not Found"),
    ],
)
async def test_what_cannot_be_told_is_a_problem_with_the_next_step(
    it: ApiHome, path: str, status: int, kind: str, facts: str
) -> None:
    answer = await it.ask(path)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["type"] == f"urn:indevolt:{kind}"
    assert facts in answer.json["detail"]
    assert answer.json["remedy"]


async def test_a_misspelled_name_gets_the_nearest_ones(it: ApiHome) -> None:
    assert "Did you mean battery_soc" in (await it.ask(f"{DEVICE}/readings?names=batery_soc")).json["remedy"]


async def test_every_mistake_of_a_request_is_named_with_field_value_and_range(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/history?names=battery_soc&step=often&start=yesterday&aggregate=sum")).json
    errors = {each["field"]: each for each in body["errors"]}
    assert set(errors) == {"query.step", "query.start", "query.aggregate"}
    assert errors["query.aggregate"]["value"] == "sum"
    assert "'mean'" in errors["query.aggregate"]["allowed"]


async def test_points_tell_what_each_quantity_means_and_what_may_be_written(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/points")).json
    points = {each["name"]: each for each in body["points"]}
    assert points["backup_soc"]["settable"]
    assert (points["backup_soc"]["low"], points["backup_soc"]["high"], points["backup_soc"]["unit"]) == (0, 100, "%")
    assert points["mode"]["words"][0] == "self_use"
    assert points["battery_power"]["tier"] == "power"
    assert points["energy_charge"]["source"] == "the hub"
    assert points["device_sn"]["history"] is False


async def test_what_a_client_has_already_is_not_sent_again(it: ApiHome) -> None:
    path = f"{DEVICE}/readings?names=battery_soc"
    first = await it.ask(path)
    again = await it.ask(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    await it.clock.advance(6)  # read anew, so it is another reading
    later = await it.ask(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert later.status == 200
    assert later.headers["etag"] != first.headers["etag"]


# ---- packs and settings ----------------------------------------------------------------------------------------------------------


async def test_packs_are_told_with_their_cells_and_those_that_are_not_there_say_so(it: ApiHome) -> None:
    await it.clock.advance(70)
    packs = {pack["part"]: pack for pack in (await it.ask(f"{DEVICE}/packs")).json["packs"]}
    assert [name for name, pack in packs.items() if pack["installed"]] == ["main", "pack1"]
    assert packs["pack1"]["serial"]
    assert packs["pack1"]["values"]["pack1_soc"]["quality"] == "live"
    cells = [packs["pack1"]["values"][f"pack1_cell{number}_voltage"]["value"] for number in (1, 2)]
    assert packs["pack1"]["cell_spread_v"] == pytest.approx(max(cells) - min(cells), abs=1e-4)
    assert packs["pack2"]["values"] == {}
    assert packs["pack2"]["cell_spread_v"] is None


async def test_points_say_which_pack_they_are_of(it: ApiHome) -> None:
    points = {point["name"]: point for point in (await it.ask(f"{DEVICE}/points")).json["points"]}
    assert (points["pack1_soc"]["part"], points["battery_soc"]["part"]) == ("pack1", "")


async def test_a_setting_tells_its_last_write_and_how_many_there_were(it: ApiHome) -> None:
    never = (await it.ask(f"{DEVICE}/settings/backup_soc")).json
    assert (never["last_write"], never["writes_today"], never["writes_ever"]) == (None, 0, 0)
    await it.control("settings/backup_soc", {"value": 20, "reason": "storm"}, method="PUT")
    await it.control("settings/backup_soc", {"value": 25}, method="PUT")
    it.clock.tick(24 * 3600)
    await it.clock.advance(30)
    await it.control("settings/backup_soc", {"value": 30, "reason": "again"}, method="PUT")
    settings = {each["name"]: each for each in (await it.ask(f"{DEVICE}/settings")).json["settings"]}
    known = settings["backup_soc"]
    assert (known["writes_today"], known["writes_ever"]) == (1, 3)
    assert known["last_write"]["actor"] == "api control"
    assert (known["last_write"]["stage"], known["last_write"]["reason"]) == ("confirmed", "again")
    entry = (await it.ask(f"/api/v1/journal?after={known['last_write']['entry'] - 1}&limit=1")).json["entries"][0]
    assert entry["text"].startswith("backup_soc = 30")
    assert settings["mode"]["writes_ever"] == 0
