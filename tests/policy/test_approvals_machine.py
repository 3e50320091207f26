"""The core of approvals, as a state machine: whatever people do in whatever order, only enough of them are enough."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from infrafabric.kernel.approving import approval_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.entries import ApprovalGiven
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.keys.signing import SigningKey
from infrafabric.policy.approvals import PeopleApprovals

ASKER = "if://agent/Scout"
OWNER = "if://person/Owner"
PEOPLE = [OWNER, *(f"if://person/P{number}" for number in range(4))]
START = datetime(2026, 1, 1, tzinfo=UTC)


class Memory:
    """Facts in memory."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, table: str, key: str) -> Any | None:
        return self.tables.get((table, key))

    def stored(self, table: str, key: str) -> bytes | None:
        return None

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        return [(key, value) for (name, key), value in self.tables.items() if name == table and key.startswith(prefix)]


class Answers(RuleBasedStateMachine):
    """Checked against a model that holds who has agreed with a key that is still enrolled."""

    @initialize(people=st.integers(1, 3), roles=st.sampled_from([(), ("director",)]))
    def begin(self, people: int, roles: tuple[str, ...]) -> None:
        self.facts, self.time = Memory(), START
        self.approvals = PeopleApprovals(self.facts, now=lambda: self.time)
        self.keys = {who: SigningKey.generate() for who in (ASKER, *PEOPLE)}
        self.given: list[ApprovalGiven] = []
        self.agreed: dict[str, str] = {}
        """Person → the key with which it agreed."""
        for who in (ASKER, *PEOPLE):
            self.enrol(who)
        needs = Needs(people=people, roles=roles)
        decision = Decision(verdict=Verdict.ESCALATE, rules=("r",), reason="", needs=needs)
        pending = self.approvals.ask(decision)
        self.asked = Asked("a", ASKER, "default", "c", "t", decision, pending, "changes", "context")

    def enrol(self, who: str, **changed: Any) -> None:
        members = {
            "id": who,
            "tenant": "default",
            "roles": ("director",),
            "owner": OWNER if who == ASKER else None,
            "key": str(self.keys[who].public),
            "revoked": False,
        }
        self.facts.tables["talent", who] = {**members, **changed}

    def signed(self, who: str, asked: Asked, key: SigningKey) -> ApprovalGiven:
        message = approval_bytes(
            context_digest=asked.context_digest,
            verdict=asked.decision.verdict,
            approver=who,
            expires=asked.pending.expires,
            nonce=asked.pending.nonce,
        )
        return ApprovalGiven(
            approver=who,
            verdict=asked.decision.verdict,
            context_digest=asked.context_digest,
            nonce=asked.pending.nonce,
            expires=asked.pending.expires,
            key=str(key.public),
            signature=base64.b64encode(key.sign(message)).decode(),
        )

    def offer(self, given: ApprovalGiven) -> bool:
        """Hand an answer in as the kernel does; whether it was taken."""
        try:
            self.approvals.check(self.asked, given, self.approvals.counting(self.asked, self.given))
        except FabricError as error:
            assert error.code is Code.APPROVAL_INVALID
            return False
        self.given.append(given)
        return True

    def counts(self, who: str) -> bool:
        """The model's own opinion of who counts."""
        fact = self.facts.tables["talent", who]
        good = not fact["revoked"] and fact["key"] == self.agreed.get(who) and fact["tenant"] == "default"
        role = not self.asked.pending.needs.roles or "director" in fact["roles"]
        return good and role and self.time < START + timedelta(seconds=900)

    @rule(who=st.sampled_from(PEOPLE))
    def agree(self, who: str) -> None:
        fact = self.facts.tables["talent", who]
        counted_before = self.counts(who)
        taken = self.offer(self.signed(who, self.asked, self.keys[who]))
        if taken:
            assert not counted_before, "nobody counts twice"
            self.agreed[who] = fact["key"]
            assert self.counts(who)

    @rule(who=st.sampled_from(PEOPLE), other=st.sampled_from(PEOPLE))
    def forge(self, who: str, other: str) -> None:
        if who != other:
            assert not self.offer(self.signed(who, self.asked, self.keys[other]))
            stolen = self.signed(who, self.asked, self.keys[other])
            assert not self.offer(stolen.model_copy(update={"key": str(self.keys[who].public)}))

    @rule(who=st.sampled_from(PEOPLE))
    def answer_another_question(self, who: str) -> None:
        other = Asked(
            "b", ASKER, "default", "c", "t", self.asked.decision, self.approvals.ask(self.asked.decision), "x", "y"
        )
        assert not self.offer(self.signed(who, other, self.keys[who]))

    @rule()
    def the_asker_agrees(self) -> None:
        assert not self.offer(self.signed(ASKER, self.asked, self.keys[ASKER]))

    @rule(who=st.sampled_from(PEOPLE), revoked=st.booleans())
    def revoke_or_restore(self, who: str, revoked: bool) -> None:
        self.enrol(who, revoked=revoked)

    @rule(who=st.sampled_from(PEOPLE))
    def take_the_role(self, who: str) -> None:
        self.enrol(who, roles=())

    @rule(who=st.sampled_from(PEOPLE))
    def move_to_another_tenant(self, who: str) -> None:
        self.enrol(who, tenant="elsewhere")

    @rule(who=st.sampled_from(PEOPLE))
    def change_the_key(self, who: str) -> None:
        self.keys[who] = SigningKey.generate()
        self.enrol(who)

    @rule(seconds=st.integers(1, 400))
    def wait(self, seconds: int) -> None:
        self.time += timedelta(seconds=seconds)

    @invariant()
    def enough_is_enough_and_less_is_not(self) -> None:
        counted = {who for who in PEOPLE if self.counts(who)}
        assert {one.approver for one in self.approvals.counting(self.asked, self.given)} == counted
        missing = self.approvals.missing(self.asked, self.given)
        assert (missing == "") == (len(counted) >= self.asked.pending.needs.people)


