"""How many linear memories a component declares, so that a run's memory can be shared out among them. Pure.

wasmtime limits each memory of an instance by itself, and not their sum. A component made by a toolchain has more than
one where it is linked from several modules: that of componentize-qjs has three, two of them empty.
"""

from __future__ import annotations

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["MOST_MEMORIES", "count_memories"]

MOST_MEMORIES = 8
MOST_SECTIONS = 100_000
_HEAD = 8
"""Bytes of the preamble, of a module as of a component (Component Model, Binary.md)."""
_CORE_MODULE, _COMPONENT = 1, 4
"""Sections of a component that hold a binary of their own."""
_MEMORIES = 5
"""Section of a core module (WebAssembly core specification, 5.5.8)."""
_COMPONENT_LAYER = b"\x01\x00"


def count_memories(wasm: bytes) -> int:
    """Memories that the modules in `wasm` declare, at least 1. `wasm` is a component that was compiled before.

    Raises IF_ERR_ENTRYPOINT_INVALID where there are too many to run it, or it is no component after all.
    """
    try:
        count = _count(wasm)
    except IndexError:
        raise FabricError(Code.ENTRYPOINT_INVALID, "the component ends within a section") from None
    if count > MOST_MEMORIES:
        raise FabricError(
            Code.ENTRYPOINT_INVALID, f"the component declares {count} memories where {MOST_MEMORIES} are taken"
        )
    return max(1, count)


def _count(wasm: bytes) -> int:
    count = sections = 0
    ends = [(_HEAD, len(wasm), True)]
    while ends:
        place, end, is_component = ends.pop()
        while place < end:
            sections += 1
            if sections > MOST_SECTIONS:
                raise FabricError(Code.ENTRYPOINT_INVALID, f"the component has more than {MOST_SECTIONS} sections")
            kind = wasm[place]
            size, body = _number(wasm, place + 1)
            place = body + size
            if is_component and kind in (_CORE_MODULE, _COMPONENT):
                ends.append((body + _HEAD, place, wasm[body + 6 : body + _HEAD] == _COMPONENT_LAYER))
            elif not is_component and kind == _MEMORIES:
                count += _number(wasm, body)[0]
    return count


def _number(wasm: bytes, place: int) -> tuple[int, int]:
    """An unsigned LEB128 number of 32 bits, and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        byte = wasm[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise FabricError(Code.ENTRYPOINT_INVALID, "the component has a number of more than 32 bits")
