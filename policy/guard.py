"""The first guard: a talent may do what an operator granted it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.clock import AccountedClock
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.granting import standing
from infrafabric.kernel.ports import Facts, Question
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.things import Talent

__all__ = ["GrantGuard"]


class GrantGuard:
    """Implements the kernel's port `Guard` on the facts tables `talent` and `grant`.

    `facts` are those that `kernel.authority.Authority` believes: a talent is its model's members and `revoked`, a grant
    its model's members. Hazards are told in the reason; they do not change the verdict.

    | rule | verdict | when |
    |---|---|---|
    | `talents/unknown`, `talents/revoked` | DENY | the log has no such talent, or it was revoked |
    | `grants/none` | DENY | no grant for this talent, capability and target |
    | `tenants/differ` | DENY | talent, target and grant are not all of one tenant |
    | `grants/expired` | DENY | there was a grant, and its time is over |
    | `grants/scopes` | DENY | the grant names scopes, and not all those of the capability's manifest |
    | `grants/only` | DENY | the grant is for some intents only, and this is none of them |
    | `guard/error` | DENY | the facts could not be read or are not what they should be |
    | `grants/talent`, `grants/group` | SHARE | there is one, of the talent's own or of a group of its |
    """

    def __init__(self, facts: Facts, now: Callable[[], datetime] | None = None) -> None:
        """`now` is the time by which grants expire (UTC)."""
        self._facts = facts
        self._now = now or AccountedClock()

    def decide(self, question: Question) -> Decision:
        """SHARE or DENY. Never raises."""
        try:
            return self._decide(question)
        except Exception as error:  # whatever went wrong, it is no leave to go on
            words = str(error) if isinstance(error, FabricError) else type(error).__name__
            return _deny("guard/error", f"the guard could not decide: {words}")

    def _decide(self, question: Question) -> Decision:
        asker, target = question.talent.id, question.target
        talent_fact = self._facts.get("talent", asker)
        if talent_fact is None:
            return _deny("talents/unknown", f"there is no talent {asker}")
        members = dict(talent_fact)
        revoked = members.pop("revoked")
        talent = Talent.model_validate(members)
        if revoked is not False:
            return _deny("talents/revoked", f"the talent {asker} was revoked", talent_fact)
        if talent.id != asker:
            return _deny("guard/error", f"a record about another talent stands where {asker} should be")
        if talent.tenant != question.talent.tenant:
            return _deny("tenants/differ", f"{asker} is not of the tenant that it was taken for", talent_fact)
        found = standing(self._facts, talent, question.capability.manifest, target, question.intent, self._now())
        if not found.allows:
            return _deny(found.rule, found.reason, *found.facts, talent_fact)
        reason = found.reason
        if question.hazards:
            reason += f"; hazards: {', '.join(question.hazards)}"
        records = tuple(map(_digest, (*found.facts, talent_fact)))
        return Decision(verdict=Verdict.SHARE, rules=(found.rule,), reason=reason, records=records)


def _deny(rule: str, reason: str, *facts: Mapping[str, Any]) -> Decision:
    return Decision(verdict=Verdict.DENY, rules=(rule,), reason=reason, records=tuple(map(_digest, facts)))


def _digest(fact: Mapping[str, Any]) -> str:
    return sha256(dumps(dict(fact)))
