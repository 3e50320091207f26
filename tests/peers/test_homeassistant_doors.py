"""A real house behind every door of a kernel that serves: a script, an agent, an API call, and a person's yes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
from beside import kernel_of
from homeassistant_house import AGENT, observed
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from infrafabric.control.client import Client as Fabric

if TYPE_CHECKING:
    from homeassistant_house import GovernedHome

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a local door takes a socket in the file system"),
    pytest.mark.timeout(240),
]
DOOR, BED, KITCHEN, CEILING = "lock.front_door", "light.bed_light", "light.kitchen_lights", "light.ceiling_lights"


@pytest.fixture
def key(real_home: GovernedHome) -> str:
    scopes = [word for scope in ("read", "plan", "act") for word in ("--scope", scope)]
    return str(real_home.ok("key", "add", "--for", "Butler", *scopes)["text"])


@pytest.fixture
def kernel(real_home: GovernedHome, key: str) -> Iterator[dict[str, Any]]:
    with kernel_of(real_home.run) as found:
        yield found


def _lit(entity: str, brightness: int) -> dict[str, Any]:
    return {"entities": [entity], "state": "on", "brightness": brightness}


def test_a_script_an_agent_and_an_api_call_light_a_lamp_each(
    real_home: GovernedHome, kernel: dict[str, Any], key: str, tmp_path: Path
) -> None:
    receipts = {
        "script": _by_script(kernel, key),
        "api": _by_api(kernel, key),
        "agent": asyncio.run(_by_agent(kernel, key)),
    }
    lit = observed(real_home.ha, BED, KITCHEN, CEILING)
    assert [lit[name]["attributes"]["brightness"] for name in (BED, KITCHEN, CEILING)] == [60, 70, 80]
    for name, receipt in receipts.items():
        (tmp_path / name).write_bytes(receipt)
        assert real_home.run.ok("witness", "verify", str(tmp_path / name), "--vkey", kernel["vkey"])["action"]


def test_an_agent_waits_for_its_owner_before_it_unlocks_the_door(
    real_home: GovernedHome, kernel: dict[str, Any], key: str
) -> None:
    with Fabric(kernel["url"], key=key, vkeys=[kernel["vkey"]]) as fabric:
        intent = {"entities": [DOOR], "state": "unlocked"}
        asked = fabric.apply("homeassistant.entity", intent, why="the guest is here")
        assert asked.waiting and asked.receipt is None
        assert real_home.state(DOOR) == "locked"
        real_home.ok("approvals", "approve", asked.id)
        done = fabric.await_approval(asked, timeout_s=60)
    assert done.outcome == "converged"
    assert observed(real_home.ha, DOOR)[DOOR]["state"] == "unlocked"


def _by_script(kernel: dict[str, Any], key: str) -> bytes:
    with Fabric(kernel["url"], key=key, vkeys=[kernel["vkey"]]) as fabric:
        plan = fabric.plan("homeassistant.entity", _lit(BED, 60), why="evening")
        assert BED in plan.review()
        done = fabric.apply(plan)
    assert done.outcome == "converged" and done.receipt is not None
    return done.receipt


def _by_api(kernel: dict[str, Any], key: str) -> bytes:
    asked = {"capability": "homeassistant.entity", "intent": _lit(KITCHEN, 70), "why": "evening", "purpose": "apply"}
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=kernel["url"], headers=headers, timeout=60, trust_env=False) as http:
        report = http.post("/v1/actions", json=asked).json()
        assert report["outcome"] == "converged", report
        return http.get(f"/v1/actions/{report['action']}/receipt").content


async def _by_agent(kernel: dict[str, Any], key: str) -> bytes:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{kernel['url']}/mcp", http_client=http)) as client,
    ):
        assert AGENT.startswith("if://agent/")
        done = await client.call_tool("homeassistant_entity", {"intent": _lit(CEILING, 80), "why": "evening"})
        assert done.structured_content["outcome"] == "converged", done.structured_content
        proof = await client.call_tool("receipt", {"action": done.structured_content["action"]})
    return json.dumps(proof.structured_content["receipt"]).encode()
