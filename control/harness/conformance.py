"""The conformance run behind `ifctl adapter check DIR`: does an adapter keep the promises that the kernel builds on?

| rule | what is shown |
|---|---|
| manifest | the draft is well formed and its driver could perform every effect |
| hazards | a destructive effect names its hazards |
| intent-closed | an intent with an unknown field is refused |
| plan-valid | plans hold only declared writes with fitting arguments, and the effects that the scenario tells |
| plan-deterministic | the same world and seed give the same plan, twice |
| replays | the plan's run, fed its recorded answers in a fresh guest, asks and plans the same; of the sandbox |
| native-agrees | native and sandboxed runs give the same plan; not of a component, which runs in the sandbox only |
| plan-reads-only | planning leaves the peer as it was |
| dry-run-writes-nothing | nor does a dry run write |
| converges | of a state: after the apply, planning finds nothing left to do |
| observed-told | of a state: a plan that can be taken back gives `observed`, and so does the empty one after it |
| inverse-restores | the inverses, newest first, bring the peer back to where it was |
| irreversible-declared | a write without an inverse is declared destructive |
| repeatable | what is declared repeatable can be sent again without altering anything |
| refused | what the scenario says must be refused is refused, with that code, and nothing is written |
| case-ran | peer, driver and harness themselves did not break |
| effects-reached | every declared effect was used by some case |
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.harness.cases import CaseRun
from infrafabric.control.harness.guests import Guest, NativeGuest
from infrafabric.control.harness.recorded import check_intent
from infrafabric.control.harness.report import Findings, Report
from infrafabric.control.harness.scenario import Case, Refused, Scenario, read_scenario
from infrafabric.control.harness.source import Source, native_class, read_source
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Driver

if TYPE_CHECKING:
    from infrafabric.kernel.chassis.chassis import Chassis

__all__ = ["check"]

UNKNOWN_FIELD = "a_field_that_no_schema_has"


async def check(
    folder: Path,
    manifest_file: str,
    *,
    drivers: Mapping[str, Driver],
    chassis: Chassis | None = None,
    native: bool = False,
) -> Report:
    """Run the folder's scenario for one draft manifest. What goes wrong is in the report, never raised.

    With `chassis` the adapter runs in the sandbox; with `native` it (also) runs in this process, with all that the
    caller may do: for code that is one's own.
    """
    findings = Findings()
    try:
        source = read_source(folder, manifest_file)
        scenario = read_scenario(folder)
        driver = _driver(source, drivers, scenario)
        guests = await _guests(source, chassis, native, findings)
    except FabricError as error:
        findings.fail("manifest", str(error))
        return Report(manifest_file, "", tuple(findings.all))
    findings.ok("manifest", f"{len(source.manifest.effects)} effects")
    _hazards(source, findings)
    _writes(source, findings)
    suite = scenario.manifests.get(manifest_file)
    if suite is None:
        findings.fail("manifest", f"conformance.yaml has no suite for {manifest_file}")
    else:
        _intent_closed(source, suite.cases[0], findings)
        named: list[tuple[Case | Refused, str]] = [(case, case.name) for case in suite.cases]
        named += [(refused, refused.name or f"refused {n}") for n, refused in enumerate(suite.refused, 1)]
        places = asyncio.Semaphore(scenario.at_once)

        async def one(case: Case | Refused, name: str) -> CaseRun:
            async with places:
                run = CaseRun(source, scenario.peer, driver, guests)
                await run.run(case, name)
                return run

        runs = await asyncio.gather(*(one(case, name) for case, name in named))
        for run in runs:
            findings.all.extend(run.findings.all)
        _effects_reached(source, set().union(*(run.used for run in runs)), findings)
    return Report(source.manifest.name, source.manifest.version, tuple(findings.all))


def _driver(source: Source, drivers: Mapping[str, Driver], scenario: Scenario) -> Driver | None:
    """The manifest's driver, after it had a look at the templates; None where answers are recorded."""
    name = source.manifest.driver
    driver = drivers.get(name)
    if driver is not None:
        driver.check(source.manifest)
        signals = source.manifest.signals
        if signals is not None and (listening := drivers.get(signals.driver or name)) is not None:
            listening.check(source.manifest)
    elif scenario.peer is not None:
        raise FabricError(Code.DRIVER_UNKNOWN, f"no driver {name} is loaded")
    return driver


async def _guests(source: Source, chassis: Chassis | None, native: bool, findings: Findings) -> list[Guest]:
    guests: list[Guest] = []
    only_sandboxed = source.manifest.runtime == "component/1"
    if chassis is not None:
        from infrafabric.control.harness.sandboxed import SandboxGuest

        sandboxed = SandboxGuest(chassis, source)
        await sandboxed.load()
        guests.append(sandboxed)
    if native and not only_sandboxed:
        guests.append(NativeGuest(native_class(source)))
    elif native:
        findings.skip("native-agrees", "a component runs in the sandbox only; replays compares fresh instances of it")
    if not guests:
        asked = "a component runs in the sandbox only" if only_sandboxed else "no native run was asked for either"
        raise FabricError(Code.SANDBOX_UNAVAILABLE, f"the adapter was given no sandbox, and {asked}")
    return guests


def _hazards(source: Source, findings: Findings) -> None:
    effects = source.manifest.effects
    bare = [name for name, effect in effects.items() if effect.destructive and not effect.hazards]
    said = f"destructive and without a hazard: {', '.join(bare)}"
    findings.judge("hazards", not bare, "every destructive effect names its hazards", said, "")


def _writes(source: Source, findings: Findings) -> None:
    """Of a capability that only reads, what is about writes cannot be shown, nor need it be."""
    if all(effect.is_read for effect in source.manifest.effects.values()):
        findings.skip("converges", "no write is declared, so there is nothing to apply, repeat or take back")


def _intent_closed(source: Source, case: Case, findings: Findings) -> None:
    try:
        check_intent(source.manifest, {**case.intent, UNKNOWN_FIELD: True})
    except FabricError as error:
        findings.ok("intent-closed", error.message)
    else:
        findings.fail("intent-closed", "an unknown field was taken")


def _effects_reached(source: Source, used: set[str], findings: Findings) -> None:
    unused = sorted(set(source.manifest.effects) - used)
    if unused:
        findings.skip("effects-reached", f"declared, but used by no case: {', '.join(unused)}")
    else:
        findings.ok("effects-reached", "every declared effect was used")
