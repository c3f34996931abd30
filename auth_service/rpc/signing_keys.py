"""SigningKeyService: the public keys with which others check what this service vouches for."""

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cwmcp.auth.v1 import signing_key_service_pb2 as pb
from cwmcp.auth.v1.signing_key_service_pb2_grpc import SigningKeyServiceServicer

from auth_service.adapters.signing_keys import SigningKeys


class SigningKeyServicer(SigningKeyServiceServicer):
    """Publishes the keys in use."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    async def GetSigningKeys(
        self,
        request: pb.GetSigningKeysRequest,
        context: grpc.aio.ServicerContext[pb.GetSigningKeysRequest, pb.GetSigningKeysResponse],
    ) -> pb.GetSigningKeysResponse:
        """All keys whose assertions may still be valid."""
        return pb.GetSigningKeysResponse(
            keys=[_to_proto(key_id, key) for key_id, key in self._keys.public_keys().items()]
        )


def _to_proto(key_id: str, key: Ed25519PublicKey) -> pb.SigningKey:
    return pb.SigningKey(key_id=key_id, ed25519_public_key=key.public_bytes_raw())
