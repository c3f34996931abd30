"""`python -m auth_service explain-token`: reads a token from standard input and says what the service would make of it.

The token is never an argument, where other users of the machine could read it, and is never printed.
"""

import argparse
import asyncio
import getpass
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, get_args

from auth_service.adapters.issuer_documents import FAILURES
from auth_service.adapters.jwks import VerificationKey, usable_keys
from auth_service.adapters.policy_file import read_issuers, read_policy
from auth_service.app import issuer_http, open_keys, open_validator, read_table
from auth_service.domain.accounts import Partition
from auth_service.domain.issuers import Issuer
from auth_service.domain.policy import Policy
from auth_service.settings import load
from auth_service.token_explanation import Explanation, Outcome, explain
from auth_service.validation import TokenValidator
from servicekit.errors import Reason, ServiceError
from servicekit.lifecycle import ConfigurationError
from servicekit.permissions import BASE_SCOPE
from servicekit.settings import SettingsError

COMMAND: Final = "explain-token"
ACCEPTED, REFUSED, MISCONFIGURED, UNDECIDED, WITHOUT_ACCOUNT = 0, 1, 2, 3, 4
_MAX_INPUT_BYTES: Final = 65_536
_EXIT_CODES: Final = """
exit status: 0 accepted, 1 refused, 2 the configuration or the arguments are wrong, 3 undecided (the issuer was not
asked or does not answer), 4 accepted, and the policy gives the user no account
"""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        issuers, policy, scopes = _configuration(options)
        keys = _read_keys(options.jwks) if options.jwks else None
    except (SettingsError, ConfigurationError) as error:
        sys.stderr.write(f"explain-token: the configuration is wrong\n{error}\n")
        return MISCONFIGURED
    explanation = asyncio.run(_explain(_read_token(), issuers, policy, scopes, keys, is_offline=options.offline))
    if options.json:
        sys.stdout.write(json.dumps(explanation.as_json(), indent=2) + "\n")
    else:
        sys.stdout.write(explanation.as_text() + "\n")
    return _exit_code(explanation)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m auth_service {COMMAND}",
        description="Say what the service would make of the access token on standard input, and why.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument(
        "--offline", action="store_true", help="ask no issuer: signatures stay unchecked without --jwks"
    )
    parser.add_argument("--jwks", type=Path, metavar="FILE", help="the issuer's keys, instead of fetching them")
    parser.add_argument(
        "--issuers", type=Path, metavar="FILE", help="this issuers table, instead of the service's settings"
    )
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the policy to go with --issuers")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _configuration(options: argparse.Namespace) -> tuple[Mapping[str, Issuer], Policy | None, Sequence[str]]:
    """The service's own, or that of the files named. Raises SettingsError, ConfigurationError."""
    if options.issuers:
        policy = read_policy(options.policy, {}, frozenset(get_args(Partition))) if options.policy else None
        return read_issuers(options.issuers), policy, (BASE_SCOPE,)
    settings = load()
    if not settings.enable_auth:
        raise ConfigurationError("ENABLE_AUTH=false: tokens are not looked at")
    policy_file = options.policy or settings.policy_file
    policy = read_policy(policy_file, settings.excluded_strategies(), settings.partitions) if policy_file else None
    return read_table(settings), policy, settings.required_scopes


def _read_keys(path: Path) -> Mapping[str, VerificationKey]:
    """A JWK set in a file. Raises ConfigurationError."""
    try:
        return usable_keys(json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (*FAILURES, AttributeError) as error:
        raise ConfigurationError(f"{path} is no set of usable keys") from error


def _read_token() -> str:
    """What is on standard input, or typed without an echo. A leading "Bearer" is taken off."""
    if sys.stdin.isatty():
        text = getpass.getpass("Access token: ")
    else:
        text = sys.stdin.buffer.read(_MAX_INPUT_BYTES).decode("utf-8", "replace")
    kind, _, rest = text.strip().partition(" ")
    return rest.strip() if kind.lower() == "bearer" else text.strip()


async def _explain(
    token: str,
    issuers: Mapping[str, Issuer],
    policy: Policy | None,
    scopes: Sequence[str],
    keys: Mapping[str, VerificationKey] | None,
    *,
    is_offline: bool,
) -> Explanation:
    async with AsyncExitStack() as stack:
        if is_offline or keys is not None:
            source = _KeysAtHand(keys)
            asked = dict.fromkeys(issuers, _NobodyToAsk())
            validator = TokenValidator(issuers, dict.fromkeys(issuers, source), asked, required_scopes=scopes)
        else:
            http = await stack.enter_async_context(issuer_http())
            key_caches = await stack.enter_async_context(open_keys(issuers, http))
            validator = await stack.enter_async_context(open_validator(issuers, key_caches, scopes, http))
        return await explain(validator, policy, token, time.time(), list(issuers))


def _exit_code(explanation: Explanation) -> int:
    match explanation.outcome:
        case Outcome.REFUSED:
            return REFUSED
        case Outcome.UNDECIDED:
            return UNDECIDED
        case _:
            return WITHOUT_ACCOUNT if explanation.accounts == [] else ACCEPTED


class _KeysAtHand:
    """The keys of a file, or none."""

    def __init__(self, keys: Mapping[str, VerificationKey] | None) -> None:
        self._keys = keys

    async def find(self, key_id: str) -> VerificationKey:
        """As JwksCache does."""
        if self._keys is None:
            raise ServiceError(Reason.ISSUER_UNAVAILABLE, "the issuer's keys are not fetched offline")
        if key_id not in self._keys:
            raise ServiceError(Reason.TOKEN_SIGNATURE_INVALID, "the token's key is not in the file")
        return self._keys[key_id]


class _NobodyToAsk:
    """No introspection offline."""

    async def introspect(self, token: str, source: str) -> Mapping[str, Any]:
        """As TokenIntrospector does."""
        raise ServiceError(Reason.ISSUER_UNAVAILABLE, "the issuer is not asked offline")
