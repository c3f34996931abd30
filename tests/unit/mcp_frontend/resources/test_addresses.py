import pytest
from pydantic import AnyUrl

from mcp_frontend.resources import RESOURCES, TEMPLATES, parse_address, variables_of
from mcp_frontend.resources.addresses import Address, Kind
from servicekit.errors import Reason, ServiceError

WEB = "/app/web shop"


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("cloudwatch://accounts", Address(Kind.ACCOUNTS)),
        ("cloudwatch://-/-/alarms", Address(Kind.ALARMS)),
        ("cloudwatch://-/-/alarms/", Address(Kind.ALARMS)),
        ("cloudwatch://dev/eu-west-1/log-groups", Address(Kind.LOG_GROUPS, "dev", "eu-west-1")),
        ("cloudwatch://dev/-/alarms/cpu%20high", Address(Kind.ALARMS, "dev", "", "cpu high")),
        ("CLOUDWATCH://-/-/log-groups/%2Fapp%2Fweb%20shop", Address(Kind.LOG_GROUPS, name=WEB)),
        ("cloudwatch://-/-/log-groups//app/web shop", Address(Kind.LOG_GROUPS, name=WEB)),
        ("cloudwatch://-/-/alarms/50%25%3F%23", Address(Kind.ALARMS, name="50%?#")),
    ],
)
def test_addresses(uri: str, address: Address) -> None:
    assert parse_address(uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "cloudwatch:",
        "cloudwatch://",
        "cloudwatch://account",
        "cloudwatch://-/-",
        "cloudwatch://-/-/accounts",
        "cloudwatch://-/-/ALARMS",
        "cloudwatch:///us-east-1/alarms",
        "cloudwatch://dev//alarms",
        "cloudwatch://-/-/alarms/%ff",
        "file://-/-/alarms",
        "cloudwatch://-/-/alarms/" + "a" * 5_000,
    ],
)
def test_what_is_no_address_is_told_how_they_look(uri: str) -> None:
    with pytest.raises(ServiceError) as caught:
        parse_address(uri)
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_ARGUMENT, "uri")
    assert "cloudwatch://<account>/<region>/alarms" in caught.value.message


def test_listed_resources_can_be_read_also_by_clients_that_normalise_addresses() -> None:
    for resource in RESOURCES:
        assert parse_address(resource.uri) == parse_address(str(AnyUrl(resource.uri)))


def test_templates_lead_to_addresses_and_name_their_variables() -> None:
    values = {"account": "dev", "region": "eu-west-1", "alarm_name": "a%2Fb", "log_group_name": "a%2Fb"}
    for template, kind in zip(TEMPLATES, (Kind.ALARMS, Kind.LOG_GROUPS), strict=True):
        uri = template.uri_template.format(**values)
        assert parse_address(uri) == Address(kind, "dev", "eu-west-1", "a/b")
        assert variables_of(template.uri_template)[:2] == ["account", "region"]
    assert variables_of("cloudwatch://{account}") == []
