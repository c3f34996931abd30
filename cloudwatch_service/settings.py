"""cloudwatch_service's configuration. The only file of this service that knows names of environment variables."""

from collections.abc import Iterator

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cloudwatch_service.aws.pool import PoolLimits
from cloudwatch_service.domain.insights.scan_limits import ScanLimits
from cloudwatch_service.quotas.query_slots import SlotLimits
from servicekit import settings as shared
from servicekit.settings import GrpcServiceSettings

_BYTES_PER_GB = 1_000_000_000


class CloudwatchSettings(GrpcServiceSettings):
    """Read from CLOUDWATCH_* and from the names that the product's first plan gave."""

    model_config = SettingsConfigDict(env_prefix="CLOUDWATCH_")

    auth_target: str
    """Where auth_service listens: host:port, or dns:///name:port for round robin over replicas."""
    auth_server_name: str = "auth-service"
    own_name: str = "cloudwatch-service"
    """The audience of assertions for this service."""
    callers: tuple[str, ...] = ("mcp-frontend", "agent")
    aws_region: str = Field(default="us-east-1", validation_alias="AWS_REGION")
    max_users: int = Field(default=20_000, ge=1)
    max_idle_s: float = Field(default=900.0, gt=0)
    max_concurrent_calls_per_user: int = Field(default=10, ge=1)
    max_calls_per_user_minute: int = Field(default=600, ge=0)
    max_calls_at_a_time_per_user: int = Field(default=100, ge=0)
    """In all accounts; those that wait for their turn are under way."""
    max_queries_at_a_time_per_account: int = Field(default=25, ge=0)
    max_queries_at_a_time_per_user: int = Field(default=15, ge=0)
    """Logs Insights queries in one account and region."""
    max_scanned_gb_per_user_day: float = Field(default=2_000.0, ge=0)
    max_estimated_gb_per_query: float = Field(default=1_000.0, ge=0)

    def faults_together(self) -> Iterator[str]:
        """See ServiceSettings."""
        yield from shared.faults_of_remote(self, self.listen_address)

    @property
    def pool_limits(self) -> PoolLimits:
        """The bounds of the client pool."""
        return PoolLimits(
            max_entries=self.max_users,
            max_idle_s=self.max_idle_s,
            max_concurrent_calls_per_user=self.max_concurrent_calls_per_user,
        )

    @property
    def slot_limits(self) -> SlotLimits:
        """How many Logs Insights queries run at a time in an account and region."""
        return SlotLimits(self.max_queries_at_a_time_per_account, self.max_queries_at_a_time_per_user)

    @property
    def scan_limits(self) -> ScanLimits:
        """What users' Logs Insights queries may scan."""
        return ScanLimits(
            per_user_day_bytes=round(self.max_scanned_gb_per_user_day * _BYTES_PER_GB),
            per_query_bytes=round(self.max_estimated_gb_per_query * _BYTES_PER_GB),
        )


def load() -> CloudwatchSettings:
    """The settings of this process. Raises SettingsError."""
    # CLOUDWATCH_MCP_* are the frontend's names, in the product's first plan; one environment may hold both.
    return shared.load(CloudwatchSettings, ignored_prefixes=["CLOUDWATCH_MCP_"])
