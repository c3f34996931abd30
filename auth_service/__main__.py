"""`python -m auth_service`: runs the service; `--check-config` only validates its configuration.

With a command first it runs that and ends: `explain-token`, `explain-access`, `connections`, which works on the store
of connections, or `revoke`, which talks to a running service.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from auth_service import administration, connection_commands, explain_access, explain_token
from auth_service.app import check, open_service
from auth_service.settings import load
from servicekit.lifecycle import main

_COMMANDS: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    connection_commands.COMMAND: connection_commands.main,
    explain_access.COMMAND: explain_access.main,
    explain_token.COMMAND: explain_token.main,
    **dict.fromkeys(administration.COMMANDS, administration.main),
}

if __name__ == "__main__":
    command = _COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.exit(command(sys.argv[2:]) if command else main("auth_service", load, open_service, check))
