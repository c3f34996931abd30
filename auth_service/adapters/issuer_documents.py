"""Reads JSON documents of an issuer over HTTP: bounded in time and size, no redirects, nothing but a JSON object.

It decides nothing; what a document says is judged by whoever asked.
"""

import json
from typing import Any, Final

import aiohttp

_MAX_BYTES: Final = 256 * 1024
# What going wrong looks like, from the network to the text.
FAILURES: Final = (aiohttp.ClientError, TimeoutError, ValueError, RecursionError)


class FetchFailed(ValueError):
    """The issuer did not answer as it should; the message says how, without anything that it sent."""

    ask_again_after_s: float = 0.0
    """How long it wants to be left alone, if it said so."""


async def read_json(response: aiohttp.ClientResponse, *, any_status: bool = False) -> dict[str, Any]:
    """The JSON object of a good answer, or of any. Raises FetchFailed, ValueError, RecursionError."""
    if response.status != 200 and not any_status:
        raise FetchFailed(f"HTTP status {response.status}")
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(16_384):
        size += len(chunk)
        if size > _MAX_BYTES:
            raise FetchFailed(f"more than {_MAX_BYTES} bytes")
        chunks.append(chunk)
    document = json.loads(b"".join(chunks))
    if not isinstance(document, dict):
        raise FetchFailed("no JSON object")
    return document


async def get_json(http: aiohttp.ClientSession, url: str, timeout_s: float) -> dict[str, Any]:
    """The JSON object at an address. Raises one of FAILURES."""
    timeout, headers = aiohttp.ClientTimeout(total=timeout_s), {"Accept": "application/json"}
    async with http.get(url, timeout=timeout, allow_redirects=False, headers=headers) as response:
        return await read_json(response)


async def discovery_document(http: aiohttp.ClientSession, issuer: str, timeout_s: float) -> dict[str, Any]:
    """The issuer's discovery document (OpenID Connect Discovery 1.0, section 4). Raises one of FAILURES."""
    document = await get_json(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout_s)
    if document.get("issuer") != issuer:
        raise FetchFailed("its discovery document is of another issuer")
    return document


def address_in(document: dict[str, Any], issuer: str, member: str) -> str:
    """An address in the issuer's discovery document, such as `jwks_uri`. Raises FetchFailed."""
    url = document.get(member)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise FetchFailed(f"its discovery document names no {member}")
    if url.startswith("http://") and not issuer.startswith("http://"):
        raise FetchFailed(f"its {member} is not https")
    return url


async def discover(http: aiohttp.ClientSession, issuer: str, member: str, timeout_s: float) -> str:
    """An address in the issuer's discovery document. Raises one of FAILURES."""
    return address_in(await discovery_document(http, issuer, timeout_s), issuer, member)
