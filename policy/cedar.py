"""A set of policies, checked against the schema, and what it says to a request.

How a verdict comes about:

1. an error in evaluating any policy: DENY. Cedar skips a policy that errs, also a `forbid`; here nothing is skipped.
2. a `forbid` without `@verdict` is satisfied: DENY.
3. no `permit` is satisfied: DENY.
4. a `forbid` with `@verdict` or an invariant is: the strongest of them, asking whom all of them accept.
5. else SHARE.

For one evaluation to tell all satisfied policies, and not only those that determined Cedar's own answer, each policy is
given to Cedar as a permit, scope and conditions unchanged; the steps above are then taken here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.policy.files import check_sizes, cut, digest_of
from infrafabric.policy.invariants import Demand, RolesDiffer, combine, route
from infrafabric.policy.rules import Flaw, Problem, Rule, nearest, read_rule
from infrafabric.policy.schema import ACTIONS, PLANNED, Asking, schema_text

if TYPE_CHECKING:
    import cedarpy

__all__ = ["Judged", "Policies", "load_policies", "problems"]

MOST_POLICIES = 2_000
_REMEMBERED = 256
_NO_TIME = datetime.fromtimestamp(0, UTC)
_TIMED = re.compile(r'\{"Var": "context"\}(?!, "attr": "(?!time"))')
"""A condition that looks at the context otherwise than at one attribute of it that is not the time."""
_REMEMBERED_SETS = 64


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, the rules that gave it, and why, in an operator's words."""

    verdict: Verdict
    rules: tuple[str, ...]
    reason: str
    needs: Needs | None = None


class Policies:
    """A valid set. Made by `load_policies`."""

    def __init__(self, digest: str, rules: Iterable[Rule]) -> None:
        self.digest = digest
        self.rules = {rule.id: rule for rule in rules}
        self._timeless = not any(_TIMED.search(json.dumps(rule.policy["conditions"])) for rule in self.rules.values())
        self._answers: dict[Asking, tuple[frozenset[str], tuple[str, ...]]] = {}
        self._sets: dict[tuple[str, ...], cedarpy.PolicySet] = {}
        self._prepared: dict[tuple[object, ...], tuple[cedarpy.PolicySet, cedarpy.Entities]] = {}

    def judge(self, asking: Asking) -> Judged:
        """The verdict on a request. Demands for people are made of plans alone: without one there is nothing to agree
        to, and whether a talent may look at all is for permits and plain forbids. Raises nothing of Cedar's."""
        satisfied, errors = self.evaluate(asking)
        if errors:
            return Judged(Verdict.DENY, ("policies/error",), f"a policy could not be evaluated: {errors[0][:300]}")
        rules = [self.rules[name] for name in sorted(satisfied)]
        if refusing := [rule for rule in rules if rule.verdict is Verdict.DENY]:
            return Judged(Verdict.DENY, _ids(refusing), _reasons(refusing, "forbidden by"))
        permitting = [rule for rule in rules if rule.permits]
        if not permitting:
            return Judged(
                Verdict.DENY, ("policies/no-permit",), f"no policy permits {asking.talent.id} {_what(asking)}"
            )
        demands: list[Demand] = []
        if asking.planned and asking.action in PLANNED:
            demands.extend(route(asking.hazards, asking.confidence))
            demands.extend(
                Demand(rule.id, rule.verdict, rule.needs, rule.reason or f"asked for by {rule.id}")
                for rule in rules
                if rule.needs is not None
            )
        if not demands:
            return Judged(Verdict.SHARE, _ids(permitting), f"permitted by {', '.join(_ids(permitting))}")
        return _demanded(demands)

    def evaluate(self, asking: Asking) -> tuple[frozenset[str], tuple[str, ...]]:
        """Ids of the satisfied policies, and the errors of those that could not be evaluated.

        Where no policy looks at the time, the same question again has the same answer and is not evaluated again.
        """
        if not self._timeless:
            return self._evaluate(asking)
        question = replace(asking, at=_NO_TIME)
        answer = self._answers.get(question)
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[question] = self._evaluate(asking)
        return answer

    def _evaluate(self, asking: Asking) -> tuple[frozenset[str], tuple[str, ...]]:
        import cedarpy

        key = (asking.action, *asking.about)
        prepared = self._prepared.get(key)
        if prepared is None:
            entities = cedarpy.Entities.from_json_str(orjson.dumps(asking.entities()).decode())
            prepared = (self._set(asking), entities)
            if len(self._prepared) >= _REMEMBERED:
                self._prepared.clear()
            self._prepared[key] = prepared
        policies, entities = prepared
        request = asking.request()
        request["context"] = orjson.dumps(request["context"]).decode()
        answer = cedarpy.is_authorized(request, policies, entities)
        errors = tuple(answer.diagnostics.errors)
        if answer.decision is cedarpy.Decision.NoDecision and not errors:
            errors = ("Cedar came to no decision",)
        return frozenset(answer.diagnostics.reasons), errors

    def hazards(self) -> set[str]:
        """The hazards that the policies speak of by name."""
        return {hazard for rule in self.rules.values() for hazard in rule.hazards()}

    def _set(self, asking: Asking) -> cedarpy.PolicySet:
        """The policies whose scope may leave the request in. Askings with the same ones share a set."""
        import cedarpy

        chosen = {rule.id: rule for rule in self.rules.values() if rule.may_match(asking)}
        names = tuple(chosen)
        made = self._sets.get(names)
        if made is None:
            policies = {name: {**rule.policy, "effect": "permit"} for name, rule in chosen.items()}
            text = json.dumps({"staticPolicies": policies, "templates": {}, "templateLinks": []})
            made = cedarpy.PolicySet.from_json_str(text)
            if len(self._sets) >= _REMEMBERED_SETS:
                self._sets.clear()
            self._sets[names] = made
        return made


