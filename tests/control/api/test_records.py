"""Operators' records over HTTP: made, seen, changed by who saw them, taken back; each names who asked."""

from __future__ import annotations

from typing import Any

import httpx
from described import Described
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.entries import Kind
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.store import Query

WHY = {"why": "the test says so"}
ATTIC: dict[str, Any] = {"settings": {"HOUSE_PORT": "9"}, "allow_addresses": ["loopback"], **WHY}


def newest(served: Served, kind: Kind) -> dict[str, Any]:
    """The body of the newest entry of a kind."""
    body = served.house.reading.find(Query(kind=kind.value, limit=1))[0].body
    assert body is not None
    return dict(body)


async def test_a_target_is_made_changed_by_who_saw_it_and_forgotten(served: Served, api: httpx.AsyncClient) -> None:
    made = await api.put("/v1/targets/house@attic", json=ATTIC)
    assert (made.status_code, made.json()["change"]) == (201, "added"), made.text
    assert newest(served, Kind.TARGET_CHANGED)["talent"] == OPERATOR
    blind = await api.put("/v1/targets/house@attic", json=ATTIC)
    assert (blind.status_code, blind.json()["code"]) == (428, "IF_ERR_MATCH_REQUIRED")
    seen = await api.get("/v1/targets/house@attic")
    moved = {**ATTIC, "settings": {"HOUSE_PORT": "10"}}
    match = {"If-Match": seen.headers["etag"]}
    changed = await api.put("/v1/targets/house@attic", json=moved, headers=match)
    assert (changed.status_code, changed.json()["target"]["settings"]) == (200, {"HOUSE_PORT": "10"})
    stale = await api.put("/v1/targets/house@attic", json=ATTIC, headers=match)
    assert (stale.status_code, stale.json()["code"]) == (412, "IF_ERR_CHANGED_MEANWHILE")
    listed = (await api.get("/v1/targets")).json()["targets"]
    assert [row["name"] for row in listed] == ["house@attic", "house@home"]
    match = {"If-Match": (await api.get("/v1/targets/house@attic")).headers["etag"]}
    gone = await api.post("/v1/targets/house@attic/remove", json=WHY, headers=match)
    assert gone.json()["change"] == "removed"
    assert (await api.get("/v1/targets/house@attic")).status_code == 404


async def test_what_is_wrong_with_a_target_is_said_and_nothing_is_recorded(
    served: Served, api: httpx.AsyncClient
) -> None:
    size = served.house.reading.size
    wrong = {
        "/v1/targets/house@attic": ({**ATTIC, "settings": {"HOUSE_COLOUR": "red"}}, "IF_ERR_TARGET_SETTINGS"),
        "/v1/targets/attic": (ATTIC, "IF_ERR_NAME_INVALID"),
        "/v1/targets/house@cellar": ({**ATTIC, "secrets": {"TOKEN": "hunter22"}}, "IF_ERR_USAGE"),
        "/v1/targets/house@porch": ({**ATTIC, "name": "house@home"}, "IF_ERR_USAGE"),
    }
    for path, (body, code) in wrong.items():
        answer = await api.put(path, json=body)
        assert answer.json()["code"] == code
        assert "hunter22" not in answer.text
    missing = await api.put("/v1/targets/house@attic", json={"settings": {}})
    assert missing.status_code == 400
    assert served.house.reading.size == size


