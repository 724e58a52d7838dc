"""Grafana dashboards for what the hub exports, made of one list of panels: for Prometheus, VictoriaMetrics and InfluxDB (InfluxQL).

``docs/generate.py`` writes them to ``src/indevolt/hub/grafana``. A panel says which quantities it shows; how a source is asked for
them is said once for each source.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = 39  # of Grafana 10.4 and later, which upgrade by themselves
WIDE: Final = 24  # columns of a dashboard
Json = dict[str, Any]
LOOKS: Final[Mapping[str, Json]] = {
    "timeseries": {"fillOpacity": 10, "spanNulls": False, "showPoints": "never"},
    "barchart": {"fillOpacity": 80},
}


@dataclass(frozen=True)
class Series:
    """One line of a panel: its legend, and either a quantity of devices or a metric of the hub's own health."""

    legend: str
    quantity: str = ""
    health: str = ""  # PromQL, which only the source that scrapes the hub can answer
    negative: bool = False  # shown downwards: what flows out of the house
    energy: bool = False  # how much it grew in each step


@dataclass(frozen=True)
class Panel:
    """A rectangle of a dashboard."""

    title: str
    kind: str
    unit: str
    series: tuple[Series, ...]
    width: int
    height: int = 8
    about: str = ""
    step: str = ""  # the shortest step, for what counts per day

    @property
    def of_health(self) -> bool:
        """Whether it shows the hub itself."""
        return any(each.health for each in self.series)


def per_device(metric: str) -> str:
    """Return the query of a metric that each device has."""
    return f'{metric}{{device=~"$device"}}'


def rate(metric: str) -> str:
    """Return the query of how fast a counter of each device grows."""
    return f"rate({per_device(metric)}[$__rate_interval])"


PANELS: Final = (
    Panel("Charge", "gauge", "percent", (Series("{{device}}", "battery_soc"),), 4, 5),
    Panel("Solar", "stat", "watt", (Series("{{device}}", "solar_power"),), 4, 5),
    Panel("House", "stat", "watt", (Series("{{device}}", "house_power"),), 4, 5),
    Panel("From the grid", "stat", "watt", (Series("{{device}}", "grid_import_power"),), 4, 5),
    Panel("To the grid", "stat", "watt", (Series("{{device}}", "grid_export_power"),), 4, 5),
    Panel("Battery", "stat", "watt", (Series("{{device}}", "battery_power"),), 4, 5, "Positive while it discharges."),
    Panel(
        "Power flow",
        "timeseries",
        "watt",
        (
            Series("{{device}} solar", "solar_power"),
            Series("{{device}} discharge", "discharge_power"),
            Series("{{device}} from the grid", "grid_import_power"),
            Series("{{device}} house", "house_power", negative=True),
            Series("{{device}} charge", "charge_power", negative=True),
            Series("{{device}} to the grid", "grid_export_power", negative=True),
        ),
        24,
        10,
        "What comes in is above the line, what goes out below; a gap is where nobody knew.",
    ),
    Panel("State of charge", "timeseries", "percent", (Series("{{device}}", "battery_soc"),), 12),
    Panel(
        "Energy per day",
        "barchart",
        "watth",
        (
            Series("{{device}} solar", "energy_solar", energy=True),
            Series("{{device}} charged", "energy_charge", energy=True),
            Series("{{device}} discharged", "energy_discharge", energy=True),
            Series("{{device}} from the grid", "energy_grid_import", energy=True),
            Series("{{device}} to the grid", "energy_grid_export", energy=True),
            Series("{{device}} house", "energy_house", energy=True),
        ),
        12,
        step="1d",
    ),
    Panel("Mode", "state-timeline", "none", (Series("{{device}} {{state}}", "mode"),), 12),
    Panel("Temperature", "timeseries", "celsius", (Series("{{device}}", "main_temperature"),), 12),
    Panel("Devices that answer", "stat", "none", (Series("{{device}}", health=per_device("indevolt_up")),), 6, 5),
    Panel("Alerts", "stat", "none", (Series("{{device}} {{what}}", health="indevolt_alert_active"),), 6, 5),
    Panel("Parts of the hub that run", "stat", "none", (Series("{{service}}", health="indevolt_service_up"),), 6, 5),
    Panel("History is kept", "stat", "none", (Series("{{kind}}", health="indevolt_store_up"),), 6, 5),
    Panel(
        "Answers of the device",
        "timeseries",
        "s",
        (Series("{{device}} p{{percentile}}", health=per_device("indevolt_request_latency_seconds")),),
        12,
    ),
    Panel(
        "Requests",
        "timeseries",
        "reqps",
        (
            Series("{{device}} requests", health=rate("indevolt_requests_total")),
            Series("{{device}} failures", health=rate("indevolt_request_failures_total")),
            Series("{{device}} writes", health=rate("indevolt_writes_total")),
            Series("{{device}} blips", health=rate("indevolt_blips_total")),
        ),
        12,
    ),
    Panel(
        "Budget used",
        "timeseries",
        "percentunit",
        (Series("{{device}}", health=per_device("indevolt_budget_used_ratio")),),
        12,
        about="Of one request a second, which is what a device takes.",
    ),
    Panel(
        "Quantities that are not live",
        "timeseries",
        "none",
        (
            Series("{{device}} {{quality}}", health='indevolt_quantities{device=~"$device",quality=~"held|stale|offline|absent"}'),
            Series("{{device}} quarantined", health=per_device("indevolt_quarantined")),
        ),
        12,
    ),
    Panel(
        "Readings that wait",
        "timeseries",
        "none",
        (
            Series("for the store", health="indevolt_store_waiting_rows"),
            Series("for the slowest listener", health="indevolt_bus_waiting"),
            Series("lost by slow listeners", health="indevolt_bus_missed_total"),
            Series("lost by the store", health="indevolt_store_lost_rows_total"),
        ),
        12,
    ),
    Panel("Age of the last commit", "timeseries", "s", (Series("store", health="indevolt_store_commit_age_seconds"),), 6),
    Panel("Size of history", "timeseries", "bytes", (Series("store", health="indevolt_store_size_bytes"),), 6),
)


