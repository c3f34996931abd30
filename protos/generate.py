"""Makes the committed stubs in protos/gen from the .proto files beside this script; the only way they are made.

`python protos/generate.py` writes them; `--check` writes nothing and exits with 1 when they are out of date.
"""

import argparse
import filecmp
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent
GENERATED = ROOT / "gen"


def generate(target: Path) -> None:
    """Write stubs and type stubs of every .proto under `target`; raises RuntimeError with protoc's exit code."""
    sources = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "cwmcp").rglob("*.proto"))
    well_known = resources.files("grpc_tools") / "_proto"
    scripts = Path(sys.executable).parent  # the plugins of the same environment, whatever PATH says
    arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}"]
    arguments += [f"--plugin=protoc-gen-{name}={scripts / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    arguments += [f"--{kind}_out={target}" for kind in ("python", "grpc_python")]
    arguments += [f"--{kind}_out=quiet:{target}" for kind in ("mypy", "mypy_grpc")]
    if code := protoc.main([*arguments, *sources]):
        raise RuntimeError(f"protoc exited with {code}")
    for stub in sorted(target.rglob("*_pb2_grpc.py")):
        if "Servicer:" not in stub.read_text():  # a .proto without a service: an empty module helps nobody
            stub.unlink()
            stub.with_suffix(".pyi").unlink()
    for folder in sorted({path.parent for path in target.rglob("*.py")} | {target / "cwmcp"}):
        while folder != target:
            (folder / "__init__.py").touch()
            folder = folder.parent
    (target / "cwmcp" / "py.typed").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Names of files that exist on one side only or differ."""
    names = {
        str(path.relative_to(side))
        for side in (left, right)
        for path in side.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    return sorted(
        name
        for name in names
        if not ((left / name).is_file() and (right / name).is_file())
        or not filecmp.cmp(left / name, right / name, shallow=False)
    )


def main() -> int:
    """Generate or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether protos/gen is up to date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "gen"
        fresh.mkdir()
        generate(fresh)
        stale = differences(GENERATED, fresh) if GENERATED.exists() else ["protos/gen"]
        if check:
            for name in stale:
                print(f"out of date: {name} (run: make gen)", file=sys.stderr)
            return 1 if stale else 0
        for name in stale:
            (GENERATED / name).unlink(missing_ok=True)
        GENERATED.mkdir(exist_ok=True)
        generate(GENERATED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