async def test_a_talent_is_added_changed_given_a_key_and_revoked(served: Served, api: httpx.AsyncClient) -> None:
    asked = {"name": "Finance.Agent", "roles": ["analyst"], "owner": "operator", **WHY}
    made = await api.post("/v1/talents", json=asked)
    assert made.status_code == 201, made.text
    assert made.json()["talent"]["id"] == "if://agent/Finance.Agent"
    again = await api.post("/v1/talents", json=asked)
    assert (again.status_code, again.json()["code"]) == (409, "IF_ERR_EXISTS")
    shown = await api.get("/v1/talents/Finance.Agent")
    assert (shown.json()["holds"], shown.json()["owner"]) == (["analyst"], OPERATOR)
    full = await api.get("/v1/talents/if%3A%2F%2Fagent%2FFinance.Agent")
    assert full.json() == shown.json()
    match = {"If-Match": shown.headers["etag"]}
    put = await api.put("/v1/talents/Finance.Agent", json={"roles": ["clerk"], **WHY}, headers=match)
    assert put.json()["talent"]["roles"] == ["clerk"], put.text
    public = str(SigningKey.generate().public)
    keyed = await api.put("/v1/talents/Finance.Agent/key", json={"key": public, **WHY})
    assert keyed.json()["talent"]["key"] == public
    twice = await api.put("/v1/talents/Finance.Agent/key", json={"key": public, **WHY})
    assert (twice.status_code, twice.json()["code"]) == (409, "IF_ERR_EXISTS")
    revoked = await api.post("/v1/talents/Finance.Agent/revoke", json=WHY)
    assert revoked.json()["change"] == "revoked"
    rows = {row["id"]: row["revoked"] for row in (await api.get("/v1/talents")).json()["talents"]}
    assert rows == {"if://agent/Finance.Agent": True, OPERATOR: False}


async def test_roles_include_others(served: Served, api: httpx.AsyncClient) -> None:
    put = await api.put("/v1/roles/producer", json={"includes": ["viewer"], **WHY})
    assert put.json()["holds"] == ["viewer"]
    rows = {row["name"]: row["holds"] for row in (await api.get("/v1/roles")).json()["roles"]}
    assert rows["producer"] == ["viewer"]
    removed = await api.post("/v1/roles/producer/remove", json=WHY)
    assert removed.json()["change"] == "removed"
    assert (await api.post("/v1/roles/producer/remove", json=WHY)).status_code == 400


async def test_a_grant_lets_a_talent_act_until_it_is_taken_back(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    scout = await served.talent("Scout")
    asks = described.checking(served.client(await served.key(scout)))
    intent = {"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", "why": "dark"}
    assert (await asks.post("/v1/actions", json=intent)).json()["code"] == "IF_ERR_NOT_GRANTED"
    given = {"talent": "Scout", "capability": "house.lamps", "expires": "7d", **WHY}
    granted = await api.put("/v1/grants", json=given)
    assert granted.json()["grant"]["target"] == "house@home", granted.text
    assert (await asks.post("/v1/actions", json=intent)).json()["outcome"] == "converged"
    rows = (await api.get("/v1/grants?talent=Scout")).json()["grants"]
    assert [(row["talent"], row["ended"]) for row in rows] == [(scout, False)]
    taken = {"talent": "Scout", "capability": "house.lamps", **WHY}
    assert (await api.post("/v1/grants/revoke", json=taken)).json()["change"] == "revoked"
    off = {**intent, "intent": {"lamps": {"hall": False}}}
    assert (await asks.post("/v1/actions", json=off)).json()["code"] == "IF_ERR_NOT_GRANTED"
    again = await api.post("/v1/grants/revoke", json=taken)
    assert (again.status_code, again.json()["code"]) == (403, "IF_ERR_NOT_GRANTED")


async def test_grants_are_checked_before_they_are_recorded(served: Served, api: httpx.AsyncClient) -> None:
    await served.talent("Scout")
    size = served.house.reading.size
    given = {"talent": "Scout", "capability": "house.lamps", **WHY}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"only": {"properties": {"colour": {"const": "red"}}}}, "IF_ERR_GRANT_INVALID"),
        ({"only": {"type": 7}}, "IF_ERR_GRANT_INVALID"),
        ({"scopes": ["nobody:asks"]}, "IF_ERR_SCOPE_UNKNOWN"),
        ({"expires": "yesterday"}, "IF_ERR_USAGE"),
        ({"group": "crew"}, "IF_ERR_USAGE"),
        ({"target": "house@nowhere"}, "IF_ERR_TARGET_UNKNOWN"),
    ]
    for more, code in wrong:
        answer = await api.put("/v1/grants", json={**given, **more})
        assert answer.json()["code"] == code, answer.text
    assert served.house.reading.size == size


