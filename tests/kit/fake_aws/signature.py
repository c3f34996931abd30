"""Signature Version 4 from AWS's side: who signed this request, and is the signature right?

Header signatures only (no presigned URLs, no streamed bodies): that is all these services use.
Reference: AWS IAM User Guide, "Create a signed AWS API request".
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from tests.kit.fake_aws.keys import Key, KeyRing
from tests.kit.fake_aws.wire import AwsError, Protocol

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_MAX_SKEW_S: Final = 300.0
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an Authorization header says of itself."""

    access_key_id: str
    date: str
    region: str
    signing_name: str
    signed_headers: str
    signature: str


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a request that a signature covers."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def parse_authorization(header: str) -> Claim | None:
    """The claim of a SigV4 Authorization header, None when it is not one."""
    algorithm, _, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = parts.get("Credential", "").split("/")
    if algorithm != _ALGORITHM or len(scope) != 5 or scope[4] != "aws4_request":
        return None
    return Claim(scope[0], scope[1], scope[2], scope[3], parts.get("SignedHeaders", ""), parts.get("Signature", ""))


def authenticate(ring: KeyRing, claim: Claim | None, signed: Signed, protocol: Protocol, *, verify: bool) -> Key:
    """The key that signed the request. Raises AWS's error, in the protocol's own words; `verify` off skips the HMAC."""
    if claim is None:
        raise _refused(protocol, "missing", "Missing Authentication Token")
    key = ring.find(claim.access_key_id)
    if key is None:
        raise _refused(protocol, "unknown", "The security token included in the request is invalid.")
    if ring.has_expired(key):
        raise _refused(protocol, "expired", "The security token included in the request is expired")
    if verify:
        _verify(key, claim, signed, protocol)
    return key


def _verify(key: Key, claim: Claim, signed: Signed, protocol: Protocol) -> None:
    token = signed.headers.get("X-Amz-Security-Token")
    if token != key.session_token:
        raise _refused(protocol, "unknown", "The security token included in the request is invalid.")
    timestamp = signed.headers.get("X-Amz-Date", "")
    names = claim.signed_headers.split(";")
    covered = {"host", "x-amz-date"} | ({"x-amz-security-token"} if token else set())
    if not covered.issubset(names) or not timestamp.startswith(claim.date) or _skew_s(timestamp) > _MAX_SKEW_S:
        raise _refused(protocol, "signature", f"Signature expired or incomplete: {timestamp}")
    payload = signed.headers.get("X-Amz-Content-Sha256")
    if payload != _UNSIGNED:
        payload = hashlib.sha256(signed.body).hexdigest()
    expected = _signature(key, claim, timestamp, _canonical_request(signed, names, claim.signed_headers, payload))
    if not hmac.compare_digest(expected, claim.signature):
        message = "The request signature we calculated does not match the signature you provided."
        raise _refused(protocol, "signature", message)


def _canonical_request(signed: Signed, names: list[str], signed_headers: str, payload: str) -> str:
    headers = "".join(f"{name}:{' '.join(signed.headers.get(name, '').split())}\n" for name in names)
    path = quote(signed.path, safe="/~")
    query = "&".join(f"{name}={value}" for name, value in sorted(_pairs(signed.query)))
    return f"{signed.method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}"


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(name, value.replace("+", "%20")) for name, _, value in pairs]


def _signature(key: Key, claim: Claim, timestamp: str, canonical_request: str) -> str:
    scope = (claim.date, claim.region, claim.signing_name)
    signing_key = key.signing_keys.get(scope)
    if signing_key is None:
        signing_key = f"AWS4{key.secret_access_key}".encode()
        for part in (*scope, "aws4_request"):
            signing_key = hmac.digest(signing_key, part.encode(), "sha256")
        key.signing_keys[scope] = signing_key
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{timestamp}\n{'/'.join(scope)}/aws4_request\n{digest}"
    return hmac.digest(signing_key, text.encode(), "sha256").hex()


def _skew_s(timestamp: str) -> float:
    try:
        moment = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return float("inf")
    return abs(time.time() - moment.timestamp())


# Query services answer 403 with one set of codes, JSON services 400 with another (AWS, "Common errors").
_CODES: Final[dict[str, tuple[str, str]]] = {
    "missing": ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    "unknown": ("InvalidClientTokenId", "UnrecognizedClientException"),
    "expired": ("ExpiredToken", "ExpiredTokenException"),
    "signature": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "denied": ("AccessDenied", "AccessDeniedException"),
}


def _refused(protocol: Protocol, kind: str, message: str) -> AwsError:
    query_code, json_code = _CODES[kind]
    return AwsError(json_code, 400, message) if protocol == "json" else AwsError(query_code, 403, message)


def access_denied(protocol: Protocol, arn: str, action: str) -> AwsError:
    """AWS's refusal of an action that the caller may not do."""
    return _refused(protocol, "denied", f"User: {arn} is not authorized to perform: {action}")
