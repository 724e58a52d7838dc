"""A key holds over a restart of the hub: the answer is the same, nothing is sent twice, and what nobody knows is said."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from api.apihome import DEVICE, PATIENCE_S, ApiHome
from indevolt.hub.api import create_app, served
from indevolt.hub.tokens import Role

SETTING = f"{DEVICE}/settings/backup_soc"


def order(value: int = 20, key: str = "a-1") -> dict[str, Any]:
    return {"method": "PUT", "role": Role.CONTROL, "json": {"value": value}, "headers": {"Idempotency-Key": key}}


async def ask_anew(it: ApiHome, **order: Any) -> Any:
    """Ask an API that was started anew, on the same store."""
    async with served(it.hub, create_app(it.hub)) as url:
        anew = ApiHome(it.hub, it.clock, it.simulator, url, it.session, it.app)
        return await anew.ask_while_time_passes(SETTING, **order)


def writes(it: ApiHome) -> int:
    return it.hub.keeper("cellar").health.writes


async def test_the_same_key_gives_the_same_answer_after_a_restart(it: ApiHome) -> None:
    first = await it.ask_while_time_passes(SETTING, **order())
    sent = writes(it)
    again = await ask_anew(it, **order())
    assert (again.status, again.json) == (first.status, first.json)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert writes(it) == sent == 1


async def test_after_a_restart_a_key_is_still_of_one_request_only(it: ApiHome) -> None:
    await it.ask_while_time_passes(SETTING, **order())
    answer = await ask_anew(it, **order(30))
    assert (answer.status, answer.json["type"]) == (422, "urn:indevolt:idempotency-key-reused")
    assert it.simulator.get("backup_soc") == 20


async def test_after_a_restart_and_a_day_a_key_is_forgotten(it: ApiHome) -> None:
    await it.ask_while_time_passes(SETTING, **order())
    it.clock.tick(25 * 3600)
    await it.clock.advance(30)
    assert (await ask_anew(it, **order(30))).status == 200
    assert it.simulator.get("backup_soc") == 30


async def test_what_was_not_sent_may_be_tried_again_after_a_restart(it: ApiHome) -> None:
    assert (await it.ask_while_time_passes(SETTING, **order(101))).status == 422
    assert (await ask_anew(it, **order(30))).status == 200


@pytest.mark.parametrize("value", [20, 30])
async def test_of_a_write_that_the_hub_did_not_survive_nobody_knows_what_became_of_it(it: ApiHome, value: int) -> None:
    application = create_app(it.hub)
    async with served(it.hub, application) as url:
        first = ApiHome(it.hub, it.clock, it.simulator, url, it.session, application)
        asking = asyncio.create_task(first.ask(SETTING, **order()))
        async with asyncio.timeout(PATIENCE_S):
            while not any(text.startswith("asked for") for text in await it.journal()):  # noqa: ASYNC110 - the store has no event
                await asyncio.sleep(0)
    with suppress(aiohttp.ClientError):  # the hub hung up on it
        await asking
    answer = await ask_anew(it, **order(value))
    if value == 20:
        assert (answer.status, answer.json["type"]) == (504, "urn:indevolt:interrupted")
        assert "journal" in answer.json["remedy"]
    else:
        assert answer.status == 422
