"""Keys in the files of a directory that all replicas share, and how they change without anybody noticing.

Every matching file is a key in use, and the last by name is the active one, once it has been in use for a while: adding
a file rotates, and removing an old one ends it. Without a directory, a key is made for the life of the process, which
serves a single replica only. What a key is for, this module does not know.
"""

import asyncio
import logging
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from servicekit.lifecycle import ConfigurationError

_log = logging.getLogger(__name__)
# Other replicas and verifiers have read a new key by then.
PUBLISH_BEFORE_USE_S: Final = 60.0
_READ_AGAIN_S: Final = 10.0


class NamedKey(Protocol):
    """A key with a name that is no secret."""

    @property
    def key_id(self) -> str:
        """The name, computed from the key."""
        ...


def read_symmetric_key(path: Path, size: int) -> bytes:
    """The bytes of a key in base64. Raises ConfigurationError for what is none, or not of `size` bytes."""
    try:
        raw = b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} is not a readable key in base64") from error
    if len(raw) != size:
        raise ConfigurationError(f"{path} is not of {size} bytes (make one: openssl rand -base64 {size})")
    return raw


K = TypeVar("K", bound=NamedKey)


@dataclass(frozen=True, slots=True)
class KeyForm(Generic[K]):
    """What the keys are called in messages, which files hold them, how one is read, and how one is made."""

    name: str
    pattern: str
    read: Callable[[Path], K]
    make: Callable[[], K]


@dataclass(frozen=True, slots=True)
class _Published(Generic[K]):
    key: K
    since_s: float


class KeyDirectory(Generic[K]):
    """The keys in use. Reads its directory again now and then; keeps the last good set when that fails."""

    def __init__(self, directory: Path | None, form: KeyForm[K], clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ConfigurationError."""
        self._directory = directory
        self._form = form
        self._clock = clock
        keys = self._read(directory) if directory else [form.make()]
        # Replaced as a whole, because `reload` runs in another thread. What is there at the start was there before: it
        # may be active at once.
        self._published = [_Published(key, float("-inf")) for key in keys]

    @property
    def active(self) -> K:
        """The key that is used for what is new: the last by name that has been published for long enough."""
        published = self._published
        ready_at_s = self._clock() - PUBLISH_BEFORE_USE_S
        ready = [each for each in published if each.since_s <= ready_at_s]
        return (ready or published)[-1].key

    @property
    def all(self) -> list[K]:
        """All keys, the active one first; it may be there twice."""
        return [self.active, *(each.key for each in self._published)]

    def reload(self) -> None:
        """Read the directory again, if there is one. Raises ConfigurationError and then changes nothing."""
        if self._directory is None:
            return
        keys = self._read(self._directory)
        now_s = self._clock()
        since_s = {each.key.key_id: each.since_s for each in self._published}
        self._published = [_Published(key, since_s.get(key.key_id, now_s)) for key in keys]
        if list(since_s) != [key.key_id for key in keys]:
            _log.info("%d %s, active %s", len(keys), self._form.name, self.active.key_id)

    async def keep_reading(self) -> None:
        """Reload until cancelled; returns at once when there is no directory."""
        while self._directory is not None:
            await asyncio.sleep(_READ_AGAIN_S)
            try:
                await asyncio.to_thread(self.reload)
            except ConfigurationError as error:
                _log.error("keeping the %s in use: %s", self._form.name, error)

    def _read(self, directory: Path) -> list[K]:
        paths = sorted(directory.glob(self._form.pattern))
        if not paths:
            raise ConfigurationError(f"{directory} holds no {self._form.name} ({self._form.pattern})")
        return [self._form.read(path) for path in paths]
