"""One kernel, every door: a script, an agent, a curl line and a signed envelope each act, and each gets its proof."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from beside import kernel_of
from homes import Ifctl
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.messages.frames import with_evidence
from infrafabric.kernel.canonical import sha256

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a local door takes a socket in the file system"),
    pytest.mark.timeout(240),
]
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
EVIDENCE = {"filing": b"what the filing says", "db": b"what the database says"}
CALM = """
@id("calm")
permit (principal, action in [Action::"plan", Action::"dry_run", Action::"apply", Action::"undo"], resource);
"""


@dataclass
class Doors:
    """A served studio: a caller that may switch, its API key, and where the kernel is."""

    run: Ifctl
    vmix: VmixSimulator
    url: str
    vkey: str
    key: str
    folder: Path

    def verified(self, receipt: bytes, name: str) -> str:
        """The action of a receipt that holds for whoever has the log's key."""
        path = self.folder / name
        path.write_bytes(receipt)
        return str(self.run.ok("witness", "verify", str(path), "--vkey", self.vkey)["action"])

    def script(self, name: str) -> subprocess.CompletedProcess[str]:
        environment = {"INFRAFABRIC_URL": self.url, "INFRAFABRIC_KEY": self.key, "INFRAFABRIC_VKEY": self.vkey}
        return subprocess.run(
            [sys.executable, str(EXAMPLES / name)],
            env={**os.environ, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def doors(studio: tuple[Ifctl, VmixSimulator], tmp_path: Path) -> Iterator[Doors]:
    run, vmix = studio
    run.ok("talent", "add", "--name", "Show.Caller", "--owner", "operator", "--role", "auditor", "--why", "a test")
    run.ok("talent", "key", "Show.Caller", "--why", "a test")
    run.ok("talent", "grant", "--name", "Show.Caller", "--capability", "vmix.switcher", "--why", "a test")
    (run.home / "policies" / "default.cedar").write_text(
        CALM + '@id("read") permit (principal, action == Action::"read_log", resource);'
        '@id("people") permit (principal, action == Action::"approve", resource) when { principal.kind == "person" };'
    )
    run.ok("policy", "load", "--why", "nothing of this test waits for people")
    scopes = [word for scope in ("read", "plan", "act") for word in ("--scope", scope)]
    key = run.ok("key", "add", "--for", "Show.Caller", *scopes, "--why", "a test")["text"]
    folder = tmp_path / "desk"
    folder.mkdir()
    with kernel_of(run) as found:
        yield Doors(run, vmix, found["url"], found["vkey"], key, folder)


def test_each_door_acts_and_proves_it(doors: Doors) -> None:
    actions = {
        "script": _by_script(doors),
        "curl": _by_curl(doors),
        "agent": asyncio.run(_by_agent(doors)),
        "envelope": _by_envelope(doors),
    }
    assert len(set(actions.values())) == len(actions)
    headers = {"Authorization": f"Bearer {doors.key}"}
    rows = httpx.get(f"{doors.url}/v1/timeline", params={"limit": "50"}, headers=headers, timeout=30).json()
    told = json.dumps(rows)
    assert [name for name, action in actions.items() if action not in told] == []


def test_a_script_takes_back_what_it_did_when_the_next_step_fails(doors: Doors) -> None:
    before = doors.vmix.program
    done = doors.script("undo_what_failed.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "IF_ERR_" in done.stdout
    assert done.stdout.rstrip().endswith("undone")
    assert doors.vmix.program == before


def _by_script(doors: Doors) -> str:
    done = doors.script("show_open.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "decision: SHARE" in done.stdout
    outcome, action = done.stdout.splitlines()[-1].split()
    assert outcome == "converged"
    receipt = (doors.folder / f"{action}.receipt.json").read_bytes()
    assert doors.verified(receipt, "script.json") == action
    return action


def _by_curl(doors: Doors) -> str:
    body = json.dumps(_asked("Camera 2"))
    line = ["curl", "-sS", f"{doors.url}/v1/actions", "-H", f"Authorization: Bearer {doors.key}"]
    said = subprocess.run(
        [*line, "-H", "Content-Type: application/json", "-d", body], capture_output=True, check=True, timeout=60
    ).stdout
    report = json.loads(said)
    assert report["outcome"] == "converged", report
    receipt = httpx.get(
        f"{doors.url}/v1/actions/{report['action']}/receipt",
        headers={"Authorization": f"Bearer {doors.key}"},
        timeout=30,
    )
    assert doors.verified(receipt.content, "curl.json") == report["action"]
    return str(report["action"])


async def _by_agent(doors: Doors) -> str:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {doors.key}"}, timeout=60) as http,
        Client(streamable_http_client(f"{doors.url}/mcp", http_client=http)) as client,
    ):
        result = await client.call_tool("vmix_switcher", {"intent": {"scene": "Intro"}, "why": "the agent's turn"})
        shape: dict[str, Any] = result.structured_content
        assert shape["outcome"] == "converged", shape
        proof = await client.call_tool("receipt", {"action": shape["action"]})
    receipt = json.dumps(proof.structured_content["receipt"]).encode()
    assert await asyncio.to_thread(doors.verified, receipt, "agent.json") == shape["action"]
    return str(shape["action"])


def _by_envelope(doors: Doors) -> str:
    draft = {
        "performative": "request",
        "topic_hash": "sha256:" + "0" * 64,
        "sender": "if://agent/Show.Caller",
        "content": {
            "claim_id": "C-1",
            "scope": {},
            "evidence": [
                {"type": kind, "url": f"https://{kind}.test/1", "hash": sha256(data)} for kind, data in EVIDENCE.items()
            ],
            "source_diversity": {"domain_unique": True, "type_mix": list(EVIDENCE)},
            "confidence": {"raw": 0.9, "normalized": 0.9, "basis": []},
            "hazards": [],
            "intent": {"capability": "vmix.switcher", "intent": {"scene": "Camera 1"}, "why": "the envelope's turn"},
        },
    }
    (doors.folder / "draft.json").write_text(json.dumps(draft))
    frame = doors.folder / "frame.json"
    doors.run.ok("message", "sign", str(doors.folder / "draft.json"), "--out", str(frame))
    sent = with_evidence(frame.read_bytes(), list(EVIDENCE.values()))
    answer = httpx.post(f"{doors.url}/v1/messages", json=sent, timeout=60).json()
    report = answer["report"]
    assert report["outcome"] == "converged", answer
    action = str(report["action"])
    headers = {"Authorization": f"Bearer {doors.key}"}
    receipt = httpx.get(f"{doors.url}/v1/actions/{action}/receipt", headers=headers, timeout=30).content
    assert doors.verified(receipt, "envelope.json") == action
    return action


def _asked(scene: str) -> dict[str, Any]:
    return {"capability": "vmix.switcher", "intent": {"scene": scene}, "why": "show open", "purpose": "apply"}
