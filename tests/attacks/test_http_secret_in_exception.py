"""A driver's error carries the secret that the request carried: in its text, its cause or its traceback."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

SECRET = "correct-horse-battery"
EFFECT = {"write": "POST /panel", "headers": {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}}


def chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def speaks(error: FabricError) -> str:
    return "".join(f"{it!r} {it} {getattr(it, 'remedy', '')}" for it in chain(error)) + "".join(
        traceback.format_exception(error)
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://correct-horse-battery.evil.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 correct-horse-battery\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: correct-horse-battery\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncorrect-horse-battery\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncorrect-horse-battery\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: correct-horse-battery\r\n\r\n",
        b"",
    ],
)
async def test_whatever_the_peer_says_the_error_is_clean(http_peer: Any, http_rig: Any, raw: bytes) -> None:
    async def hang_up(writer: Any) -> None:
        writer.close()

    http_rig.secret("TOKEN", SECRET)
    http_peer.answer = lambda heard: raw
    http_peer.after = hang_up
    refused = await http_rig.refusal(EFFECT)
    assert http_peer.heard[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in speaks(refused)
    assert "lamp@desk" in refused.message


@pytest.mark.parametrize("value", ["correct-horse-battery\r\nX-Admin: 1", "correct-horse-battery\0", "correct-horse-☃"])
async def test_a_secret_that_no_header_can_carry_is_named_not_shown(http_peer: Any, http_rig: Any, value: str) -> None:
    http_rig.secret("TOKEN", value)
    refused = await http_rig.refusal(EFFECT)
    assert refused.code == Code.TARGET_SETTINGS
    assert "TOKEN" in refused.message
    assert "correct-horse" not in speaks(refused)
    assert http_peer.heard == []


async def test_a_fault_of_the_drivers_own_does_not_tell(
    http_peer: Any, http_rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError(f"while sending {given}")

    http_rig.secret("TOKEN", SECRET)
    monkeypatch.setattr("infrafabric.transports.http.driver._headers", lambda pin, request: fail(request))
    refused = await http_rig.refusal(EFFECT)
    assert refused.code == Code.INTERNAL
    assert len(chain(refused)) == 1
    assert SECRET not in speaks(refused)
    assert http_peer.heard == []
