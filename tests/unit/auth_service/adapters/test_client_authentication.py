"""How this service proves itself to an issuer, against one that checks it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_service.adapters.client_authentication import ClientAuthentication
from auth_service.domain.issuers import Introspection
from servicekit.lifecycle import ConfigurationError
from tests.kit.issuer import Issuer, SigningKey, ec_key, ed25519_key, rsa_key

ODD_ID, ODD_SECRET = "client:of the+desk", "s e:c/r+e%t"


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer(client_credentials=(ODD_ID, ODD_SECRET), form_encoded_credentials=True) as running:
        yield running


def pem_of(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


async def status_of(issuer: Issuer, client: ClientAuthentication) -> int:
    headers, fields = client.credentials()
    async with (
        aiohttp.ClientSession() as http,
        http.post(issuer.introspection_url, data={"token": "t", **fields}, headers=headers) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_secret_from_a_file(issuer: Issuer, tmp_path: Path, method: Any) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{ODD_SECRET}\n")
    settings = Introspection(client_id=ODD_ID, client_auth=method, client_secret_file=file)
    client = ClientAuthentication(issuer.url, settings)
    assert await status_of(issuer, client) == 200
    assert ODD_SECRET not in repr((client, settings))
    file.write_text("another")
    assert await client.read_again()
    assert await status_of(issuer, client) == 401


@pytest.mark.parametrize("key", [rsa_key("client"), ec_key("client")], ids=["RS256", "ES256"])
async def test_a_private_key(issuer: Issuer, tmp_path: Path, key: SigningKey) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem_of(key.private))
    settings = Introspection(
        client_id=ODD_ID, client_auth="private_key_jwt", private_key_file=file, private_key_id="client"
    )
    client = ClientAuthentication(issuer.url, settings)
    issuer.client_key = key
    assert await status_of(issuer, client) == 200
    used = [client.credentials()[1]["client_assertion"] for _ in range(2)]
    assert used[0] != used[1]
    issuer.client_key = rsa_key("another") if key.algorithm == "RS256" else ec_key("another")
    assert await status_of(issuer, client) == 401


@pytest.mark.parametrize(
    ("method", "content", "message"),
    [
        ("client_secret_basic", None, "cannot read"),
        ("client_secret_basic", b" \n", "holds no client secret"),
        ("client_secret_post", b"\xff\xfe", "is not text"),
        ("private_key_jwt", None, "cannot read"),
        ("private_key_jwt", b"hello", "holds no private key"),
        ("private_key_jwt", ec_key().public_pem(), "holds no private key"),
        ("private_key_jwt", pem_of(ed25519_key().private), "neither an RSA key"),
        ("private_key_jwt", pem_of(ec.generate_private_key(ec.SECP384R1())), "neither an RSA key"),
        ("private_key_jwt", pem_of(rsa_key("short", 1_024).private), "neither an RSA key"),
    ],
)
def test_a_faulty_file_is_told(tmp_path: Path, method: Any, content: bytes | None, message: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    proof = "private_key_file" if method == "private_key_jwt" else "client_secret_file"
    settings = Introspection.model_validate({"client_id": "c", "client_auth": method, proof: file})
    with pytest.raises(ConfigurationError, match=message) as caught:
        ClientAuthentication("https://idp.example.com", settings)
    assert str(file) in str(caught.value)


async def test_a_file_that_became_faulty_changes_nothing(issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(ODD_SECRET)
    client = ClientAuthentication(issuer.url, Introspection(client_id=ODD_ID, client_secret_file=file))
    assert not await client.read_again()
    file.write_text("")
    assert not await client.read_again()
    file.unlink()
    assert not await client.read_again()
    assert await status_of(issuer, client) == 200
