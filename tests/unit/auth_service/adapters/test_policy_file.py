"""Policy and issuer files: readable faults, and a policy that changes while in force."""

import os
from pathlib import Path

import pytest

from auth_service.adapters.policy_file import WatchedPolicy, read_issuers, read_policy
from servicekit.lifecycle import ConfigurationError

EXCLUDED = {"shared_profile": "works with ENABLE_AUTH=false only", "token_claims": "is not allowed here"}
GOOD = """
accounts:
  prod: {account_id: "111122223333", role_arn: "arn:aws:iam::111122223333:role/reader"}
grants:
  - {groups: [ops], accounts: [prod]}
"""

FAULTS: dict[str, tuple[str | bytes, str]] = {
    "not YAML": ("a: [", "is not YAML"),
    "not UTF-8": (b"a: \xff\xfe", "is not YAML"),
    "an impossible date": ("accounts: 2026-13-45", "is not YAML"),
    "a list": ("- a", "must be a mapping"),
    "empty": ("", "must be a mapping"),
    "python object": ("a: !!python/object/apply:os.getcwd []", "is not YAML"),
    "an account twice": (GOOD.replace("grants:", "  prod: {strategy: shared_profile}\ngrants:"), "prod occurs twice"),
    "grants twice": (GOOD + "grants: []\n", "grants occurs twice"),
    "no accounts": ("grants: []", "accounts: there must be at least one"),
    "unknown setting": (GOOD + "tools: []\n", "tools: no such key; there are accounts, accounts_from, grants"),
    "unknown setting of an account": (GOOD.replace("role_arn", "rolearn"), "accounts.prod.rolearn: Extra inputs"),
    "unknown account": (GOOD.replace("[prod]", "[prod, dev]"), "grants.0.accounts.1: no account is called dev"),
    "number for a text": (GOOD.replace('"111122223333"', "111122223333", 1), "accounts.prod.account_id: Input should"),
    "grant for nobody": (GOOD.replace("groups: [ops]", "groups: []"), "a grant needs groups, emails or scopes"),
    "an excluded way": (
        GOOD.replace("grants:", "  here: {strategy: token_claims}\ngrants:"),
        "token_claims is not",
    ),
    "local profile": (GOOD.replace("grants:", "  here: {strategy: shared_profile}\ngrants:"), "shared_profile works"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD)
    return file


def write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    later_ns = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(later_ns, later_ns))


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_told_with_its_file_and_place(path: Path, content: str | bytes, message: str) -> None:
    write(path, content)
    with pytest.raises(ConfigurationError) as caught:
        read_policy(path, EXCLUDED, {"aws"})
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_all_faults_are_told_at_once(path: Path) -> None:
    write(path, GOOD.replace("role_arn", "rolearn").replace("groups", "group"))
    with pytest.raises(ConfigurationError) as caught:
        read_policy(path, EXCLUDED, {"aws"})
    assert {"accounts.prod.rolearn", "grants.0.group"} <= {
        line.split(": ")[1] for line in str(caught.value).splitlines()
    }


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    reads = (
        read_issuers,
        lambda path: read_policy(path, EXCLUDED, {"aws"}),
        lambda path: WatchedPolicy(path, EXCLUDED, {"aws"}),
    )
    for read in reads:
        with pytest.raises(ConfigurationError, match=r"cannot read .*nowhere.yaml: No such file"):
            read(tmp_path / "nowhere.yaml")


def test_secrets_of_a_faulty_file_are_not_repeated(path: Path) -> None:
    write(path, GOOD.replace("role_arn:", "external_id: hunter2, role_arn: x, x:"))
    with pytest.raises(ConfigurationError) as caught:
        read_policy(path, EXCLUDED, {"aws"})
    assert "hunter2" not in str(caught.value)


def test_a_changed_file_takes_effect(path: Path) -> None:
    watched = WatchedPolicy(path, EXCLUDED, {"aws"})
    before = watched.current
    watched.reload_if_changed()
    assert watched.current is before
    write(path, GOOD.replace("[ops]", "[dev]"))
    watched.reload_if_changed()
    assert watched.current.grants[0].grant.groups == {"dev"}


@pytest.mark.parametrize("content", [content for content, _ in FAULTS.values()], ids=FAULTS.keys())
def test_a_faulty_file_leaves_the_policy_in_force(path: Path, content: str | bytes) -> None:
    watched = WatchedPolicy(path, EXCLUDED, {"aws"})
    before = watched.current
    write(path, content)
    with pytest.raises(ConfigurationError):
        watched.reload_if_changed()
    assert watched.current is before
    watched.reload_if_changed()  # told once, not every time that somebody looks
    write(path, GOOD.replace("[ops]", "[dev]"))
    watched.reload_if_changed()
    assert watched.current.grants[0].grant.groups == {"dev"}


def test_a_file_replaced_through_a_link_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes replaces a mounted configuration: same size, same time, another file."""
    link = tmp_path / "policy.yaml"
    for name, group in (("one", "[ops]"), ("two", "[dev]")):
        (tmp_path / name).write_text(GOOD.replace("[ops]", group))
        os.utime(tmp_path / name, ns=(1, 1))
    link.symlink_to(tmp_path / "one")
    watched = WatchedPolicy(link, EXCLUDED, {"aws"})
    link.unlink()
    link.symlink_to(tmp_path / "two")
    watched.reload_if_changed()
    assert watched.current.grants[0].grant.groups == {"dev"}


def test_a_file_that_vanishes_leaves_the_policy_in_force(path: Path) -> None:
    watched = WatchedPolicy(path, EXCLUDED, {"aws"})
    path.unlink()
    with pytest.raises(ConfigurationError):
        watched.reload_if_changed()
    assert watched.current.accounts


def test_the_issuers_table(tmp_path: Path) -> None:
    path = tmp_path / "issuers.yaml"
    path.write_text(
        "issuers: [{issuer: https://a.example.com, audiences: [x]}, {issuer: https://b.example.com/, audiences: [y]}]"
    )
    assert set(read_issuers(path)) == {"https://a.example.com", "https://b.example.com/"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("issuers: []", "must have the one key issuers"),
        ("issuers: {a: 1}", "must have the one key issuers"),
        ("issuers: [a]", "issuers.yaml"),
        ("other: []", "must have the one key issuers"),
        ("issuers: [{issuer: https://a.example.com, audiences: []}]", "issuers.0.audiences: at least 1 item"),
        ("issuers: [{issuer: https://a.example.com, audiences: [x], secret: 1}]", "secret: Extra inputs"),
        ("issuers: [{issuer: http://a.example.com, audiences: [x]}]", "must be https"),
        ("issuers: [{issuer: https://a.example.com, audiences: [x], algorithms: [HS256]}]", "HS256"),
        ("issuers: [{issuer: https://a, audiences: [x]}, {issuer: https://a, audiences: [y]}]", "listed twice"),
    ],
)
def test_a_fault_of_the_issuers_table_is_told(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "issuers.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        read_issuers(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
