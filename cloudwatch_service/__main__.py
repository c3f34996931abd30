"""`python -m cloudwatch_service`: runs the service; `--check-config` only validates its configuration."""

import sys

from cloudwatch_service.app import check, open_service
from cloudwatch_service.settings import load
from servicekit.lifecycle import main

if __name__ == "__main__":
    sys.exit(main("cloudwatch_service", load, open_service, check))
