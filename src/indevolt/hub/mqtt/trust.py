"""TLS with a broker: whom the hub trusts, who it is itself, and that nobody keeps it waiting at the door."""

from __future__ import annotations

import ssl
from typing import Final

from indevolt.errors import InvalidInput
from indevolt.hub.config import MqttConfig

HANDSHAKE_S: Final = 4.0  # above slow brokers, below the 5 s in which the hub has to end


class _ImpatientSocket(ssl.SSLSocket):
    """A connection whose other end has to speak TLS in time: until it does, a thread waits that nobody can stop."""

    def do_handshake(self, block: bool = False) -> None:
        """Speak TLS."""
        self.settimeout(HANDSHAKE_S)
        try:
            super().do_handshake(block)
        except OSError:
            self.close()  # which else is left to the garbage collector
            raise


def trust(config: MqttConfig) -> ssl.SSLContext | None:
    """Return how to speak TLS with the broker; None where it is not to be spoken.

    Raises:
        InvalidInput: a file of certificates or keys cannot be used.
    """
    if not config.tls:
        return None
    what = f"mqtt.ca_file: {config.ca_file}"
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        what = f"mqtt.cert: {config.cert}"
        if config.cert is not None:
            context.load_cert_chain(config.cert, config.key)
    except (OSError, ssl.SSLError) as error:
        remedy = "They have to be PEM; a private key has to be in `cert` or in `key`, without a passphrase."
        raise InvalidInput(f"{what} cannot be used: {error}", remedy=remedy) from error
    context.sslsocket_class = _ImpatientSocket
    return context
