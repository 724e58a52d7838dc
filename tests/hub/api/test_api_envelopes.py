"""Envelopes over REST: the signature is the right, whoever brings it; who drops one needs a token."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.apihome import START, ApiHome, api_home
from indevolt.hub.config_control import IssuerConfig
from indevolt.hub.tokens import Role

PATH = "/api/v1/steering/envelope"
KEY = Ed25519PrivateKey.generate()


def envelope(**changed: Any) -> dict[str, Any]:
    """Return one as docs/control.md makes it, and then changed."""
    until = START + timedelta(minutes=30)
    body = {"issuer": "grid", "hub": "*", "low_w": 0, "high_w": 300, "issued": START.isoformat(), "until": until.isoformat()}
    text = "\n".join(["indevolt envelope 1", *map(str, body.values())]).encode()
    return {**body, "signature": base64.b64encode(KEY.sign(text)).decode(), **changed}


@pytest.fixture
async def it() -> AsyncIterator[ApiHome]:
    public = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
    async with api_home(issuers=(IssuerConfig(name="grid", public_key=public),)) as home:
        yield home


async def test_one_that_is_signed_is_taken_from_anybody_and_told(it: ApiHome) -> None:
    assert (await it.ask(PATH)).json == {"envelope": None}
    answer = await it.ask(PATH, method="POST", json=envelope())
    assert answer.status == 200
    assert answer.json["envelope"] == {"issuer": "grid", "low_w": 0.0, "high_w": 300.0, "until": "2026-06-21T10:30:00Z"}
    assert (await it.ask(PATH)).json == answer.json


@pytest.mark.parametrize(
    ("body", "facts"),
    [
        (envelope(high_w=3000), "signature: it is not grid's"),
        (envelope(issuer="stranger"), "is not trusted here"),
        (envelope(high_w=1.5), "body.high_w"),
        (envelope(more=1), "body.more"),
        ({}, "body.issuer"),
    ],
)
async def test_one_that_is_not_right_is_refused(it: ApiHome, body: dict[str, Any], facts: str) -> None:
    answer = await it.ask(PATH, method="POST", json=body)
    assert answer.status == 422
    assert facts in str(answer.json)
    assert (await it.ask(PATH)).json == {"envelope": None}


async def test_only_who_may_control_drops_it(it: ApiHome) -> None:
    await it.ask(PATH, method="POST", json=envelope())
    assert (await it.ask(PATH, method="DELETE")).status == 401
    assert (await it.ask(PATH, method="DELETE", role=Role.READ)).status == 403
    assert (await it.ask(PATH, method="DELETE", role=Role.CONTROL)).json == {"envelope": None}
