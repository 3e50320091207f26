"""A tenant's operator keeps as its secret what others say: they would be masked, or refused, for saying it."""

from __future__ import annotations

import pytest
from served import Served

from infrafabric.control.operator import OPERATOR

TOKEN = "kT7-wq2X-9fLm-Z4bd"
ASK = {
    "capability": "house.lamps",
    "intent": {"lamps": {"hall": True}},
    "purpose": "apply",
    "why": "the show opens at nine",
}


@pytest.mark.parametrize("value", ["show opens", "the show opens", "if://capability/house.lamps", OPERATOR])
async def test_ordinary_words_are_not_taken_of_a_tenants_operator(served: Served, value: str) -> None:
    north = served.client(await served.key(await served.talent("North.Op", tenant="north", roles=["operator"])))
    refused = await north.put("/v1/secrets/MINE", json={"value": value, "why": "mine"})
    assert (refused.status_code, refused.json()["code"]) == (422, "IF_ERR_SECRET_ORDINARY")
    assert not served.house.redactor.found(value)
    operator = await served.operator()
    answer = await operator.post("/v1/actions", json=ASK)
    assert answer.status_code == 200, answer.text


async def test_a_name_of_the_house_is_nobodys_secret(served: Served) -> None:
    operator = await served.operator()
    for value in (OPERATOR, "person/operator", "house@home"):
        refused = await operator.put("/v1/secrets/MINE", json={"value": value, "why": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (422, "IF_ERR_SECRET_ORDINARY")
    assert not served.house.redactor.found("\n".join((OPERATOR, "house@home")))


async def test_a_refused_change_teaches_the_redactor_nothing(served: Served) -> None:
    operator = await served.operator()
    refused = await operator.post("/v1/secrets/NO_TOKEN/rotate", json={"value": TOKEN, "why": "mine"})
    assert refused.json()["code"] == "IF_ERR_SECRET_UNKNOWN"
    planted = await operator.put("/v1/secrets/MINE", json={"value": TOKEN, "why": f"it is {TOKEN}"})
    assert planted.json()["code"] == "IF_ERR_ARGUMENT_SECRET"
    assert not served.house.redactor.found(TOKEN)


async def test_another_tenants_secret_stops_nobody_and_is_masked(served: Served) -> None:
    who = await served.talent("North.Op", tenant="north", roles=["operator"])
    north = served.client(await served.key(who))
    assert (await north.put("/v1/secrets/MINE", json={"value": TOKEN, "why": "mine"})).status_code == 200
    house = served.house
    assert house.redactor.redact(TOKEN) == "[***]"
    assert house.redactor.holds_of(TOKEN, {"north"})
    assert not house.redactor.holds_of(TOKEN, {"default", "south"})
    ask = {"capability": "house.bell", "intent": {"tone": TOKEN}, "purpose": "apply", "why": f"they say {TOKEN}"}
    answer = await (await served.operator()).post("/v1/actions", json=ask)
    assert answer.status_code == 200
    assert served.world.peer.writes


async def test_ones_own_tenants_secret_is_refused(served: Served) -> None:
    operator = await served.operator()
    assert (await operator.put("/v1/secrets/HOMES", json={"value": TOKEN, "why": "the bell's"})).status_code == 200
    ask = {"capability": "house.bell", "intent": {"tone": TOKEN}, "purpose": "apply", "why": "test"}
    assert "IF_ERR_ARGUMENT_SECRET" in (await operator.post("/v1/actions", json=ask)).text
