"""What an access portal of IAM Identity Center says about a sign-in, as values. Pure."""

from dataclasses import dataclass, field
from enum import Enum

from servicekit.errors import Reason, ServiceError


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """A code that the person is to approve at the portal (RFC 8628, section 3.2). Times are Unix seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    verification_url: str = field(repr=False)
    """With the code filled in."""
    interval_s: float
    expires_at_s: float


class NotYet(Enum):
    """Why a device code gives no tokens (RFC 8628, section 3.5)."""

    PENDING = "pending"
    SLOW_DOWN = "slow down"
    DENIED = "denied"
    EXPIRED = "expired"


class PortalSessionEnded(ServiceError):
    """The portal does not know the tokens any more: the person has to connect again."""

    def __init__(self) -> None:
        super().__init__(Reason.AWS_CONNECTION_ENDED, "the session at the access portal has ended")


class RegistrationRefused(ServiceError):
    """The portal does not know this product's client any more; another one is to be registered."""

    def __init__(self) -> None:
        super().__init__(Reason.AWS_UNAVAILABLE, "the access portal does not know this client any more")
