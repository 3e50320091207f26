"""A component that imports anything is refused before any of it runs: an empty import list is the boundary."""

from __future__ import annotations

import pytest
from sandbox import component, component_program

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

IMPORTS = {
    "a function": '(import "now" (func (result u64)))',
    "a clock of WASI": '(import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func (result u64)))))',
    "an empty instance": '(import "wasi:cli/environment@0.2.0" (instance))',
}


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
async def test_an_import_is_refused_and_named(sandbox: Chassis, imports: str) -> None:
    name = imports.split('"')[1]
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(component(imports=imports)))
    assert caught.value.code is Code.SANDBOX_IMPORTS
    assert name in caught.value.message
