"""Access tokens good and bad, each with the exact reason that the authenticator gives."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from servicekit.errors import Reason
from tests.kit.issuer import OMIT, rsa_key, tamper_claims, tamper_signature
from tests.kit.token_desk import (
    AUDIENCE,
    CLAIMS,
    EC,
    ED,
    ISSUER,
    NOW_S,
    P384,
    RSA,
    TokenDesk,
    jwk_of,
    raw_token,
    token,
)

MALFORMED = Reason.TOKEN_MALFORMED
ISSUER_UNKNOWN = Reason.TOKEN_ISSUER_UNKNOWN
AUDIENCE_WRONG = Reason.TOKEN_AUDIENCE_WRONG
EXPIRED = Reason.TOKEN_EXPIRED
SIGNATURE = Reason.TOKEN_SIGNATURE_INVALID
REFUSED = Reason.TOKEN_CLAIMS_REFUSED
SCOPE = Reason.SCOPE_INSUFFICIENT

ATTACKER = rsa_key("attacker")
PLAIN = {"typ": "JWT"}


def with_claims(**changes: Any) -> str:
    return token(changes)


def with_number(name: str, text: str) -> str:
    """A claim whose value is written as this text, which JSON libraries would not write."""
    return raw_token(json.dumps(dict(CLAIMS) | {name: "@"}).replace('"@"', text))


def with_other_last_character(good: str) -> str:
    """The same signature in other characters: the last one has bits that mean nothing (256 bytes leave four)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return good[:-1] + alphabet[alphabet.index(good[-1]) ^ 1]


GOOD = token()

ACCEPTED: Mapping[str, str] = {
    "RS256": GOOD,
    "typ application/at+jwt": token(headers={"typ": "application/at+jwt"}),
    "typ AT+JWT": token(headers={"typ": "AT+JWT"}),
    "typ JWT": token(headers=PLAIN),
    "no typ": token(headers={"typ": OMIT}),
    "ES256": token(key=EC, algorithm="ES256", headers={"kid": "ec-1"}),
    "key without an algorithm of its own": token(headers={"kid": "rsa-any"}),
    "audience in a list": with_claims(aud=["https://other.example.com", AUDIENCE]),
    "client as azp": with_claims(client_id=OMIT, azp="chat"),
    "client as cid": with_claims(client_id=OMIT, cid="chat"),
    "client as appid": with_claims(client_id=OMIT, appid="chat"),
    "scope as list": with_claims(scope=OMIT, scp=["openid", "aws:cloudwatch"]),
    "just expired": with_claims(exp=NOW_S - 29),
    "clock a little behind": with_claims(iat=NOW_S + 30, nbf=NOW_S + 30),
    "fractions of seconds": with_claims(iat=NOW_S - 0.5, exp=NOW_S + 60.25),
    "nbf 0": with_claims(nbf=0),
    "lifetime of a day": with_claims(iat=NOW_S - 10, exp=NOW_S - 10 + 86_400),
    "nonce in a marked access token": with_claims(nonce="n"),
    "jku is not followed": token(headers={"jku": "https://evil.example.com/jwks"}),
    "x5u is not followed": token(headers={"x5u": "https://evil.example.com/cert"}),
    "jwk is not looked at": token(headers={"jwk": jwk_of(ATTACKER)}),
    "no email": with_claims(email=OMIT),
    "no groups": with_claims(groups=OMIT),
    "escaped pairs of surrogates": raw_token(json.dumps(dict(CLAIMS) | {"name": "\U0001f600"})),
}

