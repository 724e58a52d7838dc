"""Tokens that open the hub's API: made here, shown once, and kept as a hash from which nobody gets them back.

A token begins with its name, so a guess costs one hash and not one for each token that there is. Whose request needs which role is
decided by the API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import Final

from indevolt.errors import InvalidInput

_SECRET_BYTES: Final = 32  # nobody guesses 256 bits, so the hash may be quick
_SALT_BYTES: Final = 16
_COST: Final = (
    2**12
)  # with 8 blocks: 4 MiB and some 10 ms; above what a table of hashes could afford, below what a small computer feels
_MOST_COST: Final = 2**17  # 128 MiB: a hash of a file may not ask for more
_BLOCKS: Final = 8
_HASH: Final = re.compile(r"scrypt:(\d{1,7}):([A-Za-z0-9+/=]{16,64}):([A-Za-z0-9+/=]{24,128})")


class Role(StrEnum):
    """What a token may do; each includes those before it."""

    READ = "read"
    CONTROL = "control"  # settings and commands of devices whose owner allowed it
    ADMIN = "admin"  # the hub itself

    def includes(self, needed: Role) -> bool:
        """Return whether whoever has this role may do what needs another."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


def make_token(name: str) -> str:
    """Return a new token for a name; it is not kept anywhere."""
    return f"{name}.{secrets.token_urlsafe(_SECRET_BYTES)}"


def name_in(token: str) -> str:
    """Return the name that a token begins with; empty where there is none."""
    name, dot, _ = token.partition(".")
    return name if dot else ""


def hash_token(token: str) -> str:
    """Return the salted scrypt hash of a token, as a configuration holds it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"scrypt:{_COST}:{_spell(salt)}:{_spell(_scrypt(token, salt, _COST))}"


def verify_token(token: str, kept: str) -> bool:
    """Return whether a token is the one that a hash was made of. Takes some 10 ms and 4 MiB: remember a good one."""
    cost, salt, expected = _taken_apart(kept)
    return hmac.compare_digest(_scrypt(token, salt, cost), expected)


def check_hash(kept: str) -> str:
    """Return a hash that can be verified against.

    Raises:
        InvalidInput: it is none; the text is not repeated, as it may be a token put there by mistake.
    """
    _taken_apart(kept)
    return kept


def _taken_apart(kept: str) -> tuple[int, bytes, bytes]:
    match = _HASH.fullmatch(kept)
    cost = int(match[1]) if match else 0
    try:
        if match is None or not 2 <= cost <= _MOST_COST or cost & (cost - 1):
            raise ValueError(kept)
        return cost, base64.b64decode(match[2], validate=True), base64.b64decode(match[3], validate=True)
    except ValueError:
        raise InvalidInput("this is no hash of a token", remedy="`indevolt hub token NAME` makes a token and its hash.") from None


def _scrypt(token: str, salt: bytes, cost: int) -> bytes:
    room = 2 * 128 * _BLOCKS * cost  # bytes; the algorithm needs half of it
    return hashlib.scrypt(token.encode(), salt=salt, n=cost, r=_BLOCKS, p=1, maxmem=room, dklen=_SECRET_BYTES)


def _spell(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
