import pytest
from packaging.specifiers import SpecifierSet

from security import dependencies, vulnerability_services
from security.advisories import Advisories, Advisory
from security.dependencies import known_vulnerable, least_versions
from security.locks import Release
from security.vulnerability_services import Findings

FLAW = Advisory("CVE-1", "some-package", (SpecifierSet("<1.2"),))


def _known(**accepted: str) -> Advisories:
    return Advisories(
        "2026-01-02", "2026-01-03", (FLAW,), (), accepted={k.replace("_", "-"): v for k, v in accepted.items()}
    )


def test_an_affected_release_is_named_with_its_place() -> None:
    releases = (Release("some-package", "1.1"), Release("some-package", "1.2"), Release("other", "1.1"))
    assert known_vulnerable(releases, _known(), "a.lock") == ["a.lock: some-package 1.1 is affected by CVE-1"]


def test_an_accepted_advisory_is_no_fault() -> None:
    assert known_vulnerable((Release("some-package", "1.1"),), _known(CVE_1="cannot be reached"), "a.lock") == []


def test_the_least_versions_that_the_project_allows() -> None:
    project = {
        "dependencies": ["Some_Package[extra]>=1.1,<2; sys_platform != 'win32'"],
        "optional-dependencies": {"dev": ["pinned==3", "unbounded"]},
    }
    assert list(least_versions({"project": project})) == [Release("some-package", "1.1"), Release("pinned", "3")]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulnerability_services, "ask_pip_audit", lambda _locks: "it cannot be reached")
    monkeypatch.setattr(vulnerability_services, "ask_npm", lambda _lock: "it cannot be reached")


def _only(package: str, versions: str) -> Advisories:
    return Advisories("2026-01-02", "2026-01-03", (Advisory("CVE-1", package, (SpecifierSet(versions),)),), (), {})


@pytest.mark.usefixtures("offline")
def test_what_could_not_be_audited_is_said_and_is_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert dependencies.main() == 0
    assert "NOT audited by pip-audit: it cannot be reached" in capsys.readouterr().out


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("package", "versions", "place"),
    [("aiohttp", ">=1", "requirements.lock: aiohttp"), ("starlette", "<=1.3.1", "pyproject.toml allows: starlette")],
)
def test_a_known_vulnerability_fails_the_audit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], package: str, versions: str, place: str
) -> None:
    monkeypatch.setattr(dependencies, "load", lambda: _only(package, versions))
    assert dependencies.main() == 1
    assert place in capsys.readouterr().err


@pytest.mark.usefixtures("offline")
def test_what_a_service_finds_fails_the_audit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Findings(vulnerable=[("aiohttp 3", "PYSEC-1")], unaudited=["six: not found"])
    monkeypatch.setattr(vulnerability_services, "ask_pip_audit", lambda _locks: found)
    assert dependencies.main() == 1
    printed = capsys.readouterr()
    assert "pip-audit: aiohttp 3: PYSEC-1" in printed.err
    assert "NOT audited by pip-audit: six: not found" in printed.out
