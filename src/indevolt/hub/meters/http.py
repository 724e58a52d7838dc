"""A meter that is asked over HTTP and answers with a JSON document."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import aiohttp
import orjson

from indevolt.errors import InvalidInput, NoReply, ProtocolError, Unauthorized, Unreachable, status_error
from indevolt.hub.meters.told import Told
from indevolt.transport import parse_address

ANSWER_S: Final = 2.0  # for an answer; what is older is of no use to control (control.md, section 1.2)
LARGEST: Final = 64 * 1024  # bytes of an answer: ten times what any of these meters tells
Language: TypeAlias = Callable[[Mapping[str, Any]], Told]
"""Makes what was told of a document."""


class HttpSource:
    """Asks a meter.

    Args:
        host: as in the configuration.
        port: its port.
        path: what is asked for, with its query.
        language: understands the answer.
        every_s: how often it is to be asked.
        basic: Basic credentials, user and password.
        digest: Digest credentials, user and password.
    """

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        language: Language,
        *,
        every_s: float,
        basic: tuple[str, str] | None = None,
        digest: tuple[str, str] | None = None,
    ) -> None:
        address = parse_address(host)
        self.every_s: float | None = every_s
        self._place = f"{address.bracketed_host}:{port}"
        self._url = f"{'https' if address.tls else 'http'}://{self._place}{path}"
        self._language = language
        self._headers = {"Authorization": f"Basic {b64encode(':'.join(basic).encode()).decode()}"} if basic else {}
        self._digest = digest
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1),
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            headers=self._headers,
            middlewares=(aiohttp.DigestAuthMiddleware(*self._digest),) if self._digest else (),
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    async def next(self) -> Told:
        """Ask, and return what it told.

        Raises:
            IndevoltError: no answer, or none that can be understood.
        """
        if self._session is None:
            raise InvalidInput("the source is not open")
        try:
            async with self._session.get(self._url, allow_redirects=False) as answer:
                body = await answer.content.read(LARGEST + 1)
                while len(body) <= LARGEST and (more := await answer.content.read(LARGEST)):
                    body += more
        except TimeoutError as error:
            raise NoReply(f"{self._place} did not answer within {ANSWER_S:g} s", remedy="Check its Wi-Fi signal.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(
                f"{self._place}: {error}", remedy="Check host and port of the meter, and that its API is on."
            ) from error
        if answer.status == 401:
            raise Unauthorized(f"{self._place} wants a password, or another one", remedy="Set password of the meter.")
        if answer.status != 200:
            raise status_error(answer.status, f"from {self._place}")
        return self._language(_document(body, self._place))


def _document(body: bytes, place: str) -> Mapping[str, Any]:
    if len(body) > LARGEST:
        raise ProtocolError(f"{place} answers with more than {LARGEST} bytes", raw=body[:200])
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(f"what {place} answers is no JSON: {error}", raw=body, remedy="Is this such a meter?") from error
    if not isinstance(document, dict):
        raise ProtocolError(f"what {place} answers is no JSON object", raw=body, remedy="Is this such a meter?")
    return document
