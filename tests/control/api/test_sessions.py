"""Console sessions: a one-time link, then a cookie for one browser."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from served import Served

from infrafabric.control.operator import OPERATOR

BROWSER = {"User-Agent": "Firefox"}


async def opened(served: Served, **headers: str) -> httpx.AsyncClient:
    """A browser with a session of the operator."""
    client = served.client("", **BROWSER, **headers)
    answer = await client.post("/v1/sessions", json={"token": served.service.sessions.link(OPERATOR)})
    assert answer.status_code == 201, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


async def test_a_link_opens_one_session(served: Served) -> None:
    token = served.service.sessions.link(OPERATOR)
    first = await served.client("", **BROWSER).post("/v1/sessions", json={"token": token})
    cookie = first.headers["set-cookie"]
    assert first.status_code == 201
    assert all(word in cookie for word in ("infrafabric_session=", "HttpOnly", "SameSite=strict", "Path=/"))
    again = await served.client("", **BROWSER).post("/v1/sessions", json={"token": token})
    assert (again.status_code, again.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_session_is_its_talent(served: Served) -> None:
    client = await opened(served)
    shape = (await client.get("/v1/me")).json()
    assert (shape["talent"], shape["method"], shape["operator"], shape["at_hand"]) == (OPERATOR, "session", True, True)
    assert shape["session"]["csrf"] == client.headers["X-CSRF-Token"]


async def test_a_session_changes_things_with_its_token(served: Served) -> None:
    client = await opened(served)
    body = {"talent": OPERATOR, "scopes": ["read"], "why": "from the console"}
    assert (await client.post("/v1/keys", json=body)).status_code == 201


async def test_an_ended_session_is_none(served: Served) -> None:
    client = await opened(served)
    cookie = client.cookies["infrafabric_session"]
    answer = await client.delete("/v1/sessions/current")
    assert (answer.status_code, len(client.cookies)) == (204, 0)
    client.cookies.set("infrafabric_session", cookie, domain="127.0.0.1", path="/")
    assert (await client.get("/v1/me")).status_code == 401


async def test_a_session_ends_when_nobody_sits_at_it_and_at_the_end_of_the_shift(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, now = served.service.sessions, served.house.clock()
    at = [now]
    monkeypatch.setattr(sessions, "_now", lambda: at[0])
    client = await opened(served)
    for hours in (1.9, 3.8, 5.7, 7.6, 9.5, 11.4):
        at[0] = now + timedelta(hours=hours)
        assert (await client.get("/v1/me")).status_code == 200
    at[0] = now + timedelta(hours=12)
    over = await client.get("/v1/me")
    assert (over.status_code, over.json()["code"]) == (401, "IF_ERR_AUTH_EXPIRED")
    idle = await opened(served)
    at[0] += timedelta(hours=2)
    assert (await idle.get("/v1/me")).status_code == 401


async def test_a_link_is_over_in_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, now = served.service.sessions, served.house.clock()
    token = sessions.link(OPERATOR)

    def later() -> datetime:
        return now + timedelta(seconds=served.house.settings.serve.link_s + 5)

    monkeypatch.setattr(sessions, "_now", later)
    answer = await served.client("", **BROWSER).post("/v1/sessions", json={"token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_EXPIRED")


async def test_a_revoked_talent_has_no_session(served: Served) -> None:
    client = await opened(served)
    operator = served.house.operator("0" * 31 + "1")
    await served.house.record(operator.talent(served.house.authority.talent(OPERATOR), "left", "revoked"))
    answer = await client.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_TALENT_REVOKED")