def load_policies(files: Mapping[str, str]) -> Policies:
    """Parse and validate a set. Raises IF_ERR_POLICY_INVALID with the first problem's file and line."""
    check_sizes(files)
    rules, found = _examined(files)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise FabricError(Code.POLICY_INVALID, f"{found[0]}{more}")
    return Policies(digest_of(files), rules)


def problems(files: Mapping[str, str]) -> list[Problem]:
    """All that keeps a set from being taken into force. Raises IF_ERR_POLICY_INVALID for its sizes and names."""
    check_sizes(files)
    return _examined(files)[1]


def _examined(files: Mapping[str, str]) -> tuple[list[Rule], list[Problem]]:
    rules: list[Rule] = []
    found: list[Problem] = []
    for piece in cut(files):
        try:
            rules.append(read_rule(piece))
        except Flaw as flaw:
            found.append(flaw.problem)
        if len(rules) > MOST_POLICIES:
            return rules, [Problem(piece.file, piece.line, f"more than {MOST_POLICIES} policies")]
    names: dict[str, Rule] = {}
    for rule in rules:
        first = names.setdefault(rule.id, rule)
        if first is not rule:
            where = f"{first.piece.file}:{first.piece.line}"
            found.append(Problem(rule.piece.file, rule.piece.line, f"the id {rule.id} is taken by {where}"))
    if not rules and not found:
        found.append(Problem(min(files), 1, "there is no policy in the files: everything would be refused"))
    found.extend(_invalid(rules))
    return rules, sorted(found, key=lambda problem: (problem.file, problem.line))


_POLICY = re.compile(r"^for policy `[^`]*`, ")
_NAMED = re.compile(r"`([^`]+)`")


def _invalid(rules: list[Rule]) -> list[Problem]:
    """What the schema has against the policies, each problem once: a policy's misspelt word, else its message."""
    import cedarpy

    schema = schema_text()
    text = "\n".join(rule.piece.text for rule in rules)
    known = sorted(set(re.findall(r"[A-Za-z_]+", re.sub(r"//.*", "", schema))))
    found: dict[tuple[str, str, str], Problem] = {}
    for error in cedarpy.validate_policies(text, schema).errors:
        place = error.policy_id.removeprefix("policy")
        if not place.isdigit() or int(place) >= len(rules):
            found["", "", error.error] = Problem(rules[0].piece.file if rules else "", 1, error.error)
            continue
        rule = rules[int(place)]
        words = _POLICY.sub("", error.error)
        named = _NAMED.search(words)
        word = named.group(1) if named else ""
        last = re.split(r'::"|[.]', word.rstrip('"'))[-1]
        key = (rule.id, word, "" if word else words)
        if key not in found:
            hint = nearest(last, ACTIONS if word.startswith("Action::") else known) if last not in known else ""
            found[key] = Problem(rule.piece.file, rule.piece.line_of(last), f"policy {rule.id}: {words}{hint}")
    # What names nothing only follows from what was named.
    telling = {name for name, word, _ in found if word}
    return [problem for (name, word, _), problem in found.items() if word or name not in telling]


def _demanded(demands: list[Demand]) -> Judged:
    names = tuple(dict.fromkeys(demand.rule for demand in demands))
    reason = "; ".join(dict.fromkeys(demand.reason for demand in demands))
    try:
        verdict, needs = combine(demands)
    except RolesDiffer as differing:
        reason = f"{differing} ask people of different roles, so no one question can meet them"
        return Judged(Verdict.DENY, ("policies/roles-differ", *names), reason)
    return Judged(verdict, names, reason, needs)


def _ids(rules: Iterable[Rule]) -> tuple[str, ...]:
    return tuple(rule.id for rule in rules)


def _reasons(rules: list[Rule], otherwise: str) -> str:
    return "; ".join(dict.fromkeys(rule.reason or f"{otherwise} {rule.id}" for rule in rules))


def _what(asking: Asking) -> str:
    where = asking.target or f"the tenant {asking.tenant}"
    return " ".join(word for word in (asking.talent.id, "to", asking.action, asking.capability, "on", where) if word)
