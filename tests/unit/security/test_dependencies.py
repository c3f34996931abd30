from packaging.specifiers import SpecifierSet

from security.advisories import Advisories, Advisory
from security.dependencies import known_vulnerable, least_versions
from security.locks import Release

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
