"""The conformance run finds each fault that it is there to find: one honest adapter, and dishonest copies of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infrafabric.control.harness import Report, Verdict, check
from infrafabric.kernel.hooks import DriverContext
from infrafabric.kernel.ports import Driver
from infrafabric.transports.http.driver import HttpDriver

ADAPTER = """
import re
from infrafabric.adapters.sdk import Adapter, Call, Change, Plan, Refuse


class Cutter(Adapter):
    async def plan(self, intent, host):
        text = (await host.read("state")).text
        now, wanted = re.search(r"<active>([0-9]+)<", text)[1], intent["input"]
        if now == wanted:
            return Plan(observed=now)
        if f' number="{wanted}" ' not in text:
            raise Refuse(f"there is no input {wanted}")
        before, after = {"program": now}, {"program": wanted}
        change = Change("cut", {"Input": wanted}, before, after, inverse=Call("cut", {"Input": now}))
        return Plan([change], observed=now)
"""

MANIFEST: dict[str, Any] = {
    "id": "if://capability/vmix.cutter",
    "version": "0.1.0",
    "summary": "Cut by number",
    "kind": "state",
    "runtime": "python/1",
    "entrypoint": "cutter.py:Cutter",
    "files": ["cutter.py"],
    "intent": {
        "type": "object",
        "additionalProperties": False,
        "properties": {"input": {"type": "string", "pattern": "^[0-9]{1,3}$"}},
        "required": ["input"],
    },
    "requires": {"settings": ["VMIX_HOST", "VMIX_PORT"]},
    "driver": "http",
    "base": "http://{VMIX_HOST}:{VMIX_PORT}",
    "effects": {
        "state": {"read": "GET /api"},
        "cut": {
            "write": "GET /api/",
            "query": {"Function": "CutDirect", "Input": {"type": "string", "pattern": "^[0-9]{1,3}$"}},
            "hazards": ["live-output"],
            "repeatable": True,
            "settle_s": 0.1,
        },
    },
}

SCENARIO: dict[str, Any] = {
    "peer": "infrafabric.control.demo.simulator",
    "manifests": {
        "cutter.yaml": {
            "cases": [{"name": "cut", "intent": {"input": "2"}, "effects": ["cut"]}],
            "refused": [{"intent": {"input": "99"}, "code": "IF_ERR_ADAPTER_REFUSED", "says": "no input 99"}],
        }
    },
}


class _Redactor:
    def redact(self, text: str) -> str:
        return text

    def found(self, text: str) -> bool:
        return False


class Author:
    """An author's folder, to be altered before it is checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = ADAPTER
        self.manifest: dict[str, Any] = copy.deepcopy(MANIFEST)
        self.scenario: dict[str, Any] = copy.deepcopy(SCENARIO)

    def swap(self, old: str, new: str) -> None:
        assert old in self.code
        self.code = self.code.replace(old, new)

    def write(self) -> None:
        (self.folder / "cutter.py").write_text(self.code)
        (self.folder / "cutter.yaml").write_text(json.dumps(self.manifest))
        (self.folder / "conformance.yaml").write_text(json.dumps(self.scenario))

    async def check(self) -> Report:
        self.write()
        driver = HttpDriver(DriverContext(_Redactor(), {}))
        drivers: dict[str, Driver] = {"http": driver}
        try:
            return await check(self.folder, "cutter.yaml", drivers=drivers, native=True)
        finally:
            await driver.close()


@pytest.fixture
def author(tmp_path: Path) -> Author:
    return Author(tmp_path)


async def test_an_honest_adapter_passes_every_rule(author: Author) -> None:
    report = await author.check()
    assert report.passed
    assert (report.capability, report.version, report.skipped) == ("vmix.cutter", "0.1.0", ())
    assert {finding.rule for finding in report.findings} == {
        "manifest", "hazards", "intent-closed", "plan-valid", "plan-deterministic", "plan-reads-only",
        "dry-run-writes-nothing", "converges", "observed-told", "inverse-restores", "repeatable", "refused",
        "effects-reached",
    }  # fmt: skip
    assert json.loads(json.dumps(report.as_json()))["passed"] is True


