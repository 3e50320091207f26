"""How long the guard takes to decide with 200 policies in force, and of that the policies alone.

Two sets of 200: `usual`, as a studio grows them (policies about a role, a talent, a target, a hazard), and `worst`,
where every policy's scope leaves every request in, so that Cedar evaluates them all. Prints JSON: microseconds, p50 and
p95, beside the grants alone in the same run: of a question that was not asked before, and of one that was. Where a
policy looks at the time, as in `usual`, that one is evaluated again too. The facts are in memory: what a log adds is
its own lookups.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from policies import NOON, Records, judged, question

from infrafabric.kernel.words.manifest import Cost
from infrafabric.policy.cedar import load_policies
from infrafabric.policy.cedar_guard import CedarGuard
from infrafabric.policy.files import shipped
from infrafabric.policy.guard import GrantGuard

RUNS = 3_000
WARM = 200
POLICIES = 200


def usual(many: int) -> str:
    """Policies of which each speaks of somebody, of somewhere, of an action, or of a hazard."""
    kinds = (
        'forbid (principal == Talent::"if://agent/Worker.{n}", action == Action::"apply", resource)'
        " when {{ context.changes > {n} }}",
        'forbid (principal in Role::"role-{n}", action in [Action::"apply", Action::"undo"], resource)'
        " when {{ context.time.hour < 6 }}",
        'forbid (principal, action == Action::"apply", resource == Target::"lamp@room-{n}")'
        ' when {{ context.effects.contains("switch") }}',
        'forbid (principal, action == Action::"undo", resource) when {{ context.cost.millionths > {n} }}',
        'forbid (principal, action == Action::"apply", resource) when {{ context.hazards.contains("hazard-{n}") }}',
    )
    made = (f'@id("p{n}") @verdict("ESCALATE") ' + kinds[n % len(kinds)].format(n=n) + ";" for n in range(many))
    return "\n".join(made)


def worst(many: int) -> str:
    condition = 'context.hazards.contains("hazard-{n}") && principal.kind != "person"'
    scope = '(principal, action == Action::"apply", resource)'
    made = (f'@id("p{n}") @verdict("ESCALATE") forbid {scope} when {{ {condition.format(n=n)} }};' for n in range(many))
    return "\n".join(made)


class Kept(Records):
    """Records whose digest is known, as an authority keeps those that it examined."""

    def load(self, files: Mapping[str, str] | None) -> None:
        super().load(files)
        self.digest = super().record("policy", "set")

    def record(self, table: str, key: str) -> str:
        return self.digest


def spread(call: Callable[[], object]) -> dict[str, float]:
    """p50 and p95 of a call, in microseconds."""
    for _ in range(WARM):
        call()
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    took.sort()
    return {"p50_us": round(took[RUNS // 2] * 1e6, 1), "p95_us": round(took[RUNS * 95 // 100] * 1e6, 1)}


def with_policies(files: Mapping[str, str]) -> dict[str, Any]:
    began = time.perf_counter()
    count = len(load_policies(files).rules)
    loading = time.perf_counter() - began
    guard = CedarGuard(Kept(files), lambda: NOON)
    asked = question(hazards=("live-output",))
    decision = guard.decide(asked)
    assert "live-output" in decision.rules, decision
    capability, costs = asked.capability, (Cost(per_apply=f"0.{n:06}") for n in range(RUNS + WARM))
    fresh = iter([question(hazards=("live-output",), capability=capability, cost=cost) for cost in costs])
    return {
        "policies": count,
        "load_ms": round(loading * 1e3, 1),
        "a_new_question": spread(lambda: guard.decide(next(fresh))),
        "the_same_again": spread(lambda: guard.decide(asked)),
    }


def main() -> dict[str, Any]:
    left = POLICIES - len(load_policies(shipped()).rules)
    sets = {
        "shipped": shipped(),
        "usual": {**shipped(), "usual.cedar": usual(left)},
        "worst": {**shipped(), "worst.cedar": worst(left)},
    }
    judged('@id("warm") permit (principal, action, resource);')
    gc.freeze()
    grants = GrantGuard(Records(None), lambda: NOON)
    asked = question(hazards=("live-output",))
    return {
        "benchmark": "guard_decision",
        "grants_alone": spread(lambda: grants.decide(asked)),
        **{name: with_policies(files) for name, files in sets.items()},
        "goal": {"usual a_new_question p50_us": 300},
    }


if __name__ == "__main__":
    print(json.dumps(main(), indent=2))
