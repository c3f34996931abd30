"""The addresses of resources: cloudwatch://<account>/<region>/<kind>[/<name>]. It must not know what is behind one.

Each part is percent-encoded, so that a log group's name with its slashes is one part (RFC 6570, simple expansion). A
name written with bare slashes is understood too, because it comes last and models write addresses by hand.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from servicekit.errors import Reason, ServiceError

SCHEME: Final = "cloudwatch"
DEFAULT: Final = "-"
"""Stands for the user's default account, or the account's default region."""
ACCOUNTS_ADDRESS: Final = f"{SCHEME}://accounts"
_MAX_ADDRESS_CHARACTERS: Final = 4_096


class Kind(StrEnum):
    """What an address leads to."""

    ACCOUNTS = "accounts"
    ALARMS = "alarms"
    LOG_GROUPS = "log-groups"


@dataclass(frozen=True, slots=True)
class Address:
    """One address, decoded. Empty account and region are the default ones; without a name it is the whole list."""

    kind: Kind
    account: str = ""
    region: str = ""
    name: str = ""


def parse_address(uri: str) -> Address:
    """The parts of `uri`. Raises ServiceError (INVALID_ARGUMENT) that shows how addresses look."""
    if uri == ACCOUNTS_ADDRESS:
        return Address(Kind.ACCOUNTS)
    scheme, separator, rest = uri.partition("://")
    parts = rest.split("/", 3)
    if len(uri) > _MAX_ADDRESS_CHARACTERS or scheme.lower() != SCHEME or not separator or len(parts) < 3:
        raise _not_an_address()
    try:
        account, region, kind, name = (unquote(part, errors="strict") for part in (*parts, "")[:4])
    except UnicodeDecodeError as error:
        raise _not_an_address() from error
    if kind not in (Kind.ALARMS, Kind.LOG_GROUPS) or not account or not region:
        raise _not_an_address()
    return Address(
        Kind(kind), account="" if account == DEFAULT else account, region="" if region == DEFAULT else region, name=name
    )


def _not_an_address() -> ServiceError:
    return ServiceError(
        Reason.INVALID_ARGUMENT,
        f"resources here are {ACCOUNTS_ADDRESS} and {SCHEME}://<account>/<region>/{Kind.ALARMS} or {Kind.LOG_GROUPS}, "
        f"optionally with /<name>, percent-encoded; {DEFAULT} stands for the default account or region",
        field="uri",
    )
