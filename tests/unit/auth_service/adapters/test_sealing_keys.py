"""Seals that one service's keys make and open, for one user, until one time; and their key files."""

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from auth_service.adapters import sealing_keys
from auth_service.adapters.key_directory import PUBLISH_BEFORE_USE_S
from auth_service.adapters.sealing_keys import SealBrokenError, SealingKey, SealingKeys
from auth_service.domain.user_tokens import UserToken
from servicekit.identity import Principal
from servicekit.lifecycle import ConfigurationError
from tests.kit.token_desk import NOW_S, Clock

ALICE = Principal("u-alice", "https://idp", "alice")
BOB = Principal("u-bob", "https://idp", "bob")
TOKEN = UserToken("header.alices-secret-claims.signature", NOW_S + 600.0)


def add(directory: Path, name: str, raw: bytes) -> str:
    (directory / name).write_bytes(b64encode(raw) + b"\n")
    return SealingKey.of(raw).key_id


def broken(keys: SealingKeys, sealed: str, principal: Principal = ALICE) -> bool:
    try:
        keys.open(principal, sealed)
    except SealBrokenError as error:
        assert error.__context__ is None or error.__suppress_context__
        return True
    return False


def test_a_seal_opens_for_its_user_with_the_tokens_end() -> None:
    keys = SealingKeys(None)
    sealed = keys.seal(ALICE, TOKEN)
    assert keys.open(ALICE, sealed) == TOKEN
    assert keys.seal(ALICE, TOKEN) != sealed
    assert b"alices-secret" not in urlsafe_b64decode(sealed + "==")
    assert keys.open(replace(ALICE, email="new@example.com", groups=("ops",)), sealed) == TOKEN


@pytest.mark.parametrize("length", [1, 1_000, 16_384])
def test_a_token_of_any_length_that_the_door_admits_can_be_sealed(length: int) -> None:
    keys, token = SealingKeys(None), UserToken("x" * length, 1.0)
    assert keys.open(ALICE, keys.seal(ALICE, token)) == token


@pytest.mark.parametrize(
    "other",
    [
        BOB,
        replace(ALICE, issuer="https://other"),
        replace(ALICE, issuer="https://idpa", subject="lice"),
        replace(ALICE, issuer='https://idp", "alice', subject=""),
    ],
    ids=str,
)
def test_a_seal_is_one_users(other: Principal) -> None:
    keys = SealingKeys(None)
    assert broken(keys, keys.seal(ALICE, TOKEN), other)


def test_a_seal_of_another_services_key_does_not_open() -> None:
    theirs, ours = SealingKeys(None), SealingKeys(None)
    assert broken(ours, theirs.seal(ALICE, TOKEN))
    relabelled = bytearray(urlsafe_b64decode(theirs.seal(ALICE, TOKEN) + "=="))
    relabelled[:8] = bytes.fromhex(ours.active.key_id)
    assert broken(ours, urlsafe_b64encode(relabelled).decode().rstrip("="))


def test_no_byte_of_a_seal_can_be_changed_the_end_of_the_token_included() -> None:
    keys = SealingKeys(None)
    raw = urlsafe_b64decode(keys.seal(ALICE, TOKEN) + "==")
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        assert broken(keys, urlsafe_b64encode(changed).decode()), place
    assert broken(keys, urlsafe_b64encode(raw[:-1]).decode())
    assert broken(keys, urlsafe_b64encode(raw + b"\0").decode())


@pytest.mark.parametrize("text", ["", "a", "no base64 ~", "é", "AAAA", "A" * 48])
def test_what_is_no_seal_is_broken(text: str) -> None:
    assert broken(SealingKeys(None), text)


def test_a_new_key_opens_at_once_and_seals_when_all_replicas_have_it(tmp_path: Path) -> None:
    old = add(tmp_path, "1.key", b"1" * 32)
    clock = Clock()
    one, other = SealingKeys(tmp_path, clock), SealingKeys(tmp_path, clock)
    first = one.seal(ALICE, TOKEN)
    new = add(tmp_path, "2.key", b"2" * 32)
    one.reload()
    clock.now_s += PUBLISH_BEFORE_USE_S - 1
    assert one.active.key_id == old
    assert other.open(ALICE, one.seal(ALICE, TOKEN)) == TOKEN
    clock.now_s += 1
    assert one.active.key_id == new
    other.reload()
    assert other.open(ALICE, one.seal(ALICE, TOKEN)) == TOKEN
    assert one.open(ALICE, first) == TOKEN
    (tmp_path / "1.key").unlink()
    one.reload()
    assert broken(one, first)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no sealing keys"),
        (b"not base64!", "is not a readable key in base64"),
        (b64encode(b"x" * 16), "is not of 32 bytes"),
        (b"x" * 32, "is not of 32 bytes"),
    ],
)
def test_bad_files_are_refused_without_their_content(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "1.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        SealingKeys(tmp_path)
    assert content is None or content.decode() not in str(caught.value)


def test_a_python_without_the_cipher_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_raw: bytes) -> None:
        raise UnsupportedAlgorithm("AES-GCM-SIV")

    monkeypatch.setattr(sealing_keys, "AESGCMSIV", absent)
    with pytest.raises(ConfigurationError, match=r"OpenSSL 3\.2"):
        SealingKeys(None)


def test_nothing_secret_shows() -> None:
    raw = b"k" * 32
    key = SealingKey.of(raw)
    assert "AESGCMSIV" not in repr(key)
    assert b64encode(raw).decode() not in repr(key)
    assert "alices-secret" not in f"{TOKEN!r} {TOKEN} {[TOKEN]}"


def test_the_cipher_is_that_of_rfc_8452() -> None:
    """Appendix C.2, AEAD_AES_256_GCM_SIV, the first case with a plaintext."""
    cipher = sealing_keys.AESGCMSIV(bytes.fromhex("01" + "00" * 31))
    sealed = cipher.encrypt(bytes.fromhex("03" + "00" * 11), bytes.fromhex("0100000000000000"), None)
    assert sealed.hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"
