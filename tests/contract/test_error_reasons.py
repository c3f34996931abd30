"""The reasons of the code and those of the contract are the same."""

from cwmcp.errors.v1 import error_reason_pb2

from servicekit.errors import Reason


def test_every_reason_is_in_the_contract_and_every_one_of_the_contract_in_the_code() -> None:
    contract = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name}
    assert contract == {reason.value for reason in Reason} | {"UNSPECIFIED"}


def test_each_value_is_its_name() -> None:
    assert {reason.value for reason in Reason} == set(Reason.__members__)
