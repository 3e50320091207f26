"""A signed request is taken from the wire and sent again, to do the same once more or something else."""

from __future__ import annotations

import httpx
import pytest
from served import Served
from signing_client import Signer

from infrafabric.control.operator import OPERATOR
from infrafabric.keys.signing import SigningKey

SEED = b"\x07" * 32
BODY = {"talent": OPERATOR, "scopes": ["read"], "why": "once"}


@pytest.fixture
async def signed(served: Served) -> httpx.Request:
    agent = await served.talent("Signing.Agent", roles=["operator"], key=SigningKey.from_seed(SEED))
    return Signer(agent, SEED).sign(served.client().build_request("POST", "/v1/keys", json=BODY))


def copied(request: httpx.Request, *, method: str = "", path: str = "", content: bytes | None = None) -> httpx.Request:
    return httpx.Request(
        method or request.method,
        request.url.join(path) if path else request.url,
        headers=request.headers,
        content=request.content if content is None else content,
    )


async def test_the_same_request_is_taken_once(served: Served, signed: httpx.Request) -> None:
    assert (await served.client().send(copied(signed))).status_code == 201
    before = served.house.log.size
    again = await served.client().send(copied(signed))
    assert (again.status_code, again.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
    assert served.house.log.size == before


async def test_it_is_good_for_no_other_request(served: Served, signed: httpx.Request) -> None:
    other = signed.content.replace(b"read", b"act ")
    assert len(other) == len(signed.content)
    for request in (
        copied(signed, content=other.replace(b"act ", b"plan")),
        copied(signed, path="/v1/identities"),
        copied(signed, path="/v1/keys?talent=operator"),
        copied(signed, method="GET"),
    ):
        answer = await served.client().send(request)
        assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID"), request.url
    assert (await served.client().send(copied(signed))).status_code == 201


async def test_a_refused_copy_does_not_use_up_the_real_one(served: Served, signed: httpx.Request) -> None:
    altered = copied(signed, content=signed.content.replace(b"read", b"plan"))
    assert (await served.client().send(altered)).status_code == 401
    assert (await served.client().send(copied(signed))).status_code == 201
