"""`make token USER=alice`: prints a bearer token of a made-up person for the running stack, and nothing else.

The token comes from the development identity provider by an ordinary sign-in; this program signs nothing itself.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx2

from deploy.local.sign_in import SignInError, access_token, require_known_user
from deploy.local.state_directory import DEFAULT_STATE_DIRECTORY, StackNotRunningError, StateDirectory


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 when a token was printed, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.token", description=__doc__)
    parser.add_argument("--user", required=True, help="who signs in, such as alice")
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIRECTORY, help="the stack's folder")
    options = parser.parse_args(arguments)
    try:
        stack = StateDirectory(options.state_dir).read_stack()
        require_known_user(stack["users"], options.user)
        print(asyncio.run(access_token(stack["issuer"], stack["mcp_url"], options.user)))
    except (StackNotRunningError, SignInError) as error:
        print(f"token: {error}", file=sys.stderr)
        return 1
    except httpx2.HTTPError as error:
        print(f"token: the identity provider does not answer ({type(error).__name__})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
