"""mcp_frontend's configuration. The only file of this service that knows names of environment variables."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from mcp_frontend.call_turns import CallLimits
from mcp_frontend.challenges import ProtectedResource
from mcp_frontend.door import DoorLimits
from mcp_frontend.http_server import HttpListener
from servicekit import settings as shared
from servicekit.settings import ServiceSettings


class FrontendSettings(ServiceSettings):
    """Read from FRONTEND_* and from the names that the product's first plan gave."""

    model_config = SettingsConfigDict(env_prefix="FRONTEND_")

    host: str = Field(default="127.0.0.1", validation_alias="CLOUDWATCH_MCP_SERVER_HOST")
    port: int = Field(default=3334, ge=0, le=65_535, validation_alias="CLOUDWATCH_MCP_PORT")
    https_cert_file: Path | None = None
    https_key_file: Path | None = None
    resource_url: str = Field(default="http://127.0.0.1:3334/mcp", pattern=r"^https?://[^/\s?#]+/[^\s?#]*$")
    """The address that clients are configured with; must equal the audience of their tokens."""
    oauth_issuer: str | None = Field(default=None, validation_alias="OAUTH_ISSUER")
    authorization_servers: tuple[str, ...] = ()
    """Where clients may sign in, as they compare it: no slash added or removed. OAUTH_ISSUER when unset."""
    scopes: tuple[str, ...] = Field(default=("aws:cloudwatch",), min_length=1)
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    auth_target: str
    auth_server_name: str = "auth-service"
    cloudwatch_target: str
    cloudwatch_server_name: str = "cloudwatch-service"
    max_body_bytes: int = Field(default=1 << 20, ge=1_024)
    call_timeout_s: float = Field(default=55.0, gt=0, le=600)
    """Below the 60 seconds that clients wait by default, so that a call ends with a reason."""
    trusted_proxies: tuple[str, ...] = ()
    """Ingresses whose X-Forwarded-For names the client: addresses or networks."""
    max_failed_sign_ins_per_minute: int = Field(default=600, ge=0)
    """From one client address."""
    max_failed_sign_ins_per_minute_in_all: int = Field(default=6_000, ge=0)
    max_requests_per_user_minute: int = Field(default=1_200, ge=0)
    max_running_calls: int = Field(default=500, ge=0)
    max_running_calls_per_user: int = Field(default=10, ge=0)
    max_waiting_calls_per_user: int = Field(default=200, ge=0)

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        faults = [fault for fault in map(_fault_of_proxy, proxies) if fault]
        if faults:
            raise ValueError("\n".join(faults))
        return proxies

    def faults_together(self) -> Iterator[str]:
        """See ServiceSettings."""
        yield from shared.faults_of_remote(self, f"{self.host}:{self.port}")
        if self.enable_auth and not self.sign_in_servers:
            yield "set OAUTH_ISSUER or FRONTEND_AUTHORIZATION_SERVERS"
        if (self.https_cert_file is None) != (self.https_key_file is None):
            yield "set both FRONTEND_HTTPS_CERT_FILE and FRONTEND_HTTPS_KEY_FILE, or neither"

    @property
    def sign_in_servers(self) -> tuple[str, ...]:
        """The issuers to advertise."""
        return self.authorization_servers or ((self.oauth_issuer,) if self.oauth_issuer else ())

    @property
    def door_limits(self) -> DoorLimits:
        """How many wrong tokens are ordinary."""
        return DoorLimits(self.max_failed_sign_ins_per_minute, self.max_failed_sign_ins_per_minute_in_all)

    @property
    def call_limits(self) -> CallLimits:
        """How many calls run and wait in this process."""
        return CallLimits(self.max_running_calls, self.max_running_calls_per_user, self.max_waiting_calls_per_user)

    @property
    def resource(self) -> ProtectedResource:
        """This server as clients know it."""
        return ProtectedResource(self.resource_url, self.sign_in_servers, self.scopes)

    @property
    def listener(self) -> HttpListener:
        """Where HTTP is served."""
        return HttpListener(
            self.host, self.port, self.https_cert_file, self.https_key_file, trusted_proxies=self.trusted_proxies
        )


def _fault_of_proxy(proxy: str) -> str:
    try:
        network = ip_network(proxy)
    except ValueError as error:
        return str(error)  # names it
    return "" if network.prefixlen else f"{proxy} trusts every client to name its own address"


def load() -> FrontendSettings:
    """The settings of this process. Raises SettingsError."""
    return shared.load(FrontendSettings)
