"""A real VictoriaMetrics gets the line protocol, is killed, gets the overlap again, and answers the dashboards' queries."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hub_scene import StillHub, forwarding, still_hub
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from conftest import lacking
from indevolt.battery import Quality
from indevolt.hub import metrics
from indevolt.hub.alerts import What
from indevolt.hub.events import Update
from indevolt.hub.metrics import collect
from indevolt.store import StoredReading

GRAFANA = Path(metrics.__file__).parent / "grafana"
PATIENCE_S = 30


class Victoria:
    """The server, as a process that can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = shutil.which("victoria-metrics") or lacking("needs victoria-metrics, of the Debian package of that name")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            f"-storageDataPath={self._folder}",
            f"-httpListenAddr={self.address}",
            "-retentionPeriod=100y",  # the hub's clock stands in the past
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=0s",
            "-loggerLevel=PANIC",
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await self._answers():  # noqa: ASYNC110 - another process has no event of ours
                await asyncio.sleep(0.01)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(*self.address.split(":"))
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    async def kill(self) -> None:
        """End it as a power cut would: what it has acknowledged in the last seconds is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it as it likes best: everything is on the disk afterwards."""
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def get(self, path: str, **query: Any) -> str:
        async with aiohttp.ClientSession() as http, http.get(f"http://{self.address}{path}", params=query) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return text

    async def flush(self) -> None:
        """Have everything shown to who asks."""
        await self.get("/internal/force_flush")

    async def samples(self) -> dict[tuple[str, int], float]:
        """Return every number of the cellar by quantity and milliseconds; a second one of the same is a failure."""
        await self.flush()
        found: dict[tuple[str, int], float] = {}
        series = '{__name__=~"indevolt_.*",device="cellar",name=""}'
        for line in (await self.get("/api/v1/export", **{"match[]": series})).splitlines():
            document = json.loads(line)
            name = document["metric"]["__name__"].removeprefix("indevolt_")
            for at_ms, value in zip(document["timestamps"], document["values"], strict=True):
                assert (name, at_ms) not in found
                found[name, at_ms] = value
        return found


@asynccontextmanager
async def victoria(folder: Path) -> AsyncIterator[Victoria]:
    server = Victoria(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


def sent(updates: list[Update]) -> dict[tuple[str, int], float]:
    """Return every live number by quantity and milliseconds."""
    return {
        (name, int(update.reading.at.timestamp() * 1000)): float(sample.value)
        for update in updates
        for name, sample in update.reading.samples.items()
        if sample.quality is Quality.LIVE and isinstance(sample.value, bool | int | float)
    }


async def test_nothing_is_lost_and_nothing_is_doubled_when_it_is_killed(tmp_path: Path) -> None:
    async with victoria(tmp_path) as server, forwarding(f"http://{server.address}/write") as it:
        await it.pass_time(50)  # acknowledged, and not on the disk
        await server.kill()
        await it.pass_time(60)
        assert it.queue.figures["failures_total"] == 6
        await server.start()
        await it.pass_time(60)
        await server.stop()  # it writes every few seconds, and the hub's clock runs much faster here
        await server.start()
        await it.pass_time(20)
        await server.kill()  # once more, and back before the next batch: none of them fails
        await server.start()
        await it.pass_time(20)
        assert it.queue.figures["waiting_lines"] == 0
        stored, expected = await server.samples(), sent(it.seen)
    assert len(expected) > 1000
    assert stored == pytest.approx(expected)


def asked(target: dict[str, Any]) -> str:
    query: str = target["expr"]
    return query.replace("$device", ".*").replace("$__rate_interval", "1m").replace("$__interval", "1m")


async def unanswered(server: Victoria, dashboard: str, it: StillHub) -> list[str]:
    """Return the queries of a dashboard that bring nothing."""
    now = it.clock.now().timestamp()
    empty = []
    for panel in json.loads((GRAFANA / dashboard).read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            text = await server.get("/api/v1/query_range", query=asked(target), start=now - 300, end=now, step=15)
            if not json.loads(text)["data"]["result"]:
                empty.append(asked(target))
    return empty


async def test_it_answers_what_its_dashboard_asks(tmp_path: Path) -> None:
    async with victoria(tmp_path) as server, forwarding(f"http://{server.address}/write") as forwarded:
        it = forwarded.it
        await forwarded.pass_time(300)
        await server.flush()
        assert await unanswered(server, "victoriametrics.json", it) == []
        power = await server.get("/api/v1/query", query="indevolt_house_power", time=it.clock.now().timestamp())
        assert float(json.loads(power)["data"]["result"][0]["value"][1]) == pytest.approx(700, abs=5)


class Scraped(Collector):
    """What the hub shows now."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def collect(self) -> Any:
        return self._found


async def test_what_is_scraped_answers_what_the_dashboard_for_prometheus_asks(tmp_path: Path) -> None:
    async with victoria(tmp_path) as server, still_hub() as it, aiohttp.ClientSession() as http:
        await it.hub.alerts.begin(What.LIMIT, "the limit changed", device="cellar")
        it.hub.services["api"] = "running"
        await it.hub.store.append([StoredReading("cellar", "derived", it.clock.now(), {"house_power": 700.0})])
        for _ in range(20):
            await it.clock.advance(15)
            registry = CollectorRegistry()
            registry.register(Scraped(await collect(it.hub)))
            query = {"timestamp": str(int(it.clock.now().timestamp() * 1000))}
            url = f"http://{server.address}/api/v1/import/prometheus"
            async with http.post(url, params=query, data=generate_latest(registry)) as answer:
                assert answer.status == 204
        await server.flush()
        assert await unanswered(server, "prometheus.json", it) == []
