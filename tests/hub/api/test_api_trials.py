"""A trial over REST: who may have one, and what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.apihome import DEVICE, ApiHome, api_home
from indevolt.hub.tokens import Role


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[ApiHome]:
    async with api_home(leases=tmp_path) as home:
        yield home


async def test_before_the_first_nothing_is_known(it: ApiHome) -> None:
    body = (await it.ask(f"{DEVICE}/trial")).json
    assert body == {
        "device": "cellar",
        "running": False,
        "at": None,
        "actor": None,
        "step": None,
        "finding": None,
        "trouble": None,
    }


async def test_a_trial_is_begun_told_and_ends(it: ApiHome) -> None:
    begun = await it.control("trial", {"silence": False})
    assert begun.status == 202
    assert (begun.json["running"], begun.json["actor"]) == (True, "api control")
    again = await it.control("trial", {"silence": False})
    assert again.status == 422
    assert "being tried already" in again.json["detail"]
    for _ in range(600):
        await it.clock.advance(1)
        if not it.hub.trials.states["cellar"].running:
            break
    body = (await it.ask(f"{DEVICE}/trial")).json
    assert body["running"] is False
    assert body["trouble"] is None
    assert body["finding"]["sign"] in {"right", "unknown"}
    assert body["finding"]["dynamics"]["dead_s"] >= 0


async def test_who_may_only_read_begins_none(it: ApiHome) -> None:
    assert (await it.ask(f"{DEVICE}/trial", method="POST", role=Role.READ, json={})).status == 403
    assert (await it.ask(f"{DEVICE}/trial", method="POST", json={})).status == 401
    assert "cellar" not in it.hub.trials.states
