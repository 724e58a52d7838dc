"""What an owner may say about forecasts and plans: where the house is, how its PV plant lies, who is asked about the sun.

How the sun and the load are foreseen is in ``forecast`` and in the plan's own pure functions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from indevolt.hub.config_section import Broken, Section
from indevolt.hub.config_tariff import WEEKDAYS, ClockTime, Weekday
from indevolt.hub.config_values import WebUrl
from indevolt.hub.secret import Secret


class SunSource(StrEnum):
    """Who is asked about the sun."""

    CLEAR_SKY = "clear_sky"
    OPEN_METEO = "open_meteo"
    FORECAST_SOLAR = "forecast_solar"


class PlaneConfig(Section):
    """A part of the PV plant: modules that lie alike."""

    tilt_deg: Annotated[float, Field(ge=0, le=90)] = Field(description="0 lies flat, 90 stands.", examples=[30])
    azimuth_deg: Annotated[float, Field(ge=0, le=360)] = Field(
        description="Where it looks: 0 north, 90 east, 180 south, 270 west.", examples=[180]
    )
    peak_w: Annotated[float, Field(ge=10, le=1_000_000)] = Field(description="Its power by the data sheet.", examples=[1720])


class ForecastConfig(Section):
    """Where the house is and how its PV plant lies, so that the sun can be foreseen."""

    source: Annotated[SunSource, Field(strict=False)] = Field(
        default=SunSource.CLEAR_SKY,
        description="clear_sky: computed here, corrected by what the plant gave; open_meteo, forecast_solar: asked for.",
    )
    latitude_deg: Annotated[float, Field(ge=-90, le=90)] = Field(description="North is positive.", examples=[52.5])
    longitude_deg: Annotated[float, Field(ge=-180, le=180)] = Field(description="East is positive.", examples=[13.4])
    planes: Annotated[tuple[PlaneConfig, ...], Field(strict=False, max_length=12)] = Field(
        default=(), description="The parts of the plant; without any, there is no sun in the plan."
    )
    limit_w: Annotated[float, Field(ge=10, le=1_000_000)] | None = Field(
        default=None, description="The most that inverters let through, all together.", examples=[800]
    )
    token: Secret | None = Field(
        default=None, description="Key of the source, where there is one.", examples=[{"env": "INDEVOLT_FORECAST_TOKEN"}]
    )
    url: WebUrl | None = Field(
        default=None, description="Another address of the source, such as a proxy.", examples=["https://proxy.example/forecast"]
    )


class TargetConfig(Section):
    """A charge that is wanted by a time of day, such as before the car leaves or before a dear evening."""

    soc_pct: Annotated[float, Field(ge=5, le=100)] = Field(description="The charge.", examples=[80])
    by: ClockTime = Field(description="By this time of day, by the clocks of the site.", examples=["06:30"])
    days: Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1, max_length=7)] = Field(
        default=WEEKDAYS, description="On these days of the week.", examples=[["mon", "tue", "wed", "thu", "fri"]]
    )

    def rules(self) -> Broken:
        """Times of day go by the clocks of the site."""
        if self.by.tzinfo is not None:
            yield ("by",), "it goes by the clocks of the site; remove the offset"


class PlanConfig(Section):
    """How plans are made, once there is a tariff; they are carried out where [control] says automatic = true."""

    enabled: bool = Field(default=True, description="Make plans; it needs the extra control.")
    horizon_h: Annotated[int, Field(ge=6, le=72)] = Field(default=36, description="How far ahead, in hours.")
    wear_per_kwh: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.02, description="What a kWh through the battery costs in wear, in the currency of the site."
    )
    gate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.002,
        description="Leave plain self-use only for more than this, per kWh moved otherwise and in the currency of the site.",
    )
    targets: Annotated[tuple[TargetConfig, ...], Field(strict=False, max_length=20)] = Field(
        default=(), description="Charges to be reached by a time of day, whatever a kWh costs then."
    )
    tune: bool = Field(
        default=True, description="Each night, try gates on the site's own last days, and take the one that would have cost least."
    )
    tune_days: Annotated[int, Field(ge=5, le=28)] = Field(default=14, description="How many days gates are tried on.")
