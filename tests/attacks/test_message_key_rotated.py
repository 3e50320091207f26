"""The sender's key changes in the middle of a conversation: from that entry on the new one counts, and no other."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from envelopes import SENDER, draft
from messaging import Messaging

from infrafabric.control.messages import admission
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.signing import SigningKey
from infrafabric.transports.envelopes.signing import sign_envelope


async def test_the_new_key_counts_and_the_old_one_does_not(messaging: Messaging) -> None:
    old = messaging.keys[SENDER]
    await messaging.send(messaging.made(1))
    signed_before = messaging.made(2)
    new = await messaging.enrol()
    assert str(new.public) != str(old.public)
    assert await messaging.refused(signed_before) is Code.MESSAGE_KEY
    answer = await messaging.send(messaging.made(2))
    assert answer["gap"] == 0
    keys = [body["key"] for body in messaging.entries("message.admitted")]
    assert keys == [str(old.public), str(new.public)]


async def test_a_new_key_begins_no_new_numbers(messaging: Messaging) -> None:
    await messaging.send(messaging.made(5))
    await messaging.enrol()
    assert await messaging.refused(messaging.made(5)) is Code.MESSAGE_SEQUENCE
    assert (await messaging.send(messaging.made(6)))["gap"] == 0


async def test_the_new_keys_name_over_the_old_keys_signature_is_refused(messaging: Messaging) -> None:
    old = messaging.keys[SENDER]
    new = await messaging.enrol()
    members = sign_envelope({**draft(1), "signature": {}}, old)
    members["signature"]["pubkey"] = str(new.public)
    assert await messaging.refused(orjson.dumps(members)) is Code.MESSAGE_SIGNATURE


async def test_another_talents_key_is_not_the_senders(messaging: Messaging) -> None:
    other = await messaging.enrol("if://agent/other")
    messaging.keys[SENDER] = other
    assert await messaging.refused(messaging.made(1)) is Code.MESSAGE_KEY
    messaging.keys[SENDER] = SigningKey.generate()
    assert await messaging.refused(messaging.made(1)) is Code.MESSAGE_KEY
    (refused, again) = messaging.entries("message.refused")
    assert refused["signed"] is False and again["signed"] is False


@pytest.mark.parametrize("change", ["key", "revoked"])
async def test_a_key_that_is_replaced_while_a_signature_is_verified_counts_no_longer(
    messaging: Messaging, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    data = messaging.made(1)

    async def verify(batch: Any) -> None:
        await verified(batch)
        if change == "key":
            await messaging.enrol()
        else:
            gone = messaging.house.operator(new_trace_id()).talent(Talent(id=SENDER), "leaves", "revoked")
            await messaging.house.record(gone)

    verified = admission._verify
    monkeypatch.setattr(admission, "_verify", verify)
    assert await messaging.refused(data) is (Code.MESSAGE_KEY if change == "key" else Code.TALENT_REVOKED)
    assert messaging.entries("message.admitted") == []
