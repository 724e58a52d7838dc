"""The gate: strangers, pages of other servers, and bodies without end do not get in; every answer is given its headers."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from api.apihome import DEVICE, ApiHome, api_home, tokens
from indevolt.hub.api import create_app, served
from indevolt.hub.api.gate import MOST_BODY, Gate
from indevolt.hub.tokens import Role

HOLD = f"{DEVICE}/commands/hold"
PATIENCE_S = 10


async def raw(it: ApiHome, request: bytes) -> bytes:
    """Send bytes and return every byte that comes back."""
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        with closing(writer):
            writer.write(request)
            return await reader.read()


# ---- who -------------------------------------------------------------------------------------------------------------------------


async def test_a_program_on_this_machine_may_read_without_a_token(it: ApiHome) -> None:
    assert (await it.ask(DEVICE)).status == 200
    assert (await it.ask("/api/v1/meta")).json["caller"] == {"name": "", "role": "read"}


async def test_a_program_on_this_machine_may_not_command_without_a_token(it: ApiHome) -> None:
    answer = await it.ask(HOLD, method="POST", json={})
    assert answer.status == 401
    assert answer.json["type"] == "urn:indevolt:token-wanted"  # not what is said of a battery that wants its password
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "indevolt hub token" in answer.json["remedy"]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_what_a_proxy_passes_on_is_not_from_this_machine(it: ApiHome, header: str) -> None:
    assert (await it.ask(DEVICE, headers={header: "127.0.0.1"})).status == 401
    assert (await it.ask(DEVICE, headers={header: "127.0.0.1"}, role=Role.READ)).status == 200


async def test_whether_the_hub_lives_may_be_asked_by_anybody(it: ApiHome) -> None:
    answer = await it.ask("/healthz", headers={"X-Forwarded-For": "203.0.113.5"})
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize(("role", "command", "config"), [(Role.READ, 403, 403), (Role.CONTROL, 200, 403), (Role.ADMIN, 200, 200)])
async def test_each_role_may_do_what_it_is_for(it: ApiHome, role: Role, command: int, config: int) -> None:
    assert (await it.ask(DEVICE, role=role)).status == 200
    answer = await it.ask_while_time_passes(f"{HOLD}?dry_run=true", method="POST", role=role, json={})
    assert answer.status == command
    assert (await it.ask("/api/v1/config", role=role)).status == config


@pytest.mark.parametrize(
    "header", ["Bearer read.wrong", "Bearer nobody.secret", "Bearer ", "Basic cmVhZDpyZWFk", "Bearer " + "x" * 5000, "Bearer é"]
)
async def test_a_wrong_token_is_refused_even_for_what_needs_none(it: ApiHome, header: str) -> None:
    answer = await it.ask(DEVICE, headers={"Authorization": header})
    assert answer.status == 401


async def test_whoever_guesses_tokens_is_told_to_wait_and_a_known_one_still_works(it: ApiHome) -> None:
    assert (await it.ask(DEVICE, role=Role.READ)).status == 200
    statuses = [(await it.ask(DEVICE, headers={"Authorization": f"Bearer read.{guess}"})).status for guess in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert (await it.ask(DEVICE, role=Role.READ)).status == 200
    await it.clock.advance(60)
    assert (await it.ask(DEVICE, role=Role.CONTROL)).status == 200


async def test_guesses_that_come_at_once_are_counted_one_by_one(it: ApiHome) -> None:
    guesses = (it.ask(DEVICE, headers={"Authorization": f"Bearer read.{guess}"}) for guess in range(40))
    statuses = [answer.status for answer in await asyncio.gather(*guesses)]
    assert (statuses.count(401), statuses.count(429)) == (10, 30)


async def test_the_configuration_is_shown_without_secrets(it: ApiHome) -> None:
    answer = await it.ask("/api/v1/config", role=Role.ADMIN)
    assert answer.json["config"]["devices"][0]["name"] == "cellar"
    assert answer.json["config"]["api"]["tokens"][0]["hash"] == "***"
    assert b"scrypt" not in answer.body
    assert all(token.encode() not in answer.body for token in tokens().values())
    values = {each["path"]: each for each in answer.json["values"]}
    assert (values["devices[1].name"]["source"], values["api.host"]["source"]) == ("program", "default")


async def test_admins_see_who_may_do_what_and_when_each_token_was_used(it: ApiHome) -> None:
    await it.ask(DEVICE, role=Role.CONTROL)
    answer = await it.ask("/api/v1/tokens", role=Role.ADMIN)
    told = {each["name"]: each["last_used"] for each in answer.json["tokens"]}
    assert told["read"] is None
    assert told["control"].startswith("2026-06-21T10:0")
    assert b"scrypt" not in answer.body
    assert (await it.ask("/api/v1/tokens", role=Role.CONTROL)).status == 403
    async with served(it.hub, create_app(it.hub)) as url:  # as after a restart
        anew = ApiHome(it.hub, it.clock, it.simulator, url, it.session, it.app)
        answer = await anew.ask("/api/v1/tokens", role=Role.ADMIN)
        assert {each["name"]: each["last_used"] for each in answer.json["tokens"]}["control"] == told["control"]


# ---- from where ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "192.168.1.7", "hub.fritz.box", "HUB.fritz.box."])
async def test_the_hub_answers_to_its_names_and_addresses(host: str) -> None:
    async with api_home(api={"hosts": ["hub.fritz.box"]}) as it:
        assert (await it.ask(DEVICE, headers={"Host": f"{host}:8188"})).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b"])
async def test_a_page_that_rebinds_its_name_to_the_hub_gets_nothing(it: ApiHome, host: str) -> None:
    answer = await it.ask(DEVICE, headers={"Host": host})
    assert answer.status == 421
    assert "hosts" in answer.json["remedy"]


async def test_two_names_at_once_are_none(it: ApiHome) -> None:
    reply = await raw(it, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 421 ")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_hostile_page_in_a_browser_cannot_command_the_battery(it: ApiHome, headers: dict[str, str]) -> None:
    answer = await it.ask(HOLD, method="POST", role=Role.CONTROL, json={}, headers=headers)
    assert answer.status == 403
    assert answer.json["type"] == "urn:indevolt:foreign-origin"
    assert it.hub.keepers["cellar"].health.writes == 0
    assert (await it.ask("/api/v1/events", headers=headers)).status == 403


async def test_a_form_cannot_command_the_battery(it: ApiHome) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = await it.ask(HOLD, method="POST", role=Role.CONTROL, data=b"{}", headers={"Content-Type": kind})
        assert answer.status == 415


async def test_the_own_page_and_pages_of_listed_servers_may_use_the_api() -> None:
    async with api_home(api={"origins": ["https://grafana.example"]}) as it:
        for origin in (it.url, "https://grafana.example"):
            headers = {"Origin": origin}
            answer = await it.ask_while_time_passes(
                f"{HOLD}?dry_run=true", method="POST", role=Role.CONTROL, json={}, headers=headers
            )
            assert answer.status == 200
        asked = {"Origin": "https://grafana.example", "Access-Control-Request-Method": "POST"}
        preflight = await it.ask(HOLD, method="OPTIONS", headers=asked)
        assert preflight.headers["access-control-allow-origin"] == "https://grafana.example"
        foreign = await it.ask(HOLD, method="OPTIONS", headers={**asked, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers


async def test_without_listed_servers_no_page_elsewhere_may_read(it: ApiHome) -> None:
    answer = await it.ask(DEVICE, headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", DEVICE, "/api/v1/nothing", "/api/v1/config"])
async def test_every_answer_tells_browsers_to_be_careful(it: ApiHome, path: str) -> None:
    headers = (await it.ask(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"]
    assert "server" not in headers


# ---- how much --------------------------------------------------------------------------------------------------------------------


async def test_a_huge_body_is_refused_before_it_is_read(it: ApiHome) -> None:
    head = f"POST {HOLD} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tokens()[Role.CONTROL]}\r\n"
    declared = await raw(it, f"{head}Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n".encode())
    assert declared.startswith(b"HTTP/1.1 413 ")


async def test_a_huge_body_without_a_length_is_refused_when_it_gets_too_long(it: ApiHome) -> None:
    head = f"POST {HOLD} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {tokens()[Role.CONTROL]}\r\n"
    chunks = b"%x\r\n%s\r\n1\r\n \r\n" % (MOST_BODY, b" " * MOST_BODY)
    request = f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    reply = await raw(it, request + chunks)
    assert reply.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("body", [b"", b"{", b"[1", b"\xff\xfe", b"nope", b'{"power_w": 1e999}', b"[" * 20_000, b"9" * 5000])
async def test_a_body_that_is_no_order_is_refused(it: ApiHome, body: bytes) -> None:
    path = f"{DEVICE}/commands/charge"
    answer = await it.ask(path, method="POST", role=Role.CONTROL, data=body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 415, 422)
    assert answer.json["remedy"]


async def test_an_answer_that_takes_too_long_is_given_up_and_the_write_goes_on() -> None:
    async with api_home(app={"answer_s": 0.2}) as it:
        answer = await it.ask(f"{DEVICE}/settings/backup_soc", method="PUT", role=Role.CONTROL, json={"value": 20})
        assert answer.status == 504
        assert "goes on all the same" in answer.json["remedy"]
        await it.clock.advance(40)
        assert any(text.endswith("confirmed") for text in await it.journal())


async def test_a_websocket_is_not_for_this_hub(it: ApiHome) -> None:
    upgrade = b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    reply = await raw(it, b"GET /api/v1/events2 HTTP/1.1\r\nHost: localhost\r\n" + upgrade)
    assert reply.startswith(b"HTTP/1.1 404 ")


async def test_a_gate_hangs_up_on_websockets_itself() -> None:
    async with api_home() as it:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        gate = Gate(it.app, config=it.hub.config.api, tokens=None)  # type: ignore[arg-type]  # never asked
        await gate({"type": "websocket"}, None, send)  # type: ignore[arg-type]  # never received from
        assert sent[0]["type"] == "websocket.close"


# ---- garbage ---------------------------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


async def test_no_garbage_in_a_body_makes_the_hub_fail(it: ApiHome) -> None:
    """One hub for all examples, as hypothesis draws them in a thread of its own."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=150)
    @given(body=_JSON | st.fixed_dictionaries({"value": _JSON}) | st.fixed_dictionaries({"power_w": _JSON, "soc_pct": _JSON}))
    def send(body: Any) -> None:
        for path, method in ((f"{DEVICE}/settings/backup_soc?dry_run=true", "PUT"), (f"{DEVICE}/commands/charge", "POST")):
            text = json.dumps(body).encode("utf-8", "surrogatepass")
            headers = {"Content-Type": "application/json"}
            ask = it.ask(path, method=method, role=Role.READ, data=text, headers=headers)
            assert asyncio.run_coroutine_threadsafe(ask, loop).result(PATIENCE_S).status == 403
            if method == "PUT":
                ask = it.ask(path, method=method, role=Role.ADMIN, data=text, headers=headers)
                assert asyncio.run_coroutine_threadsafe(ask, loop).result(PATIENCE_S).status in (200, 400, 422, 429)

    await asyncio.to_thread(send)