Answers.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAnswers = Answers.TestCase


@pytest.mark.parametrize("verdict", [Verdict.SHARE, Verdict.DENY])
def test_only_a_question_can_be_answered(verdict: Verdict) -> None:
    machine = Answers()
    machine.begin(1, ())
    decision = machine.asked.decision.model_copy(update={"verdict": verdict})
    asked = Asked("a", ASKER, "default", "c", "t", decision, machine.asked.pending, "changes", "context")
    given = machine.signed(PEOPLE[1], asked, machine.keys[PEOPLE[1]])
    assert machine.approvals.missing(asked, [given]) != ""


def test_a_question_that_cannot_be_read_is_over() -> None:
    approvals = PeopleApprovals(Memory(), now=lambda: START)
    assert [approvals.overdue(text) for text in ("", "soon", "2026-01-01T00:00:01")] == [True, True, True]
    assert not approvals.overdue("2026-01-01T00:00:01Z")


def test_facts_that_cannot_be_read_count_for_nobody() -> None:
    machine = Answers()
    machine.begin(1, ())
    given = machine.signed(PEOPLE[1], machine.asked, machine.keys[PEOPLE[1]])
    assert machine.approvals.missing(machine.asked, [given]) == ""
    machine.facts.tables["talent", PEOPLE[1]] = {"revoked": False, "id": "nonsense"}
    assert "could not be checked" in machine.approvals.missing(machine.asked, [given])


def test_whom_the_policies_forbid_to_answer() -> None:
    machine = Answers()
    machine.begin(1, ())
    approvals = PeopleApprovals(
        machine.facts, forbidden=lambda person, asked: "not at night" if person.id == OWNER else "", now=lambda: START
    )
    with pytest.raises(FabricError, match="may not answer: not at night"):
        approvals.check(machine.asked, machine.signed(OWNER, machine.asked, machine.keys[OWNER]), ())
    approvals.check(machine.asked, machine.signed(PEOPLE[1], machine.asked, machine.keys[PEOPLE[1]]), ())
