"""How an issuer exchanges users' tokens for tokens that AWS accepts (RFC 8693): its settings. Pure."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, not a token
_TYPES: Final = {
    "access_token": ACCESS_TOKEN,
    "id_token": "urn:ietf:params:oauth:token-type:id_token",
    "jwt": "urn:ietf:params:oauth:token-type:jwt",
}


class TokenExchangeSettings(BaseModel):
    """One issuer's token endpoint, who we are there, and what we ask for. Secrets are files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    client_id: str = Field(min_length=1)
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_basic"
    client_secret_file: Path | None = None
    """Read at each exchange, so that a changed secret takes effect at once."""
    audience: str = ""
    resource: str = ""
    """What the new token is for; the audience that is registered at the IAM identity provider of the accounts."""
    scope: str = ""
    requested_token_type: Literal["access_token", "id_token", "jwt"] = "access_token"  # noqa: S105 - a kind of token
    other_subject: bool = False
    """Accept a token whose `sub` is not that of the user's token: some providers name users for each audience."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.client_auth == "none") != (self.client_secret_file is None):
            raise ValueError(f"client_auth {self.client_auth} does not go with what client_secret_file says")
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
