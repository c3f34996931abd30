"""How an issuer exchanges users' tokens for tokens that AWS accepts (RFC 8693): its settings. Pure."""

from typing import Final, Literal, Self

from pydantic import model_validator

from auth_service.domain.client_settings import ClientSettings

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, not a token
_TYPES: Final = {
    "access_token": ACCESS_TOKEN,
    "id_token": "urn:ietf:params:oauth:token-type:id_token",
    "jwt": "urn:ietf:params:oauth:token-type:jwt",
}


class TokenExchangeSettings(ClientSettings):
    """One issuer's token endpoint, who we are there, and what we ask for.

    Secrets are files, read at each exchange, so that a changed one takes effect at once.
    """

    endpoint: str | None = None
    """Taken from the issuer's discovery document when unset."""
    audience: str = ""
    resource: str = ""
    """What the new token is for; the audience that is registered at the IAM identity provider of the accounts."""
    scope: str = ""
    requested_token_type: Literal["access_token", "id_token", "jwt"] = "access_token"  # noqa: S105 - a kind of token
    other_subject: bool = False
    """Accept a token whose `sub` is not that of the user's token: some providers name users for each audience."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fault_of_proof:
            raise ValueError(self.fault_of_proof)
        if not (self.audience or self.resource):
            raise ValueError("say what the new token is for: audience, resource or both")
        return self

    @property
    def requested_type(self) -> str:
        """The requested type as a URN."""
        return _TYPES[self.requested_token_type]

    @property
    def target(self) -> tuple[str, str, str, str]:
        """What tells its results from those of other settings."""
        return self.audience, self.resource, self.scope, self.requested_token_type
