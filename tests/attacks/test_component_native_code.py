"""Native code is offered as if it were WebAssembly: compiled for this machine, for another, or any program at all.

wasmtime would map a `.cwasm` and run it as it stands, so nothing of a publisher's ever reaches that door.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime
from foreign_guests import wat_component
from sandbox import component_program
from wasmtime.component import Component

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.chassis.engine import own_engine
from infrafabric.kernel.errors import Code, FabricError


def cwasm(machine: int) -> bytes:
    """Native code of this engine, its ELF header saying another machine."""
    code = bytearray(Component(own_engine(), wat_component()).serialize())
    assert code[:4] == b"\x7fELF"
    code[18:20] = machine.to_bytes(2, "little")
    return bytes(code)


X86_64, AARCH64, RISCV = 62, 183, 243
OFFERED: dict[str, Callable[[], bytes]] = {
    "compiled for x86-64": lambda: cwasm(X86_64),
    "compiled for arm64": lambda: cwasm(AARCH64),
    "compiled for RISC-V": lambda: cwasm(RISCV),
    "a module's native code": lambda: bytes(wasmtime.Module(own_engine(), "(module)").serialize()),
    "this Python": lambda: Path(sys.executable).read_bytes()[:1_000_000],
    "text": lambda: b'(component (import "now" (func)))',
    "WebAssembly's head on native code": lambda: b"\0asm\x0d\0\x01\0" + cwasm(X86_64),
}


@pytest.mark.parametrize("offered", OFFERED)
async def test_native_code_is_not_webassembly(sandbox: Chassis, offered: str) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(OFFERED[offered]()))
    assert caught.value.code is Code.ENTRYPOINT_INVALID


async def test_a_core_module_is_no_component(sandbox: Chassis) -> None:
    module = bytes(wasmtime.wat2wasm('(module (func (export "start")) (func (export "resume")))'))
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(module))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
