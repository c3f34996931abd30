"""Keys of AWS KMS that seal, and keys in files that still open what they sealed before."""

from auth_service.adapters.connection_store.sealing import KeyUnknown, StoreKey, StoreKeys


class KeyChain:
    """Two sets of keys: `first` seals, both open."""

    def __init__(self, first: StoreKeys, second: StoreKeys) -> None:
        self._first = first
        self._second = second

    @property
    def active(self) -> StoreKey:
        """The first set's. Raises KeyUnknown while it has none."""
        return self._first.active

    def find(self, key_id: str) -> StoreKey:
        """The key of that name. Raises KeyUnknown."""
        try:
            return self._second.find(key_id)
        except KeyUnknown:
            return self._first.find(key_id)

    async def learn(self) -> None:
        """Look for new keys in both. Raises StoreUnavailable."""
        await self._second.learn()
        await self._first.learn()
