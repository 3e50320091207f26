"""A signature that leaves the body out is good for any body."""

from __future__ import annotations

import base64
import hashlib

import httpx
import pytest
from served import Served
from signing_client import Signer, signed_by_hand

from infrafabric.control.operator import OPERATOR
from infrafabric.keys.signing import SigningKey

SEED = b"\x07" * 32
BODY = {"talent": OPERATOR, "scopes": ["read"], "why": "once"}


@pytest.fixture
async def agent(served: Served) -> str:
    return await served.talent("Signing.Agent", roles=["operator"], key=SigningKey.from_seed(SEED))


def request(served: Served, **headers: str) -> httpx.Request:
    return served.client().build_request("POST", "/v1/keys", json=BODY, headers=headers)


async def test_a_body_without_a_signed_digest_is_refused(served: Served, agent: str) -> None:
    answer = await served.client().send(Signer(agent, SEED, digest=False).sign(request(served)))
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_digest_beside_the_signature_does_not_help(served: Served, agent: str) -> None:
    made = Signer(agent, SEED).sign(request(served))
    beside = request(served, **{"Content-Digest": made.headers["content-digest"]})
    bare = signed_by_hand(Signer(agent, SEED), beside, "@method", "@target-uri")
    answer = await served.client().send(bare)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_signed_digest_of_another_body_is_refused(served: Served, agent: str) -> None:
    made = Signer(agent, SEED).sign(request(served))
    other = httpx.Request("POST", made.url, headers=made.headers, content=made.content.replace(b"read", b"plan"))
    answer = await served.client().send(other)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_digest_by_an_algorithm_that_is_broken_is_refused(served: Served, agent: str) -> None:
    weak = request(served, **{"Content-Digest": "md5=:AAAAAAAAAAAAAAAAAAAAAA==:"})
    signed = signed_by_hand(Signer(agent, SEED), weak, "@method", "@target-uri", "content-digest")
    answer = await served.client().send(signed)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_one_that_is_signed_and_holds_is_taken(served: Served, agent: str) -> None:
    """Else the others would be refused for how they are signed."""
    digest = base64.b64encode(hashlib.sha512(request(served).content).digest()).decode()
    held = request(served, **{"Content-Digest": f"sha-512=:{digest}:"})
    signed = signed_by_hand(Signer(agent, SEED), held, "@method", "@target-uri", "content-digest")
    assert (await served.client().send(signed)).status_code == 201
