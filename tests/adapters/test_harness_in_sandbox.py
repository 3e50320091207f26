"""The conformance run in the sandbox finds what only shows there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infrafabric.control.demo import simulator
from infrafabric.control.harness import Report, check
from infrafabric.control.harness.sandboxed import play_sandboxed
from infrafabric.kernel.chassis.chassis import Chassis
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Driver

ADAPTER = """
from infrafabric.adapters.sdk import Adapter, Call, Change, Plan


class Swapper(Adapter):
    async def plan(self, intent, host):
        text = (await host.read("state")).text
        if "<active>2<" in text:
            return Plan(observed={"program": 2})
        back = Call("cut", {"Input": "1"})
        there = Change("cut", {"Input": "2"}, {"program": 1}, {"program": 2}, inverse=back)
        return Plan([there], observed={"program": 1})
"""
MANIFEST = {
    "id": "if://capability/vmix.swapper",
    "version": "0.1.0",
    "summary": "Camera 2",
    "kind": "state",
    "runtime": "python/1",
    "entrypoint": "swapper.py:Swapper",
    "files": ["swapper.py"],
    "intent": {"type": "object", "additionalProperties": False},
    "requires": {"settings": ["VMIX_HOST", "VMIX_PORT"]},
    "driver": "http",
    "base": "http://{VMIX_HOST}:{VMIX_PORT}",
    "effects": {
        "state": {"read": "GET /api"},
        "cut": {"write": "GET /api/", "query": {"Function": "CutDirect", "Input": {"type": "string"}}},
    },
}
SCENARIO = {
    "peer": simulator.__name__,
    "at_once": 1,
    "manifests": {"swapper.yaml": {"cases": [{"name": "cut", "intent": {}, "effects": ["cut"]}]}},
}


def write(folder: Path, code: str) -> None:
    (folder / "swapper.py").write_text(code)
    (folder / "swapper.yaml").write_text(json.dumps(MANIFEST))
    (folder / "conformance.yaml").write_text(json.dumps(SCENARIO))


async def run(folder: Path, drivers: dict[str, Driver], chassis: Chassis, code: str, *, native: bool) -> Report:
    write(folder, code)
    return await check(folder, "swapper.yaml", drivers=drivers, chassis=chassis, native=native)


async def test_honest(tmp_path: Path, drivers: dict[str, Driver], chassis: Chassis) -> None:
    assert (await run(tmp_path, drivers, chassis, ADAPTER, native=True)).passed


async def test_a_plan_that_depends_on_where_it_runs(
    tmp_path: Path, drivers: dict[str, Driver], chassis: Chassis
) -> None:
    code = ADAPTER.replace('{"program": 1}', '{"program": id(Plan)}')
    report = await run(tmp_path, drivers, chassis, code, native=True)
    assert [finding.rule for finding in report.failures] == ["native-agrees"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import socket\n" + ADAPTER, "ENTRYPOINT_INVALID"),
        (ADAPTER.replace("text = ", "open('/etc/passwd'); text = "), "open is not there in the sandbox"),
        (ADAPTER.replace("text = ", "print(1); text = "), "print is not there in the sandbox"),
        (ADAPTER.replace("text = ", "[0] * 10**8; text = "), "IF_ERR_SANDBOX_MEMORY"),
        (ADAPTER + "\n1 / 0\n", "ENTRYPOINT_INVALID"),
        (ADAPTER.replace("class Swapper", "class Other"), "ENTRYPOINT_INVALID"),
    ],
)
async def test_what_the_sandbox_refuses_is_found(
    tmp_path: Path, drivers: dict[str, Driver], chassis: Chassis, code: str, said: str
) -> None:
    report = await run(tmp_path, drivers, chassis, code, native=False)
    assert not report.passed
    assert any(said in finding.why for finding in report.failures), report.failures


async def test_a_broken_peer_is_a_finding(
    tmp_path: Path, drivers: dict[str, Driver], chassis: Chassis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise OSError("the port is taken")

    monkeypatch.setattr(simulator, "peer", broken)
    report = await run(tmp_path, drivers, chassis, ADAPTER, native=False)
    assert [(finding.rule, finding.why) for finding in report.failures] == [("case-ran", "OSError: the port is taken")]


async def test_played_in_the_sandbox_a_missing_record_is_said(tmp_path: Path, chassis: Chassis) -> None:
    write(tmp_path, ADAPTER)
    with pytest.raises(AssertionError, match="no answer is recorded for the read 'state'"):
        await play_sandboxed(chassis, tmp_path, "swapper.yaml", {})
    with pytest.raises(FabricError, match="IF_ERR_INTENT_INVALID"):
        await play_sandboxed(chassis, tmp_path, "swapper.yaml", {"wish": 1})
