"""`python -m auth_service revoke`: an administrator's command to a running auth_service.

It calls it over mutual TLS with a certificate of the administrator's own, whose name must be on the allow-list of
RevocationService. Nothing here reads or prints a token.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from cwmcp.auth.v1 import revocation_service_pb2 as pb
from cwmcp.auth.v1.revocation_service_pb2_grpc import RevocationServiceStub

from auth_service.settings import AdministratorSettings, load_administrator
from servicekit.errors import Reason, ServiceError
from servicekit.grpc_client import connected
from servicekit.grpc_errors import raising_service_errors
from servicekit.settings import SettingsError
from servicekit.tls import CertificateError

COMMANDS: Final = ("revoke",)
DONE, FAILED, MISCONFIGURED = 0, 1, 2
_TIMEOUT_S: Final = 10.0


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit code: 0 done, 1 refused or failed, 2 wrong arguments or configuration."""
    options = parse(arguments)
    try:
        settings = load_administrator()
        text = asyncio.run(_run(settings, options))
    except (SettingsError, CertificateError) as error:
        return _say(MISCONFIGURED, str(error))
    except ServiceError as error:
        where = f" ({error.field})" if error.field else ""
        code = MISCONFIGURED if error.reason is Reason.INVALID_ARGUMENT else FAILED
        return _say(code, f"{error.message}{where}")
    sys.stdout.write(text)
    return DONE


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command's arguments; ends the process with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m auth_service revoke",
        description="End a user's sign-ins, or one session, in every replica; configured by ADMIN_* variables.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--subject", default="", help="the tokens' subject (sub), all of whose sign-ins are to end")
    what.add_argument("--sid", default="", help="the issuer's id of the one session that is to end")
    what.add_argument("--list", action="store_true", help="list what is in force, the newest first")
    parser.add_argument("--issuer", default="", help="the tokens' issuer; may be left out where there is only one")
    parser.add_argument("--reason", default="", help="why, for the audit log; required to revoke")
    options = parser.parse_args(arguments)
    if not options.list and not options.reason.strip():
        parser.error("--reason is required, for the audit log")
    return options


async def _run(settings: AdministratorSettings, options: argparse.Namespace) -> str:
    async with _service(settings) as service:
        if not options.list:
            request = pb.RevokeUserRequest(
                issuer=options.issuer, subject=options.subject, session_id=options.sid, reason=options.reason
            )
            with raising_service_errors():
                answer = await service.RevokeUser(request, timeout=_TIMEOUT_S)
            return f"revoked: {_describe(answer.revocation)}\n"
        return "".join([f"{_describe(revocation)}\n" async for revocation in _list(service)])


@asynccontextmanager
async def _service(settings: AdministratorSettings) -> AsyncIterator[Any]:
    async with connected(settings.auth_target, settings.auth_server_name, settings.tls) as channel:
        yield RevocationServiceStub(channel)


async def _list(service: Any) -> AsyncIterator[pb.Revocation]:
    request = pb.ListRevocationsRequest(page_size=1_000)
    while True:
        with raising_service_errors():
            answer = await service.ListRevocations(request, timeout=_TIMEOUT_S)
        for revocation in answer.revocations:
            yield revocation
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def _describe(revocation: pb.Revocation) -> str:
    session = f" session {revocation.session_id}" if revocation.session_id else ""
    subject = f" subject {revocation.subject}" if revocation.subject else ""
    return (
        f"{revocation.issuer}{subject}{session}: tokens issued until {revocation.issued_until.ToJsonString()}, "
        f"kept until {revocation.end_time.ToJsonString()}, by {revocation.revoked_by}: {revocation.reason}"
    )


def _say(code: int, message: str) -> int:
    sys.stderr.write(f"auth_service: {message}\n")
    return code
