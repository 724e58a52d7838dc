"""The files of the hub's own page: read and compressed once, served from memory to anybody, as only data needs a token.

The folder ``hub/web`` is laid out as it is served: ``index.html`` is ``/``, everything else is at its own path, modules below
``/assets/``. All addresses in it are relative, so the page works behind any path of a proxy. Lines of modules that are nothing but
remarks travel empty, which spares a sixth of a first view; the others keep their numbers. What the page does is none of this
module's business.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from indevolt.hub.api.replies import has_tag, takes

INDEX: Final = "index.html"
ASSETS: Final = "/assets/"
_SMALLEST: Final = 512  # bytes that are worth compressing
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"  # kept, but only used after the hub has said that it is still so
_VERSION: Final = re.compile(r"[-@.]\d+\.\d+\.\d+[-.]")  # a file whose name holds its version never changes
_TEXTS: Final = re.compile(r"text/|.*(javascript|json|xml|manifest)")
_TYPES: Final[Mapping[str, str]] = {
    # what the tables of machines do not agree on
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_REMARK: Final = re.compile(
    rb"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)$", re.MULTILINE
)  # lines that are comments, and nothing else
_OWN_POLICY: Final = re.compile(r".*\.(html|svg)|sw\.js")  # documents and the worker; everything else obeys that of its document
PART: Final[Mapping[str, str]] = {"content-security-policy": "default-src 'none'"}
HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "SAMEORIGIN",  # Home Assistant shows add-ons in a frame of its own address
}


@dataclass(frozen=True, slots=True)
class Body:
    """One form of a file: as it is, or compressed."""

    content: bytes
    encoding: str
    tag: str  # a name for exactly these bytes

    @staticmethod
    def of(content: bytes, encoding: str = "") -> Body:
        """Return bytes with their tag."""
        return Body(content, encoding, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"')


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file; ``bodies`` are its forms, the smallest first and the plain one last."""

    kind: str
    keep: str
    bodies: tuple[Body, ...]
    policy: Mapping[str, str]

    def answer(self, request: Request) -> Response:
        """Return the form that a client takes, or 304 if it has it."""
        body = next((each for each in self.bodies if each.encoding and takes(request, each.encoding)), self.bodies[-1])
        headers = {**self.policy, "cache-control": self.keep, "etag": body.tag, "vary": "accept-encoding"}
        if has_tag(request.headers.get("if-none-match", ""), body.tag):
            return Response(None, 304, headers)
        if body.encoding:
            headers["content-encoding"] = body.encoding
        return Response(body.content, 200, headers, self.kind)


@cache
def web_files() -> Mapping[str, WebFile]:
    """Return the files of the page by their paths; read once."""
    return {
        "/" if name == INDEX else f"/{name}": _file(PurePosixPath(name), place.read_bytes())
        for name, place in _walk(files("indevolt.hub") / "web", "")
    }


def public_paths() -> tuple[str, ...]:
    """Return the paths that need no token."""
    return (*(path for path in web_files() if not path.startswith(ASSETS)), ASSETS)


def page_router() -> APIRouter:
    """Return the routes of the page; what is not there is a 404 like any other."""
    router = APIRouter()

    async def send(request: Request) -> Response:
        file = web_files().get(request.scope["path"])
        if file is None:
            raise HTTPException(404)
        return file.answer(request)

    for path in (*(path for path in web_files() if not path.startswith(ASSETS)), f"{ASSETS}{{name:path}}"):
        router.add_route(path, send, methods=["GET"], include_in_schema=False)
    return router


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda place: place.name):
        if each.name.startswith((".", "__")):
            continue
        if each.is_dir():
            yield from _walk(each, f"{prefix}{each.name}/")
        else:
            yield f"{prefix}{each.name}", each


def _file(name: PurePosixPath, content: bytes) -> WebFile:
    kind = _TYPES.get(name.suffix) or mimetypes.guess_type(name.name)[0] or "application/octet-stream"
    if name.suffix == ".js":
        content = _REMARK.sub(lambda found: b"\n" * found[0].count(b"\n"), content)
    bodies = [Body.of(content)]
    if len(content) >= _SMALLEST and _TEXTS.match(kind):
        bodies = [*(Body.of(work(content), encoding) for encoding, work in _compressors().items()), *bodies]
    bodies.sort(key=lambda body: (not body.encoding, len(body.content)))
    keep = _FOREVER if _VERSION.search(name.name) else _ASK_FIRST
    charset = "; charset=utf-8" if _TEXTS.match(kind) and kind != "application/json" else ""
    return WebFile(f"{kind}{charset}", keep, tuple(bodies), HEADERS if _OWN_POLICY.fullmatch(str(name)) else PART)


@cache
def _compressors() -> Mapping[str, Callable[[bytes], bytes]]:
    """Return how to compress: gzip, and brotli where somebody has installed it."""
    found: dict[str, Callable[[bytes], bytes]] = {"gzip": lambda content: gzip.compress(content, mtime=0)}
    with suppress(ImportError):
        found["br"] = import_module("brotli").compress
    return found
