"""A real Mosquitto for one test, and a listener that knows what was published."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiomqtt
import orjson

from conftest import lacking

DEADLINE_S = 60  # a fail-safe only: nothing is timed


def find(program: str) -> str:
    """Return the path of a program of Mosquitto, which Debian keeps out of most people's way."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    return found or lacking("needs Mosquitto (apt-get install mosquitto)")


def free_port() -> int:
    """Return a TCP port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """Mosquitto on a free port of the loopback, while its ``with`` lasts.

    Args:
        folder: for its files.
        user: who may connect, with ``password``; else everybody.
        password: of that user.
        certificate: speak TLS with this certificate and key, in one file.
        vouched_by: let in only whoever has a certificate of this authority.
    """

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        password: str | None = None,
        certificate: Path | None = None,
        vouched_by: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self._user = user
        self._password = password
        self._certificate = certificate
        self._vouched_by = vouched_by
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        lines = ["user root" if os.getuid() == 0 else "", f"listener {self.port} 127.0.0.1", "log_dest stderr", "persistence false"]
        if self._user is None:
            lines.append("allow_anonymous true")
        else:
            passwords = self._folder / "passwords"
            create = [find("mosquitto_passwd"), "-b", "-c", str(passwords), self._user, self._password or ""]
            subprocess.run(create, check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if self._certificate is not None:
            lines += [f"certfile {self._certificate}", f"keyfile {self._certificate}"]
        if self._vouched_by is not None:
            lines += [f"cafile {self._vouched_by}", "require_certificate true"]
        config = self._folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen([find("mosquitto"), "-c", str(config)], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        told: list[str] = []
        for line in self._process.stderr:
            told.append(line)
            if "running" in line:
                return
        raise AssertionError("".join(told))

    def stop(self) -> None:
        """Stop, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.communicate()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


@dataclass
class Listener:
    """Another client of the broker: the last payload of each topic, and everything that came in order."""

    client: aiomqtt.Client
    last: dict[str, bytes] = field(default_factory=dict)
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def text(self, topic: str) -> str | None:
        payload = self.last.get(topic)
        return None if payload is None else payload.decode()

    def json(self, topic: str) -> Any:
        return orjson.loads(self.last.get(topic) or b"{}")

    async def until(self, fulfilled: Callable[[], object]) -> None:
        """Listen until a condition holds."""
        async with asyncio.timeout(DEADLINE_S):
            while not fulfilled():
                await self._next()

    async def until_told(self, topic: str, text: str) -> None:
        """Listen until a topic has a payload."""
        await self.until(lambda: self.text(topic) == text)

    async def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        await self.client.publish(topic, payload, qos=1, retain=retain)

    async def _next(self) -> None:
        message = await anext(aiter(self.client.messages))
        payload = bytes(message.payload)
        self.last[str(message.topic)] = payload
        self.heard.append((str(message.topic), payload))


@asynccontextmanager
async def listening(
    broker: Broker, *topics: str, user: str | None = None, password: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Listener]:
    """Listen on a broker; to everything if no topics are named."""
    client = aiomqtt.Client("127.0.0.1", broker.port, username=user, password=password, tls_context=tls)
    with suppress(aiomqtt.MqttError):  # a broker that was stopped while we listened
        async with client:
            for topic in topics or ("#",):
                await client.subscribe(topic, qos=1)
            yield Listener(client)
