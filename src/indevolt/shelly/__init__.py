"""A look-alike of a Shelly Pro 3EM on ports of its own: the meter that INDEVOLT units poll by themselves (control.md, section 0).

What it says is ``protocol.shelly``'s; here are the sockets and the limits. It has a server of its own since nothing here is
OpenData: other paths, bodies that mean something, and many may ask at once.

::

    meter ── who it is, what it measures, its ports
      ├── http   connections
      ├── udp    datagrams
      └── asked  who asks, over which of the two, for what
"""

from __future__ import annotations

from indevolt.shelly.asked import Asked, Channel
from indevolt.shelly.http import BODY_LIMIT, HEAD_LIMIT, MAX_CLIENTS
from indevolt.shelly.meter import ShellyMeter
from indevolt.shelly.udp import ANSWERS_PER_S, ASKERS_PER_S, DATAGRAM_LIMIT

__all__ = [
    "ANSWERS_PER_S",
    "ASKERS_PER_S",
    "BODY_LIMIT",
    "DATAGRAM_LIMIT",
    "HEAD_LIMIT",
    "MAX_CLIENTS",
    "Asked",
    "Channel",
    "ShellyMeter",
]
