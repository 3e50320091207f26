"""A header that the signature leaves out could have been put in, taken out or changed on the way."""

from __future__ import annotations

import httpx
import pytest
from served import Served
from signing_client import Signer

from infrafabric.keys.signing import SigningKey

SEED = b"\x07" * 32
COVERED = ("@method", "@target-uri")
HEADERS = [("If-Match", '"0"'), ("If-Match", "*"), ("If-None-Match", '"0"'), ("Idempotency-Key", "once")]


@pytest.fixture
async def agent(served: Served) -> str:
    return await served.talent("Signing.Agent", roles=["operator"], key=SigningKey.from_seed(SEED))


def request(served: Served, name: str, value: str) -> httpx.Request:
    body = {"talent": "Signing.Agent", "scopes": ["read"], "why": "once"}
    return served.client().build_request("POST", "/v1/keys", json=body, headers={name: value})


@pytest.mark.parametrize(("name", "value"), HEADERS)
async def test_one_that_is_sent_and_not_signed_is_refused(served: Served, agent: str, name: str, value: str) -> None:
    answer = await served.client().send(Signer(agent, SEED, covered=COVERED).sign(request(served, name, value)))
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


@pytest.mark.parametrize(("name", "value"), HEADERS)
async def test_one_that_was_signed_and_is_another_now_or_gone_is_refused(
    served: Served, agent: str, name: str, value: str
) -> None:
    for now in ('"1"', None):
        made = Signer(agent, SEED, covered=(*COVERED, name.lower())).sign(request(served, name, value))
        del made.headers[name]
        if now is not None:
            made.headers[name] = now
        answer = await served.client().send(made)
        assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


@pytest.mark.parametrize(("name", "value"), HEADERS)
async def test_one_that_is_signed_is_taken(served: Served, agent: str, name: str, value: str) -> None:
    signer = Signer(agent, SEED, covered=(*COVERED, name.lower()))
    assert (await served.client().send(signer.sign(request(served, name, value)))).status_code == 201
