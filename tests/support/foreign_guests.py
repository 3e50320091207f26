"""The adapters of tests/guests, built: JavaScript by componentize-qjs where it is installed, WAT by wasmtime itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from wasmtime import wat2wasm

ROOT = Path(__file__).parents[2]
GUESTS = ROOT / "tests" / "guests"
WIT = ROOT / "kernel" / "chassis" / "guest" / "adapter.wit"
SDK_JS = ROOT / "adapters" / "sdk_js" / "infrafabric.mjs"
COMPONENTIZE = ROOT / ".peers" / "componentize-qjs" / "node_modules" / ".bin" / "componentize-qjs"

__all__ = ["GUESTS", "build_javascript", "build_wat"]


def build_javascript(source: Path, wasm: Path) -> None:
    """A component from an ES module, as docs/guests.md says. Skips the test where the tool or node is not installed."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not COMPONENTIZE.exists():
        pytest.skip("tests/peers/install-componentize.sh was not run")
    made = subprocess.run(
        [str(COMPONENTIZE), "-w", str(WIT), "-n", "adapter", "-j", source.name]
        + ["--stub-wasi", "--sync", "-o", str(wasm.resolve())],
        cwd=source.parent,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def build_wat(source: Path, wasm: Path) -> None:
    """A component from its text."""
    wasm.write_bytes(wat2wasm(source.read_text("utf-8")))


@pytest.fixture(scope="session")
def javascript_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/guests/javascript with the SDK beside and its two components built."""
    folder = tmp_path_factory.mktemp("guests") / "javascript"
    shutil.copytree(GUESTS / "javascript", folder)
    shutil.copy(SDK_JS, folder)
    for name in ("title", "ready"):
        build_javascript(folder / f"{name}.mjs", folder / f"{name}.wasm")
    return folder


@pytest.fixture(scope="session")
def wat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/guests/wat with its component built."""
    folder = tmp_path_factory.mktemp("guests") / "wat"
    shutil.copytree(GUESTS / "wat", folder)
    build_wat(folder / "external.wat", folder / "external.wasm")
    return folder
