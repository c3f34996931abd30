"""Who signs in, what they may use under which version of the policy, and what an end of sign-ins covers."""

from dataclasses import dataclass
from typing import Any, Final

from auth_service.domain.policy import Policy, build_policy
from servicekit.errors import ServiceError
from servicekit.identity import Principal, derive_user_id
from servicekit.permissions import EVERYTHING, Permission

ISSUER: Final = "https://idp.example.com"
NAMES: Final = ("alice", "bob")
GROUPS: Final = ("ops", "readers")
SESSIONS: Final = ("morning", "evening")
ALIASES: Final = ("", "prod", "dev", "invented")
REGIONS: Final = ("", "eu-west-1")
SHORT_KEYS_S: Final = 900


def _role(account_id: str, name: str = "reader") -> str:
    return f"arn:aws:iam::{account_id}:role/{name}"


def _policy(prod_role: str, dev_account: str, readers: list[str]) -> Policy:
    prod = {"account_id": "111111111111", "role_arn": prod_role, "session_duration_s": SHORT_KEYS_S}
    dev = {"account_id": dev_account, "role_arn": _role(dev_account)}
    grants: list[dict[str, Any]] = [
        {"groups": ["ops"], "accounts": ["prod", "dev"], "default_account": "prod", "tools": ["all"]},
        {"groups": readers, "accounts": ["prod"], "tools": ["logs.groups"]},
    ]
    return build_policy({"accounts": {"prod": prod, "dev": dev}, "grants": grants})


POLICIES: Final = (
    _policy(_role("111111111111"), "222222222222", ["readers"]),
    _policy(_role("111111111111", "other"), "222222222222", ["nobody"]),  # another role, and readers may nothing
    _policy(_role("111111111111"), "333333333333", ["readers"]),  # "dev" is another account
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What keys open, or may: an account by a role, for some permissions."""

    account_id: str
    role_arn: str
    permissions: frozenset[Permission]


@dataclass(frozen=True, slots=True)
class SignIn:
    """One token of one person."""

    name: str
    session: str
    group: str
    issued_at_s: int

    @property
    def user_id(self) -> str:
        return _USER_IDS[self.name]

    @property
    def principal(self) -> Principal:
        """As the token would be verified."""
        return Principal(
            user_id=self.user_id,
            issuer=ISSUER,
            subject=self.name,
            groups=(self.group,),
            permissions=EVERYTHING,
            token_subject=self.name,
            session_id=self.session,
            token_issued_at_s=self.issued_at_s,
        )


_USER_IDS: Final = {name: derive_user_id(ISSUER, name) for name in NAMES}


@dataclass(frozen=True, slots=True)
class End:
    """An end of sign-ins as the test knows it: of a person, or of one session; empty stands for any."""

    name: str
    session: str
    until_s: int

    def covers(self, sign_in: SignIn) -> bool:
        return (
            self.name in ("", sign_in.name)
            and self.session in ("", sign_in.session)
            and sign_in.issued_at_s <= self.until_s
        )

    def covers_user(self, user_id: str) -> bool:
        """Whether it is of all that the user has."""
        return bool(self.name) and not self.session and _USER_IDS[self.name] == user_id


def terms_of(version: int, group: str, alias: str) -> Terms | None:
    """What somebody of the group may use under the alias, None for nothing."""
    return _TERMS[version, group, alias]


def _find_terms(policy: Policy, group: str, alias: str) -> Terms | None:
    try:
        found = policy.entitlement(SignIn(NAMES[0], "", group, 0).principal, alias)
    except ServiceError:
        return None
    return Terms(found.account.account_id, found.account.role_arn, found.permissions)


_TERMS: Final = {
    (version, group, alias): _find_terms(policy, group, alias)
    for version, policy in enumerate(POLICIES)
    for group in GROUPS
    for alias in ALIASES
}
