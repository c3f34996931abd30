"""A scripted OIDC issuer for tests: tokens right and wrong, and a server for its keys that can fail in every way."""

from tests.kit.issuer.keys import SigningKey, ec_key, ed25519_key, rsa_key
from tests.kit.issuer.server import INTROSPECTION, JWKS, OAUTH_METADATA, OPENID_CONFIGURATION, TOKEN, Document, Issuer
from tests.kit.issuer.tokens import OMIT, encode, encode_raw, tamper_claims, tamper_signature

__all__ = [
    "INTROSPECTION",
    "JWKS",
    "OAUTH_METADATA",
    "OMIT",
    "OPENID_CONFIGURATION",
    "TOKEN",
    "Document",
    "Issuer",
    "SigningKey",
    "ec_key",
    "ed25519_key",
    "encode",
    "encode_raw",
    "rsa_key",
    "tamper_claims",
    "tamper_signature",
]
