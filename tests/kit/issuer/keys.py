"""Signing keys of the test issuer. Making an RSA key is slow, so each named key is made once a process."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Algorithm = Literal["RS256", "ES256", "EdDSA"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its id and the algorithm that its JWK names."""

    key_id: str
    algorithm: Algorithm
    private: PrivateKey = field(repr=False)

    def jwk(self) -> dict[str, Any]:
        """The public key as an issuer publishes it."""
        method = jwt.get_algorithm_by_name(self.algorithm)
        return {
            **method.to_jwk(self.private.public_key(), as_dict=True),
            "kid": self.key_id,
            "alg": self.algorithm,
            "use": "sig",
            "key_ops": ["verify"],
        }

    def public_pem(self) -> bytes:
        """The public key as PEM."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@cache
def rsa_key(key_id: str = "rsa-1", bits: int = 2_048) -> SigningKey:
    """The RSA key of that name."""
    return SigningKey(key_id, "RS256", rsa.generate_private_key(65_537, bits))


@cache
def ec_key(key_id: str = "ec-1") -> SigningKey:
    """The P-256 key of that name."""
    return SigningKey(key_id, "ES256", ec.generate_private_key(ec.SECP256R1()))


@cache
def ed25519_key(key_id: str = "ed-1") -> SigningKey:
    """The Ed25519 key of that name."""
    return SigningKey(key_id, "EdDSA", ed25519.Ed25519PrivateKey.generate())
