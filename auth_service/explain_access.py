"""`python -m auth_service explain-access`: who may use what and why, by the policy file and nothing else.

Asks nobody: it reads the policy as the service would and prints what it decides of a user with the facts given. It must
not print secrets; external ids are none of its business.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from auth_service.adapters.policy_file import read_policy
from auth_service.domain.accounts import Partition
from auth_service.domain.explanation import as_json, as_text, explain
from auth_service.settings import load
from servicekit.identity import Principal, derive_user_id
from servicekit.lifecycle import ConfigurationError
from servicekit.permissions import BASE_SCOPE
from servicekit.settings import SettingsError

COMMAND: Final = "explain-access"
ADMITTED, NOT_ADMITTED, MISCONFIGURED = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Print the explanation; returns 0 when the user may do something, 1 when nothing, 2 for a faulty configuration."""
    options = _parse(arguments)
    try:
        if options.policy_file is None:
            settings = load()
            path, required_scopes, partitions = settings.policy_file, settings.required_scopes, settings.partitions
            excluded = settings.excluded_strategies()
            if path is None:
                raise ConfigurationError("AUTH_POLICY_FILE is required, or --policy-file")
        else:
            # Whatever the service may be allowed, and have, where the file is meant for.
            path, required_scopes, partitions = options.policy_file, (BASE_SCOPE,), frozenset(get_args(Partition))
            excluded = {}
        policy = read_policy(path, excluded, partitions)
    except (ConfigurationError, SettingsError) as error:
        sys.stderr.write(f"auth_service: {error}\n")
        return MISCONFIGURED
    explanation = explain(policy, _principal(options), required_scopes)
    if options.json:
        sys.stdout.write(json.dumps(as_json(explanation), indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(explanation))
    return ADMITTED if explanation.is_admitted else NOT_ADMITTED


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m auth_service {COMMAND}", description=__doc__)
    parser.add_argument("--issuer", required=True, help="the issuer of the user's tokens, to the letter")
    parser.add_argument("--user", required=True, help="the user's id in the tokens (sub, unless configured otherwise)")
    parser.add_argument("--group", action="append", default=[], help="a group of the user; may be repeated")
    parser.add_argument(
        "--scope", action="append", default=[], help=f"a scope of the token; may be repeated (default {BASE_SCOPE})"
    )
    parser.add_argument("--email", default="", help="the verified e-mail in the tokens")
    parser.add_argument("--policy-file", type=Path, help="instead of the configured AUTH_POLICY_FILE")
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser.parse_args(arguments)


def _principal(options: argparse.Namespace) -> Principal:
    return Principal(
        user_id=derive_user_id(options.issuer, options.user),
        issuer=options.issuer,
        subject=options.user,
        email=options.email,
        groups=tuple(options.group),
        scopes=tuple(options.scope) or (BASE_SCOPE,),
    )
