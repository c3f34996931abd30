import json
from pathlib import Path

from security import locks
from security.locks import Release

HASHED = """aiohttp==3.14.5 ; python_version > '3' \\
    --hash=sha256:{0}
    # via x
PyYAML==6.0.3 \\
    --hash=sha256:{0}
"""


def test_pins_are_read_with_normalized_names(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(HASHED.format("0" * 64))
    read = locks.read_python(tmp_path / "a.lock")
    assert read.releases == (Release("aiohttp", "3.14.5"), Release("pyyaml", "6.0.3"))
    assert read.faults == ()


def test_an_entry_without_hash_or_version_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text(HASHED.format("0" * 64) + "six==1.17.0\n    # via y\nredis>=7\n")
    first, second = locks.read_python(tmp_path / "a.lock").faults
    assert first.endswith("no hash: six")
    assert second.endswith("not pinned to a version: redis>=7")


def test_a_lock_that_pins_nothing_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text("# nothing\n")
    (tmp_path / "package-lock.json").write_text('{"packages": {"": {"name": "root"}}}')
    assert locks.read_python(tmp_path / "a.lock").faults
    assert locks.read_npm(tmp_path / "package-lock.json").faults


def test_npm_packages_need_their_integrity(tmp_path: Path) -> None:
    packages = {
        "": {"name": "root"},
        "node_modules/@b/c": {"version": "1.0.0", "integrity": "sha512-x"},
        "node_modules/@b/c/node_modules/d": {"version": "2.0.0"},
    }
    (tmp_path / "package-lock.json").write_text(json.dumps({"packages": packages}))
    read = locks.read_npm(tmp_path / "package-lock.json")
    assert read.releases == (Release("@b/c", "1.0.0"), Release("d", "2.0.0"))
    assert [fault.rpartition(": ")[2] for fault in read.faults] == ["d"]


def test_installed_packages_have_no_locks_of_ours(tmp_path: Path) -> None:
    for folder in ("node_modules/x", ".venv/lib", "."):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "uv.lock").touch()
    assert locks.find("*.lock", tmp_path) == [tmp_path / "uv.lock"]
