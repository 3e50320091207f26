"""MCP over HTTP: the official client with a bearer credential, over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from people import People
from served import Served, listening

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.access import AccessScope

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
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    accepting = {"Accept": "application/json, text/event-stream"}
    async with at(served) as url, httpx.AsyncClient(headers=accepting) as client:
        opened = await client.post(url, json=hello, headers={"Authorization": f"Bearer {mine}"})
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
