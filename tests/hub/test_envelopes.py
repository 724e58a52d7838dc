"""A range of battery power that somebody outside asks for: signed, below safety and people, and over when it ends."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from steered_house import START, House

from indevolt.battery import Charge
from indevolt.errors import InvalidInput, Refused
from indevolt.hub.config_control import IssuerConfig
from indevolt.hub.steer.envelopes import Signed

KEYS = {name: Ed25519PrivateKey.generate() for name in ("grid", "plant", "stranger")}
ISSUERS = tuple(
    IssuerConfig(name=name, public_key=base64.b64encode(KEYS[name].public_key().public_bytes_raw()).decode())
    for name in ("grid", "plant")
)


def signed(
    low_w: int, high_w: int, *, issuer: str = "grid", by: str = "", hub: str = "home", minutes: float = 30, at_s: float = 0
) -> Signed:
    """Return an envelope that begins so long after the start of the house's time."""
    issued = START + timedelta(seconds=at_s)
    until = issued + timedelta(minutes=minutes)
    bare = Signed(issuer, hub, low_w, high_w, issued.isoformat(), until.isoformat(), "")
    return replace(bare, signature=base64.b64encode(KEYS[by or issuer].sign(bare.text())).decode())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_the_battery_stays_within_it_and_goes_on_as_before_once_it_ends(house: House) -> None:
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        await it.clock.advance(60)
        assert house.power_w > 600  # by its own loop, for the 700 W of the house
        await it.hub.envelopes.take(it.hub, signed(0, 300))
        await it.clock.advance(300)
        assert 200 < house.power_w <= 330
        assert "grid asks for 0 to 300 W until 12:30 CEST" in it.why
        assert "grid asks for 0 to 300 W until 2026-06-21 12:30 CEST" in await it.decisions()
        await it.clock.advance(30 * 60)
        assert (house.mode, it.hub.envelopes.current(it.hub)) == ("self_use", None)
        assert house.power_w > 600


async def test_an_order_of_a_person_comes_first(house: House) -> None:
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        await it.hub.envelopes.take(it.hub, signed(0, 300))
        await it.ask(Charge(500, 90))
        assert house.power_w < -400


async def test_it_binds_orders_of_people_and_a_backup_hold_where_the_owner_ranks_it_above_himself(house: House) -> None:
    async with house.hub(issuers=ISSUERS, ranks=("fleet", "owner", "plan")) as it:
        await it.hub.envelopes.take(it.hub, signed(-300, 300))
        outcome = await it.ask(Charge(500, 90))
        assert house.power_w == -300
        assert any("grid asks for -300 to 300 W until 12:30 CEST" in note for note in outcome.notes)
        await it.hub.backup.ask(it.hub, START + timedelta(hours=2), actor="api anna", charge_pct=90)
        await it.passing(it.unit.release(actor="api anna"))
        await it.clock.advance(60)
        assert house.power_w == -300
        await it.clock.advance(30 * 60)
        assert house.power_w <= -1500  # it has ended


async def test_it_never_takes_the_battery_below_the_floor(tmp_path: Path) -> None:
    house = House(tmp_path, soc_pct=20)
    async with house.hub(automatic=True, issuers=ISSUERS, reserve_pct=25, battery_to_grid=True) as it:
        await it.hub.envelopes.take(it.hub, signed(1000, 2000))
        await it.clock.advance(300)
        assert house.power_w <= 50  # what it takes for itself
        assert all(order[0] != 2 for order in house.orders)  # no discharge was written


async def test_it_outlives_a_restart_and_not_its_end(house: House) -> None:
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        await it.hub.envelopes.take(it.hub, signed(0, 300))
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        assert it.hub.envelopes.current(it.hub) is not None
        await it.clock.advance(31 * 60)
        assert it.hub.envelopes.current(it.hub) is None
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        assert it.hub.envelopes.current(it.hub) is None
        with pytest.raises(InvalidInput, match="not later"):
            await it.hub.envelopes.take(it.hub, signed(0, 300, minutes=120))  # signed before: it is of the past, though not over


