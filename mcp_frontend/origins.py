"""Which Host and Origin a request may name, so that a page in a browser cannot reach the server by a name of its own.

The MCP specification demands the check of Origin; the check of Host closes DNS rebinding.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response


class AllowedOrigins:
    """The hosts by which clients know this server, and the origins of pages that may call it."""

    def __init__(self, resource_url: str, hosts: Collection[str], origins: Collection[str]) -> None:
        """`hosts` are host or host:port beyond that of `resource_url`; `origins` are scheme://host[:port]."""
        parts = urlsplit(resource_url)
        own_host = parts.netloc.lower()
        self._hosts = frozenset({own_host, *(host.lower() for host in hosts)})
        self.origins = frozenset({f"{parts.scheme}://{own_host}", *(origin.lower() for origin in origins)})

    def refusal(self, headers: Headers) -> Response | None:
        """400 for several Hosts, 421 for a foreign Host, 403 for a foreign Origin, None when all is good."""
        hosts = headers.getlist("host")
        if len(hosts) > 1:
            return PlainTextResponse("there is more than one Host header\n", status_code=400)
        if not hosts or hosts[0].lower() not in self._hosts:
            return PlainTextResponse("this server does not go by that host name\n", status_code=421)
        if any(origin.lower() not in self.origins for origin in headers.getlist("origin")):
            return PlainTextResponse("pages of that origin may not call this server\n", status_code=403)
        return None
