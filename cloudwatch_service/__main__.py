"""`python -m cloudwatch_service`: runs the service; `--check-config` only validates its configuration."""

import sys

if __name__ == "__main__":
    # Worker processes read this file too, under another name, and have no use for what a service imports.
    from cloudwatch_service.app import check, open_service
    from cloudwatch_service.settings import load
    from servicekit.lifecycle import main

    sys.exit(main("cloudwatch_service", load, open_service, check))
