"""component/1: any component with `start` and `resume` and no imports, as it is."""

from __future__ import annotations

import pytest
from sandbox import World, component, component_program, plan

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.errors import Code, FabricError


async def test_a_component_runs_and_replays(sandbox: Chassis) -> None:
    made, world = component_program(component()), World()
    run = await plan(sandbox, made, world=world)
    assert world.asked == [{"read": "state", "args": {}}]
    assert run.done == {"changes": [], "note": "a wat"}
    assert run.runtime == made.adapter
    assert sandbox.orders(made)
    await sandbox.replay(made, {"intent": {}}, run.recorded())


CASES = {
    "loops": (component("(loop $l (br $l)) (unreachable)"), Code.SANDBOX_CPU),
    "traps": (component("(unreachable)"), Code.SANDBOX_TRAP),
    "recurses": (component("(call $start (i32.const 0) (i32.const 0))"), Code.SANDBOX_STACK),
    "answers 100 MB": (
        component("(call $answer (i32.const 0) (i32.const 65536) (i32.const 100000000))", pages=1600),
        Code.SANDBOX_OUTPUT,
    ),
    "answers from beyond its memory": (
        component("(call $answer (i32.const 0) (i32.const 16) (i32.const 100000000))"),
        Code.SANDBOX_TRAP,
    ),
    "answers no JSON": (component("(call $answer (i32.const 0) (i32.const 17) (i32.const 30))"), Code.ADAPTER_PROTOCOL),
    "fails in its own words": (
        component("(call $answer (i32.const 1) (i32.const 16) (i32.const 38))"),
        Code.ADAPTER_FAILED,
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_component_that_misbehaves_has_its_code(sandbox: Chassis, case: str) -> None:
    wasm, code = CASES[case]
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(wasm), limits=RunLimits(cpu_ms=200))
    assert caught.value.code is code


async def test_one_that_wants_more_memory_than_there_is_does_not_start(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(component(pages=4_000)))
    assert caught.value.code is Code.SANDBOX_MEMORY


@pytest.mark.parametrize(
    "wasm", [b"", b"MZ\x90\x00", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"\0asm\x0d\0\x01\0rubbish"]
)
async def test_what_is_no_such_component_is_an_invalid_entrypoint(sandbox: Chassis, wasm: bytes) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(wasm))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