async def test_the_owner_drops_it_for_good(house: House) -> None:
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        envelope = signed(0, 0)
        await it.hub.envelopes.take(it.hub, envelope)
        await it.hub.envelopes.drop(it.hub, actor="api anna")
        assert it.hub.envelopes.current(it.hub) is None
        assert "the envelope of grid was dropped" in await it.decisions()
        with pytest.raises(InvalidInput, match="not later"):
            await it.hub.envelopes.take(it.hub, envelope)
    async with house.hub(automatic=True, issuers=ISSUERS) as it:
        assert it.hub.envelopes.current(it.hub) is None
        with pytest.raises(InvalidInput, match="not later"):
            await it.hub.envelopes.take(it.hub, envelope)


async def test_an_old_one_comes_too_late_also_after_that_of_another_issuer(house: House) -> None:
    async with house.hub(issuers=ISSUERS) as it:
        await it.hub.envelopes.take(it.hub, signed(0, 2000, minutes=600))
        await it.hub.envelopes.take(it.hub, signed(0, 300, minutes=5, at_s=1))
        await it.clock.advance(6 * 60)
        await it.hub.envelopes.take(it.hub, signed(0, 500, issuer="plant", minutes=5, at_s=300))
        await it.clock.advance(6 * 60)
        with pytest.raises(InvalidInput, match="not later"):
            await it.hub.envelopes.take(it.hub, signed(0, 2000, minutes=600))
    async with house.hub(issuers=ISSUERS) as it:
        with pytest.raises(InvalidInput, match="not later"):
            await it.hub.envelopes.take(it.hub, signed(0, 2000, minutes=600))


@pytest.mark.parametrize("kept", ["[", "7", '{"held": "grid"}', '{"held": "grid", "last": [{"issuer": "grid"}]}'])
async def test_what_is_not_understood_in_the_store_is_none(house: House, kept: str) -> None:
    async with house.hub(issuers=ISSUERS) as it:
        await it.hub.store.put("steering:envelope", kept)
    async with house.hub(issuers=ISSUERS) as it:
        assert it.hub.envelopes.current(it.hub) is None
        await it.hub.envelopes.take(it.hub, signed(0, 300))
        assert it.hub.envelopes.current(it.hub) is not None


@pytest.mark.parametrize(
    ("envelope", "facts"),
    [
        (signed(0, 300, by="stranger"), "signature: it is not grid's"),
        (replace(signed(0, 300), high_w=3000), "signature: it is not grid's"),
        (replace(signed(0, 300), signature="no base64!"), "signature: it is not grid's"),
        (signed(0, 300, issuer="stranger"), "issuer: 'stranger' is not trusted here"),
        (signed(0, 300, hub="elsewhere"), "hub: 'elsewhere' is another one"),
        (signed(300, 0), "low_w: 300 is above high_w"),
        (signed(0, 300, at_s=-7200), "is over"),
        (signed(0, 300, minutes=1450), "more than 24 h ahead"),
        (signed(0, 300, at_s=3600), "is to come"),
    ],
)
async def test_what_is_not_right_is_refused_by_name(house: House, envelope: Signed, facts: str) -> None:
    async with house.hub(issuers=ISSUERS) as it:
        with pytest.raises(InvalidInput, match=facts):
            await it.hub.envelopes.take(it.hub, envelope)
        assert it.hub.envelopes.current(it.hub) is None


async def test_one_issuer_does_not_end_what_another_asks_for(house: House) -> None:
    async with house.hub(issuers=ISSUERS) as it:
        await it.hub.envelopes.take(it.hub, signed(0, 300, hub="*"))
        with pytest.raises(Refused, match="the envelope of grid holds until 12:30"):
            await it.hub.envelopes.take(it.hub, signed(0, 2000, issuer="plant"))
        await it.hub.envelopes.take(it.hub, signed(0, 100, at_s=5))  # the same one may change its mind
        held = it.hub.envelopes.current(it.hub)
        assert held is not None
        assert held.high_w == 100
