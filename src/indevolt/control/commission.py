"""Commissioning: which steps to run with a battery, and what a recording of them says about it.

Which way the meter counts, dead time, slope, the waits at standby and between directions, the gain, how long the read side lags,
and whether a command goes on while nobody writes (control.md, section 1.7). Pure: the steps are carried out elsewhere, and one
recording comes back. What cannot be told from it stays unknown, and says why.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from indevolt.control.response import Track
from indevolt.control.situation import Dynamics, Seen

STEP_W: Final = 300.0  # twice what is needed to be heard above a house, and every product can do the double of it
STEP_S: Final = 20.0  # above the longest dead time, a start and a ramp
REST_S: Final = 15.0
SILENCE_S: Final = 120.0  # nobody writes for so long: some guess that commands end after 90 s (control.md, section 0)
MOVED_LEAST: Final = 0.5  # of what was commanded has to be seen at the meter, either way (control.md, section 5, rule 6)
LEAD_S: Final = 4.0  # before a step, to know where the house was
FITS: Final = 0.8  # of the movement has to be explained, or the house was too loud
CLEARER: Final = 0.03  # of the movement, that the unit itself explains more than the meter
LOUD: Final = 3.0  # times the usual rest of a step: then the house switched in it, and it does not count
CLEARLY: Final = 0.98  # what fits no better than this is left as it was: samples may be too far apart to tell
SAMPLES_LEAST: Final = 6  # in a step
KNOWN_MARGIN_S: Final = 1.0
DEAD_S: Final = tuple(step / 4 for step in range(33))
WAIT_S: Final = tuple(step / 2 for step in range(17))
SLEW_W_PER_S: Final = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1200.0, 2400.0)


class Sign(StrEnum):
    """Which way the meter counts."""

    RIGHT = "right"  # charging shows as import
    REVERSED = "reversed"
    UNSEEN = "unseen"  # it does not see the battery: another phase, another circuit, another house
    UNKNOWN = "unknown"  # there is no meter, or the house was too loud


@dataclass(frozen=True, slots=True)
class Step:
    """What to command, for how long, and what it is for."""

    power_w: float  # positive: discharge
    seconds: float
    purpose: str


@dataclass(frozen=True, slots=True)
class Recording:
    """What happened: commands when the device took them, meter and telemetry as they came. All in monotonic seconds."""

    sent: tuple[Seen, ...]  # signed power
    meter: tuple[Seen, ...]  # positive: import
    told: tuple[Seen, ...] = ()  # AC power of the unit, positive into the house
    shown: tuple[Seen, ...] = ()  # signed power of the command that the read side shows


@dataclass(frozen=True, slots=True)
class Finding:
    """What a recording says."""

    sign: Sign
    dynamics: Dynamics | None  # None: cannot be told
    evidence: str  # of the sign, in a sentence
    source: str = ""  # what the dynamics were seen by: the meter, or the unit itself
    fits: float = 0.0  # share of the movement that they explain
    shown_after_s: float | None = None  # until the read side shows a command, usually
    goes_on: bool | None = None  # a command holds while nobody writes; None: not tried
    notes: tuple[str, ...] = ()


def charge_steps(most_w: float) -> tuple[Step, ...]:
    """Return the first steps; they prove the sign, so they only charge: that harms nobody, whichever way the meter counts."""
    first, second = -min(STEP_W, most_w / 2), -min(2 * STEP_W, most_w)
    return (
        Step(0.0, REST_S, "rest, to know the house"),
        Step(first, STEP_S, "charge: the meter has to show more import"),
        Step(second, STEP_S, "charge more"),
        Step(first, STEP_S, "charge less"),
        Step(0.0, REST_S, "rest"),
    )


def discharge_steps(most_w: float) -> tuple[Step, ...]:
    """Return the second steps, once the sign is right: within what the house takes, nothing is exported."""
    first, second = min(STEP_W, most_w / 2), min(2 * STEP_W, most_w)
    return (
        Step(first, STEP_S, "discharge"),
        Step(second, STEP_S, "discharge more"),
        Step(0.0, REST_S, "rest"),
        Step(first, STEP_S, "from rest, in the same direction"),
        Step(-first, STEP_S, "from discharge to charge"),
        Step(first, STEP_S, "and back"),
    )


def silence_step(power_w: float) -> Step:
    """Return the last step: nothing is written while it lasts."""
    return Step(power_w, SILENCE_S, "nobody writes: does it go on?")


def needed_s(steps: Sequence[Step]) -> float:
    """Return how long steps take."""
    return sum(step.seconds for step in steps)


def find(recording: Recording, *, assumed: Dynamics | None = None, slow_meter: bool = False) -> Finding:
    """Return what a recording says.

    Args:
        recording: of the steps.
        assumed: what holds of a parameter that the recording does not tell.
        slow_meter: the meter is one that a unit tells of, every five seconds (protocol.md, section 7): right for the sign, and too
            late for the rest if the unit itself tells more.
    """
    begin = assumed or Dynamics()
    sign, evidence = _sign(recording)
    fit, source = _fit(recording.sent, recording.told, begin), "unit"
    if sign in (Sign.RIGHT, Sign.REVERSED):
        by_meter = _fit(recording.sent, _as_given(recording.meter, sign), begin)
        # What zero export goes by is the meter; the unit's word counts where it tells more, or is all there is.
        if by_meter.explains + (0.0 if slow_meter else CLEARER) >= fit.explains:
            fit, source = by_meter, "meter"
    notes = [] if fit.trusted else [f"dead time and slope cannot be told from the {source}: {fit.why}"]
    return Finding(
        sign,
        fit.dynamics if fit.trusted else None,
        evidence,
        source,
        round(fit.explains, 3),
        _shown_after_s(recording),
        _goes_on(recording, fit.dynamics),
        tuple(notes),
    )


# ---- the sign ----------------------------------------------------------------------------------------------------------------


def _sign(recording: Recording) -> tuple[Sign, str]:
    """Return which way the meter counts, by what it shows before and after each step."""
    if not recording.meter:
        return Sign.UNKNOWN, "no meter was heard"
    pairs = [pair for number in range(1, len(recording.sent)) if (pair := _movement(recording, number))]
    if not pairs:
        return Sign.UNKNOWN, "the meter told too little to see a step in it"
    agree = [-moved / commanded for commanded, moved in pairs]
    middle = statistics.median(agree)
    spread = statistics.median(abs(each - middle) for each in agree)
    heard = f"{len(pairs)} steps moved the meter by {middle:+.0%} of what was commanded (middle; half of them within {spread:.0%})"
    if spread > MOVED_LEAST:
        return Sign.UNKNOWN, f"{heard}: the house was too loud"
    if abs(middle) < MOVED_LEAST:
        return Sign.UNSEEN, f"{heard}: it does not see this battery"
    return (Sign.RIGHT if middle > 0 else Sign.REVERSED), heard


def _movement(recording: Recording, number: int) -> tuple[float, float] | None:
    """Return by how much a step was commanded and the meter moved; None where it was small, short or unheard."""
    before, step = recording.sent[number - 1], recording.sent[number]
    end_s = recording.sent[number + 1].at_s if number + 1 < len(recording.sent) else math.inf
    commanded = step.value - before.value
    earlier = [each.value for each in recording.meter if step.at_s - LEAD_S <= each.at_s <= step.at_s]
    half_s = step.at_s + STEP_S / 2
    later = [each.value for each in recording.meter if half_s < each.at_s <= min(end_s, step.at_s + STEP_S)]
    if abs(commanded) < STEP_W / 2 or not earlier or not later:
        return None
    return commanded, statistics.median(later) - statistics.median(earlier)


def _as_given(meter: Sequence[Seen], sign: Sign) -> tuple[Seen, ...]:
    """Return the meter as if it measured the battery: what the house draws is left in it, and taken off later."""
    way = -1.0 if sign is Sign.RIGHT else 1.0
    return tuple(Seen(way * each.value, each.at_s) for each in meter)


# ---- the fit -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    dynamics: Dynamics
    explains: float
    why: str = ""

    @property
    def trusted(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class _Segment:
    """What was seen around one step; the house is taken to stand still in it."""

    seen: tuple[Seen, ...]


def _fit(sent: Sequence[Seen], seen: Sequence[Seen], begin: Dynamics) -> _Fit:
    """Return the dynamics that leave the least of what was seen, step by step, where the house was quiet."""
    segments = _segments(sent, seen)
    if len(segments) < 3:
        return _Fit(begin, 0.0, "too few samples")
    found = _search(sent, segments, begin)
    rests = [_rest(sent, [each], found)[0] for each in segments]
    usual = statistics.median(rests)
    quiet = [each for each, rest in zip(segments, rests, strict=True) if rest <= LOUD**2 * usual + 1]
    if len(quiet) < len(segments):
        found = _search(sent, quiet, found)
    rest, moved, (gain, charge_gain) = _rest(sent, quiet, found)
    explains = 1 - rest / moved if moved else 0.0
    known = replace(
        found,
        gain=round(gain, 3) or begin.gain,
        charge_gain=round(charge_gain, 3) or begin.charge_gain,
        margin_s=KNOWN_MARGIN_S,
        identified=True,
    )
    if explains < FITS:
        return _Fit(known, explains, f"only {explains:.0%} of the movement fits; the house was too loud, or nothing moved")
    return _Fit(known, explains)


def _segments(sent: Sequence[Seen], seen: Sequence[Seen]) -> list[_Segment]:
    ends = [*(each.at_s for each in sent[1:]), math.inf]
    found = []
    for number, (step, end_s) in enumerate(zip(sent, ends, strict=True)):
        if number < 2:
            continue  # nothing is known of what it did before, so neither of how the first start compares
        last_s = min(end_s, step.at_s + STEP_S)
        inside = tuple(each for each in seen if step.at_s - LEAD_S <= each.at_s <= last_s)
        if len(inside) >= SAMPLES_LEAST:
            found.append(_Segment(inside))
    return found


def _search(sent: Sequence[Seen], segments: Sequence[_Segment], begin: Dynamics) -> Dynamics:
    """Return the best of a grid, one parameter after the other until none gets better."""
    moves: tuple[Callable[[Dynamics], list[Dynamics]], ...] = (
        lambda at: [replace(at, dead_s=value) for value in DEAD_S],
        lambda at: [replace(at, slew_w_per_s=value) for value in SLEW_W_PER_S],
        lambda at: [replace(at, start_s=value) for value in WAIT_S],
        lambda at: [replace(at, swap_s=value) for value in WAIT_S],
    )
    best, least = begin, _rest(sent, segments, begin)[0]
    for _ in range(6):
        before = least
        for move in moves:
            for candidate in move(best):
                rest = _rest(sent, segments, candidate)[0]
                if rest < CLEARLY * least:
                    best, least = candidate, rest
        if least >= CLEARLY * before:
            break
    return best


def _rest(sent: Sequence[Seen], segments: Sequence[_Segment], dynamics: Dynamics) -> tuple[float, float, tuple[float, float]]:
    """Return the square of what is left, of what moved, and the gains of discharge and charge that leave so little."""
    track = Track(
        replace(dynamics, gain=1.0, charge_gain=1.0), power_w=sent[0].value, at_s=sent[0].at_s - 1e6, remembered_s=math.inf
    )
    for each in sent:
        track.command(each.at_s, each.value)
    own = {1: 0.0, 0: 0.0, -1: 0.0}  # of discharge, of both together, of charge
    along = {1: 0.0, -1: 0.0}
    moved = 0.0
    for segment in segments:
        levels = [track.level_w(each.at_s) for each in segment.seen]
        give, take = _centred([max(0.0, each) for each in levels]), _centred([min(0.0, each) for each in levels])
        for out, into, seen in zip(give, take, _centred([each.value for each in segment.seen]), strict=True):
            own[1], own[0], own[-1] = own[1] + out * out, own[0] + out * into, own[-1] + into * into
            along[1], along[-1] = along[1] + out * seen, along[-1] + into * seen
            moved += seen * seen
    gain, charge_gain = _solved(own, along)
    return moved - gain * along[1] - charge_gain * along[-1], moved, (gain, charge_gain)


def _centred(values: Sequence[float]) -> list[float]:
    middle = statistics.fmean(values)
    return [each - middle for each in values]


def _solved(own: dict[int, float], along: dict[int, float]) -> tuple[float, float]:
    """Return the two gains of the least squares; of a direction that never moved, 0."""
    if not own[1] or not own[-1]:
        return (along[1] / own[1] if own[1] else 0.0), (along[-1] / own[-1] if own[-1] else 0.0)
    area = own[1] * own[-1] - own[0] ** 2
    return (along[1] * own[-1] - along[-1] * own[0]) / area, (along[-1] * own[1] - along[1] * own[0]) / area


# ---- the rest ----------------------------------------------------------------------------------------------------------------


def _shown_after_s(recording: Recording) -> float | None:
    delays = []
    for number, step in enumerate(recording.sent[1:], 1):
        end_s = recording.sent[number + 1].at_s if number + 1 < len(recording.sent) else math.inf
        first = next((each for each in recording.shown if step.at_s < each.at_s < end_s and each.value == step.value), None)
        if first is not None:
            delays.append(first.at_s - step.at_s)
    return round(statistics.median(delays), 1) if delays else None


def _goes_on(recording: Recording, dynamics: Dynamics) -> bool | None:
    """Return whether the last command, after which nobody wrote, still worked at the end of the silence."""
    if not recording.sent or not recording.told:
        return None
    last, newest = recording.sent[-1], recording.told[-1]
    if not last.value or newest.at_s - last.at_s < SILENCE_S * 0.9:
        return None
    return newest.value / dynamics.at_meter(last.value) > MOVED_LEAST
