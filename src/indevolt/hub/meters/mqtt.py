"""A meter that is heard of through a broker: one topic, and each message of it tells the power.

What the broker had kept is from nobody knows when, so it does not count; a meter that tells only changes is known at its next one.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import aiomqtt

from indevolt.errors import InvalidInput, Unreachable
from indevolt.hub.meters.document import Places
from indevolt.hub.meters.told import Told

KEEP_ALIVE_S: Final = 15  # a broker that is gone is noticed after one and a half of these


class TopicSource:
    """Listens to a topic."""

    every_s: float | None = None

    def __init__(
        self,
        topic: str,
        places: Places,
        *,
        host: str,
        port: int,
        user: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._topic = topic
        self._places = places
        self._place = f"{host}:{port}"
        self._client = aiomqtt.Client(
            host, port, username=user, password=password, tls_context=tls, keepalive=KEEP_ALIVE_S, clean_session=True
        )
        self._stack = AsyncExitStack()
        self._messages: AsyncIterator[aiomqtt.Message] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._stack.enter_async_context(self._client)
            await self._client.subscribe(self._topic, qos=0)
        except aiomqtt.MqttError as error:
            await self._stack.aclose()
            raise self._lost(error) from error
        self._messages = aiter(self._client.messages)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self._stack.aclose()
        except aiomqtt.MqttError as lost:
            raise self._lost(lost) from lost

    async def next(self) -> Told:
        """Wait for the next message.

        Raises:
            IndevoltError: the broker is away, or the payload cannot be understood.
        """
        if self._messages is None:
            raise InvalidInput("the source is not open")
        while True:
            try:
                message = await anext(self._messages)
            except aiomqtt.MqttError as error:
                raise self._lost(error) from error
            if not message.retain:
                return self._places.told_by(bytes(message.payload))

    def _lost(self, error: aiomqtt.MqttError) -> Unreachable:
        return Unreachable(f"no connection to the broker {self._place}: {error}", remedy="Check the broker of the meter.")
