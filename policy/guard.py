"""The first guard: a talent may do what an operator granted it, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.ports import Facts, Question
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.things import Grant, Talent

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
    | `grants/scopes` | DENY | the grant names scopes, and not all those of the capability's manifest |
    | `guard/error` | DENY | the facts could not be read or are not what they should be |
    | `grants/talent` | SHARE | there is one |
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

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
        wanted = Grant(talent=asker, capability=question.capability.manifest.id, target=target.name)
        what = f"{short_name(wanted.capability)} on {target.name}"
        grant_fact = self._facts.get("grant", wanted.key)
        if grant_fact is None:
            return _deny("grants/none", f"{asker} has no grant for {what}", talent_fact)
        grant = Grant.model_validate(grant_fact)
        if grant.key != wanted.key or talent.id != asker:
            return _deny("guard/error", f"a record about another matter stands where the grant for {what} should be")
        if len({talent.tenant, question.talent.tenant, target.tenant, grant.tenant}) > 1:
            return _deny("tenants/differ", f"{asker}, {target.name} and the grant are not of one tenant", talent_fact)
        outside = sorted(set(question.capability.manifest.scopes) - set(grant.scopes)) if grant.scopes else []
        if outside:
            reason = f"{asker} was granted {what} only for {', '.join(grant.scopes)}, not for {', '.join(outside)}"
            return _deny("grants/scopes", reason, grant_fact, talent_fact)
        reason = f"{asker} was granted {what}"
        if question.hazards:
            reason += f"; hazards: {', '.join(question.hazards)}"
        records = (_digest(grant_fact), _digest(talent_fact))
        return Decision(verdict=Verdict.SHARE, rules=("grants/talent",), reason=reason, records=records)


def _deny(rule: str, reason: str, *facts: Mapping[str, Any]) -> Decision:
    return Decision(verdict=Verdict.DENY, rules=(rule,), reason=reason, records=tuple(map(_digest, facts)))


def _digest(fact: Mapping[str, Any]) -> str:
    return sha256(dumps(dict(fact)))
