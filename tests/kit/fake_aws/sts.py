"""AWS STS: AssumeRole by the service identity, AssumeRoleWithWebIdentity, GetCallerIdentity.

Trust is simple: the known accounts' roles trust the service identity, with an external id where one is set. Session
policies are recorded; one that allows actions on every resource, as ours do, is enforced. A web identity token is
verified as AWS does.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.kit.fake_aws import web_identity
from tests.kit.fake_aws.keys import Key, KeyRing
from tests.kit.fake_aws.signature import access_denied
from tests.kit.fake_aws.web_identity import IdentityProviders
from tests.kit.fake_aws.wire import AwsError, Call, iso

_ROLE_ARN: Final = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):role/([\w+=,.@/-]+)")
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_MAX_POLICY_CHARS: Final = 2_048
_MAX_TAGS: Final = 50


@dataclass(frozen=True, slots=True)
class RoleCall:
    """One AssumeRole (or AssumeRoleWithWebIdentity) as it was asked for, and the key that it was given, if any."""

    operation: str
    role_arn: str
    role_session_name: str
    source_identity: str | None
    external_id: str | None
    tags: dict[str, str]
    policy: str | None
    duration_s: int
    access_key_id: str | None
    web_identity_token: str | None = field(default=None, repr=False)


class Sts:
    """Issues session keys and remembers who asked for what."""

    def __init__(self, ring: KeyRing, service_key: Key, accounts: Mapping[str, Any]) -> None:
        """`accounts` are the ids of the known accounts, read at each call."""
        self.calls: list[RoleCall] = []
        self.external_ids: dict[str, str] = {}
        self.max_session_duration_s = 43_200
        self.expires_in_s: float | None = None
        self.identity_providers = IdentityProviders()
        self.web_identity_subjects: dict[str, frozenset[str]] = {}
        """By role ARN, where a role's trust has a condition on `sub`."""
        self._ring = ring
        self._service_key = service_key
        self._accounts = accounts
        self._denied_roles: set[str] = set()
        self.operations = {
            "AssumeRole": self.assume_role,
            "AssumeRoleWithWebIdentity": self.assume_role_with_web_identity,
            "GetCallerIdentity": self.get_caller_identity,
        }

    def require_external_id(self, account_id: str, external_id: str) -> None:
        """From now on the account's roles are only given for this external id."""
        self.external_ids[account_id] = external_id

    def deny_role(self, role_arn: str) -> None:
        """From now on nobody may assume this role."""
        self._denied_roles.add(role_arn)

    def expire_keys(self, account_id: str | None = None) -> int:
        """End every session key now (of one account when given). Says how many."""
        return self._ring.expire(account_id)

    def assume_role(self, call: Call) -> dict[str, Any]:
        """AssumeRole."""
        account_id, role_name = self._role(call)
        tags = {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in call.items("Tags")}
        if len(tags) > _MAX_TAGS or len({name.lower() for name in tags}) != len(call.items("Tags")):
            raise AwsError("InvalidParameterValue", 400, "Duplicate tag keys found, or too many tags")
        trusted = call.caller is self._service_key and self._trusts(account_id, call)
        return self._issue(call, account_id, role_name, tags, trusted=trusted)

    async def assume_role_with_web_identity(self, call: Call) -> dict[str, Any]:
        """AssumeRoleWithWebIdentity; unsigned."""
        account_id, role_name = self._role(call)
        claims = await self.identity_providers.verify(account_id, call.text("WebIdentityToken") or "")
        subjects = self.web_identity_subjects.get(call.text("RoleArn") or "")
        trusted = self._is_open(account_id, call) and (subjects is None or claims.get("sub") in subjects)
        call.parameters["SourceIdentity"] = web_identity.source_identity(claims)
        answer = self._issue(call, account_id, role_name, web_identity.session_tags(claims), trusted=trusted)
        return answer | {
            "SubjectFromWebIdentityToken": str(claims.get("sub", "")),
            "Provider": str(claims.get("iss", "")),
            "Audience": str(claims.get("aud", "")),
        }

    def get_caller_identity(self, call: Call) -> dict[str, Any]:
        """GetCallerIdentity."""
        caller = call.caller
        if caller is None:
            raise AwsError("MissingAuthenticationToken", 403, "Missing Authentication Token")
        return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}

    def _role(self, call: Call) -> tuple[str, str]:
        match = _ROLE_ARN.fullmatch(call.text("RoleArn") or "")
        if match is None:
            raise call.invalid(f"{call.text('RoleArn')} is invalid")
        for name in ("RoleSessionName", "SourceIdentity"):
            value = call.text(name)
            if _SESSION_NAME.fullmatch(value or "") is None and (value or name == "RoleSessionName"):
                raise call.invalid(f"Value '{value}' at '{name}' failed to satisfy constraint: {_SESSION_NAME.pattern}")
        policy = call.text("Policy") or "{}"
        if len(policy) > _MAX_POLICY_CHARS:
            raise AwsError("PackedPolicyTooLarge", 400, "Packed policy consumes too much of the allotted space")
        try:
            json.loads(policy)
        except ValueError as error:
            raise AwsError("MalformedPolicyDocument", 400, "Syntax errors in policy.") from error
        return match[1], match[2].rsplit("/", 1)[-1]

    def _trusts(self, account_id: str, call: Call) -> bool:
        expected = self.external_ids.get(account_id)
        return self._is_open(account_id, call) and expected in (None, call.text("ExternalId"))

    def _is_open(self, account_id: str, call: Call) -> bool:
        return account_id in self._accounts and call.text("RoleArn") not in self._denied_roles

    def _issue(
        self, call: Call, account_id: str, role_name: str, tags: dict[str, str], *, trusted: bool
    ) -> dict[str, Any]:
        duration_s = call.integer("DurationSeconds", 3_600, 900, self.max_session_duration_s)
        session_name = call.text("RoleSessionName") or ""
        role_id = f"AROA{account_id}{role_name.upper()[:8]}"
        user_id = f"{role_id}:{session_name}"
        arn = f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"
        key = None
        if trusted:
            lifetime_s = duration_s if self.expires_in_s is None else self.expires_in_s
            actions = _actions(call.text("Policy"))
            key = self._ring.mint(account_id, arn, user_id, self._ring.clock() + lifetime_s, actions)
        self._record(call, tags, duration_s, key)
        if key is None:
            raise access_denied("query", call.caller.arn if call.caller else "anonymous", f"sts:{call.operation}")
        return {
            "Credentials": {
                "AccessKeyId": key.access_key_id,
                "SecretAccessKey": key.secret_access_key,
                "SessionToken": key.session_token,
                "Expiration": iso(key.expires_at_s or 0.0),
            },
            "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": arn},
            "PackedPolicySize": 6,
            "SourceIdentity": call.text("SourceIdentity"),
        }

    def _record(self, call: Call, tags: dict[str, str], duration_s: int, key: Key | None) -> None:
        self.calls.append(
            RoleCall(
                operation=call.operation,
                role_arn=call.text("RoleArn") or "",
                role_session_name=call.text("RoleSessionName") or "",
                source_identity=call.text("SourceIdentity"),
                external_id=call.text("ExternalId"),
                tags=tags,
                policy=call.text("Policy"),
                duration_s=duration_s,
                access_key_id=key.access_key_id if key else None,
                web_identity_token=call.text("WebIdentityToken"),
            )
        )


def _actions(policy: str | None) -> frozenset[str] | None:
    """What a session policy allows; None where there is none, or one in another form than ours."""
    statements = json.loads(policy or "{}").get("Statement") or [{}]
    statement = statements[0]
    is_ours = len(statements) == 1 and statement.get("Effect") == "Allow" and statement.get("Resource") == "*"
    return frozenset(statement["Action"]) if is_ours and isinstance(statement.get("Action"), list) else None
