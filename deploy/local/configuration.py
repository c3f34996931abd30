"""What the caller's environment changes about the development stack. The only place that names those variables.

Everything has a default; what is set replaces an embedded part by one of the caller's own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.accounts import DEFAULT_REGION

# The names by which AWS's own tools are told who the caller is.
_AWS_IDENTITY: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
_HIGHEST_PORT: Final = 65_535


class MisconfiguredError(Exception):
    """The environment asks for something that cannot be; the message names the variable."""


@dataclass(frozen=True, slots=True)
class ExternalAws:
    """An AWS of the caller's own, with the caller's own identity and policy file."""

    endpoint_url: str
    policy_file: Path
    identity: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExternalIssuer:
    """An identity provider of the caller's own."""

    issuer: str
    audience: str
    jwks_url: str | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """One start of the stack."""

    region: str
    mcp_port: int | None
    aws: ExternalAws | None
    issuer: ExternalIssuer | None
    for_children: Mapping[str, str] = field(repr=False)
    """Of the caller's environment, all that any service may be given."""


def read(environment: Mapping[str, str] = os.environ) -> Configuration:
    """Raises MisconfiguredError."""
    return Configuration(
        region=environment.get("AWS_REGION") or DEFAULT_REGION,
        mcp_port=_port(environment, "CLOUDWATCH_MCP_PORT"),
        aws=_external_aws(environment),
        issuer=_external_issuer(environment),
        for_children={name: value for name, value in environment.items() if _is_for_children(name)},
    )


def _is_for_children(name: str) -> bool:
    return (
        name in ("PATH", "HOME", "LOG_LEVEL", "OAUTH_PRESET", "OAUTH_CLIENT_IDS", "OAUTH_SCOPE_PREFIX")
        or name.startswith("OTEL_")
        or name in ("AUTH_GRACE_PERIOD_S", "CLOUDWATCH_GRACE_PERIOD_S", "FRONTEND_GRACE_PERIOD_S")
    )


def _external_aws(environment: Mapping[str, str]) -> ExternalAws | None:
    endpoint_url = environment.get("AWS_ENDPOINT_URL")
    if not endpoint_url:
        return None
    policy_file = environment.get("AUTH_POLICY_FILE")
    if not policy_file:
        raise MisconfiguredError("AWS_ENDPOINT_URL is set, so AUTH_POLICY_FILE must say who may use which accounts")
    if not Path(policy_file).is_file():
        raise MisconfiguredError(f"AUTH_POLICY_FILE: there is no file {policy_file}")
    identity = {name: environment[name] for name in _AWS_IDENTITY if environment.get(name)}
    return ExternalAws(endpoint_url, Path(policy_file).absolute(), identity)


def _external_issuer(environment: Mapping[str, str]) -> ExternalIssuer | None:
    issuer = environment.get("OAUTH_ISSUER")
    if not issuer:
        return None
    audience = environment.get("OAUTH_AUDIENCE")
    if not audience:
        raise MisconfiguredError("OAUTH_ISSUER is set, so OAUTH_AUDIENCE must say for whom its tokens are")
    return ExternalIssuer(issuer, audience, environment.get("OAUTH_JWKS_URL"))


def _port(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _HIGHEST_PORT:
        raise MisconfiguredError(f"{name}: {text} is not a port")
    return int(text)
