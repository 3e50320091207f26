"""A target answers with a redirect, to take the request, its secrets and its trust elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_refused_and_not_followed(http_peer: Any, http_rig: Any, answer: Any, status: str) -> None:
    elsewhere = f"http://evil.example:{http_peer.port}/collect?x=1"
    http_peer.answer = lambda heard: answer(b"", status, Location=elsewhere)
    refused = await http_rig.refusal({"write": "POST /pay"})
    assert refused.code == Code.REDIRECT_REFUSED
    assert f"evil.example:{http_peer.port}" in refused.message
    assert [heard.target for heard in http_peer.heard] == ["/pay"]


@pytest.mark.parametrize("location", ["/elsewhere", "//evil.example/", "http://[::bad", "http://user:pw@evil.example/"])
async def test_every_redirect_is_refused(http_peer: Any, http_rig: Any, answer: Any, location: str) -> None:
    http_peer.answer = lambda heard: answer(b"", "302 Found", Location=location)
    refused = await http_rig.refusal()
    assert refused.code == Code.REDIRECT_REFUSED
    assert "pw" not in refused.message
    assert len(http_peer.heard) == 1
