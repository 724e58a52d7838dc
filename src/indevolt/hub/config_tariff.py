"""What an owner may say about prices: where they come from, and what is added until they are what a bill says.

One table of the file; ``kind`` decides which settings it has. How each source is asked is in ``prices``.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field, StringConstraints

from indevolt.hub.config_section import Broken, Section
from indevolt.hub.config_values import FilePath, Text, WebUrl, spelled
from indevolt.hub.secret import Secret

Money: TypeAlias = Annotated[float, Field(ge=-10, le=100)]
"""Of the site's currency, for a kWh."""
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TOKEN_EXAMPLE: Final = {"env": "INDEVOLT_TARIFF_TOKEN"}


def _clock_time(raw: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
    """Return a text like 22:00 as a time of day; anything else is left for pydantic to refuse."""
    try:
        return time.fromisoformat(raw) if isinstance(raw, str) else raw
    except ValueError:
        return raw


ClockTime: TypeAlias = Annotated[time, BeforeValidator(_clock_time), spelled('a time of day, like "22:00"')]


class BandConfig(Section):
    """Hours of the week with a price of their own; of several that fit, the first counts."""

    days: Annotated[tuple[Weekday, ...], Field(strict=False, max_length=7)] = Field(
        default=WEEKDAYS, description="Days of the week on which it begins.", examples=[["mon", "tue", "wed", "thu", "fri"]]
    )
    start: ClockTime = Field(description="From this time of day on, by the clocks of the site.", examples=["22:00"])
    end: ClockTime = Field(
        description="Up to this one, and without it; if it is not after start, that of the next day.", examples=["06:00"]
    )
    import_price: Money = Field(description="What a kWh costs then, with all taxes.", examples=[0.22])
    export_price: Money | None = Field(
        default=None, description="What one that is given brings then; else as outside of bands.", examples=[0.08]
    )

    def rules(self) -> Broken:
        """Times of day go by the clocks of the site."""
        for name in ("start", "end"):
            if getattr(self, name).tzinfo is not None:
                yield (name,), "it goes by the clocks of the site; remove the offset"


class _Tariff(Section):
    """What all tariffs have."""

    export_price: Money = Field(default=0.0, description="What a kWh that is given brings, where nothing else says so.")
    peak_price_per_kw: Annotated[float, Field(ge=0, le=1000)] | None = Field(
        default=None, description="What each kW of a month's highest quarter-hour import costs, as in Belgium.", examples=[4.2]
    )
    peak_floor_kw: Annotated[float, Field(ge=0, le=1000)] = Field(
        default=0.0, description="A monthly peak below this is billed as this; 2.5 in Belgium.", examples=[2.5]
    )

    def rules(self) -> Broken:
        """A floor needs a price."""
        if self.peak_floor_kw and self.peak_price_per_kw is None:
            yield ("peak_floor_kw",), "it means nothing without peak_price_per_kw; add that, or remove this"


class FixedTariff(_Tariff):
    """The same price at all hours."""

    kind: Literal["fixed"]
    import_price: Money = Field(description="What a kWh costs, with all taxes.", examples=[0.32])


class TimeOfUseTariff(_Tariff):
    """A price that goes by the hour and the day of the week."""

    kind: Literal["time_of_use"]
    import_price: Money = Field(description="What a kWh costs outside of bands, with all taxes.", examples=[0.32])
    bands: Annotated[tuple[BandConfig, ...], Field(strict=False, max_length=50)] = Field(
        description="Hours of the week with a price of their own."
    )

    def rules(self) -> Broken:
        """Without a band, it is a fixed one."""
        yield from super().rules()
        if not self.bands:
            yield ("bands",), 'there is none; add [[tariff.bands]], or set kind = "fixed"'


class _MarketTariff(_Tariff):
    """What tariffs that follow a market have: (market price x factor + surcharge) x (1 + VAT)."""

    factor: Annotated[float, Field(ge=0, le=10)] = Field(default=1.0, description="What the source's price is multiplied by.")
    surcharge: Money = Field(
        default=0.0, description="Grid fees, levies and the supplier's share, before VAT; for a kWh.", examples=[0.155]
    )
    vat_pct: Annotated[float, Field(ge=0, le=50)] = Field(default=0.0, description="Value-added tax on both.", examples=[19])
    export_factor: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None, description="What is given brings the market's price times this; else export_price holds.", examples=[1.0]
    )
    export_surcharge: Money = Field(
        default=0.0, description="Added to that; negative where something is kept back.", examples=[-0.01]
    )

    def rules(self) -> Broken:
        """What is added needs something to be added to."""
        yield from super().rules()
        if self.export_surcharge and self.export_factor is None:
            yield ("export_surcharge",), "it is added to the market's price; give export_factor as well"


