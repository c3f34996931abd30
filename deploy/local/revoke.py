"""`make revoke USER=alice`: ends the sign-ins of a made-up person in the running stack, by the administrator's command.

It only says to `python -m auth_service revoke` where the stack is and with which certificate to call.
"""

import argparse
import os
import subprocess  # the command an operator would use  # nosec B404
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy.local.sign_in import SignInError, require_known_user
from deploy.local.state_directory import DEFAULT_STATE_DIRECTORY, REPOSITORY, StackNotRunningError, StateDirectory

_ADMINISTRATOR: Final = "admin"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 when it is done, 1 or 2 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.revoke", description=__doc__)
    parser.add_argument("--user", required=True, help="whose sign-ins end, such as alice")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIRECTORY, help="the stack's folder")
    options = parser.parse_args(arguments)
    try:
        stack = StateDirectory(options.state_dir).read_stack()
        require_known_user(stack["users"], options.user)
    except (StackNotRunningError, SignInError) as error:
        print(f"revoke: {error}", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "auth_service", "revoke", *revocation(stack, options.user)]
    environment = {**os.environ, **administrator(stack)}
    return subprocess.run(command, env=environment, cwd=REPOSITORY, check=False).returncode  # noqa: S603 - our own module


def revocation(stack: Mapping[str, Any], user: str) -> list[str]:
    """The command's arguments."""
    subject = stack["users"][user]["subject"]
    return ["--issuer", stack["issuer"], "--subject", subject, "--reason", "make revoke"]


def administrator(stack: Mapping[str, Any]) -> dict[str, str]:
    """The command's environment."""
    certificates = stack["certificates"]
    return {
        "ADMIN_AUTH_TARGET": stack["grpc"]["auth"],
        "ADMIN_TLS_CERT_FILE": certificates[_ADMINISTRATOR]["cert"],
        "ADMIN_TLS_KEY_FILE": certificates[_ADMINISTRATOR]["key"],
        "ADMIN_TLS_CA_FILE": certificates["ca"],
    }


if __name__ == "__main__":
    sys.exit(main())
