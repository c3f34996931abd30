"""What a browser does at an authorization server, without a browser: follows redirects, keeps cookies, sends forms.

One FormBrowser is one person at one computer. Pages that need scripts are for a real browser.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

_MAX_STEPS = 12


class FormBrowser:
    """A person who signs in by name. Forms are answered with that name as long as nobody is signed in."""

    def __init__(self, http: httpx2.AsyncClient, username: str) -> None:
        self._http = http
        self._username = username
        self.forms_seen = 0
        """How often the person was asked who they are."""

    async def authorize(self, address: str) -> dict[str, str]:
        """Open an authorization address; the parameters with which the client's redirect address is called at the end.

        It may also be an error that the server tells the client. Raises AssertionError where the server tells nobody
        but the person.
        """
        server = urlsplit(address).netloc
        response = await self._http.get(address)
        for _ in range(_MAX_STEPS):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if urlsplit(target).netloc != server:
                    return dict(parse_qsl(urlsplit(target).query))
                response = await self._http.get(target)
                continue
            assert response.status_code == 200, response.text
            response = await self._answer(response)
        raise AssertionError(f"no end of redirects at {response.url}")

    async def log_out(self, end_session_endpoint: str) -> str:
        """End the session at the server, for all clients; the text of the last page."""
        page = await self._http.get(end_session_endpoint)
        form = _Form(page.text)
        target = urljoin(str(page.url), form.action)
        done = await self._http.post(target, data=form.hidden | {"logout": "yes"}, follow_redirects=True)
        assert done.status_code == 200, done.text
        return done.text

    async def _answer(self, page: httpx2.Response) -> httpx2.Response:
        form = _Form(page.text)
        self.forms_seen += 1
        target = urljoin(str(page.url), form.action)
        return await self._http.post(target, data=form.hidden | {"username": self._username})


@asynccontextmanager
async def form_browser(username: str) -> AsyncIterator[FormBrowser]:
    """A browser without cookies yet, while open."""
    async with httpx2.AsyncClient(timeout=20, trust_env=False) as http:
        yield FormBrowser(http, username)


class _Form(HTMLParser):
    """The first form of a page: where it goes, and its hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}
        self.feed(page)
        assert self.action is not None, page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = facts.get("action", "")
        if tag == "input" and facts.get("type") == "hidden":
            self.hidden[facts["name"]] = facts.get("value", "")
