"""One policy as operators wrote it: its id, what its annotations ask for, and what is wrong with it.

| annotation | on | means |
|---|---|---|
| `@id("live-output")` | each | its name in decisions; unique in the set |
| `@reason("…")` | each | what an asker and an approver read |
| `@verdict("HOLD")`, `@verdict("ESCALATE")` | a forbid | asks people instead of refusing |
| `@people("2")` | the same | how many distinct people, 1 to 16; else 1 |
| `@roles("director,owner")` | the same | each has one of these; else whoever may approve |
| `@wait_s("900")` | the same | seconds until the question expires; else 900 |
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.policy.files import Piece
from infrafabric.policy.schema import Asking

__all__ = ["Flaw", "Problem", "Rule", "nearest", "read_rule"]

ANNOTATIONS = ("id", "reason", "verdict", "people", "roles", "wait_s")
MOST_REASON = 200
MOST_CHARACTERS = 16 << 10
MOST_BRACKETS = 100
"""The parser recurses on the machine's stack: what is deeper would end the process."""
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Flaw(Exception):
    """A piece is no policy that may be in force."""

    def __init__(self, piece: Piece, message: str, words: str = "") -> None:
        """`words` stand on the line that is meant."""
        self.problem = Problem(piece.file, piece.line_of(words) if words else piece.line, message)
        super().__init__(str(self.problem))


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy: what it is called, what follows where it is satisfied, and its condition in Cedar's JSON."""

    id: str
    permits: bool
    verdict: Verdict
    """SHARE for a permit, DENY for a plain forbid, else HOLD or ESCALATE."""
    needs: Needs | None
    reason: str
    piece: Piece
    policy: Mapping[str, Any]

    def may_match(self, asking: Asking) -> bool:
        """Whether the policy's scope leaves the request in; where that is not plain from the scope, True.

        What it leaves out can neither be satisfied nor err, so it need not be evaluated.
        """
        request = asking.request()
        return (
            _in_scope(self.policy["action"], {("Action", asking.action)})
            and _in_scope(self.policy["principal"], asking.ancestry(request["principal"]))
            and _in_scope(self.policy["resource"], asking.ancestry(request["resource"]))
        )

    def hazards(self) -> set[str]:
        """The words that the conditions look for in `context.hazards`."""
        return set(_looked_for(self.policy["conditions"]))


def _looked_for(node: Any) -> Iterator[str]:
    """Literals of `context.hazards.contains(…)`, `containsAny([…])`, `containsAll([…])`, anywhere in a condition."""
    if isinstance(node, list):
        for item in node:
            yield from _looked_for(item)
    elif isinstance(node, dict):
        for name, inner in node.items():
            if name in ("contains", "containsAny", "containsAll") and inner.get("left") == _HAZARDS:
                items = inner["right"].get("Set", [inner["right"]])
                yield from (item["Value"] for item in items if isinstance(item.get("Value"), str))
            yield from _looked_for(inner)


_HAZARDS = {".": {"left": {"Var": "context"}, "attr": "hazards"}}


def _in_scope(scope: Mapping[str, Any], ancestry: Set[tuple[str, str]]) -> bool:
    """`ancestry` is the entity itself and all that it is in, as (type, id)."""
    place = scope.get("in", scope)
    named = place.get("entities", [place["entity"]] if "entity" in place else [])
    return not named or any((one.get("type"), one.get("id")) in ancestry for one in named)


def read_rule(piece: Piece) -> Rule:
    """Parse a piece. Raises `Flaw` with what the parser says, or with the annotation that is wrong."""
    import cedarpy

    if len(piece.text) > MOST_CHARACTERS or piece.depth > MOST_BRACKETS:
        message = f"a policy has at most {MOST_CHARACTERS} characters and {MOST_BRACKETS} brackets in one another"
        raise Flaw(piece, message)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(piece.text))
    except RecursionError:
        raise Flaw(piece, "the policy's conditions are nested too deep") from None
    except ValueError as error:
        raise Flaw(piece, f"this is no Cedar policy: {error}", _quoted(str(error))) from None
    if parsed.get("templates"):
        raise Flaw(piece, "a template (?principal, ?resource) allows nothing by itself: name whom it is for")
    policies = list(parsed["staticPolicies"].values())
    if len(policies) != 1:
        raise Flaw(piece, "a policy is missing here, or its semicolon is")
    return _rule(piece, policies[0])


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or "" where nothing is like it."""
    found = get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def _rule(piece: Piece, policy: Mapping[str, Any]) -> Rule:
    said: dict[str, str] = {name: value or "" for name, value in policy.get("annotations", {}).items()}
    for name in said:
        if name not in ANNOTATIONS:
            raise Flaw(piece, f"there is no annotation `@{name}`{nearest(name, ANNOTATIONS)}", f"@{name}")
    rule_id = said.get("id", "")
    if _ID.fullmatch(rule_id) is None:
        shown = f"@id({rule_id[:40]!r}) is no id" if rule_id else "the policy has no @id"
        raise Flaw(piece, f'{shown}; one looks like @id("live-output")')
    if len(said.get("reason", "")) > MOST_REASON or not said.get("reason", "-").isprintable():
        raise Flaw(piece, f"@reason takes one line of at most {MOST_REASON} characters", "@reason")
    permits = policy["effect"] == "permit"
    verdict, needs = (Verdict.SHARE if permits else Verdict.DENY), None
    if "verdict" in said:
        verdict, needs = _asking(piece, said, permits)
    elif asked := next((name for name in ("people", "roles", "wait_s") if name in said), None):
        raise Flaw(piece, f"@{asked} says whom a question goes to, and without @verdict there is none", f"@{asked}")
    return Rule(rule_id, permits, verdict, needs, said.get("reason", ""), piece, policy)


def _asking(piece: Piece, said: Mapping[str, str], permits: bool) -> tuple[Verdict, Needs]:
    if permits:
        raise Flaw(piece, "@verdict belongs to a forbid: a permit asks nobody", "@verdict")
    if said["verdict"] not in (Verdict.HOLD, Verdict.ESCALATE):
        near = nearest(said["verdict"].upper(), (Verdict.HOLD, Verdict.ESCALATE))
        raise Flaw(piece, f"@verdict is HOLD or ESCALATE, not {said['verdict'][:40]!r}{near}", "@verdict")
    verdict = Verdict(said["verdict"])
    try:
        needs = Needs.model_validate(
            {
                "people": _number(piece, said, "people", 1),
                "roles": tuple(name.strip() for name in said["roles"].split(",")) if "roles" in said else (),
                "source": verdict is Verdict.HOLD,
                "wait_s": _number(piece, said, "wait_s", 900),
            }
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        raise Flaw(piece, f"@{name}: {first['msg']}", f"@{name}") from None
    return verdict, needs


def _number(piece: Piece, said: Mapping[str, str], name: str, default: int) -> int:
    text = said.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Flaw(piece, f"@{name} takes a whole number, not {text[:40]!r}", f"@{name}")
    return int(text)


def _quoted(text: str) -> str:
    """The first word between backticks, as Cedar's messages have it."""
    found = re.search(r"`([^`]+)`", text)
    return found.group(1) if found else ""
