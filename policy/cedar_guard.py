"""The guard: the grants first, then the routing invariants, then the policies in force.

| rule | verdict | when |
|---|---|---|
| those of `GrantGuard` | DENY | the talent was not granted this here |
| `policies/none` | DENY | no policies are in force, or none that an operator signed |
| `policies/invalid` | DENY | those in force do not fit the schema of this version |
| `policies/error` | DENY | one of them could not be evaluated |
| `policies/no-permit` | DENY | none of them permits it |
| `policies/roles-differ` | DENY | several ask people of different roles |
| `routing/…`, a policy's `@id` | any | see `invariants` and `cedar` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Facts, Question
from infrafabric.kernel.words.manifest import Cost, Manifest
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.plan import Decision, Plan, Verdict
from infrafabric.kernel.words.things import Talent, Target
from infrafabric.policy.cedar import Judged, Policies, load_policies
from infrafabric.policy.guard import GrantGuard
from infrafabric.policy.roles import held
from infrafabric.policy.schema import APPROVE, READ_LOG, Asking

__all__ = ["CedarGuard", "Records"]

NONE_IN_FORCE = "no policies are in force here: `ifctl policy load --why …` takes the home's into force"


class Records(Facts, Protocol):
    """`kernel.authority.Authority`, as far as it matters here: facts that an operator signed, and what they rest on."""

    def record(self, table: str, key: str) -> str: ...


class CedarGuard:
    """Implements the kernel's port `Guard`. For one event loop."""

    def __init__(self, authority: Records, now: Callable[[], datetime] | None = None) -> None:
        """`now` is the time by which grants expire, and that policies are given (UTC)."""
        self._authority = authority
        self._now = now or AccountedClock()
        self._grants = GrantGuard(authority, self._now)
        self._record = ""
        self._loaded: Policies | FabricError | None = None

    def decide(self, question: Question) -> Decision:
        """The verdict, with digests of the records that it rests on: grant, talent, roles, policies, claim.

        Never raises.
        """
        granted = self._grants.decide(question)
        if granted.verdict is not Verdict.SHARE:
            return granted
        return self._judged(lambda roles: _asking(question, roles, self._now()), question.talent, granted, question)

    def may_approve(self, approver: Talent, capability: str, target: Target) -> Decision:
        """Whether the policies let `approver` answer a question about `capability` (full id) on `target` at all.

        SHARE or DENY; never raises. Who asked, and whom the question names, is not looked at here.
        """

        def asking(roles: frozenset[str]) -> Asking:
            name = short_name(capability)
            return Asking(
                APPROVE, approver, self._now(), roles, name, target=target.name, tenant=target.tenant, planned=False
            )

        return self._judged(asking, approver)

    def may_read_log(self, reader: Talent, tenant: str) -> Decision:
        """Whether the policies let `reader` read the entries of `tenant`. SHARE or DENY; never raises."""

        def asking(roles: frozenset[str]) -> Asking:
            return Asking(READ_LOG, reader, self._now(), roles, tenant=tenant, planned=False)

        return self._judged(asking, reader)

    def _judged(
        self,
        asking: Callable[[frozenset[str]], Asking],
        talent: Talent,
        granted: Decision | None = None,
        question: Question | None = None,
    ) -> Decision:
        before = granted.records if granted is not None else ()
        try:
            policies, record = self._in_force()
            if policies is None:
                return _deny("policies/none", NONE_IN_FORCE, before)
            if isinstance(policies, FabricError):
                reason = f"the policies in force do not fit this version: {policies.message}"
                return _deny("policies/invalid", reason, (*before, record))
            roles = held(talent.roles, self._authority, talent.tenant)
            judged = policies.judge(asking(roles))
            records = (*before, record, *_others(talent, roles, question))
        except Exception as error:  # whatever went wrong, it is no leave to go on
            words = str(error) if isinstance(error, FabricError) else type(error).__name__
            return _deny("guard/error", f"the guard could not decide: {words}", before)
        return _decision(judged, granted, records)

    def _in_force(self) -> tuple[Policies | FabricError | None, str]:
        """The policies that an operator signed last, prepared once, and the digest of their record."""
        record = self._authority.record("policy", "set")
        if not record:
            return None, ""
        if record != self._record or self._loaded is None:
            content: Any = self._authority.get("policy", "set")
            try:
                self._loaded = load_policies(content["files"])
            except FabricError as error:
                self._loaded = error
            self._record = record
        return self._loaded, record


def _asking(question: Question, roles: frozenset[str], at: datetime) -> Asking:
    """What the policies are asked. Before there is a plan it is whether the talent may look."""
    manifest, plan = question.capability.manifest, question.plan
    asking = Asking(
        action="plan" if plan is None else question.purpose,
        talent=question.talent,
        at=at,
        roles=roles,
        capability=manifest.name,
        capability_kind=manifest.kind.value,
        scopes=manifest.scopes,
        target=question.target.name,
        tenant=question.target.tenant,
        planned=False,
        hazards=question.hazards,
        confidence=question.confidence,
        unattended=question.unattended,
    )
    return asking if plan is None else _with_plan(asking, question, plan, manifest)


def _with_plan(asking: Asking, question: Question, plan: Plan, manifest: Manifest) -> Asking:
    effects = tuple(sorted({change.effect for change in plan.changes}))
    return replace(
        asking,
        planned=True,
        changes=len(plan.changes),
        effects=effects,
        destructive="destructive" in question.hazards or any(manifest.effects[name].destructive for name in effects),
        invertible=all(change.inverse is not None for change in plan.changes),
        cost=question.cost if plan.changes else Cost(currency=question.cost.currency),
    )


def _others(talent: Talent, roles: frozenset[str], question: Question | None) -> Iterable[str]:
    """Digests of what else the verdict rests on: roles that were included, and the claim with what it counts for."""
    if roles != frozenset(talent.roles):
        yield sha256(dumps(["roles", talent.id, *sorted(roles)]))
    if question is not None and question.confidence is not None:
        claim = question.claim.as_json() if question.claim is not None else None
        yield sha256(dumps(["claim", question.confidence, claim]))


def _decision(judged: Judged, granted: Decision | None, records: tuple[str, ...]) -> Decision:
    going = granted is not None and judged.verdict is Verdict.SHARE
    rules = (*granted.rules, *judged.rules) if granted is not None and going else judged.rules
    reason = granted.reason if granted is not None and going else judged.reason
    return Decision(verdict=judged.verdict, rules=rules, reason=reason, records=records, needs=judged.needs)


def _deny(rule: str, reason: str, records: tuple[str, ...]) -> Decision:
    return Decision(verdict=Verdict.DENY, rules=(rule,), reason=reason, records=records)
