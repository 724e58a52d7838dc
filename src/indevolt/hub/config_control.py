"""What an owner decides about steering: bounds that hold whatever else is wanted, and where leases are kept.

Which device may be written to at all is `control = true` of that device.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from indevolt.device.lock import lease_folder
from indevolt.hub.config_section import Broken, Section
from indevolt.hub.config_values import AnyPath


class ControlConfig(Section):
    """How batteries with control = true are steered."""

    reserve_pct: Annotated[float, Field(ge=5, le=99)] = Field(
        default=5.0, description="Never discharge below; the reserve that is set in the device holds as well, and 2 % more."
    )
    ceiling_pct: Annotated[float, Field(ge=10, le=100)] = Field(default=100.0, description="Never charge above.")
    leases: AnyPath = Field(
        default_factory=lease_folder,
        description="Folder for locks and for what is put back at the end; scripts and the watchdog need the same.",
        json_schema_extra={
            "x-default": "$INDEVOLT_LEASES, else leases in $STATE_DIRECTORY (systemd) or the state folder of this user"
        },
        examples=["/var/lib/indevolt/leases"],
    )

    def rules(self) -> Broken:
        """There is room between the two."""
        if self.ceiling_pct <= self.reserve_pct:
            yield ("ceiling_pct",), f"{self.ceiling_pct:g} is not above reserve_pct, which is {self.reserve_pct:g}"
