"""Starts the peer as its console script does. It runs in the peer's virtual environment and imports nothing of ours.

The peer's AWS SDK follows AWS_ENDPOINT_URL by itself; its PromQL client does not, it always goes to the region's own
host. So the transport below `requests` sends what the peer has signed, Host header included, to AWS_ENDPOINT_URL.
Nothing else of the peer is touched.
"""

import os
from typing import Any
from urllib.parse import urlsplit

import requests.sessions
from requests.adapters import HTTPAdapter
from requests.models import PreparedRequest, Response


class _Redirected(HTTPAdapter):
    """Signed for AWS's host, sent to another."""

    def send(self, request: PreparedRequest, *arguments: Any, **options: Any) -> Response:
        """As requests calls it."""
        request.headers["Host"] = urlsplit(request.url).netloc
        request.url = os.environ["AWS_ENDPOINT_URL"] + request.path_url
        return super().send(request, *arguments, **options)


if __name__ == "__main__":
    requests.sessions.HTTPAdapter = _Redirected
    from awslabs.cloudwatch_mcp_server.server import main

    main()
