"""`make run`: composes the development stack, starts it, says what to do next, and stops all of it on Ctrl-C.

With --without-services only the embedded AWS and the identity provider are started and described in stack.json, for
tests that run the services themselves.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from deploy.local import announcement, certificates, configuration, embedded_aws, identity_provider, processes
from deploy.local.certificates import CertificateFiles
from deploy.local.configuration import Configuration, ExternalIssuer, MisconfiguredError
from deploy.local.failures import describe, first_cause
from deploy.local.loopback import HOST, free_ports, is_free, listening_socket, wait_until_answering
from deploy.local.people import DEVELOPMENT_USERS
from deploy.local.policy import policy_text
from deploy.local.portal import ASSIGNMENTS, access_portal
from deploy.local.processes import ChildEndedError, ChildProcess
from deploy.local.seed import Seeder
from deploy.local.services import PortalWiring, Service, Wiring, mcp_url, pages_url, services
from deploy.local.state_directory import (
    DEFAULT_STATE_DIRECTORY,
    REPOSITORY,
    StackAlreadyRunningError,
    StateDirectory,
    write_private,
)

STOPPED, FAILED, MISCONFIGURED = 0, 1, 2
DEFAULT_MCP_PORT: Final = 3334
_READY_TIMEOUT_S: Final = 30.0
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What can go wrong on a sound machine and is told in words; anything else is a fault of ours and shows its traceback.
_EXPECTED: Final = (ChildEndedError, embedded_aws.InstallationError, OSError, TimeoutError, BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class Aws:
    """The AWS in use, and the identity by which the auth service acts there."""

    endpoint_url: str
    policy_file: Path
    identity: Mapping[str, str] = field(repr=False)


class Launcher:
    """Starts the parts; what it starts is stopped when the exit stack unwinds, the last first."""

    def __init__(self, state: StateDirectory, chosen: Configuration, resources: AsyncExitStack) -> None:
        self._state = state
        self._chosen = chosen
        self._resources = resources
        self._has_portal = False
        self.children: list[ChildProcess] = []

    async def open(self, *, with_services: bool) -> Wiring:
        """Start everything and wait until it answers.

        Raises ChildEndedError, TimeoutError, MisconfiguredError, InstallationError, OSError or botocore's errors.
        """
        port = _mcp_port(self._chosen.mcp_port)
        # Only where everything around it is embedded too.
        self._has_portal = with_services and self._chosen.issuer is None and self._chosen.aws is None
        async with asyncio.TaskGroup() as tasks:
            making = tasks.create_task(asyncio.to_thread(certificates.make, self._state.certificates))
            opening_issuer = tasks.create_task(self._open_issuer(port))
            opening_aws = tasks.create_task(self._open_aws())
        portal = await self._open_portal(opening_aws.result().endpoint_url) if self._has_portal else None
        wiring = self._wire(port, making.result(), opening_issuer.result(), opening_aws.result(), portal)
        if with_services:
            await self._start_services(wiring)
        return wiring

    def publish(self, wiring: Wiring, *, with_services: bool) -> dict[str, Any]:
        """Write stack.json, to be removed before anything is stopped; returns its content."""
        self._resources.callback(self._state.forget_stack)
        description = self._describe(wiring, with_services=with_services)
        if not with_services and self._chosen.aws is None:
            write_private(self._state.aws_credentials_file, _credentials_file(wiring.aws_identity))
            description["aws_credentials_file"] = str(self._state.aws_credentials_file)
        self._state.write_stack(description)
        return description

    async def _open_issuer(self, port: int) -> ExternalIssuer:
        if self._chosen.issuer is not None:
            return self._chosen.issuer
        bound = listening_socket()
        self._resources.callback(bound.close)
        issuer = f"http://{HOST}:{bound.getsockname()[1]}"
        resource, pages = mcp_url(port), pages_url(port) if self._has_portal else None
        make_app = partial(identity_provider.create_app, issuer, [resource], pages_of_connecting=pages)
        app = await asyncio.to_thread(make_app)
        await self._resources.enter_async_context(identity_provider.serving(app, bound))
        return ExternalIssuer(issuer, audience=resource, jwks_url=None)

    async def _open_aws(self) -> Aws:
        chosen = self._chosen.aws
        if chosen is not None:
            return Aws(chosen.endpoint_url, chosen.policy_file, chosen.identity)
        connecting = [user.email for user in DEVELOPMENT_USERS if user.username in ASSIGNMENTS and self._has_portal]
        text = policy_text(connecting_emails=connecting)
        await asyncio.to_thread(write_private, self._state.policy_file, text)
        if not embedded_aws.is_installed():
            print("installing the embedded AWS, on the first start only ...", flush=True)
        python = await embedded_aws.install(self._state.log_file("embedded-aws-installation"))
        emulator = await embedded_aws.start(python, self._state.log_file("embedded-aws"))
        self._keep(emulator.child, embedded_aws.STOP_GRACE_S)
        await emulator.wait_until_ready()
        key = await Seeder(emulator.endpoint_url).seed()
        identity = {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}
        return Aws(emulator.endpoint_url, self._state.policy_file, identity)

    async def _open_portal(self, aws_endpoint_url: str) -> PortalWiring:
        server = await self._resources.enter_async_context(access_portal(aws_endpoint_url))
        await asyncio.to_thread(self._state.begin_connections)
        return PortalWiring(
            server.url, server.state.start_url, self._state.connections_file, self._state.connections_keys
        )

    def _wire(
        self, port: int, files: CertificateFiles, issuer: ExternalIssuer, aws: Aws, portal: PortalWiring | None
    ) -> Wiring:
        auth_port, cloudwatch_port = free_ports(2)
        return Wiring(
            certificates=files,
            auth_port=auth_port,
            cloudwatch_port=cloudwatch_port,
            mcp_port=port,
            issuer=issuer.issuer,
            audience=issuer.audience,
            jwks_url=issuer.jwks_url,
            policy_file=aws.policy_file,
            aws_endpoint_url=aws.endpoint_url,
            region=self._chosen.region,
            aws_identity=aws.identity,
            for_children=self._chosen.for_children,
            portal=portal,
        )

    async def _start_services(self, wiring: Wiring) -> None:
        """Start all at once, each retrying until those that it calls are there, and wait for the frontend."""
        for service in services(wiring):
            self._keep(await self._start_service(service), service.stop_grace_s)
        ready = wait_until_answering(f"http://{HOST}:{wiring.mcp_port}/ready", _READY_TIMEOUT_S)
        await processes.while_running(self.children, ready)

    async def _start_service(self, service: Service) -> ChildProcess:
        command = [sys.executable, "-m", service.module]
        log_file = self._state.log_file(service.name)
        return await processes.start(service.name, command, service.environment, log_file, REPOSITORY)

    def _keep(self, child: ChildProcess, stop_grace_s: float) -> None:
        self.children.append(child)
        self._resources.push_async_callback(_stop, child, stop_grace_s)

    def _describe(self, wiring: Wiring, *, with_services: bool) -> dict[str, Any]:
        return {
            "mcp_url": wiring.mcp_url,
            "issuer": wiring.issuer,
            "audience": wiring.audience,
            "aws_endpoint_url": wiring.aws_endpoint_url,
            "aws_region": wiring.region,
            "services": with_services,
            "grpc": {"auth": wiring.auth_address, "cloudwatch": wiring.cloudwatch_address},
            "certificates": announcement.certificate_paths(wiring.certificates),
            "policy_file": str(wiring.policy_file),
            "users": announcement.people() if self._chosen.issuer is None else {},
            "logs": str(self._state.logs),
            "pids": {"stack": os.getpid()} | {child.name: child.pid for child in self.children},
        }


async def run(state: StateDirectory, chosen: Configuration, *, with_services: bool) -> None:
    """Run the stack until cancelled. Raises ChildEndedError when a part ends by itself, and what Launcher.open does."""
    began_s = time.monotonic()
    async with AsyncExitStack() as resources:
        state.prepare()
        resources.enter_context(state.lock())
        state.forget_stack()  # of a run that was killed
        launcher = Launcher(state, chosen, resources)
        wiring = await launcher.open(with_services=with_services)
        description = launcher.publish(wiring, with_services=with_services)
        print(announcement.what_next(description, time.monotonic() - began_s), flush=True)
        await processes.while_running(launcher.children, asyncio.Event().wait())


async def run_until_signalled(state: StateDirectory, chosen: Configuration, *, with_services: bool) -> int:
    """Run the stack until a signal asks it to stop; returns the exit code, with the reason printed when it is not 0."""
    task = asyncio.ensure_future(run(state, chosen, with_services=with_services))
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, _stop_once, task)
    try:
        await task
    except asyncio.CancelledError:
        print("everything is stopped", flush=True)
        return STOPPED
    except (MisconfiguredError, StackAlreadyRunningError) as error:
        return _say(MISCONFIGURED, error)
    except (*_EXPECTED, ExceptionGroup) as error:
        if not isinstance(first_cause(error), _EXPECTED):
            raise
        return _say(FAILED, error)
    return STOPPED


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after a requested stop, 1 after a failure, 2 for a wrong environment."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.stack", description=__doc__)
    parser.add_argument("--without-services", action="store_true", help="start only the AWS and the identity provider")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIRECTORY, help="where the stack keeps files")
    options = parser.parse_args(arguments)
    state = StateDirectory(options.state_dir.absolute())
    try:
        chosen = configuration.read()
    except MisconfiguredError as error:
        return _say(MISCONFIGURED, error)
    return asyncio.run(run_until_signalled(state, chosen, with_services=not options.without_services))


def _stop_once(task: "asyncio.Future[None]") -> None:
    """Cancel the run; a second Ctrl-C does not interrupt the stopping, which is bounded."""
    for number in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, lambda: None)
    print("\nstopping ...", flush=True)
    task.cancel()


async def _stop(child: ChildProcess, grace_s: float) -> None:
    if not await child.stop(grace_s):
        print(f"{child.name} did not stop within {grace_s:.0f} s and was killed; see {child.log_file}", flush=True)


def _mcp_port(wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_MCP_PORT if is_free(DEFAULT_MCP_PORT) else free_ports(1)[0]
    if not is_free(wanted):
        raise MisconfiguredError(f"CLOUDWATCH_MCP_PORT: port {wanted} is in use")
    return wanted


def _credentials_file(identity: Mapping[str, str]) -> str:
    """The identity in AWS's own file format."""
    return "\n".join(["[default]", *(f"{name.lower()} = {value}" for name, value in identity.items()), ""])


def _say(code: int, error: BaseException) -> int:
    print(f"stack: {describe(error)}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
