"""Digest access authentication as the device uses it, and the password seal that travels inside it.

Two forms, one arithmetic (RFC 7616 with MD5): the header is sent up front with a realm and a nonce of the client's
own choice, as the device documents (seed, section 3.2; protocol.md, section 4.1); and an ordinary ``401`` challenge is
answered as well. A new password travels sealed with AES-128-GCM: ciphertext in the URL, tag as realm, nonce as nonce.

Both halves are here. Sending is ``transport``'s job, deciding what a password opens is the server's.

Header texts are what HTTP says they are, octets read as ISO 8859-1; passwords are UTF-8.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from hashlib import md5
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from indevolt.errors import InvalidInput, ProtocolError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

USERNAME: Final = "opend"
"""The only user there is (seed, section 3.2)."""

KEY_BYTES: Final = 16  # AES-128; a password is its own key, padded with zeros
NONCE_BYTES: Final = 12  # the GCM nonce, padded the same way
TAG_BYTES: Final = 16


# ---- the password seal -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sealed:
    """A new password, sealed with the old one. ``nonce`` is the unpadded text; the tag is 16 bytes."""

    ciphertext: bytes
    tag: bytes
    nonce: str


def _cipher(what: str, password: str) -> AESGCM:
    """Return the cipher of a password, which is its own key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 20 ms, for what only a new password needs

    return AESGCM(_password_octets(what, password).ljust(KEY_BYTES, b"\0"))


def seal(old: str, new: str, nonce: str) -> Sealed:
    """Seal a new password with the old one (protocol.md, section 4).

    Raises:
        InvalidInput: a password is not 1 to 16 bytes of printable UTF-8, or the nonce not 1 to 12 characters of
            printable ASCII.
    """
    cipher, iv = _cipher("old password", old), _nonce_octets(nonce)
    both = cipher.encrypt(iv.ljust(NONCE_BYTES, b"\0"), _password_octets("new password", new), None)
    return Sealed(both[:-TAG_BYTES], both[-TAG_BYTES:], nonce)


def unseal(password: str, sealed: Sealed) -> str:
    """Return the new password that was sealed with ``password``.

    Raises:
        InvalidInput: ``password`` could never have been a key.
        ProtocolError: the tag does not verify, or what was sealed cannot serve as a password.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as in _cipher

    cipher = _cipher("password", password)
    if len(sealed.tag) != TAG_BYTES:
        raise ProtocolError(f"the seal's tag has {len(sealed.tag)} bytes instead of {TAG_BYTES}", raw=sealed.tag)
    try:
        iv = _nonce_octets(sealed.nonce)
        text = cipher.decrypt(iv.ljust(NONCE_BYTES, b"\0"), sealed.ciphertext + sealed.tag, None)
        new = text.decode()
        _password_octets("new password", new)
    except InvalidTag as error:
        raise ProtocolError("the seal was not made with this password", raw=sealed.ciphertext) from error
    except UnicodeDecodeError as error:
        raise ProtocolError("the sealed password is not UTF-8", raw=sealed.ciphertext) from error
    except InvalidInput as error:
        raise ProtocolError(f"the seal is unusable: {error}", raw=sealed.ciphertext) from error
    return new


def _password_octets(what: str, text: str) -> bytes:
    # Unprintable texts are refused: nobody could type them again, and a NUL at the end is lost in the padding.
    octets = text.encode() if text.isprintable() else b""
    if not 0 < len(octets) <= KEY_BYTES:
        raise InvalidInput(f"the {what} must be 1 to {KEY_BYTES} bytes of printable text")
    return octets


def _nonce_octets(text: str) -> bytes:
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= NONCE_BYTES):
        raise InvalidInput(f"the nonce must be 1 to {NONCE_BYTES} printable ASCII characters, not {text!r:.40}")
    return text.encode("ascii")


def to_base64(data: bytes) -> str:
    """Return base64 in the standard alphabet, padded."""
    return b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Return what ``to_base64`` made of it.

    Raises:
        ProtocolError: anything but padded base64 of the standard alphabet, in its one canonical spelling.
    """
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise ProtocolError(f"not base64: {text!r:.40}") from error
    if to_base64(data) != text:
        raise ProtocolError(f"not canonical base64: {text!r:.40}")
    return data


# ---- the two headers -------------------------------------------------------------------------------------------------

