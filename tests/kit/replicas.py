"""Two replicas of auth_service and two of cloudwatch_service over one Redis, and people who ask each of them."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc
from cwmcp.auth.v1 import authentication_service_pb2 as authentication_pb
from cwmcp.auth.v1 import credential_service_pb2 as credential_pb
from cwmcp.auth.v1 import revocation_service_pb2 as revocation_pb
from cwmcp.auth.v1.authentication_service_pb2_grpc import AuthenticationServiceStub
from cwmcp.auth.v1.credential_service_pb2_grpc import CredentialServiceStub
from cwmcp.auth.v1.revocation_service_pb2_grpc import RevocationServiceStub
from cwmcp.cloudwatch.v1 import alarms_service_pb2, logs_service_pb2

from mcp_frontend.backends import Backends
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.identity import ASSERTION_METADATA_KEY
from tests.kit.authorization_server import AuthorizationServer
from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import Issuer
from tests.kit.ports import free_ports
from tests.kit.process import Child
from tests.kit.redis_server import RedisServer
from tests.kit.services import Deployment, policy_for

ACCOUNT: Final = "111111111111"
REPLICAS: Final = 2


class Replicas:
    """The processes and channels to each of them."""

    def __init__(self, deployment: Deployment, redis: RedisServer, stack: AsyncExitStack, settings: Any) -> None:
        self.deployment = deployment
        self.redis = redis
        self._stack = stack
        self._auth_ports = free_ports(REPLICAS)
        self._cloudwatch_ports = free_ports(REPLICAS)
        self._shared = {"SHARED_STATE_URL": redis.url, **settings}
        self._processes: dict[tuple[str, int], tuple[Child, AbstractAsyncContextManager[Child]]] = {}
        self._channels: dict[tuple[str, int, str], grpc.aio.Channel] = {}

    async def start(self, service: str, index: int) -> None:
        """Start one replica."""
        process = self._process(service, index)
        self._processes[service, index] = (await process.__aenter__(), process)

    async def kill(self, service: str, index: int) -> None:
        """End one replica at once, without a chance to say anything."""
        running, process = self._processes.pop((service, index))
        await running.kill()
        for key in [key for key in self._channels if key[:2] == (service, index)]:
            await self._channels.pop(key).close()  # else it would wait before it tries again
        await process.__aexit__(None, None, None)

    async def close(self) -> None:
        """End all."""
        for channel in self._channels.values():
            await channel.close()
        await asyncio.gather(*(process.__aexit__(None, None, None) for _, process in self._processes.values()))

    def log(self, service: str, index: int) -> str:
        """What a replica wrote."""
        return self._processes[service, index][0].log()

    async def channel(self, service: str, index: int, peer: str) -> grpc.aio.Channel:
        """A channel to one replica with the certificate of `peer`."""
        key = (service, index, peer)
        if key not in self._channels:
            port = self._ports(service)[index]
            name = service.replace("_", "-")
            opened = connected(f"127.0.0.1:{port}", name, self.deployment.tls(peer))
            self._channels[key] = await self._stack.enter_async_context(opened)
        return self._channels[key]

    def target(self, service: str) -> str:
        """All replicas of a service, as a client is told of them."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self._ports(service))

    async def revoke(self, index: int, subject: str, session_id: str = "") -> None:
        """As an administrator does, at one replica of auth_service."""
        service: Any = RevocationServiceStub(await self.channel("auth_service", index, "admin"))
        request = revocation_pb.RevokeUserRequest(subject=subject, session_id=session_id, reason="lost laptop")
        with raising_service_errors():
            await service.RevokeUser(request, timeout=10)

    async def revoked_subjects(self, index: int) -> set[str]:
        """Whom one replica of auth_service knows as revoked."""
        service: Any = RevocationServiceStub(await self.channel("auth_service", index, "admin"))
        with raising_service_errors():
            answer = await service.ListRevocations(revocation_pb.ListRevocationsRequest(), timeout=10)
        return {revocation.subject for revocation in answer.revocations}

    def person(self, subject: str, **claims: Any) -> "Person":
        """Somebody with a token of the kit's issuer."""
        facts = {"sub": subject, "groups": ["ops"], "aud": self.deployment.mcp_url}
        return Person(self, self.deployment.issuer.mint(facts | claims))

    def _ports(self, service: str) -> list[int]:
        return self._auth_ports if service == "auth_service" else self._cloudwatch_ports

    def _process(self, service: str, index: int) -> AbstractAsyncContextManager[Child]:
        if service == "auth_service":
            changes = {
                "AUTH_CALLERS_REVOCATION": "admin",
                "AUTH_SIGNING_KEYS_DIR": str(self.deployment.directory / "keys"),
            }
            return self.deployment.start_replica(service, self._auth_ports[index], self._shared | changes)
        changes = {"CLOUDWATCH_AUTH_TARGET": self.target("auth_service")}
        return self.deployment.start_replica(service, self._cloudwatch_ports[index], changes)


