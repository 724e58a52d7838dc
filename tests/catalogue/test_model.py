"""Points by name and number, writes and commands, and the mistakes that are caught before anything is sent."""

from __future__ import annotations

import pytest

from indevolt.battery import Charge, Command, Discharge, Hold, Schedule, SelfUse, Value
from indevolt.catalogue import Product, effective_limits, families, load, products
from indevolt.catalogue.grammar import CatalogueError, build
from indevolt.errors import InvalidInput

GEN2 = load("gen2")


def test_a_point_is_found_by_name_and_by_number() -> None:
    assert GEN2.point("battery_soc") is GEN2.point(6002) is GEN2.point("6002") is GEN2.point("Battery-SOC")


def test_a_number_that_is_only_written_is_found_as_well() -> None:
    assert GEN2.point(47005).name == "mode"


def test_a_number_with_two_meanings_is_the_read_one() -> None:
    assert GEN2.point(1142).name == "pack4_dcdc_version"
    assert GEN2.by_write[1142].name == "backup_soc"


def test_a_misspelt_name_brings_the_nearest_one() -> None:
    with pytest.raises(InvalidInput, match="no quantity 'batery_soc'") as caught:
        GEN2.point("batery_soc")
    assert "battery_soc" in caught.value.remedy


@pytest.mark.parametrize("name", ["", "²", "-1", "1e3", "9" * 30])
def test_what_is_neither_a_name_nor_a_number_is_no_quantity(name: str) -> None:
    with pytest.raises(InvalidInput, match="has no quantity"):
        GEN2.point(name)


@pytest.mark.parametrize("command", [Charge(800.5), Charge("800"), Discharge(None), Charge(True)], ids=str)  # type: ignore[arg-type]  # what untyped callers do
def test_a_command_takes_whole_numbers_only(command: Command) -> None:
    with pytest.raises(InvalidInput, match="is not a whole number"):
        GEN2.spell(command)


def test_the_allowed_range_is_that_of_all_points_that_can_be_written() -> None:
    assert GEN2.point("feed_in_power_limit").range_text() == "0 to 2400 W"
    assert GEN2.point("light").range_text() == "0 off, 1 on, 2 low"
    assert GEN2.point("mode").range_text() == "1 self_use, 4 realtime, 5/2 schedule, 6 custom_time"


def test_an_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="no family 'gen9'") as caught:
        load("gen9")
    assert all(family in caught.value.remedy for family in families())


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        (SelfUse(), [(47005, (1,))]),
        (Schedule(), [(47005, (5,))]),
        (Hold(), [(47005, (4,)), (47015, (0, 0, 100))]),
        (Charge(700, 80), [(47005, (4,)), (47015, (1, 700, 80))]),
        (Discharge(700, 5), [(47005, (4,)), (47015, (2, 700, 5))]),
    ],
    ids=str,
)
@pytest.mark.parametrize("family", families())
def test_commands_are_spelled_as_the_documents_print_them(
    family: str, command: Command, writes: list[tuple[int, tuple[int, ...]]]
) -> None:
    assert [(write.point, write.values) for write in load(family).spell(command)] == writes


def test_a_command_says_what_should_be_seen_afterwards() -> None:
    last = GEN2.spell(Charge(700, 80))[-1]
    assert last.wanted == {"realtime_state": "charge", "realtime_power": 700, "realtime_target_soc": 80}


@pytest.mark.parametrize("command", [Charge(99_999), Charge(10), Discharge(-5), Discharge(700, 3), Charge(700, 101)], ids=str)
def test_a_command_out_of_range_names_the_range(command: Command) -> None:
    with pytest.raises(InvalidInput, match="out of range") as caught:
        GEN2.spell(command)
    assert "to" in caught.value.remedy


def test_a_cluster_takes_more_power_than_one_unit() -> None:
    with pytest.raises(InvalidInput):
        GEN2.spell(Charge(7200))
    assert GEN2.spell(Charge(7200), cluster=True)[-1].values[1] == 7200


def test_several_values_fill_the_points_that_follow() -> None:
    write = GEN2.write("realtime_state", ["discharge", 700, 5])

    assert (write.point, write.values) == (47015, (2, 700, 5))
    assert list(write.wanted) == ["realtime_state", "realtime_power", "realtime_target_soc"]


