"""The files of the page: for everybody, small on the way, and harmless in a browser."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files

import pytest

from api.apihome import ApiHome
from indevolt.hub.api.webfiles import web_files

STRANGER = {"X-Forwarded-For": "203.0.113.5"}
INDEX = (files("indevolt.hub") / "web" / "index.html").read_bytes()


async def test_the_page_needs_no_token_and_its_data_do(it: ApiHome) -> None:
    answer = await it.ask("/", headers=STRANGER)
    assert (answer.status, answer.body) == (200, INDEX)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert (await it.ask("/api/v1/devices", headers=STRANGER)).status == 401
    assert (await it.ask("/metrics", headers=STRANGER)).status == 401


async def test_every_file_is_there_with_its_type_and_asks_for_nothing_from_elsewhere(it: ApiHome) -> None:
    for path in web_files():
        answer = await it.ask(path, headers=STRANGER)
        assert answer.status == 200, path
        by_itself = path in ("/", "/sw.js") or path.endswith(".svg")
        assert ("'self'" if by_itself else "'none'") in answer.headers["content-security-policy"]
        assert "http" not in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
        suffix = path[path.rfind(".") :] if path != "/" else ".html"
        if suffix in kinds:
            assert answer.headers["content-type"].startswith(kinds[suffix]), path


def test_remarks_stay_at_home_and_lines_keep_their_numbers() -> None:
    for path, file in web_files().items():
        if not path.endswith(".js"):
            continue
        travels = file.bodies[-1].content.decode().splitlines()
        lines = (files("indevolt.hub") / "web" / path.removeprefix("/")).read_text("utf-8").splitlines()
        assert len(travels) == len(lines), path
        assert not [line for line in travels if line.lstrip().startswith("//")], path
        assert all(sent in (line, "") for line, sent in zip(lines, travels, strict=True)), path


async def test_a_large_answer_is_compressed_for_those_who_take_it_and_has_the_same_tag(it: ApiHome) -> None:
    plain = await it.ask("/api/v1/summary", headers={"Accept-Encoding": "identity"})
    small = await it.session.get(f"{it.url}/api/v1/summary", headers={"Accept-Encoding": "gzip"}, auto_decompress=False)
    content = await small.read()
    assert small.headers["content-encoding"] == "gzip"
    assert len(content) < len(plain.body) / 4
    assert json.loads(gzip.decompress(content)).keys() == plain.json.keys()
    assert "content-encoding" not in (await it.ask("/api/v1/alerts")).headers


async def test_who_has_a_file_is_told_so_and_gets_no_body(it: ApiHome) -> None:
    tag = (await it.ask("/")).headers["etag"]
    answer = await it.ask("/", headers={"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == tag
    assert (await it.ask("/", headers={"If-None-Match": '"another"'})).status == 200


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate", "GZIP;q=0.5"])
async def test_a_large_text_is_compressed_for_those_who_take_it(it: ApiHome, accepted: str) -> None:
    path, file = next((path, file) for path, file in web_files().items() if len(file.bodies) > 1)
    plain = await it.ask(path, headers={"Accept-Encoding": "identity"})
    small = await it.session.get(it.url + path, headers={"Accept-Encoding": accepted}, auto_decompress=False)
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(await small.read()) == plain.body == file.bodies[-1].content
    assert small.headers["etag"] != plain.headers["etag"]
    assert {"accept-encoding"} == {small.headers["vary"], plain.headers["vary"]}


async def test_who_refuses_gzip_gets_the_text_as_it_is(it: ApiHome) -> None:
    path = next(path for path, file in web_files().items() if len(file.bodies) > 1)
    answer = await it.session.get(it.url + path, headers={"Accept-Encoding": "gzip;q=0"}, auto_decompress=False)
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/assets/nothing.js", "/assets/../../config.py", "/assets/%2e%2e/%2e%2e/config.py", "/assets/"])
async def test_what_is_no_file_of_the_page_is_not_found(it: ApiHome, path: str) -> None:
    answer = await it.ask(path)
    assert answer.status == 404
    assert answer.json["type"] == "urn:indevolt:not-found"


async def test_the_head_of_a_file_can_be_asked_for(it: ApiHome) -> None:
    answer = await it.ask("/", method="HEAD", headers={"Accept-Encoding": "identity"})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(INDEX))
