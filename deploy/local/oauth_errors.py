"""Refusals of the development identity provider, as OAuth 2.0 spells them (RFC 6749, 7591, 8707). Pure."""


class OAuthError(Exception):
    """A refusal told to the client as JSON, or, at the authorization endpoint, by a redirect."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        self.code = code
        self.description = description
        self.status = status
        super().__init__(f"{code}: {description}")

    def as_parameters(self) -> dict[str, str]:
        """The members of the error response."""
        return {"error": self.code, "error_description": self.description}


class UntrustedRedirectError(Exception):
    """The client or its redirect address is wrong: the person is told, nobody is redirected (RFC 6749, 4.1.2.1)."""


def only_value(name: str, values: list[str]) -> str:
    """The value of a parameter; empty when absent. Raises OAuthError when it was sent twice (RFC 6749, 3.1)."""
    if len(values) > 1:
        raise OAuthError("invalid_request", f"the parameter {name} is given more than once")
    return values[0] if values else ""
