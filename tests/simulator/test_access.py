"""The table of protocol.md, section 4.2, row by row, and the password change of the specification."""

from __future__ import annotations

import pytest

from indevolt.errors import InvalidInput
from indevolt.protocol.digest import Sealed, authorize, from_base64, seal, to_base64
from indevolt.protocol.messages import AnyRequest, GetData, Result, SysGetConfig, UserSetConfig, WifiGetStatus
from indevolt.protocol.rpc import encode_request
from indevolt.simulator import DEVICE_KEY, Api, Simulator

OLD, NEW = "qazwsxed", "qwertyui"
OTHERS: list[AnyRequest] = [GetData((6000,)), SysGetConfig(), WifiGetStatus()]


def knock(
    device: Simulator, request: AnyRequest, password: str | None, *, realm: str = "cmFuZG9t", nonce: str = "1"
) -> AnyRequest | None:
    """Come to the door as an HTTP request would; without a password there is no header."""
    call = encode_request(request)
    header = None
    if password is not None:
        header = authorize(call.method, call.target, password, realm=realm, nonce=nonce, cnonce="2").header()
    return device.guard(request, call.method, call.target, header)


def change(device: Simulator, old: str, new: str, *, tag: bytes | None = None) -> bool | None:
    """Change the password as the specification does; None is a 401."""
    sealed = seal(old, new, "123456")
    request = UserSetConfig(Sealed(sealed.ciphertext, b"", ""))
    admitted = knock(device, request, old, realm=to_base64(tag or sealed.tag), nonce="123456")
    if admitted is None:
        return None
    reply = device.answer(admitted)
    assert isinstance(reply, Result)
    return reply.result


@pytest.mark.parametrize("api", ["http", "https"])
@pytest.mark.parametrize("request_", OTHERS)
def test_without_digest_mode_nothing_is_checked(api: str, request_: AnyRequest) -> None:
    device = Simulator(api=api, password=NEW)
    assert knock(device, request_, None) is request_
    assert knock(device, request_, "wrong") is request_
    assert device.guard(request_, "GET", "/", "Digest of nothing") is request_


@pytest.mark.parametrize("request_", OTHERS)
def test_digest_mode_wants_the_right_password(request_: AnyRequest) -> None:
    device = Simulator(api="digest", password=NEW)
    assert knock(device, request_, None) is None
    assert knock(device, request_, "wrong") is None
    assert device.guard(request_, "GET", "/", "Basic b3BlbmQ6cXdlcnR5dWk=") is None
    assert knock(device, request_, NEW) is request_


def test_credentials_for_another_request_do_not_open() -> None:
    device = Simulator(api="digest", password=NEW)
    header = authorize("GET", "/rpc/Sys.GetConfig", NEW, realm="x", nonce="1", cnonce="2").header()
    assert device.guard(GetData((6000,)), "POST", '/rpc/Indevolt.GetData?config={"t":[6000]}', header) is None


@pytest.mark.parametrize("request_", OTHERS)
def test_the_default_password_opens_only_the_password_change(request_: AnyRequest) -> None:
    device = Simulator(api="digest", password=OLD, factory_default=True)
    assert knock(device, request_, OLD) is None
    assert change(device, OLD, NEW) is True
    assert knock(device, request_, OLD) is None
    assert knock(device, request_, NEW) is request_


def test_the_worked_example_of_the_specification_changes_the_password() -> None:
    device = Simulator(api="digest", password=OLD, factory_default=True)
    request = UserSetConfig(Sealed(from_base64("TrKQZ1QC1MQ="), b"", ""))
    admitted = knock(device, request, OLD, realm="zwvQTjeg5rvLdBvLzqtymg==", nonce="123456")
    assert admitted is not None
    assert device.answer(admitted) == Result(result=True)
    assert device.password == NEW


def test_a_changed_password_is_the_key_of_the_next_change() -> None:
    device = Simulator(api="digest", password=OLD)
    assert change(device, OLD, NEW) is True
    assert change(device, OLD, "again") is None
    assert change(device, NEW, "again") is True
    assert device.password == "again"


@pytest.mark.parametrize("tag", [bytes(16), b"short"])
def test_a_tag_that_does_not_verify_changes_nothing(tag: bytes) -> None:
    device = Simulator(api="digest", password=OLD, factory_default=True)
    assert change(device, OLD, NEW, tag=tag) is False
    assert device.password == OLD
    assert change(device, OLD, NEW) is True


def test_a_realm_that_is_no_base64_changes_nothing() -> None:
    device = Simulator(api="digest", password=OLD)
    request = UserSetConfig(Sealed(seal(OLD, NEW, "1").ciphertext, b"", ""))
    admitted = knock(device, request, OLD, realm="not base64!", nonce="1")
    assert admitted is not None
    assert device.answer(admitted) == Result(result=False)


def test_in_http_mode_the_password_can_be_changed_with_a_header_and_not_without() -> None:
    device = Simulator(api="http", password=OLD)
    request = UserSetConfig(Sealed(seal(OLD, NEW, "123456").ciphertext, b"", ""))
    admitted = knock(device, request, None)
    assert admitted is not None
    assert device.answer(admitted) == Result(result=False)
    assert change(device, OLD, NEW) is True


def test_a_factory_reset_restores_the_default_password_and_its_restriction() -> None:
    device = Simulator(api="digest", password=OLD, factory_default=True)
    change(device, OLD, NEW)
    device.factory_reset()
    assert knock(device, SysGetConfig(), NEW) is None
    assert knock(device, SysGetConfig(), OLD) is None
    assert change(device, OLD, NEW) is True


def test_a_device_that_was_given_its_password_goes_back_to_its_device_key() -> None:
    device = Simulator(api="digest", password=NEW)
    device.factory_reset()
    assert device.password == DEVICE_KEY
    assert change(device, DEVICE_KEY, NEW) is True


def test_an_unknown_api_setting_is_refused_with_what_there_is() -> None:
    with pytest.raises(InvalidInput) as caught:
        Simulator(api="ftp")
    assert all(setting in caught.value.remedy for setting in Api)
