"""Checks a token's signature with one key. The only use of PyJWT on what strangers send."""

from typing import Final

import jwt

from auth_service.adapters.jwks import VerificationKey
from servicekit.errors import Reason, ServiceError

_jws: Final = jwt.PyJWS()
# The key types of the algorithms by the prefix of their names (RFC 7518 section 3.1, RFC 8037).
_KEY_TYPE: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def check_signature(token: str, algorithm: str, key: VerificationKey) -> None:
    """Raises TOKEN_SIGNATURE_INVALID unless `key` signed `token` by `algorithm`.

    The caller has checked the form of the token and that the algorithm is on the issuer's list.
    """
    # RFC 8725 section 3.1: a key that names an algorithm is for that one only.
    if key.key_type != _KEY_TYPE[algorithm[:2]] or key.algorithm not in (None, algorithm):
        raise _invalid("the token's key is not for its algorithm")
    try:
        _jws.decode(token, key.public, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise _invalid("the token's signature is wrong") from error


def _invalid(message: str) -> ServiceError:
    return ServiceError(Reason.TOKEN_SIGNATURE_INVALID, message)