REFUSALS: Mapping[str, tuple[str, Reason]] = {
    # Its form.
    "empty": ("", MALFORMED),
    "opaque": ("0123456789abcdef", MALFORMED),
    "two parts": (GOOD.rpartition(".")[0], MALFORMED),
    "four parts": (GOOD + ".AAAA", MALFORMED),
    "five parts (JWE)": ("a.b.c.d.e", MALFORMED),
    "padding after the signature": (GOOD + "==", MALFORMED),
    "other bits in the last character": (with_other_last_character(GOOD), MALFORMED),
    "newline at the end": (GOOD + "\n", MALFORMED),
    "blank before": (" " + GOOD, MALFORMED),
    "standard base64": (GOOD.replace("_", "/").replace("-", "+") + "+", MALFORMED),
    "not ASCII": (GOOD + "é", MALFORMED),
    "surrogate": (GOOD + "\ud800", MALFORMED),
    "part of impossible length": ("aaaaa.aaaa.aaaa", MALFORMED),
    "too long": (with_claims(padding="x" * 17_000), MALFORMED),
    "1.3 MB": ("a." * 650_000, MALFORMED),
    "payload is a list": (raw_token("[1]"), MALFORMED),
    "payload is no JSON": (raw_token("hello"), MALFORMED),
    "payload in UTF-16": (raw_token(json.dumps(dict(CLAIMS)).encode("utf-16-le").decode("latin-1")), MALFORMED),
    "payload with a byte order mark": (raw_token("\ufeff" + json.dumps(dict(CLAIMS))), MALFORMED),
    "duplicate claim": (raw_token(json.dumps(dict(CLAIMS))[:-1] + ',"sub":"bob-id"}'), MALFORMED),
    "duplicate claim inside": (raw_token(json.dumps(dict(CLAIMS))[:-1] + ',"a":[{"b":1,"b":2}]}'), MALFORMED),
    "duplicate alg": (raw_token("{}", '{"alg":"none","alg":"RS256","kid":"rsa-1"}'), MALFORMED),
    "NaN": (with_number("exp", "NaN"), MALFORMED),
    "Infinity": (with_number("exp", "Infinity"), MALFORMED),
    "a number of 10,000 digits": (with_number("exp", "9" * 10_000), MALFORMED),
    "lone surrogate in the subject": (with_number("sub", '"a\\ud800"'), MALFORMED),
    "lone surrogate in a group": (with_number("groups", '["\\udfff"]'), MALFORMED),
    "nested 12,000 deep": (raw_token('{"a":' + "[" * 5_900 + "]" * 5_900 + "}"), MALFORMED),
    "header is a list": (raw_token("{}", "[]"), MALFORMED),
    "alg is a number": (token(headers={"alg": 256}), MALFORMED),
    "no alg": (token(headers={"alg": OMIT}), MALFORMED),
    "typ null": (token(headers={"typ": None}), MALFORMED),
    "typ logout+jwt": (token(headers={"typ": "logout+jwt"}), MALFORMED),
    "typ dpop+jwt": (token(headers={"typ": "dpop+jwt"}), MALFORMED),
    "typ secevent+jwt": (token(headers={"typ": "secevent+jwt"}), MALFORMED),
    "kid missing": (token(headers={"kid": OMIT}), MALFORMED),
    "kid a number": (token(headers={"kid": 1}), MALFORMED),
    "kid too long": (token(headers={"kid": "k" * 257}), MALFORMED),
    "kid unprintable": (token(headers={"kid": "k\n"}), MALFORMED),
    "crit": (token(headers={"crit": ["exp"]}), MALFORMED),
    "crit with b64": (token(headers={"crit": ["b64"], "b64": True}), MALFORMED),
    # Its issuer.
    "other issuer": (with_claims(iss="https://evil.example.com"), ISSUER_UNKNOWN),
    "issuer with a slash": (with_claims(iss=ISSUER + "/"), ISSUER_UNKNOWN),
    "issuer in capitals": (with_claims(iss=ISSUER.upper()), ISSUER_UNKNOWN),
    "issuer a list": (with_claims(iss=[ISSUER]), ISSUER_UNKNOWN),
    "issuer missing": (with_claims(iss=OMIT), ISSUER_UNKNOWN),
    # Its signature.
    "claims changed": (tamper_claims(GOOD, sub="bob-id"), SIGNATURE),
    "signature changed": (tamper_signature(GOOD), SIGNATURE),
    "another's key": (token(key=ATTACKER), SIGNATURE),
    "another's key in the header": (token(key=ATTACKER, headers={"jwk": jwk_of(ATTACKER)}), SIGNATURE),
    "kid unknown": (token(headers={"kid": "rsa-9"}), SIGNATURE),
    "kid of a path": (token(headers={"kid": "../../dev/null"}), SIGNATURE),
    "alg none": (token(headers={"alg": "none"}), SIGNATURE),
    "alg None": (token(headers={"alg": "None"}), SIGNATURE),
    "alg nOnE": (token(headers={"alg": "nOnE"}), SIGNATURE),
    "alg none without a signature": (token(key=None, headers={"alg": "none"}), MALFORMED),
    "HS256 with the public key": (token(key=RSA.public_pem(), algorithm="HS256"), SIGNATURE),
    "HS256 called RS256": (token(key=RSA.public_pem(), algorithm="HS256", headers={"alg": "RS256"}), SIGNATURE),
    "PS256 with a key for RS256": (token(algorithm="PS256"), SIGNATURE),
    "PS256 not on the list": (token(algorithm="PS256", headers={"kid": "rsa-any"}), SIGNATURE),
    "RS384 with a key for RS256": (token(algorithm="RS384"), SIGNATURE),
    "ES256 by a key of another curve": (token(key=P384, algorithm="ES256", headers={"kid": "p384"}), SIGNATURE),
    "ES256 claimed for an RSA key": (token(headers={"alg": "ES256"}), SIGNATURE),
    "alg EdDSA not on the list": (token(key=ED, algorithm="EdDSA", headers={"kid": "ed-1"}), SIGNATURE),
    "alg Ed25519": (token(headers={"alg": "Ed25519"}), SIGNATURE),
    "b64 false": (token(headers={"b64": False}), SIGNATURE),
    # Its times.
    "expired": (with_claims(exp=NOW_S - 30), EXPIRED),
    "exp 0": (with_claims(exp=0, iat=0), EXPIRED),
    "exp missing": (with_claims(exp=OMIT), REFUSED),
    "exp null": (with_claims(exp=None), REFUSED),
    "exp true": (with_claims(exp=True), REFUSED),
    "exp a numeric string": (with_claims(exp=str(NOW_S + 600)), REFUSED),
    "exp a list": (with_claims(exp=[NOW_S + 600]), REFUSED),
    "exp negative": (with_claims(exp=-1), REFUSED),
    "exp 1e999": (with_number("exp", "1e999"), REFUSED),
    "exp in the year 9999": (with_claims(exp=253_402_300_799), REFUSED),
    "exp of 4,000 digits": (with_number("exp", "9" * 4_000), REFUSED),
    "lifetime beyond a day": (with_claims(iat=NOW_S - 10, exp=NOW_S - 9 + 86_400), REFUSED),
    "iat missing": (with_claims(iat=OMIT), REFUSED),
    "iat 1": (with_claims(iat=1), REFUSED),
    "iat a string": (with_claims(iat="now"), REFUSED),
    "iat in the future": (with_claims(iat=NOW_S + 31), REFUSED),
    "nbf in the future": (with_claims(nbf=NOW_S + 31), REFUSED),
    "nbf a string": (with_claims(nbf="now"), REFUSED),
    # Its audience.
    "audience missing": (with_claims(aud=OMIT), AUDIENCE_WRONG),
    "audience null": (with_claims(aud=None), AUDIENCE_WRONG),
    "audience empty": (with_claims(aud=""), AUDIENCE_WRONG),
    "audience an empty list": (with_claims(aud=[]), AUDIENCE_WRONG),
    "audience another": (with_claims(aud="https://other.example.com"), AUDIENCE_WRONG),
    "audience with a slash": (with_claims(aud=AUDIENCE + "/"), AUDIENCE_WRONG),
    "audience a part of ours": (with_claims(aud=AUDIENCE[:-1]), AUDIENCE_WRONG),
    "audience an object": (with_claims(aud={AUDIENCE: True}), AUDIENCE_WRONG),
    "audience nested": (with_claims(aud=[[AUDIENCE]]), AUDIENCE_WRONG),
    # Its kind, client and user.
    "id token by nonce": (token({"nonce": "n"}, PLAIN), REFUSED),
    "id token by at_hash": (token({"at_hash": "h"}, PLAIN), REFUSED),
    "nothing marks an access token": (token({"scope": OMIT}, PLAIN), REFUSED),
    "client missing": (with_claims(client_id=OMIT), REFUSED),
    "client empty": (with_claims(client_id=""), REFUSED),
    "client a list": (with_claims(client_id=["chat"]), REFUSED),
    "subject missing": (with_claims(sub=OMIT), REFUSED),
    "subject empty": (with_claims(sub=""), REFUSED),
    "subject blank": (with_claims(sub="   "), REFUSED),
    "subject a number": (with_claims(sub=7), REFUSED),
    "subject with a line break": (with_claims(sub="alice\nbob"), REFUSED),
    "subject with a zero byte": (with_claims(sub="alice\x00"), REFUSED),
    "subject too long": (with_claims(sub="a" * 513), REFUSED),
    # Its scopes.
    "scope missing": (with_claims(scope=OMIT), SCOPE),
    "scope another": (with_claims(scope="openid aws:cloudwatch:write"), SCOPE),
    "scope in capitals": (with_claims(scope="AWS:CLOUDWATCH"), SCOPE),
    "scope a number": (with_claims(scope=1), SCOPE),
}


