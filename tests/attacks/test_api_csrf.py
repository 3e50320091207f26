"""Another site's page makes the operator's browser ask, with its cookie."""

from __future__ import annotations

import httpx
import pytest
from served import BASE, Served

from infrafabric.control.operator import OPERATOR

CHANGE = {"talent": OPERATOR, "scopes": ["administer"], "why": "not the operator's wish"}


@pytest.fixture
async def browser(served: Served) -> httpx.AsyncClient:
    client = served.client("", **{"User-Agent": "Firefox"})
    answer = await client.post("/v1/sessions", json={"token": served.service.sessions.link(OPERATOR)})
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


async def test_a_change_without_the_token_is_refused(served: Served, browser: httpx.AsyncClient) -> None:
    token = browser.headers.pop("X-CSRF-Token")
    before = served.house.log.size
    for value in (None, "", "A" * len(token), token[:-1]):
        headers = {} if value is None else {"X-CSRF-Token": value}
        answer = await browser.post("/v1/keys", json=CHANGE, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_CSRF")
    assert served.house.log.size == before


async def test_the_token_of_another_session_is_none(served: Served, browser: httpx.AsyncClient) -> None:
    other = served.client("", **{"User-Agent": "Firefox"})
    made = await other.post("/v1/sessions", json={"token": served.service.sessions.link(OPERATOR)})
    answer = await browser.post("/v1/keys", json=CHANGE, headers={"X-CSRF-Token": made.json()["csrf"]})
    assert answer.json()["code"] == "IF_ERR_CSRF"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_page_neither_changes_nor_reads(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for answer in (
        await browser.post("/v1/keys", json=CHANGE, headers=headers),
        await browser.get("/v1/keys", headers=headers),
        await browser.delete("/v1/sessions/current", headers=headers),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_CSRF")


async def test_the_consoles_own_page_does(browser: httpx.AsyncClient) -> None:
    headers = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}
    assert (await browser.post("/v1/keys", json=CHANGE, headers=headers)).status_code == 201


async def test_another_page_does_not_log_the_browser_in(served: Served) -> None:
    token = served.service.sessions.link(OPERATOR)
    answer = await served.client().post(
        "/v1/sessions", json={"token": token}, headers={"Origin": "https://evil.example"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_CSRF")


async def test_a_form_of_another_page_is_no_json(served: Served, browser: httpx.AsyncClient) -> None:
    """A page may send text/plain across origins without asking first."""
    answer = await browser.post(
        "/v1/keys", content='{"talent": "operator", "scopes": ["read"], "why": "x"}',
        headers={"Content-Type": "text/plain"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (415, "IF_ERR_MEDIA_TYPE")


async def test_no_other_origin_is_ever_let_in_by_cors(browser: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await browser.options("/v1/keys", headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control-")]
