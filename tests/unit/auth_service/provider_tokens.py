"""Tables of access tokens shaped like each provider's, and what becomes of each. Data only; the test signs them.

A provider is its issuers entry, and the header and claims of a good token as its documentation shows them. In the table
for every provider, `@client`, `@user` and `@scope` stand for that provider's own claims.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from servicekit.errors import Reason
from tests.kit.issuer import OMIT
from tests.kit.token_desk import AUDIENCE, CLAIMS, ISSUER, NOW_S, SCOPE

MALFORMED, SIGNATURE = Reason.TOKEN_MALFORMED, Reason.TOKEN_SIGNATURE_INVALID
UNKNOWN, AUDIENCE_WRONG, EXPIRED = Reason.TOKEN_ISSUER_UNKNOWN, Reason.TOKEN_AUDIENCE_WRONG, Reason.TOKEN_EXPIRED
REFUSED, SCOPE_MISSING = Reason.TOKEN_CLAIMS_REFUSED, Reason.SCOPE_INSUFFICIENT
GOOD: Final = None

Changes = Mapping[str, Any]
Case = tuple[str, Changes, Changes, Reason | None]
"""Its name, changes to the header, changes to the claims, why it is refused (None: it is accepted)."""

_TENANT: Final = "aaaabbbb-0000-cccc-1111-dddd2222eeee"
_OTHER_TENANT: Final = "eeee2222-1111-dddd-0000-bbbbaaaa0000"
_OID: Final = "00aa00aa-bb11-cc22-dd33-44ee44ee44ee"
_API: Final = "11112222-bbbb-3333-cccc-4444dddd5555"
_CHAT: Final = "00001111-aaaa-2222-bbbb-3333cccc4444"
_JWT: Final = {"typ": "JWT", "alg": "RS256", "kid": "rsa-1"}
_TIMES: Final = {"iat": NOW_S - 10, "exp": NOW_S + 3_590}


@dataclass(frozen=True)
class Provider:
    """What is particular to one provider."""

    entry: Mapping[str, Any]
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    user: tuple[str, ...]
    client: str
    scope: str
    subject: str
    cases: tuple[Case, ...]
    has_audience: bool = True


_POINTER: Final = {
    "groups": OMIT,
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.microsoft.com/v1.0/users/x/getMemberObjects"}},
}


def _entra_cases(client: str, other_version: str) -> tuple[Case, ...]:
    return (
        ("typ at+jwt, which Entra does not send", {"typ": "at+jwt"}, {}, MALFORMED),
        ("PS256", {"alg": "PS256"}, {}, SIGNATURE),
        ("an ID token", {}, {"scp": OMIT, client: OMIT, "nonce": "n"}, REFUSED),
        ("an ID token without nonce for an application that is its own API", {}, {"scp": OMIT}, REFUSED),
        ("an application without a user", {}, {"scp": OMIT, "roles": ["aws:cloudwatch"], "idtyp": "app"}, REFUSED),
        ("scope in the claim of other providers", {}, {"scp": OMIT, "scope": SCOPE}, REFUSED),
        ("the other version's shape", {}, {"ver": other_version}, REFUSED),
        ("no version", {}, {"ver": OMIT}, REFUSED),
        ("a tenant that is not the issuer's", {}, {"tid": _OTHER_TENANT}, REFUSED),
        ("no tenant", {}, {"tid": OMIT}, REFUSED),
        ("no object id", {}, {"oid": OMIT}, REFUSED),
        ("an object id with a separator", {}, {"oid": f"{_OID}|x"}, REFUSED),
        ("no sub, which is another one in every application", {}, {"sub": OMIT}, GOOD),
        ("more than 200 groups", {}, _POINTER, GOOD),
        ("many groups in an implicit flow", {}, {"groups": OMIT, "hasgroups": True}, GOOD),
        ("the app's URI while its GUID is accepted", {}, {"aud": "api://cloudwatch-mcp"}, AUDIENCE_WRONG),
        ("a token for Microsoft Graph", {}, {"aud": "00000003-0000-0000-c000-000000000000"}, AUDIENCE_WRONG),
    )


PROVIDERS: Final[Mapping[str, Provider]] = {
    "generic": Provider(
        entry={"issuer": ISSUER, "audiences": [AUDIENCE]},
        header={"typ": "at+jwt", "alg": "RS256", "kid": "rsa-1"},
        claims=CLAIMS,
        user=("sub",), client="client_id", scope="scope", subject="alice-id",
        cases=(
            ("typ JWT with a scope", {"typ": "JWT"}, {}, GOOD),
            ("no typ with a scope", {"typ": OMIT}, {}, GOOD),
            ("typ JWT without a scope", {"typ": "JWT"}, {"scope": OMIT}, REFUSED),
            ("ID token by nonce", {"typ": "JWT"}, {"nonce": "n"}, REFUSED),
            ("ID token by at_hash", {"typ": "JWT"}, {"at_hash": "h"}, REFUSED),
            ("logout token sent as JWT", {"typ": "JWT"},
             {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, REFUSED),
        ),
    ),
    "entra-v1": Provider(
        entry={"preset": "entra-v1", "issuer": f"https://sts.windows.net/{_TENANT}/", "audiences": [_API]},
        header={**_JWT, "x5t": "rsa-1"},
        claims={
            "aud": _API, "iss": f"https://sts.windows.net/{_TENANT}/", "nbf": NOW_S - 10, **_TIMES,
            "acr": "1", "aio": "AXQAi/8IAAAA", "amr": ["pwd", "mfa"], "appid": _CHAT, "appidacr": "0",
            "email": "alice@example.com", "family_name": "A", "ipaddr": "203.0.113.7", "name": "Alice A",
            "groups": ["bbbbcccc-1111-dddd-2222-eeee3333ffff"], "oid": _OID, "rh": "0.AXoA", "scp": SCOPE,
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "tid": _TENANT, "unique_name": "alice@example.com",
            "upn": "alice@example.com", "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "1.0",
        },
        user=("oid", "tid"), client="appid", scope="scp", subject=f"{_OID}|{_TENANT}",
        cases=(
            *_entra_cases("appid", "2.0"),
            ("client in version 2's claim", {}, {"appid": OMIT, "azp": _CHAT}, REFUSED),
            ("issuer without its slash", {}, {"iss": f"https://sts.windows.net/{_TENANT}"}, UNKNOWN),
            ("another tenant's issuer", {}, {"iss": f"https://sts.windows.net/{_OTHER_TENANT}/"}, UNKNOWN),
        ),
    ),
    "entra-v2": Provider(
        entry={
            "preset": "entra-v2", "issuer": f"https://login.microsoftonline.com/{_TENANT}/v2.0", "audiences": [_API],
        },
        header=_JWT,
        claims={
            "aud": _API, "iss": f"https://login.microsoftonline.com/{_TENANT}/v2.0", "nbf": NOW_S - 10, **_TIMES,
            "aio": "ATQAy/8TAAAA", "azp": _CHAT, "azpacr": "0", "email": "alice@example.com", "name": "Alice A",
            "groups": ["bbbbcccc-1111-dddd-2222-eeee3333ffff"], "oid": _OID,
            "preferred_username": "alice@example.com", "rh": "0.AXoA", "scp": f"{SCOPE} User.Read",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "tid": _TENANT, "uti": "fqiBqXLPj0eQa82S-IYFAA",
            "ver": "2.0",
        },
        user=("oid", "tid"), client="azp", scope="scp", subject=f"{_OID}|{_TENANT}",
        cases=(
            *_entra_cases("azp", "1.0"),
            ("client in version 1's claim", {}, {"azp": OMIT, "appid": _CHAT}, REFUSED),
            ("the issuer of all tenants", {}, {"iss": "https://login.microsoftonline.com/common/v2.0"}, UNKNOWN),
            ("the issuer's template", {}, {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"}, UNKNOWN),
            ("another tenant's issuer", {},
             {"iss": f"https://login.microsoftonline.com/{_OTHER_TENANT}/v2.0"}, UNKNOWN),
            ("version 1's issuer", {}, {"iss": f"https://sts.windows.net/{_TENANT}/"}, UNKNOWN),
        ),
    ),
    "okta": Provider(
        entry={
            "preset": "okta", "issuer": "https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7", "audiences": [AUDIENCE],
        },
        header={"alg": "RS256", "kid": "rsa-1"},
        claims={
            "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": AUDIENCE,
            "iss": "https://acme.okta.com/oauth2/aus9o8wzkhckw9TLa0h7", **_TIMES, "cid": "0oabskvc6442nkvQO0h7",
            "uid": "00u5t60iloOHN9pBi0h7", "scp": ["openid", SCOPE], "sub": "alice@example.com", "groups": ["ops"],
            "auth_time": NOW_S - 60,
        },
        user=("uid",), client="cid", scope="scp", subject="00u5t60iloOHN9pBi0h7",
        cases=(
            ("typ JWT", {"typ": "JWT"}, {}, GOOD),
            ("typ at+jwt, which Okta does not send", {"typ": "at+jwt"}, {}, MALFORMED),
            ("the org's own server", {}, {"iss": "https://acme.okta.com"}, UNKNOWN),
            ("another authorization server of the org", {}, {"iss": "https://acme.okta.com/oauth2/default"}, UNKNOWN),
            ("a service, which has no uid", {}, {"uid": OMIT, "sub": "0oabskvc6442nkvQO0h7"}, REFUSED),
            ("an ID token", {},
             {"jti": "ID.4eAWJOCMB3SX8XewDfVR", "scp": OMIT, "cid": OMIT, "at_hash": "h", "nonce": "n"}, REFUSED),
            ("scopes as one text", {}, {"scp": f"openid {SCOPE}"}, GOOD),
            ("two scopes in one element", {}, {"scp": [f"openid {SCOPE}"]}, SCOPE_MISSING),
            ("the default audience", {}, {"aud": "api://default"}, AUDIENCE_WRONG),
            ("the login renamed", {}, {"sub": "alice.new@example.com"}, GOOD),
        ),
    ),
    "auth0": Provider(
        entry={
            "preset": "auth0", "issuer": "https://acme.eu.auth0.com/", "audiences": [AUDIENCE],
            "group_claims": ["https://mcp.example.com/groups"],
        },
        header=_JWT,
        claims={
            "iss": "https://acme.eu.auth0.com/", "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": [AUDIENCE, "https://acme.eu.auth0.com/userinfo"], **_TIMES, "azp": "my-client-id",
            "scope": f"openid profile {SCOPE} offline_access", "permissions": [SCOPE],
            "https://mcp.example.com/groups": ["ops"],
        },
        user=("sub",), client="azp", scope="scope", subject="auth0|5f7c8ec7c33c6c004bbafe82",
        cases=(
            ("the RFC 9068 profile", {"typ": "at+jwt"},
             {"azp": OMIT, "client_id": "my-client-id", "jti": "kjDbk8sQ3Xpd"}, GOOD),
            ("issuer without its slash", {}, {"iss": "https://acme.eu.auth0.com"}, UNKNOWN),
            ("for userinfo alone", {}, {"aud": "https://acme.eu.auth0.com/userinfo"}, AUDIENCE_WRONG),
            ("one audience", {}, {"aud": AUDIENCE}, GOOD),
            ("permission without the scope", {}, {"scope": "openid profile"}, SCOPE_MISSING),
            ("an ID token", {}, {"aud": "my-client-id", "scope": OMIT, "azp": OMIT, "nonce": "n"}, AUDIENCE_WRONG),
            ("an ID token for an API of the client's name", {}, {"scope": OMIT, "nonce": "n"}, REFUSED),
            ("PS256", {"alg": "PS256"}, {}, SIGNATURE),
            ("of a social login", {}, {"sub": "google-oauth2|108204268033311374519"}, GOOD),
        ),
    ),
    "cognito": Provider(
        entry={
            "preset": "cognito", "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "client_ids": ["xxxxxxxxxxxxexample"], "scope_prefix": "cloudwatch-mcp/",
        },
        header={"kid": "rsa-1", "alg": "RS256"},
        claims={
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "device_key": "aaaaaaaa-bbbb",
            "cognito:groups": ["ops"], "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "version": 2, "client_id": "xxxxxxxxxxxxexample", "origin_jti": "dddd", "event_id": "eeee",
            "token_use": "access", "scope": f"openid cloudwatch-mcp/{SCOPE}", "auth_time": NOW_S - 60, **_TIMES,
            "jti": "aaaa", "username": "alice",
        },
        user=("sub",), client="client_id", scope="scope", subject="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        has_audience=False,
        cases=(
            ("another client of the pool", {}, {"client_id": "other"}, REFUSED),
            ("an audience where none is configured", {}, {"aud": AUDIENCE}, AUDIENCE_WRONG),
            ("an empty list of audiences", {}, {"aud": []}, AUDIENCE_WRONG),
            ("an empty audience", {}, {"aud": ""}, AUDIENCE_WRONG),
            ("an ID token", {},
             {"token_use": "id", "aud": "xxxxxxxxxxxxexample", "client_id": OMIT, "scope": OMIT}, AUDIENCE_WRONG),
            ("an ID token made to look like an access token", {}, {"token_use": "id"}, REFUSED),
            ("no token_use", {}, {"token_use": OMIT}, REFUSED),
            ("token_use as a list", {}, {"token_use": ["access"]}, REFUSED),
            ("the scope of another resource server", {}, {"scope": f"other/{SCOPE}"}, SCOPE_MISSING),
            ("the scope without its prefix", {}, {"scope": SCOPE}, SCOPE_MISSING),
            ("nothing but the prefix", {}, {"scope": "cloudwatch-mcp/"}, SCOPE_MISSING),
            ("by the user pool's API instead of a login", {},
             {"scope": "aws.cognito.signin.user.admin"}, SCOPE_MISSING),
            ("another pool", {},
             {"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"}, UNKNOWN),
            ("the same pool's name in another region", {},
             {"iss": "https://cognito-idp.us-east-1.amazonaws.com/eu-west-1_AbCdEfGhI"}, UNKNOWN),
            ("typ at+jwt, which Cognito does not send", {"typ": "at+jwt"}, {}, MALFORMED),
        ),
    ),
    "cognito with a resource": Provider(
        entry={
            "preset": "cognito", "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
            "audiences": [AUDIENCE], "scope_prefix": f"{AUDIENCE}/",
        },
        header={"kid": "rsa-1", "alg": "RS256"},
        claims={
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "aud": AUDIENCE,
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI", "version": 2,
            "client_id": "xxxxxxxxxxxxexample", "token_use": "access", "scope": f"openid {AUDIENCE}/{SCOPE}",
            **_TIMES, "jti": "aaaa", "username": "alice",
        },
        user=("sub",), client="client_id", scope="scope", subject="aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        cases=(
            ("got without naming the resource", {}, {"aud": OMIT}, AUDIENCE_WRONG),
            ("an ID token for a client of the resource's name", {}, {"token_use": "id"}, REFUSED),
        ),
    ),
    "keycloak": Provider(
        entry={
            "preset": "keycloak", "issuer": "https://sso.example.com/realms/acme", "audiences": [AUDIENCE],
            "group_claims": ["groups", "realm_access.roles"],
        },
        header=_JWT,
        claims={
            **_TIMES, "auth_time": NOW_S - 60, "jti": "onrtac:5ae3", "iss": "https://sso.example.com/realms/acme",
            "aud": [AUDIENCE, "account"], "sub": "f5d1f4c0-9c2b-4a2a-8f8e-0d6d3f1e2a11", "typ": "Bearer",
            "azp": "librechat", "sid": "8a1e", "acr": "1", "allowed-origins": ["https://chat.example.com"],
            "realm_access": {"roles": ["offline_access", "cw-ops"]},
            "resource_access": {"account": {"roles": ["view-profile"]}}, "scope": f"openid email {SCOPE}",
            "email_verified": True, "preferred_username": "alice", "email": "alice@example.com",
            "groups": ["/ops"],
        },
        user=("sub",), client="azp", scope="scope", subject="f5d1f4c0-9c2b-4a2a-8f8e-0d6d3f1e2a11",
        cases=(
            ("no audience mapper: for the account console only", {}, {"aud": "account"}, AUDIENCE_WRONG),
            ("an ID token", {}, {"typ": "ID", "aud": "librechat"}, AUDIENCE_WRONG),
            ("an ID token with the audience mapped in", {}, {"typ": "ID"}, REFUSED),
            ("a refresh token", {}, {"typ": "Refresh"}, REFUSED),
            ("an offline token", {}, {"typ": "Offline"}, REFUSED),
            ("a logout token", {"typ": "logout+jwt"}, {"typ": "Logout"}, MALFORMED),
            ("typ Bearer in other letters", {}, {"typ": "bearer"}, REFUSED),
            ("no typ among the claims", {}, {"typ": OMIT}, REFUSED),
            ("an old release's token with the nonce", {}, {"nonce": "n"}, GOOD),
            ("another realm", {}, {"iss": "https://sso.example.com/realms/master"}, UNKNOWN),
            ("an old release's path", {}, {"iss": "https://sso.example.com/auth/realms/acme"}, UNKNOWN),
            ("typ at+jwt", {"typ": "at+jwt"}, {}, GOOD),
            ("HS256 with the realm's secret", {"alg": "HS256"}, {}, SIGNATURE),
        ),
    ),
}  # fmt: skip

_LONG: Final = 86_400
EVERY_PROVIDER: Final[tuple[Case, ...]] = (
    ("as it is issued", {}, {}, GOOD),
    # Header: RFC 8725 sections 3.1, 3.2, 3.10, 3.11.
    ("typ logout+jwt", {"typ": "logout+jwt"}, {}, MALFORMED),
    ("typ dpop+jwt", {"typ": "dpop+jwt"}, {}, MALFORMED),
    ("typ secevent+jwt", {"typ": "secevent+jwt"}, {}, MALFORMED),
    ("typ JWE", {"typ": "JWE"}, {}, MALFORMED),
    ("typ null", {"typ": None}, {}, MALFORMED),
    ("alg none", {"alg": "none"}, {}, SIGNATURE),
    ("alg nOnE", {"alg": "nOnE"}, {}, SIGNATURE),
    ("alg HS256", {"alg": "HS256"}, {}, SIGNATURE),
    ("alg EdDSA, not on the list", {"alg": "EdDSA"}, {}, SIGNATURE),
    ("alg Ed25519", {"alg": "Ed25519"}, {}, SIGNATURE),
    ("alg ES256 for an RSA key", {"alg": "ES256"}, {}, SIGNATURE),
    ("alg RS512 for a key of RS256", {"alg": "RS512"}, {}, SIGNATURE),
    ("no alg", {"alg": OMIT}, {}, MALFORMED),
    ("no kid", {"kid": OMIT}, {}, MALFORMED),
    ("kid empty", {"kid": ""}, {}, MALFORMED),
    ("kid unknown", {"kid": "nobody"}, {}, SIGNATURE),
    ("kid of another key", {"kid": "ec-1"}, {}, SIGNATURE),
    ("kid of 257 characters", {"kid": "k" * 257}, {}, MALFORMED),
    ("kid unprintable", {"kid": "rsa-1\x00"}, {}, MALFORMED),
    ("crit", {"crit": ["exp"]}, {}, MALFORMED),
    ("crit with b64 true", {"crit": ["b64"], "b64": True}, {}, MALFORMED),
    ("jku is not followed", {"jku": "https://evil.example.com/jwks"}, {}, GOOD),
    ("x5u is not followed", {"x5u": "https://evil.example.com/x"}, {}, GOOD),
    # Issuer.
    ("another issuer", {}, {"iss": "https://evil.example.com"}, UNKNOWN),
    ("issuer as a list", {}, {"iss": ["https://evil.example.com"]}, UNKNOWN),
    ("no issuer", {}, {"iss": OMIT}, UNKNOWN),
    # Times: PyJWT takes texts, the year 9999, and an iat of 1.
    ("expired", {}, {"exp": NOW_S - 30}, EXPIRED),
    ("expired within the leeway", {}, {"exp": NOW_S - 29}, GOOD),
    ("no exp", {}, {"exp": OMIT}, REFUSED),
    ("exp as a text", {}, {"exp": str(NOW_S + 60)}, REFUSED),
    ("exp true", {}, {"exp": True}, REFUSED),
    ("exp in the year 9999", {}, {"exp": 253_402_300_799}, REFUSED),
    ("no iat", {}, {"iat": OMIT}, REFUSED),
    ("iat 1", {}, {"iat": 1}, REFUSED),
    ("iat ahead", {}, {"iat": NOW_S + 31}, REFUSED),
    ("nbf ahead", {}, {"nbf": NOW_S + 31}, REFUSED),
    ("nbf as a text", {}, {"nbf": "now"}, REFUSED),
    ("a life of a day", {}, {"iat": NOW_S, "exp": NOW_S + _LONG}, GOOD),
    ("a life beyond a day", {}, {"iat": NOW_S, "exp": NOW_S + _LONG + 1}, REFUSED),
    # Client, user, scope.
    ("no client", {}, {"@client": OMIT}, REFUSED),
    ("client as a list", {}, {"@client": ["chat"]}, REFUSED),
    ("client empty", {}, {"@client": ""}, REFUSED),
    ("no user", {}, {"@user": OMIT}, REFUSED),
    ("user empty", {}, {"@user": ""}, REFUSED),
    ("user blank", {}, {"@user": "  "}, REFUSED),
    ("user as a number", {}, {"@user": 7}, REFUSED),
    ("user with a line break", {}, {"@user": "a\nb"}, REFUSED),
    ("user of 600 characters", {}, {"@user": "a" * 600}, REFUSED),
    ("another scope", {}, {"@scope": "openid"}, SCOPE_MISSING),
    ("scope in capitals", {}, {"@scope": "AWS:CLOUDWATCH"}, SCOPE_MISSING),
    ("scope as an object", {}, {"@scope": {SCOPE: True}}, SCOPE_MISSING),
    ("no groups", {}, {"groups": OMIT, "cognito:groups": OMIT}, GOOD),
)

EVERY_AUDIENCE: Final[tuple[Case, ...]] = (
    ("audience in a list", {}, {"aud": ["https://other.example.com", "@audience"]}, GOOD),
    ("another audience", {}, {"aud": "https://other.example.com"}, AUDIENCE_WRONG),
    ("no audience", {}, {"aud": OMIT}, AUDIENCE_WRONG),
    ("audience null", {}, {"aud": None}, AUDIENCE_WRONG),
    ("audience an empty list", {}, {"aud": []}, AUDIENCE_WRONG),
    ("audience in an object", {}, {"aud": {"@audience": 1}}, AUDIENCE_WRONG),
)
