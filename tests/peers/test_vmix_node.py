"""An independent client, npm node-vmix, drives the simulated vMix over its TCP API."""

from __future__ import annotations

import asyncio
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from infrafabric.control.demo.simulator import VmixSimulator

HERE = Path(__file__).resolve().parent
CLIENT = HERE.parents[1] / ".peers" / "node-vmix"

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (CLIENT / "node_modules" / "node-vmix").is_dir(), reason="tests/peers/install-node-vmix.sh was not run"
    ),
]


async def test_node_vmix_cuts_fades_writes_text_and_reads_the_state() -> None:
    async with VmixSimulator() as vmix:
        process = await asyncio.create_subprocess_exec(
            "node", str(HERE / "vmix_node_client.js"), str(CLIENT), vmix.host, str(vmix.tcp_port),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 0, err.decode() + out.decode()

        heard = [json.loads(line) for line in out.decode().splitlines()]
        said = {kind: [item["data"] for item in heard if item["heard"] == kind] for kind in ("data", "tally", "xml")}
        # program and preview before, after the cut, during the fade, after it
        assert said["tally"] == ["120000000", "201000000", "101000000", "102000000"]
        assert "FUNCTION ER Unknown function LaunchRocket" in said["data"]
        assert "XMLTEXT OK 59.96953" in said["data"]
        assert ET.fromstring(said["xml"][0]).findtext("active") == "1"  # noqa: S314

        assert vmix.program == "Camera 1"
        assert vmix.studio.inputs[3].texts["Headline.Text"] == "a b&c"
        assert [(request.function, request.status) for request in vmix.writes()] == [
            ("Cut", 200),
            ("SetText", 200),
            ("Fade", 200),
            ("LaunchRocket", 500),
            ("SetVolume", 200),
        ]
