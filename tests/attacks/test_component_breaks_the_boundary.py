"""A component misuses what texts cross its boundary by: room for the kernel's text, and what runs after an answer."""

from __future__ import annotations

import pytest
from foreign_guests import EXPORT, LIFT, wat_component
from sandbox import component_program, plan

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.errors import Code, FabricError

REALLOC = {
    "room at the end of memory": ("(i32.const 65530)", Code.SANDBOX_TRAP),
    "room beyond memory": ("(i32.const -1)", Code.SANDBOX_TRAP),
    "room that wraps round": ("(i32.sub (i32.const 0) (local.get 3))", Code.SANDBOX_TRAP),
    "no room": ("(unreachable)", Code.SANDBOX_TRAP),
    "room after a long while": ("(loop $l (br $l)) (unreachable)", Code.SANDBOX_CPU),
    "all the memory there is": (
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))) (unreachable)",
        Code.SANDBOX_TRAP,
    ),
}


@pytest.mark.parametrize("room", REALLOC)
async def test_room_for_the_kernels_text_is_checked(sandbox: Chassis, room: str) -> None:
    realloc, code = REALLOC[room]
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(wat_component(realloc=realloc)), limits=RunLimits(cpu_ms=200))
    assert caught.value.code is code
    assert (await plan(sandbox, "return Plan(note='others go on')")).done["note"] == "others go on"


AFTERWARDS = {"loops": ("(loop $l (br $l))", Code.SANDBOX_CPU), "traps": ("(unreachable)", Code.SANDBOX_TRAP)}


@pytest.mark.parametrize("afterwards", AFTERWARDS)
async def test_what_runs_after_an_answer_counts_as_well(sandbox: Chassis, afterwards: str) -> None:
    body, code = AFTERWARDS[afterwards]
    lift = LIFT[:-1] + " (post-return (core func $after)))"
    export = EXPORT.replace(LIFT, lift)
    made = wat_component(
        core=f'(func (export "after") (param i32) {body})',
        aliases='(alias core export $m "after" (core func $after))',
        exports=export.format("start") + export.format("resume"),
    )
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, component_program(made), limits=RunLimits(cpu_ms=200))
    assert caught.value.code is code
