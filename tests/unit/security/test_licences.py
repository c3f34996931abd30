from importlib import metadata
from pathlib import Path

import pytest

from security import licences


def _installed(folder: Path, *head: str) -> metadata.Distribution:
    info = folder / "some_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "\n".join(("Metadata-Version: 2.4", "Name: some-package", "Version: 1", *head)) + "\n"
    )
    return metadata.Distribution.at(info)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (["License-Expression: (MIT OR Apache-2.0) AND GPL-3.0-only"], {"MIT", "Apache-2.0", "GPL-3.0-only"}),
        (["Classifier: License :: OSI Approved :: MIT License", "License: see LICENSE"], {"MIT"}),
        (["License: Apache License 2.0"], {"Apache-2.0"}),
        (["Classifier: License :: OSI Approved", "License: Proprietary"], {"Proprietary"}),
        (["Classifier: License :: Other/Proprietary License"], set()),
        ([], set()),
    ],
)
def test_what_metadata_says(tmp_path: Path, head: list[str], expected: set[str]) -> None:
    assert licences.of(_installed(tmp_path, *head)) == expected


@pytest.mark.parametrize("head", [["License-Expression: AGPL-3.0-only"], ["License: Proprietary"], []])
def test_what_is_not_allowed_or_not_said_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: list[str]
) -> None:
    _installed(tmp_path, *head)
    monkeypatch.syspath_prepend(str(tmp_path))
    wrong, absent = licences.faults({"some-package", "never-installed-anywhere", "pytest"})
    assert ["some-package" in line for line in wrong] == [True]
    assert absent == ["never-installed-anywhere"]
