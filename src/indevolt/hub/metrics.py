"""What the hub knows and how it is, for Prometheus to scrape: ``/metrics``.

Only what is live has a value: what is old or unknown is absent, never 0, and ``indevolt_not_live`` says why. So a panel shows a gap
where nobody knew anything. Values keep their units, and the sign rule: power is positive when it flows into the house.

Nothing is counted here; every figure is read where it is kept, when somebody asks. History is the store's, and ``influx`` sends it
on; a scrape only has the present.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

import indevolt
from indevolt.battery import Quality, Sample
from indevolt.hub.derive import COUNTED, INTEGRATED
from indevolt.hub.keeper import Keeper, Link
from indevolt.hub.site.book import Picture
from indevolt.hub.site.quantities import COUNTERS, SITE
from indevolt.hub.site.service import look
from indevolt.hub.tiers import words_of

if TYPE_CHECKING:
    from indevolt.hub.hub import Hub

ENERGIES: Final = frozenset((*COUNTED, *INTEGRATED))  # the hub's own counters, which never go backwards
PERCENTILES: Final = (50, 99)
BREATH: Final = 20  # devices between two pauses, in which the rest of the hub goes on


@dataclass(frozen=True, slots=True)
class Shown:
    """One metric: its name as it is scraped, what it means, and its labels. Counters end in ``_total``."""

    name: str
    about: str
    labels: tuple[str, ...] = ()

    @property
    def kind(self) -> Literal["gauge", "counter"]:
        """What sort of metric it is."""
        return "counter" if self.name.endswith("_total") else "gauge"


_DEVICE: Final = ("device",)
METRICS: Final = (
    Shown("indevolt_value", "A quantity of a device that is live, in its unit; switches are 0 and 1.", ("device", "name", "unit")),
    Shown("indevolt_state", "The word that a quantity of a device has now, as 1.", ("device", "name", "state")),
    Shown("indevolt_energy_wh_total", "Energies that only grow, whatever the device's counters do.", ("device", "name")),
    Shown("indevolt_not_live", "Quantities without a live value, and why, as 1; parts that are not installed are left out.",
          ("device", "name", "quality")),
    Shown("indevolt_quantities", "How many quantities of a device are how good.", ("device", "quality")),
    Shown("indevolt_up", "1 while a device answers.", _DEVICE),
    Shown("indevolt_link", "How the connection to a device is, as 1.", ("device", "link")),
    Shown("indevolt_link_since_timestamp_seconds", "When that began.", _DEVICE),
    Shown("indevolt_device_info", "What a device is.", ("device", "family", "model", "firmware", "simulated")),
    Shown("indevolt_requests_total", "Requests that went out to a device.", _DEVICE),
    Shown("indevolt_request_failures_total", "Requests to a device that failed.", _DEVICE),
    Shown("indevolt_writes_total", "Writes among the requests to a device.", _DEVICE),
    Shown("indevolt_blips_total", "Single cycles of a device that brought nothing.", _DEVICE),
    Shown("indevolt_request_latency_seconds", "What a share of the last 200 answers of a device took at most.",
          ("device", "percentile")),
    Shown("indevolt_budget_used_ratio", "Share of one request a second that was used in the last minute.", _DEVICE),
    Shown("indevolt_quarantined", "Quantities that are not asked for, as they spoil whole replies.", _DEVICE),
    Shown("indevolt_alert_active", "What needs attention now, as 1; an empty device is the hub itself.", ("device", "what")),
    Shown("indevolt_service_up", "1 while a part of the hub runs.", ("service",)),
    Shown("indevolt_bus_listeners", "Who listens to events in the hub."),
    Shown("indevolt_bus_waiting", "Events that wait for the slowest listener."),
    Shown("indevolt_bus_missed_total", "Events that slow listeners lost."),
    Shown("indevolt_store_up", "1 while the store keeps what comes.", ("kind",)),
    Shown("indevolt_store_waiting_rows", "Readings that are not kept yet."),
    Shown("indevolt_store_lost_rows_total", "Readings that were given up."),
    Shown("indevolt_store_dropped_values_total", "Values that no column can hold."),
    Shown("indevolt_store_commit_age_seconds", "How long ago the last readings were kept."),
    Shown("indevolt_store_size_bytes", "What the history takes."),
    Shown("indevolt_influx_sent_lines_total", "Lines that the receiver took."),
    Shown("indevolt_influx_refused_lines_total", "Lines that the receiver refused for good."),
    Shown("indevolt_influx_dropped_lines_total", "Lines that were given up, the oldest first, as the receiver was away too long."),
    Shown("indevolt_influx_failures_total", "Attempts to send that failed."),
    Shown("indevolt_influx_waiting_lines", "Lines that wait for the receiver."),
    Shown("indevolt_started_timestamp_seconds", "When the hub started."),
    Shown("indevolt_build_info", "Which version the hub is.", ("version",)),
)  # fmt: skip


def metrics_route(hub: Hub) -> APIRouter:
    """Return ``/metrics`` as a router, to be included in an application that decides who may read."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Answer one scrape, in the form that is asked for."""
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except TypeError:  # prometheus_client compares versions as numbers, and this one has none
            encode, content_type = choose_encoder("")
        registry = CollectorRegistry()
        registry.register(_Collected(await collect(hub)))
        ProcessCollector(registry=registry)
        text = await asyncio.to_thread(encode, registry)
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})

    return router


async def collect(hub: Hub) -> tuple[Metric, ...]:
    """Return all metrics with their samples of now; those without any are left out."""
    figures = _Figures()
    for count, keeper in enumerate(tuple(hub.keepers.values()), 1):
        _show_values(figures, keeper)
        _show_link(figures, keeper)
        _show_health(figures, keeper)
        if count % BREATH == 0:
            await asyncio.sleep(0)
    if hub.keepers:
        _show_site(figures, look(hub))
    _show_hub(figures, hub)
    _show_store(figures, hub)
    return tuple(figures.families())


