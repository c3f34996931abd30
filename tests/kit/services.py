"""The product's own services for tests: their environments, as processes or inside the test's process.

An environment is what an operator would write: certificates of a test authority, addresses, a policy file. Nothing of
the test's own environment leaks into it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from servicekit.tls import TlsFiles
from tests.kit.authorization_server import AuthorizationServer
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.ports import free_ports
from tests.kit.process import Child, child, listening
from tests.kit.tls import CertificateAuthority

REGION = "us-east-1"
SERVICES = ("auth_service", "cloudwatch_service", "mcp_frontend")
_NAMES = {"auth_service": "auth-service", "cloudwatch_service": "cloudwatch-service", "mcp_frontend": "mcp-frontend"}


def role_arn(account_id: str) -> str:
    """The role that the policy uses in an account."""
    return f"arn:aws:iam::{account_id}:role/cloudwatch-mcp-reader"


def policy_for(accounts: Mapping[str, str], groups: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """A policy: `accounts` are ids by alias, `groups` are aliases by group."""
    return {
        "accounts": {
            alias: {
                "account_id": account_id,
                "role_arn": role_arn(account_id),
                "external_id": "test-deployment",
                "default_region": REGION,
            }
            for alias, account_id in accounts.items()
        },
        "grants": [{"groups": [group], "accounts": list(aliases)} for group, aliases in groups.items()],
    }


@dataclass
class Deployment:
    """One installation of the product: its files and addresses."""

    directory: Path
    aws: FakeAws
    issuer: Issuer | AuthorizationServer
    policy: Mapping[str, Any]
    overrides: dict[str, dict[str, str]] = field(default_factory=dict)
    """Variables by service that replace or add to the usual ones."""

    def __post_init__(self) -> None:
        self.authority = CertificateAuthority(self.directory)
        self.auth_port, self.cloudwatch_port, self.mcp_port = free_ports(3)
        self.policy_file = self.directory / "policy.yaml"
        self.write_policy(self.policy)
        for name in (*_NAMES.values(), "agent", "admin", "stranger"):
            self.authority.issue(name, loopback=False)

    @property
    def mcp_url(self) -> str:
        """Where clients go."""
        return f"http://127.0.0.1:{self.mcp_port}/mcp"

    def write_policy(self, policy: Mapping[str, Any]) -> None:
        """Replace the policy file."""
        self.policy_file.write_text(yaml.safe_dump(json.loads(json.dumps(policy))))

    def tls(self, name: str) -> TlsFiles:
        """The certificate of one of the names."""
        return TlsFiles(self.directory / f"{name}.pem", self.directory / f"{name}.key", self.authority.ca_file)

    def environment(self, service: str) -> dict[str, str]:
        """All variables of a service."""
        own = {
            "auth_service": {
                "AUTH_LISTEN_ADDRESS": f"127.0.0.1:{self.auth_port}",
                "AUTH_POLICY_FILE": str(self.policy_file),
                "OAUTH_ISSUER": self.issuer.url,
                "OAUTH_AUDIENCE": self.mcp_url,
                "AWS_ENDPOINT_URL": self.aws.endpoint_url,
                "AWS_REGION": REGION,
                **{name.upper(): value for name, value in self.aws.service_credentials.items()},
            },
            "cloudwatch_service": {
                "CLOUDWATCH_LISTEN_ADDRESS": f"127.0.0.1:{self.cloudwatch_port}",
                "CLOUDWATCH_AUTH_TARGET": f"127.0.0.1:{self.auth_port}",
                "AWS_ENDPOINT_URL": self.aws.endpoint_url,
                "AWS_REGION": REGION,
            },
            "mcp_frontend": {
                "CLOUDWATCH_MCP_PORT": str(self.mcp_port),
                "FRONTEND_RESOURCE_URL": self.mcp_url,
                "FRONTEND_AUTH_TARGET": f"127.0.0.1:{self.auth_port}",
                "FRONTEND_CLOUDWATCH_TARGET": f"127.0.0.1:{self.cloudwatch_port}",
                "OAUTH_ISSUER": self.issuer.url,
            },
        }[service]
        if "AUTH_ISSUERS_FILE" in self.overrides.get(service, {}):
            own = {name: value for name, value in own.items() if not name.startswith("OAUTH_")}
        prefix = {"auth_service": "AUTH", "cloudwatch_service": "CLOUDWATCH", "mcp_frontend": "FRONTEND"}[service]
        tls = self.tls(_NAMES[service])
        return {
            f"{prefix}_TLS_CERT_FILE": str(tls.cert_file),
            f"{prefix}_TLS_KEY_FILE": str(tls.key_file),
            f"{prefix}_TLS_CA_FILE": str(tls.ca_file),
            f"{prefix}_GRACE_PERIOD_S": "5",
            "HOME": str(self.directory),
            **own,
            **self.overrides.get(service, {}),
        }

    def start(self, service: str) -> AbstractAsyncContextManager[Child]:
        """The service as a process of its own, accepting connections when entered."""
        port = {
            "auth_service": self.auth_port,
            "cloudwatch_service": self.cloudwatch_port,
            "mcp_frontend": self.mcp_port,
        }[service]
        log_file = self.directory / f"{service}.log"
        return child(service, env=self.environment(service), log_file=log_file, ready=listening(port), timeout_s=20)

    def start_replica(self, service: str, port: int, changes: Mapping[str, str]) -> AbstractAsyncContextManager[Child]:
        """Another process of a gRPC service, at another port and otherwise as `changes` say."""
        prefix = {"auth_service": "AUTH", "cloudwatch_service": "CLOUDWATCH"}[service]
        env = self.environment(service) | {f"{prefix}_LISTEN_ADDRESS": f"127.0.0.1:{port}"} | dict(changes)
        log_file = self.directory / f"{service}-{port}.log"
        return child(service, env=env, log_file=log_file, ready=listening(port), timeout_s=30)

    @asynccontextmanager
    async def running(self, services: Iterable[str] = SERVICES) -> AsyncIterator[dict[str, Child]]:
        """The services as processes, by name, started together."""
        async with AsyncExitStack() as stack:
            names = list(services)
            children = await asyncio.gather(*(stack.enter_async_context(self.start(name)) for name in names))
            yield dict(zip(names, children, strict=True))
