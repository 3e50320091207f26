"""Attack: an operator of another tenant, with every scope, goes through every id that it can come by.

What is another tenant's must be in the same words as what is not there at all (OWASP API1:2023). The routes are those
of the OpenAPI document, so that a new one cannot be forgotten: one whose ids this file does not know fails the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from people import People
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import Passkey
from infrafabric.kernel.words.names import new_action_id, new_trace_id

RIVAL = "rival"
WHY = {"why": "mine"}

OWN_NAMESPACE = {
    ("PUT", "/v1/roles/{name}"): "a role is its tenant's by its key: the same name in another tenant is another role",
    ("POST", "/v1/roles/{name}/remove"): "the same",
}
MAKES = {
    ("PUT", "/v1/targets/{name}"): "/v1/targets/{name}",
    ("PUT", "/v1/secrets/{name}"): "/v1/secrets/{name}/remove",
}
"""Routes that make what is not there: what is another's is refused in the words of the route beside them."""


@dataclass
class Homes:
    """The default tenant's things, each with a name of the same form that nothing bears; and the rival's client."""

    served: Served
    rival: httpx.AsyncClient
    document: dict[str, Any]
    pairs: dict[tuple[str, str], tuple[str, str]]
    """By first part of the path and parameter: what is the default tenant's, and what is not there."""


@pytest.fixture
async def homes(served: Served) -> Homes:
    house, operator = served.house, await served.operator()
    people = People()
    done = await operator.post(
        "/v1/actions",
        json={"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", "why": "dark"},
    )
    people.ask_about_everything(house)
    waits = await operator.post(
        "/v1/actions",
        json={"capability": "house.lamps", "intent": {"lamps": {"porch": True}}, "purpose": "apply", "why": "dark"},
    )
    assert (done.status_code, waits.status_code) == (200, 202)
    await operator.put("/v1/secrets/HOME_TOKEN", json={"value": "correct-horse-battery", "why": "test"})
    place = {"subject": "capability:house.lamps", "unit": "requests", "period": "day", "limit": "9", "why": "test"}
    assert (await operator.put("/v1/budgets", json=place)).status_code == 200
    passkey = Passkey(id="cGFzc2tleQ", talent=OPERATOR, public_key="AAAA", rp_id="localhost")
    await house.record(house.operator(new_trace_id()).passkey(passkey, "test"))
    boss = await people.add(house, "Rival", roles=("operator",), tenant=RIVAL)
    key = (await served.key()).split("_")[1]
    talent = (OPERATOR, "if://person/nobody")
    action = (done.json()["action"], new_action_id())
    return Homes(
        served,
        served.client(await served.key(boss)),
        (await operator.get("/v1/openapi.json")).json(),
        {
            ("actions", "action"): action,
            ("log", "action"): action,
            ("log", "index"): ("0", "999999"),
            ("approvals", "action"): (waits.json()["action"], new_action_id()),
            ("capabilities", "name"): ("house.lamps", "house.nothing"),
            ("talents", "name"): talent,
            ("messages", "name"): talent,
            ("targets", "name"): ("house@home", "house@nowhere"),
            ("secrets", "name"): ("HOME_TOKEN", "NO_TOKEN"),
            ("keys", "key_id"): (key, "aaaaaaaaaaaa"),
            ("passkeys", "passkey_id"): (passkey.id, "bm9uZQ"),
        },
    )


async def test_another_tenants_things_are_not_there_by_any_route(homes: Homes) -> None:
    before = _state(homes)
    tried = []
    for template, operations in homes.document["paths"].items():
        names = re.findall(r"\{([^}:]+)", template)
        for method, operation in operations.items():
            route = (method.upper(), template)
            if not names or route in OWN_NAMESPACE:
                continue
            part = template.split("/")[2]
            pairs = [homes.pairs.get((part, name)) for name in names]
            assert None not in pairs, f"{route}: say in this file what its ids are"
            body = _example(homes.document, operation)
            theirs = await _ask(homes, route, template, {n: p[0] for n, p in zip(names, pairs, strict=True) if p}, body)
            none = {n: p[1] for n, p in zip(names, pairs, strict=True) if p}
            if route in MAKES:
                other = MAKES[route]
                method_of_other = "GET" if other == template else "POST"
                unknown = await _ask(homes, (method_of_other, other), other, none, WHY)
            else:
                unknown = await _ask(homes, route, template, none, body)
            assert theirs[0] == 404, f"{route}: {theirs}"
            assert theirs == unknown, route
            tried.append(route)
    assert len(tried) >= 30
    assert _state(homes) == before


