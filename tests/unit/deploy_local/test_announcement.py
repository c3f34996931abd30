from pathlib import Path

from deploy.local import announcement
from deploy.local.certificates import CertificateFiles, PeerFiles

DESCRIPTION = {
    "mcp_url": "http://127.0.0.1:3334/mcp",
    "issuer": "http://127.0.0.1:7003",
    "aws_endpoint_url": "http://127.0.0.1:7004",
    "logs": "/state/logs",
    "services": True,
    "users": announcement.people(),
}


def test_people_and_what_they_may_read() -> None:
    people = announcement.people()
    assert {name: person["accounts"] for name, person in people.items()} == {
        "alice": ["payments"],
        "bob": ["webshop"],
        "dave": ["payments", "webshop"],
        "carol": [],
    }
    assert people["alice"]["subject"].startswith("usr-alice-")


def test_certificates_are_listed_by_peer() -> None:
    files = CertificateFiles(Path("/c/ca.pem"), {"agent": PeerFiles(Path("/c/agent.pem"), Path("/c/agent.key"))})
    assert announcement.certificate_paths(files) == {
        "ca": "/c/ca.pem",
        "agent": {"cert": "/c/agent.pem", "key": "/c/agent.key"},
    }


def test_a_person_is_told_what_to_do_next() -> None:
    told = announcement.what_next(DESCRIPTION, 1.234)
    for expected in ("1.2 s", "make ask USER=alice", "make ask USER=bob", "make token", "curl", "/state/logs"):
        assert expected in told


def test_with_a_provider_of_ones_own_nobody_can_be_named() -> None:
    assert "make ask" not in announcement.what_next(DESCRIPTION | {"users": {}}, 1.0)


def test_without_services_the_address_is_said_to_be_reserved() -> None:
    told = announcement.what_next(DESCRIPTION | {"services": False}, 1.0)
    assert "(reserved)" in told
    assert "make ask" not in told
