"""Documents that must not drift from the code."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices

from auth_service.settings import AuthSettings
from cloudwatch_service.settings import CloudwatchSettings
from mcp_frontend.settings import FrontendSettings
from servicekit.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()


def _variables(settings: type[ServiceSettings]) -> list[str]:
    prefix = str(settings.model_config["env_prefix"])
    names: list[str] = []
    for field, info in settings.model_fields.items():
        alias: Any = info.validation_alias
        if isinstance(alias, AliasChoices):
            names.append(str(alias.choices[-1]))
        else:
            names.append(alias if isinstance(alias, str) else f"{prefix}{field}".upper())
    return names


@pytest.mark.parametrize("settings", [AuthSettings, CloudwatchSettings, FrontendSettings])
def test_every_setting_is_documented(settings: type[ServiceSettings]) -> None:
    prefix = str(settings.model_config["env_prefix"])
    missing = [
        name
        for name in _variables(settings)
        if f"`{name}`" not in CONFIGURATION and f"`<P>_{name.removeprefix(prefix)}`" not in CONFIGURATION
    ]
    assert missing == []


def test_every_documented_setting_exists() -> None:
    known = {name for settings in (AuthSettings, CloudwatchSettings, FrontendSettings) for name in _variables(settings)}
    mentioned = set(re.findall(r"`((?:AUTH|CLOUDWATCH|FRONTEND)_[A-Z_]+)`", CONFIGURATION))
    assert mentioned - known == set()


def test_the_changelog_ends_at_the_projects_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == version


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/configuration.md"])
def test_links_and_named_files_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    links = [link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    assert [link for link in links if not ((ROOT / document).parent / link).exists()] == []
    if document == "ARCHITECTURE.md":
        named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text))
        found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts}
        assert named
        assert sorted(name for name in named if not any(path.endswith(name) for path in found)) == []


def test_the_locks_hold_hashes_and_no_addresses() -> None:
    locks = (
        "requirements.lock",
        "metric-catalog.requirements.lock",
        "deploy/local/ministack.requirements.lock",
        "tests/interop/peer.requirements.lock",
    )
    for lock in locks:
        text = (ROOT / lock).read_text()
        assert "://" not in text
        assert all("--hash=" in part for part in re.split(r"\n(?=\w)", text) if "==" in part)
    assert "resolved" not in (ROOT / "protos" / "package-lock.json").read_text()


def test_no_product_code_opens_plaintext_grpc() -> None:
    packages = ("auth_service", "cloudwatch_service", "mcp_frontend", "servicekit", "deploy")
    sources = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 50
    plaintext = re.compile(r"add_insecure_port|insecure_channel|insecure_server_credentials")
    assert [str(path) for path in sources if plaintext.search(path.read_text())] == []
