"""Keys that sign assertions: their files, and how they change while in use."""

import asyncio
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from auth_service.adapters.key_directory import PUBLISH_BEFORE_USE_S
from auth_service.adapters.signing_keys import SigningKey, SigningKeys
from servicekit.lifecycle import ConfigurationError
from tests.kit.issuer import rsa_key
from tests.kit.token_desk import Clock


def pem(private: object) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined, no-any-return]


def add(directory: Path, name: str) -> str:
    private = Ed25519PrivateKey.generate()
    (directory / name).write_bytes(pem(private))
    return SigningKey.of(private).key_id


def test_without_a_directory_there_is_one_key_for_the_life_of_the_process() -> None:
    one, other = SigningKeys(None), SigningKeys(None)
    one.reload()
    assert list(one.public_keys()) == [one.active.key_id]
    assert one.active.key_id != other.active.key_id


def test_a_key_is_named_by_its_rfc_7638_thumbprint() -> None:
    """The key of RFC 8037, appendix A, whose thumbprint is in A.3."""
    raw = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey.of(Ed25519PrivateKey.from_private_bytes(raw))
    assert key.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert "private" not in repr(key)


def test_what_is_there_at_the_start_signs_at_once_the_last_by_name(tmp_path: Path) -> None:
    old, new = add(tmp_path, "2026-01.pem"), add(tmp_path, "2026-02.pem")
    (tmp_path / "README").write_text("not a key")
    keys = SigningKeys(tmp_path)
    assert keys.active.key_id == new
    assert list(keys.public_keys()) == [new, old]


def test_a_new_key_is_published_for_a_while_before_it_signs(tmp_path: Path) -> None:
    clock = Clock()
    old = add(tmp_path, "1.pem")
    keys = SigningKeys(tmp_path, clock)
    new = add(tmp_path, "2.pem")
    keys.reload()
    assert (keys.active.key_id, list(keys.public_keys())) == (old, [old, new])
    clock.now_s += PUBLISH_BEFORE_USE_S - 1
    keys.reload()
    assert keys.active.key_id == old
    clock.now_s += 1
    assert (keys.active.key_id, list(keys.public_keys())) == (new, [new, old])
    (tmp_path / "1.pem").unlink()
    keys.reload()
    assert list(keys.public_keys()) == [new]


def test_when_the_signing_key_is_removed_the_new_one_signs_at_once(tmp_path: Path) -> None:
    add(tmp_path, "1.pem")
    keys = SigningKeys(tmp_path, Clock())
    (tmp_path / "1.pem").unlink()
    new = add(tmp_path, "2.pem")
    keys.reload()
    assert keys.active.key_id == new


BAD: dict[str, tuple[bytes | None, str]] = {
    "nothing": (None, "holds no signing keys"),
    "no PEM": (b"hello", "is not a readable PEM private key"),
    "another kind of key": (pem(rsa_key("rsa-1").private), "is not an Ed25519 key"),
    "a public key": (rsa_key("rsa-1").public_pem(), "is not a readable PEM private key"),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_refused_and_change_nothing(tmp_path: Path, content: bytes | None, message: str) -> None:
    start = tmp_path / "start"
    start.mkdir()
    if content is not None:
        (start / "1.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        SigningKeys(start)

    good = add(tmp_path, "1.pem")
    keys = SigningKeys(tmp_path)
    (tmp_path / "1.pem").unlink()
    if content is not None:
        (tmp_path / "2.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        keys.reload()
    assert list(keys.public_keys()) == [good]


async def test_reloading_in_a_thread_never_shows_half_a_change(tmp_path: Path) -> None:
    """The loop reads while a thread swaps one directory of keys for another."""
    names = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        names.add(add(tmp_path / name, "1.pem"))
    link = tmp_path / "keys"
    link.symlink_to(tmp_path / "a")
    keys = SigningKeys(link)

    def swap_often() -> None:
        for number in range(200):
            replacement = tmp_path / "next"
            replacement.symlink_to(tmp_path / "ab"[number % 2])
            os.replace(replacement, link)
            keys.reload()

    swapping = asyncio.create_task(asyncio.to_thread(swap_often))
    while not swapping.done():
        assert {keys.active.key_id, *keys.public_keys()} <= names
        await asyncio.sleep(0)
    await swapping
