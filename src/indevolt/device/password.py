"""Changing the Digest password in one call: seal it, send it, and see that it works.

The new password travels sealed with the present one (protocol.md, section 4); how is in ``protocol.digest``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from indevolt.clock import Clock, SystemClock
from indevolt.device.route import Route
from indevolt.errors import IndevoltError, NoReply, Refused, Unauthorized, Unreachable
from indevolt.protocol.digest import NONCE_BYTES, seal
from indevolt.protocol.messages import SysGetConfig, UserSetConfig
from indevolt.transport import Transport


async def set_password(
    host: str,
    current: str,
    new: str,
    *,
    clock: Clock | None = None,
    deadline_s: float = 10.0,
    spacing_s: float = 1.0,
    ca_file: str | Path | None = None,
    fingerprint: str | None = None,
) -> None:
    """Change the password of a device without opening it.

    The only way in for a new or factory-reset device in Digest mode: with its default password, the device key, it answers nothing
    but this (protocol.md, section 4.2). Arguments are those of :func:`indevolt.connect`.

    Raises:
        InvalidInput: a password is not 1 to 16 bytes of printable text, or the address is none; nothing was sent.
        Refused: the device did not take it.
        Unauthorized: ``current`` is not the device's password.
        NoReply: nobody knows whether it arrived; the message tells what to try.
        IndevoltError: the device cannot be reached, or is none.
    """
    route = Route(host, clock or SystemClock(), deadline_s, spacing_s, ca_file, fingerprint)
    transport = route.open(current)
    try:
        opened = await replace_password(transport, current, new, route.open)
        await opened.close()
    finally:
        await transport.close()


async def replace_password(transport: Transport, current: str, new: str, reopen: Callable[[str], Transport] | None) -> Transport:
    """Change the password and return a transport that uses it; where it cannot be reopened, the same one, and unverified.

    Raises:
        IndevoltError: as :func:`set_password`; the transport stays open.
    """
    request = UserSetConfig(seal(current, new, secrets.token_hex(NONCE_BYTES // 2)))
    lost: IndevoltError | None = None
    try:
        if not (await transport.exchange(request)).result:
            raise Refused(
                "the device did not take the new password",
                remedy="Is the present password right? A new or factory-reset device has its device key as password.",
            )
    except IndevoltError as error:
        if not error.transient or isinstance(error, Unreachable) or reopen is None:
            raise  # without a connection, nothing was sent
        lost = error
    if reopen is None:
        return transport
    fresh = reopen(new)
    try:
        await fresh.exchange(SysGetConfig())
    except IndevoltError as error:
        await fresh.close()
        raise _unverified(error, lost) from error
    await transport.close()
    return fresh


def _unverified(error: IndevoltError, lost: IndevoltError | None) -> IndevoltError:
    if not isinstance(error, Unauthorized):
        said = "the device took the new password" if lost is None else f"the reply to the new password was lost ({lost})"
        return NoReply(f"{said}, but it could not be tried: {error}", remedy="Try the new password first, then the old one.")
    if lost is None:
        return Unauthorized("the device said that it took the new password, and now does not accept it")
    return NoReply(f"the reply to the new password was lost ({lost}), and it does not hold", remedy="Try again with the old one.")