_FIELD_TEXT: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""What a header may hold (RFC 9110, section 5.5): above all, no line ends."""

# Possessive quantifiers keep reading linear. A quote ends a text only where the header ends, or where a comma follows
# and then no further quote: curl puts a raw config into the uri without escaping its quotes.
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_END: Final = r'[ \t]*+(?:\Z|,(?![ \t]*+"))'
_PARAMETER: Final = re.compile(
    rf'({_NAME})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.|"(?!{_END}))*+)"|([^ \t,"]++))(?={_END})',
)
_SCHEME: Final = re.compile(rf"({_NAME})(?=[ \t,]|\Z)")
_WORD: Final = re.compile(_NAME)


@dataclass(frozen=True, slots=True)
class Authorization:
    """The ``Authorization`` header, value by value; ``nc`` and ``cnonce`` are None where ``qop`` is (RFC 2069).

    Raises:
        InvalidInput: a value that no header can carry.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    nc: str | None
    cnonce: str | None
    qop: str | None = "auth"
    algorithm: str = "MD5"
    opaque: str | None = None

    def __post_init__(self) -> None:
        _require_field_text(self.username, self.realm, self.nonce, self.uri, self.response, self.algorithm)
        _require_field_text(*(value or "" for value in (self.nc, self.cnonce, self.qop, self.opaque)))

    def header(self) -> str:
        """Return the header value, parameters in the order of protocol.md, section 4.1."""
        parts = [f"{name}={_quoted(getattr(self, name))}" for name in ("username", "realm", "nonce", "uri")]
        parts.append(f"algorithm={_word(self.algorithm)}")
        if self.qop is not None:
            parts += [f"qop={_word(self.qop)}", f"nc={_word(self.nc or '')}", f"cnonce={_quoted(self.cnonce or '')}"]
        parts.append(f"response={_quoted(self.response)}")
        if self.opaque is not None:
            parts.append(f"opaque={_quoted(self.opaque)}")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The ``WWW-Authenticate`` header, value by value; ``qop`` is the list as sent, None when there is none.

    Raises:
        InvalidInput: a value that no header can carry.
    """

    realm: str
    nonce: str
    qop: str | None = "auth"
    algorithm: str = "MD5"
    opaque: str | None = None
    stale: bool = False

    def __post_init__(self) -> None:
        _require_field_text(self.realm, self.nonce, self.qop or "", self.algorithm, self.opaque or "")

    @property
    def usable(self) -> bool:
        """Whether :func:`authorize` can answer it: MD5, and ``auth`` or no quality of protection."""
        offers = None if self.qop is None else [offer.strip().lower() for offer in self.qop.split(",")]
        return self.algorithm.upper() == "MD5" and (offers is None or "auth" in offers)

    def header(self) -> str:
        """Return the header value."""
        parts = [f"realm={_quoted(self.realm)}", f"nonce={_quoted(self.nonce)}"]
        if self.qop is not None:
            parts.append(f"qop={_quoted(self.qop)}")
        parts.append(f"algorithm={_word(self.algorithm)}")
        if self.opaque is not None:
            parts.append(f"opaque={_quoted(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


def parse_authorization(header: str) -> Authorization:
    """Return what an ``Authorization`` header says.

    Raises:
        ProtocolError: not one whole Digest header.
    """
    credentials = list(_parse_schemes(header))
    if [scheme for scheme, _ in credentials] != ["digest"]:
        raise _unusable("not one Digest header", header)
    fields = credentials[0][1]
    counted = ("nc", "cnonce") if "qop" in fields else ()
    for name in ("username", "realm", "nonce", "uri", "response", *counted):
        if name not in fields:
            raise _unusable(f"the Digest header has no {name}", header)
    return Authorization(
        fields["username"],
        fields["realm"],
        fields["nonce"],
        fields["uri"],
        fields["response"],
        nc=fields["nc"] if counted else None,
        cnonce=fields["cnonce"] if counted else None,
        qop=fields.get("qop"),
        algorithm=fields.get("algorithm", "MD5"),
        opaque=fields.get("opaque"),
    )


def parse_challenge(header: str) -> Challenge:
    """Return the first usable Digest challenge of a ``WWW-Authenticate`` header, or else its first Digest challenge.

    Several headers joined by commas count as one (RFC 9110, section 5.3).

    Raises:
        ProtocolError: no whole Digest challenge in it.
    """
    challenges = [_challenge(fields, header) for scheme, fields in _parse_schemes(header) if scheme == "digest"]
    if not challenges:
        raise _unusable("no Digest challenge", header)
    return next((challenge for challenge in challenges if challenge.usable), challenges[0])


def _challenge(fields: dict[str, str], header: str) -> Challenge:
    if "realm" not in fields or "nonce" not in fields:
        raise _unusable("the Digest challenge lacks realm or nonce", header)
    return Challenge(
        fields["realm"],
        fields["nonce"],
        qop=fields.get("qop"),
        algorithm=fields.get("algorithm", "MD5"),
        opaque=fields.get("opaque"),
        stale=fields.get("stale", "").lower() == "true",
    )


def _parse_schemes(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each scheme of a header and its parameters, names in lower case."""
    if not _FIELD_TEXT.fullmatch(header):
        raise _unusable("a header cannot hold such characters", header)
    scheme, fields, rest = "", dict[str, str](), header.lstrip(" \t,")
    while rest:
        if scheme and (match := _PARAMETER.match(rest)):
            name, text, word = match[1].lower(), match[2], match[3]
            if name in fields:
                raise _unusable(f"{name} is there twice", header)
            fields[name] = word if text is None else re.sub(r"\\(.)", r"\1", text)
        elif match := _SCHEME.match(rest):
            if scheme:
                yield scheme, fields
            scheme, fields = match[1].lower(), {}
        else:
            raise _unusable(f"cannot read it from {rest!r:.40} on", header)
        rest = rest[match.end() :].lstrip(" \t,")
    if scheme:
        yield scheme, fields


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else _quoted(text)


