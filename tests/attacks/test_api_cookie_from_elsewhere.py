"""A session's cookie was copied to another machine or browser."""

from __future__ import annotations

import httpx
import pytest
from served import BASE, Served

from infrafabric.control.operator import OPERATOR


async def _session(served: Served) -> tuple[httpx.AsyncClient, str]:
    client = served.client("", **{"User-Agent": "Firefox"})
    await client.post("/v1/sessions", json={"token": served.service.sessions.link(OPERATOR)})
    return client, client.cookies["infrafabric_session"]


@pytest.mark.parametrize(("address", "agent"), [("192.0.2.7", "Firefox"), ("127.0.0.1", "curl/8.5.0")])
async def test_it_opens_nothing_there_and_nothing_anywhere_from_then_on(
    served: Served, address: str, agent: str
) -> None:
    browser, cookie = await _session(served)
    transport = httpx.ASGITransport(served.app, client=(address, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers={"User-Agent": agent}) as thief:
        thief.cookies.set("infrafabric_session", cookie)
        answer = await thief.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")
    assert (await browser.get("/v1/me")).status_code == 401


async def test_an_invented_cookie_opens_nothing(served: Served) -> None:
    await _session(served)
    for value in ("", "x", "A" * 43, "../../etc/passwd"):
        answer = await served.client("", Cookie=f"infrafabric_session={value}").get("/v1/me")
        assert answer.status_code == 401


async def test_two_cookies_are_not_two_chances(served: Served) -> None:
    """What a page on another port of this machine planted beside the real one opens nothing more."""
    _, cookie = await _session(served)
    both = served.client("", Cookie=f"infrafabric_session={cookie}; infrafabric_session=planted")
    both.headers["User-Agent"] = "Firefox"
    assert (await both.get("/v1/me")).status_code == 401
