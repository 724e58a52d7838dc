"""Who may call which RPC: the API switch of the app, the Digest check and the password (protocol.md, section 4.2).

Every device with this communication board has it, batteries and accessories alike. Where the credentials stand in a request, and
what a 401 looks like, is the server's business.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from indevolt.errors import InvalidInput, ProtocolError
from indevolt.protocol.digest import Authorization, Sealed, from_base64, parse_authorization, unseal, verify
from indevolt.protocol.messages import AnyRequest, UserSetConfig

DEVICE_KEY: Final = "7d85b089"
"""A default password as printed in the documents (protocol.md, section 4); real devices have each their own."""


class Api(StrEnum):
    """The setting of the local API in the app (seed, section 2). HTTPS is announced only; here it checks no password (inferred)."""

    OFF = "off"
    HTTP = "http"
    DIGEST = "digest"
    HTTPS = "https"

    @classmethod
    def parse(cls, text: str) -> Api:
        """Return the setting that a word names.

        Raises:
            InvalidInput: no such setting.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise InvalidInput(f"no API setting {text!r:.40}", remedy=f"There are {', '.join(cls)}.") from None


class Access:
    """The lock of one device.

    ``factory_default`` says that the password was never changed: it then opens User.SetConfig and nothing else.
    """

    __slots__ = ("_device_key", "api", "factory_default", "password")

    def __init__(self, api: Api, password: str, *, factory_default: bool) -> None:
        self.api = api
        self.password = password
        self.factory_default = factory_default
        self._device_key = password if factory_default else DEVICE_KEY

    def guard(self, request: AnyRequest, method: str, target: str, authorization: str | None) -> AnyRequest | None:
        """Return the request to serve, a password change completed from the header; None means 401.

        Nonces are not remembered: a device that lets clients choose them cannot tell a replay (protocol.md, section 4.2).
        """
        changes_password = isinstance(request, UserSetConfig)
        if self.api is not Api.DIGEST and not changes_password:
            return request  # no check, and a header is ignored
        credentials = _credentials(authorization)
        if self.api is Api.DIGEST:
            if credentials is None or not verify(credentials, method, target, self.password):
                return None
            if self.factory_default and not changes_password:
                return None
        if isinstance(request, UserSetConfig) and credentials is not None:
            return UserSetConfig(Sealed(request.sealed.ciphertext, _tag(credentials), credentials.nonce))
        return request

    def change_password(self, sealed: Sealed) -> bool:
        """Take a new password if it was sealed with the current one; what else a device answers is not documented."""
        try:
            self.password = unseal(self.password, sealed)
        except (ProtocolError, InvalidInput):
            return False
        self.factory_default = False
        return True

    def reset(self) -> None:
        """Restore the default password and its restriction, as a factory reset does."""
        self.password = self._device_key
        self.factory_default = True


def _credentials(authorization: str | None) -> Authorization | None:
    if authorization is None:
        return None
    try:
        return parse_authorization(authorization)
    except ProtocolError:
        return None


def _tag(credentials: Authorization) -> bytes:
    """Return the tag that travels as realm; an unreadable one is empty, which no seal verifies with."""
    try:
        return from_base64(credentials.realm)
    except ProtocolError:
        return b""
