"""Temporary AWS credentials as values. Their secrets never show in a representation."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """What STS issued, or a local profile holds. Times are Unix seconds."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at_s: float
    issued_at_s: float
