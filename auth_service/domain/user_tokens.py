"""The token that a user presented, as a value, for the ways to credentials that need it. Never shows. Pure.

What is here has passed all checks at the door: nothing in this module decides whether to believe it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class UserToken:
    """A bearer and when it ends, in Unix seconds with the issuer's leeway."""

    text: str = field(repr=False)
    expires_at_s: float

    @property
    def digest(self) -> bytes:
        """A name for the token in memory; empty where there is none."""
        return hashlib.sha256(self.text.encode()).digest() if self.text else b""

    @property
    def header(self) -> Mapping[str, Any]:
        """The header of a JWT; empty for any other token."""
        return self._part(0)

    @property
    def claims(self) -> Mapping[str, Any]:
        """The claims of a JWT; empty for any other token."""
        return self._part(1)

    def _part(self, index: int) -> Mapping[str, Any]:
        parts = self.text.split(".")
        if len(parts) != 3:
            return {}
        try:
            decoded = json.loads(base64.urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
        except ValueError:
            return {}
        return decoded if isinstance(decoded, dict) else {}


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or else the one at this dotted path (names may hold dots themselves); None if absent."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
