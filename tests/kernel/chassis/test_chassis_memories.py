"""Counting the memories of a component: all that its modules declare, however deep they lie, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import wat2wasm

from infrafabric.kernel.chassis.memories import MOST_MEMORIES, MOST_SECTIONS, count_memories
from infrafabric.kernel.errors import Code, FabricError

HEAD = b"\0asm\x0d\0\x01\0"


@given(st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=3), max_leaves=6))
def test_memories_of_modules_are_counted_at_any_depth(shape: int | list[object]) -> None:
    """A number is a module with so many memories, a list a component that holds what is in it."""

    def text(part: object) -> str:
        if isinstance(part, list):
            return f"(component {' '.join(map(text, part))})"
        memories = " ".join("(memory 1 2)" for _ in range(part))  # type: ignore[call-overload]
        return f'(core module (func (export "f") (result i32) (i32.const 5)) {memories} (table 5 funcref))'

    def count(part: object) -> int:
        return sum(map(count, part)) if isinstance(part, list) else int(str(part))

    wasm = bytes(wat2wasm(f"(component {text(shape)})"))
    if count(shape) > MOST_MEMORIES:
        with pytest.raises(FabricError) as caught:
            count_memories(wasm)
        assert caught.value.code is Code.ENTRYPOINT_INVALID
    else:
        assert count_memories(wasm) == max(1, count(shape))


def test_a_memory_that_is_imported_is_counted_where_it_is_declared() -> None:
    wasm = wat2wasm('(component (core module (import "a" "m" (memory 1))) (core module (memory (export "m") 1)))')
    assert count_memories(bytes(wasm)) == 1


@given(st.binary(max_size=200))
def test_what_is_no_component_is_refused_or_counted_but_never_breaks(rest: bytes) -> None:
    for wasm in (rest, HEAD + rest):
        try:
            assert 1 <= count_memories(wasm) <= MOST_MEMORIES
        except FabricError as error:
            assert error.code is Code.ENTRYPOINT_INVALID


@pytest.mark.parametrize(
    "wasm",
    [HEAD + b"\0\0" * (MOST_SECTIONS + 1), HEAD + b"\x01" + b"\x80" * 1_000_000, HEAD + b"\x01\xff\xff\xff\xff\x0f"],
    ids=["sections without end", "a number without end", "a section beyond the end"],
)
def test_what_would_take_long_is_refused(wasm: bytes) -> None:
    with pytest.raises(FabricError) as caught:
        count_memories(wasm)
    assert caught.value.code is Code.ENTRYPOINT_INVALID
