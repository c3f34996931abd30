"""`python -m auth_service connections`, on the database that the service's settings name."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auth_service import connection_commands
from auth_service.adapters.connection_store.engines import open_database
from auth_service.adapters.connection_store.file_keys import FileKeys
from auth_service.adapters.connection_store.store import SqlConnectionStore
from auth_service.connection_commands import DONE, FAILED, MISCONFIGURED, main
from auth_service.domain.access_portal import PortalSessionEnded
from auth_service.domain.connections import Connection, Owner, PortalTokens
from auth_service.domain.store_address import StoreAddress
from deploy.local.access_portal.sessions import Assignment, PortalError
from tests.kit.access_portal import fake_portal
from tests.kit.connection_values import ALICE, BOB, PORTAL, connection
from tests.kit.process import REPOSITORY


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "1.key").write_text("A" * 43 + "=")
    return {
        "AUTH_LISTEN_ADDRESS": "127.0.0.1:0",
        "AUTH_TLS_CERT_FILE": "unused",
        "AUTH_TLS_KEY_FILE": "unused",
        "AUTH_TLS_CA_FILE": "unused",
        "AUTH_POLICY_FILE": "unused",
        "OAUTH_ISSUER": ALICE.issuer,
        "AWS_IDENTITY_CENTER_START_URL": PORTAL.start_url,
        "AWS_IDENTITY_CENTER_REGION": PORTAL.region,
        "AUTH_CONNECT_URL": "https://mcp.example.com/connect",
        "AUTH_CONNECTIONS_URL": f"sqlite:///{tmp_path}/connections.db",
        "AUTH_CONNECTIONS_KEYS_DIR": str(tmp_path / "keys"),
    }


@pytest.fixture(autouse=True)
def _set_up(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(connection_commands.logs, "set_up", lambda _level: None)  # this process logs to pytest


def fill(environment: Mapping[str, str], *connections: Connection) -> None:
    async def save() -> None:
        database = open_database(StoreAddress(environment["AUTH_CONNECTIONS_URL"]))
        store = SqlConnectionStore(database, FileKeys(Path(environment["AUTH_CONNECTIONS_KEYS_DIR"])))
        try:
            await database.migrate()
            for each in connections:
                await store.save_connection(replace(each, ended_at_s=None))
                if each.ended_at_s is not None:
                    await store.end_connection(each, because=each.ended_because)
        finally:
            await database.close()

    asyncio.run(save())


def test_connections_are_listed_without_tokens(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    fill(environment, connection(), connection(BOB, ended_at_s=1.0, ended_because="the portal session ended"))
    assert main(["list"]) == DONE
    alice, bob = capsys.readouterr().out.splitlines()
    assert alice == (
        f"c-alice: alice at https://idp.example, portal {PORTAL.start_url} in eu-central-1, "
        "made 2027-01-15T08:00:00+00:00, last used never, active"
    )
    assert bob.endswith("(the portal session ended)")
    assert main(["list", "--json"]) == DONE
    listed: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["subject"], each["ended_because"]) for each in listed] == [
        ("alice", ""),
        ("bob", "the portal session ended"),
    ]
    assert "token" not in json.dumps(listed)


def test_long_lists_are_complete(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_commands, "_PAGE", 2)
    owners = [replace(ALICE, subject=f"user-{number}") for number in range(5)]
    fill(environment, *(connection(owner) for owner in owners))
    assert main(["list"]) == DONE
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_keys_tell_what_they_have_sealed(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    fill(environment, connection(), connection(BOB))
    assert main(["keys"]) == DONE
    assert capsys.readouterr().out.endswith(": 2 records\n")


def test_migration_says_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == DONE
    assert main(["migrate"]) == DONE
    assert capsys.readouterr().out == "migrated from revision none\nmigrated from revision 0001\n"


async def run(environment: Mapping[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of the command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "auth_service", "connections", *arguments),
        cwd=REPOSITORY,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_revoking_deletes_everything_of_a_user_and_is_audited(environment: dict[str, str]) -> None:
    async with fake_portal({"alice": [Assignment("111122223333", "prod", "ReadOnlyAccess")]}) as fake:
        async with fake.client() as client:
            registration = await client.register(fake.portal)
            code = await client.start(fake.portal, registration)
            assert fake.server.state.decide(code.user_code, "alice")
            tokens = await client.redeem(fake.portal, registration, code.device_code)
            assert isinstance(tokens, PortalTokens)
            alices = connection(portal=fake.portal, tokens=tokens)
            await asyncio.to_thread(fill, environment, alices, connection(BOB, portal=fake.portal))
            environment["AWS_ENDPOINT_URL_SSO"] = fake.server.url
            status, output, errors = await run(environment, *revoking(ALICE))
            with pytest.raises(PortalSessionEnded):
                await client.list_roles(fake.portal, tokens)
        assert (status, output.splitlines()) == (
            DONE,
            [
                "deleted: 1 connections of alice at https://idp.example",
                f"c-alice: its session at {fake.portal.start_url} has ended",
            ],
        )
        record = json.loads(errors)
        assert (record["logger"], record["event"]) == ("auth_service.audit", "connections revoked")
        assert (record["subject"], record["connections"], record["reason"]) == ("alice", 1, "left the company")
        assert tokens.access_token not in output + errors
        fake.script("Logout", PortalError("TooManyRequestsException", 429))
        status, output, _ = await run(environment, *revoking(BOB))
        assert (status, "c-bob: its session lives on" in output) == (DONE, True)


def revoking(owner: Owner) -> Sequence[str]:
    return ("revoke", "--issuer", owner.issuer, "--subject", owner.subject, "--reason", "left the company")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"AUTH_CONNECTIONS_URL": "sqlite:////nowhere/deeper/c.db"}, MISCONFIGURED, "cannot be opened"),
        ({"AUTH_CONNECTIONS_URL": "postgresql://u@127.0.0.1:9/d"}, FAILED, "does not answer"),
        ({"AUTH_CONNECTIONS_KEYS_DIR": "/nowhere"}, MISCONFIGURED, "holds no keys of the store"),
        ({"AUTH_CONNECTIONS_URL": "mysql://x"}, MISCONFIGURED, "AUTH_CONNECTIONS_URL"),
    ],
    ids=["file", "server", "keys", "url"],
)
def test_faults_are_told(
    changes: dict[str, str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert main(["list"]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["revoke"], ["revoke", "--issuer", "i", "--subject", "s"], ["drop"]])
def test_wrong_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err
