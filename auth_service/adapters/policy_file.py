"""The policy and issuer files: read, validated with readable faults, and the policy read again when it changes."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from auth_service.domain.issuers import Issuer, IssuersFaulty, build_issuers
from auth_service.domain.policy import Policy, PolicyError, build_policy
from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)
_LOOK_AGAIN_S: Final = 2.0


def read_policy(path: Path, excluded_strategies: Mapping[str, str], partitions: Collection[str]) -> Policy:
    """The policy in a YAML file. Raises ConfigurationError listing every fault with its place.

    `excluded_strategies` are those that nothing in it may use here, and why; `partitions` are those in which the
    service has an identity.
    """
    try:
        policy = build_policy(_read_yaml(path))
    except PolicyError as error:
        raise ConfigurationError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None
    faults = []
    beyond = sorted(
        f"{alias} ({account.partition})"
        for alias, account in policy.accounts.items()
        if account.strategy == "assume_role" and account.partition not in partitions
    )
    if beyond:
        why = "the service has no identity in the partition; AUTH_PARTITION_PROFILES names one"
        faults.append(f"{path}: {why}: {', '.join(beyond)}")
    for strategy, why in excluded_strategies.items():
        users = sorted(alias for alias, account in policy.accounts.items() if account.strategy == strategy)
        if strategy == "identity_center":
            users = [grant.label for grant in policy.grants if grant.grant.identity_center is not None]
        if users:
            faults.append(f"{path}: {strategy} {why}: {', '.join(users)}")
    if faults:
        raise ConfigurationError("\n".join(faults))
    return policy


def read_issuers(path: Path) -> dict[str, Issuer]:
    """The issuers table in a YAML file with the one key `issuers`. Raises ConfigurationError listing every fault."""
    document = _read_yaml(path)
    entries = document.get("issuers")
    if set(document) != {"issuers"} or not isinstance(entries, list) or not entries:
        raise ConfigurationError(f"{path}: must have the one key issuers, a list")
    try:
        return build_issuers(entries)
    except IssuersFaulty as error:
        places = ((".".join(map(str, ("issuers", *place))), message) for place, message in error.faults)
        raise ConfigurationError("\n".join(f"{path}: {place}: {message}" for place, message in places)) from None


class WatchedPolicy:
    """The policy in force. A changed file takes effect within seconds; a faulty one is reported and ignored."""

    def __init__(self, path: Path, excluded_strategies: Mapping[str, str], partitions: Collection[str]) -> None:
        """As `read_policy`."""
        self._path = path
        self._excluded = excluded_strategies
        self._partitions = frozenset(partitions)
        self._seen = _fingerprint(path)
        self.current = self._read()

    def reload_if_changed(self) -> None:
        """Raises ConfigurationError when the new file is faulty; the policy in force stays."""
        now = _fingerprint(self._path)
        if now == self._seen:
            return
        self._seen = now
        self.current = self._read()
        _log.info("the policy was read again: %d accounts", len(self.current.accounts))

    def _read(self) -> Policy:
        return read_policy(self._path, self._excluded, self._partitions)

    async def keep_reading(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)
            try:
                await asyncio.to_thread(self.reload_if_changed)
            except (ConfigurationError, OSError) as error:
                _log.error("keeping the policy in force: %s", error)


def _fingerprint(path: Path) -> tuple[int, int, int]:
    """Changes when the file is written or replaced, also by Kubernetes' swap of a link to a new folder."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    return found.st_ino, found.st_mtime_ns, found.st_size


class _StrictLoader(yaml.SafeLoader):
    """Refuses a name that occurs twice: YAML's last one would silently undo an account or grant."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As SafeLoader does, but strictly."""
        names = [name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} occurs twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: must be a mapping")
    return document


def _describe(path: Path, error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False)
    lines = (f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in faults)
    return "\n".join(f"{path}: {line}" for line in lines)
