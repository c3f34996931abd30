"""What the usual identity providers' access tokens look like: the defaults of an issuers entry. Pure, no secrets.

Every field may be overridden in the entry. docs/identity/ has a page per provider with the sources of what is here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_GUID: Final = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_JWT: Final = ("jwt", "")
_ONLY_RS256: Final = ("RS256",)


@dataclass(frozen=True, slots=True)
class Preset:
    """Defaults for one kind of provider, and the form that its issuer names have."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    issuer_form: str = ".+"
    """What an issuer's name must match as a whole; its named groups are claims that every token must repeat."""
    issuer_hint: str = ""


def _entra(version: str, client_claim: str, issuer_form: str, issuer_hint: str) -> Preset:
    """`sub` differs by application there, so the user is the object in its tenant; the e-mail may be made up."""
    return Preset(
        {
            "algorithms": _ONLY_RS256,
            "token_types": _JWT,
            "required_values": {"ver": version},
            "user_id_claims": ("oid", "tid"),
            "email_verified_claims": ("xms_edov",),
            "scope_claims": ("scp",),
            "client_claims": (client_claim,),
        },
        issuer_form,
        issuer_hint,
    )


PRESETS: Final[Mapping[str, Preset]] = {
    "generic": Preset(),
    "entra-v1": _entra(
        "1.0",
        "appid",
        rf"https?://[^/]+/(?P<tid>{_GUID})/",
        "https://sts.windows.net/<tenant id>/, with the slash",
    ),
    "entra-v2": _entra(
        "2.0",
        "azp",
        rf"https?://[^/]+/(?P<tid>{_GUID})/v2\.0",
        "https://login.microsoftonline.com/<tenant id>/v2.0, of one tenant",
    ),
    "okta": Preset(
        {
            "algorithms": _ONLY_RS256,
            "token_types": _JWT,
            "user_id_claims": ("uid",),
            "scope_claims": ("scp", "scope"),  # an array in tokens, a text in introspection
            "client_claims": ("cid", "client_id"),
        },
        r"https?://[^/]+/oauth2/[^/]+",
        "https://<domain>/oauth2/<authorization server id>; the org's own server issues no tokens for others",
    ),
    "auth0": Preset(
        {
            "algorithms": _ONLY_RS256,
            "token_types": (*_JWT, "at+jwt", "application/at+jwt"),
            "scope_claims": ("scope",),
            "client_claims": ("azp", "client_id"),
        },
        r"https?://[^/]+/",
        "https://<domain>/, with the slash",
    ),
    "cognito": Preset(
        {
            "algorithms": _ONLY_RS256,
            "token_types": _JWT,
            "required_values": {"token_use": "access"},
            "audience_by_client": True,
            "group_claims": ("cognito:groups",),
            "scope_claims": ("scope",),
            "client_claims": ("client_id",),
        },
        r"https?://[^/]+/[a-z0-9-]+_[A-Za-z0-9]+",
        "https://cognito-idp.<region>.amazonaws.com/<user pool id>",
    ),
    "keycloak": Preset(
        {
            "token_types": (*_JWT, "at+jwt", "application/at+jwt"),
            "required_values": {"typ": "Bearer"},
            "scope_claims": ("scope",),
            "client_claims": ("azp", "client_id"),
        },
        r"https?://[^/]+(/[^/]+)*/realms/[^/]+",
        "https://<host>/realms/<realm>, without a slash at the end",
    ),
}


def claims_in_name(preset: Preset, issuer: str) -> Mapping[str, str]:
    """The claims that an issuer's name fixes. Raises ValueError when the name has not the preset's form."""
    found = re.fullmatch(preset.issuer_form, issuer)
    if found is None:
        raise ValueError(f"is not of the form {preset.issuer_hint}")
    return found.groupdict()
