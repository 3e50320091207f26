"""An argument tries to end its line, to begin another, or to move what follows it."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code

SAY = {
    "write": "SAY {to} {text}",
    "path": {"to": {"type": "string"}, "text": {"type": ["string", "number", "boolean", "null", "object"]}},
    "reply": {"ok": "^SAID"},
}
QUOTED = {"write": 'SAY "{to}" now', "path": {"to": {"type": "string"}}, "reply": {"ok": "^SAID"}}


@pytest.mark.parametrize(
    "text",
    [
        "hi\r\nROUTE 1 2", "hi\nROUTE 1 2", "hi\rROUTE 1 2", "\x00", "a\x1b[2J", "a\x85b", "a\u2028b", "a\u2029b",
        "a\x0bb", "a\x0cb", "a\x1cb", "\ud800", "", " x", "x ", None, {"a": 1}, 2**60,
    ],
)  # fmt: skip
async def test_no_second_line(matrix: Any, matrix_rig: Any, text: Any) -> None:
    refused = await matrix_rig.refusal("say", {"to": "all", "text": text}, effects={"say": SAY})
    assert refused.code == Code.EFFECT_ARGUMENT
    assert "'text'" in refused.message
    assert (matrix.heard, matrix.connections) == ([], 0)


@pytest.mark.parametrize("to", ["a b", "a\tb", "a\u00a0b", "a\u3000b", ""])
async def test_no_argument_moves_the_next_one(matrix: Any, matrix_rig: Any, to: str) -> None:
    refused = await matrix_rig.refusal("say", {"to": to, "text": "hi"}, effects={"say": SAY})
    assert (refused.code, "'to'" in refused.message) == (Code.EFFECT_ARGUMENT, True)
    assert matrix.heard == []


async def test_no_argument_ends_its_quotes(matrix: Any, matrix_rig: Any) -> None:
    for to in ('a" now', '"', 'x"y'):
        refused = await matrix_rig.refusal("say", {"to": to}, effects={"say": QUOTED})
        assert refused.code == Code.EFFECT_ARGUMENT


async def test_what_is_harmless_arrives_as_it_is(matrix: Any, matrix_rig: Any) -> None:
    matrix.reply = lambda line: b"SAID\r\n"
    await matrix_rig.perform("say", {"to": "Größe%0A", "text": 'a "b" c'}, effects={"say": SAY})
    assert matrix.heard == ['SAY Größe%0A a "b" c']


async def test_a_secret_in_the_opening_ends_no_line(matrix: Any, matrix_rig: Any) -> None:
    matrix_rig.secret("MATRIX_PIN", "long-enough-pin\r\nROUTE 1 2")
    refused = await matrix_rig.refusal("routes")
    assert refused.code == Code.TARGET_SETTINGS
    assert "long-enough" not in refused.message
    assert matrix.heard == []
