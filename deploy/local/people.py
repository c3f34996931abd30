"""The people who can sign in at the development identity provider. They are made up, and have no passwords."""

from dataclasses import dataclass
from typing import Final

from deploy.local.accounts import OBSERVERS


@dataclass(frozen=True, slots=True)
class User:
    """One person: the name to sign in with, and what the provider says about them in tokens."""

    username: str
    subject: str
    email: str
    full_name: str
    groups: tuple[str, ...]


DEVELOPMENT_USERS: Final = (
    User("alice", "usr-alice-5d41c7a2", "alice@example.com", "Alice Payne", ("cw-payments",)),
    User("bob", "usr-bob-9b27e0f4", "bob@example.com", "Bob Weaver", ("cw-webshop",)),
    User("dave", "usr-dave-e81b60d7", "dave@example.com", "Dave Okoye", (OBSERVERS,)),
    # In no group: she can sign in, and has no AWS access.
    User("carol", "usr-carol-c3f8156e", "carol@example.com", "Carol Nowak", ()),
)
