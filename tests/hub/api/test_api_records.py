"""Journal, alerts and the hub itself through the API."""

from __future__ import annotations

import csv
import io
import json

import pytest

from api.apihome import ApiHome
from indevolt.hub.alerts import What
from indevolt.hub.journal import Kind


async def note(it: ApiHome, count: int, text: str = "note") -> None:
    for number in range(count):
        await it.hub.journal.note(Kind.HUB, f"{text} {number}", number=number)


async def test_the_journal_is_told_in_order_with_everything_it_knows(it: ApiHome) -> None:
    body = (await it.ask("/api/v1/journal?kind=connection&device=cellar")).json
    first = body["entries"][0]
    assert first["text"].startswith("reached")
    assert (first["kind"], first["device"], first["actor"]) == ("connection", "cellar", "hub")
    assert first["data"]["evidence"]
    assert body["next_after"] is None


async def test_the_journal_comes_in_pages_that_lead_to_each_other(it: ApiHome) -> None:
    await note(it, 25)
    path, seen = "/api/v1/journal?kind=hub&limit=10", []
    while path:
        answer = await it.ask(path)
        seen += [entry["data"]["number"] for entry in answer.json["entries"]]
        link = answer.headers.get("link", "")
        path = link.partition("<")[2].partition(">")[0]
    assert seen == list(range(25))


async def test_the_newest_of_the_journal_come_first_when_they_are_asked_for(it: ApiHome) -> None:
    await note(it, 25)
    path, seen, turns = "/api/v1/journal?kind=hub&limit=10&order=newest", [], []
    while path:
        answer = await it.ask(path)
        seen += [entry["data"]["number"] for entry in answer.json["entries"]]
        turns.append((answer.json["next_before"] is None, answer.json["next_after"]))
        path = answer.headers.get("link", "").partition("<")[2].partition(">")[0]
    assert seen == list(range(24, -1, -1))
    assert turns == [(False, None), (False, None), (True, None)]


async def test_the_journal_of_one_actor_and_of_the_hub_itself_is_told(it: ApiHome) -> None:
    await it.hub.journal.note(Kind.WRITE, "backup_soc 10 -> 20", device="cellar", actor="ann")
    await it.hub.journal.note(Kind.WRITE, "backup_soc 20 -> 30", device="cellar", actor="token:ben")
    await note(it, 1)

    async def texts(query: str) -> list[str]:
        return [entry["text"] for entry in (await it.ask(f"/api/v1/journal?{query}")).json["entries"]]

    assert await texts("actor=ann") == ["backup_soc 10 -> 20"]
    assert await texts("actor=token:ben&device=cellar") == ["backup_soc 20 -> 30"]
    assert await texts("device=&kind=hub") == ["note 0"]


async def test_the_journal_of_a_span_of_time_is_told(it: ApiHome) -> None:
    await it.clock.advance(3600)
    await note(it, 1, "later")
    body = (await it.ask("/api/v1/journal?start=2026-06-21T10:30:00Z&kind=hub")).json
    assert [entry["text"] for entry in body["entries"]] == ["later 0"]


async def test_the_whole_journal_is_given_out_as_lines(it: ApiHome) -> None:
    await note(it, 1500)
    answer = await it.ask("/api/v1/journal/export?kind=hub")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.body.splitlines()]
    assert [line["data"]["number"] for line in lines] == list(range(1500))
    newest = await it.ask("/api/v1/journal/export?kind=hub&order=newest")
    assert newest.body.splitlines() == answer.body.splitlines()[::-1]


async def test_the_journal_as_csv_is_harmless_in_a_spreadsheet(it: ApiHome) -> None:
    await it.hub.journal.note(Kind.HUB, '=HYPERLINK("http://evil.example")')
    answer = await it.ask("/api/v1/journal/export?format=csv&kind=hub")
    assert answer.headers["content-disposition"] == 'attachment; filename="journal.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row["text"] == '\'=HYPERLINK("http://evil.example")'


@pytest.mark.parametrize(
    "query",
    ["kind=gossip", "after=-1", "limit=0", "limit=5000", "device=../x", "order=loudest", "before=0", "after=99999999999999999999"],
)
async def test_a_journal_that_there_is_not_is_refused(it: ApiHome, query: str) -> None:
    assert (await it.ask(f"/api/v1/journal?{query}")).status == 422


async def test_alerts_tell_what_needs_attention_now(it: ApiHome) -> None:
    await it.hub.alerts.begin(What.STORE, "the disk is full")
    (alert,) = (await it.ask("/api/v1/alerts")).json["alerts"]
    assert (alert["what"], alert["text"], alert["device"]) == ("store", "the disk is full", "")
    for _ in range(2):  # an alert ends when what it is about has stayed away for a while
        await it.hub.alerts.end(What.STORE)
        await it.clock.advance(300)
    assert (await it.ask("/api/v1/alerts")).json["alerts"] == []


async def test_the_hub_tells_how_it_is(it: ApiHome) -> None:
    body = (await it.ask("/api/v1/health")).json
    assert body["store"]["state"] == "ok"
    assert body["devices"] == {"online": 1, "connecting": 1}
    assert body["ready"] is False


async def test_the_hub_is_ready_when_every_device_has_been_tried(it: ApiHome) -> None:
    answer = await it.ask("/api/v1/health/ready")
    assert answer.status == 503
    assert "attic not tried yet" in answer.json["detail"]
    await it.clock.advance(120)
    assert (await it.ask("/api/v1/health/ready")).status == 200


async def test_the_hub_tells_what_it_is(it: ApiHome) -> None:
    body = (await it.ask("/api/v1/meta")).json
    assert body["name"] == "indevolt"
    assert body["time_zone"] == "Europe/Berlin"
    assert body["today"] == "2026-06-21"
    assert body["simulated"] is False
