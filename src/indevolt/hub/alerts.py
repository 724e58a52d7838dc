"""What needs attention: rules over what happens, each raised once, told once, and cleared by itself.

How people are told is in ``notify``; the journal has every alert, its beginning and its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from indevolt.battery import Reading
from indevolt.clock import Clock
from indevolt.control.ledger import DIRECTION_CHANGES, wears
from indevolt.hub.bus import Bus
from indevolt.hub.derive import BALANCE_AFTER
from indevolt.hub.events import Alert, LinkChanged, Noted, Tier, Update
from indevolt.hub.journal import Journal, Kind
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.meters.meter import MeterState

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

LOOK_EVERY_S: Final = 5.0
CALM_S: Final = 60.0  # what comes and goes within this is one alert, which ends when it has stayed away so long
CLOCK_SLACK_S: Final = 30.0  # by which wall clock and monotonic clock may drift apart between two looks
_LIMITS: Final = ("inverter_input_limit", "max_ac_output_power", "feed_in_power_limit", "backup_soc")
_SOUND: Final[Mapping[str, str]] = {
    # what devices report their faults in: the word that means there is none
    "inverter_fault_code": "none",
    **{f"pv{number}_alarm_code": "none" for number in range(1, 5)},
}
_STATE: Final = "system_state"
_FAULT: Final = "fault"  # the one state of it that is a fault
_AWAY: Final = (Link.SILENT, Link.CONNECTING)
_REPEATS: Final = "repeats the same values although power flows"
_UNBALANCED: Final = "PV, battery and AC power do not add up: a sign is wrong"
_WATCHED: Final = (*_SOUND, _STATE, *_LIMITS)
_WORKED_OUT: Final = (Tier.DERIVED, Tier.SITE)  # by the hub itself, and so without faults and limits


class What(StrEnum):
    """The sorts of alerts."""

    SILENT = "silent"
    REFUSED = "refused"
    FROZEN = "frozen"
    ALARM = "alarm"
    QUARANTINE = "quarantine"
    LIMIT = "limit"
    FIRMWARE = "firmware"
    REPLACED = "replaced"
    SIGNS = "signs"
    STORE = "store"
    CLOCK = "clock"
    SERVICE = "service"
    METER = "meter"
    WEAR = "wear"
    DISOBEYS = "disobeys"


MEANING: Final[Mapping[What, str]] = {
    What.SILENT: "A device does not answer",
    What.REFUSED: "A device answers, but refuses us",
    What.FROZEN: "A device repeats the same values although power flows",
    What.ALARM: "A device reports a fault",
    What.QUARANTINE: "Quantities spoil whole replies and are left out for now",
    What.LIMIT: "A limit or the reserve was changed by somebody else",
    What.FIRMWARE: "The firmware of a device changed",
    What.REPLACED: "Another device answers at the address",
    What.SIGNS: "The powers of a device do not add up, so their signs cannot be right",
    What.STORE: "History is in trouble",
    What.CLOCK: "The clock of this machine was set",
    What.SERVICE: "A part of the hub failed and is started anew",
    What.METER: "A meter of the house is not heard of, stands still, or tells what cannot be",
    What.WEAR: "A battery was turned between charge and discharge more often than is good for it",
    What.DISOBEYS: "A battery does not do what it is told, and is left to its own loop for a while",
}
_PASSING: Final = (What.LIMIT, What.FIRMWARE, What.REPLACED, What.CLOCK)  # news rather than states: they end by themselves
PASSING_S: Final = 3600.0
_RETOLD: Final = (*_PASSING, What.ALARM)  # told anew when the text changes; of others it only goes on counting


class Alerts:
    """What is active now, by device and sort."""

    def __init__(self, bus: Bus, journal: Journal, clock: Clock) -> None:
        self.active: dict[tuple[str, What], Alert] = {}
        self._bus = bus
        self._journal = journal
        self._clock = clock
        self._begun_s: dict[tuple[str, What], float] = {}  # by the clock that nobody sets
        self._calm_since_s: dict[tuple[str, What], float] = {}

    async def begin(self, what: What, text: str, *, device: str = "") -> None:
        """Raise an alert; one that is active already is only told anew if there is more to say."""
        key = device, what
        self._calm_since_s.pop(key, None)
        before = self.active.get(key)
        if before is not None and what not in _RETOLD:
            self.active[key] = replace(before, text=text)
            return
        if before is not None and before.text == text:
            return
        if before is None or what in _PASSING:
            since, self._begun_s[key] = self._clock.now(), self._clock.monotonic()
        else:
            since = before.since
        alert = Alert(device, what.value, active=True, text=text, since=since)
        self.active[key] = alert
        self._bus.publish(alert)
        await self._journal.note(Kind.ALERT, text, device=device, what=what.value, active=True)

    async def end(self, what: What, *, device: str = "") -> None:
        """End an alert if it is active and what it is about has stayed away for a while; so this is called again and again."""
        key = device, what
        if key not in self.active:
            return
        now = self._clock.monotonic()
        if now - self._calm_since_s.setdefault(key, now) < CALM_S:
            return
        del self._calm_since_s[key]
        alert = self.active.pop(key)
        text = f"over: {alert.text}"
        self._bus.publish(Alert(device, what.value, active=False, text=text, since=alert.since))
        await self._journal.note(Kind.ALERT, text, device=device, what=what.value, active=False)

    async def forget(self, device: str) -> None:
        """End all alerts of a device that is not kept any more."""
        for (its, what), alert in tuple(self.active.items()):
            if its == device:
                self.active.pop((its, what))
                self._calm_since_s.pop((its, what), None)
                text = f"over, as it is not kept any more: {alert.text}"
                self._bus.publish(Alert(device, what.value, active=False, text=text, since=alert.since))
                await self._journal.note(Kind.ALERT, text, device=device, what=what.value, active=False)

    async def tell(self, *states: tuple[What, str | None], device: str = "") -> None:
        """Raise alerts with a text, end those with None."""
        for what, text in states:
            if text is not None:
                await self.begin(what, text, device=device)
            elif (device, what) in self.active:
                await self.end(what, device=device)

    async def end_passing(self) -> None:
        """End what is news rather than a state, an hour after it happened."""
        old_s = self._clock.monotonic() - PASSING_S
        for device, what in tuple(self.active):
            if what in _PASSING and self._begun_s[device, what] < old_s:
                await self.end(what, device=device)


async def serve_alerts(hub: Hub) -> None:
    """Watch devices, store, services and clock until cancelled."""
    watch = _Watch(hub)
    with hub.bus.subscribe(Update, LinkChanged, Noted, size=20_000) as events:
        while True:
            for event in events.take():
                match event:
                    case Update(device=device, tier=tier, reading=reading) if tier not in _WORKED_OUT:
                        await watch.read(device, tier, reading)
                    case Noted(entry=entry) if entry.kind in (Kind.FIRMWARE, Kind.CONNECTION, Kind.WRITE):
                        await watch.note(entry.device, entry.kind, entry.text)
                    case _:
                        pass
            for keeper in hub.keepers.values():
                await watch.look_at(keeper)
            await watch.look_around()
            await hub.clock.sleep(LOOK_EVERY_S)


class _Watch:
    """The rules, and what they remember."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._alerts = hub.alerts
        self._told: dict[tuple[str, Tier], Sequence[object]] = {}  # what was watched in the last reading of each sort
        self._limits: dict[tuple[str, str], object] = {}
        self._faults: dict[str, dict[str, object]] = {}
        self._moved: tuple[object, float] = None, 0.0  # a damaged history, and when it was first seen
        self._lost: tuple[object, float] = 0, float("-inf")  # how many readings history gave up, and when the last of them
        self._links: dict[str, tuple[object, float]] = {}  # since when by the wall clock, and by the other one
        self._ahead_s = self._wall_ahead_s()

    async def read(self, device: str, tier: Tier, reading: Reading) -> None:
        """Look for faults that a device reports, and for limits that somebody changed."""
        told, faults = reading.tell(_WATCHED), self._faults.setdefault(device, {})
        if told == self._told.get((device, tier)) and not faults and (device, What.ALARM) not in self._alerts.active:
            return  # the usual case: nothing new, nothing wrong, and nothing that is to end
        self._told[device, tier] = told
        known = {name: value for name, value in zip(_WATCHED, told, strict=True) if value is not None}
        for name, value in known.items():  # what is not of this tier, or unknown, holds
            if name in _LIMITS:
                before = self._limits.get((device, name))
                self._limits[device, name] = value
                if before is not None and before != value:
                    await self._alerts.begin(What.LIMIT, f"{name} changed from {before} to {value}", device=device)
            elif value == _SOUND[name] if name in _SOUND else value != _FAULT:
                faults.pop(name, None)
            else:
                faults[name] = value
        text = ", ".join(f"{name} {value}" for name, value in sorted(faults.items()))
        await self._alerts.tell((What.ALARM, f"reports {text}" if faults else None), device=device)

    async def note(self, device: str, kind: str, text: str) -> None:
        """Raise what the keeper has written down."""
        if kind == Kind.FIRMWARE:
            self._faults.pop(device, None)  # perhaps it does not tell of them any more; what it still has, it tells again
            await self._alerts.begin(What.FIRMWARE, text, device=device)
        elif kind == Kind.WRITE:
            self._forget_limits(device)  # what we changed ourselves was not changed by somebody else
        elif text.startswith("another device"):
            self._forget_limits(device)
            self._faults.pop(device, None)
            await self._alerts.begin(What.REPLACED, text, device=device)

    def _forget_limits(self, device: str) -> None:
        self._limits = {key: value for key, value in self._limits.items() if key[0] != device}
        self._told = {key: value for key, value in self._told.items() if key[0] != device}

    async def look_at(self, keeper: Keeper) -> None:
        """Look at the state of one device."""
        bad = keeper.health.quarantined
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        await self._alerts.tell(
            (What.SILENT, self._silence(keeper)),
            (What.REFUSED, f"refuses: {keeper.error}" if keeper.link is Link.REFUSED else None),
            (What.FROZEN, _REPEATS if keeper.latest.frozen and keeper.link is Link.ONLINE else None),
            (What.QUARANTINE, f"spoil whole replies and are left out: {', '.join(sorted(bad)[:5])}{more}" if bad else None),
            (What.SIGNS, _UNBALANCED if keeper.derivation.unbalanced >= BALANCE_AFTER else None),
            (What.WEAR, self._wear(keeper)),
            (What.DISOBEYS, keeper.steering.proofs.alarm if keeper.steering is not None else None),
            device=keeper.id,
        )

    def _silence(self, keeper: Keeper) -> str | None:
        """Return what is to be said of a device that has not answered for long."""
        if keeper.link not in _AWAY:
            return None
        since_s = self._since_s(keeper)
        if since_s < self._hub.config.notify.silent_after_s:
            return None
        return f"has not answered for {since_s / 60:.0f} minutes: {keeper.error or 'no reply'}"

    def _wear(self, keeper: Keeper) -> str | None:
        """Return what is to be said of a battery that orders turn too often (control.md, section 5, rule 13)."""
        budgets = keeper.steering.budgets() if keeper.steering is not None else ()
        changes = next((each for each in budgets if each.name == DIRECTION_CHANGES), None)
        if changes is None or not wears(changes, told=(keeper.id, What.WEAR) in self._alerts.active):
            return None
        return (
            f"orders turned it between charge and discharge {changes.used} times in 24 h; above {changes.allowance.most} it wears"
        )

    def _since_s(self, keeper: Keeper) -> float:
        """Return for how long a link has been as it is; a wall clock that jumps makes it neither longer nor shorter."""
        since, seen_s = self._links.get(keeper.id, (None, 0.0))
        if since != keeper.link_since:
            seen_s = self._hub.clock.monotonic()
            self._links[keeper.id] = keeper.link_since, seen_s
        return self._hub.clock.monotonic() - seen_s

    async def look_around(self) -> None:
        """Look at store, services and clock."""
        failing = [f"{name} is {state}" for name, state in self._hub.services.items() if state.startswith("restarting")]
        await self._alerts.tell(
            (What.STORE, self._store_trouble()),
            (What.SERVICE, "; ".join(failing) or None),
            (What.METER, "; ".join(self._meter_troubles()) or None),
        )
        ahead_s = self._wall_ahead_s()
        if abs(ahead_s - self._ahead_s) > CLOCK_SLACK_S:
            await self._alerts.begin(What.CLOCK, f"the clock of this machine was set by {ahead_s - self._ahead_s:+.0f} s")
        self._ahead_s = ahead_s
        await self._alerts.end_passing()

    def _meter_troubles(self) -> Iterator[str]:
        now_s = self._hub.clock.monotonic()
        for meter in self._hub.meters.values():
            state = meter.state(now_s)
            if state in (MeterState.STALE, MeterState.FROZEN) or (state is MeterState.WAITING and meter.failures):
                yield f"meter {meter.name} is {state}{f': {why}' if (why := meter.why(now_s)) else ''}"

    def _store_trouble(self) -> str | None:
        """Return what is wrong with history; that it was damaged or lost something is news for a while, as nothing mends it."""
        health, now = self._hub.store.health(), self._hub.clock.monotonic()
        lost = health.get("lost", 0)
        if lost != self._lost[0]:
            self._lost = lost, now
        if (state := str(health.get("state", "ok"))) != "ok":
            return f"history: {state}" + (f"; {lost} readings are lost" if lost else "")
        if lost and now - self._lost[1] < PASSING_S:
            return f"history: {lost} readings are lost since the hub began: there was no room for them, or they came too late"
        moved = getattr(self._hub.store, "moved_aside", None)
        if moved != self._moved[0]:
            self._moved = moved, now
        if moved is None or now - self._moved[1] >= PASSING_S:
            return None
        return f"history was damaged; it is kept as {moved.name}, and a new one begins"

    def _wall_ahead_s(self) -> float:
        return self._hub.clock.now().timestamp() - self._hub.clock.monotonic()
