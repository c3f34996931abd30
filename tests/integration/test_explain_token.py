"""`python -m auth_service explain-token` as a process: standard input, what it prints, and its exit codes."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.fake_aws import FakeAws
from tests.kit.issuer import JWKS, Issuer
from tests.kit.services import Deployment, policy_for

ACCEPTED, REFUSED, MISCONFIGURED, UNDECIDED, WITHOUT_ACCOUNT = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    environment: Mapping[str, str]
    directory: Path

    async def __call__(self, typed: str, *arguments: str, **environment: str) -> Told:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "auth_service", "explain-token", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**self.environment, **environment},
        )  # fmt: skip
        out, err = await process.communicate(typed.encode())
        return Told(process.returncode or 0, out.decode(), err.decode())

    def file(self, name: str, content: object) -> str:
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return str(path)


@pytest.fixture
def deployment(tmp_path: Path, aws: FakeAws, issuer: Issuer) -> Deployment:
    return Deployment(tmp_path, aws, issuer, policy_for({"dev": "111111111111"}, {"dev": ["dev"]}))


@pytest.fixture
def command(deployment: Deployment, tmp_path: Path) -> Command:
    return Command(deployment.environment("auth_service"), tmp_path)


@pytest.fixture
def good(issuer: Issuer, deployment: Deployment) -> str:
    return issuer.mint({"aud": deployment.mcp_url, "groups": ["dev"]})


async def test_a_good_token_by_the_services_own_settings_and_live_keys(
    command: Command, issuer: Issuer, good: str
) -> None:
    told = await command(f"Bearer {good}\n")
    assert told.code == ACCEPTED, told
    assert told.out.rstrip().endswith("The token is accepted.")
    assert "accounts      dev; default: dev" in told.out
    assert issuer.fetches[JWKS] == 1
    assert not any(part in told.out + told.err for part in (*good.split("."), "alice-id", "alice@example.com"))


async def test_a_bad_token_for_programs(command: Command, issuer: Issuer) -> None:
    told = await command(issuer.mint({"aud": "https://other.example.com"}), "--json")
    assert told.code == REFUSED
    said = json.loads(told.out)
    assert (said["outcome"], said["reason"]) == ("refused", "TOKEN_AUDIENCE_WRONG")
    assert {"name", "outcome", "reason", "note"} == set(said["checks"][0])


async def test_a_user_without_an_account(command: Command, issuer: Issuer, deployment: Deployment) -> None:
    told = await command(issuer.mint({"aud": deployment.mcp_url, "groups": ["nobody"]}))
    assert told.code == WITHOUT_ACCOUNT


async def test_an_issuer_that_is_down(command: Command, issuer: Issuer, good: str) -> None:
    await issuer.go_down()
    told = await command(good)
    assert told.code == UNDECIDED
    assert "cannot fetch the keys" in told.err


async def test_offline(command: Command, issuer: Issuer, good: str) -> None:
    assert (await command(good, "--offline")).code == UNDECIDED
    keys = command.file("jwks.json", json.dumps({"keys": [key.jwk() for key in issuer.keys]}))
    assert (await command(good, "--offline", "--jwks", keys)).code == ACCEPTED
    assert issuer.fetches[JWKS] == 0


async def test_by_files_where_the_service_is_not_configured(
    command: Command, issuer: Issuer, deployment: Deployment, good: str
) -> None:
    bare = Command({}, command.directory)
    table = command.file("issuers.yaml", {"issuers": [{"issuer": issuer.url, "audiences": [deployment.mcp_url]}]})
    told = await bare(good, "--issuers", table)
    assert told.code == ACCEPTED, told
    assert "accounts" not in told.out
    assert "dev" in (await bare(good, "--issuers", table, "--policy", str(deployment.policy_file))).out


async def test_an_opaque_token_is_asked_about(command: Command, issuer: Issuer, deployment: Deployment) -> None:
    secret = command.file("secret", "introspection-secret")
    asked = {"client_id": "auth-service", "client_secret_file": secret}
    entry: dict[str, Any] = {"issuer": issuer.url, "audiences": [deployment.mcp_url], "introspection": asked}
    table = command.file("issuers.yaml", {"issuers": [entry]})
    token = issuer.mint_opaque("opaque-token-of-alice", {"aud": deployment.mcp_url})
    told = await command(token, "--issuers", table)
    assert told.code == ACCEPTED, told
    assert (await command("made-up-token-01", "--issuers", table)).code == REFUSED
    assert (await command(token, "--issuers", table, "--offline")).code == UNDECIDED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--issuers", "nowhere.yaml"], "cannot read nowhere.yaml"),
        (["--jwks", "nowhere.json"], "cannot read nowhere.json"),
        (["--unknown"], "unrecognized arguments"),
        (["a.token.here"], "unrecognized arguments"),
    ],
)
async def test_what_is_wrong_with_the_arguments(command: Command, arguments: list[str], message: str) -> None:
    told = await command("", *arguments)
    assert told.code == MISCONFIGURED
    assert message in told.err


async def test_a_faulty_configuration_or_none_to_check_by(command: Command, good: str) -> None:
    told = await command(good, OAUTH_PRESET="okta")
    assert (told.code, "OAUTH_ISSUER: is not of the form" in told.err) == (MISCONFIGURED, True)
    told = await command(good, ENABLE_AUTH="false")
    assert (told.code, "tokens are not looked at" in told.err) == (MISCONFIGURED, True)
    told = await command(good, "--jwks", command.file("jwks.json", "[]"))
    assert (told.code, "no set of usable keys" in told.err) == (MISCONFIGURED, True)
