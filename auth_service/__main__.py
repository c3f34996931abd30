"""`python -m auth_service`: runs the service; `--check-config` only validates its configuration.

With `explain-access`, or a command of `administration`, it does that and ends.
"""

import sys

from auth_service import administration, explain_access
from auth_service.app import check, open_service
from auth_service.settings import load
from servicekit.lifecycle import main

if __name__ == "__main__":
    if sys.argv[1:2] == [explain_access.COMMAND]:
        sys.exit(explain_access.main(sys.argv[2:]))
    if sys.argv[1:2] and sys.argv[1] in administration.COMMANDS:
        sys.exit(administration.main(sys.argv[2:]))
    sys.exit(main("auth_service", load, open_service, check))
