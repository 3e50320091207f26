"""MCP over HTTP: the official client with a bearer credential, over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from people import People
from served import Served, listening

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
ACCEPTING = {"Accept": "application/json, text/event-stream"}
LAMP = {"intent": {"lamps": {"hall": True}}, "why": "the test says so"}


@asynccontextmanager
async def at(served: Served) -> AsyncIterator[str]:
    async with listening(served.app) as port:
        try:
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            await served.service.mcp.close()


@asynccontextmanager
async def agent_at(url: str, key: str, mode: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


async def test_an_agent_with_a_key_acts_over_http(served: Served) -> None:
    who = await People().asker(served.house)
    key = await served.key(who, [AccessScope.READ, AccessScope.ACT])
    async with at(served) as url, agent_at(url, key) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert "house_lamps" in names
        assert "plan" not in names
        result = await client.call_tool("house_lamps", LAMP)
    assert result.structured_content["outcome"] == "converged"
    assert served.world.peer.lamps["hall"] is True


async def test_an_agent_of_the_former_protocol_is_served_too(served: Served) -> None:
    who = await People().asker(served.house)
    key = await served.key(who)
    async with at(served) as url, agent_at(url, key, mode="legacy") as client:
        result = await client.call_tool("house_lamps", LAMP)
    assert result.structured_content["outcome"] == "converged"


async def test_nobody_is_served_without_a_credential(served: Served) -> None:
    async with at(served) as url, httpx.AsyncClient() as client:
        for headers in ({}, {"Authorization": "Bearer ifk_000000000000_" + "A" * 43}):
            answer = await client.post(url, json={}, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["code"] in ("IF_ERR_AUTH_REQUIRED", "IF_ERR_AUTH_INVALID")


async def test_an_agent_does_not_act_in_person(served: Served) -> None:
    key = await served.key(OPERATOR)
    async with at(served) as url, httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client:
        answer = await client.post(url, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_DENIED")


async def test_anothers_session_is_no_use(served: Served) -> None:
    people = People()
    mine = await served.key(await people.asker(served.house))
    other = await served.key(await people.asker(served.house, name="Other"))
    async with at(served) as url, httpx.AsyncClient(headers=ACCEPTING, timeout=60) as client:
        opened = await client.post(url, json=HELLO, headers={"Authorization": f"Bearer {mine}"})
        session = opened.headers["mcp-session-id"]
        stolen = {"Authorization": f"Bearer {other}", "mcp-session-id": session}
        answer = await client.post(url, json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"}, headers=stolen)
    assert (answer.status_code, answer.json()["code"]) == (401, "IF_ERR_AUTH_INVALID")


async def test_a_revoked_key_ends_at_once(served: Served) -> None:
    people = People()
    who = await people.asker(served.house)
    key = await served.key(who)
    async with at(served) as url, httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as client:
        assert (await client.post(url, json={})).status_code != 401
        await people.revoke(served.house, who)
        assert (await client.post(url, json={})).status_code in (401, 403)


async def test_one_talent_has_so_many_sessions_and_no_more(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.control.mcp.http.MOST_EACH", 2)
    key = await served.key(await People().asker(served.house))
    headers = {**ACCEPTING, "Authorization": f"Bearer {key}"}
    async with at(served) as url, httpx.AsyncClient(headers=headers, timeout=60) as client:
        names = [(await client.post(url, json=HELLO)).headers["mcp-session-id"] for _ in range(2)]
        full = await client.post(url, json=HELLO)
        assert (full.status_code, full.json()["code"]) == (503, "IF_ERR_BUSY")
        assert (await client.delete(url, headers={"mcp-session-id": names[0]})).status_code == 200
        assert (await client.post(url, json=HELLO)).status_code == 200


async def test_a_key_for_metrics_opens_no_session(served: Served) -> None:
    key = await served.key(await People().asker(served.house), [AccessScope.METRICS])
    headers = {**ACCEPTING, "Authorization": f"Bearer {key}"}
    async with at(served) as url, httpx.AsyncClient(headers=headers) as client:
        answer = await client.post(url, json=HELLO)
    assert (answer.status_code, answer.json()["code"]) == (403, "IF_ERR_SCOPE_MISSING")
