"""`python -m mcp_frontend`: runs the service; `--check-config` only validates its configuration."""

import sys

if __name__ == "__main__":
    # The drawing process reads this file too, under another name, and has no use for what the service imports.
    from mcp_frontend.app import check, open_service
    from mcp_frontend.settings import load
    from servicekit.lifecycle import main

    sys.exit(main("mcp_frontend", load, open_service, check))
