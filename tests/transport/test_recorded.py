"""Recordings: what is captured is replayed, errors too, and no secret is in them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from indevolt.clock import ManualClock
from indevolt.errors import (
    BadRequest,
    IndevoltError,
    InvalidInput,
    NoReply,
    ProtocolError,
    StatusError,
    Unauthorized,
    Unreachable,
)
from indevolt.protocol.digest import seal
from indevolt.protocol.messages import (
    Data,
    GetData,
    P1GetData,
    Request,
    Result,
    SetData,
    SysConfig,
    SysGetConfig,
    Text,
    UserSetConfig,
)
from indevolt.transport import Address, HttpTransport, Recorded, ReplyT
from wire_oracle import Peer, Script, http_reply

READ = GetData((1664, 1665))
BODY = b'{"1664":100,"1665":251}'


class Told:
    """A transport that says what it was told to say, in order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.closed = False

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        assert isinstance(request, Request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]  # the test says what fits

    async def close(self) -> None:
        self.closed = True


async def outcome(transport: Any, request: Request[Any]) -> Any:
    try:
        return await transport.exchange(request)
    except IndevoltError as error:
        return type(error), str(error), getattr(error, "code", None), getattr(error, "raw", None)


async def test_what_a_device_said_is_said_again_in_the_same_order(tmp_path: Path) -> None:
    path = tmp_path / "battery.jsonl"
    requests: list[Request[Any]] = [READ, SysGetConfig(), READ, SetData(47005, (4,)), P1GetData(), READ, READ, READ, READ, READ]
    told = Told(
        Data({"1664": 1, "1665": [1, 2]}),
        SysConfig({"sn": "7", "name": "süß"}, wrapped=False),
        Data({}),
        Result(result=False),
        Text("{/ISK5\r\n\xe9}"),
        BadRequest("Indevolt.GetData"),
        StatusError("Indevolt.GetData", code=418),
        NoReply("the device took the request and stayed silent"),
        Unreachable("no route"),
        ProtocolError("not JSON", raw=b"\xff\x00"),
    )
    said = list(told.answers)
    capture = Recorded.capture(told, path, ManualClock())
    seen = [await outcome(capture, request) for request in requests]
    await capture.close()
    assert told.closed
    assert seen[:5] == said[:5]

    replay = Recorded.replay(path)
    assert [await outcome(replay, request) for request in requests] == seen
    assert await outcome(replay, READ) == seen[-1], "the last answer is repeated"
    await replay.close()


async def test_a_recording_is_readable_text() -> None:
    clock = ManualClock()
    file = io.BytesIO()
    capture = Recorded.capture(Told(Data({"1664": 100}), Unauthorized("Sys.GetConfig")), file, clock)
    clock.tick(5)
    await outcome(capture, GetData((1664,)))
    await outcome(capture, SysGetConfig())
    await capture.close()
    assert [json.loads(line) for line in file.getvalue().splitlines()] == [
        {"format": "indevolt-recording", "version": 1, "at": "2026-06-21T10:00:00+00:00"},
        {
            "at": "2026-06-21T10:00:05+00:00",
            "method": "POST",
            "target": "/rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B1664%5D%7D",
            "status": 200,
            "body": '{"1664":100}',
        },
        {"at": "2026-06-21T10:00:05+00:00", "method": "GET", "target": "/rpc/Sys.GetConfig", "status": 401, "body": ""},
    ]


async def test_no_secret_is_ever_written(tmp_path: Path) -> None:
    path = tmp_path / "secret.jsonl"
    change = UserSetConfig(seal("old-secret", "new-secret", "nonce-6789"))
    async with Peer(Script(http_reply(BODY)), Script(http_reply(b'{"result":true}'))).run() as peer:
        http = HttpTransport(Address("127.0.0.1", peer.port), password="old-secret")
        capture = Recorded.capture(http, path, ManualClock())
        await capture.exchange(READ)
        await capture.exchange(change)
        await capture.close()
        sent = b"".join(peer.requests).decode()
    text = path.read_text()
    for secret in ("Digest", "Authorization", "old-secret", "new-secret", "nonce-6789", "Password", "config=%7B%22P"):
        assert secret not in text
    assert "Authorization: Digest" in sent, "it did travel"
    another_seal = UserSetConfig(seal("other", "secret", "1"))
    assert await Recorded.replay(path).exchange(another_seal) == Result(result=True)


async def test_what_was_not_recorded_is_named_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "battery.jsonl"
    capture = Recorded.capture(Told(Data({})), path, ManualClock())
    await capture.exchange(READ)
    await capture.close()
    with pytest.raises(ProtocolError) as caught:
        await Recorded.replay(path).exchange(GetData((606,)))
    assert "battery.jsonl holds no answer to POST /rpc/Indevolt.GetData?config=%7B%22t%22%3A%5B606%5D%7D" in str(caught.value)
    assert "indevolt record" in caught.value.remedy


HEADER = b'{"format":"indevolt-recording","version":1,"at":"2026-06-21T10:00:00+00:00"}\n'


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "holds no exchange"),
        (HEADER, "holds no exchange"),
        (b'{"1664":1}\n', "is no recording of version 1"),
        (HEADER.replace(b":1,", b":2,"), "is no recording of version 1"),
        (b"PNG\n", "line 1 of the recording is not JSON"),
        (HEADER + b'{"method":"GET"', "line 2 of the recording is not JSON"),
        (HEADER + b'{"method":"GET","target":"/"}', "line 2 of the recording is no exchange"),
        (HEADER + b'{"method":"GET","target":"/","status":"200","body":""}', "line 2 of the recording is no exchange"),
        (HEADER + b'{"method":"GET","target":"/","error":"SystemExit","facts":""}', "line 2 of the recording is no exchange"),
        (HEADER + b'{"method":"GET","target":"/","error":["NoReply"],"facts":""}', "line 2 of the recording is no exchange"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_the_line(content: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        Recorded.replay(io.BytesIO(content))


def test_files_that_cannot_be_opened_are_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read .*missing.jsonl: No such file"):
        Recorded.replay(tmp_path / "missing.jsonl")
    with pytest.raises(InvalidInput, match=r"cannot write .*: Is a directory"):
        Recorded.capture(Told(), tmp_path, ManualClock())


async def test_a_recording_that_cannot_be_written_on_is_an_error_not_a_silent_gap(tmp_path: Path) -> None:
    capture = Recorded.capture(Told(Data({})), tmp_path / "x.jsonl", ManualClock())
    await capture.close()
    with pytest.raises(IndevoltError, match=r"cannot write .*x.jsonl"):
        await capture.exchange(READ)
