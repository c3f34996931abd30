"""What a record of a refusal may say about a token of which nothing is proved: little, and none of its own words."""

import hashlib
from collections.abc import Collection

from auth_service.domain.access_tokens import parse
from servicekit.errors import ServiceError

_HASH_CHARACTERS = 16


def describe(token: str, issuers: Collection[str]) -> dict[str, str]:
    """The issuer that it names, if that is one of the listed `issuers`, and a hash of its key's id, to tell floods
    with one key from a provider that has changed keys.
    """
    try:
        unverified = parse(token)
    except ServiceError:
        return {}
    facts = {}
    if isinstance(unverified.issuer, str) and unverified.issuer in issuers:
        facts["issuer"] = unverified.issuer
    if unverified.key_id:
        facts["key_id_sha256"] = hashlib.sha256(unverified.key_id.encode()).hexdigest()[:_HASH_CHARACTERS]
    return facts
