"""Adapters in JavaScript and in WebAssembly text keep the kernel's promises like any other: the conformance run."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sandbox import component_program, settings

from infrafabric.control.harness import Report, Verdict, check
from infrafabric.control.harness.sandboxed import play_sandboxed
from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.chassis.link import Link
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Driver
from infrafabric.transports.http.driver import HttpDriver

WRITING = {
    "manifest", "hazards", "intent-closed", "plan-valid", "plan-deterministic", "replays", "plan-reads-only",
    "dry-run-writes-nothing", "converges", "observed-told", "inverse-restores", "repeatable", "refused",
    "effects-reached",
}  # fmt: skip
KEY = '"0c9ac6e0-e27c-59ac-bb88-2d6f6b5b78f0"'
READING = WRITING - {"converges", "observed-told", "inverse-restores", "repeatable"}


class _Redactor:
    def redact(self, text: str) -> str:
        return text

    def found(self, text: str) -> bool:
        return False


@pytest.fixture
async def drivers() -> AsyncIterator[dict[str, Driver]]:
    driver = HttpDriver(DriverContext(_Redactor(), {}))
    yield {"http": driver}
    await driver.close()


def passed(report: Report) -> set[str]:
    assert report.failures == ()
    return {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}


async def test_a_writing_javascript_adapter_conforms(
    javascript_folder: Path, drivers: dict[str, Driver], sandbox: Chassis
) -> None:
    report = await check(javascript_folder, "title.yaml", drivers=drivers, chassis=sandbox)
    assert passed(report) == WRITING
    assert report.skipped == ()


async def test_a_javascript_adapter_that_only_reads_conforms(
    javascript_folder: Path, drivers: dict[str, Driver], sandbox: Chassis
) -> None:
    report = await check(javascript_folder, "ready.yaml", drivers=drivers, chassis=sandbox)
    assert passed(report) == READING
    assert [(finding.rule, finding.why) for finding in report.skipped] == [
        ("converges", "no write is declared, so there is nothing to apply, repeat or take back")
    ]


async def test_a_wat_adapter_of_two_kilobytes_conforms(
    wat_folder: Path, drivers: dict[str, Driver], sandbox: Chassis
) -> None:
    assert (wat_folder / "external.wasm").stat().st_size < 3_000
    report = await check(wat_folder, "external.yaml", drivers=drivers, chassis=sandbox)
    assert passed(report) == WRITING
    assert report.skipped == ()


async def test_of_a_component_no_native_run_is_asked(
    wat_folder: Path, drivers: dict[str, Driver], sandbox: Chassis
) -> None:
    report = await check(wat_folder, "external.yaml", drivers=drivers, chassis=sandbox, native=True)
    assert passed(report) == WRITING
    (finding,) = report.skipped
    assert (finding.rule, "sandbox only" in finding.why) == ("native-agrees", True)


async def test_a_component_is_not_checked_without_the_sandbox(wat_folder: Path, drivers: dict[str, Driver]) -> None:
    report = await check(wat_folder, "external.yaml", drivers=drivers, native=True)
    (failure,) = report.failures
    assert (failure.rule, "IF_ERR_SANDBOX_UNAVAILABLE" in failure.why) == ("manifest", True)


async def test_a_component_that_was_not_built_is_named(
    wat_folder: Path, tmp_path: Path, drivers: dict[str, Driver], sandbox: Chassis
) -> None:
    for name in ("external.yaml", "conformance.yaml"):
        shutil.copy(wat_folder / name, tmp_path)
    report = await check(tmp_path, "external.yaml", drivers=drivers, chassis=sandbox)
    (failure,) = report.failures
    assert failure.why.startswith("IF_ERR_BUNDLE_FILE_MISSING: external.wasm is not there: a component has to be built")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"changes":[],"observed":{"external":true}', '"changes":[]', "observed-told"),
        ('"inverse":{"effect":"stop","args":{}}', '"inverse":null', "irreversible-declared"),
        ('"inverse":{"effect":"stop","args":{}}', '"inverse":{"effect":"start"}', "inverse-restores"),
        ('"effect":"start","args":{},"summary"', '"effect":"state","args":{},"summary"', "plan-valid"),
        ('"effect":"start","args":{},"summary":"start', '"effect":"stop","args":{},"summary":"stop', "plan-valid"),
        ('"after":{"external":true}', '"aften":{"external":true}', "plan-valid"),
        ('{"done":{"performed":["change-1"]}}', '{"done":', "plan-valid"),
    ],
)
async def test_a_component_that_breaks_a_promise_is_found(
    wat_folder: Path, tmp_path: Path, drivers: dict[str, Driver], sandbox: Chassis, old: str, new: str, rule: str
) -> None:
    """The same bytes, with one text in them altered and filled up with blanks, which JSON does not mind."""
    folder = tmp_path / "wat"
    shutil.copytree(wat_folder, folder)
    wasm = (folder / "external.wasm").read_bytes()
    assert wasm.count(old.encode()) == 1
    (folder / "external.wasm").write_bytes(wasm.replace(old.encode(), new.ljust(len(old)).encode()))
    report = await check(folder, "external.yaml", drivers=drivers, chassis=sandbox)
    assert rule in {finding.rule for finding in report.failures}, report.failures


async def test_a_guest_that_waits_long_is_brought_back_whatever_its_language(
    wat_folder: Path, javascript_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six guests share one seat: each gives up its instance while the world is slow."""
    document = "<vmix><inputs/><recording>False</recording><external>False</external></vmix>"
    asked: list[str] = []
    brought_back: list[str] = []
    request = Link.request

    def watched(link: Link, message: dict[str, Any], blob: bytes = b"") -> Any:
        if message["do"] == "begin" and message["answers"]:
            brought_back.append(message["adapter"])
        return request(link, message, blob)

    monkeypatch.setattr(Link, "request", watched)

    async def slowly(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["read"])
        await asyncio.sleep(0.1)
        return {"ok": {"status": 200, "headers": {}, "body": document}}

    made = [
        (component_program((wat_folder / "external.wasm").read_bytes()), {"on": True}),
        (component_program((javascript_folder / "ready.wasm").read_bytes()), {"recording": False}),
    ]
    async with await Chassis.start(settings(workers=1, spares=0, seats=1, evict_after_s=0.02)) as chassis:
        for program, _ in made:
            await chassis.load(program)
        runs = await asyncio.gather(
            *(chassis.run(program, "plan", {"intent": intent}, seed=1, perform=slowly) for program, intent in made * 3)
        )
        for run, (program, intent) in zip(runs, made * 3, strict=True):
            await chassis.replay(program, {"intent": intent}, run.recorded())
    assert [len(run.done["changes"]) for run in runs] == [1, 0] * 3
    assert asked == ["state"] * 6
    assert set(brought_back) == {program.adapter for program, _ in made}


async def test_a_component_is_played_on_recorded_answers(javascript_folder: Path, sandbox: Chassis) -> None:
    document = '<vmix><input key="k" number="1" title="A &amp; B"><text name="H">x</text></input></vmix>'
    intent = {"input": "A & B", "texts": {"H": "y"}}
    keyed = {"state": document.replace('"k"', KEY)}
    played = await play_sandboxed(sandbox, javascript_folder, "title.yaml", intent, keyed)
    assert [dict(change.args) for change in played.plan] == [{"Input": KEY[1:-1], "SelectedName": "H", "Value": "y"}]
    assert played.requests == ({"read": "state", "args": {}},)
    with pytest.raises(FabricError, match="IF_ERR_EFFECT_ARGUMENT"):  # a key that the manifest's pattern does not take
        await play_sandboxed(sandbox, javascript_folder, "title.yaml", intent, {"state": document})
