"""What a talent was granted: its own grants and those of its groups, and whether one of them allows an ask.

One function judges for all who ask: the guard before a plan and after it, the road before every write, and whoever
looks for a talent that fits a task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jsonschema.protocols import Validator

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.clock import moment
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.schemas import compile_schema, misfit
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import short_name
from infrafabric.kernel.words.things import Grant, Talent, Target, group_holder

__all__ = ["Standing", "grant_keys", "standing", "unknown_fields"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a talent's grants stand to an ask.

    | rule | when |
    |---|---|
    | `grants/talent`, `grants/group` | one allows it: the talent's own, or one of a group of its |
    | `grants/none` | there is none for this talent, capability and target |
    | `grants/expired` | there was one, and its time is over |
    | `grants/scopes` | it names scopes, and not all those of the capability's manifest |
    | `grants/only` | it is narrowed, and the intent is not of what it allows |
    | `tenants/differ` | talent, target and grant are not all of one tenant |
    """

    rule: str
    reason: str
    facts: tuple[Mapping[str, Any], ...] = ()
    """The records that it rests on."""
    expires: str = ""
    """RFC 3339: when what allows it ends; "" where nothing does, or where it has no end."""

    @property
    def allows(self) -> bool:
        return self.rule in _ALLOWS


_ALLOWS = frozenset({"grants/talent", "grants/group"})
_NEARNESS = ("grants/none", "tenants/differ", "grants/expired", "grants/scopes", "grants/only")
"""Of several grants that do not allow an ask, the one that comes nearest tells why."""


def grant_keys(talent: Talent, capability: str, target: str) -> tuple[str, ...]:
    """The keys in the facts table `grant` that may speak for the talent: its own, then its groups' in order."""
    holders = (talent.id, *(group_holder(group) for group in sorted(set(talent.groups))))
    return tuple(f"{holder} {capability} {target}" for holder in holders)


def standing(
    facts: Facts, talent: Talent, manifest: Manifest, target: Target, intent: Mapping[str, Any], now: datetime
) -> Standing:
    """How the grants stand now. `facts` are those that `kernel.authority.Authority` believes.

    Of several that allow it, the one that holds longest counts. Raises ValueError for a record that cannot be judged.
    """
    what = f"{short_name(manifest.id)} on {target.name}"
    judged = []
    for key in grant_keys(talent, manifest.id, target.name):
        fact = facts.get("grant", key)
        if fact is None:
            continue
        grant = Grant.model_validate(fact)
        if grant.key != key:
            raise ValueError(f"a record about another matter stands where the grant for {what} should be")
        judged.append(_judge(grant, fact, talent, manifest, target, intent, now, what))
    if not judged:
        return Standing("grants/none", f"{talent.id} has no grant for {what}")
    allowing = [one for one in judged if one.allows]
    if allowing:
        return next((one for one in allowing if not one.expires), max(allowing, key=lambda one: one.expires))
    return max(judged, key=lambda one: _NEARNESS.index(one.rule))


def _judge(
    grant: Grant,
    fact: Mapping[str, Any],
    talent: Talent,
    manifest: Manifest,
    target: Target,
    intent: Mapping[str, Any],
    now: datetime,
    what: str,
) -> Standing:
    who = talent.id if grant.talent == talent.id else grant.talent
    if len({talent.tenant, target.tenant, grant.tenant}) > 1:
        return Standing("tenants/differ", f"{talent.id}, {target.name} and the grant are not of one tenant", (fact,))
    if grant.expires and now >= moment(grant.expires):
        return Standing("grants/expired", f"the grant of {what} to {who} expired at {grant.expires}", (fact,))
    outside = sorted(set(manifest.scopes) - set(grant.scopes)) if grant.scopes else []
    if outside:
        reason = f"{who} was granted {what} only for {', '.join(grant.scopes)}, not for {', '.join(outside)}"
        return Standing("grants/scopes", reason, (fact,))
    problem = _outside(grant, manifest, intent) if grant.only else ""
    if problem:
        return Standing("grants/only", f"{who} was granted {what} for some intents only: {problem}", (fact,))
    rule = "grants/talent" if grant.talent == talent.id else "grants/group"
    reason = f"{who} was granted {what}" if who == talent.id else f"{talent.id} is of {who}, which was granted {what}"
    return Standing(rule, reason, (fact,), grant.expires)


def unknown_fields(only: Mapping[str, Any], manifest: Manifest) -> list[str]:
    """Fields that a condition narrows and the capability's intents do not have: such a condition narrows nothing."""
    if manifest.intent.get("patternProperties"):
        return []
    return sorted(set(only.get("properties", ())) - set(manifest.intent.get("properties", ())))


def _outside(grant: Grant, manifest: Manifest, intent: Mapping[str, Any]) -> str:
    """Why the intent is none of those that the grant is for; "" where it is one."""
    unknown = unknown_fields(grant.only, manifest)
    if unknown:  # the grant is older than the manifest, and what it narrowed has another name now
        return f"{', '.join(unknown)} is narrowed, and {manifest.name} takes no such field"
    problem = misfit(_validator(grant), dict(intent))
    return "" if problem is None else f"{problem[0] or 'the intent'} does not fit {problem[1]}"


_VALIDATORS: dict[bytes, Validator] = {}
_REMEMBERED = 256


def _validator(grant: Grant) -> Validator:
    """The validator of what the grant allows; made once a schema."""
    schema = dumps(dict(grant.only))
    validator = _VALIDATORS.get(schema)
    if validator is None:
        if len(_VALIDATORS) >= _REMEMBERED:
            _VALIDATORS.clear()
        validator = _VALIDATORS[schema] = compile_schema(dict(grant.only))
    return validator
