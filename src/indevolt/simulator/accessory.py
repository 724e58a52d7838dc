"""Virtual accessories: meters, an infrared reader, a P1 reader and a smart plug, with the replies of protocol.md, section 3.6.

Their values are a small function of time; a house that they measure comes with the real physics. Names of fields differ between
sorts and firmware; each is spelled as its sample is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from indevolt.clock import Clock
from indevolt.errors import InvalidInput
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
    """Power that swings about a mean; never negative, so that energy counters only rise."""

    mean_w: float
    swing_w: float
    period_s: float = 600.0

    def power_w(self, at_s: float) -> float:
        return self.mean_w + self.swing_w * math.sin(2 * math.pi * at_s / self.period_s)

    def energy_kwh(self, at_s: float) -> float:
        """Return the energy since 0, which is the integral of the power."""
        swung = self.swing_w * self.period_s / (2 * math.pi) * (1 - math.cos(2 * math.pi * at_s / self.period_s))
        return (self.mean_w * at_s + swung) / 3_600_000


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one accessory measures at an instant."""

    serial: str
    power_w: float
    energy_kwh: float
    current_a: float


_VOLTAGE_V: Final = 230.0
_FREQUENCY_HZ: Final = 50.0
_START_KWH: Final = 139.68  # what the captured P1 reader had counted
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
_WAVE: Final = {Sort.PLUG: _Wave(60, 40)}
_HOUSE_WAVE: Final = _Wave(350, 250)
_SERIAL_START: Final = 33  # ten digits, as the meters of the documents have


