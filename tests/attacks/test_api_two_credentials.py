"""Two kinds of credentials in one request: one that a log would show, and one that would be used."""

from __future__ import annotations

from served import Served
from signing_client import Signer

from infrafabric.control.operator import OPERATOR
from infrafabric.keys.signing import SigningKey

SEED = b"\x07" * 32


async def test_they_are_refused_though_each_holds(served: Served) -> None:
    agent = await served.talent("Signing.Agent", key=SigningKey.from_seed(SEED))
    browser = served.client("", **{"User-Agent": "Firefox"})
    await browser.post("/v1/sessions", json={"token": served.service.sessions.link(OPERATOR)})
    keyed = {"Authorization": f"Bearer {await served.key()}"}
    before = served.house.log.size
    signed = Signer(agent, SEED).sign(browser.build_request("GET", "/v1/me"))
    for request in (
        browser.build_request("GET", "/v1/me", headers=keyed),
        signed,
        Signer(agent, SEED).sign(served.client().build_request("GET", "/v1/me", headers=keyed)),
    ):
        answer = await served.client().send(request)
        assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
    assert (await browser.get("/v1/me")).status_code == 200
    assert served.house.log.size == before


async def test_two_of_one_kind_are_refused_too(served: Served) -> None:
    first, second = await served.key(), await served.key()
    client = served.client()
    headers = [("Authorization", f"Bearer {first}"), ("Authorization", f"Bearer {second}")]
    answer = await client.get("/v1/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_kind_that_is_not_known_is_not_passed_over(served: Served) -> None:
    for value in ("Basic b3BlcmF0b3I6eA==", "Bearer", "Bearer ", "ifk_abc", "Digest x"):
        answer = await served.client("", Authorization=value).get("/v1/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID"), value
