"""`python -m auth_service`: runs the service; `--check-config` only validates its configuration."""

import sys

from auth_service.app import check, open_service
from auth_service.settings import load
from servicekit.lifecycle import main

if __name__ == "__main__":
    sys.exit(main("auth_service", load, open_service, check))