def _unusable(what: str, header: str) -> ProtocolError:
    return ProtocolError(f"{what}: {header!r:.80}", raw=header.encode("latin-1", "replace"))


def _require_field_text(*texts: str) -> None:
    for text in texts:
        if not _FIELD_TEXT.fullmatch(text):
            raise InvalidInput(f"no header can carry {text!r:.40}")


# ---- the arithmetic --------------------------------------------------------------------------------------------------


def authorize(
    method: str,
    target: str,
    password: str,
    *,
    realm: str,
    nonce: str,
    cnonce: str,
    nc: int = 1,
    qop: str | None = "auth",
    opaque: str | None = None,
) -> Authorization:
    """Return the credentials for one request (protocol.md, section 4.1); without ``qop`` nc and cnonce play no part.

    Raises:
        InvalidInput: a value that no header can carry.
    """
    count, own_nonce = (f"{nc:08x}", cnonce) if qop else (None, None)
    unsigned = Authorization(USERNAME, realm, nonce, target, "", count, own_nonce, qop=qop, opaque=opaque)
    return replace(unsigned, response=_response(unsigned, method, _octets(target), password))


def verify(authorization: Authorization, method: str, target: str, password: str) -> bool:
    """Return whether credentials fit a request and its password, with the header's own realm, nonce, nc and cnonce.

    The header's uri must be the target; each may be raw or percent-encoded, and either may have been hashed. Which one
    a device hashes is an open question (protocol.md, section 19), so all are accepted. Freshness is not judged: a
    device that lets clients choose the nonce cannot (protocol.md, section 4.2).
    """
    if authorization.username != USERNAME or authorization.algorithm.upper() != "MD5":
        return False
    if authorization.qop not in ("auth", None) or not _FIELD_TEXT.fullmatch(target):
        return False
    uri, wanted = _octets(authorization.uri), _octets(target)
    raw = unquote_to_bytes(wanted)
    given = _octets(authorization.response)
    return unquote_to_bytes(uri) == raw and any(
        hmac.compare_digest(given, _octets(_response(authorization, method, hashed, password))) for hashed in {uri, wanted, raw}
    )


def _response(given: Authorization, method: str, uri: bytes, password: str) -> str:
    # A password that is no text (it came through a broken terminal) is a wrong password, not a crash.
    secret = _md5(_octets(given.username), _octets(given.realm), password.encode("utf-8", "surrogatepass"))
    request = _md5(method.encode("utf-8", "surrogatepass"), uri)
    texts = [given.nonce] if given.qop is None else [given.nonce, given.nc or "", given.cnonce or "", given.qop]
    return _md5(_octets(secret), *map(_octets, texts), _octets(request))


def _md5(*parts: bytes) -> str:
    # The device knows no other algorithm (seed, section 3.2).
    return md5(b":".join(parts), usedforsecurity=False).hexdigest()


def _octets(text: str) -> bytes:
    return text.encode("latin-1")


# ---- the conversation ------------------------------------------------------------------------------------------------

DigestFlow: TypeAlias = Generator[str, tuple[int, str | None], None]
"""Yields the Authorization header of each request; is sent the status and WWW-Authenticate header of each reply."""


def digest_flow(method: str, target: str, password: str, *, tokens: Callable[[], str], sealed: Sealed | None = None) -> DigestFlow:
    """Return the conversation that gets one request past Digest; when it ends, the last reply is the reply.

    First the header goes up front, as the device documents. A ``401`` with a challenge that we can answer is answered
    once. A password change (``sealed``) has its realm and nonce fixed by the seal, so there is nothing else to try.

    Args:
        method: of the HTTP request.
        target: path and query exactly as sent.
        password: the current one; for a password change, the old one.
        tokens: returns a fresh random text at each call.
        sealed: the new password of a User.SetConfig.
    """
    realm, nonce = (to_base64(tokens().encode()), tokens()) if sealed is None else (to_base64(sealed.tag), sealed.nonce)
    status, offer = yield authorize(method, target, password, realm=realm, nonce=nonce, cnonce=tokens()).header()
    if status != 401 or offer is None or sealed is not None:
        return
    try:
        challenge = parse_challenge(offer)
    except ProtocolError:
        return  # the 401 itself is the news
    if challenge.usable:
        yield authorize(
            method,
            target,
            password,
            realm=challenge.realm,
            nonce=challenge.nonce,
            cnonce=tokens(),
            qop=None if challenge.qop is None else "auth",
            opaque=challenge.opaque,
        ).header()
