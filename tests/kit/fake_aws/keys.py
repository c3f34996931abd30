"""Access keys: who holds which secret, for which account, until when. The account of a call is its key's account."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_KEY_ALPHABET: Final = string.ascii_uppercase + "234567"


@dataclass(slots=True)
class Key:
    """An access key as AWS knows it. A permanent one has neither token nor end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    account_id: str
    arn: str
    user_id: str
    session_token: str | None = field(default=None, repr=False)
    expires_at_s: float | None = None
    actions: frozenset[str] | None = None
    """What its session policy allows, such as "logs:StartQuery"; None for everything."""
    signing_keys: dict[tuple[str, str, str], bytes] = field(default_factory=dict, repr=False)

    @property
    def is_permanent(self) -> bool:
        """Whether this is no session key."""
        return self.session_token is None

    def allows(self, action: str) -> bool:
        """Whether the session policy allows the action."""
        return self.actions is None or action in self.actions


class KeyRing:
    """Every key that this AWS has handed out."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._keys: dict[str, Key] = {}

    def add(self, key: Key) -> Key:
        """Make a key known."""
        self._keys[key.access_key_id] = key
        return key

    def find(self, access_key_id: str) -> Key | None:
        """The key of this id, expired ones included."""
        return self._keys.get(access_key_id)

    def mint(
        self,
        account_id: str,
        arn: str,
        user_id: str,
        expires_at_s: float,
        actions: frozenset[str] | None = None,
    ) -> Key:
        """A new session key with random id, secret and token, that allows `actions` (None: everything)."""
        return self.add(
            Key(
                access_key_id="ASIA" + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(16)),
                secret_access_key=secrets.token_urlsafe(30),
                account_id=account_id,
                arn=arn,
                user_id=user_id,
                session_token=f"FwoGZXIvYXdz{secrets.token_urlsafe(180)}",
                expires_at_s=expires_at_s,
                actions=actions,
            )
        )

    def has_expired(self, key: Key) -> bool:
        """Whether the key's time is over."""
        return key.expires_at_s is not None and self.clock() >= key.expires_at_s

    def expire(self, account_id: str | None = None) -> int:
        """End every session key now (of one account when given). Says how many."""
        now_s = self.clock()
        ended = [
            key
            for key in self._keys.values()
            if not key.is_permanent and account_id in (None, key.account_id) and not self.has_expired(key)
        ]
        for key in ended:
            key.expires_at_s = now_s
        return len(ended)
