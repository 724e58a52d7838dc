"""Exchanges on file: written down while they happen, and given again without the device.

A recording is text, one JSON object a line. The first line says what it is, each other line is one exchange, in the order in
which they ended::

    {"format":"indevolt-recording","version":1,"at":"2026-06-21T10:00:00+00:00"}
    {"at":"...","method":"POST","target":"/rpc/Indevolt.SetData?config=...","status":200,"body":"{...}"}
    {"at":"...","method":"POST","target":"/rpc/Indevolt.GetData?config=...","status":400,"body":""}
    {"at":"...","method":"POST","target":"/rpc/Indevolt.GetData?config=...","error":"NoReply","facts":"..."}

Bodies are what the reply means, in compact JSON; spacing is not kept. A body that is not UTF-8 is in ``body_base64``, and what
came with a ``ProtocolError`` in ``raw``. No password is ever written: credentials are no part of a request here, and of
``User.SetConfig`` only the path is kept, since who knows the old password can open the seal around the new one. Serial numbers
and network names are in it as the device said them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

from indevolt.clock import Clock
from indevolt.errors import IndevoltError, InvalidInput, NoReply, ProtocolError, StatusError, Unreachable
from indevolt.protocol.digest import from_base64, to_base64
from indevolt.protocol.jsontext import decode_object, encode_object
from indevolt.protocol.messages import AnyRequest, Reply, Request, UserSetConfig
from indevolt.protocol.rpc import decode_reply, decode_request, encode_reply, encode_request
from indevolt.transport.interface import ReplyT, Transport

FORMAT: Final = "indevolt-recording"
VERSION: Final = 1

_Asked: TypeAlias = tuple[str, str]
_KINDS: Final[dict[str, type[IndevoltError]]] = {
    kind.__name__: kind for kind in (Unreachable, NoReply, ProtocolError, InvalidInput, IndevoltError)
}


class Recorded:
    """The two sides of a recording."""

    @staticmethod
    def capture(transport: Transport, file: str | Path | BinaryIO, clock: Clock) -> Capture:
        """Write down what passes through ``transport``; an existing file is replaced.

        Raises:
            InvalidInput: the file cannot be written.
        """
        return Capture(transport, file, clock)

    @staticmethod
    def replay(file: str | Path | BinaryIO) -> Replay:
        """Answer from a recording.

        Raises:
            InvalidInput: the file cannot be read.
            ProtocolError: it is no recording.
        """
        return Replay(file)


class Capture:
    """A transport that writes down what passes, errors included, each exchange as soon as it ends."""

    def __init__(self, transport: Transport, file: str | Path | BinaryIO, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._name = _name_of(file)
        self._own = isinstance(file, str | Path)
        self._file = _create(file) if isinstance(file, str | Path) else file
        self._write({"format": FORMAT, "version": VERSION, "at": clock.now().isoformat()})

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Pass a request on, and write down how it ended.

        Raises:
            IndevoltError: what the transport raised, or that the file cannot be written.
        """
        try:
            reply = await self._transport.exchange(request)
        except IndevoltError as error:
            self._note(request, _describe(error))
            raise
        self._note(request, {"status": 200, **_spell(encode_reply(reply))})
        return reply

    async def close(self) -> None:
        """Close the transport, and the file if it was opened here."""
        if self._own:
            self._file.close()
        await self._transport.close()

    def _note(self, request: Request[Any], outcome: dict[str, Any]) -> None:
        method, target = _asked(request)
        self._write({"at": self._clock.now().isoformat(), "method": method, "target": target, **outcome})

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(encode_object(line) + b"\n")
            self._file.flush()  # what is known shall survive a crash
        except (OSError, ValueError) as error:
            raise IndevoltError(f"cannot write {self._name}: {error}") from error


