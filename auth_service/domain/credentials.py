"""Temporary AWS credentials as values. Their secrets never show in a representation."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """What STS issued. `expires_at_s` is Unix seconds, None for a long-lived key of a local profile."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at_s: float | None
    issued_at_s: float
