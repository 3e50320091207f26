"""Questions to people over HTTP: read whole, and answered by what a person signed."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest
from described import Described
from people import People
from served import Served

from infrafabric.kernel.approving import approval_bytes
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.keys.signing import SigningKey


@pytest.fixture
async def people(served: Served) -> People:
    return People()


def signed(question: dict[str, Any], who: str, key: SigningKey, verdict: str = "") -> dict[str, Any]:
    """An answer as a client makes it, from what it read and nothing else."""
    message = approval_bytes(
        context_digest=question["context_digest"],
        verdict=Verdict(verdict or question["verdict"]),
        approver=who,
        expires=question["expires"],
        nonce=question["nonce"],
    )
    return {
        "approver": who,
        "expires": question["expires"],
        "nonce": question["nonce"],
        "key": str(key.public),
        "signature": base64.b64encode(key.sign(message)).decode("ascii"),
        "why": "it is right",
    }


async def asked(served: Served, people: People, **more: Any) -> tuple[str, str, httpx.AsyncClient]:
    """An action that waits, a person, and a client of that person."""
    action = (await people.waiting(served.world, served.house, **more)).action
    who = await people.add(served.house, "Alice", roles=("operator",))
    return action, who, served.client(await served.key(who))


async def test_an_answer_that_was_signed_elsewhere_lets_the_action_go_on(
    served: Served, people: People, described: Described
) -> None:
    action, who, alice = await asked(served, people)
    described.checking(alice)
    listed = (await alice.get("/v1/approvals")).json()
    assert [row["action"] for row in listed["questions"]] == [action]
    question = (await alice.get(f"/v1/approvals/{action}")).json()
    assert question["plan"]["changes"][0]["after"] == {"hall": True}
    answer = await alice.post(f"/v1/approvals/{action}/approve", json=signed(question, who, people.keys[who]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "converged"
    assert served.world.peer.lamps["hall"] is True
    over = await alice.get(f"/v1/approvals/{action}")
    assert (over.status_code, over.json()["code"]) == (404, "IF_ERR_QUESTION_UNKNOWN")


async def test_a_refusal_ends_the_action(served: Served, people: People, described: Described) -> None:
    action, who, alice = await asked(served, people)
    described.checking(alice)
    question = (await alice.get(f"/v1/approvals/{action}")).json()
    yes = signed(question, who, people.keys[who])
    wrong = await alice.post(f"/v1/approvals/{action}/deny", json=yes)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "IF_ERR_APPROVAL_INVALID")
    no = signed(question, who, people.keys[who], "DENY")
    answer = await alice.post(f"/v1/approvals/{action}/deny", json=no)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "refused")
    assert served.world.peer.writes == []


async def test_nobody_hands_in_the_answer_of_another(served: Served, people: People, described: Described) -> None:
    action, who, alice = await asked(served, people)
    question = (await alice.get(f"/v1/approvals/{action}")).json()
    given = signed(question, who, people.keys[who])
    other = described.checking(await served.operator())
    answer = await other.post(f"/v1/approvals/{action}/approve", json=given)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    assert served.world.peer.writes == []


async def test_one_of_two_answers_leaves_it_waiting(served: Served, people: People, described: Described) -> None:
    action, who, alice = await asked(served, people, needs=Needs(people=2))
    described.checking(alice)
    question = (await alice.get(f"/v1/approvals/{action}")).json()
    answer = await alice.post(f"/v1/approvals/{action}/approve", json=signed(question, who, people.keys[who]))
    assert (answer.status_code, answer.json()["outcome"]) == (202, "waiting")
    shown = (await alice.get(f"/v1/approvals/{action}")).json()
    assert (shown["agreed"], [one["by"] for one in shown["given"]]) == (1, [who])


async def test_a_second_source_is_named_by_its_action(served: Served, people: People, described: Described) -> None:
    needs = Needs(source=True)
    action, _, alice = await asked(served, people, needs=needs, verdict=Verdict.HOLD)
    described.checking(alice)
    unknown = await alice.post(f"/v1/approvals/{action}/second", json={"source": "none", "why": "the same"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "IF_ERR_ACTION_UNKNOWN")
    other = await people.asker(served.house, owner=await people.add(served.house, "Ben"), name="Other")
    ask = {"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "plan"}
    planned = await served.client(await served.key(other)).post("/v1/actions", json=ask)
    source = planned.json()["action"]
    answer = await alice.post(f"/v1/approvals/{action}/second", json={"source": source, "why": "the same"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["outcome"] == "converged"
