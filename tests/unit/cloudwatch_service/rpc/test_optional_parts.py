import pytest

from cloudwatch_service.rpc.optional_parts import or_warning
from servicekit.errors import Reason, ServiceError
from tests.kit.fake_session import denied


async def _raise(error: Exception) -> int:
    raise error


async def test_a_part_that_is_there_has_no_warning() -> None:
    async def reading() -> int:
        return 7

    assert await or_warning(reading(), "the number") == (7, [])


async def test_a_refusal_by_aws_is_a_warning_that_names_the_part() -> None:
    part, (warning,) = await or_warning(_raise(denied("DescribeAlarms")), "the alarm")
    assert part is None
    assert warning == "the alarm could not be read: AWS refused DescribeAlarms"


@pytest.mark.parametrize(
    "error", [ServiceError(Reason.DEADLINE_EXCEEDED, "late"), ServiceError(Reason.ROLE_REFUSED, "no"), KeyError("x")]
)
async def test_everything_else_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await or_warning(_raise(error), "the alarm")
    assert caught.value is error
