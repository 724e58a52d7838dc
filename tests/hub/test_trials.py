"""Commissioning in the hub: a trial with the hub's own meter, what it proves, and everything back as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from steered_house import NAME, House, Steered

from indevolt.battery import Charge
from indevolt.control.commission import Sign
from indevolt.control.situation import Dynamics
from indevolt.errors import IndevoltError, InvalidInput, NoSuchDevice
from indevolt.hub.config_meters import HomeWizardMeter
from indevolt.hub.meters.meter import Meter
from indevolt.hub.meters.told import Told
from indevolt.hub.steer.trials import TrialState, kept_dynamics
from indevolt.simulator import LIFELIKE


def house(folder: Path) -> House:
    return House(folder, response=LIFELIKE)


@asynccontextmanager
async def metered(home: House, steered: Steered, *, sign: float = 1.0) -> AsyncIterator[Meter]:
    """Give the hub a meter of its own, which tells every second what flows."""
    meter = Meter(HomeWizardMeter(name="grid", kind="homewizard", host="127.0.0.1"))
    steered.hub.meters.add(meter)

    async def tell() -> None:
        while True:
            home.simulator.site.advance()
            power_w = sign * home.simulator.site.grid_w
            meter.take(Told(power_w), home.clock.now(), home.clock.monotonic())
            await home.clock.sleep(1)

    telling = asyncio.create_task(tell())
    try:
        yield meter
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def tried(steered: Steered, *, silence: bool = False) -> TrialState:
    """Have the unit tried and wait until that is done."""
    steered.hub.trials.ask(steered.hub, NAME, actor="api anna", silence=silence)
    return await until_done(steered)


async def until_done(steered: Steered) -> TrialState:
    """Wait until the unit is not tried any more."""
    states = steered.hub.trials.states

    async def done() -> TrialState:
        while states[NAME].running:
            await steered.clock.sleep(1)
        return states[NAME]

    return await steered.passing(done())


async def test_a_trial_proves_the_meter_and_finds_how_the_unit_answers(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered) as meter:
        assert meter.sign is None
        state = await tried(steered)
        assert state.trouble is None
        assert state.finding is not None
        assert (state.finding.sign, state.finding.source) == (Sign.RIGHT, "meter")
        assert meter.proven
        assert home.mode == "self_use"
        kept = await kept_dynamics(steered.hub, NAME)
        assert kept is not None
        assert kept.dynamics == state.finding.dynamics
        assert kept.dynamics.dead_s == pytest.approx(2, abs=1)
        assert kept.firmware == steered.keeper.firmware != ""


async def test_a_meter_that_counts_the_wrong_way_is_not_proven_and_nothing_was_discharged(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered, sign=-1.0) as meter:
        state = await tried(steered)
        assert state.finding is not None
        assert state.finding.sign is Sign.REVERSED
        assert meter.sign is not None
        assert not meter.proven
    assert all(order[0] != 2 for order in home.orders)


async def test_what_was_found_is_known_after_a_restart(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        state = await tried(steered)
    async with home.hub() as steered:
        assert state.finding is not None
        kept = await kept_dynamics(steered.hub, NAME)
        assert kept is not None
        assert kept.dynamics == state.finding.dynamics != Dynamics()
        assert not any("was tried with firmware" in text for text in await steered.decisions())


async def test_after_an_update_of_the_firmware_it_has_to_be_tried_anew(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        await tried(steered)
        kept = await kept_dynamics(steered.hub, NAME)
        assert kept is not None
        older = {**asdict(kept.dynamics), "firmware": "V0.0.1"}
        await steered.hub.store.put(f"dynamics:{NAME}", orjson.dumps(older).decode())
    async with home.hub() as steered:
        (told,) = [text for text in await steered.decisions() if "was tried with firmware V0.0.1" in text]
        assert kept.firmware in told
        assert not kept.is_of("V0.0.1")
        assert kept.is_of("")


async def test_automation_pauses_meanwhile_and_goes_on_afterwards(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        trials = steered.hub.trials
        trials.ask(steered.hub, NAME, actor="api anna", silence=False)
        await steered.clock.advance(30)
        assert trials.states[NAME].step.startswith("-300 W")
        assert steered.hub.pause.until(steered.hub) is not None
        with pytest.raises(InvalidInput, match="being tried already"):
            trials.ask(steered.hub, NAME, actor="api ben")
        await until_done(steered)
        assert steered.hub.pause.until(steered.hub) is None


async def test_a_unit_that_somebody_commands_is_not_tried(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered:
        await steered.ask(Charge(500, 90))
        with pytest.raises(InvalidInput, match="somebody has asked"):
            steered.hub.trials.ask(steered.hub, NAME, actor="api anna")
        with pytest.raises(NoSuchDevice):
            steered.hub.trials.ask(steered.hub, "attic", actor="api anna")


async def test_a_trial_that_fails_says_so_and_leaves_the_pause_that_was_there(tmp_path: Path) -> None:
    home = House(tmp_path, soc_pct=98)
    async with home.hub() as steered:
        until = steered.clock.now() + timedelta(hours=2)
        await steered.hub.pause.set(steered.hub, until, actor="api anna")
        state = await tried(steered)
        assert isinstance(state.trouble, IndevoltError)
        assert "the battery is at 97.9 %" in str(state.trouble)
        assert steered.hub.pause.until(steered.hub) == until
        assert any("the trial of cellar failed" in text for text in await steered.decisions())


async def test_a_pause_that_somebody_asks_for_meanwhile_goes_on_afterwards(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        steered.hub.trials.ask(steered.hub, NAME, actor="api anna", silence=False)
        await steered.clock.advance(30)
        until = steered.clock.now() + timedelta(hours=2)
        await steered.hub.pause.set(steered.hub, until, actor="api ben")
        assert (await until_done(steered)).trouble is None
        assert steered.hub.pause.until(steered.hub) == until


async def test_a_pause_that_ended_meanwhile_is_over_afterwards(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        until = steered.clock.now() + timedelta(minutes=1)
        await steered.hub.pause.set(steered.hub, until, actor="api ben")
        assert (await tried(steered)).trouble is None
        assert steered.clock.now() > until
        assert steered.hub.pause.until(steered.hub) is None
        told = [text for text in await steered.decisions() if text.startswith("automation")]
        assert "automation goes on" in told[-1], "what is over is not begun again"


async def test_a_hub_that_ends_in_the_middle_puts_everything_back(tmp_path: Path) -> None:
    home = house(tmp_path)
    async with home.hub() as steered, metered(home, steered):
        steered.hub.trials.ask(steered.hub, NAME, actor="api anna")
        await steered.clock.advance(40)
        assert home.mode == "realtime"
    assert home.mode == "self_use"
    state = steered.hub.trials.states[NAME]
    assert (state.running, state.step) == (False, "cut short")  # so that it can be asked for again
