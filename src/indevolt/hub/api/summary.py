"""All that the first view of the page needs, in one small answer, so that it can be used after one request."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from indevolt.errors import IndevoltError
from indevolt.hub.api.asked import HubOf, Span
from indevolt.hub.api.auth import READERS, Reader
from indevolt.hub.api.devices import sample_body, trouble_of
from indevolt.hub.api.live import Feed
from indevolt.hub.api.records import active
from indevolt.hub.api.replies import NOT_MODIFIED, reply
from indevolt.hub.api.site import content_of, energies_of, money_of, site_body
from indevolt.hub.api.site_models import DeviceShort, MoneyBody, SitePeriodBody, SummaryBody
from indevolt.hub.api.state import meta_body
from indevolt.hub.api.steering import steering_body
from indevolt.hub.hub import Hub
from indevolt.hub.keeper import Keeper
from indevolt.hub.site.service import look

MOST_DEVICES: Final = 50
_SHOWN: Final = (
    "mode",
    "system_state",
    "battery_state",
    "battery_soc",
    "battery_power",
    "solar_power",
    "ac_power",
    "ac_output_power",
    "meter_power",
    "backup_soc",
    "realtime_target_soc",
)

router = APIRouter(prefix="/api/v1", tags=["site"], dependencies=READERS)


@router.get("/summary", response_model=SummaryBody, responses=NOT_MODIFIED)
async def get_summary(request: Request, hub: HubOf, caller: Reader) -> Response:
    """Tell what a first view needs: the house, its devices in short, today's energies and money, what needs attention."""
    feed: Feed = request.app.state.feed
    last_event_id = feed.last_id  # before anything is looked at: what happens meanwhile is told again
    site = site_body(hub, look(hub))
    today, money = await _today(hub)
    shown = tuple(islice(tuple(hub.keepers.values()), MOST_DEVICES))
    body = SummaryBody(
        meta=meta_body(hub, caller),
        site=site,
        devices=[_short(keeper) for keeper in shown],
        device_count=len(hub.keepers),
        today=today,
        money_today=money,
        alerts=list(active(hub)),
        steering=[steering_body(keeper) for keeper in shown if keeper.config.control],
        last_event_id=last_event_id,
    )
    rest = body.model_copy(update={"site": None, "devices": [], "steering": [], "last_event_id": ""})
    steering = [(each.device, each.owner, each.command, each.until, each.why, each.override) for each in body.steering]
    devices = [(each.name, each.link, [(value.value, value.quality) for value in each.values.values()]) for each in body.devices]
    return reply(request, body, same=content_of(site) + repr((rest, devices, steering)).encode())


async def _today(hub: Hub) -> tuple[SitePeriodBody, MoneyBody | None]:
    """Return the energies and the money of today; unknown while the store is away."""
    zone, now = hub.config.site.zone, hub.clock.now()
    start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    span = Span(start, max(now, start + timedelta(milliseconds=1)))
    try:
        (energies, *_) = await energies_of(hub, span, "day", zone)
        money = (await money_of(hub, span, "day", zone)).periods[0] if hub.tariffs else None
    except IndevoltError:
        unknown = SitePeriodBody(start=start, values={}, flows={}, unallocated=None, self_sufficiency=None, self_consumption=None)
        return unknown, None
    return energies, money


def _short(keeper: Keeper) -> DeviceShort:
    device = keeper.device
    return DeviceShort(
        name=keeper.id,
        title=keeper.title,
        model=device.product.name if device and device.product else "",
        link=keeper.link,
        link_since=keeper.link_since,
        frozen=keeper.latest.frozen,
        simulated=keeper.simulated,
        control=keeper.config.control,
        trouble=trouble_of(keeper),
        values={name: sample_body(keeper, sample) for name, sample in keeper.latest.samples(_SHOWN).items()},
    )
