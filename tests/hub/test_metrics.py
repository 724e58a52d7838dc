"""What Prometheus scrapes: live values and nothing else, counters that only grow, and how the hub itself is."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hub_scene import StillHub, still_hub
from prometheus_client.parser import text_string_to_metric_families

from conftest import lacking
from indevolt.hub import metrics as module
from indevolt.hub.alerts import What
from indevolt.hub.api import create_app, served
from indevolt.hub.events import Update
from indevolt.hub.hub import Hub
from indevolt.hub.influx import Queue
from indevolt.hub.metrics import METRICS, collect, metrics_route
from indevolt.store import StoredReading

DASHBOARDS = sorted((Path(module.__file__).parent / "grafana").glob("*.json"))
Labels = frozenset[tuple[str, str]]


def labels(**each: str) -> Labels:
    return frozenset(each.items())


async def samples(hub: Hub) -> dict[str, dict[Labels, float]]:
    """Return every sample by its name and labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in await collect(hub):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


async def keep_something(it: StillHub) -> None:
    """Store a reading."""
    await it.hub.store.append([StoredReading("cellar", "derived", it.clock.now(), {"house_power": 700.0})])


# ---- values ----------------------------------------------------------------------------------------------------------


async def test_live_values_are_there_with_device_name_and_unit() -> None:
    async with still_hub() as it:
        found = await samples(it.hub)
        values = found["indevolt_value"]
        assert values[labels(device="cellar", name="battery_soc", unit="%")] == it.simulator.get("battery_soc")
        assert values[labels(device="cellar", name="house_power", unit="W")] == pytest.approx(700, abs=5)
        assert found["indevolt_state"][labels(device="cellar", name="mode", state="self_use")] == 1
        assert found["indevolt_up"] == {labels(device="cellar"): 1}


async def test_the_house_as_a_whole_is_one_more_device() -> None:
    async with still_hub() as it:
        found = await samples(it.hub)
        assert found["indevolt_value"][labels(device="site", name="house_power", unit="W")] == pytest.approx(700, abs=5)
        assert labels(device="site", name="energy_house", quality="not available") in found["indevolt_not_live"]
        it.simulator.faults.add("silent")
        await it.clock.advance(120)
        found = await samples(it.hub)
        assert not any(("device", "site") in each for each in found.get("indevolt_value", {}))
        assert labels(device="site", name="house_power", quality="offline") in found["indevolt_not_live"]


async def test_energies_are_counters_that_only_grow() -> None:
    async with still_hub() as it:
        key = labels(device="cellar", name="energy_house")
        await it.clock.advance(600)
        before = (await samples(it.hub))["indevolt_energy_wh_total"][key]
        await it.clock.advance(600)
        assert (await samples(it.hub))["indevolt_energy_wh_total"][key] == pytest.approx(before + 700 / 6, rel=0.1)
        assert not any(("name", "energy_house") in each for each in (await samples(it.hub))["indevolt_value"])


async def test_what_is_not_live_is_absent_and_not_0_and_it_is_said_why() -> None:
    async with still_hub() as it:
        it.simulator.faults.add("silent")
        await it.clock.advance(120)
        found = await samples(it.hub)
        assert "indevolt_value" not in found
        assert "indevolt_energy_wh_total" not in found
        assert found["indevolt_not_live"][labels(device="cellar", name="battery_soc", quality="offline")] == 1
        assert found["indevolt_up"] == {labels(device="cellar"): 0}
        assert found["indevolt_link"] == {labels(device="cellar", link="silent"): 1}


async def test_parts_that_are_not_installed_are_counted_and_not_listed() -> None:
    async with still_hub() as it:
        found = await samples(it.hub)
        assert found["indevolt_quantities"][labels(device="cellar", quality="not installed")] > 0
        assert not any(("name", "pack5_soc") in each for each in found["indevolt_not_live"])
        assert not any(("name", "pack5_soc") in each for each in found["indevolt_value"])


async def test_texts_are_no_states() -> None:
    async with still_hub() as it:
        names = {dict(each)["name"] for each in (await samples(it.hub))["indevolt_state"]}
        assert "mode" in names
        assert not any("serial" in name or "version" in name for name in names)


# ---- the hub ---------------------------------------------------------------------------------------------------------


async def test_the_hub_tells_how_its_device_answers() -> None:
    async with still_hub() as it:
        it.simulator.faults.add("poison:11016")
        await it.clock.advance(60)
        found, health = await samples(it.hub), it.hub.keepers["cellar"].health
        cellar = labels(device="cellar")
        assert found["indevolt_requests_total"][cellar] == health.requests > 10
        assert found["indevolt_request_failures_total"][cellar] == health.failures > 0
        assert found["indevolt_quarantined"][cellar] == 1
        assert found["indevolt_budget_used_ratio"][cellar] == health.budget_used
        assert labels(device="cellar", percentile="99") in found["indevolt_request_latency_seconds"]


