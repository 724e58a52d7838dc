"""The error family: one exit code each, a next step each, and the fourteen statuses of the specification."""

from __future__ import annotations

import pytest

from indevolt import errors
from indevolt.errors import IndevoltError, StatusError, status_error

FAMILY = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, IndevoltError)]
DOCUMENTED = [400, 401, 403, 404, 405, 408, 409, 410, 500, 501, 502, 503, 504, 505]  # seed, section 3.3


@pytest.mark.parametrize("code", DOCUMENTED)
def test_each_documented_status_is_an_error_of_its_own(code: int) -> None:
    error = status_error(code, "Indevolt.GetData")

    assert type(error) is not StatusError
    assert error.code == code
    assert str(error).startswith(f"HTTP {code} ")


def test_any_other_status_is_still_of_the_family() -> None:
    error = status_error(418)
    assert type(error) is StatusError
    assert error.code == 418


def test_exit_codes_are_distinct_but_for_the_statuses_which_share_one() -> None:
    codes = [each.exit_code for each in FAMILY if "exit_code" in vars(each) and not issubclass(each, StatusError)]
    assert len(codes) == len(set(codes))
    assert {each.exit_code for each in FAMILY if issubclass(each, StatusError)} == {6, 7}


def test_the_tree_in_the_docstring_names_every_exit_code() -> None:
    for each in FAMILY:
        if each.exit_code > 1:
            assert f"exit {each.exit_code}" in (errors.__doc__ or ""), each.__name__


@pytest.mark.parametrize("kind", [errors.Unreachable, errors.NoReply, errors.ProtocolError, errors.Refused, errors.UnknownModel])
def test_an_error_says_what_to_do_next(kind: type[IndevoltError]) -> None:
    assert kind("facts").remedy
    assert kind("facts", remedy="Do this.").remedy == "Do this."


def test_wrong_input_is_also_a_value_error() -> None:
    with pytest.raises(ValueError, match="facts"):
        raise errors.InvalidInput("facts")
