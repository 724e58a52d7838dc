"""Schemathesis asks a running hub all that its OpenAPI document allows, and what it forbids: no defect, and nothing undocumented.

Left out are the stream of events, which has no end, and what would look for devices outside of this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conftest import lacking
from indevolt.hub.api import create_app, served
from indevolt.hub.app import running
from indevolt.hub.config import ApiConfig, Config, DeviceConfig, HubConfig, SiteConfig, StoreConfig, TokenConfig
from indevolt.hub.config_control import ControlConfig
from indevolt.hub.config_tariff import SimulatedTariff
from indevolt.hub.secret import Secret
from indevolt.hub.tokens import Role, hash_token, make_token
from indevolt.simulator import Simulator, Surroundings, steady_house
from indevolt.virtual import VirtualDevice
from integrations.installed import SCHEMATHESIS

pytestmark = pytest.mark.integration

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance",
)  # fmt: skip
LEFT_OUT = ("/api/v1/events", "/api/v1/discovery", "/api/v1/devices", "/api/v1/devices/{device}")
EXAMPLES = 4  # by chance, for each operation, beside all that its schema suggests
PATIENCE_S = 140  # for an answer: a command may take two minutes


@asynccontextmanager
async def home(folder: Path, token: str, role: Role) -> AsyncIterator[str]:
    """Run a hub with a unit that it may command and one that it only reads, and a tariff; yield where its API is."""
    house = steady_house(Surroundings(700, (300, 200)))
    async with (
        VirtualDevice(Simulator("powerflex2000", house=house, modules=2), port=0, discovery_port=None) as cellar,
        VirtualDevice(Simulator("solidflex2000", house=house, serial="3800000002"), port=0, discovery_port=None) as attic,
    ):
        config = Config(
            hub=HubConfig(data=folder),
            api=ApiConfig(port=0, tokens=(TokenConfig(name="test", role=role, hash=Secret(hash_token(token))),)),
            site=SiteConfig(time_zone="Europe/Berlin"),
            store=StoreConfig(path=folder / "history.sqlite3"),
            control=ControlConfig(leases=folder / "leases"),
            tariff=SimulatedTariff(kind="simulated"),
            devices=(
                DeviceConfig(name="cellar", host="127.0.0.1", port=cellar.port, simulated=True, control=True),
                DeviceConfig(name="attic", host="127.0.0.1", port=attic.port, simulated=True),
            ),
        )
        async with running(config) as hub, served(hub, create_app(hub)) as url:
            async with asyncio.timeout(PATIENCE_S):
                while hub.planner.plan is None:  # noqa: ASYNC110 - until all is known: before, 503 is what is true
                    await asyncio.sleep(0.1)
            yield url


@pytest.mark.parametrize("role", [None, Role.CONTROL, Role.ADMIN], ids=["nobody", "who may control", "who may everything"])
async def test_the_api_answers_as_its_document_says(tmp_path: Path, role: Role | None) -> None:
    if SCHEMATHESIS.path is None:
        lacking("needs Schemathesis in an environment of its own (make test-integrations installs it)")
    token = make_token("test")
    async with home(tmp_path, token, role or Role.READ) as url:
        words = [f"--exclude-path={path}" for path in LEFT_OUT] + ([] if role is None else ["-H", f"Authorization: Bearer {token}"])
        process = await asyncio.create_subprocess_exec(
            SCHEMATHESIS.path, "run", f"{url}/api/v1/openapi.json", *words, "--checks", ",".join(CHECKS),
            "--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}", f"--request-timeout={PATIENCE_S}",
            "--continue-on-failure", "--generation-deterministic", "--no-color",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    report = said.decode(errors="replace")
    assert process.returncode == 0, report[-20_000:]
    assert " passed" in report, report[-20_000:]
