"""Messages in a real house: what an answer promises is in the log, and what is refused is not."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import orjson
from envelopes import EVIDENCE, SENDER, TOPIC
from messaging import Messaging, messaging_on
from world import World

from infrafabric.control.messages.frames import with_evidence
from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code
from infrafabric.witness.verify import verify


async def test_an_answer_holds_a_receipt_that_opens_the_very_message(messaging: Messaging) -> None:
    data = messaging.made(1)
    answer = await messaging.send(data)
    house = messaging.house
    found = verify(dumps(answer["receipt"]), [house.log.vkey])
    (entry,) = found.entries
    assert found.form == "entry"
    assert entry.index == answer["index"]
    assert entry.body is not None
    assert entry.body["envelope"].encode() == data
    assert entry.body["digest"] == answer["digest"] == sha256(data)
    assert entry.leaf.kind == "message.admitted"
    assert house.log.entry(answer["index"]).body == dumps(entry.body)


async def test_a_conversation_is_a_trace(messaging: Messaging) -> None:
    first = json.loads(messaging.made(1))
    await messaging.send(orjson.dumps(first))
    (body,) = messaging.entries("message.admitted")
    assert body["trace"] == first["conversation_id"].replace("-", "")
    assert (body["talent"], body["tenant"], body["seq"], body["gap"]) == (SENDER, "default", 1, 0)


async def test_gaps_are_admitted_and_flagged(messaging: Messaging) -> None:
    answers = [await messaging.send(messaging.made(seq)) for seq in (7, 8, 12)]
    assert [answer["gap"] for answer in answers] == [0, 0, 3]
    assert [body["gap"] for body in messaging.entries("message.admitted")] == [0, 0, 3]
    assert await messaging.refused(messaging.made(10)) is Code.MESSAGE_SEQUENCE


async def test_evidence_that_is_handed_in_lets_confidence_count(messaging: Messaging) -> None:
    source = {"type": "filing", "url": "https://example.org/filing", "hash": sha256(EVIDENCE)}
    other = {"type": "db", "url": "https://example.com/db", "hash": sha256(b"other")}
    content = {"evidence": [source, other], "confidence": {"raw": 0.75, "normalized": 0.72}}
    bare = await messaging.send(messaging.made(1, content=content))
    assert (bare["verdict"], bare["confidence"], bare["rules"]) == ("HOLD", "0.29", ["routing/borderline"])
    one = orjson.dumps(with_evidence(messaging.made(2, content=content), [EVIDENCE]))
    assert (await messaging.send(one))["confidence"] == "0.6"
    both = orjson.dumps(with_evidence(messaging.made(3, content=content), [EVIDENCE, b"other"]))
    answer = await messaging.send(both)
    assert (answer["verdict"], answer["confidence"], answer["rules"]) == ("SHARE", "0.72", [])
    assert messaging.entries("message.admitted")[-1]["evidence"] == sorted([sha256(EVIDENCE), sha256(b"other")])
    wrong = orjson.dumps(with_evidence(messaging.made(4, content=content), [b"not named"]))
    assert await messaging.refused(wrong) is Code.CLAIM_INVALID


async def test_hazards_and_low_confidence_escalate(messaging: Messaging) -> None:
    hazard = await messaging.send(messaging.made(1, content={"hazards": ["legal"]}))
    assert hazard["verdict"] == "ESCALATE"
    assert hazard["rules"] == ["routing/hazard-override", "routing/borderline"]
    low = await messaging.send(messaging.made(2, content={"confidence": {"raw": 0.9, "normalized": 0.1}}))
    assert (low["verdict"], low["reason"]) == ("ESCALATE", "low confidence")


async def test_messages_that_contradict_each_other_escalate(messaging: Messaging) -> None:
    await messaging.enrol("if://agent/other")
    first = await messaging.send(messaging.made(1, content={"value": 100}))
    agreeing = await messaging.send(messaging.made(1, talent="if://agent/other", content={"value": 110}))
    apart = await messaging.send(messaging.made(2, talent="if://agent/other", content={"value": 130.5}))
    elsewhere = messaging.made(3, talent="if://agent/other", content={"value": 1}, topic_hash="sha256:" + "c" * 64)
    assert [first["verdict"], agreeing["verdict"], apart["verdict"]] == ["HOLD", "HOLD", "ESCALATE"]
    assert "routing/hazard-override" in apart["rules"]
    assert (await messaging.send(elsewhere))["verdict"] == "HOLD"
    assert messaging.entries("message.admitted")[2]["contradicted"] is True
    assert TOPIC in messaging.entries("message.admitted")[2]["claim_topic"]


async def test_a_refusal_is_recorded_without_what_was_said(messaging: Messaging) -> None:
    await messaging.send(messaging.made(5))
    assert await messaging.refused(messaging.made(4)) is Code.MESSAGE_SEQUENCE
    (body,) = messaging.entries("message.refused")
    assert (body["code"], body["seq"], body["signed"]) == ("IF_ERR_MESSAGE_SEQUENCE", 4, True)
    assert "envelope" not in body


async def test_an_unknown_sender_is_counted_by_source_and_not_recorded(messaging: Messaging) -> None:
    messaging.keys["if://agent/nobody"] = messaging.keys[SENDER]
    before = messaging.house.log.size
    assert await messaging.refused(messaging.made(1, talent="if://agent/nobody")) is Code.MESSAGE_SENDER_UNKNOWN
    assert messaging.house.log.size == before
    assert messaging.house.kernel.parts.refused["IF_ERR_MESSAGE_SENDER_UNKNOWN 192.0.2.7"] == 1


async def test_a_talent_without_a_key_or_revoked_sends_nothing(messaging: Messaging) -> None:
    house = messaging.house
    operator = house.operator("0" * 31 + "1")
    keyed = house.authority.talent(SENDER)
    await house.record(operator.talent(keyed.model_copy(update={"key": None}), "test"))
    assert await messaging.refused(messaging.made(1)) is Code.MESSAGE_SENDER_UNKNOWN
    await house.record(operator.talent(keyed, "test", "revoked"))
    assert await messaging.refused(messaging.made(2)) is Code.TALENT_REVOKED


async def test_sixty_four_senders_at_once_each_have_every_message_once(messaging: Messaging) -> None:
    names = [f"if://agent/sender-{number}" for number in range(64)]
    for name in names:
        await messaging.enrol(name)
    frames = {name: [messaging.made(seq, talent=name) for seq in range(1, 6)] for name in names}

    async def sender(name: str) -> list[int]:
        return [(await messaging.send(data))["index"] for data in frames[name]]

    indexes = await asyncio.gather(*(sender(name) for name in names))
    flat = [index for one in indexes for index in one]
    assert len(set(flat)) == 320
    assert all(one == sorted(one) for one in indexes)
    assert {body["gap"] for body in messaging.entries("message.admitted")} == {0}
    facts = messaging.house.log.facts
    assert {facts.get("sender", name)["seq"] for name in names} == {5}  # type: ignore[index]


async def test_copies_sent_at_once_are_admitted_once(messaging: Messaging) -> None:
    data = messaging.made(1)
    came = await asyncio.gather(*(messaging.send(data) for _ in range(20)), return_exceptions=True)
    admitted = [one for one in came if isinstance(one, dict)]
    assert len(admitted) == 1
    assert len(messaging.entries("message.admitted")) == 1


async def test_what_is_over_is_forgotten_a_few_at_a_time(messaging: Messaging) -> None:
    """Nonces that are over leave the facts with later messages, and bounded many with each."""
    for seq in range(1, 10):
        await messaging.send(messaging.made(seq, ttl_s=600))
    facts = messaging.house.log.facts
    assert len(facts.scan("nonce", f"{SENDER} ")) == 9
    messaging.later = timedelta(seconds=700)
    counts = []
    for seq in range(10, 14):
        await messaging.send(messaging.made(seq, at=datetime.now(UTC) + messaging.later))
        counts.append(len(facts.scan("nonce", f"{SENDER} ")))
    assert counts == [6, 3, 3, 4]
    assert [len(body["dropped"]) for body in messaging.entries("message.admitted")[9:]] == [4, 4, 1, 0]


async def test_the_log_says_the_same_when_it_is_read_from_its_start(messaging: Messaging) -> None:
    await messaging.send(messaging.made(1))
    await messaging.send(messaging.made(3, content={"value": 5}))
    assert await messaging.refused(messaging.made(2)) is Code.MESSAGE_SEQUENCE
    report = await messaging.house.log.audit_all()
    assert report.problem == ""


async def test_a_kernel_that_starts_again_knows_what_it_admitted(world: World) -> None:
    async with messaging_on(world) as first:
        data = first.made(4)
        await first.send(data)
        key = first.keys[SENDER]
    async with world.opened("acting") as house:
        second = Messaging(house, {SENDER: key})
        assert await second.refused(data) is Code.MESSAGE_REPLAYED
        assert await second.refused(second.made(4)) is Code.MESSAGE_SEQUENCE
        assert (await second.send(second.made(6)))["gap"] == 1