class Accessory(Board):
    """A virtual accessory of one sort. Captured replies are answered as they came."""

    def __init__(
        self,
        sort: Sort | str,
        *,
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
        self._wave = _WAVE.get(self.sort, _HOUSE_WAVE)
        self._start = self.clock.monotonic()
        self._frozen_at: float | None = None
        self._sequence = 0
        self.switch_on = self._captured.switch_on is not False
        self._off_since = None if self.switch_on else 0.0
        self._off_kwh = 0.0  # what the wave would have brought while the plug was off

    def push(self) -> Push:
        """Return the next report that this accessory broadcasts; only a P1 reader's is published (protocol.md, section 6)."""
        self._sequence += 1
        kind = _P1_PUSH if self.sort is Sort.P1 else _UNKNOWN_PUSH
        document = self._document(_RPC[self.sort], self._elapsed_s(()))
        return Push(self.serial, self._sequence, int(self.clock.now().timestamp()), kind, document)

    def switch(self, *, on: bool) -> None:
        """Switch the plug."""
        now = self._elapsed_s(())
        if on and self._off_since is not None:
            self._off_kwh += self._wave.energy_kwh(now) - self._wave.energy_kwh(self._off_since)
            self._off_since = None
        if not on and self._off_since is None:
            self._off_since = now
        self.switch_on = on

    def _reply_own(self, request: AnyRequest, hits: tuple[Fault, ...]) -> Reply:
        at_s = self._elapsed_s(hits)
        is_plug, is_p1 = self.sort is Sort.PLUG, self.sort is Sort.P1
        match request:
            case MeterJsonData() | P1JsonData() | PlugGetData() if request.rpc == _RPC[self.sort]:
                return Json(self._document(request.rpc, at_s))
            case P1GetData() if is_p1:
                return Text(self._captured.telegram or self._telegram(at_s))
            case PlugGetStatus() if is_plug:
                return SwitchStatus(self.switch_on)
            case PlugSetStatus(on=on) if is_plug:
                self.switch(on=on)
                return Result(result=True)
            case _:
                raise not_found(request)

    def _forget_unsettled(self) -> None:
        pass  # a switch settles at once

    def _elapsed_s(self, hits: tuple[Fault, ...]) -> float:
        """Return the time that values belong to, which a fault can hold."""
        now = self.clock.monotonic() - self._start
        if not any(fault.kind is Kind.FROZEN for fault in hits):
            self._frozen_at = None
            return now
        if self._frozen_at is None:
            self._frozen_at = now
        return self._frozen_at

    def _measured(self, at_s: float) -> _Measured:
        power = self._wave.power_w(at_s) if self.switch_on else 0.0
        counted = self._wave.energy_kwh(at_s if self._off_since is None else self._off_since) - self._off_kwh
        return _Measured(self.serial, round(power, 1), round(_START_KWH + counted, 3), round(power / _VOLTAGE_V, 2))

    def _document(self, rpc: str, at_s: float) -> Mapping[str, Any]:
        captured = self._captured.documents.get(rpc)
        if captured is None:
            return _DOCUMENTS[self.sort](self._measured(at_s))
        if self.switch_on:
            return captured
        return {key: 0 if key in ("power", "electric_current") else value for key, value in captured.items()}

    def _telegram(self, at_s: float) -> str:
        # A meter in the Netherlands shows local time; here it is always its winter time, W.
        local = self.clock.now() + timedelta(hours=1)
        return telegram(self._measured(at_s), local.strftime("%y%m%d%H%M%SW"))


# ---- documents, one a sort, keys as in the samples -------------------------------------------------------------------------------


def _meter(measured: _Measured) -> Mapping[str, Any]:
    return {
        "SN": measured.serial,
        "voltage": _VOLTAGE_V,
        "current": measured.current_a,
        "active power": measured.power_w,
        "apparent power": measured.power_w,
        "reactive power": 0,
        "power factor": 1,
        "frequency": _FREQUENCY_HZ,
        "total_act_energy": measured.energy_kwh,
        "total_act_ret_energy": 0.18,
    }


def _meter3(measured: _Measured) -> Mapping[str, Any]:
    quantities = {"current": measured.current_a, "voltage": _VOLTAGE_V}
    fields: dict[str, Any] = {"sn": measured.serial}
    for name, value in quantities.items():
        fields |= _phases(name, value, others=_VOLTAGE_V if name == "voltage" else 0)
    fields |= {"frequency": _FREQUENCY_HZ, "total_pf": 100, **_phases("pf", 100, others=100)}
    for name, value in (("act_power", measured.power_w), ("aprt_power", measured.power_w), ("react_power", 0)):
        fields |= {f"total_{name}": value, **_phases(name, value)}
    fields |= {"total_act_energy": measured.energy_kwh, "total_act_ret_energy": 10.15}
    fields |= _phases("act_energy", measured.energy_kwh) | _phases("act_ret_energy", 10.15)
    return {"data": fields}


def _ir(measured: _Measured) -> Mapping[str, Any]:
    return {
        "SN": measured.serial,
        "SN2": "56197869",
        "Total Active Power": measured.power_w,
        "L1 Phase Voltage": 0,
        "L2 Phase Voltage": 0,
        "L3 Phase Voltage": _VOLTAGE_V,
        "L1 Phase Current": 0,
        "L2 Phase Current": 0,
        "L3 Phase Current": measured.current_a,
        "Reactive Power": 0,
        "L1 Phase Power": 0,
        "L2 Phase Power": 0,
        "L3 Phase Power": measured.power_w,
        "Full-Time Cumulative Grid-Connected Electric Energy": 9.55,
        "Accumulated Purchase Of Electric Energy In Full Time.": measured.energy_kwh,
        "Installation Direction": "Vertical",
    }


def _p1(measured: _Measured) -> Mapping[str, Any]:
    """Return what a real reader sends: snake_case and W, where the documents print long titles and kW."""
    return {
        "SN": measured.serial,
        "device_version": "50213",
        "device_type": 3,
        "total_act_energy_LT": measured.energy_kwh,
        "total_act_energy_NT": 167.63,
        "total_act_ret_energy_LT": 2.73,
        "total_act_ret_energy_NT": 1.1,
        **_phases("current", measured.current_a),
        **_phases("voltage", _VOLTAGE_V),
        "total_act_power": measured.power_w,
        "total_act_ret_power": 0,
        **_phases("act_power", measured.power_w),
        **_phases("act_ret_power", 0),
        "total_gas": 0,
    }


def _plug(measured: _Measured) -> Mapping[str, Any]:
    return {
        "voltage": _VOLTAGE_V,
        "electric_current": measured.current_a,
        "positive_active_energy": measured.energy_kwh,
        "reverse_active_energy": 0.0,
        "power": measured.power_w,
    }


def _phases(name: str, first: float, *, others: float = 0) -> dict[str, float]:
    return {f"a_{name}": first, f"b_{name}": others, f"c_{name}": others}


_DOCUMENTS: Final[Mapping[Sort, Callable[[_Measured], Mapping[str, Any]]]] = {
    Sort.METER: _meter,
    Sort.METER3: _meter3,
    Sort.IR: _ir,
    Sort.P1: _p1,
    Sort.PLUG: _plug,
}


# ---- the telegram of a P1 reader -------------------------------------------------------------------------------------------------


def telegram(measured: _Measured, stamp: str) -> str:
    """Return a DSMR telegram with header and checksum, in the braces that the reader puts around it (protocol.md, section 3.6)."""
    power = f"{measured.power_w / 1000:06.3f}*kW"
    lines = (
        "/ISK5\\2M550T-1012",
        "",
        "1-3:0.2.8(50)",
        f"0-0:1.0.0({stamp})",
        f"0-0:96.1.1({measured.serial.encode('ascii', 'replace').hex()})",
        f"1-0:1.8.1({measured.energy_kwh:010.3f}*kWh)",
        "1-0:1.8.2(000167.630*kWh)",
        "1-0:2.8.1(000002.730*kWh)",
        "1-0:2.8.2(000001.100*kWh)",
        "0-0:96.14.0(0001)",
        f"1-0:1.7.0({power})",
        "1-0:2.7.0(00.000*kW)",
        f"1-0:32.7.0({_VOLTAGE_V:05.1f}*V)",
        f"1-0:31.7.0({measured.current_a:03.0f}*A)",
        f"1-0:21.7.0({power})",
        "1-0:22.7.0(00.000*kW)",
        "!",
    )
    checked = "\r\n".join(lines)
    return f"{{{checked}{_crc16(checked.encode('ascii')):04X}\r\n}}"


def _crc16(data: bytes) -> int:
    """Return CRC-16/ARC, which DSMR uses: that of Modbus, but starting from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