@pytest.fixture(scope="module")
def desk() -> TokenDesk:
    return TokenDesk()


@pytest.mark.parametrize("good", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_a_good_token_is_accepted(desk: TokenDesk, good: str) -> None:
    assert await desk.reason(good) is None


@pytest.mark.parametrize(("bad", "reason"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_bad_token_is_refused_for_its_reason(desk: TokenDesk, bad: str, reason: Reason) -> None:
    assert await desk.reason(bad) is reason


@pytest.mark.parametrize("name", ["empty", "opaque", "too long", "1.3 MB", "other issuer", "alg none", "kid missing"])
async def test_what_is_refused_early_never_reaches_the_issuer(name: str) -> None:
    desk = TokenDesk()
    await desk.reason(REFUSALS[name][0])
    assert desk.keys.asked == []


STRICT: Mapping[str, tuple[Mapping[str, Any], str, Reason | None]] = {
    "typ demanded and there": ({"token_types": ["AT+JWT"]}, GOOD, None),
    "typ demanded and JWT": ({"token_types": ["at+jwt"]}, token(headers=PLAIN), MALFORMED),
    "client on the list": ({"client_ids": ["librechat"]}, GOOD, None),
    "client not on the list": ({"client_ids": ["other"]}, GOOD, REFUSED),
    "value as required": ({"required_values": {"tid": "t1"}}, with_claims(tid="t1"), None),
    "value missing": ({"required_values": {"tid": "t1"}}, GOOD, REFUSED),
    "value another": ({"required_values": {"tid": "t1"}}, with_claims(tid="t2"), REFUSED),
    "value of another type": ({"required_values": {"tid": "1"}}, with_claims(tid=1), REFUSED),
    "id token where only the tenant is required": (
        {"required_values": {"tid": "t1"}}, token({"tid": "t1", "nonce": "n"}, PLAIN), REFUSED),
    "marked by token_use": (
        {"required_values": {"token_use": "access"}},
        token({"token_use": "access", "nonce": "n"}, PLAIN), None),
    "id token by token_use": (
        {"required_values": {"token_use": "access"}}, token({"token_use": "id"}, PLAIN), REFUSED),
    "PS256 allowed": ({"algorithms": ["PS256"]}, token(algorithm="PS256", headers={"kid": "rsa-any"}), None),
    "EdDSA allowed": ({"algorithms": ["EdDSA"]}, token(key=ED, algorithm="EdDSA", headers={"kid": "ed-1"}), None),
    "RS256 not allowed": ({"algorithms": ["ES256"]}, GOOD, SIGNATURE),
    "EdDSA claimed for an EC key": (
        {"algorithms": ["EdDSA"]}, token(key=ED, algorithm="EdDSA", headers={"kid": "ec-1"}), SIGNATURE),
    "no leeway": ({"leeway_s": 0}, with_claims(exp=NOW_S), EXPIRED),
    "shorter lifetime": ({"max_lifetime_s": 60}, GOOD, REFUSED),
    "user id by another claim": ({"user_id_claims": ["oid"]}, with_claims(oid="o-1", sub=OMIT), None),
    "user id claim missing": ({"user_id_claims": ["oid"]}, GOOD, REFUSED),
    "scopes at a path": (
        {"scope_claims": ["permissions.all"]},
        with_claims(scope=OMIT, permissions={"all": ["aws:cloudwatch"]}), None),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "presented", "reason"), STRICT.values(), ids=STRICT.keys())
async def test_each_issuers_own_rules(settings: Mapping[str, Any], presented: str, reason: Reason | None) -> None:
    assert await TokenDesk(**settings).reason(presented) is reason
