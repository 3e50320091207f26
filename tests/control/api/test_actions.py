"""Actions over HTTP: looked at, brought about, refused, taken back; and read again."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest
from described import Described
from people import People
from served import Served

from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.policy import Needs
from infrafabric.witness.verify import verify_receipt


def lamps(purpose: str = "apply", why: str = "the test says so", **lamps: bool) -> dict[str, Any]:
    intent = {"lamps": lamps}
    return {"capability": "house.lamps", "target": "house@home", "intent": intent, "purpose": purpose, "why": why}


async def test_an_apply_is_done_and_its_receipt_holds(served: Served, api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/actions", json=lamps(hall=True))
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["outcome"], report["counts"]) == ("converged", {"add": 0, "change": 1, "remove": 0})
    assert served.world.peer.lamps["hall"] is True
    receipt = base64.b64decode(report["receipt"])
    assert verify_receipt(receipt, [served.house.reading.vkey]).action == report["action"]
    again = await api.get(f"/v1/actions/{report['action']}/receipt")
    assert verify_receipt(again.content, [served.house.reading.vkey]).action == report["action"]


async def test_plans_and_dry_runs_write_nothing(served: Served, api: httpx.AsyncClient) -> None:
    for purpose, outcome in (("plan", "planned"), ("dry_run", "dry_run")):
        asked = {**lamps(purpose, hall=True), "why": ""}
        report = (await api.post("/v1/actions", json=asked)).json()
        assert report["outcome"] == outcome
        plan = (await api.get(f"/v1/actions/{report['action']}/plan")).json()
        assert plan["plan"] == report["plan"]
    assert served.world.peer.writes == []


async def test_the_same_key_and_intent_is_done_once(served: Served, api: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    first = await api.post("/v1/actions", json=lamps(hall=True), headers=key)
    second = await api.post("/v1/actions", json=lamps(hall=True), headers=key)
    assert first.json()["action"] == second.json()["action"]
    assert len(served.world.peer.writes) == 1
    other = await api.post("/v1/actions", json=lamps(porch=True), headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "IF_ERR_IDEMPOTENCY_CONFLICT")


@pytest.mark.parametrize(
    "more", [{"expect": f"sha256:{'0' * 64}"}, {"hazards": ["legal"]}, {"falsify": True}], ids=lambda it: next(iter(it))
)
async def test_under_the_same_key_nothing_more_is_asked_than_was_looked_at(
    served: Served, api: httpx.AsyncClient, more: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "once"}
    first, second = await asyncio.gather(
        api.post("/v1/actions", json=lamps(hall=True), headers=key),
        api.post("/v1/actions", json={**lamps(hall=True), **more}, headers=key),
    )
    third = await api.post("/v1/actions", json={**lamps(hall=True), **more}, headers=key)
    assert first.status_code == 200, first.text
    for other in (second, third):
        assert (other.status_code, other.json()["code"]) == (409, "IF_ERR_IDEMPOTENCY_CONFLICT")
        assert next(iter(more)) in other.json()["detail"]
    assert len(served.world.peer.writes) == 1


async def test_the_same_key_and_demands_are_answered_alike(served: Served, api: httpx.AsyncClient) -> None:
    """Also where there was nothing to change, and so nothing to refute."""
    looked = (await api.post("/v1/actions", json=lamps("plan", hall=True))).json()
    asked = {**lamps(hall=True), "expect": looked["changes_digest"], "falsify": True}
    for name, wanted in (("once", asked), ("again", {**asked, "expect": ""})):
        key = {"Idempotency-Key": name}
        first = await api.post("/v1/actions", json=wanted, headers=key)
        second = await api.post("/v1/actions", json=wanted, headers=key)
        assert (first.status_code, second.status_code) == (200, 200), first.text + second.text
        assert first.json()["action"] == second.json()["action"]
    assert len(served.world.peer.writes) == 1


async def test_a_refusal_on_record_names_its_action(served: Served, api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/actions", json=lamps(cellar=True))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "IF_ERR_ADAPTER_REFUSED")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["report"]["outcome"] == "refused"
    told = (await api.get(f"/v1/actions/{problem['action']}")).json()
    assert (told["state"], told["trace"]) == ("refused", problem["trace"])


async def test_an_apply_without_a_reason_is_refused(served: Served, api: httpx.AsyncClient) -> None:
    for why in ("", "  "):
        answer = await api.post("/v1/actions", json=lamps(why=why, hall=True))
        assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_WHY_REQUIRED")
    assert served.world.peer.writes == []


async def test_members_that_are_not_named_are_refused(served: Served, api: httpx.AsyncClient) -> None:
    for more in ("talent", "undoes", "trace", "evidence", "idempotency_key"):
        answer = await api.post("/v1/actions", json={**lamps(hall=True), more: "x"})
        assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_USAGE")


async def test_scopes_take_away(served: Served, described: Described) -> None:
    planner = described.checking(served.client(await served.key(scopes=[AccessScope.PLAN])))
    assert (await planner.post("/v1/actions", json=lamps("plan", hall=True))).status_code == 200
    refused = await planner.post("/v1/actions", json=lamps(hall=True))
    assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    reader = described.checking(served.client(await served.key(scopes=[AccessScope.READ])))
    refused = await reader.post("/v1/actions", json=lamps("plan", hall=True))
    assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    assert served.world.peer.writes == []


async def test_what_was_done_is_taken_back(served: Served, api: httpx.AsyncClient) -> None:
    done = (await api.post("/v1/actions", json=lamps(hall=True))).json()
    undone = await api.post(f"/v1/actions/{done['action']}/undo", json={"why": "enough"})
    assert undone.json()["outcome"] == "undone"
    assert served.world.peer.lamps["hall"] is False
    replayed = await api.post(f"/v1/actions/{done['action']}/replay")
    assert replayed.json()["changes_digest"] == done["changes_digest"]


async def test_actions_are_listed_newest_first_in_pages(served: Served, api: httpx.AsyncClient) -> None:
    made = [(await api.post("/v1/actions", json=lamps("plan", hall=on))).json()["action"] for on in (True, False, True)]
    found: list[str] = []
    url = "/v1/actions?limit=2"
    while url:
        page = (await api.get(url)).json()
        found += [row["action"] for row in page["actions"]]
        assert len(page["actions"]) <= 2
        url = f"/v1/actions?limit=2&cursor={page['next']}" if page["next"] else ""
    assert found == made[::-1]
    refused = await api.post("/v1/actions", json=lamps("plan", cellar=True))
    listed = (await api.get("/v1/actions?state=refused&capability=house.lamps&since=1h")).json()
    assert [row["action"] for row in listed["actions"]] == [refused.json()["action"]]
    assert (await api.get("/v1/actions?talent=operator&target=house@attic")).json()["actions"] == []


async def test_an_asker_need_not_wait(served: Served, api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/actions", json=lamps(hall=True), headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    place = answer.headers["location"]
    ended = await api.post("/v1/actions", json=lamps(porch=True), headers={"Prefer": "respond-async, wait=60"})
    assert ended.json()["outcome"] == "converged"
    while (told := (await api.get(place)).json())["state"] in ("received", "planned", "decided", "applying"):
        pass
    assert (told["action"], told["outcome"]) == (answer.json()["action"], "converged")


async def test_what_waits_for_people_says_where(served: Served, api: httpx.AsyncClient) -> None:
    People().ask_about_everything(served.house, Needs())
    answer = await api.post("/v1/actions", json=lamps(hall=True))
    action = answer.json()["action"]
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/approvals/{action}")
    assert [row["action"] for row in (await api.get("/v1/actions?state=open")).json()["actions"]] == [action]
    tried = await api.post(f"/v1/actions/{action}/falsify", json={"why": "is it right?"})
    assert tried.status_code == 202 and tried.json()["attempts"]
    cancelled = await api.post(f"/v1/actions/{action}/cancel", json={"why": "not today"})
    assert (cancelled.status_code, cancelled.json()["error"]["code"]) == (200, "IF_ERR_CANCELLED")
    again = await api.post(f"/v1/actions/{action}/cancel", json={"why": "not today"})
    assert (again.status_code, again.json()["code"]) == (409, "IF_ERR_NOT_UNDER_WAY")


async def test_what_became_of_an_action_in_doubt_is_said_by_a_person(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    served.world.peer.hang_up = True
    asked = {"capability": "house.bell", "intent": {"tone": "low"}, "purpose": "apply", "why": "dinner"}
    doubtful = await api.post("/v1/actions", json=asked)
    action = doubtful.json()["action"]
    assert (doubtful.status_code, doubtful.json()["code"]) == (502, "IF_ERR_IN_DOUBT")
    for state in ("open", "in_doubt"):
        page = (await api.get(f"/v1/actions?state={state}&capability=house.bell&since=1h")).json()
        assert [row["action"] for row in page["actions"]] == [action]
    robot = served.client(await served.key(await served.talent("Robot")))
    said = {"outcome": "done", "why": "I heard it"}
    refused = await described.checking(robot).post(f"/v1/actions/{action}/close", json=said)
    assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_DENIED")
    script = await api.post(f"/v1/actions/{action}/close", json=said)
    assert (script.status_code, script.json()["code"]) == (403, "IF_ERR_DENIED"), "a person's key is no person"
    person = described.checking(await served.person())
    closed = await person.post(f"/v1/actions/{action}/close", json=said)
    assert closed.json() == {"action": action, "outcome": "done"}
    assert (await api.get("/v1/actions?state=open")).json()["actions"] == []


async def test_an_action_that_is_over_cannot_be_closed(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    done = (await api.post("/v1/actions", json=lamps(hall=True))).json()["action"]
    person = described.checking(await served.person())
    answer = await person.post(f"/v1/actions/{done}/close", json={"outcome": "failed", "why": "I looked"})
    assert (answer.status_code, answer.json()["code"]) == (400, "IF_ERR_USAGE")
    assert (await api.get(f"/v1/actions/{done}")).json()["state"] == "converged"


async def test_what_others_did_is_proven_to_readers_of_the_log_alone(served: Served, described: Described) -> None:
    done = (await (await served.operator()).post("/v1/actions", json=lamps(hall=True))).json()["action"]
    agent = await served.talent("Scout")
    reader = described.checking(served.client(await served.key(agent)))
    assert (await reader.get(f"/v1/actions/{done}")).status_code == 200
    for method, path in (("GET", "receipt"), ("POST", "replay")):
        refused = await reader.request(method, f"/v1/actions/{done}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (403, "IF_ERR_DENIED")
