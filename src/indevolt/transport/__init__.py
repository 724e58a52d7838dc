"""Ways to a device: over HTTP, paced as a slow device needs it, and from a recording.

::

    Paced(HttpTransport(parse_address("192.168.1.20")), clock)     a device on the network, politely
    Recorded.capture(transport, file, clock)                       the same, writing down what it says
    Recorded.replay(file)                                          what it said, without the device

What requests and replies look like is in ``protocol.messages``; what their numbers mean is in ``catalogue``.
"""

from indevolt.transport.address import Address, parse_address
from indevolt.transport.http import HttpTransport
from indevolt.transport.interface import ReplyT, Transport
from indevolt.transport.paced import Paced
from indevolt.transport.recorded import Recorded

__all__ = ["Address", "HttpTransport", "Paced", "Recorded", "ReplyT", "Transport", "parse_address"]
