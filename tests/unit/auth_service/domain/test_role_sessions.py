"""Names, tags and limits of AWS sessions."""

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.domain.accounts import CEILINGS, Account
from auth_service.domain.role_sessions import (
    ACTIONS,
    session_claims,
    session_name,
    session_policy,
    session_tags,
    source_identity,
)
from auth_service.domain.user_tokens import UserToken
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING, Permission
from tests.kit.token_desk import token

# The AWS STS API reference, AssumeRole: RoleSessionName, SourceIdentity and Tags.
NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
TAG = re.compile(r"[\w\s.:/=+\-@]{1,256}")
ACCOUNT = {"account_id": "1" * 12, "role_arn": f"arn:aws:iam::{'1' * 12}:role/r"}


def user(issuer: str, subject: str) -> Principal:
    return Principal(derive_user_id(issuer, subject), issuer, subject, "alice@example.com")


@given(st.text(min_size=1, max_size=600), st.text(min_size=1))
def test_any_subject_makes_names_that_aws_takes(subject: str, issuer: str) -> None:
    principal = user(issuer, subject)
    assert NAME.fullmatch(session_name(principal))
    assert NAME.fullmatch(source_identity(principal))
    assert not source_identity(principal).startswith("aws:")
    assert all(TAG.fullmatch(tag["Value"]) for tag in session_tags(principal))


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_subjects_have_different_sessions(one: str, other: str) -> None:
    names = {session_name(user("https://idp", subject)) for subject in (one, other)}
    identities = {source_identity(user("https://idp", subject)) for subject in (one, other)}
    assert len(names) == len(identities) == len({one, other})


@pytest.mark.parametrize(
    ("subject", "readable"),
    [
        ("alice@example.com", "alice@example.com"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth0-5f7c8ec7c33c6c"),
        ("--alice--", "alice"),
        ("Ärger im Büro", "rger-im-B-ro"),
        ("日本語", ""),
    ],
)
def test_a_name_begins_with_what_can_be_read(subject: str, readable: str) -> None:
    principal = user("https://idp", subject)
    assert session_name(principal) == f"{readable}-{principal.user_id}".lstrip("-")


def test_the_same_subject_of_two_issuers_has_two_sessions() -> None:
    assert session_name(user("https://a", "alice")) != session_name(user("https://b", "alice"))


def test_what_other_accounts_see_is_no_email() -> None:
    principal = user("https://idp", "s-1")
    assert "alice" not in f"{source_identity(principal)} {session_tags(principal)} {session_name(principal)}"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("none", None), ({"Version": "2012-10-17", "Statement": []}, {"Version": "2012-10-17", "Statement": []})],
)
def test_the_session_policy_is_the_accounts(setting: Any, expected: Any) -> None:
    found = session_policy(Account.model_validate(ACCOUNT | {"session_policy": setting}), {Permission.ALARMS})
    assert (None if found is None else json.loads(found)) == expected


def test_by_default_a_session_can_only_read() -> None:
    found = session_policy(Account.model_validate(ACCOUNT), EVERYTHING)
    assert found is not None
    assert len(found) <= 2_048
    (statement,) = json.loads(found)["Statement"]
    all_actions = {action for actions in ACTIONS.values() for action in actions}
    assert statement == {"Effect": "Allow", "Action": sorted(all_actions), "Resource": "*"}
    verbs = {action.split(":")[1] for action in all_actions}
    others = {verb for verb in verbs if not verb.startswith(("Describe", "Get", "List"))}
    assert others == {"StartQuery", "StopQuery"}
    assert not any("*" in action for action in all_actions)


def test_every_permission_has_its_actions() -> None:
    assert set(ACTIONS) == set(Permission)
    assert all(ACTIONS.values())


def actions_of(setting: str, permissions: frozenset[Permission]) -> set[str]:
    found = session_policy(Account.model_validate(ACCOUNT | {"session_policy": setting}), permissions)
    assert found is not None
    (statement,) = json.loads(found)["Statement"]
    return set(statement["Action"])


def test_aws_holds_a_session_to_what_its_user_is_permitted() -> None:
    assert actions_of("read-only", frozenset({Permission.ALARMS})) == set(ACTIONS[Permission.ALARMS])
    both = actions_of("read-only", frozenset({Permission.ALARMS, Permission.LOGS_QUERY}))
    assert both == {*ACTIONS[Permission.ALARMS], *ACTIONS[Permission.LOGS_QUERY]}


def test_every_session_policy_of_ours_has_a_ceiling() -> None:
    names, _ = get_args(Account.model_fields["session_policy"].annotation)
    assert set(get_args(names)) == {*CEILINGS, "none"}


@pytest.mark.parametrize("preset", CEILINGS)
def test_a_narrow_session_policy_holds_back_what_it_names(preset: str) -> None:
    actions = actions_of(preset, EVERYTHING)
    assert {action.split(":")[0] for action in actions} == {
        "read-only": {"cloudwatch", "logs"},
        "metrics-only": {"cloudwatch"},
        "logs-only": {"logs"},
        "no-log-queries": {"cloudwatch", "logs"},
    }[preset]
    assert ("logs:StartQuery" in actions) == (preset in ("read-only", "logs-only"))


def test_what_a_token_says_about_a_session_is_told_apart_and_nothing_else_is() -> None:
    web = Account.model_validate(ACCOUNT | {"strategy": "web_identity"})
    tags = "https://aws.amazon.com/tags"
    said = [
        session_claims(web, UserToken(token(claims), 0.0))
        for claims in ({}, {"jti": "2"}, {tags: {"principal_tags": {"a": ["b"]}}}, {tags: {"principal_tags": {}}})
    ]
    assert said[0] == said[1]
    assert len(set(said[1:])) == 3
    by_role, by_keys = Account.model_validate(ACCOUNT), Account(strategy="token_claims")
    one, other = UserToken("one", 0.0), UserToken("other", 0.0)
    assert session_claims(by_role, one) == session_claims(by_role, other)
    assert session_claims(by_keys, one) != session_claims(by_keys, other)
    assert "one" not in session_claims(by_keys, one)
