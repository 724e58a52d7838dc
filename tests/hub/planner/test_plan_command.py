"""`indevolt plan` asks a hub that plans."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from click.testing import CliRunner

from indevolt.cli.app import cli
from indevolt.hub.api import create_app, served
from indevolt.hub.config import ApiConfig
from planner.planhome import PlanHome, plan_home


async def ask(home: PlanHome, *words: str) -> str:
    """Run the command in a thread of its own, while the hub answers here."""
    hub = replace(home.hub, config=home.hub.config.model_copy(update={"api": ApiConfig(port=0)}))
    async with served(hub, create_app(hub)) as url:
        asked = [*words, "--hub", url]
        ran = await asyncio.to_thread(lambda: CliRunner().invoke(cli, asked, prog_name="indevolt"))
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout


async def test_a_plan_is_told_with_reasons_and_what_it_is_worth() -> None:
    async with plan_home() as home:
        await home.until_planned()
        shown = await ask(home, "plan")
        assert shown.startswith("plan of 2026-06-21 12:0")
        assert "simulated" in shown.splitlines()[0]
        assert "Why" in shown.splitlines()[1]
        assert "against no battery" in shown
        told = json.loads(await ask(home, "plan", "--json"))
        assert len(told["slots"]) == 48


async def test_a_what_if_changes_nothing() -> None:
    async with plan_home() as home:
        await home.until_planned()
        before = home.hub.planner.plan
        shown = await ask(home, "plan", "--reserve", "60", "--no-battery")
        assert "only a what-if" in shown.splitlines()[0]
        assert "no battery" in shown
        assert "Why" not in shown
        assert home.hub.planner.plan is before


async def test_without_a_plan_the_hub_says_why() -> None:
    async with plan_home(tariff=None) as home:
        shown = await ask(home, "plan")
        assert "no plan: " in shown
