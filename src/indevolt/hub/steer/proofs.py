"""Whether a steered unit does what it is told, as its readings and the meter of the site show after each order.

What does not come true is ordered once more; a unit that does not do that either is left to its own loop for a while, which is
told, and tried again later (control.md, section 5, rule 6). How a step is judged, and for how long a unit is given up, is in
``control.verification``; what a command reads back itself is the lease's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from indevolt.battery import Command, Outcome, Stage
from indevolt.control.ledger import MODE, REALTIME, REALTIME_NAMES
from indevolt.control.situation import Dynamics, Seen, UnitState
from indevolt.control.verification import LATE_S, Readback, Trust, Verdict, Verification, is_excused
from indevolt.hub.derive import ac_power
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.steer.chronicle import Chronicle
from indevolt.hub.steer.records import signed
from indevolt.hub.steer.situation import sun_w, unit_state

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub
    from indevolt.hub.steer.unit import UnitSteering

AC: Final = ("ac_power", "ac_output_power", "ac_input_power")
SIGNS: Final = {"charge": -1.0, "discharge": 1.0, "standby": 0.0}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What did not come true: a movement, or else not even the order is shown."""

    what: str
    physical: bool


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A unit is left to its own loop, as it does not do what it is told."""

    what: str
    since: datetime
    until: datetime

    def why(self, unit: str) -> str:
        """Return it in words."""
        return f"{unit} is left to itself until {self.until:%H:%M %Z}, as it does not do what it is told: {self.what}"


class Proofs:
    """What is known of whether one unit does what it is told.

    Args:
        hub: whose clock, and whose meter is a witness.
        keeper: reads the unit.
        chronicle: where it is written down.
    """

    def __init__(self, hub: Hub, keeper: Keeper, chronicle: Chronicle) -> None:
        self.answers: Callable[[str], Dynamics] = lambda _: Dynamics()  # how a unit answers
        self.wrong: Mismatch | None = None  # until it is ordered again
        self._hub = hub
        self._keeper = keeper
        self._chronicle = chronicle
        self._trust = Trust()
        self._verification = Verification()
        self._readback = Readback()
        self._sent: tuple[Command, float] | None = None
        self._since = hub.clock.now()

    @property
    def given_up(self) -> GivenUp | None:
        """That it is left to itself now, and why; None: it is not."""
        left_s = self._trust.until_s - self._hub.clock.monotonic()
        if left_s <= 0:
            return None
        until = self._hub.clock.now().astimezone(self._hub.config.site.zone) + timedelta(seconds=left_s)
        return GivenUp(self._trust.what, self._since, until)

    @property
    def alarm(self) -> str | None:
        """What is to be told of it; None: nothing."""
        if not self._trust.alarms(self._hub.clock.monotonic()):
            return None
        given_up = self.given_up
        fate = "it is tried again" if given_up is None else f"it is left to itself until {given_up.until:%H:%M %Z}"
        return f"does not do what it is told: {self._trust.what}; {fate}"

    def sent(self, command: Command | None, at_s: float) -> None:
        """Take note of what was written and when; None: it was given back to itself."""
        order = None if command is None else (command, at_s)
        if order == self._sent:
            return
        self._sent, self.wrong = order, None
        self._readback.sent(at_s, signed(command))
        self._verification.sent(at_s, signed(command), self.answers(self._keeper.id))

    def forgive(self) -> None:
        """Try again now, as a person asks for something."""
        self._trust.forgive()

    def watch(self, unit: UnitSteering) -> None:
        """Look at what unit and meter show now; what did not come true is in :attr:`wrong` then."""
        now_s, lease = self._hub.clock.monotonic(), unit.lease
        state = unit_state(self._keeper, now_s)
        stands = lease is not None and lease.sent is not None and lease.yielded is None and self._keeper.link is Link.ONLINE
        excused = not stands or self._sent is None or is_excused(state, self._sent[0], sun_w=sun_w(self._keeper))
        check = self._verification.look(now_s, *self._witnesses(state, now_s), excused=excused)
        if check is not None and check.verdict is Verdict.MOVED:
            self._trust.proved()
        elif check is not None and check.verdict is not Verdict.UNDECIDED:
            self.wrong = Mismatch(str(check), physical=True)
        if stands and (told := self._shows_otherwise(now_s)):
            self.wrong = Mismatch(told, physical=False)

    async def came(self, outcome: Outcome) -> bool:
        """Take note of what came of a command; False: it is given up from now on."""
        if outcome.proven:
            self._trust.took()
        if outcome.proven or outcome.stage is Stage.INTERRUPTED or (outcome.stage is Stage.ACCEPTED and not outcome.shown):
            return True
        return await self.failed(Mismatch("; ".join(outcome.notes) or outcome.stage.value, physical=False))

    async def failed(self, mismatch: Mismatch) -> bool:
        """Take note that something did not come true; return whether to order it once more, else it is given up."""
        self.wrong = None
        again = self._trust.failed(self._hub.clock.monotonic(), mismatch.what, physical=mismatch.physical)
        if again:
            await self._chronicle.note(f"does not do what it was told: {mismatch.what}; it is told once more")
        else:
            self._since = self._hub.clock.now()
        return again

    # ---- inside --------------------------------------------------------------------------------------------------------------

    def _witnesses(self, state: UnitState, now_s: float) -> tuple[Seen | None, Seen | None]:
        """Return the power that the unit shows, and what another instrument does: the meter, else the unit's AC power."""
        meter, own = self._metered(now_s), state.battery_w
        if own is None:
            return state.ac_w, meter
        at_meter = self.answers(self._keeper.id).at_meter(own.value)
        return Seen(at_meter, own.at_s), meter if meter is not None else state.ac_w

    def _metered(self, now_s: float) -> Seen | None:
        """Return what the meter of the site shows, turned round and without the other units; None without one that is proven."""
        meter = self._hub.meters.grid
        if meter is not None and (sample := meter.sample()) is not None:
            if not sample.proven:
                return None
            power_w, at_s = sample.power_w, sample.at_s
        else:
            latest = self._keeper.latest
            shown, age_s = latest.value("meter_power"), latest.age_s("meter_power")
            if latest.value("meter_connected") is not True or not isinstance(shown, int | float) or age_s is None:
                return None
            power_w, at_s = float(shown), now_s - age_s
        others = (ac_power(each.snapshot(AC).number) for each in self._hub.keepers.values() if each is not self._keeper)
        return Seen(-power_w - sum(given for given in others if given is not None), at_s)

    def _shows_otherwise(self, now_s: float) -> str:
        """Return which order the unit shows instead of ours; empty where it shows one of ours, or may do so yet."""
        latest, ordered_w = self._keeper.latest, None if self._sent is None else signed(self._sent[0])
        ages = [latest.age_s(name) for name in (MODE, *REALTIME_NAMES)]
        read_s = min((now_s - age_s for age_s in ages if age_s is not None), default=now_s)
        mode, state, power_w = latest.value(MODE), latest.value(REALTIME_NAMES[0]), latest.value(REALTIME_NAMES[1])
        if ordered_w is None or mode is None or None in ages:
            return ""
        if mode != REALTIME:
            late = self._readback.late_s(read_s, None) >= LATE_S
            return f"ordered {ordered_w:+.0f} W, it shows mode {mode}" if late else ""
        if not isinstance(state, str) or state not in SIGNS or not isinstance(power_w, int | float):
            return ""
        shown_w = SIGNS[state] * power_w
        late = self._readback.late_s(read_s, shown_w) >= LATE_S
        return f"ordered {ordered_w:+.0f} W, it shows an order of {shown_w:+.0f} W" if late else ""
