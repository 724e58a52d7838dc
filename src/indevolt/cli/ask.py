"""Asking a running hub: where it is, with which token, and its problems as errors of the family.

For commands that tell what a hub knows or have it decide. Only the standard library, so that the command line needs no hub extra.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode

import click

from indevolt.cli.introduction import reachable
from indevolt.cli.options import T, config_option
from indevolt.errors import (
    BudgetSpent,
    ForeignWriter,
    IndevoltError,
    InvalidInput,
    LeaseHeld,
    LeaseLost,
    NoReply,
    NoSuchDevice,
    NotRestored,
    ProtocolError,
    ReadOnly,
    Refused,
    Unauthorized,
    Unreachable,
)

Json: TypeAlias = Any
"""Whatever a document of JSON holds."""
Asked: TypeAlias = str | float | bool | Sequence[str] | None
"""What stands behind a ``?``; nothing where there is none."""
TIMEOUT_S: Final = 130.0  # a command of several steps takes up to two minutes
DEFAULT: Final = "http://127.0.0.1:8188"
HOW: Final = "Start it with `indevolt hub`, or say where it is with --hub or INDEVOLT_HUB."
_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_token_option: Final = click.option(
    "--token", envvar="INDEVOLT_TOKEN", show_envvar=True, help="Token of the hub; nearby, reading needs none."
)
_ca_option: Final = click.option("--hub-ca", "hub_ca", type=_FILE, help="CA certificates to trust, for a hub with https.")
_KINDS: Final[Mapping[str, type[IndevoltError]]] = {
    "no-such-device": NoSuchDevice,
    "refused": Refused,
    "interrupted": NoReply,
    "no-reply": NoReply,
    "lease-held": LeaseHeld,
    "foreign-writer": ForeignWriter,
    "lease-lost": LeaseLost,
    "not-restored": NotRestored,
}
"""What the hub calls its problems, as errors of the family: the same trouble has the same exit code on both ways."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a hub sends none, and the token is for the hub alone."""

    def redirect_request(self, *_: object) -> None:
        """Say no, so that the answer is a problem."""


@dataclass(frozen=True, slots=True)
class HubAt:
    """Where a hub is, and what opens it."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    chosen: bool = False  # somebody named it, so that no other place is tried
    file: Path | None = None  # its configuration, where that was named

    def get(self, path: str, **query: Asked) -> Json:
        """Return what the hub says.

        Raises:
            IndevoltError: it does not answer, or does not want to.
        """
        with closing(self._open(path, query)) as answer:
            return self._read(answer)

    def post(self, path: str, body: Mapping[str, Json], **query: Asked) -> Json:
        """Ask the hub to do something, and return what it says.

        Raises:
            IndevoltError: it does not answer, or does not want to.
        """
        with closing(self._open(path, query, body)) as answer:
            return self._read(answer)

    def put(self, path: str, body: Mapping[str, Json], **query: Asked) -> Json:
        """Ask the hub to set something, and return what it says.

        Raises:
            IndevoltError: it does not answer, or does not want to.
        """
        with closing(self._open(path, query, body, "PUT")) as answer:
            return self._read(answer)

    def delete(self, path: str) -> Json:
        """Ask the hub to take something back, and return what it says.

        Raises:
            IndevoltError: it does not answer, or does not want to.
        """
        with closing(self._open(path, {}, method="DELETE")) as answer:
            return self._read(answer)

    def lines(self, path: str, *, after: str = "", **query: Asked) -> Iterator[bytes]:
        """Yield lines of an answer as they come, until the hub ends it; ``after``: the id of the last event that is known."""
        with closing(self._open(path, query, after=after)) as answer, self._talking():
            yield from answer

    def _open(
        self,
        path: str,
        query: Mapping[str, Asked],
        body: Mapping[str, Json] | None = None,
        method: str | None = None,
        *,
        after: str = "",
    ) -> http.client.HTTPResponse:
        given = {name: value for name, value in query.items() if value not in (None, (), [])}
        url = f"{self.url}/api/v1/{quote(path)}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        headers = {"Accept": "application/json, text/event-stream"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if after:
            headers["Last-Event-ID"] = after
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http and https only, checked where it is given
        # Straight to the hub, as the library goes to devices: a proxy would see the token, and perhaps not reach this machine.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trusted()), _Stay
        )
        with self._talking():
            answer: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
        return answer

    def _trusted(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        except OSError as error:
            facts = f"--hub-ca: {self.ca_file} cannot be used: {error.strerror or error}"
            raise InvalidInput(
                facts, remedy="Give a file of certificates as PEM, which begin with -----BEGIN CERTIFICATE-----."
            ) from error

    def _read(self, answer: http.client.HTTPResponse) -> Json:
        with self._talking():
            text = answer.read()
        return self.told(text)

    def told(self, text: bytes) -> Json:
        """Return the JSON object that it told.

        Raises:
            ProtocolError: it is none, so that this is no hub.
        """
        told = _object(text)
        if told is None:
            raise ProtocolError(f"what answers at {self.url} is no hub: it tells no JSON object", remedy=HOW)
        return told

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Tell what goes wrong between here and the hub as an error of the family."""
        try:
            yield
        except urllib.error.HTTPError as error:
            raise _problem(error) from error
        except TimeoutError as error:
            raise NoReply(f"the hub at {self.url} did not answer in time", remedy=HOW) from error
        except OSError as error:
            raise Unreachable(f"no hub answers at {self.url}: {getattr(error, 'reason', error)}", remedy=HOW) from error
        except http.client.InvalidURL as error:
            raise InvalidInput(f"--hub: {self.url!r:.80} is no address: {error}", remedy=f"Like {DEFAULT}.") from error
        except http.client.IncompleteRead as error:
            raise NoReply(f"the answer of the hub at {self.url} did not come whole", remedy=HOW) from error
        except http.client.HTTPException as error:
            raise ProtocolError(f"what answers at {self.url} is no hub: it does not speak HTTP", remedy=HOW) from error


