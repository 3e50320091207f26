"""Requests: what an envelope asks for goes the road of every action, as its sender."""

from __future__ import annotations

from typing import Any

import orjson
from envelopes import EVIDENCE, SENDER
from messaging import Messaging
from world import TARGET, Peer

from infrafabric.control.messages.frames import with_evidence
from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.words.names import new_action_id
from infrafabric.kernel.words.policy import Role

SURE = {
    "evidence": [
        {"type": "filing", "url": "https://example.org/filing", "hash": sha256(EVIDENCE)},
        {"type": "db", "url": "https://example.com/db", "hash": sha256(b"other")},
    ]
}


def wanted(**more: Any) -> dict[str, Any]:
    members = {"capability": "house.lamps", "target": TARGET, "intent": {"lamps": {"hall": True}}, "why": "dusk"}
    return {**members, **more}


def request(messaging: Messaging, seq: int, *, sure: bool = True, **more: Any) -> bytes:
    """A request with evidence that makes its confidence count, or without."""
    content = {**(SURE if sure else {}), "intent": more.pop("intent", wanted())}
    data = messaging.made(seq, performative="request", content=content, **more)
    return orjson.dumps(with_evidence(data, [EVIDENCE, b"other"])) if sure else data


async def test_a_request_is_done_as_its_sender(messaging: Messaging, peer: Peer) -> None:
    await messaging.grant("house.lamps")
    answer = await messaging.send(request(messaging, 1))
    assert answer["report"]["outcome"] == "converged", answer["report"]
    assert peer.lamps["hall"] is True
    assert answer["verdict"] == "SHARE"
    received = messaging.entries("action.received")[-1]
    assert (received["talent"], received["idempotency_key"]) == (SENDER, answer["id"])
    assert received["trace"] == answer["conversation_id"].replace("-", "") == answer["report"]["trace"]
    (admitted,) = messaging.entries("message.admitted")
    assert (admitted["capability"], admitted["target"]) == ("if://capability/house.lamps", TARGET)


async def test_a_request_without_a_grant_is_refused_by_the_road(messaging: Messaging, peer: Peer) -> None:
    answer = await messaging.send(request(messaging, 1))
    assert answer["report"]["outcome"] == "refused"
    assert answer["report"]["error"]["code"] == "IF_ERR_NOT_GRANTED"
    assert peer.writes == []


async def test_a_request_that_is_not_sure_waits_for_people(messaging: Messaging, peer: Peer) -> None:
    await messaging.grant("house.lamps")
    answer = await messaging.send(request(messaging, 1, sure=False))
    assert answer["verdict"] == "HOLD"
    assert answer["report"]["outcome"] == "waiting"
    assert answer["report"]["decision"]["verdict"] == "HOLD"
    assert answer["report"]["pending"]["needs"]["source"] is True
    assert peer.writes == []
    assert messaging.house.log.facts.get("pending", answer["report"]["action"]) is not None


async def test_a_hazard_that_is_claimed_escalates_the_action(messaging: Messaging, peer: Peer) -> None:
    await messaging.grant("house.lamps")
    content = {**SURE, "hazards": ["safety"], "intent": wanted()}
    data = messaging.made(1, performative="request", content=content)
    answer = await messaging.send(orjson.dumps(with_evidence(data, [EVIDENCE, b"other"])))
    assert (answer["verdict"], answer["report"]["decision"]["verdict"]) == ("ESCALATE", "ESCALATE")
    assert peer.writes == []


async def test_the_same_id_again_is_the_same_action(messaging: Messaging, peer: Peer) -> None:
    """A sender that lost the answer asks again under the message's id, with a fresh number, nonce and signature."""
    await messaging.grant("house.lamps")
    name = new_action_id()
    first = await messaging.send(request(messaging, 1, id=name))
    peer.lamps["hall"] = False
    again = await messaging.send(request(messaging, 2, id=name))
    assert again["report"]["action"] == first["report"]["action"]
    assert peer.lamps["hall"] is False
    other = await messaging.send(request(messaging, 3, id=name, intent=wanted(intent={"lamps": {"porch": True}})))
    assert other["error"]["code"] == "IF_ERR_IDEMPOTENCY_CONFLICT"
    assert "report" not in other


async def test_plans_and_dry_runs_write_nothing(messaging: Messaging, peer: Peer) -> None:
    await messaging.grant("house.lamps")
    planned = await messaging.send(request(messaging, 1, intent=wanted(purpose="plan")))
    tried = await messaging.send(request(messaging, 2, intent=wanted(purpose="dry_run")))
    assert [planned["report"]["outcome"], tried["report"]["outcome"]] == ["planned", "dry_run"]
    assert peer.writes == []


async def test_other_performatives_act_on_nothing(messaging: Messaging, peer: Peer) -> None:
    await messaging.grant("house.lamps")
    for seq, name in enumerate(("inform", "query-if", "propose", "applaud", "request"), 1):
        answer = await messaging.send(messaging.made(seq, performative=name))
        assert "report" not in answer
    assert messaging.entries("action.received") == []
    assert peer.reads == []


async def test_a_role_of_the_sender_does_not_matter_to_admission(messaging: Messaging) -> None:
    operator = messaging.house.operator("0" * 31 + "1")
    await messaging.house.record(operator.role(Role(name="analyst"), "test"))
    await messaging.enrol(SENDER, roles=("analyst",))
    assert (await messaging.send(messaging.made(1)))["gap"] == 0
