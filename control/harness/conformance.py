"""The conformance run behind `ifctl adapter check DIR`: does an adapter keep the promises that the kernel builds on?

| rule | what is shown |
|---|---|
| manifest | the draft is well formed and its driver could perform every effect |
| hazards | a destructive effect names its hazards |
| intent-closed | an intent with an unknown field is refused |
| plan-valid | plans hold only declared writes with fitting arguments, and the effects that the scenario tells |
| plan-deterministic | the same world and seed give the same plan, twice |
| native-agrees | native and sandboxed runs give the same plan |
| plan-reads-only | planning leaves the peer as it was |
| dry-run-writes-nothing | nor does a dry run write |
| converges | of a state: after the apply, planning finds nothing left to do |
| inverse-restores | the inverses, newest first, bring the peer back to where it was |
| irreversible-declared | a write without an inverse is declared destructive |
| repeatable | what is declared repeatable can be sent again without altering anything |
| refused | what the scenario says must be refused is refused, with that code, and nothing is written |
| effects-reached | every declared effect was used by some case |
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrafabric.control.harness.bench import Applied, Bench
from infrafabric.control.harness.guests import Guest, NativeGuest
from infrafabric.control.harness.peers import DriverWorld, RecordedWorld, World, open_peer
from infrafabric.control.harness.recorded import check_intent
from infrafabric.control.harness.report import Finding, Report, Verdict
from infrafabric.control.harness.scenario import Case, Refused, Scenario, read_scenario
from infrafabric.control.harness.source import Source, native_class, read_source
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Driver
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Call, Plan

if TYPE_CHECKING:
    from infrafabric.kernel.chassis.chassis import Chassis

__all__ = ["check"]

UNKNOWN_FIELD = "a_field_that_no_schema_has"
QUIET_S = 0.2
"""How long the peer is given to show that a repeated write did something after all."""


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
    findings = _Findings()
    try:
        source = read_source(folder, manifest_file)
        scenario = read_scenario(folder)
        driver = _driver(source, drivers, scenario)
        guests = await _guests(source, chassis, native)
    except FabricError as error:
        findings.fail("manifest", str(error))
        return Report(manifest_file, "", tuple(findings.all))
    findings.ok("manifest", f"{len(source.manifest.effects)} effects")
    run = _Run(source, scenario, driver, guests, findings)
    run.hazards()
    suite = scenario.manifests.get(manifest_file)
    if suite is None:
        findings.fail("manifest", f"conformance.yaml has no suite for {manifest_file}")
    else:
        run.intent_closed(suite.cases[0])
        for case in suite.cases:
            await run.case(case)
        for number, refused in enumerate(suite.refused, 1):
            await run.refused(refused, refused.name or f"refused {number}")
        run.effects_reached()
    return Report(source.manifest.name, source.manifest.version, tuple(findings.all))


def _driver(source: Source, drivers: Mapping[str, Driver], scenario: Scenario) -> Driver | None:
    """The manifest's driver, after it had a look at the templates; None where answers are recorded."""
    name = source.manifest.driver
    driver = drivers.get(name)
    if driver is not None:
        driver.check(source.manifest)
    elif scenario.peer is not None:
        raise FabricError(Code.DRIVER_UNKNOWN, f"no driver {name} is loaded")
    return driver


async def _guests(source: Source, chassis: Chassis | None, native: bool) -> list[Guest]:
    guests: list[Guest] = []
    if chassis is not None:
        from infrafabric.control.harness.sandboxed import SandboxGuest

        sandboxed = SandboxGuest(chassis, source)
        await sandboxed.load()
        guests.append(sandboxed)
    if native:
        guests.append(NativeGuest(native_class(source)))
    if not guests:
        raise FabricError(Code.SANDBOX_UNAVAILABLE, "neither the sandbox nor a native run was asked for")
    return guests


