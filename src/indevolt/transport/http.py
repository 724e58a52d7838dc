"""A device on the network: OpenData over HTTP or HTTPS, on asyncio (uvloop works as well).

A fresh connection for each request and ``Connection: close``, as real devices need it: they serve one client at a time and fail
when a connection is used again (protocol.md, section 18). This is also the one place where errors of sockets, names and TLS become
errors of the family, with the facts.

Pacing is not done here but in ``paced``. The deadline runs on the event loop's own time, since it bounds what a socket does;
everything that a test would want to speed up takes a clock and is elsewhere.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import secrets
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from indevolt.errors import IndevoltError, InvalidInput, NoReply, Unreachable
from indevolt.protocol.digest import digest_flow
from indevolt.protocol.messages import GetData, Request, UserSetConfig
from indevolt.protocol.rpc import decode_reply, encode_request
from indevolt.transport.address import Address
from indevolt.transport.connection import Answer, Connection, KeptConnection
from indevolt.transport.deadline import Deadline, Deadlines
from indevolt.transport.interface import ReplyT

MAX_REPLY_BYTES: Final = 1 << 20
"""Above the largest honest reply (some thousand points are about 100 KB), below what would hurt."""
MAX_HEADS: Final = 64  # request heads kept; a poller repeats a few batches for ever


class HttpTransport:
    """Talks to one device; any number of exchanges may run at once, each on a connection of its own.

    Args:
        address: where the device is; ``tls`` asks for HTTPS.
        password: of the Digest user ``opend``; None sends no credentials.
        deadline_s: for a whole exchange, from the name look-up to the last byte. Devices answer within about 1 s (protocol.md,
            section 7).
        keep_alive: leave a connection open for the next reading; only for peers known to manage it, such as our own server. Writes
            always get a fresh one: on an old one, nobody would know whether they arrived.
        ca_file: certificates to trust instead of the system's, for HTTPS.
        fingerprint: SHA-256 of the device's certificate in hex, with or without colons. Alone, it replaces the check against
            authorities and of the name; together with ``ca_file`` both must hold.
        max_reply_bytes: a longer reply is refused as soon as it is longer.
        tokens: source of fresh random texts for Digest.

    Raises:
        InvalidInput: an argument that cannot work.
    """

    def __init__(
        self,
        address: Address,
        *,
        password: str | None = None,
        deadline_s: float = 10.0,
        keep_alive: bool = False,
        ca_file: str | Path | None = None,
        fingerprint: str | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        tokens: Callable[[], str] = secrets.token_hex,
    ) -> None:
        if not deadline_s > 0:  # so that NaN is refused as well
            raise InvalidInput(f"a deadline of {deadline_s:g} s leaves no time to answer")
        if not address.tls and (ca_file is not None or fingerprint is not None):
            raise InvalidInput("a CA file or a fingerprint means nothing without TLS", remedy="Write https:// before it.")
        self.address = address
        self._peer = str(address)
        self._password = password
        self._deadline_s = deadline_s
        self._keep_alive = keep_alive
        self._fingerprint = None if fingerprint is None else _parse_fingerprint(fingerprint)
        self._tls = _tls_context(ca_file, pinned=fingerprint is not None) if address.tls else None
        self._max_reply_bytes = max_reply_bytes
        self._tokens = tokens
        self._heads: dict[Request[Any], bytes] = {}
        self._deadlines = Deadlines()
        self._idle: Connection | None = None
        self._closed = False

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Send a request and return its reply.

        Raises:
            Unreachable: no connection: no such name, no route, refused, TLS that does not fit, or silence until the deadline.
            NoReply: connected, but the answer did not come whole.
            StatusError: the device answered with an error status.
            ProtocolError: something that is not HTTP or not OpenData answered, or far too much of it.
            InvalidInput: this transport is closed.
        """
        if self._closed:
            raise InvalidInput(f"the connection to {self._peer} was closed by this program")
        until = asyncio.get_running_loop().time() + self._deadline_s
        head = self._heads.get(request) or self._encode(request)
        if self._password is None:
            status, body, _ = await self._send(request, head + b"\r\n", until)
        else:
            status, body = await self._send_authorized(request, head, self._password, until)
        return decode_reply(request, status, body)

    async def close(self) -> None:
        """Hang up the idle connection, if there is one. An exchange under way ends by itself, within its deadline."""
        self._closed = True
        if self._idle is not None:
            self._idle.close()
            self._idle = None

    # ---- what is sent -----------------------------------------------------------------------------------------------

    def _encode(self, request: Request[Any]) -> bytes:
        """Return the head of a request without the empty line that ends it."""
        call = encode_request(request)
        lines = [f"{call.method} {call.target} HTTP/1.1", f"Host: {self.address}"]
        if call.method != "GET":
            lines.append("Content-Length: 0")
        lines.append(f"Connection: {'keep-alive' if self._keep_alive else 'close'}")
        head = "".join(f"{line}\r\n" for line in lines).encode("ascii")
        if isinstance(request, GetData):  # writes are rare, may hold a password, and 1 == 1.0 would share one head
            if len(self._heads) >= MAX_HEADS:
                self._heads.clear()
            self._heads[request] = head
        return head

    async def _send_authorized(self, request: Request[Any], head: bytes, password: str, until: float) -> tuple[int, bytes]:
        call = encode_request(request)
        sealed = request.sealed if isinstance(request, UserSetConfig) else None
        flow = digest_flow(call.method, call.target, password, tokens=self._tokens, sealed=sealed)
        credentials = next(flow)
        while True:
            header = f"Authorization: {credentials}\r\n\r\n".encode("latin-1")
            status, body, challenge = await self._send(request, head + header, until)
            try:
                credentials = flow.send((status, challenge))
            except StopIteration:
                return status, body

    # ---- how it is sent ---------------------------------------------------------------------------------------------

    async def _send(self, request: Request[Any], message: bytes, until: float) -> Answer:
        connection, self._idle = self._idle, None
        if connection is not None:
            if request.repeatable and connection.reusable:
                connection.renew()
                try:
                    return await self._ask(connection, message, until)
                except NoReply:
                    if connection.received or asyncio.get_running_loop().time() >= until:
                        raise
                    # The peer closed while idle: a fresh connection tells whether it is still there.
            connection.close()
        kind = KeptConnection if self._keep_alive else Connection
        return await self._ask(kind(self._peer, self._max_reply_bytes), message, until)

    async def _ask(self, connection: Connection, message: bytes, until: float) -> Answer:
        try:
            with Deadline(self._deadlines, until):
                if not connection.connected:
                    await self._connect(connection)
                answer = await connection.ask(message)
        except (OSError, UnicodeError) as error:
            raise self._translate(error, connection) from error
        else:
            if self._keep_alive and connection.reusable and not self._closed and self._idle is None:
                self._idle = connection
            return answer
        finally:
            if self._idle is not connection:
                connection.close()

    async def _connect(self, connection: Connection) -> None:
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: connection, self.address.host, self.address.port, ssl=self._tls
        )
        if self._fingerprint is not None:
            certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            seen = hashlib.sha256(certificate).hexdigest()
            if seen != self._fingerprint:
                raise Unreachable(
                    f"{self._peer} shows a certificate with SHA-256 fingerprint {seen}, not the pinned one",
                    remedy="If the device got a new certificate, pin the new fingerprint; if not, do not trust what answers there.",
                )

    # ---- what went wrong --------------------------------------------------------------------------------------------

    def _translate(self, error: OSError | UnicodeError, connection: Connection) -> IndevoltError:
        """Return the family's error for one of a socket, a name, TLS or the deadline."""
        peer, host = self._peer, self.address.host
        match error:
            case TimeoutError(errno=None):
                return self._late(connection)
            case ssl.SSLCertVerificationError():
                return Unreachable(
                    f"the certificate of {peer} is not trusted: {error.verify_message}",
                    remedy="Give the CA that signed it, or pin its fingerprint.",
                )
            case ssl.SSLError():
                return Unreachable(
                    f"TLS with {peer} failed: {error.reason or error}",
                    remedy="Does this port speak HTTPS? Try http:// instead.",
                )
            case socket.gaierror() | UnicodeError():
                return Unreachable(f"the name {host} cannot be looked up: {getattr(error, 'strerror', None) or error}")
            case ConnectionRefusedError():
                return Unreachable(f"{peer} refused the connection")
            case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
                return Unreachable(f"no route to {peer}")
            case OSError(errno=errno.ETIMEDOUT):
                return Unreachable(f"nothing answered at {peer}")
            case _:
                return Unreachable(f"no connection to {peer}: {str(error) or type(error).__name__}")

    def _late(self, connection: Connection) -> IndevoltError:
        if not connection.connected:
            return Unreachable(f"no connection to {self._peer} within {self._deadline_s:g} s")
        if not connection.received:
            return NoReply(f"{self._peer} took the request and stayed silent for {self._deadline_s:g} s")
        return NoReply(f"{self._peer} sent {connection.received} bytes and no whole reply within {self._deadline_s:g} s")


def _parse_fingerprint(text: str) -> str:
    plain = text.replace(":", "").strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", plain):
        raise InvalidInput(
            f"{text!r:.100} is no SHA-256 fingerprint",
            remedy="Give 64 hexadecimal digits, such as `openssl x509 -fingerprint -sha256` prints.",
        )
    return plain


def _tls_context(ca_file: str | Path | None, *, pinned: bool) -> ssl.SSLContext:
    if ca_file is None and pinned:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the fingerprint is compared instead, before anything is sent
        return context
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidInput(f"the CA file {ca_file} cannot be used: {error.strerror or error}") from error
