"""Alarms by name and by ARN."""

import pytest

from cloudwatch_service.domain.alarms.arns import AlarmId, parse_alarm, region_of
from servicekit.errors import ServiceError

ARN = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:"


@pytest.mark.parametrize(
    ("reference", "alarm"),
    [
        ("cpu", AlarmId("cpu")),
        ("cpu:high", AlarmId("cpu:high")),
        (f"{ARN}cpu: high\nest", AlarmId("cpu: high\nest", "eu-west-1", "111122223333")),
        ("arn:aws-cn:cloudwatch:cn-north-1:111122223333:alarm:x", AlarmId("x", "cn-north-1", "111122223333")),
        (ARN, AlarmId(ARN)),
        ("arn:aws:sns:eu-west-1:111122223333:alarm:x", AlarmId("arn:aws:sns:eu-west-1:111122223333:alarm:x")),
    ],
)
def test_alarms(reference: str, alarm: AlarmId) -> None:
    assert parse_alarm(reference) == alarm


def test_the_region_of_an_arn_is_asked() -> None:
    assert region_of(AlarmId("x", "eu-west-1"), "") == region_of(AlarmId("x"), "eu-west-1") == "eu-west-1"
    with pytest.raises(ServiceError) as caught:
        region_of(AlarmId("x", "eu-west-1"), "us-east-1")
    assert caught.value.field == "region"


def test_an_alarm_of_another_account_is_not_taken_for_one_of_this() -> None:
    alarm = parse_alarm(f"{ARN}x")
    alarm.check_account("111122223333")
    AlarmId("x").check_account("222222222222")
    with pytest.raises(ServiceError) as caught:
        alarm.check_account("222222222222")
    assert caught.value.field == "alarm_name"