class Replay:
    """A transport that answers from a recording: each request by its recorded answers in order, then by the last one for ever."""

    def __init__(self, file: str | Path | BinaryIO) -> None:
        self._name = _name_of(file)
        try:
            lines = (Path(file).read_bytes() if isinstance(file, str | Path) else file.read()).splitlines()
        except OSError as error:
            raise InvalidInput(f"cannot read {self._name}: {error.strerror}") from error
        self._answers = _parse(lines, self._name)

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Return the recorded reply, or raise the recorded error.

        Raises:
            ProtocolError: this request was not recorded.
        """
        asked = _asked(request)
        answers = self._answers.get(asked)
        if not answers:
            raise ProtocolError(
                f"{self._name} holds no answer to {' '.join(asked)[:200]}",
                remedy="Ask for what was recorded, or record this as well with `indevolt record`.",
            )
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        if "error" in answer:
            raise _revive(answer)
        return decode_reply(request, answer["status"], _body_of(answer))

    def exchanges(self) -> Iterator[tuple[AnyRequest, Reply]]:
        """Yield every reading in the file with its reply, for setting up a virtual device; errors and writes are left out.

        Raises:
            ProtocolError: a line is not what its RPC asks or answers.
        """
        for (method, target), answers in self._answers.items():
            if target.partition("?")[0].endswith(UserSetConfig.rpc):
                continue  # only its path is kept
            request = decode_request(method, target.encode("ascii"))
            for answer in answers:
                if request.repeatable and answer.get("status") == HTTPStatus.OK:
                    yield request, decode_reply(request, answer["status"], _body_of(answer))

    async def close(self) -> None:
        """Do nothing: the file was read and closed at once."""


def _asked(request: Request[Any]) -> _Asked:
    call = encode_request(request)
    return call.method, call.target.partition("?")[0] if isinstance(request, UserSetConfig) else call.target


def _create(file: str | Path) -> BinaryIO:
    try:
        return Path(file).open("wb")
    except OSError as error:
        raise InvalidInput(f"cannot write {file}: {error.strerror}") from error


def _spell(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": to_base64(body)}


def _body_of(answer: dict[str, Any]) -> bytes:
    encoded: str | None = answer.get("body_base64")
    if encoded is not None:
        return from_base64(encoded)
    body: str = answer["body"]
    return body.encode("utf-8")


def _describe(error: IndevoltError) -> dict[str, Any]:
    if isinstance(error, StatusError):
        return {"status": error.code, "body": ""}
    kind = next(name for name, kind in _KINDS.items() if isinstance(error, kind))
    fields = {"error": kind, "facts": str(error)}
    if isinstance(error, ProtocolError):
        fields["raw"] = to_base64(error.raw)
    return fields


def _revive(answer: dict[str, Any]) -> IndevoltError:
    kind = _KINDS[answer["error"]]
    if issubclass(kind, ProtocolError):
        return kind(answer["facts"], raw=from_base64(answer.get("raw", "")))
    return kind(answer["facts"])


def _parse(lines: Iterable[bytes], name: str) -> dict[_Asked, deque[dict[str, Any]]]:
    answers: dict[_Asked, deque[dict[str, Any]]] = {}
    for number, line in enumerate(lines, start=1):
        fields = decode_object(line, f"line {number} of {name}")
        if number == 1:
            if (fields.get("format"), fields.get("version")) != (FORMAT, VERSION):
                raise ProtocolError(f"{name} is no recording of version {VERSION}", raw=line, remedy="")
        elif _is_exchange(fields):
            answers.setdefault((fields["method"], fields["target"]), deque()).append(fields)
        else:
            raise ProtocolError(f"line {number} of {name} is no exchange", raw=line, remedy="")
    if not answers:
        raise ProtocolError(f"{name} holds no exchange", remedy="")
    return answers


def _is_exchange(fields: dict[str, Any]) -> bool:
    texts = [fields.get("method"), fields.get("target")]
    if "error" in fields:
        texts += [fields["error"], fields.get("facts"), fields.get("raw", "")]
        known = str(fields["error"]) in _KINDS
    else:
        texts.append(fields.get("body", fields.get("body_base64")))
        known = type(fields.get("status")) is int
    return known and all(isinstance(text, str) for text in texts)


def _name_of(file: str | Path | BinaryIO) -> str:
    return str(file) if isinstance(file, str | Path) else getattr(file, "name", "the recording")
