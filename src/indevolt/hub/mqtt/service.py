"""The connection to the broker: says what is known, hears what is asked, and comes back by itself when the broker does.

A session begins with everything that is known, so nothing needs to be remembered from the one before. The hub counts as online only
after that: nobody takes what an earlier hub left behind for news.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import orjson

from indevolt.battery import Quality, Reading
from indevolt.catalogue import Model
from indevolt.hub.config import MqttConfig
from indevolt.hub.events import Alert, Event, LinkChanged, Reread, Tier, Update
from indevolt.hub.journal import Kind
from indevolt.hub.keeper import CYCLE_DEADLINE_S, Keeper, Link
from indevolt.hub.latest import HELD_CYCLES
from indevolt.hub.mqtt.commands import LEAVE_S, Orders
from indevolt.hub.mqtt.discovery import Announcer, Entity, Unit, entities
from indevolt.hub.mqtt.site import has_chargers, site_entities, site_payload, site_unit
from indevolt.hub.mqtt.topics import OFFLINE, ONLINE, TIERS, Topics, alerts_payload, state_payload, told_names
from indevolt.hub.mqtt.trust import trust
from indevolt.hub.site.quantities import SITE

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

NAME: Final = "mqtt"  # of the service
KEEP_ALIVE_S: Final = 30  # a broker that is gone is noticed after one and a half of these, and so is the hub
BACK_OFF_S: Final = 1.0
LONGEST_BACK_OFF_S: Final = 60.0
FIND_S: Final = 5.0  # for the broker to tell what is retained
LOOK_EVERY_S: Final = 5.0  # for values that have grown old
QUEUED: Final = 4096  # events that may wait while announcements are sent
GONE_AFTER: Final = 3  # readings in a row without a pack before its entities are taken away: one may be a blip

_LOG: Final = logging.getLogger("indevolt.mqtt")


async def serve_mqtt(hub: Hub) -> None:
    """Serve the broker until cancelled; without one in the configuration, return.

    Raises:
        InvalidInput: the certificates to trust cannot be read.
    """
    if hub.config.mqtt is None:
        return
    bridge = _Bridge(hub, hub.config.mqtt)
    pause_s = 0.0
    try:
        while True:
            try:
                await bridge.session()
            except* aiomqtt.MqttError as group:
                pause_s = await bridge.lost(_first(group))
            await hub.clock.sleep(pause_s * random.uniform(0.8, 1.0))  # noqa: S311 - jitter is no secret
    finally:
        await bridge.orders.close()


class _Bridge:
    """What lasts longer than a session, and the session itself."""

    def __init__(self, hub: Hub, config: MqttConfig) -> None:
        self.topics = Topics(config.topic)
        self.orders = Orders(hub, self.topics, self._send_outcome)
        self._hub = hub
        self._config = config
        self._announcer = Announcer(hub.config.hub.name, config.discovery_prefix, self.topics)
        self._tls = trust(config)
        self._client: aiomqtt.Client | None = None
        self._reached_s: float | None = None  # when the last session had told everything
        self._failures = 0  # sessions in a row that did not last
        self._told_away = True  # so that the first connection is noted
        self._announced: dict[str, bytes] = {}  # what the broker has of ours
        self._signatures: dict[str, object] = {}  # what the announcements of a device were made of
        self._missing: dict[tuple[str, str], int] = {}  # readings in a row without a pack
        self._told_s: dict[tuple[str, Tier], float] = {}  # states that are not old, and when they were told
        self._frozen: set[str] = set()  # devices that repeat themselves, as far as was told

    # ---- the session ---------------------------------------------------------------------------------------------------------

    async def session(self) -> None:
        """Connect and serve until the connection is lost or the hub stops."""
        self._reached_s = None
        config = self._config
        client = aiomqtt.Client(
            config.host,
            config.port,
            username=config.user,
            password=config.password.reveal() if config.password else None,
            identifier=self._hub.config.hub.name,  # the same after a restart, so that the broker ends what is left of the last one
            will=aiomqtt.Will(self.topics.status, OFFLINE, qos=1, retain=True),
            clean_session=True,  # a command from while the hub was away is none
            keepalive=KEEP_ALIVE_S,
            tls_context=self._tls,
            logger=_LOG,
        )
        async with client:
            self._client = client
            try:
                _heed_cancelling()
                await self._serve(client)
            finally:
                self._client = None
                with suppress(aiomqtt.MqttError):
                    await client.publish(self.topics.status, OFFLINE, qos=1, retain=True, timeout=LEAVE_S)

    async def _serve(self, client: aiomqtt.Client) -> None:
        await self._find_announced(client)
        with self._hub.bus.subscribe(Update, Reread, LinkChanged, Alert, size=QUEUED) as events:
            await self._tell_everything()
            await self._begin_to_listen(client)
            await self._send(self.topics.status, ONLINE.encode(), qos=1)
            await self._found()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(client))
                tasks.create_task(self._look())
                async for event in events:
                    await self._pass_on(event)

    async def lost(self, error: BaseException) -> float:
        """Note that the broker is away, once, and return how long to wait before the next try."""
        now = self._hub.clock.monotonic()
        lasted = self._reached_s is not None and now - self._reached_s >= LONGEST_BACK_OFF_S
        self._failures = 1 if lasted else self._failures + 1
        text = f"{self._config.host}:{self._config.port}: {error}"
        self._hub.services[NAME] = f"restarting: {text}"
        if self._failures == 1:
            self._told_away = True
            await self._hub.journal.note(Kind.HUB, f"no connection to the broker {text}", service=NAME)
        return min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2.0 ** min(self._failures - 1, 10))

    async def _found(self) -> None:
        self._reached_s = self._hub.clock.monotonic()
        self._hub.services[NAME] = "running"
        if self._told_away:
            self._told_away = False
            text = f"connected to the broker {self._config.host}:{self._config.port}"
            await self._hub.journal.note(Kind.HUB, text, service=NAME)

    async def _begin_to_listen(self, client: aiomqtt.Client) -> None:
        topics = list(self.topics.commands) if self._config.commands else []
        if self._config.discovery:
            topics.append(self._announcer.birth)
        for topic in topics:
            codes = await client.subscribe(topic, qos=1)
            _heed_cancelling()
            if any(not isinstance(code, int) and code.is_failure for code in codes):
                _LOG.warning("the broker does not let the hub listen to %s", topic)

    async def _find_announced(self, client: aiomqtt.Client) -> None:
        """Ask the broker what it has of our announcements.

        It tells what is retained before anything that is published afterwards, so our own ``offline`` marks the end.
        """
        self._announced.clear()
        self._signatures.clear()
        self._told_s.clear()
        mine = (self._announcer.filter, self.topics.status)
        await client.subscribe([(topic, 1) for topic in mine])
        await client.publish(self.topics.status, OFFLINE, qos=1, retain=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(FIND_S):  # a broker that does not let us read there says nothing
                async for message in client.messages:
                    if str(message.topic) == self.topics.status:
                        if not message.retain:
                            break
                    elif message.retain and message.payload:
                        self._announced[str(message.topic)] = bytes(message.payload)
        await client.unsubscribe(list(mine))
        _heed_cancelling()

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if topic == self._announcer.birth:
                if bytes(message.payload) == ONLINE.encode():
                    self._announced.clear()
                    self._signatures.clear()
                    await self._tell_everything()
            elif (asked := self.topics.asked(topic)) is not None:
                await self.orders.take(asked, topic, bytes(message.payload), retained=message.retain)

    async def _look(self) -> None:
        """Take back values that have grown old, as of a device that repeats itself or is asked in vain."""
        while True:
            await self._hub.clock.sleep(LOOK_EVERY_S)
            now = self._hub.clock.monotonic()
            for keeper in tuple(self._hub.keepers.values()):
                if keeper.latest.frozen != (keeper.id in self._frozen):
                    self._frozen ^= {keeper.id}
                    await self._tell_states(keeper)
            for (device, tier), told_s in tuple(self._told_s.items()):
                kept = self._hub.keepers.get(device)
                if kept is None:
                    self._told_s.pop((device, tier), None)
                elif now - told_s > HELD_CYCLES * _period_s(kept, tier):
                    await self._send_state(kept, tier)
                    self._told_s.pop((device, tier), None)  # once is enough

    async def _pass_on(self, event: Event) -> None:
        match event:
            case Update(tier=Tier.SITE):
                await self._send_site()
            case Update(device=device) | LinkChanged(device=device) if device not in self._hub.keepers:
                await self._forget(device)
            case Update(device=device, tier=tier, reading=reading):
                keeper = self._hub.keeper(device)
                await self._send_state(keeper, tier)
                self._count_packs(keeper, reading)
                if tier not in (Tier.POWER, Tier.DERIVED):  # which move, and come with the others at the start
                    await self._announce(keeper)
            case LinkChanged(device=device):
                await self._tell_device(self._hub.keeper(device))
            case Alert(device=device):
                await self._send_alerts(device)
            case Reread(device=device, names=names):
                await self._tell_written(device, names)
            case _:
                pass

    # ---- states --------------------------------------------------------------------------------------------------------------

    async def _tell_everything(self) -> None:
        await self._send_alerts("")
        await self._tell_site()
        for keeper in tuple(self._hub.keepers.values()):
            await self._tell_device(keeper)
        if gone := [topic for topic in self._announced if self._is_gone(topic)]:
            await self._take_back(gone)

    async def _tell_device(self, keeper: Keeper) -> None:
        """Tell all of a device: whether it answers, what is known, what needs attention, and its entities."""
        online = keeper.link is Link.ONLINE
        await self._tell_states(keeper)
        await self._send(self.topics.device_status(keeper.id), (ONLINE if online else OFFLINE).encode(), qos=1)
        await self._send_alerts(keeper.id)
        await self._announce(keeper)

    async def _tell_states(self, keeper: Keeper) -> None:
        for tier in TIERS:
            await self._send_state(keeper, tier)

    async def _send_state(self, keeper: Keeper, tier: Tier) -> None:
        model = keeper.model
        if model is None:
            return
        names = told_names(model.family, tier)
        await self._send(self.topics.state(keeper.id, tier), state_payload(keeper.snapshot(names), names))
        if keeper.link is Link.ONLINE and tier is not Tier.IDENTITY:
            self._told_s[keeper.id, tier] = self._hub.clock.monotonic()

    async def _tell_site(self) -> None:
        """Tell of the house as a whole, which is there as long as the hub is."""
        await self._send_site()
        await self._send(self.topics.device_status(SITE), ONLINE.encode(), qos=1)
        if self._config.discovery:
            unit, entities = site_unit(self._hub), site_entities(chargers=has_chargers(self._hub))
            await self._announce_all(dict(self._announcer.entity(entity, unit) for entity in entities))

    async def _send_site(self) -> None:
        await self._send(self.topics.state(SITE, Tier.SITE), site_payload(self._hub))

    async def _send_alerts(self, device: str) -> None:
        active = [alert for (its, _), alert in self._hub.alerts.active.items() if its == device]
        await self._send(self.topics.alerts(device), alerts_payload(active), qos=1)

    async def _tell_written(self, device: str, names: frozenset[str]) -> None:
        """Tell what a write has changed, which else would be told in ten minutes."""
        keeper = self._hub.keepers.get(device)
        if keeper is None or keeper.model is None:
            return
        for tier in TIERS:
            if not names.isdisjoint(told_names(keeper.model.family, tier)):
                await self._send_state(keeper, tier)

    async def _send_outcome(self, topic: str, payload: bytes) -> None:
        with suppress(aiomqtt.MqttError):
            await self._send(topic, payload, qos=1, retain=False)

    async def _send(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = True) -> None:
        if self._client is not None:
            await self._client.publish(topic, payload, qos=qos, retain=retain)
            _heed_cancelling()

    # ---- announcements -------------------------------------------------------------------------------------------------------

    async def _announce(self, keeper: Keeper) -> None:
        """Announce the entities that a device is known to have, and take back those that it no longer has."""
        if keeper.model is None or not self._config.discovery:
            return
        control = self._controls(keeper)
        possible = entities(keeper.model.family, control=control)
        known = [self._has(keeper, entity) for entity in possible]
        unit = _unit(keeper, keeper.model)
        signature = (unit.title, unit.serial, unit.firmware, unit.packs, known)
        if self._signatures.get(keeper.id) == signature:
            return
        self._signatures[keeper.id] = signature
        wanted = dict(self._announcer.own(unit, control=control))
        kept = set(wanted)
        for entity, has in zip(possible, known, strict=True):
            topic = self._announcer.topic(entity.component, keeper.id, entity.name)
            if has or (has is None and topic in self._announced):
                kept.add(topic)
            if has:
                wanted.update([self._announcer.entity(entity, unit)])
        await self._announce_all(wanted)
        ours = [topic for topic in self._announced if self._announcer.device_of(topic) == keeper.id]
        await self._take_back(topic for topic in ours if topic not in kept)

    async def _announce_all(self, wanted: Mapping[str, Any]) -> None:
        """Announce what the broker does not have yet."""
        for topic, payload in wanted.items():
            text = orjson.dumps(payload)
            if self._announced.get(topic) != text:
                await self._send(topic, text, qos=1)
                self._announced[topic] = text

    def _has(self, keeper: Keeper, entity: Entity) -> bool | None:
        """Return whether a device has a quantity; None where nobody knows, or where it has only stopped to tell."""
        sample = keeper.latest.sample(entity.name)
        if sample is None or sample.quality in (Quality.ABSENT, Quality.QUARANTINED, Quality.UNANSWERED):
            return None
        if sample.quality is Quality.NOT_INSTALLED:
            return False if self._missing.get((keeper.id, entity.part), 0) >= GONE_AFTER else None
        return True

    def _count_packs(self, keeper: Keeper, reading: Reading) -> None:
        for part, name in keeper.model.presence.items() if keeper.model else ():
            if (sample := reading.samples.get(name)) is not None:
                there = sample.quality is not Quality.NOT_INSTALLED
                self._missing[keeper.id, part] = 0 if there else self._missing.get((keeper.id, part), 0) + 1

    def _is_gone(self, topic: str) -> bool:
        if not self._config.discovery:
            return True
        searching = not self._hub.config.devices  # devices that were found before may be found again
        return not searching and self._announcer.device_of(topic) not in {SITE, *self._hub.keepers}

    async def _forget(self, device: str) -> None:
        """Take back all that was told of a device that is not kept any more."""
        for topic in (*(self.topics.state(device, tier) for tier in TIERS), self.topics.alerts(device)):
            await self._send(topic, b"", qos=1)
        await self._send(self.topics.device_status(device), b"", qos=1)
        await self._take_back([topic for topic in self._announced if self._announcer.device_of(topic) == device])
        self._signatures.pop(device, None)

    async def _take_back(self, topics: Iterable[str]) -> None:
        for topic in topics:
            await self._send(topic, b"", qos=1)
            self._announced.pop(topic, None)

    def _controls(self, keeper: Keeper) -> bool:
        return keeper.config.control and self._config.commands


def _unit(keeper: Keeper, model: Model) -> Unit:
    serials = {part: keeper.latest.sample(name) for part, name in model.presence.items()}
    return Unit(
        keeper.id,
        keeper.title,
        keeper.serial,
        keeper.firmware,
        # of a long search for a point that spoils replies, nothing expires
        {tier: 2 * HELD_CYCLES * _period_s(keeper, tier) + CYCLE_DEADLINE_S for tier in TIERS if tier is not Tier.IDENTITY},
        simulated=keeper.config.simulated,
        packs={part: str(sample.value) for part, sample in serials.items() if sample is not None and sample.value},
    )


def _period_s(keeper: Keeper, tier: Tier) -> float:
    poll = keeper.config.poll
    return {Tier.PACKS: poll.packs_s, Tier.SETTINGS: poll.settings_s}.get(tier, poll.power_s)


def _heed_cancelling() -> None:
    """Raise a cancellation that ``asyncio.wait_for`` of Python 3.11 swallowed, as it does when its work ends at that moment."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(group: BaseExceptionGroup[aiomqtt.MqttError]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
