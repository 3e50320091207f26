"""A component does its harm before it is ever called: in its module's start function, or by what it declares."""

from __future__ import annotations

import pytest
from foreign_guests import wat_component
from sandbox import component_program, plan

from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

EARLY = {
    "loops": ("(func $s (loop $l (br $l))) (start $s)", Code.SANDBOX_CPU),
    "traps": ("(func $s (unreachable)) (start $s)", Code.SANDBOX_TRAP),
    "recurses": ("(func $s (call $s)) (start $s)", Code.SANDBOX_STACK),
    "writes beyond its memory": ("(func $s (i32.store (i32.const 65536) (i32.const 1))) (start $s)", Code.SANDBOX_TRAP),
    "has a table of 800 MB": ("(table 100000000 funcref)", Code.SANDBOX_MEMORY),
    "fills a table until it may not": (
        "(table $t 1 funcref) (elem declare func $s)"
        "(func $s (loop $l (br_if $l (i32.ne (table.grow $t (ref.func $s) (i32.const 1000)) (i32.const -1))))"
        "  (if (i32.gt_u (table.size $t) (i32.const 60000)) (then (unreachable))) (loop $m (br $m))) (start $s)",
        Code.SANDBOX_CPU,
    ),
}


UNLIMITED = {
    "an object of the garbage collector": "(type $a (array (mut i8)))"
    "(func $s (drop (array.new $a (i32.const 7) (i32.const 100000000)))) (start $s)",
    "an exception": "(tag $t) (func $s (throw $t)) (start $s)",
    "a memory of 64 bits": "(memory i64 1)",
    "a memory that is shared": "(memory 1 1 shared)",
}


@pytest.mark.parametrize("what", UNLIMITED)
async def test_what_no_limit_counts_does_not_exist(sandbox: Chassis, what: str) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(wat_component(core=UNLIMITED[what])))
    assert caught.value.code is Code.ENTRYPOINT_INVALID


@pytest.mark.parametrize("early", EARLY)
async def test_it_is_not_loaded_and_others_go_on(sandbox: Chassis, early: str) -> None:
    core, code = EARLY[early]
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(wat_component(core=core)))
    assert caught.value.code is code
    assert (await plan(sandbox, "return Plan(note='others go on')")).done["note"] == "others go on"