def moving_values(author: Author) -> None:
    author.swap('{"program": now}, {', '{"program": now, "meter": re.search(r\'meterF1="(.*?)"\', text)[1]}, {')


def read_that_writes(author: Author) -> None:
    author.manifest["effects"]["poke"] = {"read": "GET /api/", "query": {"Function": "PreviewInput", "Input": "5"}}
    author.swap("now, wanted", 'await host.read("poke"); now, wanted')


def apply_that_writes_by_a_read(author: Author) -> None:
    author.manifest["effects"]["poke"] = {"read": "GET /api/", "query": {"Function": "PreviewInput", "Input": "5"}}
    author.code += '    async def apply(self, plan, host, dry_run=False):\n        await host.read("poke")\n'


def effect_that_does_nothing(author: Author) -> None:
    author.manifest["effects"]["cut"]["query"]["Function"] = "ActivatorRefresh"


def inverse_that_forgets_the_preview(author: Author) -> None:
    author.manifest["effects"]["cut"]["query"]["Function"] = "Cut"
    author.manifest["effects"]["cut"]["repeatable"] = False
    author.scenario["manifests"]["cutter.yaml"]["cases"][0]["intent"]["input"] = "3"


def no_inverse(author: Author) -> None:
    author.swap(', inverse=Call("cut", {"Input": now})', "")


def toggle_called_repeatable(author: Author) -> None:
    author.manifest["effects"]["cut"]["query"] = {"Function": "Cut"}
    author.swap('"cut", {"Input": wanted}, before', '"cut", {}, before')
    author.swap('Call("cut", {"Input": now})', 'Call("cut")')


def silent_about_what_it_saw(author: Author) -> None:
    author.swap("Plan([change], observed=now)", "Plan([change])")


def silent_once_nothing_is_to_do(author: Author) -> None:
    author.swap("Plan(observed=now)", "Plan()")


def destructive_without_hazard(author: Author) -> None:
    author.manifest["effects"]["cut"] |= {"destructive": True, "hazards": []}


def open_intent(author: Author) -> None:
    author.manifest["intent"]["patternProperties"] = {"^a_": {}}


def undeclared_effect(author: Author) -> None:
    author.swap('Change("cut", ', 'Change("fade", ')


def undeclared_inverse(author: Author) -> None:
    author.swap('Call("cut", ', 'Call("fade", ')


def undeclared_read(author: Author) -> None:
    author.swap('host.read("state")', 'host.read("status")')


def write_as_a_read(author: Author) -> None:
    author.swap("now, wanted", 'await host.read("cut", Input="2"); now, wanted')


def argument_outside_its_schema(author: Author) -> None:
    author.swap('{"Input": wanted}, before', '{"Input": wanted + "&Mix=1"}, before')


def other_effects_than_told(author: Author) -> None:
    author.scenario["manifests"]["cutter.yaml"]["cases"][0]["effects"] = ["cut", "cut"]


def exception(author: Author) -> None:
    author.swap("now, wanted", "1 / 0; now, wanted")


def meets_what_it_must_refuse(author: Author) -> None:
    author.swap("raise Refuse", "print")


def refuses_for_another_reason(author: Author) -> None:
    author.scenario["manifests"]["cutter.yaml"]["refused"][0]["code"] = "IF_ERR_INTENT_INVALID"


def writes_while_it_refuses(author: Author) -> None:
    author.manifest["effects"]["poke"] = {"read": "GET /api/", "query": {"Function": "PreviewInput", "Input": "5"}}
    author.swap("raise Refuse", 'await host.read("poke"); raise Refuse')


def changes_twice(author: Author) -> None:
    author.code += (
        "    async def apply(self, plan, host, dry_run=False):\n"
        '        await host.perform("change-1")\n        await host.perform("change-2")\n'
    )


