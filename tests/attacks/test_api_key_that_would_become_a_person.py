"""A person's API key, or an agent, that would give itself what only a person has: the person's own key."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from served import Served
from signing_client import Signer

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope
from infrafabric.keys.signing import SigningKey

SEED, OTHER = b"\x09" * 32, b"\x0a" * 32
PUBLIC = str(SigningKey.from_seed(SEED).public)
WHY = {"why": "a script says so"}
OWN_KEY = f"/v1/talents/{quote(OPERATOR, safe='')}/key"


async def _signed(served: Served, talent: str, seed: bytes, method: str, path: str, body: object) -> httpx.Response:
    client = served.client()
    return await client.send(Signer(talent, seed).sign(client.build_request(method, path, json=body)))


async def test_an_api_key_enrols_no_key_for_its_person(served: Served) -> None:
    script = served.client(await served.key(OPERATOR, (AccessScope.ADMINISTER, AccessScope.READ)))
    before = served.house.authority.talent(OPERATOR)
    answer = await script.put(OWN_KEY, json={"key": PUBLIC, "replace": True, **WHY})
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    assert served.house.authority.talent(OPERATOR) == before
    client = served.client()
    refused = await client.send(Signer(OPERATOR, SEED).sign(client.build_request("GET", "/v1/me")))
    assert refused.status_code == 401


async def test_nor_makes_a_person_with_a_key(served: Served) -> None:
    script = await served.operator()
    made = {"name": "Straw.Man", "kind": "person", "roles": ["operator"], "key": PUBLIC, **WHY}
    answer = await script.post("/v1/talents", json=made)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")
    assert served.house.authority.get("talent", "if://person/Straw.Man") is None


async def test_nor_does_an_agent_that_signs(served: Served) -> None:
    agent = await served.talent("Signing.Agent", roles=["operator"], key=SigningKey.from_seed(OTHER))
    body = {"key": PUBLIC, "replace": True, **WHY}
    answer = await _signed(served, agent, OTHER, "PUT", OWN_KEY, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_a_person_who_is_there_enrols_it_and_is_known_by_it(served: Served) -> None:
    person = await served.person()
    enrolled = await person.put(OWN_KEY, json={"key": PUBLIC, "replace": True, **WHY})
    assert enrolled.status_code == 200, enrolled.text
    lifting = {"scope": "all", **WHY}
    assert (await (await served.operator()).post("/v1/stops", json=lifting)).status_code == 200
    lifted = await _signed(served, OPERATOR, SEED, "POST", "/v1/stops/lift", lifting)
    assert lifted.status_code == 200, lifted.text


@pytest.mark.parametrize("kind", ["agent", "service"])
async def test_an_api_key_enrols_the_keys_of_agents_and_services(served: Served, kind: str) -> None:
    answer = await (await served.operator()).post(
        "/v1/talents", json={"name": "New", "kind": kind, "key": PUBLIC, **WHY}
    )
    assert answer.status_code == 201, answer.text


async def test_whose_key_it_is_is_not_told_to_another_tenant(served: Served) -> None:
    await served.talent("Secret.Agent", tenant="north", key=SigningKey.from_seed(SEED))
    rival = served.client(await served.key(await served.talent("Rival", tenant="south", roles=["operator"])))
    answer = await rival.post("/v1/talents", json={"name": "Mine", "key": PUBLIC, **WHY})
    assert (answer.status_code, answer.json()["code"]) == (409, "IF_ERR_EXISTS")
    assert "Secret" not in answer.text and "north" not in answer.text