class _WebTariff(_MarketTariff):
    """A market price that is asked for on the web."""

    url: WebUrl | None = Field(
        default=None, description="Another address of the source, such as a proxy.", examples=["https://proxy.example/prices"]
    )


class AwattarTariff(_WebTariff):
    """Day-ahead prices of aWATTar, and of whoever answers as it does."""

    kind: Literal["awattar"]
    country: Literal["de", "at"] = Field(default="de", description="Whose.")


class EnergyChartsTariff(_WebTariff):
    """Day-ahead prices of Energy-Charts."""

    kind: Literal["energy_charts"]
    zone: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{2,12}$"), spelled('a bidding zone, like "DE-LU"')] = Field(
        default="DE-LU", description="The bidding zone."
    )


class EntsoeTariff(_WebTariff):
    """Day-ahead prices of the ENTSO-E transparency platform."""

    kind: Literal["entsoe"]
    zone: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z-]{16}$"), spelled("an EIC code of 16 characters")] = Field(
        description="The bidding zone by its EIC code; 10Y1001A1001A82H is DE-LU.", examples=["10Y1001A1001A82H"]
    )
    token: Secret = Field(description="Security token of the platform.", examples=[_TOKEN_EXAMPLE])


class TibberTariff(_WebTariff):
    """What Tibber tells; its prices hold all taxes."""

    kind: Literal["tibber"]
    token: Secret = Field(description="Access token of its API.", examples=[_TOKEN_EXAMPLE])
    home: Text | None = Field(default=None, description="Id of the home; by default the first one.", examples=["96a14971"])


class OctopusTariff(_WebTariff):
    """Unit rates of Octopus Energy, such as Agile; they hold VAT."""

    kind: Literal["octopus"]
    product: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{3,60}$"), spelled("a product code")] = Field(
        description="The product.", examples=["AGILE-24-10-01"]
    )
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{3,60}$"), spelled("a tariff code")] = Field(
        description="Its tariff, with the region.", examples=["E-1R-AGILE-24-10-01-C"]
    )


class FileTariff(_MarketTariff):
    """Prices that another program writes."""

    kind: Literal["file"]
    file: FilePath = Field(
        description="A CSV file with the columns start and price, or a list of such objects in JSON; read anew when it changes.",
        examples=["prices.csv"],
    )


class SimulatedTariff(_MarketTariff):
    """A made-up market, to try things out; whatever shows its prices says so."""

    kind: Literal["simulated"]


TariffConfig: TypeAlias = (
    FixedTariff
    | TimeOfUseTariff
    | AwattarTariff
    | EnergyChartsTariff
    | EntsoeTariff
    | TibberTariff
    | OctopusTariff
    | FileTariff
    | SimulatedTariff
)
AnyTariff: TypeAlias = Annotated[TariffConfig, Field(discriminator="kind")]
"""The table ``[tariff]``."""
MarketTariff: TypeAlias = (
    AwattarTariff | EnergyChartsTariff | EntsoeTariff | TibberTariff | OctopusTariff | FileTariff | SimulatedTariff
)
"""Those that follow a market, or whoever tells prices from day to day."""
