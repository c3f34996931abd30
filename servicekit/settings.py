"""How a service reads its configuration: one frozen class, the environment first, unknown names refused.

Each service's own settings.py holds the class; this module holds what they share and the only reading of the
environment's names. Secrets are given as files, never as values.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar, get_origin

from pydantic import (
    AliasChoices,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit.grpc_server import ServerLimits
from servicekit.loopback import is_loopback
from servicekit.shared_state_address import SharedStateAddress, url_fault
from servicekit.tls import TlsFiles

Address = Annotated[str, StringConstraints(pattern=r"^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")]
# Kubernetes announces every Service of the namespace to every pod with such names.
_ANNOUNCED_BY_KUBERNETES: Final = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")


class SettingsError(Exception):
    """The configuration is wrong; the message lists every fault with the name of its variable."""


class ServiceSettings(BaseSettings):
    """What every service has."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", populate_by_name=True, enable_decoding=False)

    log_level: str = Field(
        default="INFO",
        validation_alias=AliasChoices("LOG_LEVEL", "FASTMCP_LOG_LEVEL"),
        pattern="^(?i:debug|info|warning|error|critical)$",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        validation_alias=AliasChoices("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    )
    enable_auth: bool = Field(default=True, validation_alias="ENABLE_AUTH")
    allow_unauthenticated_remote: bool = Field(default=False, validation_alias="ALLOW_UNAUTHENTICATED_REMOTE")
    tls_cert_file: Path
    tls_key_file: Path
    tls_ca_file: Path
    grace_period_s: float = Field(default=20.0, ge=0, le=600)

    @field_validator("*", mode="before")
    @classmethod
    def _split_lists(cls, value: Any, info: ValidationInfo) -> Any:
        """Lists are written as `a,b`, or as a JSON array."""
        field = cls.model_fields[str(info.field_name)]
        if get_origin(field.annotation) is not tuple or not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = list(self.faults_together())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def faults_together(self) -> Iterator[str]:
        """What is wrong between settings that are each good by themselves; every fault, in a line of its own."""
        yield from ()

    @property
    def tls(self) -> TlsFiles:
        """The certificate files."""
        return TlsFiles(self.tls_cert_file, self.tls_key_file, self.tls_ca_file)


class GrpcServiceSettings(ServiceSettings):
    """What every gRPC server has."""

    listen_address: Address
    max_concurrent_calls: int = Field(default=1_000, ge=1)
    max_request_bytes: int = Field(default=1 << 20, ge=1_024)
    max_call_s: float = Field(default=120.0, gt=0)
    shared_state_url: str | None = Field(default=None, validation_alias="SHARED_STATE_URL")
    shared_state_password_file: Path | None = Field(default=None, validation_alias="SHARED_STATE_PASSWORD_FILE")
    shared_state_ca_file: Path | None = Field(default=None, validation_alias="SHARED_STATE_CA_FILE")
    shared_state_key_prefix: str = Field(
        default="cwmcp:", validation_alias="SHARED_STATE_KEY_PREFIX", pattern=r"^[\w.:-]{1,64}$"
    )
    shared_state_max_outage_s: float = Field(default=300.0, ge=0, validation_alias="SHARED_STATE_MAX_OUTAGE_S")
    """How long users are served while it cannot be known whose sign-in was ended."""

    @field_validator("shared_state_url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        fault = url_fault(url) if url else None
        if fault is not None:
            raise ValueError(fault)
        return url or None

    @property
    def shared_state(self) -> SharedStateAddress | None:
        """Where the state that replicas share is; None keeps it in memory."""
        if self.shared_state_url is None:
            return None
        return SharedStateAddress(
            self.shared_state_url,
            self.shared_state_password_file,
            self.shared_state_ca_file,
            self.shared_state_key_prefix,
        )

    @property
    def limits(self) -> ServerLimits:
        """The server's bounds."""
        return ServerLimits(self.max_concurrent_calls, self.max_request_bytes, self.max_call_s, self.grace_period_s)


S = TypeVar("S", bound=ServiceSettings)


def load(settings_class: type[S], *, ignored_prefixes: Iterable[str] = ()) -> S:
    """Read settings from the process's environment. Raises SettingsError listing every fault.

    A variable with the class's prefix that is no setting is refused, unless it begins with one of `ignored_prefixes`.
    """
    names = os.environ  # noqa: TID251 - the one reading of names
    prefix = str(settings_class.model_config.get("env_prefix", ""))
    faults = [
        f"{name}: no such setting" for name in _unknown_names(settings_class, prefix, names, tuple(ignored_prefixes))
    ]
    try:
        settings = settings_class()
    except ValidationError as error:
        for fault in error.errors(include_input=False):
            faults += _describe(settings_class, prefix, fault)
        raise SettingsError("\n".join(faults)) from None  # pydantic's own text repeats the values
    if faults:
        raise SettingsError("\n".join(faults))
    return settings


def _unknown_names(
    settings_class: type[ServiceSettings], prefix: str, names: Iterable[str], ignored_prefixes: tuple[str, ...]
) -> list[str]:
    known = {f"{prefix}{field}".upper() for field in settings_class.model_fields}
    for field in settings_class.model_fields.values():
        known |= {name.upper() for name in _aliases(field.validation_alias)}
    return sorted(
        name
        for name in names
        if prefix
        and name.startswith(prefix)
        and name.upper() not in known
        and not _ANNOUNCED_BY_KUBERNETES.search(name)
        and not (ignored_prefixes and name.startswith(ignored_prefixes))
    )


def _aliases(alias: Any) -> list[str]:
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else []


def _describe(settings_class: type[ServiceSettings], prefix: str, fault: Any) -> list[str]:
    """What pydantic found in terms of the variable that the operator sets, a line for each fault."""
    place = str(fault["loc"][0]) if fault["loc"] else ""
    field = settings_class.model_fields.get(place)
    if field is not None and field.validation_alias is None:
        place = f"{prefix}{place}".upper()
    return [f"{place or 'settings'}: {line}" for line in fault["msg"].removeprefix("Value error, ").splitlines()]


def faults_of_remote(settings: ServiceSettings, address: str) -> Iterator[str]:
    """A fault when authentication is off and `address` can be reached from other machines."""
    host = address.rpartition(":")[0].strip("[]")
    if not settings.enable_auth and not is_loopback(host) and not settings.allow_unauthenticated_remote:
        yield (
            f"ENABLE_AUTH=false serves everybody who can reach {address} with this machine's AWS access; "
            "listen at 127.0.0.1, or set ALLOW_UNAUTHENTICATED_REMOTE=true if you mean it"
        )
