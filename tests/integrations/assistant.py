"""A real Home Assistant, without its pages being looked at: configured, started, asked by websocket."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from integrations.installed import HOME_ASSISTANT

DEADLINE_S = 180  # a fail-safe only
ENTRY = "mqtt-of-the-test"
_KEY = "5e" * 32
_READY = "Now listening on port"


@dataclass
class Assistant:
    """Home Assistant as its user sees it."""

    socket: aiohttp.ClientWebSocketResponse
    log: list[str]
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    _number: int = 0

    async def ask(self, kind: str, **fields: Any) -> Any:
        """Send a command of its websocket API, and return the result."""
        self._number += 1
        number = self._number
        await self.socket.send_json({"id": number, "type": kind, **fields})
        while True:
            message = await self._next()
            if message.get("id") == number and message["type"] == "result":
                assert message["success"], message
                return message["result"]

    async def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service of an entity, as a click does."""
        domain, _, name = service.partition(".")
        await self.ask("call_service", domain=domain, service=name, service_data=data, target={"entity_id": entity})

    async def look(self) -> None:
        """Take in all states, and follow them from now on."""
        await self.ask("subscribe_events", event_type="state_changed")
        self.states.update({state["entity_id"]: state for state in await self.ask("get_states")})

    async def until(self, entity: str, fulfilled: Callable[[str], bool]) -> dict[str, Any]:
        """Wait until an entity's state is as wanted, and return it with its attributes."""
        async with asyncio.timeout(DEADLINE_S):
            while not fulfilled(self.states.get(entity, {}).get("state", "")):
                await self._next()
        return self.states[entity]

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = await self.socket.receive_json()
        if message["type"] == "event" and (data := message["event"].get("data")):
            if data["new_state"] is None:
                self.states.pop(data["entity_id"], None)
            else:
                self.states[data["entity_id"]] = data["new_state"]
        return message


@asynccontextmanager
async def home_assistant(place: Path, *, port: int, broker_port: int) -> AsyncIterator[Assistant]:
    """Run it with MQTT set up, on the loopback."""
    _configure(place, port, broker_port)
    command = [str(HOME_ASSISTANT.path), "--config", str(place), "--skip-pip", "--log-no-color"]
    # A home of its own, and no HTTP proxy between two programs of one machine.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | {"HOME": str(place)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    log: list[str] = []
    ready = asyncio.Event()
    reading = asyncio.create_task(_read(process, log, ready))
    try:
        async with asyncio.timeout(DEADLINE_S):
            await ready.wait()
        assert process.returncode is None, "".join(log)
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{port}/api/websocket") as socket:
            assert (await socket.receive_json())["type"] == "auth_required"
            await socket.send_json({"type": "auth", "access_token": _token()})
            assert (await socket.receive_json())["type"] == "auth_ok"
            yield Assistant(socket, log)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await reading


async def _read(process: asyncio.subprocess.Process, log: list[str], ready: asyncio.Event) -> None:
    assert process.stdout is not None
    async for line in process.stdout:
        log.append(line.decode(errors="replace"))
        if _READY in log[-1]:
            ready.set()
    ready.set()  # it ended


def _configure(place: Path, port: int, broker_port: int) -> None:
    (place / "configuration.yaml").write_text(
        f"homeassistant:\n  name: Test\n  time_zone: UTC\n  unit_system: metric\n"
        f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\n"
        f"logger:\n  default: warning\n  logs:\n    homeassistant.components.http: info\n"
        f"recorder:\n  commit_interval: 0\nhistory:\nenergy:\nconfig:\n"
    )
    mqtt = {
        "entry_id": ENTRY,
        "version": 1,
        "domain": "mqtt",
        "title": "Mosquitto",
        "data": {"broker": "127.0.0.1", "port": broker_port, "discovery": True, "discovery_prefix": "homeassistant"},
        "options": {},
        "pref_disable_new_entities": False,
        "pref_disable_polling": False,
        "source": "user",
        "unique_id": None,
        "disabled_by": None,
    }
    _store(place, "core.config_entries", {"entries": [mqtt]})
    _store(place, "onboarding", {"done": ["user", "core_config", "analytics", "integration"]}, version=4)
    user = {
        "id": "tester",
        "group_ids": ["system-admin"],
        "is_owner": True,
        "is_active": True,
        "name": "Tester",
        "system_generated": False,
        "local_only": False,
    }
    token = {
        "id": "token-of-the-test",
        "user_id": "tester",
        "client_id": None,
        "client_name": "test",
        "client_icon": None,
        "token_type": "long_lived_access_token",
        "created_at": "2024-01-01T00:00:00+00:00",
        "access_token_expiration": 3.2e8,
        "token": "00" * 32,
        "jwt_key": _KEY,
        "last_used_at": None,
        "last_used_ip": None,
        "credential_id": None,
        "version": "2024.3.3",
    }
    groups = [{"id": "system-admin", "name": "Administrators"}]
    _store(place, "auth", {"users": [user], "groups": groups, "credentials": [], "refresh_tokens": [token]})


def _store(place: Path, key: str, data: Mapping[str, Any], *, version: int = 1) -> None:
    storage = place / ".storage"
    storage.mkdir(exist_ok=True)
    (storage / key).write_text(json.dumps({"version": version, "minor_version": 1, "key": key, "data": data}))


def _token() -> str:
    """Return what the token above looks like to the outside: a JSON web token, signed with its key."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iss": "token-of-the-test", "iat": 1_700_000_000, "exp": 2_000_000_000}]
    signed = b".".join(_url_safe(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + _url_safe(hmac.digest(_KEY.encode(), signed, "sha256"))).decode()


def _url_safe(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
