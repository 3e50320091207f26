"""Credentials are guessed, thousands a minute."""

from __future__ import annotations

import httpx
from joserfc.jwk import RSAKey
from openid import Provider, believe, scripted_provider
from served import BASE, Served
from signing_client import Signer

from infrafabric.control.records.api_keys import new_key_text


async def test_who_guesses_is_soon_told_to_wait_and_others_are_not(served: Served) -> None:
    burst = served.house.settings.serve.refused_burst
    key = await served.key()
    codes = [(await served.client(new_key_text()[1]).get("/v1/me")).status_code for _ in range(burst + 20)]
    assert set(codes[:burst]) == {401}
    assert codes[-1] == 429
    last = await served.client(new_key_text()[1]).get("/v1/me")
    assert last.json()["code"] == "IF_ERR_RATE_LIMITED"
    assert int(last.headers["retry-after"]) >= 1
    assert (await served.client(key).get("/v1/me")).status_code == 200
    elsewhere = httpx.ASGITransport(served.app, client=("192.0.2.7", 40_000))
    async with httpx.AsyncClient(transport=elsewhere, base_url=BASE) as other:
        answer = await other.get("/v1/me", headers={"Authorization": f"Bearer {new_key_text()[1]}"})
    assert answer.status_code == 401


async def test_guessed_console_links_are_counted_too(served: Served) -> None:
    burst = served.house.settings.serve.refused_burst
    client = served.client()
    codes = [
        (await client.post("/v1/sessions", json={"token": f"guess-{number}"})).status_code
        for number in range(burst + 20)
    ]
    assert (codes[0], codes[-1]) == (401, 429)


async def test_what_is_dear_to_verify_is_no_longer_looked_at(served: Served) -> None:
    burst = served.house.settings.serve.refused_burst
    with scripted_provider() as provider:
        believe(served, provider.issuer)
        forger = RSAKey.generate_key(2048, {"kid": "first"})
        codes = [(await _shown(served, provider, forger)).status_code for _ in range(burst + 20)]
        assert codes[-1] == 429
        signed = Signer("Nobody", b"\x01" * 32).sign(served.client().build_request("GET", "/v1/me"))
        assert (await served.client().send(signed)).status_code == 429


async def _shown(served: Served, provider: Provider, forger: RSAKey) -> httpx.Response:
    return await served.client(provider.token(key=forger)).get("/v1/me")


async def test_one_ipv6_host_is_one_whatever_its_address(served: Served) -> None:
    burst = served.house.settings.serve.refused_burst
    codes = []
    for number in range(burst + 20):
        transport = httpx.ASGITransport(served.app, client=(f"2001:db8::{number:x}", 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            headers = {"Authorization": f"Bearer {new_key_text()[1]}"}
            codes.append((await client.get("/v1/me", headers=headers)).status_code)
    assert codes[-1] == 429
