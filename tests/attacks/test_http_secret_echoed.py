"""A target echoes the secret that it was sent, so that it would end in the log and in the guest."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest

SECRET = 's3cret/with+signs=and"quotes'
EFFECT = {"read": "GET /panel", "headers": {"Authorization": {"secret": "TOKEN", "prefix": "Bearer "}}}
DISGUISES = [
    SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], base64.b64encode(SECRET.encode()).decode(),
    base64.b64encode(f"user:{SECRET}".encode()).decode(),
]  # fmt: skip


def absent(text: str) -> bool:
    return not any(form in text for form in (SECRET, *DISGUISES[1:4]))


@pytest.mark.parametrize("form", DISGUISES)
async def test_a_secret_in_body_header_or_reason_is_masked(
    http_peer: Any, http_rig: Any, answer: Any, form: str
) -> None:
    http_rig.secret("TOKEN", SECRET)
    http_peer.answer = lambda heard: answer(f"you said {form}!".encode(), f"403 No {form}", ETag=form, Location=form)
    given = await http_rig.perform(EFFECT)
    assert http_peer.heard[0].headers["authorization"] == f"Bearer {SECRET}"
    said = [given.value["body"], given.problem, *given.value["headers"].values()]
    assert not any(http_rig.redactor.found(text) for text in said)
    assert all(map(absent, said))
    assert given.value["body"].startswith("you said ")


async def test_a_secret_is_masked_in_compressed_and_chunked_answers(http_peer: Any, http_rig: Any) -> None:
    http_rig.secret("TOKEN", SECRET)
    data = gzip.compress(f"you said {SECRET}".encode())
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in data)
    http_peer.answer = lambda heard: (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    )
    given = await http_rig.perform(EFFECT)
    assert given.value["body"].startswith("you said ")
    assert absent(given.value["body"])


async def test_a_secret_is_masked_in_what_is_not_text(http_peer: Any, http_rig: Any, answer: Any) -> None:
    http_rig.secret("TOKEN", SECRET)
    http_peer.answer = lambda heard: answer(b"\xff\xfe" + SECRET.encode() + b"\xff")
    given = await http_rig.perform(EFFECT)
    body = base64.b64decode(given.value["body"])
    assert body.startswith(b"\xff\xfe")
    assert SECRET.encode() not in body
