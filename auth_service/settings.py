"""auth_service's configuration. The only file of this service that knows names of environment variables."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from auth_service.domain.accounts import Partition, partition_of
from auth_service.domain.store_address import StoreAddress
from auth_service.domain.store_address import url_fault as store_url_fault
from servicekit import settings as shared
from servicekit.loopback import is_loopback
from servicekit.permissions import BASE_SCOPE
from servicekit.settings import Address, GrpcServiceSettings, ServiceSettings

_PARTITION_PROFILE: Final = re.compile(rf"({'|'.join(get_args(Partition))})=(\S+)")


class AuthSettings(GrpcServiceSettings):
    """Read from AUTH_* and from the names that the product's first plan gave."""

    model_config = SettingsConfigDict(env_prefix="AUTH_")

    oauth_issuer: str | None = Field(default=None, validation_alias="OAUTH_ISSUER")
    oauth_audience: str | None = Field(default=None, validation_alias="OAUTH_AUDIENCE")
    oauth_jwks_url: str | None = Field(default=None, validation_alias="OAUTH_JWKS_URL")
    oauth_preset: str = Field(default="generic", validation_alias="OAUTH_PRESET")
    oauth_client_ids: tuple[str, ...] = Field(default=(), validation_alias="OAUTH_CLIENT_IDS")
    oauth_scope_prefix: str = Field(default="", validation_alias="OAUTH_SCOPE_PREFIX")
    issuers_file: Path | None = None
    policy_file: Path | None = None
    signing_keys_dir: Path | None = None
    sealing_keys_dir: Path | None = None
    allow_token_claims: bool = False
    required_scopes: tuple[str, ...] = (BASE_SCOPE,)
    assertion_audience: str = "cloudwatch-service"
    aws_region: str = Field(default="us-east-1", validation_alias="AWS_REGION")
    aws_profile: str | None = Field(default=None, validation_alias="AWS_PROFILE")
    partition_profiles: tuple[str, ...] = ()
    """`partition=profile`: the AWS profile that is the service's identity in a partition other than AWS_REGION's."""
    callers_authentication: tuple[str, ...] = ("mcp-frontend", "agent")
    callers_signing_keys: tuple[str, ...] = ("cloudwatch-service",)
    callers_credentials: tuple[str, ...] = ("cloudwatch-service",)
    callers_revocation: tuple[str, ...] = ()
    callers_revocation_feed: tuple[str, ...] = ("cloudwatch-service",)
    callers_backchannel_logout: tuple[str, ...] = ("mcp-frontend",)
    callers_connections: tuple[str, ...] = ("mcp-frontend",)
    """Certificate names that may call each gRPC service. Nobody may revoke by default."""
    identity_center_start_url: str | None = Field(default=None, validation_alias="AWS_IDENTITY_CENTER_START_URL")
    identity_center_region: str | None = Field(default=None, validation_alias="AWS_IDENTITY_CENTER_REGION")
    """The access portal where users connect their own AWS sign-in, and the region of its Identity Center."""
    connect_url: str | None = None
    """The frontend's pages of connecting, as browsers reach them: https://<host>/connect."""
    oauth_sign_in_client_id: str | None = Field(default=None, validation_alias="OAUTH_SIGN_IN_CLIENT_ID")
    oauth_sign_in_client_secret_file: Path | None = Field(
        default=None, validation_alias="OAUTH_SIGN_IN_CLIENT_SECRET_FILE"
    )
    """With OAUTH_ISSUER: this product as a client where browsers sign in for connecting; public without a secret."""
    connections_url: str = "sqlite:////var/lib/cloudwatch-mcp/connections.db"
    connections_password_file: Path | None = None
    connections_ca_file: Path | None = None
    connections_keys_dir: Path | None = None
    connections_kms_key_id: tuple[str, ...] = ()
    """Keys of AWS KMS: the first encrypts new keys, the others still decrypt old ones."""
    logout_audiences: tuple[str, ...] = ()
    """With OAUTH_ISSUER: the OAuth clients that logout tokens are for; OAUTH_AUDIENCE when empty."""

    @field_validator("partition_profiles")
    @classmethod
    def _only_partitions(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [value for value in values if _PARTITION_PROFILE.fullmatch(value) is None]
        if wrong:
            known = ", ".join(get_args(Partition))
            raise ValueError(f"not partition=profile, with one of {known}: {', '.join(wrong)}")
        partitions = [value.partition("=")[0] for value in values]
        twice = sorted({name for name in partitions if partitions.count(name) > 1})
        if twice:
            raise ValueError(f"more than one profile for {', '.join(twice)}")
        return values

    @field_validator("identity_center_start_url", "connect_url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "")
        if url and not (parts.scheme == "https" and parts.hostname) and not is_loopback(parts.hostname or ""):
            raise ValueError("must begin with https://")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must be an address without user, query and fragment")
        return url.rstrip("/") if url else None

    @field_validator("connections_url")
    @classmethod
    def _safe_store(cls, url: str) -> str:
        fault = store_url_fault(url)
        if fault is not None:
            raise ValueError(fault)
        return url

    @field_validator("connections_kms_key_id")
    @classmethod
    def _no_aliases(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if any("alias/" in value for value in values):
            raise ValueError("must be keys' ids or ARNs; an alias may come to mean another key, which cannot decrypt")
        return values

    def faults_together(self) -> Iterator[str]:
        """See ServiceSettings."""
        yield from shared.faults_of_remote(self, self.listen_address)
        if not self.enable_auth:
            return
        if self.policy_file is None:
            yield "AUTH_POLICY_FILE is required"
        yield from self._faults_of_identity_center()
        if (self.issuers_file is None) == (self.oauth_issuer is None):
            yield "set either AUTH_ISSUERS_FILE or OAUTH_ISSUER"
        elif self.issuers_file is not None:
            ignored = [VARIABLE_OF_FIELD[name] for name in self.single_issuer() if name not in ("issuer", "preset")]
            if ignored:
                yield f"{', '.join(ignored)}: with OAUTH_ISSUER only; entries of AUTH_ISSUERS_FILE say it themselves"

    def _faults_of_identity_center(self) -> Iterator[str]:
        if self.identity_center_start_url is None:
            return
        if not self.identity_center_region:
            yield "AWS_IDENTITY_CENTER_REGION is required with AWS_IDENTITY_CENTER_START_URL"
        if self.connect_url is None:
            yield "AUTH_CONNECT_URL is required with AWS_IDENTITY_CENTER_START_URL"
        if self.connections_keys_dir is None and not self.connections_kms_key_id:
            yield "AWS_IDENTITY_CENTER_START_URL needs AUTH_CONNECTIONS_KEYS_DIR or AUTH_CONNECTIONS_KMS_KEY_ID"

    @property
    def connections_address(self) -> StoreAddress:
        """Where users' connections are stored."""
        return StoreAddress(self.connections_url, self.connections_password_file, self.connections_ca_file)

    @property
    def home_partition(self) -> Partition:
        """The partition of AWS_REGION, where the service has the identity of the SDK's default chain."""
        return partition_of(self.aws_region)

    @property
    def profiles(self) -> Mapping[Partition, str]:
        """The AWS profiles by the partition that they are for."""
        pairs = (value.split("=", 1) for value in self.partition_profiles)
        return {partition: profile for partition, profile in pairs}  # type: ignore[misc]  # the pattern says so

    @property
    def partitions(self) -> frozenset[Partition]:
        """The partitions in which the service has an identity."""
        return frozenset({self.home_partition, *self.profiles})

    def excluded_strategies(self) -> Mapping[str, str]:
        """The ways to credentials that the policy may not name here, and why."""
        excluded = {"shared_profile": "works with ENABLE_AUTH=false only"}
        if self.identity_center_start_url is None:
            excluded |= {"identity_center": "needs AWS_IDENTITY_CENTER_START_URL"}
        if self.signing_keys_dir is not None and self.sealing_keys_dir is None:
            unsealed = "needs AUTH_SEALING_KEYS_DIR, which all replicas share like AUTH_SIGNING_KEYS_DIR"
            excluded |= {"web_identity": unsealed, "token_claims": unsealed}
        if not self.allow_token_claims:
            excluded |= {"token_claims": "is for development only; AUTH_ALLOW_TOKEN_CLAIMS=true would allow it"}
        return excluded

    def single_issuer(self) -> Mapping[str, object]:
        """The issuers table's one entry that the OAUTH_* names describe."""
        entry: dict[str, object] = {
            "issuer": self.oauth_issuer,
            "preset": self.oauth_preset,
            "audiences": [name.strip() for name in (self.oauth_audience or "").split(",") if name.strip()],
            "jwks_url": self.oauth_jwks_url or None,
            "client_ids": self.oauth_client_ids,
            "scope_prefix": self.oauth_scope_prefix,
            "logout_audiences": self.logout_audiences,
            "sign_in": self._sign_in(),
        }
        return {name: value for name, value in entry.items() if value}

    def _sign_in(self) -> Mapping[str, object] | None:
        if self.oauth_sign_in_client_id is None and self.oauth_sign_in_client_secret_file is None:
            return None
        client: dict[str, object] = {"client_id": self.oauth_sign_in_client_id or "", "client_auth": "none"}
        if self.oauth_sign_in_client_secret_file is not None:
            client |= {"client_auth": "client_secret_basic"}
            client |= {"client_secret_file": self.oauth_sign_in_client_secret_file}
        return client


# The variable of each field of `single_issuer`, for telling where a fault is.
VARIABLE_OF_FIELD: Final[Mapping[str, str]] = {
    "issuer": "OAUTH_ISSUER",
    "preset": "OAUTH_PRESET",
    "audiences": "OAUTH_AUDIENCE",
    "jwks_url": "OAUTH_JWKS_URL",
    "client_ids": "OAUTH_CLIENT_IDS",
    "scope_prefix": "OAUTH_SCOPE_PREFIX",
    "logout_audiences": "AUTH_LOGOUT_AUDIENCES",
    "sign_in": "OAUTH_SIGN_IN_CLIENT_ID",
}


class AdministratorSettings(ServiceSettings):
    """What an administrator's commands need to reach a running service; read from ADMIN_*."""

    model_config = SettingsConfigDict(env_prefix="ADMIN_")

    auth_target: Address
    """Where auth_service listens: host:port."""
    auth_server_name: str = "auth-service"


def load_administrator() -> AdministratorSettings:
    """The settings of an administrator's command. Raises SettingsError."""
    return shared.load(AdministratorSettings)


def load() -> AuthSettings:
    """The settings of this process. Raises SettingsError."""
    return shared.load(AuthSettings)
