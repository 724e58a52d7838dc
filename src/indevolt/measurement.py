"""What an energy meter shows at one instant, whatever sort of meter it is and whatever language it speaks.

A record and nothing else: whoever measures makes one, ``simulator.accessory`` and ``protocol.shelly`` put it into documents.
Not here: the units, names and rounding of any document, and who measures what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a connection; the sign as in :class:`Measurement`, registers as this phase alone counted them."""

    power_w: float
    import_wh: float = 0.0
    export_wh: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a meter shows.

    ``phases`` are L1 to L3, or None for a connection with one phase. They are given rather than worked out, since how a meter nets
    phases against each other is its own: the registers of three phases may well add up to more than the total of a netting meter.
    """

    power_w: float  # positive: into what is measured, which at a house is import
    import_wh: float = 0.0  # both registers only ever rise
    export_wh: float = 0.0
    voltage_v: float = 230.0
    phases: tuple[Phase, Phase, Phase] | None = None

    def split_evenly(self) -> Measurement:
        """Return the same totals with a third of each on every phase, as a balanced three-phase house has it."""
        third = Phase(self.power_w / 3, self.import_wh / 3, self.export_wh / 3)
        return replace(self, phases=(third, third, third))
