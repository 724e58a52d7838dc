"""One hub with its API for each test that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from api.apihome import ApiHome, api_home


@pytest.fixture
async def it() -> AsyncIterator[ApiHome]:
    async with api_home() as home:
        yield home
