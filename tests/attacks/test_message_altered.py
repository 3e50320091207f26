"""Messages that are altered on their way, or made to break the reader."""

from __future__ import annotations

import base64
import json

import orjson
import pytest
from messaging import Messaging

from infrafabric.kernel.errors import Code


async def test_no_altered_byte_is_admitted(messaging: Messaging) -> None:
    """Each byte of the envelope in turn is another: nothing of that is taken, and the message itself still is."""
    data = messaging.made(1)
    for position in range(0, len(data), 3):
        altered = bytearray(data)
        altered[position] ^= 0x01
        code = await messaging.refused(bytes(altered), f"198.51.{position % 250}.{position // 250}")
        assert code in {
            Code.JSON_INVALID,
            Code.MESSAGE_INVALID,
            Code.MESSAGE_SIGNATURE,
            Code.MESSAGE_KEY,
            Code.MESSAGE_SENDER_UNKNOWN,
        }, (position, data[max(0, position - 20) : position + 20])
    assert messaging.entries("message.admitted") == []
    await messaging.send(data)


async def test_a_signature_with_another_s_is_refused(messaging: Messaging) -> None:
    """RFC 8032 section 5.1.7: S beyond the group's order is no signature, though it verifies arithmetically."""
    members = json.loads(messaging.made(1))
    sig = base64.b64decode(members["signature"]["sig"])
    order = 2**252 + 27742317777372353535851937790883648493
    other = int.from_bytes(sig[32:], "little") + order
    members["signature"]["sig"] = base64.b64encode(sig[:32] + other.to_bytes(32, "little")).decode()
    assert await messaging.refused(orjson.dumps(members)) is Code.MESSAGE_SIGNATURE


async def test_a_member_twice_is_refused(messaging: Messaging) -> None:
    data = messaging.made(1)
    assert await messaging.refused(b'{"seq":2,' + data[1:]) is Code.JSON_INVALID


@pytest.mark.parametrize("depth", [100, 50_000])
async def test_deep_json_is_refused(messaging: Messaging, depth: int) -> None:
    members = json.loads(messaging.made(1))
    members["content"]["scope"] = "DEEP"
    deep = orjson.dumps(members).replace(b'"DEEP"', b'{"a":' * depth + b"1" + b"}" * depth)
    assert await messaging.refused(deep) is Code.JSON_INVALID


async def test_an_oversized_message_is_refused(messaging: Messaging) -> None:
    data = messaging.made(1)
    spaced = data[:-1] + b" " * (64 << 10) + b"}"
    assert await messaging.refused(spaced) is Code.TOO_LARGE
    huge = b"[" + b"1," * (3 << 20) + b"1]"
    assert await messaging.refused(huge) is Code.TOO_LARGE


@pytest.mark.parametrize(
    "data", [b"", b"null", b"\xff\xfe{\x00", b'{"envelope": 1}', b'{"envelope": "{}", "more": 1}', b"NaN"]
)
async def test_what_is_no_envelope_at_all_is_refused(messaging: Messaging, data: bytes) -> None:
    assert await messaging.refused(data) in {Code.JSON_INVALID, Code.MESSAGE_INVALID}


async def test_members_that_nobody_knows_are_refused(messaging: Messaging) -> None:
    for more in ({"admin": True}, {"verdict": "SHARE"}):
        assert await messaging.refused(messaging.made(1, **more)) is Code.MESSAGE_INVALID
    assert await messaging.refused(messaging.made(1, content={"checked": True})) is Code.MESSAGE_INVALID


async def test_a_secret_in_a_message_is_not_recorded(messaging: Messaging) -> None:
    messaging.house.redactor.learn("correct horse battery")
    data = messaging.made(1, content={"claim_id": "correct horse battery"})
    assert await messaging.refused(data) is Code.ARGUMENT_SECRET
    assert messaging.entries("message.admitted") == [] == messaging.entries("message.refused")
    assert (await messaging.send(messaging.made(1)))["seq"] == 1
