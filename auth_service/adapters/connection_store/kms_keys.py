"""The store's keys under a key of AWS KMS: envelope encryption, so that whoever has the database has nothing.

AWS KMS makes each data key and encrypts it (GenerateDataKey); the store keeps the encrypted form, and a replica has it
decrypted once. A data key seals for a month. The key of AWS KMS and the encryption context are named in each request,
so a data key that somebody else wrapped, even with an AWS KMS key of their own, is not taken: AWS KMS API reference,
Decrypt, on KeyId.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from auth_service.adapters.connection_store.sealing import KEY_BYTES, KeyUnknown, StoreKey
from auth_service.adapters.connection_store.wrapped_keys import WrappedKey, WrappedKeys
from auth_service.domain.connections import StoreUnavailable
from servicekit.aws_http import UnredirectedHttpSession

_log = logging.getLogger(__name__)
_audit = logging.getLogger("auth_service.audit")
_CONTEXT: Final[Mapping[str, str]] = {"cwmcp:purpose": "data key of the store of connections"}
_DAY_S: Final = 86_400.0
_SEALS_FOR_S: Final = 30 * _DAY_S
# By then every record that it sealed was sealed anew long ago.
_KEEP_UNUSED_S: Final = 3 * _SEALS_FOR_S
# What AWS KMS says of a ciphertext that the key and the context did not make.
_NOT_OURS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsKeys:
    """The data keys, the newest of which seals."""

    def __init__(
        self, kms: Any, kms_key_ids: Sequence[str], kept: WrappedKeys, clock: Callable[[], float] = time.time
    ) -> None:
        """`kms` is an open aioboto3 client. New data keys are under the first of `kms_key_ids`; the others may open."""
        self._kms = kms
        self._kms_key_ids = tuple(kms_key_ids)
        self._kept = kept
        self._clock = clock
        self._keys: dict[str, StoreKey] = {}
        self._refused: set[str] = set()
        self._newest: WrappedKey | None = None
        self._learning = asyncio.Lock()

    @property
    def active(self) -> StoreKey:
        """The newest key. Raises KeyUnknown before the first `learn`."""
        if self._newest is None:
            raise KeyUnknown("")
        return self._keys[self._newest.key_id]

    def find(self, key_id: str) -> StoreKey:
        """The key of that name. Raises KeyUnknown."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyUnknown(key_id) from None

    async def learn(self) -> None:
        """Have new keys decrypted; make one where none is new enough to seal. Raises StoreUnavailable."""
        async with self._learning:
            for wrapped in await self._kept.read_all():
                if wrapped.key_id not in self._keys and wrapped.key_id not in self._refused:
                    await self._open(wrapped)
                if wrapped.key_id in self._keys and wrapped.kms_key_id == self._kms_key_ids[0]:
                    self._newest = wrapped
            if self._newest is None or self._newest.created_at_s <= self._clock() - _SEALS_FOR_S:
                await self._make()

    async def drop_unused(self) -> int:
        """Delete old data keys with which nothing is sealed any more; returns how many. Raises StoreUnavailable."""
        return await self._kept.drop_unused(self._clock() - _KEEP_UNUSED_S)

    async def _make(self) -> None:
        """Only what was seen to open again may seal."""
        kms_key_id = self._kms_key_ids[0]
        answer = await self._ask(
            self._kms.generate_data_key_without_plaintext,
            KeyId=kms_key_id,
            NumberOfBytes=KEY_BYTES,
            EncryptionContext=_CONTEXT,
        )
        key = await self._decrypt(kms_key_id, answer["CiphertextBlob"])
        if key is None:
            raise _unavailable()
        wrapped = WrappedKey(key.key_id, kms_key_id, answer["CiphertextBlob"], self._clock())
        await self._kept.add(wrapped)
        self._keys[key.key_id] = key
        self._newest = wrapped
        _log.info("a new key of the store of connections seals: %s", key.key_id)

    async def _open(self, wrapped: WrappedKey) -> None:
        """Have one decrypted. One that cannot be is missed by those records only that need it."""
        if wrapped.kms_key_id not in self._kms_key_ids:
            return
        try:
            key = await self._decrypt(wrapped.kms_key_id, wrapped.wrapped)
        except StoreUnavailable:
            return
        if key is None or key.key_id != wrapped.key_id:
            self._refuse(wrapped)
            return
        self._keys[key.key_id] = key

    async def _decrypt(self, kms_key_id: str, wrapped: bytes) -> StoreKey | None:
        """The key inside; None where that key of AWS KMS did not encrypt it for this purpose."""
        parameters = {"KeyId": kms_key_id, "CiphertextBlob": wrapped, "EncryptionContext": _CONTEXT}
        answer = await self._ask(self._kms.decrypt, **parameters)
        return StoreKey.of(answer["Plaintext"]) if answer else None

    def _refuse(self, wrapped: WrappedKey) -> None:
        self._refused.add(wrapped.key_id)
        facts = {"event": "store record refused", "table": "data_keys", "record_id": wrapped.key_id}
        _audit.warning("a key of the store of connections was altered, and refused", extra={"facts": facts})

    async def _ask(self, operation: Any, **parameters: Any) -> Any:
        """AWS KMS's answer; None where it says that a ciphertext is not of ours. Raises StoreUnavailable."""
        try:
            return await operation(**parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _NOT_OURS:
                return None
            _log.error("AWS KMS does not serve the store of connections: %s", code)
            raise _unavailable() from error
        except BotoCoreError as error:
            _log.error("AWS KMS cannot be asked for the store of connections: %s", type(error).__name__)
            raise _unavailable() from error


@asynccontextmanager
async def kms_client(region: str) -> AsyncIterator[Any]:
    """A client with the service's identity, while open."""
    config = AioConfig(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        http_session_cls=UnredirectedHttpSession,
        user_agent_extra=f"cloudwatch-mcp/{version('cloudwatch-mcp')}",
    )
    async with aioboto3.Session().client("kms", region_name=region, config=config) as client:
        yield client


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("AWS KMS does not open the keys of the store of connections now")
