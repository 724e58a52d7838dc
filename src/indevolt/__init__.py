"""INDEVOLT home batteries over OpenData: a client that proves what it did.

::

    import asyncio
    import indevolt


    async def main() -> None:
        async with indevolt.connect("192.168.1.20") as battery:
            reading = await battery.read("battery_soc", "battery_power")
            print(reading.value("battery_soc"), "%")
            outcome = await battery.charge(power_w=800, soc_pct=90)
            print(outcome.stage, *outcome.notes)


    asyncio.run(main())

Everything that stands in ``__all__`` is imported when it is first used, so that ``import indevolt`` costs next to nothing. The
virtual device is in :mod:`indevolt.simulator` and :mod:`indevolt.virtual`, the wire format in :mod:`indevolt.protocol`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indevolt.battery import (
        Charge,
        Command,
        Discharge,
        Hold,
        Limit,
        Limits,
        Outcome,
        Quality,
        Reading,
        Sample,
        Schedule,
        SelfUse,
        Stage,
        Value,
    )
    from indevolt.clock import Clock, ManualClock, SystemClock
    from indevolt.device import Device, connect, set_password
    from indevolt.discovery import Api, Found, discover
    from indevolt.errors import (
        BudgetSpent,
        FirmwareTooOld,
        ForeignWriter,
        IndevoltError,
        InvalidInput,
        LeaseHeld,
        LeaseLost,
        NoReply,
        NotRestored,
        ProtocolError,
        Refused,
        StatusError,
        Unauthorized,
        Unconfirmed,
        UnknownModel,
        Unreachable,
    )
    from indevolt.transport import HttpTransport, Paced, Recorded, Transport

    __version__: str

_HOMES = {
    "battery": ("Charge Command Discharge Hold Limit Limits Outcome Quality Reading Sample Schedule SelfUse Stage Value"),
    "clock": "Clock ManualClock SystemClock",
    "device": "Device connect set_password",
    "discovery": "Api Found discover",
    "errors": (
        "BudgetSpent FirmwareTooOld ForeignWriter IndevoltError InvalidInput LeaseHeld LeaseLost NoReply NotRestored ProtocolError "
        "Refused StatusError Unauthorized Unconfirmed "
        "UnknownModel Unreachable"
    ),
    "transport": "HttpTransport Paced Recorded Transport",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Api",
    "BudgetSpent",
    "Charge",
    "Clock",
    "Command",
    "Device",
    "Discharge",
    "FirmwareTooOld",
    "ForeignWriter",
    "Found",
    "Hold",
    "HttpTransport",
    "IndevoltError",
    "InvalidInput",
    "LeaseHeld",
    "LeaseLost",
    "Limit",
    "Limits",
    "ManualClock",
    "NoReply",
    "NotRestored",
    "Outcome",
    "Paced",
    "ProtocolError",
    "Quality",
    "Reading",
    "Recorded",
    "Refused",
    "Sample",
    "Schedule",
    "SelfUse",
    "Stage",
    "StatusError",
    "SystemClock",
    "Transport",
    "Unauthorized",
    "Unconfirmed",
    "UnknownModel",
    "Unreachable",
    "Value",
    "__version__",
    "connect",
    "discover",
    "set_password",
]


if not TYPE_CHECKING:  # type checkers know the names from above, and so notice a wrong one

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version  # noqa: PLC0415 - takes longer to import than all of ours, and few ask for it

            return version("indevolt")
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
