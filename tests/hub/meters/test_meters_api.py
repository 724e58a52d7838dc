"""Meters through the API: what each shows, how old that is, and whether it may be believed."""

from __future__ import annotations

from datetime import timedelta

from api.apihome import api_home

from indevolt.hub.config_meters import MeterRole, ShellyMeter
from indevolt.hub.meters.meter import Meter
from indevolt.hub.meters.told import Told


async def test_meters_are_told_with_age_state_and_what_is_wrong() -> None:
    async with api_home() as it:
        assert (await it.ask("/api/v1/meters")).json == {"meters": []}
        house = Meter(ShellyMeter(name="house", kind="shelly", host="a"))
        sun = Meter(ShellyMeter(name="sun", kind="shelly", host="b", role=MeterRole.PV))
        for meter in (house, sun):
            it.hub.meters.add(meter)
        house.take(Told(431.5, (400.0, 31.5, 0.0), 1000.0, 20.0), it.clock.now(), it.clock.monotonic())
        sun.fail("no answer")
        it.clock.tick(2)
        answer = await it.ask("/api/v1/meters")
        first, second = answer.json["meters"]
        assert (first["name"], first["kind"], first["role"], first["state"], first["why"]) == (
            "house",
            "shelly",
            "grid",
            "live",
            "",
        )
        assert (first["power_w"], first["phases_w"], first["import_wh"], first["age_s"]) == (431.5, [400.0, 31.5, 0.0], 1000.0, 2.0)
        assert first["at"] == (it.clock.now() - timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
        assert (first["proven"], first["sign_test"]) == (False, None)
        assert (second["state"], second["why"], second["power_w"], second["age_s"]) == ("waiting", "no answer", None, None)
        it.clock.tick(1)
        again = await it.ask("/api/v1/meters", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status == 304, "that it is older is no news"
        it.clock.tick(10)
        (stale, _) = (await it.ask("/api/v1/meters")).json["meters"]
        assert (stale["state"], stale["power_w"], stale["age_s"]) == ("stale", 431.5, 13.0)
