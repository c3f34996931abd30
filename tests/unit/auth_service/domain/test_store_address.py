"""Which addresses of databases are taken, and what of them asks for TLS."""

from pathlib import Path

import pytest

from auth_service.domain.store_address import StoreAddress, url_fault


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/cloudwatch-mcp/connections.db",
        "sqlite:////data/with%20space.db",
        "postgresql://cwmcp@db.example/cwmcp",
        "postgresql://cwmcp@db.example:6432/cwmcp?sslmode=disable",
        "postgresql://cwmcp@[::1]:5432/cwmcp?sslmode=verify-full",
        "postgresql://cwmcp@/cwmcp?host=/run/postgresql",
        "postgresql://cwmcp@:6432/cwmcp?host=/run/postgresql",
    ],
)
def test_good_addresses(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "must be"),
        ("connections.db", "must be"),
        ("sqlite://", "absolute"),
        ("sqlite:///relative.db", "absolute"),
        ("sqlite:////", "absolute"),
        ("sqlite:////data/c.db?mode=ro", "absolute"),
        ("sqlite+aiosqlite:////data/c.db", "must be"),
        ("mysql://cwmcp@db.example/cwmcp", "must be"),
        ("postgresql://db.example/cwmcp", "must be"),
        ("postgresql://cwmcp@db.example", "must be"),
        ("postgresql://cwmcp@/cwmcp", "must be"),
        ("postgresql://cwmcp@db.example:0/cwmcp", "must be"),
        ("postgresql://cwmcp@db.example:x/cwmcp", "not an address"),
        ("postgresql://cwmcp@db.example/cwmcp?host=/run", "must be"),
        ("postgresql://cwmcp@/cwmcp?host=other.example", "Unix socket"),
        ("postgresql://cwmcp@db.example/cwmcp?sslmode=require", "sslmode"),
        ("postgresql://cwmcp@db.example/cwmcp?options=-c", "parameters"),
        ("postgresql://cwmcp:correct-horse@db.example/cwmcp", "password"),
        ("postgresql://cwmcp@db.example/cwmcp?password=correct-horse", "password"),
    ],
)
def test_faults_are_named_and_never_repeat_the_address(url: str, fault: str) -> None:
    found = url_fault(url)
    assert found is not None
    assert fault in found
    assert "correct-horse" not in found


def test_only_what_leaves_the_machine_needs_tls() -> None:
    def uses_tls(url: str) -> bool:
        return StoreAddress(url).uses_tls

    assert uses_tls("postgresql://cwmcp@db.example/cwmcp")
    assert uses_tls("postgresql://cwmcp@localhost.example/cwmcp")
    assert uses_tls("postgresql://cwmcp@127.0.0.1/cwmcp?sslmode=verify-full")
    assert not uses_tls("postgresql://cwmcp@127.0.0.1/cwmcp")
    assert not uses_tls("postgresql://cwmcp@/cwmcp?host=/run/postgresql")
    assert not uses_tls("postgresql://cwmcp@db.example/cwmcp?sslmode=disable")


def test_a_file_is_named_by_its_path() -> None:
    assert StoreAddress("sqlite:////data/with%20space.db").sqlite_file == Path("/data/with space.db")
    assert StoreAddress("postgresql://cwmcp@db.example/cwmcp").sqlite_file is None