def hub_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add how to reach the hub; the command gets it as one :class:`HubAt`."""

    @click.option(
        "--hub", "url", envvar="INDEVOLT_HUB", show_envvar=True, metavar="URL", help="The hub, if not that of this machine."
    )
    @config_option
    @_token_option
    @_ca_option
    @wraps(command)
    def reach(
        *given: object,
        url: str | None,
        file: Path | None,
        token: str | None,
        hub_ca: Path | None,
        **rest: object,
    ) -> T:
        return command(*given, HubAt(_spelled(url or hub_here(file)), token, hub_ca, url is not None, file), **rest)

    return reach


def through_hub_options(command: Callable[..., T]) -> Callable[..., T]:
    """Add the way through a hub instead of to the device itself; the command gets it as ``hub``, or None."""

    @click.option(
        "--hub", "url", metavar="URL", help="Have this hub do it: HOST is the device's name there, address or serial number."
    )
    @_token_option
    @_ca_option
    @wraps(command)
    def reach(
        *given: object,
        url: str | None,
        token: str | None,
        hub_ca: Path | None,
        **rest: object,
    ) -> T:
        return command(*given, hub=None if url is None else HubAt(_spelled(url), token, hub_ca, chosen=True), **rest)

    return reach


def _spelled(url: str) -> str:
    place = url.rstrip("/")
    return place if place.startswith(("http://", "https://")) else f"http://{place}"


def hub_here(file: Path | None) -> str:
    """Return where the hub of this machine listens, by its configuration."""
    try:
        from indevolt.hub.config_file import api_of, find
    except ModuleNotFoundError:
        return DEFAULT  # a machine without a hub may ask one elsewhere
    try:
        host, port, is_secure = api_of(find(file))
    except InvalidInput as error:
        if error.remedy:
            raise
        raise InvalidInput(str(error), remedy=HOW) from error  # a file that only the hub may read
    return f"{'https' if is_secure else 'http'}://{reachable(host)}:{port}"


def events(hub: HubAt, *, after: str = "", **query: Asked) -> Iterator[tuple[str, Json]]:
    """Yield kind and content of each event of the hub after one, or from now on, until it ends.

    Raises:
        IndevoltError: it does not answer, or what comes is no event.
    """
    kind, data = "", b""
    for line in hub.lines("events", after=after, **query):
        name, _, value = line.rstrip(b"\r\n").partition(b": ")
        if name == b"event":
            kind = value.decode("utf-8", "replace")
        elif name == b"data":
            data += value
        elif not name and data:
            yield kind, hub.told(data)
            kind, data = "", b""


def _object(text: bytes) -> Mapping[str, Json] | None:
    """Return the JSON object that a text is; None where it is none."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _problem(error: urllib.error.HTTPError) -> IndevoltError:
    """Return a problem of the hub as an error."""
    try:
        told = _object(error.read()) or {}
    except (OSError, http.client.HTTPException):  # cut off; the status tells the most
        told = {}
    detail = str(told.get("detail") or error.reason)
    remedy = str(told.get("remedy") or "")
    kind = str(told.get("type")).rpartition(":")[2]
    if kind == "budget-spent":
        return BudgetSpent(detail, wait_s=float(error.headers.get("Retry-After") or 0), remedy=remedy)
    if kind in _KINDS:
        return _KINDS[kind](detail, remedy=remedy)
    match error.code:
        case 301 | 302 | 303 | 307 | 308:
            place = error.headers.get("Location", "elsewhere")
            return InvalidInput(f"the hub is not there: it is said to be at {place!r:.80}", remedy="Give that address with --hub.")
        case 401:
            return Unauthorized(detail, remedy=remedy)
        case 403:
            return ReadOnly(detail, remedy=remedy)
        case 404:
            return InvalidInput(detail, remedy="Is this the address of a hub, and is the hub of this version?")
        case 500:
            return IndevoltError(f"the hub failed: {detail}", remedy=remedy or "Its log says where; please report that.")
        case 503 | 504:
            return Unreachable(detail, remedy=remedy)
    return InvalidInput(detail, remedy=remedy)
