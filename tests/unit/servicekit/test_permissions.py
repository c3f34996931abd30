"""The closed list of permissions: broader names imply narrower ones, and nothing implies what it does not name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.errors import Reason
from servicekit.permissions import (
    ALL,
    EVERYTHING,
    FAMILIES,
    NAMES,
    Permission,
    compact,
    expand,
    missing,
    opens,
    scope_of,
    within_scopes,
)

SETS = st.frozensets(st.sampled_from(sorted(Permission)))


@given(SETS)
def test_what_is_compacted_means_the_same(permissions: frozenset[Permission]) -> None:
    names = compact(permissions)
    assert expand(names) == permissions
    assert len(names) <= len(permissions) or not permissions


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((ALL,), EVERYTHING),
        (("logs",), FAMILIES["logs"]),
        (("logs.query",), {Permission.LOGS_QUERY}),
        (("logs.query", "alarms"), {Permission.LOGS_QUERY, Permission.ALARMS}),
        ((), frozenset()),
        (("log", "logs.", "logs.quer", "LOGS", "", "*", "logs.query "), frozenset()),
    ],
)
def test_a_name_means_itself_and_what_is_below_it(names: tuple[str, ...], expected: frozenset[Permission]) -> None:
    assert expand(names) == expected


def test_everything_is_written_in_one_word() -> None:
    assert compact(EVERYTHING) == (ALL,)
    assert compact(FAMILIES["metrics"] | {Permission.ALARMS}) == ("metrics", "alarms")
    assert {*NAMES} == {ALL, "logs", "metrics", *Permission}


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        (("aws:cloudwatch",), EVERYTHING),
        (("openid", "aws:cloudwatch:logs"), FAMILIES["logs"]),
        (("aws:cloudwatch:logs.query", "aws:cloudwatch:alarms"), {Permission.LOGS_QUERY, Permission.ALARMS}),
        (("aws:cloudwatch:logs.query", "aws:cloudwatch"), EVERYTHING),
        (("aws:cloudwatch:all",), EVERYTHING),
        (("aws:cloudwatch:write",), frozenset()),
        (("aws:cloudwatch:logs:query",), frozenset()),
        (("openid", "email"), EVERYTHING),  # not ours: whether it gets in is decided at the door
        (("aws:cloudwatchx",), EVERYTHING),
        (("aws:cloudwatch:",), frozenset()),  # no other way to write the base scope
        (("aws:cloudwatch::alarms",), frozenset()),
    ],
)
def test_scopes_limit(scopes: tuple[str, ...], expected: frozenset[Permission]) -> None:
    assert within_scopes(scopes) == expected


@pytest.mark.parametrize("permission", Permission)
def test_the_scope_of_a_permission_is_enough_for_it(permission: Permission) -> None:
    assert within_scopes((scope_of(permission),)) == {permission}


@pytest.mark.parametrize(
    ("door", "scopes", "opened"),
    [
        ("aws:cloudwatch", ("aws:cloudwatch",), True),
        ("aws:cloudwatch", ("aws:cloudwatch:alarms",), True),
        ("aws:cloudwatch", ("aws:cloudwatch:nonsense",), False),
        ("aws:cloudwatch", ("openid",), False),
        ("aws:cloudwatch", (), False),
        ("aws:cloudwatch", ("aws:cloudwatchx", "AWS:CLOUDWATCH"), False),
        ("openid", ("openid",), True),
        ("openid", ("openid:x", "aws:cloudwatch"), False),
        ("aws:cloudwatch", ("aws:cloudwatch:",), False),
        ("aws:cloudwatch:logs", ("aws:cloudwatch:logs.query",), False),
        ("aws:cloudwatch:logs", ("aws:cloudwatch",), True),
        ("aws:cloudwatch:logs.query", ("aws:cloudwatch:logs", "openid"), True),
        ("aws:cloudwatch:logs.query", ("openid",), False),
        ("aws:cloudwatch:nonsense", ("aws:cloudwatch",), False),
    ],
)
def test_the_door(door: str, scopes: tuple[str, ...], opened: bool) -> None:
    assert opens(door, scopes) is opened


def test_a_refusal_says_what_is_missing_and_where() -> None:
    error = missing(Permission.LOGS_QUERY, ("aws:cloudwatch",), account="prod", regions=("eu-west-1",))
    assert error.reason is Reason.PERMISSION_MISSING
    assert error.message == "the permission logs.query is missing for the account prod outside eu-west-1"
    assert error.details == {"permission": "logs.query", "account": "prod", "regions": "eu-west-1"}


def test_a_refusal_by_scope_names_the_scope() -> None:
    error = missing(Permission.LOGS_QUERY, ("aws:cloudwatch:alarms",), account="prod")
    assert error.details == {"permission": "logs.query", "account": "prod", "scope": "aws:cloudwatch:logs.query"}
    assert "the scope aws:cloudwatch:logs.query" in error.message
