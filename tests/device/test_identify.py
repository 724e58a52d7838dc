"""Opening a device: which family it is and why, and what is said when it is no battery of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import indevolt
from indevolt.catalogue import families, products
from indevolt.clock import ManualClock
from indevolt.errors import (
    FirmwareTooOld,
    Forbidden,
    InvalidInput,
    NotFound,
    ProtocolError,
    Unauthorized,
    UnknownModel,
    Unreachable,
)
from indevolt.protocol.messages import GetData, Json, Raw, Request, SwitchStatus, SysConfig, SysGetConfig
from indevolt.simulator import Simulator, State
from wiretap import Wiretap

if TYPE_CHECKING:
    from indevolt.transport import ReplyT

RATED_POWER = 11032
GEN1_METER = 21028


def speaking(clock: ManualClock, system: dict[str, Raw], points: dict[str, Raw] | None = None) -> Wiretap:
    """Return a battery that says this about itself."""
    state = State(points=points or {"0": "SN0", "6002": 50}, system=SysConfig(system))
    return Wiretap(Simulator("powerflex2000", clock=clock, state=state))


class Elsewhere:
    """Something that answers some requests with prepared replies or errors, and all others with 404."""

    def __init__(self, **answers: Any) -> None:  # a reply or an error by the name of the request
        self.answers = answers
        self.asked: list[str] = []

    async def exchange(self, request: Request[ReplyT]) -> ReplyT:
        name = type(request).__name__
        self.asked.append(name)
        answer = self.answers.get(name, NotFound(request.rpc))
        if isinstance(answer, Exception):
            raise answer
        reply: ReplyT = answer
        return reply

    async def close(self) -> None:
        pass


# ---- the family ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", sorted(products()))
async def test_every_product_is_recognized_with_evidence_and_by_one_request(product: str, clock: ManualClock) -> None:
    wire = Wiretap(Simulator(product, clock=clock))
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.family == products()[product].family
        assert battery.evidence
        assert battery.product is None, "which product it is, no device says"
        assert battery.system.text("type") == products()[product].system["type"]
        assert battery.warnings == ()
    assert [type(request) for request in wire.requests] == [SysGetConfig]


async def test_the_strongest_evidence_comes_first(clock: ManualClock) -> None:
    simulator = Simulator("powerflex3000", clock=clock)
    async with indevolt.connect("sim", transport=simulator, clock=clock) as battery:
        assert battery.evidence[0] == "board R020"
        assert "type CMS-SF3000" in battery.evidence


async def test_a_bare_type_is_only_a_hint_so_points_are_asked_as_well(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "sn": "1"}, {str(RATED_POWER): 3000, "9405": 50, "4": 3000})
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.family == "gen3", "vendor test data of an SF3000 says CMS-SF2000 too"
        assert "rated power 3000 W" in battery.evidence
    assert [type(request) for request in wire.requests] == [SysGetConfig, GetData]


async def test_an_unknown_type_is_told_by_the_points_it_answers(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-NEW", "sn": "1"}, {str(GEN1_METER): 0, "6002": 50})
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.family == "gen1"


async def test_an_unknown_device_is_never_taken_for_gen1(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-NEW", "sn": "1"})
    with pytest.raises(UnknownModel, match="CMS-NEW") as caught:
        async with indevolt.connect("sim", transport=wire, clock=clock):
            pytest.fail("it must not open")
    assert "--model" in caught.value.remedy


async def test_the_caller_may_name_the_family(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-NEW", "sn": "1"})
    async with indevolt.connect("sim", transport=wire, clock=clock, model="gen2") as battery:
        assert (battery.family, battery.product) == ("gen2", None)
        assert battery.evidence == ("chosen by the caller: SolidFlex/PowerFlex 2000 series",)


async def test_the_caller_may_name_the_product_which_then_sets_the_limits(clock: ManualClock) -> None:
    simulator = Simulator("bk1600", clock=clock)
    async with indevolt.connect("sim", transport=simulator, clock=clock, model="solidflex1200") as battery:
        assert battery.family == "sf1200", "an override outranks all evidence"
        assert battery.product is products()["solidflex1200"]


async def test_a_model_that_does_not_exist_is_refused_with_the_names_there_are(clock: ManualClock) -> None:
    wire = Elsewhere()
    with pytest.raises(InvalidInput, match="powerflex9000") as caught:
        async with indevolt.connect("sim", transport=wire, clock=clock, model="powerflex9000"):
            pytest.fail("it must not open")
    assert all(name in caught.value.remedy for name in (*families(), *products()))
    assert wire.asked == []


async def test_a_battery_without_sys_getconfig_is_told_by_its_points(clock: ManualClock) -> None:
    simulator = Simulator("powerflex2000", clock=clock)

    def lack(request: Request[Any]) -> None:
        if isinstance(request, SysGetConfig):
            raise NotFound(request.rpc)

    wire = Wiretap(simulator, before=lack)
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.family == "gen2"
        assert battery.serial == simulator.serial


# ---- the serial number -----------------------------------------------------------------------------------------------


async def test_the_serial_number_is_that_of_the_system_configuration(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "f_ver": "V140E.0B.003E", "sn": "1234567890"})
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.serial == "1234567890"


async def test_an_empty_serial_number_is_looked_up_in_the_points(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "f_ver": "V140E.0B.003E", "sn": ""}, {"0": 42, "6002": 5})
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        assert battery.serial == "42", "it may arrive as a number"
        assert (await battery.read("battery_soc")).device == "42"


async def test_where_there_is_no_serial_number_readings_go_by_the_address(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "f_ver": "V140E.0B.003E"}, {"6002": 5})
    async with indevolt.connect("192.0.2.7", transport=wire, clock=clock) as battery:
        assert battery.serial == ""
        assert (await battery.read("battery_soc")).device == "192.0.2.7"


# ---- the firmware ----------------------------------------------------------------------------------------------------


async def test_an_old_firmware_is_a_warning_and_an_error_only_when_asked(clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "f_ver": "V1405.07.002E", "sn": "1"})
    async with indevolt.connect("sim", transport=wire, clock=clock) as battery:
        (warning,) = battery.warnings
        with pytest.raises(FirmwareTooOld) as caught:
            battery.check_firmware()
    for text in (warning, str(caught.value)):
        assert "V1405.07.002E" in text
        assert "V1406.07.002E" in text


@pytest.mark.parametrize("f_ver", ["V1406.07.002E", "V140E.0B.003E", "", "gibberish"])
async def test_a_new_or_an_unreadable_firmware_is_not_complained_about(f_ver: str, clock: ManualClock) -> None:
    wire = speaking(clock, {"type": "CMS-SF2000", "f_ver": f_ver, "sn": "1"})
    async with indevolt.connect("sim", transport=wire, clock=clock, model="gen2") as battery:
        battery.check_firmware()
        assert battery.warnings == ()
        assert (battery.firmware is None) == (f_ver in ("", "gibberish"))


# ---- no battery of ours ----------------------------------------------------------------------------------------------

PLUG = SysConfig({"type": "SP-2W-EU", "sn": "SN1234567890", "fw": "LSW3_01_E030_SS_00_00.00.00.03"}, wrapped=False)


@pytest.mark.parametrize(
    ("rpc", "reply", "kind"),
    [
        ("P1JsonData", Json({"total_act_power": 0}), "P1 reader"),
        ("MeterJsonData", Json({"active power": 0}), "meter"),
        ("PlugGetStatus", SwitchStatus(on=True), "smart plug"),
    ],
)
async def test_an_accessory_is_called_what_it_is(rpc: str, reply: object, kind: str, clock: ManualClock) -> None:
    device = Elsewhere(SysGetConfig=PLUG, **{rpc: reply})
    with pytest.raises(UnknownModel, match=f"is a {kind}, not a battery.*SP-2W-EU") as caught:
        async with indevolt.connect("192.0.2.7", transport=device, clock=clock):
            pytest.fail("it must not open")
    assert "indevolt discover" in caught.value.remedy


async def test_something_with_our_configuration_and_nothing_else_is_no_battery(clock: ManualClock) -> None:
    with pytest.raises(UnknownModel, match="is no battery: it does not answer"):
        async with indevolt.connect("sim", transport=Elsewhere(SysGetConfig=PLUG), clock=clock):
            pytest.fail("it must not open")


async def test_a_web_server_that_knows_none_of_our_paths_is_called_that(clock: ManualClock) -> None:
    with pytest.raises(ProtocolError, match=r"192\.0\.2\.7 is a web server, but no INDEVOLT device") as caught:
        async with indevolt.connect("192.0.2.7", transport=Elsewhere(), clock=clock):
            pytest.fail("it must not open")
    assert "8080" in caught.value.remedy


async def test_a_web_server_that_answers_pages_to_everything_is_called_no_device(clock: ManualClock) -> None:
    page = ProtocolError("the reply is not JSON", raw=b"<html>")
    with pytest.raises(ProtocolError, match="no INDEVOLT device: the reply is not JSON") as caught:
        async with indevolt.connect("192.0.2.7", transport=Elsewhere(SysGetConfig=page), clock=clock):
            pytest.fail("it must not open")
    assert caught.value.raw == b"<html>"
    assert "port" in caught.value.remedy


async def test_a_web_server_that_forbids_keeps_its_status_and_gets_a_hint(clock: ManualClock) -> None:
    with pytest.raises(Forbidden) as caught:
        async with indevolt.connect("sim", transport=Elsewhere(SysGetConfig=Forbidden()), clock=clock):
            pytest.fail("it must not open")
    assert "port" in caught.value.remedy


@pytest.mark.parametrize("error", [Unreachable("no route"), Unauthorized()])
async def test_other_troubles_are_raised_as_they_come(error: Exception, clock: ManualClock) -> None:
    with pytest.raises(type(error)) as caught:
        async with indevolt.connect("sim", transport=Elsewhere(SysGetConfig=error), clock=clock):
            pytest.fail("it must not open")
    assert caught.value is error


async def test_a_transport_of_the_callers_own_stays_open(clock: ManualClock) -> None:
    wire = Wiretap(Simulator("powerflex2000", clock=clock))
    async with indevolt.connect("sim", transport=wire, clock=clock):
        pass
    assert not wire.closed


async def test_an_address_that_is_none_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InvalidInput, match="is no address"):
        async with indevolt.connect("http://ho st"):
            pytest.fail("it must not open")
