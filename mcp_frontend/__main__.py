"""`python -m mcp_frontend`: runs the service; `--check-config` only validates its configuration."""

import sys

from mcp_frontend.app import check, open_service
from mcp_frontend.settings import load
from servicekit.lifecycle import main

if __name__ == "__main__":
    sys.exit(main("mcp_frontend", load, open_service, check))
