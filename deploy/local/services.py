"""The three services as child processes: what each is given, and nothing else. Pure; stack.py starts them.

Each service is configured by its environment alone. The AWS identity goes to the auth service and to no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.certificates import CertificateFiles
from deploy.local.identity_provider import PAGES_CLIENT_ID
from deploy.local.loopback import HOST

# A service's own grace period, when the caller sets none, and what closing its clients may take beyond it.
_DEFAULT_GRACE_S: Final = 20.0
_CLOSING_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class PortalWiring:
    """The access portal, and where connections to it are stored."""

    url: str
    start_url: str
    connections_file: Path
    keys: Path


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything that the services must agree on."""

    certificates: CertificateFiles
    auth_port: int
    cloudwatch_port: int
    mcp_port: int
    issuer: str
    audience: str
    jwks_url: str | None
    policy_file: Path
    aws_endpoint_url: str
    region: str
    aws_identity: Mapping[str, str] = field(repr=False)
    for_children: Mapping[str, str] = field(repr=False)
    portal: PortalWiring | None = None

    @property
    def auth_address(self) -> str:
        """Where the auth service listens."""
        return f"{HOST}:{self.auth_port}"

    @property
    def cloudwatch_address(self) -> str:
        """Where the CloudWatch service listens."""
        return f"{HOST}:{self.cloudwatch_port}"

    @property
    def mcp_url(self) -> str:
        """Where MCP clients connect."""
        return mcp_url(self.mcp_port)


@dataclass(frozen=True, slots=True)
class Service:
    """One service to start."""

    name: str
    module: str
    environment: Mapping[str, str] = field(repr=False)
    stop_grace_s: float


def pages_url(port: int) -> str:
    """Where people connect their AWS sign-in."""
    return f"http://{HOST}:{port}/connect"


def mcp_url(port: int) -> str:
    """The MCP address on that port; it is also the resource that tokens are for."""
    return f"http://{HOST}:{port}/mcp"


def services(wiring: Wiring) -> list[Service]:
    """The services in the order in which they start: each after those that it calls."""
    return [
        _service("auth-service", "auth_service", "AUTH", _auth(wiring), wiring),
        _service("cloudwatch-service", "cloudwatch_service", "CLOUDWATCH", _cloudwatch(wiring), wiring),
        _service("mcp-frontend", "mcp_frontend", "FRONTEND", _frontend(wiring), wiring),
    ]


def _service(name: str, module: str, prefix: str, own: dict[str, str], wiring: Wiring) -> Service:
    grace = f"{prefix}_GRACE_PERIOD_S"
    shared = {
        key: value
        for key, value in wiring.for_children.items()
        if key == grace or not key.endswith("_GRACE_PERIOD_S")  # a service refuses settings that are not its own
    }
    peer = wiring.certificates.peers[name]
    tls = {
        f"{prefix}_TLS_CERT_FILE": str(peer.cert_file),
        f"{prefix}_TLS_KEY_FILE": str(peer.key_file),
        f"{prefix}_TLS_CA_FILE": str(wiring.certificates.ca_file),
    }
    return Service(name, module, shared | tls | own, _grace_s(shared.get(grace)) + _CLOSING_S)


def _auth(wiring: Wiring) -> dict[str, str]:
    keys = {} if wiring.jwks_url is None else {"OAUTH_JWKS_URL": wiring.jwks_url}
    return (
        keys
        | _portal(wiring)
        | {
            "AUTH_LISTEN_ADDRESS": wiring.auth_address,
            "AUTH_POLICY_FILE": str(wiring.policy_file),
            "AUTH_CALLERS_REVOCATION": "admin",
            "OAUTH_ISSUER": wiring.issuer,
            "OAUTH_AUDIENCE": wiring.audience,
            "ENABLE_AUTH": "true",
            "AWS_REGION": wiring.region,
            "AWS_ENDPOINT_URL": wiring.aws_endpoint_url,
            **wiring.aws_identity,
        }
    )


def _portal(wiring: Wiring) -> dict[str, str]:
    portal = wiring.portal
    if portal is None:
        return {}
    return {
        "AWS_IDENTITY_CENTER_START_URL": portal.start_url,
        "AWS_IDENTITY_CENTER_REGION": wiring.region,
        "AWS_ENDPOINT_URL_SSO": portal.url,
        "AWS_ENDPOINT_URL_SSO_OIDC": portal.url,
        "AUTH_CONNECT_URL": pages_url(wiring.mcp_port),
        "AUTH_CONNECTIONS_URL": f"sqlite:///{portal.connections_file}",
        "AUTH_CONNECTIONS_KEYS_DIR": str(portal.keys),
        "OAUTH_SIGN_IN_CLIENT_ID": PAGES_CLIENT_ID,
    }


def _cloudwatch(wiring: Wiring) -> dict[str, str]:
    return {
        "CLOUDWATCH_LISTEN_ADDRESS": wiring.cloudwatch_address,
        "CLOUDWATCH_AUTH_TARGET": wiring.auth_address,
        "AWS_REGION": wiring.region,
        "AWS_ENDPOINT_URL": wiring.aws_endpoint_url,
    }


def _frontend(wiring: Wiring) -> dict[str, str]:
    return {
        "CLOUDWATCH_MCP_SERVER_HOST": HOST,
        "CLOUDWATCH_MCP_PORT": str(wiring.mcp_port),
        "FRONTEND_AUTH_TARGET": wiring.auth_address,
        "FRONTEND_CLOUDWATCH_TARGET": wiring.cloudwatch_address,
        "FRONTEND_RESOURCE_URL": wiring.mcp_url,
        "OAUTH_ISSUER": wiring.issuer,
        "ENABLE_AUTH": "true",
    }


def _grace_s(text: str | None) -> float:
    try:
        return _DEFAULT_GRACE_S if text is None else float(text)
    except ValueError:
        return _DEFAULT_GRACE_S  # the service itself tells what is wrong with it
