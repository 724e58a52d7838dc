"""What everything above the wire knows of a device: typed requests in, typed replies out.

Requests and replies are records such as ``GetData`` and ``Data``, not bytes, so that Modbus TCP or MQTT can stand behind the same
device one day. A simulator satisfies this as well as a device on the network does.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from indevolt.protocol.messages import Reply, Request

ReplyT = TypeVar("ReplyT", bound=Reply)


class Transport(Protocol):
    """A way to one device."""

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        """Send a request and return its reply.

        Raises:
            IndevoltError: of the family in ``indevolt.errors``, and nothing else.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; a second call does nothing."""
        ...