async def test_a_budget_is_set_stands_and_holds(served: Served, api: httpx.AsyncClient) -> None:
    place = {"subject": "capability:house.lamps", "unit": "requests", "period": "day"}
    put = await api.put("/v1/budgets", json={**place, "limit": "1", **WHY})
    assert put.json()["budget"]["limit"] == 1, put.text
    intent = {"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", "why": "dark"}
    assert (await api.post("/v1/actions", json=intent)).status_code == 200
    over = await api.post("/v1/actions", json={**intent, "intent": {"lamps": {"porch": True}}})
    assert (over.status_code, over.json()["code"]) == (429, "IF_ERR_BUDGET_EXCEEDED")
    standing = (await api.get("/v1/budgets")).json()["budgets"][0]
    assert (standing["used"], standing["left"], standing["percent"]) == (1, 0, 100)
    costs = (await api.get("/v1/costs?by=talent&since=7d")).json()
    assert (costs["costs"][0]["group"], costs["total"]["writes"]) == (OPERATOR, 1)
    changed = await api.put("/v1/budgets", json={**place, "limit": "5", **WHY})
    assert changed.json()["before"] == 1
    assert (await api.post("/v1/budgets/remove", json={**place, **WHY})).json()["change"] == "removed"
    again = await api.post("/v1/budgets/remove", json={**place, **WHY})
    assert (again.status_code, again.json()["code"]) == (404, "IF_ERR_BUDGET_UNKNOWN")


async def test_records_are_changed_by_operators_with_the_scope_and_the_key_alone(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    size = served.house.reading.size
    body = {"name": "Mallory", **WHY}
    reader = described.checking(served.client(await served.key(scopes=[AccessScope.READ, AccessScope.ACT])))
    answer = await reader.post("/v1/talents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
    plain = served.client(await served.key(await served.talent("Plain", roles=["viewer"])))
    answer = await described.checking(plain).post("/v1/talents", json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    blank = await api.post("/v1/talents", json={**body, "why": "   "})
    assert (blank.status_code, blank.json()["code"]) == (400, "IF_ERR_WHY_REQUIRED")
    serve = served.house.settings.serve.model_copy(update={"administer": False})
    served.house.settings = served.house.settings.model_copy(update={"serve": serve})
    away = await api.post("/v1/talents", json=body)
    assert (away.status_code, away.json()["code"]) == (403, "IF_ERR_OPERATOR_AWAY")
    assert served.house.authority.get("talent", "if://agent/Mallory") is None
    assert served.house.reading.size == size + 3  # two keys and a talent


async def test_the_homes_operators_administer_its_tenants(
    served: Served, api: httpx.AsyncClient, described: Described
) -> None:
    made = await api.post(
        "/v1/talents", json={"name": "Boss", "kind": "person", "tenant": "north", "roles": ["operator"], **WHY}
    )
    assert made.json()["talent"]["tenant"] == "north", made.text
    target = await api.put("/v1/targets/house@north", json={**ATTIC, "tenant": "north"})
    assert target.status_code == 201, target.text
    grant = {"talent": "Boss", "capability": "house.lamps", "target": "house@north", **WHY}
    assert (await api.put("/v1/grants", json=grant)).json()["grant"]["tenant"] == "north"
    for path, member in {"talents": "talents", "targets": "targets", "grants": "grants"}.items():
        own = (await api.get(f"/v1/{path}")).json()[member]
        assert all(row["tenant"] == "default" for row in own)
        theirs = (await api.get(f"/v1/{path}?tenant=north")).json()[member]
        assert [row["tenant"] for row in theirs] == ["north"]
    boss = described.checking(served.client(await served.key("if://person/Boss")))
    seen = (await boss.get("/v1/capabilities")).json()["capabilities"]
    assert {row["capability"].rpartition(".")[2] for row in seen} == {"bell", "chime", "gong", "lamps"}
    assert (await boss.get("/v1/capabilities/house.lamps/targets")).json()["targets"][0]["name"] == "house@north"
    plain = await served.talent("Plain")
    for scopes in (tuple(AccessScope), (AccessScope.READ,)):
        other = described.checking(served.client(await served.key(plain, scopes)))
        assert (await other.get("/v1/talents?tenant=north")).json()["talents"] == []
        assert (await other.get("/v1/talents/Boss")).status_code == 404
