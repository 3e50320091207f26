"""`ifctl mcp --stdio`: started by an agent, as agents start their servers."""

from __future__ import annotations

import asyncio
import sys

from homes import Ifctl
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from people import People
from world import World


async def test_an_agent_starts_it_and_acts(world: World) -> None:
    async with world.opened("operating") as house:
        await People().asker(house)
    command = ["-m", "infrafabric.control.ifctl", "mcp", "--stdio", "--as", "Scout"]
    server = StdioServerParameters(command=sys.executable, args=command, env={"INFRAFABRIC_HOME": str(world.home.root)})
    async with Client(server) as client:
        assert "house_lamps" in {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool("house_lamps", {"intent": {"lamps": {"hall": True}}, "why": "a test"})
    assert result.structured_content["outcome"] == "converged"
    assert world.peer.lamps["hall"] is True


async def test_a_person_is_no_agent(world: World) -> None:
    refused = Ifctl(world.home.root).refused
    status, code, message = await asyncio.to_thread(refused, "mcp", "--stdio", "--as", "operator")
    assert (status, code) == (1, "IF_ERR_DENIED")
    assert "operator" in message
