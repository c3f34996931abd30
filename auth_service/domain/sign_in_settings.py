"""How a person's browser signs in at an issuer, for the pages of connecting: this service as a client there. Pure."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from auth_service.domain.client_settings import ClientSettings

Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]  # RFC 6749, section 3.3


class SignInSettings(ClientSettings):
    """One OAuth client, by the authorization code with PKCE (RFC 7636). Its endpoints come from discovery."""

    scopes: tuple[Scope, ...] = ("openid", "profile", "email")
    """What is asked for; `openid` must be among it."""
    user_id_claims: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Where ID tokens name the user, if elsewhere than access tokens do; together the same text must come out."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fault_of_proof:
            raise ValueError(self.fault_of_proof)
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid must be among them, or there is no ID token")
        return self
