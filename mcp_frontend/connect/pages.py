"""The pages' HTML, style sheet, script and icon, and the headers with which all of it is sent.

Everything a page needs comes from this server. Whatever is filled in is escaped, and the content security policy lets
no script run that is not a file of ours.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

_PACKAGE: Final = "mcp_frontend.connect"
_MEDIA_TYPES: Final = {"connect.css": "text/css", "connect.js": "text/javascript", "icon.svg": "image/svg+xml"}
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Others learn no address of ours. "no-referrer" would have forms name the origin "null" (Fetch, section 3.2).
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_STRICT_TRANSPORT: Final = "max-age=31536000"


class Pages:
    """Renders them. Reads all files once, so that a broken one stops the process at its start."""

    def __init__(self, *, is_https: bool) -> None:
        """`is_https`: whether browsers come by HTTPS, and are to do so from then on."""
        self._headers = {**_HEADERS, **({"Strict-Transport-Security": _STRICT_TRANSPORT} if is_https else {})}
        folder = resources.files(_PACKAGE) / "static"
        self._files = {name: (folder / name).read_bytes() for name in _MEDIA_TYPES}
        version = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:16]
        self._environment = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["version"] = version
        self._environment.filters |= {"clock": _clock, "day": _day, "iso": _iso, "web_address": _web_address}
        self._templates = {name: self._environment.get_template(name) for name in self._environment.list_templates()}

    def page(self, name: str, facts: Mapping[str, Any], status: int = 200) -> Response:
        """The page `name`, filled in."""
        return HTMLResponse(self._templates[f"{name}.html"].render(facts), status_code=status)

    def message(self, status: int, title: str, texts: list[str], retry_after_s: float | None = None) -> Response:
        """A page that says one thing."""
        response = self.page("message", {"title": title, "texts": texts}, status)
        if retry_after_s is not None:
            response.headers["Retry-After"] = str(math.ceil(retry_after_s))
        return response

    def file(self, name: str) -> Response | None:
        """One of the files that pages load, if it is one. Their addresses change with them."""
        if name not in self._files:
            return None
        headers = {"Cache-Control": "public, max-age=86400"}
        return Response(self._files[name], media_type=_MEDIA_TYPES[name], headers=headers)

    def secure(self, response: Response) -> None:
        """Add what every answer is sent with."""
        for name, value in self._headers.items():
            response.headers[name] = value
        response.headers.setdefault("Cache-Control", "no-store")


def _clock(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%H:%M UTC")


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat()


def _web_address(address: str) -> str:
    """The address if a browser may be sent there, else nothing: a link must not be a script."""
    return address if urlsplit(address).scheme in ("https", "http") else ""