def no_suite(author: Author) -> None:
    author.scenario["manifests"] = {"other.yaml": author.scenario["manifests"]["cutter.yaml"]}


def no_such_peer(author: Author) -> None:
    author.scenario["peer"] = "infrafabric.control.demo.nobody"


def malformed_scenario(author: Author) -> None:
    author.scenario["manifests"]["cutter.yaml"]["cases"][0]["wish"] = 1


def malformed_manifest(author: Author) -> None:
    author.manifest["colour"] = "red"


def missing_file(author: Author) -> None:
    author.manifest["files"].append("gone.py")


def no_adapter_class(author: Author) -> None:
    author.swap("class Cutter(Adapter)", "class Cutter")


def module_that_does_not_load(author: Author) -> None:
    author.code += "\n1 / 0\n"


def effect_that_its_driver_cannot_perform(author: Author) -> None:
    author.manifest["effects"]["state"]["read"] = "FETCH the state"


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        (moving_values, "plan-deterministic"),
        (read_that_writes, "plan-reads-only"),
        (apply_that_writes_by_a_read, "dry-run-writes-nothing"),
        (changes_twice, "plan-valid"),
        (effect_that_does_nothing, "converges"),
        (inverse_that_forgets_the_preview, "inverse-restores"),
        (silent_about_what_it_saw, "observed-told"),
        (silent_once_nothing_is_to_do, "observed-told"),
        (no_inverse, "irreversible-declared"),
        (toggle_called_repeatable, "repeatable"),
        (destructive_without_hazard, "hazards"),
        (open_intent, "intent-closed"),
        (undeclared_effect, "plan-valid"),
        (undeclared_inverse, "plan-valid"),
        (undeclared_read, "plan-valid"),
        (write_as_a_read, "plan-valid"),
        (argument_outside_its_schema, "plan-valid"),
        (other_effects_than_told, "plan-valid"),
        (exception, "plan-valid"),
        (meets_what_it_must_refuse, "refused"),
        (refuses_for_another_reason, "refused"),
        (writes_while_it_refuses, "refused"),
        (no_suite, "manifest"),
        (no_such_peer, "plan-valid"),
        (malformed_scenario, "manifest"),
        (malformed_manifest, "manifest"),
        (missing_file, "manifest"),
        (no_adapter_class, "manifest"),
        (module_that_does_not_load, "manifest"),
        (effect_that_its_driver_cannot_perform, "manifest"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_a_fault_is_found_by_its_rule(author: Author, fault: Callable[[Author], None], rule: str) -> None:
    fault(author)
    report = await author.check()
    assert not report.passed
    assert rule in {finding.rule for finding in report.failures}, report.failures


async def test_an_effect_that_no_case_uses_is_reported(author: Author) -> None:
    author.manifest["effects"]["unused"] = author.manifest["effects"]["cut"]
    report = await author.check()
    assert report.passed
    (finding,) = report.skipped
    assert (finding.rule, finding.verdict, "unused" in finding.why) == ("effects-reached", Verdict.SKIP, True)


async def test_without_a_peer_recorded_answers_show_what_they_can(author: Author) -> None:
    del author.scenario["peer"]
    suite = author.scenario["manifests"]["cutter.yaml"]
    for case in (*suite["cases"], *suite["refused"]):
        case["answers"] = {"state": "state.xml"}
    (author.folder / "state.xml").write_text('<vmix><input number="1" /><input number="2" /><active>1</active></vmix>')
    report = await author.check()
    assert report.passed
    assert {finding.rule for finding in report.skipped} == {"plan-reads-only"}
    assert "plan-deterministic" in {finding.rule for finding in report.findings if finding.verdict is Verdict.PASS}


async def test_neither_sandbox_nor_native_is_no_check(author: Author) -> None:
    author.write()
    report = await check(author.folder, "cutter.yaml", drivers={"http": HttpDriver(DriverContext(_Redactor(), {}))})
    assert [finding.why[:30] for finding in report.failures] == ["IF_ERR_SANDBOX_UNAVAILABLE: th"]
