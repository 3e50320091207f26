"""A small compressed answer unfolds to something enormous."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from typing import Any

import pytest

from infrafabric.kernel.errors import Code

LIMITS = {"limits": {"answer_bytes": 1_000_000}}
ZEROS = bytes(64 << 20)


@pytest.mark.parametrize(("coding", "bomb"), [("gzip", gzip.compress(ZEROS)), ("deflate", zlib.compress(ZEROS))])
async def test_a_bomb_does_not_unfold(http_peer: Any, http_rig: Any, answer: Any, coding: str, bomb: bytes) -> None:
    http_peer.answer = lambda heard: answer(bomb, Content_Encoding=coding)
    tracemalloc.start()
    try:
        refused = await http_rig.refusal(**LIMITS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.code == Code.ANSWER_TOO_LARGE
    assert peak < 16 << 20


async def test_compressed_nothing_without_end_is_cut_off(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(gzip.compress(b"") * 100_000, Content_Encoding="gzip")
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_TOO_LARGE


async def test_a_bomb_in_a_bomb_is_not_opened(http_peer: Any, http_rig: Any, answer: Any) -> None:
    inner = gzip.compress(gzip.compress(ZEROS))
    http_peer.answer = lambda heard: answer(inner, Content_Encoding="gzip, gzip")
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_INVALID


async def test_a_cut_stream_is_no_answer(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_peer.answer = lambda heard: answer(gzip.compress(b"lamp" * 100)[:-9], Content_Encoding="gzip")
    assert (await http_rig.refusal(**LIMITS)).code == Code.ANSWER_INVALID
