"""Requests signed with the talent's own key (RFC 9421)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from served import Served
from signing_client import Signer

from infrafabric.control.api.service import Service
from infrafabric.keys.signing import SigningKey

SEED = b"\x07" * 32
OTHER = b"\x08" * 32


@pytest.fixture
async def agent(served: Served) -> str:
    return await served.talent("Signing.Agent", roles=["operator"], key=SigningKey.from_seed(SEED))


async def send(served: Served, signer: Signer, request: httpx.Request | None = None) -> httpx.Response:
    client = served.client()
    return await client.send(signer.sign(request or client.build_request("GET", "/v1/me")))


async def test_a_request_signed_by_a_talent_is_that_talents(served: Served, agent: str) -> None:
    answer = await send(served, Signer(agent, SEED))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["talent"], answer.json()["method"]) == (agent, "signature")


async def test_the_talents_bare_name_will_do(served: Served, agent: str) -> None:
    assert (await send(served, Signer("Signing.Agent", SEED))).json()["talent"] == agent


async def test_a_signed_body_is_taken(served: Served, agent: str) -> None:
    body = {"talent": agent, "scopes": ["read"], "why": "signed for"}
    request = served.client().build_request("POST", "/v1/keys", json=body)
    assert (await send(served, Signer(agent, SEED), request)).status_code == 201


async def test_an_encoded_path_and_a_query_are_signed_as_they_were_sent(served: Served, agent: str) -> None:
    request = served.client().build_request("GET", "/v1/keys?talent=if%3A%2F%2Fagent%2FSigning.Agent&limit=5")
    assert (await send(served, Signer(agent, SEED), request)).status_code == 200


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (Signer("Signing.Agent", OTHER), "IF_ERR_AUTH_INVALID"),
        (Signer("Nobody", SEED), "IF_ERR_AUTH_INVALID"),
        (Signer("no name at all", SEED), "IF_ERR_AUTH_INVALID"),
        (Signer("if://person/operator", SEED), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, covered=("@method",)), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, covered=("@target-uri",)), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, nonce=""), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, nonce="short"), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, created=datetime.now(UTC) - timedelta(minutes=6)), "IF_ERR_AUTH_EXPIRED"),
        (Signer("Signing.Agent", SEED, created=datetime.now(UTC) + timedelta(hours=1)), "IF_ERR_AUTH_INVALID"),
        (Signer("Signing.Agent", SEED, expires=datetime.now(UTC) - timedelta(minutes=1)), "IF_ERR_AUTH_EXPIRED"),
    ],
    ids=[
        "another key", "unknown keyid", "no name", "no key enrolled", "address not covered", "method not covered",
        "no nonce", "short nonce", "too old", "from the future", "expired",
    ],
)  # fmt: skip
async def test_what_does_not_hold_is_refused(served: Served, agent: str, signer: Signer, code: str) -> None:
    answer = await send(served, signer)
    assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Signature", "garbage("),
        ("Signature-Input", "sig=()"),
        ("Signature-Input", 'sig=("@method");created=1;keyid="x"'),
        ("Signature", "pyhms=:AAAA:"),
        ("Signature", "pyhms=:" + "A" * 5_000 + ":"),
    ],
)
async def test_malformed_signatures_are_refused(served: Served, agent: str, name: str, value: str) -> None:
    request = Signer(agent, SEED).sign(served.client().build_request("GET", "/v1/me"))
    request.headers[name] = value
    answer = await served.client().send(request)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_key_that_was_replaced_signs_no_more(served: Served, agent: str) -> None:
    await served.talent("Signing.Agent", key=SigningKey.from_seed(OTHER))
    assert (await send(served, Signer(agent, SEED))).status_code == 401
    assert (await send(served, Signer(agent, OTHER))).status_code == 200


async def test_what_was_signed_before_the_kernel_began_is_refused(served: Served, agent: str) -> None:
    """The kernel before may have taken it, and its memory of that is gone."""
    before = datetime.now(UTC) - timedelta(seconds=30)
    now = served.house.clock()
    served.service.door = Service.of(served.house, since=now).door
    answer = await send(served, Signer(agent, SEED, created=before))
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_EXPIRED")
    served.service.door = Service.of(served.house, since=now - timedelta(minutes=1)).door
    assert (await send(served, Signer(agent, SEED, created=before))).status_code == 200