async def test_the_hub_tells_how_it_is_itself() -> None:
    async with still_hub() as it:
        it.hub.services.update(mqtt="restarting: no broker", api="running")
        await it.hub.alerts.begin(What.SILENT, "it does not answer", device="cellar")
        Queue(it.hub.figures.setdefault("influx", {})).add([b"a line"])
        with it.hub.bus.subscribe(Update, size=1):
            await it.clock.advance(30)
            found = await samples(it.hub)
        assert found["indevolt_service_up"] == {labels(service="mqtt"): 0, labels(service="api"): 1}
        assert found["indevolt_alert_active"] == {labels(device="cellar", what="silent"): 1}
        assert found["indevolt_influx_waiting_lines"] == {labels(): 1}
        assert found["indevolt_store_up"] == {labels(kind="memory"): 1}
        missed = found["indevolt_bus_missed_total"][labels()]
        assert missed > 3
        assert (await samples(it.hub))["indevolt_bus_missed_total"][labels()] == missed  # although who was slow has left


async def test_the_age_of_the_last_commit_is_told_once_there_is_one() -> None:
    async with still_hub() as it:
        assert "indevolt_store_commit_age_seconds" not in await samples(it.hub)
        await keep_something(it)
        await it.clock.advance(5)
        assert (await samples(it.hub))["indevolt_store_commit_age_seconds"][labels()] == pytest.approx(5)


async def test_every_metric_is_of_the_table_in_the_reference() -> None:
    async with still_hub() as it:
        assert set(await samples(it.hub)) <= {shown.name for shown in METRICS}


# ---- the page --------------------------------------------------------------------------------------------------------


async def scraped(it: StillHub, accept: str = "") -> tuple[str, str]:
    app = create_app(it.hub, (metrics_route(it.hub),))
    async with (
        served(it.hub, app) as address,
        aiohttp.ClientSession() as http,
        http.get(f"{address}/metrics", headers={"Accept": accept}) as answer,
    ):
        assert answer.status == 200
        return answer.headers["Content-Type"], await answer.text()


async def test_the_page_is_what_prometheus_reads() -> None:
    async with still_hub() as it:
        kind, text = await scraped(it)
        assert kind.startswith("text/plain; version=")
        names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
        assert {"indevolt_value", "indevolt_energy_wh_total", "process_cpu_seconds_total"} <= names


async def test_the_page_speaks_openmetrics_to_who_asks_for_it() -> None:
    async with still_hub() as it:
        kind, text = await scraped(it, "application/openmetrics-text; version=1.0.0")
        assert kind.startswith("application/openmetrics-text")
        assert text.endswith("# EOF\n")


@pytest.mark.parametrize("kind", ["application/openmetrics-text;version=abc", "text/plain;version=x;escaping=y"])
async def test_a_form_that_nobody_knows_is_answered_in_the_plain_one(kind: str) -> None:
    async with still_hub() as it:
        kind, text = await scraped(it, kind)
        assert kind.startswith("text/plain; version=0.0.4")
        assert "indevolt_up" in text


async def test_promtool_finds_nothing_to_complain_of() -> None:
    promtool = shutil.which("promtool") or lacking("needs promtool, of the package prometheus")
    async with still_hub() as it:
        _, text = await scraped(it)
    pipe = asyncio.subprocess.PIPE
    checked = await asyncio.create_subprocess_exec(promtool, "check", "metrics", stdin=pipe, stdout=pipe, stderr=pipe)
    assert await checked.communicate(text.encode()) == (b"", b"")
    assert checked.returncode == 0


# ---- dashboards ------------------------------------------------------------------------------------------------------


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from dashboard["panels"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported(path: Path) -> None:
    dashboard = json.loads(path.read_text("utf-8"))
    variables = {each["name"] for each in dashboard["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in panels(dashboard):
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        assert panel["datasource"]["uid"] == "${source}"
        used = set(re.findall(r"\$(\w+)", json.dumps(panel["targets"]))) - {"__interval", "__rate_interval", "timeFilter"}
        assert {name for name in used if not name.startswith("tag_")} <= variables
    assert len({panel["id"] for panel in panels(dashboard)}) == len(dashboard["panels"])
    assert dashboard["uid"] == f"indevolt-{path.stem}"


def test_there_is_a_dashboard_for_each_sort_of_source() -> None:
    assert [path.stem for path in DASHBOARDS] == ["influxdb", "prometheus", "victoriametrics"]


async def test_every_metric_and_quantity_of_the_dashboard_is_there_to_be_scraped() -> None:
    dashboard = json.loads((Path(module.__file__).parent / "grafana" / "prometheus.json").read_text("utf-8"))
    async with still_hub() as it:
        await it.hub.alerts.begin(What.SILENT, "it does not answer", device="cellar")
        it.hub.services["api"] = "running"
        await keep_something(it)
        found = await samples(it.hub)
    for panel in panels(dashboard):
        for target in panel["targets"]:
            (metric,) = re.findall(r"indevolt_\w+", target["expr"])
            assert metric in found, target
            for name in re.findall(r'name="(\w+)"', target["expr"]):
                assert any(("name", name) in each for each in found[metric]), target
