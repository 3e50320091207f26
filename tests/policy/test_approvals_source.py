"""Second sources: when another action may answer a HOLD, and when it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked, Sourced
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs, Pending
from infrafabric.policy.approvals import PeopleApprovals

ASKER, OTHER = "if://agent/Asker", "if://agent/Other"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEEDS = Needs(source=True)
HOLD = Decision(verdict=Verdict.HOLD, rules=("r",), reason="", needs=NEEDS)
PENDING = Pending(needs=NEEDS, nonce="n", expires="2026-01-01T00:15:00Z")
ASKED = Asked("a", ASKER, "default", "cap", "house@home", HOLD, PENDING, "changes", "context", frozenset({"sha256:1"}))
SOURCE = Sourced(
    "b", OTHER, "default", "cap", "house@home", "plan", "changes", "2025-12-31T23:59:00.000Z", verdict=Verdict.SHARE
)
GIVEN = ApprovalGiven(
    approver=OTHER, verdict=Verdict.HOLD, context_digest="context", nonce="n", expires=PENDING.expires, source="b"
)


class Talents:
    """Facts that hold two agents with their owners."""

    def __init__(self, **owners: str | None) -> None:
        self.owners = owners

    def get(self, table: str, key: str) -> Any | None:
        name = key.rpartition("/")[2]
        if table != "talent" or name not in self.owners:
            return None
        return {"id": key, "tenant": "default", "owner": self.owners[name], "revoked": False}

    def stored(self, table: str, key: str) -> bytes | None:
        return None

    def scan(self, table: str, prefix: str = "") -> list[tuple[str, Any]]:
        return []


def approvals(source: Sourced | None, **owners: str | None) -> PeopleApprovals:
    talents = Talents(**{"Asker": "if://person/Ann", "Other": "if://person/Ben", "Ann": None, "Ben": None, **owners})
    return PeopleApprovals(talents, lambda action: source if action == "b" else None, now=lambda: NOW)


def test_an_independent_one_counts() -> None:
    core = approvals(replace(SOURCE, evidence=frozenset({"sha256:2"})))
    core.check(ASKED, GIVEN, ())
    assert core.missing(ASKED, [GIVEN]) == ""
    assert core.missing(ASKED, []) == "1 more person must agree, or a second source"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"evidence": frozenset({"sha256:1", "sha256:3"})}, "the same evidence"),
        ({"changes_digest": "others"}, "other changes"),
        ({"changes_digest": ""}, "other changes"),
        ({"capability": "twin"}, "another capability or target"),
        ({"target": "house@away"}, "another capability or target"),
        ({"tenant": "elsewhere"}, "another tenant"),
        ({"purpose": "apply"}, "wrote nothing"),
        ({"action": "a"}, "wrote nothing"),
        ({"talent": "if://agent/Nobody"}, "is not by"),
        ({"at": "2025-12-31T23:44:59Z"}, "too old"),
        ({"at": "never"}, "too old"),
        ({"verdict": Verdict.ESCALATE}, "itself wait"),
        ({"verdict": Verdict.DENY}, "itself wait"),
        ({"verdict": None}, "itself wait"),
    ],
)
def test_one_that_is_not_independent_does_not(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(FabricError, match=why) as refused:
        approvals(replace(SOURCE, **changed)).check(ASKED, GIVEN, ())
    assert refused.value.code is Code.APPROVAL_INVALID


@pytest.mark.parametrize(
    "owners",
    [
        {"Other": "if://person/Ann"},
        {"Other": ASKER},
        {"Asker": OTHER},
        {"Ben": "if://person/Ann"},
        {"Ann": "if://person/Cat", "Ben": "if://person/Cat", "Cat": None},
        {"Ann": "if://person/Ben", "Ben": "if://person/Ann"},
    ],
)
def test_a_common_owner_at_any_depth(owners: dict[str, str | None]) -> None:
    with pytest.raises(FabricError, match="not independent"):
        approvals(SOURCE, **owners).check(ASKED, GIVEN, ())


@pytest.mark.parametrize(
    ("owners", "who"), [({"Asker": None}, ASKER), ({"Other": None}, OTHER), ({"Other": OTHER}, OTHER)]
)
def test_a_talent_for_which_nobody_answers(owners: dict[str, str | None], who: str) -> None:
    with pytest.raises(FabricError, match=f"no person answers for {who}"):
        approvals(SOURCE, **owners).check(ASKED, GIVEN, ())


def test_an_unsure_asker_takes_checked_evidence() -> None:
    unsure = replace(ASKED, decision=HOLD.model_copy(update={"rules": ("routing/borderline",)}))
    named = replace(SOURCE, evidence=frozenset({"sha256:2"}))
    with pytest.raises(FabricError, match="no checked evidence"):
        approvals(named).check(unsure, GIVEN, ())
    approvals(replace(named, checked=frozenset({"sha256:2"}))).check(unsure, GIVEN, ())


def test_a_source_and_its_owner_count_once() -> None:
    core = approvals(SOURCE)
    ben = GIVEN.model_copy(update={"approver": "if://person/Ben", "source": "", "key": "k"})
    with pytest.raises(FabricError, match="count once"):
        core.check(ASKED, GIVEN, [ben])


def test_a_question_that_takes_no_source() -> None:
    for decision, needs in ((HOLD, Needs()), (HOLD.model_copy(update={"verdict": Verdict.ESCALATE}), NEEDS)):
        asked = replace(ASKED, decision=decision, pending=PENDING.model_copy(update={"needs": needs}))
        given = GIVEN.model_copy(update={"verdict": decision.verdict})
        with pytest.raises(FabricError, match="for people"):
            approvals(SOURCE).check(asked, given, ())
