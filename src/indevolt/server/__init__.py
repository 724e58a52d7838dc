"""OpenData over HTTP for whatever answers requests: a simulator, or a real device behind the hub.

Clients are to meet every byte of what a real device sends (protocol.md, section 3.7)::

    HTTP/1.1 200 OK
    Content-Type: application/json
    Content-Length: 15
    Connection: close

    {"result":true}

That is 105 bytes, with no Date and no Server. An error status has the same three headers and no body; nothing about such bodies is
documented. GET and POST are taken alike for every RPC, and a request body is read and ignored. A device serves one request at a
time, however many connections there are: the others wait in line, as before a real device; behind a ``Reception`` each client has a
line of its own. What the RPCs are is in
``protocol.messages``, what they answer is the backend's business, and who may ask is the guard's. Behind a ``Switchboard`` there
are many devices, each at an address and in a line of its own.

====================================================== ===========================================================================
What comes                                             What happens
====================================================== ===========================================================================
an address without a device, behind a switchboard      the connection is reset at once
a path that names no RPC                               404
``config`` unusable or with blanks                     ``200 {}`` as observed, or 400 as documented (``strict``)
a method other than GET and POST                       405
not HTTP, or larger than the limits                    400, then the connection closes (413 and 431 are not in the specification)
no whole request in time                               the connection closes
the backend raises ``StatusError``                     that status; a 401 brings a challenge
the backend raises ``InvalidInput``                    400
the backend raises ``NoReply``                         504; ``lifelike``: silence until the client leaves
the backend raises ``Unreachable``                     502; ``lifelike``: the connection is reset
the backend raises ``ProtocolError``                   502; ``lifelike``: its ``raw`` bytes are sent as they are, then it closes
the backend raises anything else of the family         502
the backend raises any other exception                 500, and the event loop's exception handler is told
====================================================== ===========================================================================
"""

from indevolt.server.calls import BODY_LIMIT, HEAD_LIMIT, Call
from indevolt.server.line import Backend, Guard, Observer, Reception, Route, Screen, Served, Switchboard
from indevolt.server.service import Server

__all__ = [
    "BODY_LIMIT",
    "HEAD_LIMIT",
    "Backend",
    "Call",
    "Guard",
    "Observer",
    "Reception",
    "Route",
    "Screen",
    "Served",
    "Server",
    "Switchboard",
]