async def test_nor_by_an_id_in_a_body_or_a_query(homes: Homes) -> None:
    before = _state(homes)
    lamps = {"capability": "house.lamps", "intent": {"lamps": {"hall": True}}, "purpose": "apply", **WHY}
    grant = {"capability": "house.lamps", **WHY}
    talent, target = homes.pairs["talents", "name"], homes.pairs["targets", "name"]
    tries: list[tuple[str, str, dict[str, Any], str, tuple[str, str]]] = [
        ("POST", "/v1/actions", lamps, "target", target),
        ("POST", "/v1/capabilities/find", {"intent": {}}, "talent", talent),
        ("POST", "/v1/breakers/close", WHY, "target", target),
        ("PUT", "/v1/grants", grant, "talent", talent),
        ("PUT", "/v1/grants", {**grant, "talent": "Rival"}, "target", target),
        ("POST", "/v1/grants/revoke", grant, "talent", talent),
        ("POST", "/v1/stops", {"scope": "talent", **WHY}, "name", talent),
        ("POST", "/v1/stops/lift", {"scope": "talent", **WHY}, "name", talent),
        ("POST", "/v1/talents", {"name": "Mine", **WHY}, "owner", talent),
        ("POST", "/v1/keys", {"scopes": ["read"], **WHY}, "talent", talent),
    ]
    for method, path, body, member, (theirs, none) in tries:
        first = await _ask(homes, (method, path), path, {}, {**body, member: theirs}, theirs)
        second = await _ask(homes, (method, path), path, {}, {**body, member: none}, none)
        assert first[0] == 404, f"{method} {path} {member}: {first}"
        assert first == second, f"{method} {path} {member}"
    budget = {"unit": "requests", "period": "day", "limit": "0", **WHY}
    spoken = [
        await _ask(homes, ("PUT", "/v1/budgets"), "/v1/budgets", {}, {**budget, "subject": f"talent:{one}"}, one)
        for one in talent
    ]
    assert spoken[0][0] == 404 and spoken[0] == spoken[1]
    for path in ("/v1/actions", "/v1/grants", "/v1/log/entries", "/v1/timeline"):
        found = [await homes.rival.get(f"{path}?talent={quote(one, safe='')}") for one in talent]
        words = [
            answer.text.replace(quote(one, safe=""), "").replace(one, "ID")
            for answer, one in zip(found, talent, strict=True)
        ]
        words = [re.sub(r'"trace":"[0-9a-f]{32}"', "", text) for text in words]
        assert words[0] == words[1], path
    assert _state(homes) == before


async def test_no_list_holds_what_is_another_tenants(homes: Homes) -> None:
    lists = {
        "actions": "actions", "approvals": "questions", "breakers": "breakers", "budgets": "budgets",
        "grants": "grants", "targets": "targets", "capabilities": "capabilities", "secrets": "secrets",
        "costs": "costs",
    }  # fmt: skip
    for path, member in lists.items():
        for query in ("", "?tenant=default"):
            answer = await homes.rival.get(f"/v1/{path}{query}")
            assert (answer.status_code, answer.json()[member]) == (200, []), f"{path}{query}"
    talents = (await homes.rival.get("/v1/talents")).json()["talents"]
    assert {row["tenant"] for row in talents} == {RIVAL}
    assert (await homes.rival.get("/v1/talents?tenant=default")).json()["talents"] == []
    entries = (await homes.rival.get("/v1/log/entries?limit=1000")).json()["entries"]
    assert {row["body"]["tenant"] for row in entries} <= {RIVAL}


