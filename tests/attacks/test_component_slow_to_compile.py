"""A few kilobytes that would keep the compiler busy for hours: it is stopped, and that is the component's fault."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from foreign_guests import wat_component

from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.chassis import cache
from infrafabric.kernel.chassis.cache import ComponentCache
from infrafabric.kernel.errors import Code, FabricError


def tangle(size: int) -> bytes:
    """Loops over locals that all live to the end: the work grows with the square and worse."""
    loop = "(loop (br_if 0 (local.tee {} (i32.add (local.get {}) (local.get {})))))"
    loops = "".join(loop.format(n, n, (n * 7 + 1) % size) for n in range(size))
    uses = "".join(f"(global.set $g (i32.add (global.get $g) (local.get {n})))" for n in range(size))
    return wat_component(core=f"(global $g (mut i32) (i32.const 0)) (func (local {'i32 ' * size}) {loops} {uses})")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
async def test_the_compiler_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "COMPILE_CPU_S", 2)
    wasm = tangle(4_000)
    assert len(wasm) < 100_000
    with pytest.raises(FabricError) as caught:
        await ComponentCache(tmp_path, b"k" * 32).open(wasm, sha256(wasm).removeprefix("sha256:"))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
    assert "cannot be compiled in 2 s of CPU time" in caught.value.message
    assert list(tmp_path.glob("*.cwasm")) == []