# ---- how each source is asked ----------------------------------------------------------------------------------------


def of_prometheus(series: Series, step: str) -> Json:
    """Return a query of what was scraped from /metrics."""
    if series.health:
        query = series.health
    elif series.energy:
        query = f'increase(indevolt_energy_wh_total{{device=~"$device",name="{series.quantity}"}}[{step}])'
    elif series.quantity == "mode":
        query = 'indevolt_state{device=~"$device",name="mode"}'
    else:
        query = f'indevolt_value{{device=~"$device",name="{series.quantity}"}}'
    return promql(series, query)


def of_victoriametrics(series: Series, step: str) -> Json:
    """Return a query of what came as line protocol."""
    if series.energy:
        query = f"increase({per_device(f'indevolt_{series.quantity}')}[{step}])"
    elif series.quantity == "mode":
        query = 'indevolt_state_active{device=~"$device",name="mode"} == 1'
    else:
        query = per_device(f"indevolt_{series.quantity}")
    return promql(series, query)


def promql(series: Series, query: str) -> Json:
    """Return a target of a Prometheus data source."""
    return {"expr": f"-{query}" if series.negative else query, "legendFormat": series.legend}


def of_influxdb(series: Series, step: str) -> Json:
    """Return a query of what came as line protocol, in InfluxQL, which InfluxDB 1, 2 and 3 understand."""
    what, table, by = f'mean("{series.quantity}")', "indevolt", '"device"'
    more = ""
    if series.negative:
        what = f"-1 * {what}"
    if series.energy:
        what = f'spread("{series.quantity}")'
    if series.quantity == "mode":
        what, table, by, more = 'last("active")', "indevolt_state", '"device", "state"', " AND \"name\" = 'mode'"
    where = f'"device" =~ /^$device$/ AND $timeFilter{more}'
    query = f'SELECT {what} FROM "{table}" WHERE {where} GROUP BY time({step or "$__interval"}), {by} fill(none)'  # noqa: S608 - our words
    alias = series.legend.replace("{{", "$tag_").replace("}}", "")
    return {"query": query, "rawQuery": True, "resultFormat": "time_series", "alias": alias}


@dataclass(frozen=True)
class Source:
    """A kind of data source."""

    title: str
    plugin: str
    devices: str  # the query of all devices
    ask: Callable[[Series, str], Json]
    has_health: bool


SOURCES: Final[Mapping[str, Source]] = {
    "prometheus": Source("Prometheus", "prometheus", "label_values(indevolt_up, device)", of_prometheus, has_health=True),
    "victoriametrics": Source(
        "VictoriaMetrics", "prometheus", "label_values(indevolt_battery_soc, device)", of_victoriametrics, has_health=False
    ),
    "influxdb": Source(
        "InfluxDB", "influxdb", 'SHOW TAG VALUES FROM "indevolt" WITH KEY = "device"', of_influxdb, has_health=False
    ),
}


# ---- the document ----------------------------------------------------------------------------------------------------


def dashboards() -> Mapping[str, str]:
    """Return every dashboard by the name of its file."""
    return {f"{name}.json": json.dumps(dashboard(name, source), indent=1) + "\n" for name, source in SOURCES.items()}


def dashboard(name: str, source: Source) -> Json:
    """Return a dashboard as Grafana imports it."""
    return {
        "uid": f"indevolt-{name}",
        "title": f"INDEVOLT ({source.title})",
        "description": "Home batteries as the indevolt hub sees them. Power is positive when it flows into the house.",
        "tags": ["indevolt"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(variables(source))},
        "annotations": {"list": []},
        "panels": placed([panel for panel in PANELS if source.has_health or not panel.of_health], source),
    }


def variables(source: Source) -> Iterable[Json]:
    """Yield what a reader chooses at the top."""
    yield {"name": "source", "label": "Source", "type": "datasource", "query": source.plugin, "current": {}, "hide": 0}
    yield {
        "name": "device",
        "label": "Device",
        "type": "query",
        "datasource": {"type": source.plugin, "uid": "${source}"},
        "query": source.devices,
        "definition": source.devices,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def placed(panels: Iterable[Panel], source: Source) -> list[Json]:
    """Return panels from left to right and from top to bottom."""
    found: list[Json] = []
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDE:
            x, y, height = 0, y + height, 0
        found.append(drawn(panel, source, number) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}})
        x, height = x + panel.width, max(height, panel.height)
    return found


def drawn(panel: Panel, source: Source, number: int) -> Json:
    """Return one panel."""
    place = {"type": source.plugin, "uid": "${source}"}
    document: Json = {
        "id": number,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": place,
        "targets": [
            source.ask(each, panel.step) | {"refId": chr(ord("A") + place_number), "datasource": place}
            for place_number, each in enumerate(panel.series)
        ],
        "fieldConfig": {"defaults": {"unit": panel.unit, "custom": LOOKS.get(panel.kind, {})}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if panel.kind == "timeseries" else {},
    }
    if panel.unit == "percent":
        document["fieldConfig"]["defaults"] |= {"min": 0, "max": 100}
    if panel.step:
        document["interval"] = panel.step
    return document
