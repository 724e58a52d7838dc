"""How to reach a device: all that opening a connection needs but the password, so that it can be opened again with another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indevolt.clock import Clock
from indevolt.transport import HttpTransport, Paced, Transport, parse_address


@dataclass(frozen=True, slots=True)
class Route:
    """Address and manners of one connection; times in seconds, as :func:`indevolt.connect` takes them."""

    host: str
    clock: Clock
    deadline_s: float
    spacing_s: float
    ca_file: str | Path | None = None
    fingerprint: str | None = None

    def open(self, password: str | None) -> Transport:
        """Return a paced way to the device. Nothing is sent yet.

        Raises:
            InvalidInput: an address or an option that cannot work.
        """
        http = HttpTransport(
            parse_address(self.host),
            password=password,
            deadline_s=self.deadline_s,
            ca_file=self.ca_file,
            fingerprint=self.fingerprint,
        )
        return Paced(http, self.clock, spacing_s=self.spacing_s)
