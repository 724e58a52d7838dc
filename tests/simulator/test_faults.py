"""Faults by name: how a spec is read, whom it strikes, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from indevolt.errors import InvalidInput
from indevolt.protocol.messages import GetData, SetData, SysGetConfig
from indevolt.simulator import FAULT_FORMS, Faults, parse_fault

READ = GetData((6000,))
WRITE = SetData(47005, (4,))


@pytest.mark.parametrize(
    ("spec", "kind", "seconds", "number", "silent"),
    [
        ("slow:2.5", "slow", 2.5, 0, False),
        ("silent", "silent", 0, 0, False),
        ("status:503", "status", 0, 503, False),
        ("poison:142", "poison", 0, 142, False),
        ("poison:142:silent", "poison", 0, 142, True),
        ("reboot", "reboot", 5, 0, False),
        ("reboot:0.5", "reboot", 0.5, 0, False),
        ("late:30", "late", 30, 0, False),
        (" Frozen ", "frozen", 0, 0, False),
    ],
)
def test_a_spec_says_what_goes_wrong(spec: str, kind: str, seconds: float, number: int, silent: bool) -> None:
    fault = parse_fault(spec)
    assert (fault.kind, fault.seconds, fault.number, fault.silent) == (kind, seconds, number, silent)
    assert fault.chance == 1


@pytest.mark.parametrize("form", FAULT_FORMS)
def test_every_form_that_is_offered_can_be_read(form: str) -> None:
    words = {"DOWN_SECONDS": "3", "SECONDS": "3", "CODE": "404", "POINT": "142"}
    for word, value in words.items():
        form = form.replace(word, value)
    assert parse_fault(f"{form}*2@0.5").left == 2


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "tired",
        "slow",
        "slow:",
        "slow:soon",
        "slow:-1",
        "slow:inf",
        "slow:nan",
        "slow:1e9",
        "status",
        "status:200",
        "status:600",
        "status:503:silent",
        "poison",
        "poison:all",
        "poison:142:loud",
        "silent:3",
        "silent*0",
        "silent*many",
        "silent@0",
        "silent@1.1",
        "silent@often",
        "silent@0.1*2",
        "reboot:never",
    ],
)
def test_a_wrong_spec_is_named_and_the_forms_are_told(spec: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_fault(spec)
    assert repr(spec) in str(caught.value)
    assert all(form in caught.value.remedy for form in FAULT_FORMS)


@given(st.text())
def test_any_text_is_a_fault_or_invalid_input(spec: str) -> None:
    try:
        fault = parse_fault(spec)
    except InvalidInput:
        return
    assert 0 <= fault.seconds <= 86_400


def test_a_wrong_spec_among_several_adds_none() -> None:
    faults = Faults()
    with pytest.raises(InvalidInput):
        faults.add("silent", "tired")
    assert not faults


def test_a_count_ends_a_fault() -> None:
    faults = Faults()
    faults.add("silent*2")
    assert [len(faults.strike(READ)) for _ in range(4)] == [1, 1, 0, 0]
    assert not faults


def test_a_reboot_strikes_once_unless_told_otherwise() -> None:
    assert parse_fault("reboot").left == 1
    assert parse_fault("reboot*3").left == 3
    assert parse_fault("reboot@0.01").left is None


def test_a_chance_strikes_about_as_often_as_it_says_and_the_same_way_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("silent@0.25")
        return [bool(faults.strike(READ)) for _ in range(1000)]

    assert struck(7) == struck(7) != struck(8)
    assert 150 < sum(struck(7)) < 350


def test_poison_strikes_only_batches_with_its_point() -> None:
    faults = Faults()
    faults.add("poison:142*1")
    assert not faults.strike(GetData((6000, 6002)))
    assert not faults.strike(SetData(142, (1,)))
    assert faults.strike(GetData((6000, 142)))
    assert not faults


@pytest.mark.parametrize("name", ["ignore", "refuse", "late:3"])
def test_faults_of_writes_do_not_count_reads(name: str) -> None:
    faults = Faults()
    faults.add(f"{name}*1")
    assert not faults.strike(READ)
    assert not faults.strike(SysGetConfig())
    assert faults.strike(WRITE)


def test_clear_mends_everything() -> None:
    faults = Faults()
    faults.add("silent", "slow:3")
    assert [fault.spec for fault in faults] == ["silent", "slow:3"]
    faults.clear()
    assert not faults.strike(READ)
