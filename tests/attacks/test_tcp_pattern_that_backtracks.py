"""A publisher signs a pattern that stops engines with backtracking, and a peer sends the line for it."""

from __future__ import annotations

import time
from typing import Any

import pytest


@pytest.mark.parametrize("pattern", ["^NAME (?:a+)+$", "^NAME (?:a|a)*b", "^NAME (?:a|aa)+b", "^NAME ((?:a*)*)b$"])
async def test_it_is_matched_in_linear_time(matrix: Any, matrix_rig: Any, pattern: str) -> None:
    effects = {"name": {"read": "NAME", "reply": {"ok": pattern}}}
    matrix.reply = lambda line: b"NAME " + b"a" * 5_000 + b"!\r\n"
    began = time.process_time()
    await matrix_rig.refusal("name", effects=effects, timeout_s=0.3)
    assert time.process_time() - began < 5


async def test_a_group_in_a_long_line_is_found_or_left_alone(matrix: Any, matrix_rig: Any) -> None:
    effects = {"name": {"read": "NAME", "reply": {"ok": "^N.*(a+).*b$"}}}
    for length in (100, 4_000, 30_000):
        matrix.reply = lambda line, length=length: b"N" + b"a" * length + b"b\r\n"
        began = time.process_time()
        answer = await matrix_rig.perform("name", effects=effects, timeout_s=10)
        assert answer.ok
        assert time.process_time() - began < 5