@pytest.mark.parametrize("path", ["history", "readings", "energies", "settings", "settings/x"])
async def test_no_garbage_in_an_address_makes_the_hub_fail(it: ApiHome, path: str) -> None:
    loop = asyncio.get_running_loop()
    texts = st.text(max_size=20) | st.sampled_from(["raw", "2026-01-01T00:00:00Z", "battery_power", "1", "99999999999999"])

    @settings(max_examples=60)
    @given(query=st.dictionaries(st.sampled_from(["names", "start", "end", "step", "zone", "period", "format"]), texts, max_size=5))
    def send(query: dict[str, str]) -> None:
        params = {name: text.encode("utf-8", "replace").decode() for name, text in query.items()}
        ask = it.ask(f"{DEVICE}/{path}", params=params)
        assert asyncio.run_coroutine_threadsafe(ask, loop).result(PATIENCE_S).status in (200, 404, 422)

    await asyncio.to_thread(send)


async def test_no_garbage_on_the_line_makes_the_hub_fail(it: ApiHome) -> None:
    port = it.port

    @settings(max_examples=100)
    @given(
        garbage=st.binary(max_size=300) | st.binary(max_size=100).map(lambda text: b"GET /api/v1/" + text + b" HTTP/1.1\r\n\r\n")
    )
    def send(garbage: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as line:
            line.sendall(garbage + b"\r\n\r\n")
            line.shutdown(socket.SHUT_WR)
            reply = b""
            while part := line.recv(65_536):
                reply += part
        assert not reply.startswith(b"HTTP/1.1 5")

    await asyncio.to_thread(send)
    assert (await it.ask("/healthz")).status == 200
