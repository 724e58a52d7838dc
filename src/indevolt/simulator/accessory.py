"""Virtual accessories: meters, an infrared reader, a P1 reader and a smart plug, with the replies of protocol.md, section 3.6.

What they measure is given (``measures``: a house, a unit) or a small made-up function of time. Not here: how their documents are
spelled (``accessory_documents``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
from indevolt.measurement import Measurement
from indevolt.protocol.messages import (
    AnyRequest,
    Json,
    MeterJsonData,
    P1GetData,
    P1JsonData,
    PlugGetData,
    PlugGetStatus,
    PlugSetStatus,
    Reply,
    Result,
    SwitchStatus,
    Text,
)
from indevolt.protocol.push import Push
from indevolt.simulator.access import DEVICE_KEY, Api
from indevolt.simulator.accessory_documents import Shown, infrared, meter, meter3, p1, plug, telegram
from indevolt.simulator.board import Board, not_found, serial_number
from indevolt.simulator.faults import Fault, Kind
from indevolt.simulator.state import State


class Sort(StrEnum):
    """The sorts of accessories."""

    METER = "meter"  # one phase
    METER3 = "meter3"  # three phases
    IR = "ir"  # infrared reader on the utility's meter
    P1 = "p1"
    PLUG = "plug"

    @classmethod
    def parse(cls, text: str) -> Sort:
        """Return the sort that a word names.

        Raises:
            InvalidInput: no such sort.
        """
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise InvalidInput(f"no accessory {text!r:.40}", remedy=f"There are {', '.join(cls)}.") from None


@dataclass(frozen=True, slots=True)
class _Wave:
    """A made-up measurement: power that swings about a mean, never negative, and what was counted before."""

    mean_w: float
    swing_w: float
    import_wh: float
    export_wh: float = 0.0
    period_s: float = 600.0

    def measurement(self, at_s: float) -> Measurement:
        """Return what is shown so long after the start; the energy is the integral of the power."""
        turn = 2 * math.pi * at_s / self.period_s
        swung_ws = self.swing_w * self.period_s / (2 * math.pi) * (1 - math.cos(turn))
        counted_wh = (self.mean_w * at_s + swung_ws) / 3600
        return Measurement(self.mean_w + self.swing_w * math.sin(turn), self.import_wh + counted_wh, self.export_wh)


_NORMAL_IMPORT_WH: Final = 167_630.0  # what the captured P1 reader had counted in the normal tariff
_NORMAL_EXPORT_WH: Final = 1_100.0
_START_WH: Final = 139_680.0  # and in the low one
_WAVES: Final = {
    # what was exported before is that of the samples
    Sort.METER: _Wave(350, 250, _START_WH, 180.0),
    Sort.METER3: _Wave(350, 250, _START_WH, 10_150.0),
    Sort.IR: _Wave(350, 250, _START_WH, 9_550.0),
    Sort.P1: _Wave(350, 250, _START_WH + _NORMAL_IMPORT_WH, 2_730.0 + _NORMAL_EXPORT_WH),
    Sort.PLUG: _Wave(60, 40, _START_WH),
}
_P1_PUSH: Final = 4  # type of a P1 reader's push frame (samples, udp_push_p1_reader)
_UNKNOWN_PUSH: Final = 0  # those of meters and plugs are unpublished, so this is not what real ones send
_FIRMWARE: Final = {
    # the captured discovery replies by what sort their serial numbers belong to; readers and plugs from documents
    Sort.METER: "V1.3.07_R00B.002_M0000_00000013",
    Sort.METER3: "V1.3.07_R00B.002_M0000_00000013",
    Sort.IR: "V1.3.07_R00B.002_M0000_00000013",
    Sort.P1: "V1.3.07_R003.001_MP12W_00000012",
    Sort.PLUG: "LSW3_01_E030_SS_00_00.00.00.03",
}
_TYPE: Final = {Sort.P1: "P1-2WR", Sort.PLUG: "SP-2W-EU"}  # a meter's is empty in the documents
_RPC: Final = {
    Sort.METER: MeterJsonData.rpc,
    Sort.METER3: MeterJsonData.rpc,
    Sort.IR: MeterJsonData.rpc,
    Sort.P1: P1JsonData.rpc,
    Sort.PLUG: PlugGetData.rpc,
}
_DOCUMENTS: Final[Mapping[Sort, Callable[[Shown], Mapping[str, Any]]]] = {
    Sort.METER: meter,
    Sort.METER3: meter3,
    Sort.IR: infrared,
    Sort.P1: p1,
    Sort.PLUG: plug,
}
_SERIAL_START: Final = 33  # ten digits, as the meters of the documents have


class Accessory(Board):
    """A virtual accessory of one sort."""

    def __init__(
        self,
        sort: Sort | str,
        *,
        measures: Callable[[], Measurement] | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        serial: str | None = None,
        state: State | None = None,
        api: Api | str = Api.HTTP,
        password: str = DEVICE_KEY,
        factory_default: bool = False,
        latency_s: float = 0.0,
        ip: str = "127.0.0.1",
        told_ip: str | None = None,
    ) -> None:
        """Build the accessory; arguments as for :class:`~indevolt.simulator.board.Board`.

        ``measures`` is what it measures, asked anew for each reply and each push. A P1 reader has a contract with one tariff then:
        all energy is in its registers of the low tariff, which are number 1 in its telegram. Without ``measures`` values are made
        up, and captured replies are answered as they came.

        Raises:
            InvalidInput: no such sort.
        """
        self.sort = Sort.parse(sort)
        super().__init__(
            serial=serial or serial_number(seed, _SERIAL_START),
            system={"type": _TYPE.get(self.sort, ""), "fw": _FIRMWARE[self.sort]},
            wrapped=self.sort is not Sort.PLUG,  # plugs were seen to answer flat (samples, igen_sys_getconfig_flat)
            state=state,
            clock=clock,
            seed=seed,
            api=api,
            password=password,
            factory_default=factory_default,
            latency_s=latency_s,
            ip=ip,
            told_ip=told_ip,
        )
        self._captured = state or State()
        self._measures = self._make_up if measures is None else measures
        self._is_made_up = measures is None
        self._start = self.clock.monotonic()
        self._held: Measurement | None = None  # what a fault holds on to
        self._sequence = 0
        self.switch_on = self._captured.switch_on is not False
        self._off_at = None if self.switch_on else self._measures()  # what was there when the plug was switched off
        self._missed_import_wh = self._missed_export_wh = 0.0  # what would have flowed while it was off

    def push(self) -> Push:
        """Return the next report that this accessory broadcasts; only a P1 reader's is published (protocol.md, section 6)."""
        self._sequence += 1
        kind = _P1_PUSH if self.sort is Sort.P1 else _UNKNOWN_PUSH
        # A report is no request: it uses up no fault, and only one that strikes every request holds its values.
        frozen = any(fault.kind is Kind.FROZEN and fault.left is None and fault.chance >= 1 for fault in self.faults)
        document = self._document(_RPC[self.sort], self._measure(frozen=frozen))
        return Push(self.serial, self._sequence, int(self.clock.now().timestamp()), kind, document)

    def switch(self, *, on: bool) -> None:
        """Switch the plug."""
        if on and self._off_at is not None:
            now = self._measures()
            self._missed_import_wh += now.import_wh - self._off_at.import_wh
            self._missed_export_wh += now.export_wh - self._off_at.export_wh
            self._off_at = None
        if not on and self._off_at is None:
            self._off_at = self._measures()
        self.switch_on = on

    def _reply_own(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        is_plug, is_p1 = self.sort is Sort.PLUG, self.sort is Sort.P1
        match request:
            case MeterJsonData() | P1JsonData() | PlugGetData() if request.rpc == _RPC[self.sort]:
                return Json(self._document(request.rpc, self._measure(frozen=_holds(hits))))
            case P1GetData() if is_p1:
                return Text(self._telegram(self._measure(frozen=_holds(hits))))
            case PlugGetStatus() if is_plug:
                return SwitchStatus(self.switch_on)
            case PlugSetStatus(on=on) if is_plug:
                self.switch(on=on)
                return Result(result=True)
            case _:
                raise not_found(request)

    def _forget_unsettled(self) -> None:
        pass  # a switch settles at once

    def _make_up(self) -> Measurement:
        return _WAVES[self.sort].measurement(self.clock.monotonic() - self._start)

    def _measure(self, *, frozen: bool) -> Shown:
        """Return what is shown now, or what was shown when a fault began to hold it."""
        if not frozen:
            self._held = None
            return self._show(self._measures())
        if self._held is None:
            self._held = self._measures()
        return self._show(self._held)

    def _show(self, measured: Measurement) -> Shown:
        counted = self._off_at or measured
        measurement = replace(
            measured,
            power_w=measured.power_w if self.switch_on else 0.0,
            import_wh=counted.import_wh - self._missed_import_wh,
            export_wh=counted.export_wh - self._missed_export_wh,
        )
        if self._is_made_up and self.sort is Sort.P1:
            return Shown(self.serial, measurement, _NORMAL_IMPORT_WH, _NORMAL_EXPORT_WH)
        return Shown(self.serial, measurement)

    def _document(self, rpc: str, shown: Shown) -> Mapping[str, Any]:
        captured = self._captured.documents.get(rpc)
        if captured is None or not self._is_made_up:
            return _DOCUMENTS[self.sort](shown)
        if self.switch_on:
            return captured
        return {key: 0 if key in ("power", "electric_current") else value for key, value in captured.items()}

    def _telegram(self, shown: Shown) -> str:
        if self._captured.telegram and self._is_made_up:
            return self._captured.telegram
        # A meter in the Netherlands shows local time; here it is always its winter time, W.
        local = self.clock.now() + timedelta(hours=1)
        return telegram(shown, local.strftime("%y%m%d%H%M%SW"))


def _holds(hits: tuple[Fault, ...]) -> bool:
    return any(fault.kind is Kind.FROZEN for fault in hits)
