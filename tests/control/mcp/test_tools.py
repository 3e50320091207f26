"""What an agent sees and does by its tools, through the official client in this process."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from people import People, asked
from world import TARGET, World

from infrafabric.control.approver_key import agreement
from infrafabric.control.house import House
from infrafabric.control.mcp.calls import Caller
from infrafabric.control.mcp.server import Tools
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.policy import Needs
from infrafabric.kernel.words.things import Grant
from infrafabric.witness.verify import verify_receipt


@pytest.fixture
async def house(world: World) -> AsyncIterator[House]:
    async with world.opened() as opened:
        yield opened


def served(house: House, who: str, *scopes: AccessScope) -> Tools:
    async def whose(context: Any) -> Caller:
        return Caller(house.authority.talent(who), frozenset(scopes or AccessScope))

    return Tools(house, whose)


def lamp(on: bool = True, **more: Any) -> dict[str, Any]:
    return {"intent": {"lamps": {"hall": on}}, "why": "the test says so", **more}


async def test_an_agent_sees_what_it_was_granted_and_nothing_else(house: House) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent).server) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    handling = {"plan", "dry_run", "apply", "undo", "cancel", "await_approval", "receipt"}
    assert names == {"house_lamps", *handling}


async def test_a_tool_says_what_its_manifest_does(house: House) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent).server) as client:
        tool = next(one for one in (await client.list_tools()).tools if one.name == "house_lamps")
    assert tool.input_schema["properties"]["target"] == {"enum": [TARGET], "description": "What it is done to."}
    assert tool.input_schema["properties"]["intent"]["properties"].keys() == {"lamps"}
    assert tool.annotations is not None
    assert tool.annotations.idempotent_hint is True
    assert tool.annotations.read_only_hint is False


async def test_a_call_acts_and_its_receipt_verifies(house: House, world: World) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent).server) as client:
        result = await client.call_tool("house_lamps", lamp())
        assert result.is_error is False
        assert result.structured_content["outcome"] == "converged"
        assert world.peer.lamps["hall"] is True
        receipt = await client.call_tool("receipt", {"action": result.structured_content["action"]})
    proof = json.dumps(receipt.structured_content["receipt"]).encode()
    assert verify_receipt(proof, [house.log.vkey]).action == result.structured_content["action"]


async def test_a_plan_writes_nothing(house: House, world: World) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent).server) as client:
        result = await client.call_tool("plan", {"capability": "house.lamps", **lamp()})
    assert result.structured_content["outcome"] == "planned"
    assert not world.peer.lamps.get("hall")


async def test_a_refusal_is_structured(house: House) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent).server) as client:
        result = await client.call_tool("plan", {"capability": "house.bell", "intent": {}, "why": "curious"})
        assert result.is_error is True
        error = result.structured_content["error"]
        assert set(error) >= {"code", "message", "remedy"}
        assert error["code"] == "IF_ERR_NOT_GRANTED"
        unknown = await client.call_tool("house_lamps", lamp(extra=1))
        assert unknown.structured_content["error"]["code"] == "IF_ERR_USAGE"
        nothing = await client.call_tool("no_such_tool", {})
        assert nothing.structured_content["error"]["code"] == "IF_ERR_CAPABILITY_UNKNOWN"


async def test_a_plan_that_waits_is_awaited(house: House, world: World) -> None:
    people = People()
    boss = await people.add(house, "Boss")
    agent = await people.asker(house, owner=boss)
    people.ask_about_everything(house, Needs())
    async with Client(served(house, agent).server) as client:
        asked = await client.call_tool("apply", {"capability": "house.lamps", **lamp()})
        assert asked.is_error is False
        assert asked.structured_content["outcome"] == "waiting"
        assert asked.structured_content["message"].startswith("waiting for approval until ")
        action = asked.structured_content["action"]
        still = await client.call_tool("await_approval", {"action": action, "timeout_s": 0})
        assert still.structured_content["outcome"] == "waiting"
        report = await _agreed(house, people, action, boss)
        assert report == "converged"
        over = await client.call_tool("await_approval", {"action": action, "timeout_s": 5})
    assert over.structured_content["outcome"] == "converged"


async def test_an_agent_hears_when_its_tools_change(house: House) -> None:
    agent = await People().asker(house)
    heard: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(getattr(message, "method", type(message).__name__))

    served_tools = served(house, agent)
    async with served_tools.telling(), Client(served_tools.server, mode="legacy", message_handler=hear) as client:
        await client.list_tools()
        grant = Grant(talent=agent, capability=capability_id("house.bell"), target=TARGET)
        await house.record(house.operator(new_trace_id()).grant(grant, "test"))
        with anyio.fail_after(10):
            while "notifications/tools/list_changed" not in heard:
                await anyio.sleep(0.05)
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert "house_bell" in names


async def test_scopes_take_tools_away(house: House) -> None:
    agent = await People().asker(house)
    async with Client(served(house, agent, AccessScope.PLAN).server) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("house_lamps", lamp())
    assert names == {"plan", "dry_run"}
    assert refused.structured_content["error"]["code"] == "IF_ERR_SCOPE_MISSING"


async def test_anothers_action_is_unknown(house: House) -> None:
    people = People()
    agent, other = await people.asker(house), await people.asker(house, name="Other")
    async with Client(served(house, agent).server) as client:
        action = (await client.call_tool("house_lamps", lamp())).structured_content["action"]
    async with Client(served(house, other).server) as client:
        for tool in ("receipt", "await_approval"):
            found = await client.call_tool(tool, {"action": action})
            assert found.structured_content["error"]["code"] == "IF_ERR_ACTION_UNKNOWN"


async def _agreed(house: House, people: People, action: str, who: str) -> str:
    report = await house.kernel.approve(action, agreement(asked(house, action), who, people.keys[who], "it is right"))
    return report.outcome.value
