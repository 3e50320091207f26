"""YAML that is small on paper and large in memory, or deep, or made to construct objects."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.registry.manifest import MAX_BYTES, parse

if TYPE_CHECKING:
    from press import Press


def laughs(levels: int) -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "text",
    [
        laughs(10),
        b"a: &a [*a]",
        b"a: &a {<<: *a}",
        b"[" * (MAX_BYTES - 1),
        b"{" * (MAX_BYTES - 1),
        b'{"a":' * 40_000,
        b"- " * 100_000,
        b"a: " + b"9" * 200_000,
        b"a: !!python/object/apply:os.system [id]",
        b"a: !!binary " + b"A" * 100_000,
        b"%TAG ! tag:example.com,2026:\n---\na: 1",
    ],
    ids=["laughs", "cycle", "merge", "lists", "mappings", "json", "dashes", "digits", "object", "binary", "directive"],
)
def test_a_bomb_is_refused_where_it_starts(text: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(FabricError) as caught:
            parse(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code is Code.MANIFEST_SYNTAX
    assert peak < 32 << 20


def test_a_schema_whose_references_multiply_is_refused(press: Press) -> None:
    steps: dict[str, object] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 9} for n in range(20)}
    steps["d20"] = {"type": "string"}
    intent = {
        "type": "object",
        "additionalProperties": False,
        "$defs": steps,
        "properties": {"a": {"$ref": "#/$defs/d0"}},
    }
    with pytest.raises(FabricError) as caught:
        press.bundle(intent=intent)
    assert caught.value.code is Code.MANIFEST_INVALID
