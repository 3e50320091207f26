"""Another tenant's operator reaches for keys and identities that are not its own."""

from __future__ import annotations

from typing import Any

import pytest
from served import Served

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import Identity
from infrafabric.kernel.words.names import new_trace_id


@pytest.fixture
async def south(served: Served) -> str:
    """An operator of the tenant `south`."""
    return await served.talent("South.Operator", tenant="south", roles=["operator"])


async def test_another_tenants_key_is_not_there(served: Served, south: str) -> None:
    theirs = (await served.key()).split("_")[1]
    client = served.client(await served.key(south))
    unknown = "0" * 12
    for method, path, body in (
        ("GET", "/v1/keys/{}", None),
        ("POST", "/v1/keys/{}/rotate", {"why": "x"}),
        ("POST", "/v1/keys/{}/revoke", {"why": "x"}),
    ):
        found = await client.request(method, path.format(theirs), json=body)
        absent = await client.request(method, path.format(unknown), json=body)
        assert (found.status_code, found.json()["code"]) == (404, "IF_ERR_API_KEY_UNKNOWN")
        assert found.json()["detail"].replace(theirs, unknown) == absent.json()["detail"]


async def test_a_list_holds_the_own_tenants_alone(served: Served, south: str) -> None:
    await served.key()
    client = served.client(await served.key(south))
    assert {row["talent"] for row in (await client.get("/v1/keys")).json()["keys"]} == {south}
    asked = await client.get("/v1/keys", params={"talent": OPERATOR})
    absent = await client.get("/v1/keys", params={"talent": "if://person/nobody"})
    assert (asked.status_code, asked.json()["code"]) == (absent.status_code, absent.json()["code"])


async def test_no_key_is_made_for_another_tenants_talent(served: Served, south: str) -> None:
    client = served.client(await served.key(south))
    before = served.house.log.size
    answer = await client.post("/v1/keys", json={"talent": OPERATOR, "scopes": ["administer"], "why": "more"})
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_TALENT_UNKNOWN")
    assert served.house.log.size == before


async def test_no_subject_is_taken_over(served: Served, south: str) -> None:
    value = Identity(issuer="https://id.example.org", subject="ada", talent=OPERATOR)
    await served.house.record(served.house.operator(new_trace_id()).identity(value, "test"))
    client = served.client(await served.key(south))
    said = {"issuer": value.issuer, "subject": value.subject, "why": "mine"}
    taken = await client.post("/v1/identities", json={**said, "talent": south})
    ended = await client.post("/v1/identities/revoke", json=said)
    assert (taken.status_code, ended.status_code) == (409, 404)
    assert (await client.get("/v1/identities")).json()["identities"] == []


async def test_a_key_moved_to_another_talent_in_the_database_is_none(
    served: Served, south: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write the home's database but has no operator key gains nothing by it."""
    key = await served.key(south)
    name = key.split("_")[1]
    facts = served.house.log.facts
    stored = facts.stored("api_key", name)
    assert stored is not None
    altered = stored.replace(south.encode(), OPERATOR.encode()).replace(b'"south"', b'"default"')

    class Edited:
        def stored(self, table: str, one: str) -> bytes | None:
            return altered if one == name else facts.stored(table, one)

        def __getattr__(self, member: str) -> Any:
            return getattr(facts, member)

    monkeypatch.setattr(served.house.authority, "_facts", Edited())
    answer = await served.client(key).get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
