"""Field index policies."""

import pytest

from cloudwatch_service.domain.indexes.policies import indexed_by_account, parse_account_policies, parse_index_policies


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ('{"Fields": ["a", "b", "a"]}', ["a", "b"]),
        ('{"FieldsV2": {"a": {"type": "FACET"}}}', ["a"]),
        ('{"Fields": ["a"], "FieldsV2": {"b": {}}}', ["a", "b"]),
        ('{"Fields": "a"}', []),
        ('{"Fields": [1, null, "a"]}', ["a"]),
        ("[]", []),
        ("", []),
        ("{", []),
        ("[" * 100_000, []),
    ],
)
def test_fields_of_a_document(document: str, fields: list[str]) -> None:
    assert list(parse_index_policies({"indexPolicies": [{"policyDocument": document}]})) == fields


def test_sources() -> None:
    policies = [
        {"policyDocument": '{"Fields": ["a"]}', "source": "ACCOUNT"},
        {"policyDocument": '{"Fields": ["b"]}'},
        {},
    ]
    assert parse_index_policies({"indexPolicies": policies}) == {"a": "ACCOUNT", "b": "LOG_GROUP"}
    assert parse_index_policies({}) == {}


@pytest.mark.parametrize(
    ("criteria", "groups"),
    [
        ("", ["/a/1", "/b/1"]),
        (None, ["/a/1", "/b/1"]),
        ('LogGroupNamePrefix IN ["/a/", "/c/"]', ["/a/1"]),
        ("LogGroupNamePrefix = '/b'", ["/b/1"]),
        ('DataSourceName = "/a"', []),
        ("LogGroupNamePrefix", []),
    ],
)
def test_which_groups_an_account_policy_is_for(criteria: str | None, groups: list[str]) -> None:
    policy = {"policyDocument": '{"Fields": ["x"]}', "selectionCriteria": criteria}
    policies = parse_account_policies({"accountPolicies": [policy]})
    indexed = [name for name in ("/a/1", "/b/1") if indexed_by_account(policies, name) == {"x": "ACCOUNT"}]
    assert indexed == groups