class Person:
    """One person: a token, and the assertion that was last given for it."""

    def __init__(self, replicas: Replicas, token: str) -> None:
        self._replicas = replicas
        self.token = token
        self.assertion = b""

    async def sign_in(self, index: int) -> None:
        """Have one replica of auth_service judge the token. Raises ServiceError."""
        service: Any = AuthenticationServiceStub(await self._replicas.channel("auth_service", index, "agent"))
        request = authentication_pb.AuthenticateRequest(access_token=self.token)
        with raising_service_errors():
            answer = await service.Authenticate(request, timeout=10)
        self.assertion = answer.assertion.encode()

    async def issue(self, index: int) -> str:
        """The id of the key that one replica of auth_service issues for this person. Raises ServiceError."""
        service: Any = CredentialServiceStub(await self._replicas.channel("auth_service", index, "cloudwatch-service"))
        with raising_service_errors():
            answer = await service.IssueCredentials(
                credential_pb.IssueCredentialsRequest(), metadata=self._proof, timeout=10
            )
        key_id: str = answer.access_key_id
        return key_id

    async def alarms(self, index: int) -> None:
        """Ask one replica of cloudwatch_service. Raises ServiceError."""
        backends = await self._backends(index)
        with raising_service_errors():
            await backends.alarms.ListActiveAlarms(
                alarms_service_pb2.ListActiveAlarmsRequest(), metadata=self._proof, timeout=10
            )

    async def query(self, index: int) -> None:
        """Run a Logs Insights query by one replica of cloudwatch_service to its end. Raises ServiceError."""
        backends = await self._backends(index)
        request = logs_service_pb2.RunQueryRequest(
            query_string="stats count(*) as endless", log_group_names=[f"/app/{ACCOUNT}/web"], timeout_s=60
        )
        request.start_time.FromSeconds(1_764_000_000)
        request.end_time.FromSeconds(1_764_000_600)
        with raising_service_errors():
            async for _ in backends.logs.RunQuery(request, metadata=self._proof, timeout=60):
                pass

    async def everywhere(self) -> list[Reason | None]:
        """How each replica answers: None where it serves this person. The assertion at hand is used, not a new one."""
        assertion = self.assertion
        ways: Sequence[Callable[[int], Any]] = (self.sign_in, self.issue, self.alarms)
        found = [await _reason(way(index)) for way in ways for index in range(REPLICAS) if self._keep(assertion)]
        self.assertion = assertion
        return found

    def _keep(self, assertion: bytes) -> bool:
        self.assertion = assertion
        return True

    async def _backends(self, index: int) -> Backends:
        return Backends.over(await self._replicas.channel("cloudwatch_service", index, "agent"))

    @property
    def _proof(self) -> Any:
        return ((ASSERTION_METADATA_KEY, self.assertion),)


async def _reason(call: Any) -> Reason | None:
    try:
        await call
    except ServiceError as error:
        return error.reason
    return None


@asynccontextmanager
async def running_replicas(
    directory: Path, aws: FakeAws, issuer: Issuer | AuthorizationServer, redis: RedisServer, **settings: str
) -> AsyncIterator[Replicas]:
    """All four processes while open."""
    policy = policy_for({"payments": ACCOUNT}, {"ops": ["payments"]})
    deployment = Deployment(directory, aws, issuer, policy)
    keys = directory / "keys"
    keys.mkdir()
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(keys / "1.pem")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603, ASYNC221
    async with AsyncExitStack() as stack:
        replicas = Replicas(deployment, redis, stack, settings)
        stack.push_async_callback(replicas.close)
        await asyncio.gather(
            *(replicas.start(service, i) for service in ("auth_service", "cloudwatch_service") for i in range(REPLICAS))
        )
        yield replicas
