"""A publisher's regular expression that would take for ever: patterns are matched without backtracking."""

from __future__ import annotations

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.results import resolve
from infrafabric.kernel.schemas import compile_schema, matches, matches_whole, misfit
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.plan import Change

HOSTILE = "^(a+)+$"
TEXT = "a" * 50_000 + "!"


@pytest.mark.timeout(10)
def test_in_an_intent_or_placeholder() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {"^(b+)+$": {"type": "string", "pattern": HOSTILE}},
    }
    validator = compile_schema(schema)
    assert misfit(validator, {"b": TEXT}) == ("b", f"pattern: {HOSTILE!r}")
    assert misfit(validator, {"b" * 50_000 + "!": "a"}) is not None
    assert misfit(validator, {"bb": "aaa"}) is None


@pytest.mark.timeout(10)
def test_in_a_result() -> None:
    effect = {"write": "POST /x", "results": {"id": {"pointer": "/id", "pattern": "(a+)+"}}}
    manifest = Manifest.model_validate(
        {
            "id": "if://capability/house.x",
            "version": "1.0.0",
            "summary": "x",
            "kind": "state",
            "runtime": "python/1",
            "entrypoint": "adapter.py:X",
            "intent": {"type": "object", "additionalProperties": False},
            "driver": "http",
            "effects": {"make": effect},
        }
    )
    earlier = {"change-1": Change(id="change-1", effect="make")}
    with pytest.raises(FabricError) as refusal:
        resolve(manifest, {"x": {"$result": "change-1#/id"}}, earlier, {"change-1": {"id": "a" * 500 + "!"}})
    assert refusal.value.code is Code.RESULT_INVALID


def test_the_end_of_the_text_is_the_end() -> None:
    assert matches("^[a-z]+$", "hall")
    assert not matches("^[a-z]+$", "hall\n")
    assert matches_whole("a|ab", "ab")
    assert not matches_whole("a|ab", "abc") and not matches_whole("a", "a\n")