class _Findings:
    def __init__(self) -> None:
        self.all: list[Finding] = []

    def ok(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.PASS, why, case))

    def fail(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.FAIL, why, case))

    def skip(self, rule: str, why: str, case: str = "") -> None:
        self.all.append(Finding(rule, Verdict.SKIP, why, case))

    def judge(self, rule: str, holds: bool, seen: str, otherwise: str, case: str) -> None:
        self.all.append(Finding(rule, Verdict.PASS if holds else Verdict.FAIL, seen if holds else otherwise, case))


class _Run:
    """One manifest's rules, case by case. Each case has a peer of its own."""

    def __init__(
        self, source: Source, scenario: Scenario, driver: Driver | None, guests: list[Guest], findings: _Findings
    ) -> None:
        self._source, self._scenario, self._driver = source, scenario, driver
        self._guests, self._findings = guests, findings
        self._used: set[str] = set()

    # --- rules about the manifest

    def hazards(self) -> None:
        bare = [
            name for name, effect in self._source.manifest.effects.items() if effect.destructive and not effect.hazards
        ]
        said = f"destructive and without a hazard: {', '.join(bare)}"
        self._findings.judge("hazards", not bare, "every destructive effect names its hazards", said, "")

    def intent_closed(self, case: Case) -> None:
        try:
            check_intent(self._source.manifest, {**case.intent, UNKNOWN_FIELD: True})
        except FabricError as error:
            self._findings.ok("intent-closed", error.message)
        else:
            self._findings.fail("intent-closed", "an unknown field was taken")

    def effects_reached(self) -> None:
        unused = sorted(set(self._source.manifest.effects) - self._used)
        if unused:
            self._findings.skip("effects-reached", f"declared, but used by no case: {', '.join(unused)}")
        else:
            self._findings.ok("effects-reached", "every declared effect was used")

    # --- rules about a case

    async def case(self, case: Case) -> None:
        """All rules that one case can show, in one world."""
        try:
            async with self._bench(case) as bench:
                await self._case(case, bench)
                self._used |= bench.used
        except FabricError as error:
            self._findings.fail("plan-valid", str(error), case.name)

    async def _case(self, case: Case, bench: Bench) -> None:
        world, findings, name = bench.world, self._findings, case.name
        check_intent(self._source.manifest, case.intent)
        await bench.arrange(case.arrange)
        before, writes = world.snapshot(), world.writes()

        plan = await bench.plan(case.intent)
        planned = [change.effect for change in plan.changes]
        told = case.effects is None or planned == list(case.effects)
        findings.judge(
            "plan-valid", told, _said(planned), f"planned {_said(planned)}, told {_said(case.effects)}", name
        )
        again = await bench.plan(case.intent)
        findings.judge("plan-deterministic", plan.bytes == again.bytes, plan.digest, "a second plan differs", name)
        for other in self._guests[1:]:
            there = await Bench(bench.manifest, other, world).plan(case.intent)
            said = f"{other.name} and {bench.guest.name} plan differently"
            findings.judge("native-agrees", plan.bytes == there.bytes, plan.digest, said, name)
        if not world.writable:
            findings.skip("plan-reads-only", "answers are recorded: there is nothing to write to", name)
            return
        untouched = world.snapshot() == before and world.writes() == writes
        findings.judge("plan-reads-only", untouched, "the peer is as it was", "planning altered the peer", name)
        dry = await bench.apply(case.intent, plan, dry_run=True)
        untouched = world.snapshot() == before and world.writes() == writes
        said = f"{dry.asked} of {len(plan.changes)} changes asked for, none sent"
        findings.judge("dry-run-writes-nothing", untouched, said, "the dry run altered the peer", name)
        if plan.changes:
            await self._apply(case, bench, plan, before)

    async def _apply(self, case: Case, bench: Bench, plan: Plan, before: Any) -> None:
        findings, name = self._findings, case.name
        try:
            applied = await bench.apply(case.intent, plan)
        except FabricError as error:
            findings.fail("converges", str(error), name)
            return
        settle = bench.settle_s(tuple(change.effect for change in applied.changes))
        if bench.manifest.kind is Kind.STATE:
            left = await bench.until_converged(case.intent, settle)
            remains = f"after {settle:g} s there remains {_said([change.effect for change in left.changes])}"
            findings.judge("converges", not left.changes, "nothing is left to do", remains, name)
        else:
            findings.judge(
                "converges", len(applied.changes) == 1, "the act was performed", "no act was performed", name
            )
        await self._repeat(case, bench, applied)
        await self._restore(case, bench, plan, applied, before)

    async def _repeat(self, case: Case, bench: Bench, applied: Applied) -> None:
        """Send what is declared repeatable a second time."""
        effects = bench.manifest.effects
        last = {change.effect: change for change in applied.changes}
        again = [change for change in last.values() if effects[change.effect].repeatable and not _refers(change.args)]
        if not again:
            return
        before = bench.world.snapshot()
        for change in again:
            await bench.call(Call(effect=change.effect, args=change.args))
        await asyncio.sleep(QUIET_S)
        named = _said([change.effect for change in again])
        unmoved = bench.world.snapshot() == before
        self._findings.judge("repeatable", unmoved, named, f"sent again, {named} altered the peer", case.name)

    async def _restore(self, case: Case, bench: Bench, plan: Plan, applied: Applied, before: Any) -> None:
        findings, name, effects = self._findings, case.name, bench.manifest.effects
        lasting = [change.effect for change in plan.changes if change.inverse is None]
        if lasting:
            hidden = [effect for effect in lasting if not effects[effect].destructive]
            findings.judge(
                "irreversible-declared",
                not hidden,
                _said(lasting),
                f"no inverse and not destructive: {_said(hidden)}",
                name,
            )
            findings.skip("inverse-restores", f"no inverse: {_said(lasting)}", name)
            return
        try:
            await bench.undo(applied)
        except FabricError as error:
            findings.fail("inverse-restores", str(error), name)
            return
        inverses = tuple(change.inverse.effect for change in applied.changes if change.inverse is not None)
        restored = await bench.until_equal(before, bench.settle_s(inverses))
        said = f"after {_said(inverses)} the peer is not as it was"
        findings.judge("inverse-restores", restored, f"{_said(inverses)} brought the peer back", said, name)
        if restored and bench.manifest.kind is Kind.STATE:
            same = (await bench.plan(case.intent)).bytes == plan.bytes
            said = "the plan for the same intent is the first one again"
            findings.judge("inverse-restores", same, said, "the plan for the same intent is not the first one", name)

    async def refused(self, refused: Refused, name: str) -> None:
        """An intent that must not be met."""
        try:
            async with self._bench(refused) as bench:
                await bench.arrange(refused.arrange)
                before, writes = bench.world.snapshot(), bench.world.writes()
                try:
                    check_intent(self._source.manifest, refused.intent)
                    await bench.plan(refused.intent)
                except FabricError as error:
                    expected = error.code is refused.code and refused.says in error.message
                    expected = expected and (bench.world.snapshot(), bench.world.writes()) == (before, writes)
                    told = f"{error}; told {refused.code} {refused.says!r}"
                    self._findings.judge("refused", expected, str(error), told, name)
                else:
                    self._findings.fail("refused", f"was planned, not refused with {refused.code}", name)
        except FabricError as error:
            self._findings.fail("refused", str(error), name)

    @asynccontextmanager
    async def _bench(self, case: Case | Refused) -> AsyncIterator[Bench]:
        async with AsyncExitStack() as stack:
            world: World
            if self._scenario.peer is not None:
                assert self._driver is not None
                peer = await stack.enter_async_context(open_peer(self._scenario.peer))
                world = DriverWorld(self._source, peer, self._driver)
            else:
                world = RecordedWorld(self._source, case.answers)
            yield Bench(self._source.manifest, self._guests[0], world)


def _said(effects: Any) -> str:
    return ", ".join(effects) if effects else "nothing"


def _refers(args: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) and "$result" in value for value in args.values())
