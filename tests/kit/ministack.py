"""The emulated AWS of the development stack with CloudFormation and KMS, for tests of templates, IAM and keys."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

from deploy.local import embedded_aws, processes
from deploy.local.loopback import HOST, free_ports

_SERVICES = "sts,iam,cloudwatch,logs,monitoring,cloudformation,kms"
_CONFIG = {"proxies": {}, "retries": {"total_max_attempts": 1}}


class MiniStack:
    """A running emulator."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url

    def client(self, service: str, account_id: str = "", **options: Any) -> AbstractAsyncContextManager[Any]:
        """A client as the root of the account, or with the keys and settings in `options`."""
        config = AioConfig(**_CONFIG, **options.pop("config", {}))
        if account_id:
            options |= {"aws_access_key_id": account_id, "aws_secret_access_key": "test"}
        client: AbstractAsyncContextManager[Any] = aioboto3.Session().client(
            service, region_name="us-east-1", endpoint_url=self.endpoint_url, config=config, **options
        )
        return client


@asynccontextmanager
async def ministack(directory: Path) -> AsyncIterator[MiniStack]:
    """A fresh emulator while open. Installs it first where it is not."""
    python = await embedded_aws.install(directory / "installation.log")
    (port,) = free_ports(1)
    environment = embedded_aws.environment(port, directory) | {"SERVICES": _SERVICES}
    child = await processes.start(
        "emulator", [python, "-m", "ministack"], environment, directory / "emulator.log", directory
    )
    emulator = embedded_aws.EmbeddedAws(child, f"http://{HOST}:{port}")
    try:
        await emulator.wait_until_ready()
        yield MiniStack(emulator.endpoint_url)
    finally:
        await child.stop(embedded_aws.STOP_GRACE_S)
