"""What the use cases of connecting need of an access portal of IAM Identity Center.

Unless said otherwise, methods raise ServiceError: AWS_THROTTLED and AWS_UNAVAILABLE, with a time to wait, where the
portal does not answer now.
"""

from collections.abc import Sequence
from typing import Protocol

from auth_service.domain.access_portal import DeviceAuthorization, NotYet
from auth_service.domain.connections import ClientRegistration, Portal, PortalRole, PortalTokens
from auth_service.domain.credentials import AwsCredentials


class AccessPortal(Protocol):
    """Any portal; which one is said with each call."""

    async def register(self, portal: Portal) -> ClientRegistration:
        """This product as a new public client."""
        ...

    async def start(self, portal: Portal, registration: ClientRegistration) -> DeviceAuthorization:
        """A code to approve. Raises RegistrationRefused."""
        ...

    async def redeem(self, portal: Portal, registration: ClientRegistration, device_code: str) -> PortalTokens | NotYet:
        """The tokens of an approved code, or why there are none. Raises RegistrationRefused."""
        ...

    async def refresh(self, portal: Portal, tokens: PortalTokens) -> PortalTokens:
        """New tokens for these, whose refresh token is used up by it. Raises PortalSessionEnded."""
        ...

    async def list_roles(self, portal: Portal, tokens: PortalTokens) -> Sequence[PortalRole]:
        """All accounts and roles that the portal assigns to the person. Raises PortalSessionEnded."""
        ...

    async def role_credentials(self, portal: Portal, tokens: PortalTokens, role: PortalRole) -> AwsCredentials:
        """Credentials of the person's permission set. Raises PortalSessionEnded, ROLE_REFUSED."""
        ...

    async def log_out(self, portal: Portal, tokens: PortalTokens) -> None:
        """End the session at the portal. One that has ended is no error."""
        ...
