"""Ten mutants, adapters and rules that are wrong in one way each, and the attempt that refutes each of them.

Nothing of them is written: an attempt that refutes a plan stops the action before its first write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code
from infrafabric.kernel.falsify.attempts import ATTEMPTS
from infrafabric.kernel.falsify.case import Case, Refuted
from infrafabric.kernel.history import History
from infrafabric.kernel.words.entries import Kind
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.policy import Budget, Unit

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House
    from infrafabric.kernel.ask import Report

pytestmark = pytest.mark.timeout(120)

READ = 'present = (await host.read("state")).json()'


def planning(*lines: str) -> str:
    """An adapter's `plan` of these lines."""
    body = "\n".join(f"    {line}" for line in (READ, *lines))
    return f"async def plan(self, intent: dict[str, Any], host: Host) -> Plan:\n{body}\n"


@dataclass(frozen=True)
class Mutant:
    refuted_by: str
    methods: str
    says: str
    """What the attempt says, in part."""
    manifest: str = "lamps.yaml"
    replaced: dict[str, str] = field(default_factory=dict)
    intent: dict[str, Any] = field(default_factory=lambda: {"lamps": {"hall": True}})
    budget: int | None = None
    """Requests a day."""


BACK = 'inverse=Call("switch", {"lamp": "hall", "on": False})'
MUTANTS = [
    Mutant(
        "secret-scan", planning(f'return Plan([self.on("hall", {BACK})], note="AKIA" + "Q" * 16)'), "AWS access key"
    ),
    Mutant(
        "same-answers",
        planning("import random", f'return Plan([self.on("hall", {BACK})], note=str(random.random()))'),
        "another random seed",
    ),
    Mutant(
        "fresh-reads",
        planning('return Plan([Change("switch", {"lamp": "hall", "on": True}, before=present["reads"], after=True)])'),
        "stale or unsteady",
    ),
    Mutant(
        "dry-run",
        planning(f'return Plan([self.on("hall", {BACK})])')
        + '\nasync def apply(self, plan, host, dry_run=False):\n    await host.perform("change-9")\n',
        "not planned",
    ),
    Mutant(
        "undo",
        planning('return Plan([self.on("hall", inverse=Call("switch", {"lamp": "hall", "on": True}))])'),
        "restores nothing",
    ),
    Mutant("blast-radius", planning('return Plan([self.on("hall"), self.on("porch")])'), "'porch'"),
    Mutant(
        "weakest-hazards",
        planning(f'return Plan([self.on("hall", {BACK})], hazards=["legal"])'),
        "without the adapter's own word for legal",
    ),
    Mutant(
        "worst-cost",
        planning(f'return Plan([self.on("hall", {BACK})])'),
        "stay within budget",
        replaced={"backoff: []": "backoff: [1, 2]"},
        budget=2,
    ),
    Mutant(
        "replayed-key",
        'async def plan(self, intent, host):\n    return Plan([Change("ring", {"tone": "a"})])',
        "makes one more",
        manifest="bell.yaml",
        replaced={"creates: true": "creates: true\n    repeatable: true"},
        intent={"tone": "a"},
    ),
    Mutant(
        "argument-fuzz",
        planning(
            f'return Plan([self.on("hall", {BACK})] if intent["lamps"].get("hall") else [Change("wipe", {{}})])',
        ),
        "would wipe",
        replaced={"    repeatable: true": '    repeatable: true\n  wipe: {write: "POST /wipe"}'},
    ),
]


async def tried(attackers: Attackers, house: House, mutant: Mutant) -> Report:
    world = attackers.world
    name = await attackers.install(house, mutant.methods, mutant.manifest, **mutant.replaced)
    if mutant.budget is not None:
        budget = Budget(subject=f"talent:{OPERATOR}", unit=Unit.REQUESTS, period="day", limit=mutant.budget)
        await house.record(house.operator(new_trace_id()).budget(budget, "test"))
    return await house.kernel.act(world.ask(name, mutant.intent, falsify=True))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.refuted_by)
async def test_a_mutant_is_refuted_by_the_attempt_that_is_named_for_it(attackers: Attackers, mutant: Mutant) -> None:
    async with attackers.world.opened() as house:
        report = await tried(attackers, house, mutant)
        results = {one.name: one for one in report.attempts}
        assert set(results) == set(ATTEMPTS), report.error
        assert mutant.says in results[mutant.refuted_by].said
        assert [one.name for one in report.attempts if one.result == "refuted"] == [mutant.refuted_by]
        assert report.error is not None and report.error.code is Code.FALSIFIED
        assert report.error.message.startswith(f"{mutant.refuted_by}: ")
        assert report.outcome is Outcome.REFUSED and attackers.world.peer.writes == []
        kinds = [kind for _, kind, _ in house.log.entries(report.action)]
        assert kinds.count(Kind.PLAN_FALSIFIED) == 1 and Kind.EFFECT_INTENDED not in kinds


def test_there_is_a_mutant_for_each_attempt() -> None:
    assert sorted(mutant.refuted_by for mutant in MUTANTS) == sorted(ATTEMPTS)


@pytest.mark.parametrize("capability", ["house.lamps", "house.bell", "house.chime"])
async def test_what_is_right_stands_and_is_applied(world: World, capability: str) -> None:
    intent: dict[str, Any] = (
        {"tone": "low"} if capability != "house.lamps" else {"lamps": {"hall": True, "attic": True}}
    )
    async with world.opened() as house:
        report = await house.kernel.act(world.ask(capability, intent, falsify=True, idempotency_key="k-1"))
        assert [one.name for one in report.attempts if one.result != "stood"] == [], report.attempts
        assert report.outcome in (Outcome.CONVERGED, Outcome.DONE)
        again = await house.kernel.act(world.ask(capability, intent, falsify=True, idempotency_key="k-1"))
        assert again.action == report.action
        assert History.of(report.action, house.log.entries(report.action)).falsified is not None
    assert len(world.peer.writes) == (2 if capability == "house.lamps" else 1)


async def test_an_extensions_attempt_counts_and_one_that_breaks_refutes(world: World) -> None:
    async def never(case: Case) -> str:
        raise Refuted(f"{case.journey.target.name} is mine")

    async def breaks(case: Case) -> str:
        raise ZeroDivisionError("oops")

    for attempt, said in ((never, "house@home is mine"), (breaks, "ZeroDivisionError")):
        async with world.opened() as house:
            house.kernel.parts.attempts = {"own": attempt}
            report = await house.kernel.act(world.ask("house.lamps", {"lamps": {"hall": True}}, falsify=True))
            assert report.error is not None and report.error.code is Code.FALSIFIED
            assert report.error.message.startswith("own: ") and said in report.error.message
    assert world.peer.writes == []
