"""The fake AWS as a process of its own: prints one JSON line with its endpoint, serves until told to stop."""

import argparse
import asyncio
import json
import os
import signal

import uvloop

from tests.kit.fake_aws.server import DEFAULT_ACCOUNTS, SERVICE_KEY, FakeAws


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kit.fake_aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--account", action="append", help="an account id; repeatable")
    parser.add_argument("--external-id", help="what every account demands of AssumeRole")
    parser.add_argument("--service-access-key-id", default=SERVICE_KEY[0])
    parser.add_argument("--service-secret-access-key", default=SERVICE_KEY[1])
    parser.add_argument("--no-verify", action="store_true", help="skip the signature, for benchmarks")
    parser.add_argument("--delay-s", type=float, default=0.0, help="answer everything so much later")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    account_ids = arguments.account or DEFAULT_ACCOUNTS
    aws = FakeAws(
        account_ids=account_ids,
        service_access_key_id=arguments.service_access_key_id,
        service_secret_access_key=arguments.service_secret_access_key,
        external_ids=dict.fromkeys(account_ids, arguments.external_id) if arguments.external_id else None,
        verify_signatures=not arguments.no_verify,
        port=arguments.port,
    )
    if arguments.delay_s:
        aws.delay("*", arguments.delay_s)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with aws:
        print(json.dumps({"endpoint_url": aws.endpoint_url, "pid": os.getpid()}), flush=True)
        await stopped.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(_arguments()))
