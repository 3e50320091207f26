"""One case of a scenario, in a world of its own: every rule that it can show."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from infrafabric.control.harness.bench import Applied, Bench
from infrafabric.control.harness.guests import Guest, Replayable
from infrafabric.control.harness.peers import DriverWorld, RecordedWorld, World, open_peer
from infrafabric.control.harness.recorded import check_intent
from infrafabric.control.harness.report import Findings
from infrafabric.control.harness.scenario import Case, Refused
from infrafabric.control.harness.source import Source
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Driver
from infrafabric.kernel.words.manifest import Kind
from infrafabric.kernel.words.plan import Call, Plan

__all__ = ["CaseRun"]

QUIET_S = 0.2
"""How long the peer is given to show that a repeated write did something after all."""


class CaseRun:
    """Runs one case; `findings` and `used` (effects) hold what came of it. Nothing that goes wrong is raised."""

    def __init__(self, source: Source, peer: str | None, driver: Driver | None, guests: list[Guest]) -> None:
        self.findings = Findings()
        self.used: set[str] = set()
        self._source, self._peer, self._driver, self._guests = source, peer, driver, guests

    async def run(self, case: Case | Refused, name: str) -> None:
        """All rules that the case can show."""
        try:
            if isinstance(case, Case):
                await self.case(case)
            else:
                await self.refused(case, name)
        except Exception as error:
            # A peer or driver that breaks is a finding like any other, and the other cases still run.
            self.findings.fail("case-ran", f"{type(error).__name__}: {error}", name)

    async def case(self, case: Case) -> None:
        try:
            async with self._bench(case) as bench:
                await self._case(case, bench)
                self.used |= bench.used
        except FabricError as error:
            self.findings.fail("plan-valid", str(error), case.name)

    async def _case(self, case: Case, bench: Bench) -> None:
        world, findings, name = bench.world, self.findings, case.name
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
        if isinstance(bench.guest, Replayable):
            await self._replay(case, bench, bench.guest, plan)
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

    async def _replay(self, case: Case, bench: Bench, guest: Replayable, plan: Plan) -> None:
        try:
            repeated, requests = await bench.replayed_plan(guest, case.intent)
        except FabricError as error:
            self.findings.fail("replays", str(error), case.name)
            return
        said = f"{requests} requests and the plan came out as recorded"
        self.findings.judge("replays", repeated.bytes == plan.bytes, said, "the recorded plan differs", case.name)

    async def _apply(self, case: Case, bench: Bench, plan: Plan, before: Any) -> None:
        findings, name = self.findings, case.name
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
            self._observed(plan, left, name)
        else:
            findings.judge(
                "converges", len(applied.changes) == 1, "the act was performed", "no act was performed", name
            )
        await self._repeat(case, bench, applied)
        await self._restore(case, bench, plan, applied, before)

    def _observed(self, plan: Plan, left: Plan, name: str) -> None:
        """What an undo compares must be there before the act and after it, when nothing is left to do."""
        if not any(change.inverse for change in plan.changes):
            return
        silent = [what for what, made in (("the plan", plan), ("the empty plan", left)) if made.observed is None]
        said = f"{' and '.join(silent)} gives no `observed`: an undo could overwrite what another hand did since"
        self.findings.judge("observed-told", not silent, "an undo can tell another hand's work", said, name)

    async def _repeat(self, case: Case, bench: Bench, applied: Applied) -> None:
        """Send what is declared repeatable a second time."""
        effects = bench.manifest.effects
        last = {change.effect: change for change in applied.changes}
        again = [change for change in last.values() if effects[change.effect].repeatable and not _refers(change.args)]
        if not again:
            return
        before = bench.world.snapshot()
        for change in again:
            with _taking_no():
                await bench.call(Call(effect=change.effect, args=change.args))
        await asyncio.sleep(QUIET_S)
        named = _said([change.effect for change in again])
        unmoved = bench.world.snapshot() == before
        self.findings.judge("repeatable", unmoved, named, f"sent again, {named} altered the peer", case.name)

    async def _restore(self, case: Case, bench: Bench, plan: Plan, applied: Applied, before: Any) -> None:
        findings, name, effects = self.findings, case.name, bench.manifest.effects
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
            await bench.undo(case.intent, applied)
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
                    self.findings.judge("refused", expected, str(error), told, name)
                else:
                    self.findings.fail("refused", f"was planned, not refused with {refused.code}", name)
        except FabricError as error:
            self.findings.fail("refused", str(error), name)

    @asynccontextmanager
    async def _bench(self, case: Case | Refused) -> AsyncIterator[Bench]:
        async with AsyncExitStack() as stack:
            world: World
            if self._peer is not None:
                assert self._driver is not None
                peer = await stack.enter_async_context(open_peer(self._peer))
                world = DriverWorld(self._source, peer, self._driver)
            else:
                world = RecordedWorld(self._source, case.answers)
            yield Bench(self._source.manifest, self._guests[0], world)


@contextmanager
def _taking_no() -> Iterator[None]:
    """A no to what was done already is an answer too: whether it altered anything is seen in the peer."""
    try:
        yield
    except FabricError as error:
        if error.code is not Code.TARGET_STATUS:
            raise


def _said(effects: Any) -> str:
    return ", ".join(effects) if effects else "nothing"


def _refers(args: Mapping[str, Any]) -> bool:
    return any(isinstance(value, Mapping) and "$result" in value for value in args.values())
