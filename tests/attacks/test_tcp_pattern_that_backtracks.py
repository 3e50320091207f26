"""A publisher signs a pattern that stops engines with backtracking, and a peer sends the line for it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from infrafabric.kernel import schemas
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.transports.tcp import patterns


@pytest.mark.parametrize("pattern", ["^NAME (?:a+)+$", "^NAME (?:a|a)*b", "^NAME (?:a|aa)+b", "^NAME ((?:aa)*)b$"])
async def test_it_is_matched_in_linear_time(matrix: Any, matrix_rig: Any, pattern: str) -> None:
    effects = {"name": {"read": "NAME", "reply": {"ok": pattern}}}
    matrix.reply = lambda line: b"NAME " + b"a" * 5_000 + b"!\r\n"
    began = time.process_time()
    await matrix_rig.refusal("name", effects=effects, timeout_s=0.3)
    assert time.process_time() - began < 5


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines' parts about which the engine was asked."""
    texts: list[str] = []

    def counting(how: Any) -> Any:
        def asks(pattern: Any, text: str) -> Any:
            texts.append(text)
            return how(pattern, text)

        return asks

    monkeypatch.setattr(patterns, "matches", counting(schemas.matches))
    monkeypatch.setattr(patterns, "matches_whole", counting(schemas.matches_whole))
    return texts


@pytest.mark.parametrize(
    ("pattern", "line", "group"),
    [
        ("^OK .*name=([a-z]+);", "OK name=a;" + "name=" * 816, "a"),
        ('^NAME OK .*"(.*)"$', 'NAME OK ""' + '"' * 4_000, ""),
        ("^A.*(x)y", "Axy" + "z" * 4_000, "x"),
        ("^OK (.*)$", "OK " + "x" * 60_000, "x" * 60_000),
    ],
)
def test_a_group_costs_few_questions(asked: list[str], pattern: str, line: str, group: str) -> None:
    assert patterns.compile_line_pattern(pattern, "it").group(line) == group
    assert len(asked) <= 2 * 4_096 + 2


@pytest.mark.parametrize("length", [4_000, 60_000])
def test_a_line_in_which_the_group_is_everywhere_is_given_up(asked: list[str], length: int) -> None:
    tangled = patterns.compile_line_pattern("^A.*([ab]*c)b", "it")
    line = "Aacb" + "ab" * (length // 2)
    assert tangled.matches(line)
    asked.clear()
    with pytest.raises(FabricError) as caught:
        tangled.group(line)
    assert caught.value.code is Code.ANSWER_INVALID
    assert len(asked) <= 20_000
    assert sum(map(len, asked)) <= 20_000 * 4_096


@pytest.mark.parametrize("known", ["ok", "length"])
async def test_such_an_answer_is_invalid(matrix: Any, matrix_rig: Any, known: str) -> None:
    effects = {"name": {"read": "NAME", "reply": {known: "^A.*([ab]*c)b"}}}
    matrix.reply = lambda line: b"Aacb" + b"ab" * 2_000 + b"\r\n"
    refusal = await matrix_rig.refusal("name", effects=effects, timeout_s=30)
    assert refusal.code is Code.ANSWER_INVALID


async def test_a_group_in_a_long_line_is_found(matrix: Any, matrix_rig: Any) -> None:
    effects = {"name": {"read": "NAME", "reply": {"ok": "^N.*(a+).*b$"}}}
    for length in (100, 4_000, 30_000):
        matrix.reply = lambda line, length=length: b"N" + b"a" * length + b"b\r\n"
        began = time.process_time()
        answer = await matrix_rig.perform("name", effects=effects, timeout_s=10)
        assert answer.ok and answer.value["body"] == "a"
        assert time.process_time() - began < 5
