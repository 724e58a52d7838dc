"""Leaves these tests out, unless they are asked for: `pytest -m integration`."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "integration: needs other people's programs; run by `make test-integrations`")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if "integration" in (config.option.markexpr or "") else True
