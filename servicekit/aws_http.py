"""The HTTP side of AWS clients: aiobotocore's, which follows redirects, so that it does not.

A signed request carries a session token; it must reach no other host than the one it was signed for, whatever an answer
says. botocore follows none either. Only services with an AWS SDK may import this module.
tests/contract/test_aiobotocore_redirects.py pins what is relied on.
"""

from typing import Any

from aiobotocore.httpsession import AIOHTTPSession


class UnredirectedHttpSession(AIOHTTPSession):
    """An AIOHTTPSession for which a redirect is an answer like any other."""

    async def _get_session(self, proxy_url: str | None) -> "_Unredirected":
        return _Unredirected(await super()._get_session(proxy_url))  # type: ignore[misc] # has no types


class _Unredirected:
    """The part of an aiohttp session that AIOHTTPSession sends with."""

    __slots__ = ("_session",)

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **arguments: Any) -> Any:
        """One request and no other."""
        return await self._session.request(method, allow_redirects=False, **arguments)
