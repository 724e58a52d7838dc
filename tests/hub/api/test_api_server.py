"""The API on a port: opened, secured, and closed again with nothing left behind, whatever its clients do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import trustme

from api.apihome import ApiHome, api_home, until
from indevolt.errors import InvalidInput
from indevolt.hub.api import create_app, openapi_document, serve_api, served
from indevolt.hub.api.connections import Connection
from indevolt.hub.config import ApiConfig, Config, StoreConfig, TlsConfig
from indevolt.hub.hub import Hub
from indevolt.hub.tokens import Role

PATIENCE_S = 10


def hub_with(it: ApiHome, api: ApiConfig) -> Hub:
    config = Config(store=StoreConfig(kind="memory"), api=api)
    hub = it.hub
    return Hub(config, hub.clock, hub.store, hub.bus, hub.journal, hub.alerts, {}, hub.started)


async def test_a_port_that_is_taken_is_told_with_what_to_do(it: ApiHome) -> None:
    with pytest.raises(InvalidInput, match=f"cannot listen on 127.0.0.1 port {it.port}") as caught:
        await serve_api(hub_with(it, ApiConfig(port=it.port)))
    assert "another `port`" in caught.value.remedy


async def test_a_certificate_that_is_none_is_told(it: ApiHome, tmp_path: Path) -> None:
    cert = tmp_path / "cert.pem"
    cert.write_text("nothing")
    with pytest.raises(InvalidInput, match="cannot be used"):
        await serve_api(hub_with(it, ApiConfig(port=0, tls=TlsConfig(cert=cert))))


async def test_the_api_speaks_tls(it: ApiHome, tmp_path: Path) -> None:
    authority = trustme.CA()
    cert = tmp_path / "cert.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))
    hub = hub_with(it, ApiConfig(port=0, tls=TlsConfig(cert=cert)))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with served(hub, create_app(hub)) as url:
        assert url.startswith("https://")
        async with it.session.get(f"{url}/healthz", ssl=context) as answer:
            assert answer.status == 200


async def test_serving_ends_when_cancelled_with_streams_open_and_nothing_is_left(it: ApiHome) -> None:
    hub = hub_with(it, ApiConfig(port=0))
    before = asyncio.all_tasks()
    opened = asyncio.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with served(hub, create_app(hub)) as url:
            urls.append(url)
            opened.set()
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(serve())
    await opened.wait()
    async with aiohttp.ClientSession() as session, session.get(f"{urls[0]}/api/v1/events") as stream:
        await stream.content.readline()
        idle_reader, idle = await asyncio.open_connection("127.0.0.1", int(urls[0].rpartition(":")[2]))
        task.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([task])
            while await stream.content.readline():
                pass
            assert await idle_reader.read() == b""
        idle.close()
    assert task.cancelled()
    await until(lambda: not asyncio.all_tasks() - before)


class Impatient(Connection):
    """A connection that has little time."""

    request_s = 0.2


class Few(Connection):
    """Hardly any connections."""

    most = 20


@pytest.mark.parametrize("begin", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "])
async def test_a_connection_that_brings_no_request_is_ended(begin: bytes) -> None:
    async with api_home(connection=Impatient) as it, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(begin)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert (await it.ask("/healthz")).status == 200


async def test_a_crowd_of_idle_connections_locks_nobody_out() -> None:
    async with api_home(connection=Few) as it:
        crowd = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(100)]
        assert (await it.ask("/healthz")).status == 200
        async with asyncio.timeout(PATIENCE_S):
            for reader, _ in crowd[:70]:  # those that have waited longest are hung up on
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
        for _, writer in crowd:
            writer.close()


@asynccontextmanager
async def with_tls(
    it: ApiHome, folder: Path, connection: type[Connection]
) -> AsyncIterator[tuple[int, Callable[[], Awaitable[int]]]]:
    """Serve with TLS; gives the port, and what asks there with a handshake and returns the status."""
    authority = trustme.CA()
    cert = folder / "cert.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(cert))
    hub = hub_with(it, ApiConfig(port=0, tls=TlsConfig(cert=cert)))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with served(hub, create_app(hub), connection=connection) as url:

        async def ask() -> int:
            async with it.session.get(f"{url}/healthz", ssl=context) as answer:
                return answer.status

        yield int(url.rpartition(":")[2]), ask


@pytest.mark.parametrize("begin", [b"", b"\x16\x03\x01", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_a_connection_that_never_ends_its_handshake_is_ended(it: ApiHome, tmp_path: Path, begin: bytes) -> None:
    async with with_tls(it, tmp_path, Impatient) as (port, ask), asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begin)
        with suppress(ConnectionResetError):
            while await reader.read(100):
                pass
        writer.close()
        assert await ask() == 200


async def test_a_crowd_that_begins_no_handshake_locks_nobody_out(it: ApiHome, tmp_path: Path) -> None:
    async with with_tls(it, tmp_path, Few) as (port, ask):
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
        assert await ask() == 200
        async with asyncio.timeout(PATIENCE_S):
            for reader, _ in crowd[:70]:  # those that have waited longest are hung up on
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
    assert not [task for task in asyncio.all_tasks() if "_let_in" in repr(task)]
    for _, writer in crowd:
        writer.close()


async def test_no_answer_waits_for_the_clients_delayed_acknowledgement() -> None:
    undelayed: list[int] = []

    class Watched(Connection):
        """A connection whose socket is looked at."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in its base
            undelayed.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            super().connection_made(transport)

    async with api_home(connection=Watched) as it:
        assert (await it.ask("/healthz")).status == 200
    assert undelayed
    assert all(undelayed)


async def test_serving_needs_no_more_than_a_hub(it: ApiHome) -> None:
    task = asyncio.create_task(serve_api(hub_with(it, ApiConfig(port=0))))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


# ---- the document ----------------------------------------------------------------------------------------------------------------


async def test_the_served_document_is_the_published_one(it: ApiHome) -> None:
    assert (await it.ask("/api/v1/openapi.json")).json == openapi_document()


def test_every_operation_says_what_it_does_and_every_status_it_may_answer_with() -> None:
    document = openapi_document()
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], path
            assert {"200", "201", "202", "204"} & set(operation["responses"]), path
            assert {"400", "401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), path
            assert "security" in operation
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert answer == {"$ref": f"#/components/responses/Problem{status}"}, (method, path)
    for answer in document["components"]["responses"].values():
        assert "application/problem+json" in answer["content"]


async def test_the_document_tells_the_role_that_each_operation_really_asks_for(it: ApiHome) -> None:
    told: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], str] = {}
    for path, operations in openapi_document()["paths"].items():
        if path in ("/healthz", "/api/v1/events"):
            continue  # which needs none, and which does not end
        where = path.format(device="cellar", name="backup_soc", command="hold", day="yesterday")
        for method, operation in operations.items():
            body: list[str] | None = None if method == "get" else []  # which nobody takes, so that nothing is done
            answers = [await it.ask(where, method=method, role=role, json=body) for role in (Role.READ, Role.CONTROL)]
            told[method, path] = operation["x-role"]
            found[method, path] = list(Role)[sum(answer.status == 403 for answer in answers)]
    told["get", "/api/v1/discovery"] = "admin"  # with a token; who needs none looks as well
    assert found == told


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = openapi_document()

    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [each for value in part.values() for each in references(value)]
        return [each for value in part for each in references(value)] if isinstance(part, list) else []

    found = set(references(document))
    assert found
    for reference in found:
        root, components, kind, name = reference.split("/")
        assert (root, components) == ("#", "components")
        assert name in document["components"][kind]
