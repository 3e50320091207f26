"""Builds the component of `python/1` from `guest/` and the SDK, offline, with componentize-py, in two stages: the first
makes lean bytecode (see `guest/lean.py`), the second the component from it.

Loaded by `hatch_build.py` before InfraFabric is installed, so it imports the standard library alone. Builds are not
reproducible byte by byte; what is run and recorded is named by the digest of the file that was built.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["build_component"]

_GUEST = ("adapter.wit", "entry.py", "lean.py", "lean.wit", "loading.py", "prelude.py")


def build_component(root: Path) -> Path:
    """Build `guest/python-1.wasm` in the source tree `root` unless it is newer than all it is made of. Its path.

    Raises RuntimeError with componentize-py's own words.
    """
    guest, sdk = root / "kernel" / "chassis" / "guest", root / "adapters" / "sdk"
    sources = [*(guest / name for name in _GUEST), *sorted(sdk.glob("*.py")), Path(__file__)]
    component, made_of = guest / "python-1.wasm", guest / "python-1.inputs"
    inputs = _digest(root, sources)
    if component.exists() and made_of.exists() and made_of.read_text() == inputs:
        return component
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder)
        for name in _GUEST:
            shutil.copy(guest / name, app / name)
        packaged = app / "infrafabric" / "adapters" / "sdk"
        packaged.mkdir(parents=True)
        for package in (packaged.parent, packaged.parent.parent):
            (package / "__init__.py").touch()
        for source in sdk.glob("*.py"):
            shutil.copy(source, packaged / source.name)
        _componentize(app / "lean.wit", "lean", app, "lean", app / "lean.wasm")
        lean, built = app / "lean", app / "built.wasm"
        if not (lean / "entry.pyc").exists() or not (lean / "json" / "__init__.pyc").exists():
            raise RuntimeError("the first stage has not written the bytecode that the second is made from")
        _componentize(app / "adapter.wit", "python-adapter", lean, "entry", built)
        beside = component.with_suffix(".wasm.tmp")
        shutil.copy(built, beside)
        beside.replace(component)
    made_of.write_text(inputs)
    return component


def _digest(root: Path, sources: list[Path]) -> str:
    digest = hashlib.sha256(importlib.metadata.version("componentize-py").encode())
    for source in sources:
        data = source.read_bytes()
        digest.update(f"\n{source.relative_to(root).as_posix()} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _componentize(wit: Path, world: str, folder: Path, entry: str, built: Path) -> None:
    # It would otherwise look for site-packages through VIRTUAL_ENV and whatever python is on PATH.
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PATH")}
    command = [sys.executable, "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"]
    result = subprocess.run(
        [*command, "-q", "-d", str(wit), "-w", world, "componentize", "--stub-wasi"]
        + ["-p", str(folder), "-o", str(built), entry],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0 or not built.exists():
        raise RuntimeError(f"componentize-py ended with {result.returncode}:\n{result.stdout}{result.stderr}")


if __name__ == "__main__":
    print(build_component(Path(__file__).resolve().parents[2]))
