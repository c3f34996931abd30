"""Many accounts from one entry of the policy file: shared settings with placeholders, laid under each account's own.

Works on what the file says, before it is judged: what comes out is judged like an account that was written in full.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from auth_service.domain.accounts import Partition

_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")
_ACCOUNT_ID: Final = re.compile(r"\d{12}", re.ASCII)
# Keys of an entry that are not settings of the accounts.
_ACCOUNTS, _ENVIRONMENTS, _ALIAS, _PARTITION, _ENVIRONMENT = (
    "accounts",
    "environments",
    "alias",
    "partition",
    "environment",
)
_DEFAULT_ALIAS: Final = "{name}"


class TemplateFault(ValueError):
    """An entry cannot be read; `place` is the path within it, the message says why."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(why)
        self.place = place


@dataclass(frozen=True, slots=True)
class WrittenAccount:
    """One account as if it had been written in full; `place` is where in the entry it comes from."""

    alias: str
    settings: Mapping[str, Any]
    place: str


def expand_template(entry: object) -> Iterator[WrittenAccount | TemplateFault]:
    """The accounts of one entry of `accounts_from`, and what is wrong with any; the faults do not end the others."""
    if not isinstance(entry, dict):
        yield TemplateFault("", "must be a mapping")
        return
    shared = {key: value for key, value in entry.items() if key not in (_ACCOUNTS, _ENVIRONMENTS)}
    environments = entry.get(_ENVIRONMENTS, {})
    if not isinstance(environments, dict) or not all(isinstance(each, dict) for each in environments.values()):
        yield TemplateFault(_ENVIRONMENTS, "must be a mapping of names to settings")
        return
    try:
        written = list(_listed(entry.get(_ACCOUNTS)))
    except TemplateFault as fault:
        yield fault
        return
    for place, name, own in written:
        try:
            yield _account(place, name, own, shared, environments)
        except TemplateFault as fault:
            yield fault


def _listed(accounts: object) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The place, name and own settings of each account: a list of ids, or a mapping of names to ids or settings."""
    if isinstance(accounts, list) and accounts:
        for index, account_id in enumerate(accounts):
            yield f"{_ACCOUNTS}.{index}", str(account_id), {"account_id": account_id}
    elif isinstance(accounts, dict) and accounts:
        for name, own in accounts.items():
            yield f"{_ACCOUNTS}.{name}", str(name), own if isinstance(own, dict) else {"account_id": own}
    else:
        raise TemplateFault(_ACCOUNTS, "must be a list of account ids, or a mapping of names to ids or settings")


def _account(
    place: str, name: str, own: Mapping[str, Any], shared: Mapping[str, Any], environments: Mapping[str, Any]
) -> WrittenAccount:
    environment = own.get(_ENVIRONMENT, shared.get(_ENVIRONMENT))
    if environment is not None and environment not in environments:
        raise TemplateFault(place, f"there is no environment {environment!s:.64}")
    settings = {**shared, **environments.get(environment, {}), **own}
    account_id = settings.get("account_id")
    if not isinstance(account_id, str) or not _ACCOUNT_ID.fullmatch(account_id):
        raise TemplateFault(place, "the account id must be twelve digits in quotes")
    partition = settings.pop(_PARTITION, "aws")
    if partition not in get_args(Partition):
        raise TemplateFault(place, f"partition must be one of {', '.join(get_args(Partition))}")
    settings.pop(_ENVIRONMENT, None)
    known = {"name": name, "account_id": account_id, "partition": partition, "environment": environment or ""}
    filled = {key: _filled(value, known, place, key) for key, value in settings.items()}
    alias = filled.pop(_ALIAS, None) or _filled(_DEFAULT_ALIAS, known, place, _ALIAS)
    return WrittenAccount(str(alias), filled, place)


def _filled(value: Any, known: Mapping[str, str], place: str, key: str) -> Any:
    """A text with its placeholders replaced; anything else as it is. Raises TemplateFault for an unknown one."""
    if not isinstance(value, str):
        return value
    unknown = sorted(set(_PLACEHOLDER.findall(value)) - set(known))
    if unknown:
        known_names = ", ".join(f"{{{name}}}" for name in known)
        raise TemplateFault(place, f"{key}: no placeholder {{{unknown[0]}}}; there are {known_names}")
    return _PLACEHOLDER.sub(lambda found: known[found[1]], value)
