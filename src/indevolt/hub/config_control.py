"""What an owner decides about steering: bounds that hold whatever else is wanted, and where leases are kept.

Which device may be written to at all is `control = true` of that device.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from indevolt.device.lock import lease_folder
from indevolt.hub.config_section import Broken, Section, repeated
from indevolt.hub.config_values import AnyPath, Name, spelled

Watts = Annotated[float, Field(ge=0, le=1_000_000)]


ChosenRank = Literal["owner", "fleet", "plan"]
RANKS: Final[tuple[ChosenRank, ...]] = ("owner", "fleet", "plan")
PUBLIC_KEY_BYTES: Final = 32  # of Ed25519 (RFC 8032)


class IssuerConfig(Section):
    """Somebody outside who may ask for a range of battery power for a while, such as a virtual power plant or a grid operator."""

    name: Name = Field(description="What the journal calls them.", examples=["grid"])
    public_key: Annotated[str, StringConstraints(max_length=64), spelled("32 bytes in base64")] = Field(
        description="Their public Ed25519 key, 32 bytes in base64; what they send has to be signed with its other half.",
        examples=["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="],
    )

    def rules(self) -> Broken:
        """It is a key."""
        try:
            size = len(base64.b64decode(self.public_key, validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if size != PUBLIC_KEY_BYTES:
            yield ("public_key",), f"it is not {PUBLIC_KEY_BYTES} bytes in base64"


class ControlConfig(Section):
    """How batteries with control = true are steered."""

    reserve_pct: Annotated[float, Field(ge=5, le=99)] = Field(
        default=5.0, description="Never discharge below; the reserve that is set in the device holds as well, and 2 % more."
    )
    ceiling_pct: Annotated[float, Field(ge=10, le=100)] = Field(default=100.0, description="Never charge above.")
    automatic: bool = Field(
        default=False,
        description="Let strategies decide as well: zero export, the plan, peak shaving. Else only people do, by overrides.",
    )
    ranks: Annotated[tuple[ChosenRank, ...], Field(strict=False, max_length=len(RANKS))] = Field(
        default=RANKS,
        description="Who outranks whom, below safety: people (owner), envelopes from outside (fleet), the plan with peak shaving "
        "and cheap energy (plan). Each once; with fleet first an envelope binds orders of people and a backup hold as well.",
        examples=[["fleet", "owner", "plan"]],
    )
    grid_target_w: Annotated[float, Field(ge=0, le=100)] = Field(
        default=5.0, description="What zero export aims at, at the meter; positive is taken from the grid."
    )
    hard_zero: bool = Field(
        default=False, description="Export is worse than its price: stay below a load that switches on and off."
    )
    battery_to_grid: bool = Field(
        default=False,
        description="Stored energy may go to the grid, where law and contract allow it; else discharge ends at the load.",
    )
    grid_charging: bool = Field(default=True, description="Energy of the grid may be stored.")
    output_limit_w: Watts | None = Field(
        default=None, description="What all units together may give, as in Germany 800 W of a plug-in unit.", examples=[800.0]
    )
    feed_in_limit_w: Watts | None = Field(
        default=None,
        description="What may be given to the grid at most; while no meter answers, nothing is discharged.",
        examples=[0.0],
    )
    grid_import_limit_w: Watts | None = Field(
        default=None,
        description="What may be taken from the grid at most, by fuse or contract; while no meter answers, nothing is charged.",
        examples=[11_000.0],
    )
    peak_import_w: Watts | None = Field(default=None, description="Discharge to keep import below this.", examples=[4000.0])
    soak_below_per_kwh: Annotated[float, Field(ge=-10, le=10)] | None = Field(
        default=None, description="Charge from the grid while a kWh costs less than this.", examples=[0.0]
    )
    spare_charger: bool = Field(default=False, description="Do not discharge into the car; it needs a meter of its own.")
    issuers: Annotated[tuple[IssuerConfig, ...], Field(strict=False, max_length=20)] = Field(
        default=(), description="Who may ask for a range of battery power from outside, by a signed envelope."
    )
    leases: AnyPath = Field(
        default_factory=lease_folder,
        description="Folder for locks and for what is put back at the end; scripts and the watchdog need the same.",
        json_schema_extra={
            "x-default": "$INDEVOLT_LEASES, else leases in $STATE_DIRECTORY (systemd) or the state folder of this user"
        },
        examples=["/var/lib/indevolt/leases"],
    )

    def rules(self) -> Broken:
        """There is room between the two, people are heard, and each issuer has one key."""
        if self.ceiling_pct <= self.reserve_pct:
            yield ("ceiling_pct",), f"{self.ceiling_pct:g} is not above reserve_pct, which is {self.reserve_pct:g}"
        yield from repeated([each.name for each in self.issuers], "issuers", "name")
        if sorted(self.ranks) != sorted(RANKS):
            told = ", ".join(self.ranks) or "nothing"
            yield ("ranks",), f"{told}: give {', '.join(RANKS)}, each once; safety is first and self-use last in any case"
        elif self.ranks.index("plan") < self.ranks.index("owner"):
            yield ("ranks",), "plan stands before owner, so no order of a person would count where there is a plan; put it behind"
