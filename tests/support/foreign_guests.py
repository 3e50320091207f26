"""The adapters of tests/guests, built: JavaScript by componentize-qjs where it is installed, WAT by wasmtime itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from wasmtime import wat2wasm

ROOT = Path(__file__).parents[2]
GUESTS = ROOT / "tests" / "guests"
WIT = ROOT / "kernel" / "chassis" / "guest" / "adapter.wit"
SDK_JS = ROOT / "adapters" / "sdk_js" / "infrafabric.mjs"
COMPONENTIZE = ROOT / ".peers" / "componentize-qjs" / "node_modules" / ".bin" / "componentize-qjs"

LIFT = "(canon lift (core func $f) (memory $memory) (realloc $realloc))"
EXPORT = '(func (export "{}") (param "json" string) (result (result string (error string))) ' + LIFT + ")"

__all__ = ["EXPORT", "GUESTS", "LIFT", "answering", "build_javascript", "build_wat", "wat_component"]


def wat_component(
    core: str = "",
    exports: str = EXPORT.format("start") + EXPORT.format("resume"),
    realloc: str = "(i32.const 4096)",
    aliases: str = "",
) -> bytes:
    """A component whose functions all answer with the 2 bytes at 16, `{}`. `core` stands in its module, whose memory is
    1 page unless it declares one; `exports` may lift the core function $f, and what `aliases` name of instance $m."""
    memory = "" if '(export "memory")' in core else '(memory (export "memory") 1)'
    text = f"""
    (component
      (core module $M {memory} {core}
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) {realloc})
        (func (export "f") (param i32 i32) (result i32)
          (i32.store (i32.const 1028) (i32.const 16)) (i32.store (i32.const 1032) (i32.const 2)) (i32.const 1024))
        (data (i32.const 16) "{{}}"))
      (core instance $m (instantiate $M))
      (alias core export $m "memory" (core memory $memory))
      (alias core export $m "realloc" (core func $realloc))
      (alias core export $m "f" (core func $f)) {aliases}
      {exports})
    """
    return bytes(wat2wasm(text))


def answering(answer: bytes, *, err: bool = False) -> bytes:
    """A component whose `start` and `resume` answer with exactly these bytes, which need not be UTF-8."""
    pages = len(answer) // 65536 + 2
    data = "".join(f"\\{byte:02x}" for byte in answer)
    text = f"""
    (component
      (core module $M (memory (export "memory") {pages})
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "f") (param i32 i32) (result i32)
          (i32.store (i32.const 16) (i32.const {int(err)})) (i32.store (i32.const 20) (i32.const 65536))
          (i32.store (i32.const 24) (i32.const {len(answer)})) (i32.const 16))
        (data (i32.const 65536) "{data}"))
      (core instance $m (instantiate $M))
      (alias core export $m "memory" (core memory $memory))
      (alias core export $m "realloc" (core func $realloc))
      (alias core export $m "f" (core func $f))
      {EXPORT.format("start")} {EXPORT.format("resume")})
    """
    return bytes(wat2wasm(text))


def build_javascript(source: Path, wasm: Path, command: Sequence[str] = ()) -> None:
    """A component from an ES module, as docs/guests.md says, or by `command`, which lacks the tool's name and the place
    to write to. Skips the test where the tool or node is not installed."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not COMPONENTIZE.exists():
        pytest.skip("tests/peers/install-componentize.sh was not run")
    usual = ["-w", str(WIT), "-n", "adapter", "-j", source.name, "--stub-wasi", "--sync", "-o"]
    made = subprocess.run(
        [str(COMPONENTIZE), *(command or usual), str(wasm.resolve())],
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