@pytest.mark.parametrize(
    ("name", "values", "facts"),
    [
        ("battery_soc", [50], "can only be read"),
        ("backup_soc", [], "no value given"),
        ("backup_soc", ["much"], "backup_soc: 'much' is not a number"),
        ("backup_soc", [101], "backup_soc: 101 % is out of range"),
        ("backup_soc", [10**400], "is out of range"),
        ("backup_soc", [20.4], "20.4 is not a whole number"),
        ("backup_soc", [float("nan")], "nan is not a number"),
        ("backup_soc", [True], "True is not a number"),
        ("mode", ["²"], "'²' is not one of"),
        ("mode", ["turbo"], "mode: 'turbo' is not one of"),
        ("bypass", ["perhaps"], "neither on nor off"),
        ("deep_sleep_start_time", ["25:00"], "not a time of day"),
        ("realtime_state", ["charge", 700, 80, 1], "takes at most 3 values"),
    ],
)
def test_a_wrong_value_names_field_value_and_what_is_allowed(name: str, values: list[Value], facts: str) -> None:
    with pytest.raises(InvalidInput, match=facts):
        GEN2.write(name, values)


def test_a_value_that_only_the_newer_point_takes_goes_there() -> None:
    assert GEN2.write("feed_in_power_limit", [800]).point == 1146
    assert GEN2.write("feed_in_power_limit", [0]).point == 11010
    assert GEN2.write("light", ["low"]).point == 35005
    assert GEN2.write("mode", ["custom_time"]).point == 4


def test_the_smallest_family_refuses_what_only_the_larger_ones_can() -> None:
    with pytest.raises(InvalidInput, match="out of range"):
        load("sf1200").spell(Discharge(1500))
    assert load("gen3").spell(Discharge(3000))


@pytest.mark.parametrize(
    ("product", "modules", "charge_w", "discharge_w"),
    [
        ("solidflex2000", 1, 900, 1000),
        ("solidflex2000", 2, 1800, 2000),
        ("solidflex2000", 6, 2400, 2400),
        ("powerflex2000", 1, 1000, 1200),
        ("powerflex2000", 2, 2000, 2400),
        ("bk1600", 1, 1200, 800),
    ],
)
def test_limits_follow_product_and_modules(product: str, modules: int, charge_w: float, discharge_w: float) -> None:
    limits = effective_limits(load(products()[product].family), products()[product], modules, {})

    assert (limits.charge.value, limits.discharge.value) == (charge_w, discharge_w)
    assert products()[product].title in limits.charge.cause


def test_a_lower_setting_is_the_limit_and_says_so() -> None:
    limits = effective_limits(GEN2, None, None, {"max_ac_output_power": 800, "inverter_input_limit": 0, "backup_soc": 20})

    assert limits.discharge.value == 800
    assert "max_ac_output_power" in limits.discharge.cause
    assert limits.charge.value == 2400  # 0 is what a unit without a value sends
    assert limits.soc_min.value == 20


def test_the_master_of_a_cluster_is_not_held_to_what_one_unit_can_do() -> None:
    limits = effective_limits(GEN2, None, 1, {"battery_max_charge_power": 1000}, cluster=True)

    assert limits.charge.value == limits.discharge.value == 10_800
    assert "cluster" in limits.charge.cause


def test_without_a_product_the_widest_of_the_family_holds_and_says_so() -> None:
    assert (
        effective_limits(GEN2, None, 1, {}).charge.cause == "1 battery module of any product of the SolidFlex/PowerFlex 2000 series"
    )


def test_a_family_of_its_own_is_one_table_of_data() -> None:
    model = build(
        {
            "family": "gen9",
            "title": "Gen 9",
            "source": "a capture",
            "identity": {
                "types": [],
                "boards": [],
                "modules": [],
                "cms": "9",
                "answers": [],
                "rated_w": [0, 0],
                "minimum_firmware": "V1500.01.9001",
            },
            "products": {},
            "points": {"battery": {"battery_soc": {"read": 70_001, "unit": "%"}}},
        }
    )
    assert model.point(70_001).name == "battery_soc"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({}, "neither a read nor a write side"),
        ({"read": 1, "colour": "red"}, "unknown keys"),
        ({"read": {"at": 1, "factor": 2}}, "unknown keys"),
        ({"read": {"at": 1, "count": 2}, "write": 3}, "differ in count"),
        ({"read": {"scale": 2}}, "at"),
    ],
)
def test_a_row_that_breaks_the_grammar_is_named(row: dict[str, object], complaint: str) -> None:
    with pytest.raises(CatalogueError, match=complaint):
        build({"family": "gen9", "title": "", "source": "", "points": {"x": {"odd": row}}, "identity": {}, "products": {}})


def test_two_quantities_cannot_share_a_point() -> None:
    rows = {"one": {"read": 1}, "two": {"read": 1}}
    identity = {"types": [], "boards": [], "modules": [], "cms": "", "answers": [], "rated_w": [0, 0], "minimum_firmware": ""}

    with pytest.raises(CatalogueError, match="point 1 stands for one and two"):
        build({"family": "x", "title": "", "source": "", "points": {"x": rows}, "identity": identity, "products": {}})


def test_every_product_belongs_to_its_family() -> None:
    product: Product
    for product in products().values():
        assert product.name in load(product.family).products
        assert 1 <= len(product.charge_w) <= product.max_modules