class _Collected(Collector):
    """Metrics that were collected before."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Figures:
    """The samples of all metrics, as they are found."""

    def __init__(self) -> None:
        self._families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            shown.name: (CounterMetricFamily if shown.kind == "counter" else GaugeMetricFamily)(
                shown.name, shown.about, labels=shown.labels
            )
            for shown in METRICS
        }

    def show(self, name: str, value: float | None, *labels: str) -> None:
        """Add a sample; what is not known is none."""
        if value is not None:
            self._families[name].add_metric(labels, float(value))

    def families(self) -> Iterator[Metric]:
        """Yield what has samples."""
        return (family for family in self._families.values() if family.samples)


# ---- one device --------------------------------------------------------------------------------------------------------------


def _show_values(figures: _Figures, keeper: Keeper) -> None:
    qualities: Counter[Quality] = Counter()
    states = words_of(keeper.model.family) if keeper.model else frozenset()
    for name, sample in keeper.latest.samples().items():
        qualities[sample.quality] += 1
        if sample.quality is Quality.LIVE and isinstance(sample.value, bool | int | float):
            _show_number(figures, keeper.id, sample, sample.value)
        elif sample.quality is Quality.LIVE and name in states:
            figures.show("indevolt_state", 1, keeper.id, name, str(sample.value))
        elif sample.quality is Quality.LIVE:
            pass  # a text, a time of day or a clock
        elif sample.quality is not Quality.NOT_INSTALLED:
            figures.show("indevolt_not_live", 1, keeper.id, name, sample.quality.value)
    for quality in Quality:
        figures.show("indevolt_quantities", qualities[quality], keeper.id, quality.value)


def _show_site(figures: _Figures, picture: Picture) -> None:
    """Show the house as a whole, as one more device."""
    for name, total in picture.totals.items():
        if total.quality is not Quality.LIVE or total.value is None:
            figures.show("indevolt_not_live", 1, SITE, name, total.quality.value)
        elif name in COUNTERS:
            figures.show("indevolt_energy_wh_total", total.value, SITE, name)
        else:
            figures.show("indevolt_value", total.value, SITE, name, total.unit)


def _show_number(figures: _Figures, device: str, sample: Sample, number: float) -> None:
    if sample.name in ENERGIES:
        figures.show("indevolt_energy_wh_total", number, device, sample.name)
    else:
        figures.show("indevolt_value", number, device, sample.name, sample.unit)


def _show_link(figures: _Figures, keeper: Keeper) -> None:
    figures.show("indevolt_up", keeper.link is Link.ONLINE, keeper.id)
    figures.show("indevolt_link", 1, keeper.id, keeper.link.value)
    figures.show("indevolt_link_since_timestamp_seconds", keeper.link_since.timestamp(), keeper.id)
    family = keeper.model.family if keeper.model else ""
    simulated = "yes" if getattr(keeper.config, "simulated", False) else "no"
    figures.show("indevolt_device_info", 1, keeper.id, family, keeper.title, keeper.firmware, simulated)


def _show_health(figures: _Figures, keeper: Keeper) -> None:
    health = keeper.health
    figures.show("indevolt_requests_total", health.requests, keeper.id)
    figures.show("indevolt_request_failures_total", health.failures, keeper.id)
    figures.show("indevolt_writes_total", health.writes, keeper.id)
    figures.show("indevolt_blips_total", health.blips, keeper.id)
    figures.show("indevolt_budget_used_ratio", health.budget_used, keeper.id)
    figures.show("indevolt_quarantined", len(health.quarantined), keeper.id)
    for percentile in PERCENTILES:
        figures.show("indevolt_request_latency_seconds", health.latency_s(percentile / 100), keeper.id, str(percentile))


# ---- the hub -----------------------------------------------------------------------------------------------------------------


def _show_hub(figures: _Figures, hub: Hub) -> None:
    for alert in tuple(hub.alerts.active.values()):
        figures.show("indevolt_alert_active", 1, alert.device, alert.what)
    for service, state in hub.services.items():
        figures.show("indevolt_service_up", state == "running", service)
    figures.show("indevolt_bus_listeners", len(hub.bus.listeners))
    figures.show("indevolt_bus_waiting", max(map(len, hub.bus.listeners), default=0))
    figures.show("indevolt_bus_missed_total", hub.bus.missed)
    for name, value in hub.figures.get("influx", {}).items():
        figures.show(f"indevolt_influx_{name}", value)
    figures.show("indevolt_started_timestamp_seconds", hub.started.timestamp())
    figures.show("indevolt_build_info", 1, indevolt.__version__)


def _show_store(figures: _Figures, hub: Hub) -> None:
    health = hub.store.health()
    figures.show("indevolt_store_up", health.get("state") == "ok", str(health.get("kind", "")))
    figures.show("indevolt_store_waiting_rows", _number(health, "waiting"))
    figures.show("indevolt_store_lost_rows_total", _number(health, "lost"))
    figures.show("indevolt_store_dropped_values_total", _number(health, "dropped"))
    figures.show("indevolt_store_size_bytes", _number(health, "size_bytes"))
    if committed := health.get("commit_at"):
        age_s = (hub.clock.now() - datetime.fromisoformat(str(committed))).total_seconds()
        figures.show("indevolt_store_commit_age_seconds", max(0.0, age_s))


def _number(health: Mapping[str, int | float | str], name: str) -> float | None:
    value = health.get(name)
    return None if value is None or isinstance(value, str) else value
