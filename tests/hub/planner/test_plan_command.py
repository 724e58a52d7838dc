"""`indevolt plan` asks a hub that plans."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

from click.testing import CliRunner

from indevolt.cli.app import cli
from indevolt.hub.api import create_app, served
from indevolt.hub.config import ApiConfig
from indevolt.hub.config_tariff import TimeOfUseTariff
from planner.planhome import PlanHome, plan_home

NIGHT_RATE = TimeOfUseTariff.model_validate(
    {
        "kind": "time_of_use",
        "import_price": 0.40,
        "export_price": 0.08,
        "bands": [{"start": "00:00", "end": "06:00", "import_price": 0.15}],
    }
)


async def ask(home: PlanHome, *words: str, code: int = 0) -> str:
    """Run the command in a thread of its own, while the hub answers here."""
    hub = replace(home.hub, config=home.hub.config.model_copy(update={"api": ApiConfig(port=0)}))
    async with served(hub, create_app(hub)) as url:
        asked = [*words, "--hub", url]
        ran = await asyncio.to_thread(lambda: CliRunner().invoke(cli, asked, prog_name="indevolt"))
    assert ran.exit_code == code, ran.stderr
    return ran.stderr if code else ran.stdout


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


async def test_the_past_of_a_hub_is_lived_again_at_its_own_prices_with_its_own_battery() -> None:
    async with plan_home(service=False, tariff=NIGHT_RATE, history_days=5) as home:
        told = json.loads(await ask(home, "backtest", "--days", "2", "--json"))
        assert (told["days"], told["currency"]) == (1, "EUR")
        assert told["battery"]["capacity_wh"] == home.it.keeper.latest.value("rated_capacity")
        saved = {name: each["saved_per_day"] for name, each in told["methods"].items()}
        assert list(saved) == ["no_battery", "self_use", "rule", "plan", "foresight"]
        assert saved["foresight"] + 5e-3 >= saved["plan"] > saved["self_use"]
        assert "prices or batteries of this hub are simulated" not in told["notes"]
        shown = await ask(home, "backtest", "--days", "2", "--capacity", "8000")
        assert shown.startswith("1 days, in EUR;")
        assert "a battery of 8000 Wh" in shown


async def test_a_hub_without_history_or_prices_says_what_is_missing() -> None:
    async with plan_home(service=False, tariff=NIGHT_RATE, history_days=0) as home:
        assert "the hub has no history of its site" in await ask(home, "backtest", code=2)
    async with plan_home(service=False, tariff=None) as home:
        assert "the hub knows no prices: no tariff is configured" in await ask(home, "backtest", code=2)
    async with plan_home(service=False, tariff=NIGHT_RATE, history_days=1) as home:
        assert "have history without a long gap, and prices" in await ask(home, "backtest", code=2)


async def test_what_is_given_for_a_file_is_refused_for_a_hub() -> None:
    async with plan_home(service=False) as home:
        assert "the hub knows its own" in await ask(home, "plan", "--capacity", "8000", code=2)