async def test_what_is_the_whole_homes_is_the_home_tenants(homes: Homes) -> None:
    before = _state(homes)
    tries: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/v1/policies", None),
        ("PUT", "/v1/policies", {"files": {"a.cedar": "permit(principal, action, resource);"}, **WHY}),
        ("GET", "/v1/trust", None),
        ("POST", "/v1/trust/revoke", {"thing": "x", **WHY}),
        ("GET", "/v1/adapters", None),
        ("POST", "/v1/adapters/remove", {"bundle": "house.lamps@1.0.0", **WHY}),
        ("POST", "/v1/stops", {"scope": "all", **WHY}),
        ("POST", "/v1/stops", {"scope": "capability", "name": "house.lamps", **WHY}),
        ("PUT", "/v1/budgets", {"subject": "tenant:rival", "unit": "requests", "period": "day", "limit": "9", **WHY}),
        ("POST", "/v1/talents", {"name": "Spy", "tenant": "default", "roles": ["operator"], **WHY}),
        ("PUT", "/v1/roles/operator", {"tenant": "default", "includes": [], **WHY}),
        ("PUT", "/v1/targets/house@spy", {"tenant": "default", **WHY}),
        ("PUT", "/v1/secrets/SPY", {"value": "correct-horse", "tenant": "default", **WHY}),
    ]
    for method, path, body in tries:
        answer = await homes.rival.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED"), f"{method} {path}: {answer.text}"
    assert _state(homes) == before


async def test_a_tenants_operator_reaches_no_secret_and_no_address_beyond_it(homes: Homes) -> None:
    def target(**members: Any) -> dict[str, Any]:
        return {"settings": {"HOUSE_PORT": "1"}, **members, **WHY}

    refused = [
        target(allow_addresses=["loopback"]),
        target(allow_addresses=["metadata"]),
    ]
    for body in refused:
        answer = await homes.rival.put("/v1/targets/house@rival", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    for reference in ("vault:HOME_TOKEN", "vault:NO_TOKEN", "file:/etc/hostname", "env:PATH", "x-any:thing"):
        body = {"secrets": {"TOKEN": reference}, **WHY}
        answer = await homes.rival.put("/v1/targets/other@rival", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED"), reference
    assert (await homes.rival.put("/v1/targets/house@rival", json=target())).status_code == 201
    mine = {"value": "kT7-wq2X-9fLm-Z4bd", **WHY}
    assert (await homes.rival.put("/v1/secrets/RIVAL_TOKEN", json=mine)).status_code == 200
    assert homes.served.house.vault.kept("RIVAL_TOKEN").use.tenant == RIVAL
    body = {"secrets": {"TOKEN": "vault:RIVAL_TOKEN"}, **WHY}
    assert (await homes.rival.put("/v1/targets/other@rival", json=body)).status_code == 201


async def _ask(
    homes: Homes, route: tuple[str, str], template: str, ids: dict[str, str], body: Any, given: str = ""
) -> tuple[int, str, str]:
    """Status, code and words of an answer, the id itself taken out."""
    path = re.sub(r"\{([^}:]+)[^}]*\}", lambda match: quote(ids[match[1]], safe=""), template)
    answer = await homes.rival.request(route[0], path, json=body, headers={"If-Match": "*"})
    shape = answer.json()
    words = str(shape.get("detail", ""))
    for one in (*ids.values(), given):
        words = words.replace(one, "ID") if one else words
    return answer.status_code, str(shape.get("code", "")), words


def _state(homes: Homes) -> dict[str, Any]:
    """All that an attack could have changed of the default tenant's."""
    house = homes.served.house
    tables = ("target", "talent", "grant", "role", "budget", "policy", "api_key", "identity", "passkey", "stop")
    facts = {table: [row for row in house.reading.facts.scan(table) if RIVAL not in str(row)] for table in tables}
    states = house.reading.facts.scan("state")
    mine = [row for row in states if (house.reading.facts.get("action", row[0]) or {}).get("tenant") == "default"]
    writes = list(homes.served.world.peer.writes)
    return {**facts, "state": mine, "writes": writes, "vault": house.vault.names(), "trust": house.trusted.digest}


def _example(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    """A body of the operation's form, with what is required and no more."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else _made(document, schema)


def _made(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    if "const" in schema or "enum" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    for either in ("anyOf", "oneOf", "allOf"):
        if either in schema:
            return _made(document, schema[either][0])
    match schema.get("type"):
        case "object":
            return {name: _made(document, schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return [_made(document, schema["items"]) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return "x" * max(1, schema.get("minLength", 1))
