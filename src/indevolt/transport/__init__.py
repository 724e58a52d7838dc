"""Ways to a device: over HTTP, paced as a slow device needs it, and from a recording.

::

    Paced(HttpTransport(parse_address("192.168.1.20")), clock)     a device on the network, politely
    Recorded.capture(transport, path, clock)                       the same, writing down what it says
    Recorded.replay(path)                                          what it said, without the device

What requests and replies look like is in ``protocol.rpc``; what their numbers mean is in ``catalogue``.
"""

from indevolt.transport.address import Address, parse_address
from indevolt.transport.http import MAX_REPLY_BYTES, HttpTransport
from indevolt.transport.interface import ReplyT, Transport

__all__ = [
    "MAX_REPLY_BYTES",
    "Address",
    "HttpTransport",
    "ReplyT",
    "Transport",
    "parse_address",
]
