"""Sealed columns: nothing is lost, and little is left of the bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from indevolt.store.sealed import length, seal, unseal

NUMBERS = st.one_of(st.none(), st.integers(-40, 40), st.integers(-(1 << 60), 1 << 60))


@given(st.lists(NUMBERS))
def test_what_was_sealed_comes_back(values: list[int | None]) -> None:
    sealed = seal(values)
    assert unseal(sealed) == values
    assert length(sealed) == len(values)


@given(st.lists(st.integers(-3, 3), min_size=1), st.integers(0, 200))
def test_what_hardly_moves_comes_back(steps: list[int], repeat: int) -> None:
    values = [sum(steps[: each + 1]) for each in range(len(steps))] * repeat
    assert unseal(seal(values)) == values


def test_what_never_changed_is_its_head_alone() -> None:
    assert len(seal([230] * 17_280)) == 14


def test_a_day_of_a_noisy_power_takes_about_a_byte_a_reading() -> None:
    chance = random.Random(1)
    power, values = 0, []
    for _ in range(17_280):
        power += chance.randint(-12, 12)
        values.append(power)
    assert len(seal(values)) < 17_280


@pytest.mark.parametrize("damaged", [b"", b"nonsense", seal([1, 2, 3])[:-3], seal([1, 5, 300])[:14] + seal([1, 5])[14:]])
def test_what_was_not_sealed_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"sealed|bytes"):
        unseal(damaged)
