"""A component spreads what it takes over several memories, each of which is below the limit: the sum counts."""

from __future__ import annotations

import pytest
from foreign_guests import EXPORT, wat_component
from sandbox import component_program, plan
from wasmtime import wat2wasm

from infrafabric.kernel.chassis import Chassis, RunLimits
from infrafabric.kernel.chassis.memories import MOST_MEMORIES, count_memories
from infrafabric.kernel.errors import Code, FabricError

MIB = 16
"""Pages of 64 KiB in one."""


def spread(memories: int, pages: int) -> bytes:
    """A component with that many memories of that many pages, the first of them its own."""
    more = "".join(f"(memory {pages})" for _ in range(memories - 1))
    return wat_component(core=f'(memory (export "memory") {pages}) {more}')


@pytest.mark.parametrize(("memories", "pages", "fits"), [(1, 100, True), (4, 30, True), (2, 70, False), (4, 40, False)])
async def test_memories_share_what_a_run_may_use(sandbox: Chassis, memories: int, pages: int, fits: bool) -> None:
    made = component_program(spread(memories, pages * MIB))
    if fits:
        await sandbox.load(made)
        return
    with pytest.raises(FabricError) as caught:
        await sandbox.load(made)
    assert caught.value.code is Code.SANDBOX_MEMORY


async def test_too_many_memories_are_refused_by_number(sandbox: Chassis) -> None:
    await sandbox.load(component_program(spread(MOST_MEMORIES, 0x1)))
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(spread(MOST_MEMORIES + 1, 1)))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
    assert f"{MOST_MEMORIES + 1} memories" in caught.value.message


async def test_a_module_instantiated_twice_has_no_second_share(sandbox: Chassis) -> None:
    """Counted are the memories in the file, and an instance may have no more than were counted."""
    core = '(core module $M (memory (export "memory") 1) (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable)) (func (export "f") (param i32 i32) (result i32) (unreachable)))'  # noqa: E501
    again = "".join(f"(core instance $i{n} (instantiate $M))" for n in range(3))
    lift = "(alias core export $i0 {0} (core {1} {2}))"
    aliases = lift.format('"memory"', "memory", "$memory") + lift.format('"realloc"', "func", "$realloc")
    aliases += lift.format('"f"', "func", "$f")
    wasm = bytes(wat2wasm(f"(component {core} {again} {aliases} {EXPORT.format('start')} {EXPORT.format('resume')})"))
    assert count_memories(wasm) == 1
    with pytest.raises(FabricError) as caught:
        await sandbox.load(component_program(wasm))
    assert caught.value.code is Code.SANDBOX_MEMORY


async def test_what_grows_in_a_run_is_shared_out_as_well(sandbox: Chassis) -> None:
    """Two memories that grow by turns until one says no: below the limit in sum."""
    core = """
    (memory $a (export "memory") 1) (memory $b 1)
    (func $grow
      (loop $more (br_if $more (i32.and
        (i32.ne (memory.grow $a (i32.const 16)) (i32.const -1))
        (i32.ne (memory.grow $b (i32.const 16)) (i32.const -1)))))
      (if (i32.gt_u (i32.add (memory.size $a) (memory.size $b)) (i32.const 1024)) (then (unreachable))))
    (start $grow)
    """
    made = component_program(wat_component(core=core))
    with pytest.raises(FabricError) as caught:  # the module's start runs at most with the sandbox's own limit, 128 MiB
        await sandbox.load(made)
    assert caught.value.code is Code.SANDBOX_TRAP
    within = component_program(wat_component(core=core.replace("1024", str(128 * MIB))))
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, within, limits=RunLimits())
    assert caught.value.code is Code.ADAPTER_PROTOCOL  # it came so far as to answer `{}`
