"""Who is on this network, for the file that `indevolt hub init` writes: found by discovery or named, and asked what they are.

Nothing is written to a device. How a file is spelled belongs to ``hub.config_text``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass

from indevolt.cli.session import Environment
from indevolt.device import connect
from indevolt.discovery import Api, Found
from indevolt.errors import IndevoltError, ProtocolError, Unauthorized, UnknownModel
from indevolt.protocol.discovery import API_PORT

_DEADLINE_S = 5.0  # a device on the same network answers within one (protocol.md, section 7)


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that was found or named."""

    host: str
    about: tuple[str, ...]
    is_battery: bool = True  # or may be one: it did not say
    needs_password: bool = False


async def survey(found: AsyncIterable[Found], given: Environment) -> list[Seen]:
    """Return what was found and what each is, in the order of their addresses."""
    silent: list[Seen] = []
    hosts: list[str] = []
    async for each in found:
        if each.api is Api.PROBABLY_OFF:
            about = f"{each.host} announces itself but does not answer: enable its local API in the INDEVOLT app, then add it"
            silent.append(Seen(each.host, (about,), is_battery=False))
        else:
            hosts.append(each.host if each.port == API_PORT else f"{each.host}:{each.port}")
    return await examine(sorted(hosts), given) + silent


async def examine(hosts: Iterable[str], given: Environment) -> list[Seen]:
    """Return what each of these is, all asked at the same time.

    Raises:
        InvalidInput: what was named is no address.
    """
    return list(await asyncio.gather(*(_look(host, given) for host in hosts)))


async def _look(host: str, given: Environment) -> Seen:
    try:
        async with connect(host, clock=given.clock, spacing_s=given.spacing_s, deadline_s=_DEADLINE_S) as device:
            title = device.product.title if device.product else device.model.title
            return Seen(host, (f"{title}, serial number {device.serial or 'not told'}",))
    except Unauthorized:
        return Seen(host, (), needs_password=True)
    except (UnknownModel, ProtocolError) as error:
        return Seen(host, (f"not listed: {error}",), is_battery=False)
    except IndevoltError as error:
        if not error.transient:
            raise
        return Seen(host, (f"{host} could not be asked what it is: {error}",))
