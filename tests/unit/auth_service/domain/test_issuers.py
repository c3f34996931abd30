"""The table of issuers."""

from typing import Any

import pytest
from pydantic import ValidationError

from auth_service.domain.issuers import Issuer, build_issuers

GOOD: dict[str, Any] = {"issuer": "https://idp.example.com", "audiences": ["https://mcp.example.com/mcp"]}


def test_the_least_entry_is_strict_where_it_matters() -> None:
    issuer = Issuer.model_validate(GOOD)
    assert not {name for name in issuer.algorithms if name[:2] not in ("RS", "ES")}
    assert set(issuer.token_types) == {"at+jwt", "application/at+jwt", "jwt", ""}
    assert issuer.leeway_s <= 60
    assert issuer.max_lifetime_s == 86_400


@pytest.mark.parametrize("name", ["HS256", "HS512", "none", "None", "Ed25519", "RS1", "dir", ""])
def test_only_signatures_by_private_keys_are_acceptable(name: str) -> None:
    with pytest.raises(ValidationError, match="not an acceptable algorithm"):
        Issuer.model_validate(GOOD | {"algorithms": ["RS256", name]})


@pytest.mark.parametrize(
    ("address", "is_secure"),
    [
        ("https://idp.example.com", True),
        ("https://idp.example.com/realms/a/", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://idp.example.com", False),
        ("http://10.0.0.1", False),
        ("http://localhost.example.com", False),
        ("https://", False),
        ("ftp://idp.example.com", False),
        ("file:///etc/passwd", False),
        ("idp.example.com", False),
    ],
)
@pytest.mark.parametrize("field", ["issuer", "jwks_url"])
def test_addresses_are_https_or_on_this_machine(field: str, address: str, is_secure: bool) -> None:
    entry = GOOD | {field: address}
    if is_secure:
        assert getattr(Issuer.model_validate(entry), field) == address
        return
    with pytest.raises(ValidationError, match="must be https"):
        Issuer.model_validate(entry)


@pytest.mark.parametrize(
    "changes",
    [
        {"audiences": []},
        {"issuer": ""},
        {"algorithms": []},
        {"token_types": []},
        {"user_id_claims": []},
        {"leeway_s": 61},
        {"leeway_s": -1},
        {"max_lifetime_s": 59},
        {"preset": "nobody"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_faulty_entry_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Issuer.model_validate(GOOD | changes)


EXCHANGE = {"client_id": "c", "client_secret_file": "/run/secrets/exchange", "audience": "sts.amazonaws.com"}


def test_a_token_exchange_is_at_a_secure_address() -> None:
    good = GOOD | {"token_exchange": EXCHANGE | {"endpoint": "https://idp.example.com/token"}}
    assert Issuer.model_validate(good).token_exchange is not None
    with pytest.raises(ValidationError, match="must be https"):
        Issuer.model_validate(GOOD | {"token_exchange": EXCHANGE | {"endpoint": "http://idp.example.com/token"}})


def test_the_table_has_each_issuer_once() -> None:
    other = GOOD | {"issuer": "https://idp.example.com/"}
    assert set(build_issuers([GOOD, other])) == {"https://idp.example.com", "https://idp.example.com/"}
    with pytest.raises(ValueError, match="listed twice"):
        build_issuers([GOOD, other, GOOD])


def test_types_compare_without_regard_to_case() -> None:
    assert Issuer.model_validate(GOOD | {"token_types": ["AT+JWT"]}).token_types == ("at+jwt",)
