from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from policies import Rows

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability, Guard, Question
from infrafabric.kernel.words.plan import Plan, Verdict
from infrafabric.kernel.words.things import Grant, Talent, Target
from infrafabric.policy.guard import GrantGuard

AGENT = Talent(id="if://agent/Studio.Agent")
TARGET = Target(name="lamp@hall")
GRANT = Grant(talent=AGENT.id, capability="if://capability/lamp.switch", target=TARGET.name)


class Tables(Rows):
    """Facts as `Authority` gives them."""

    def __init__(self, talent: Talent | None = AGENT, grant: Grant | None = GRANT, *, revoked: Any = False) -> None:
        super().__init__()
        if talent is not None:
            self.rows["talent", AGENT.id] = {**talent.as_json(), "revoked": revoked}
        if grant is not None:
            self.rows["grant", GRANT.key] = grant.as_json()


@pytest.fixture
def question(make_capability: Callable[..., Capability]) -> Callable[..., Question]:
    def asked(**changed: Any) -> Question:
        members: dict[str, Any] = {
            "talent": AGENT,
            "capability": make_capability(),
            "target": TARGET,
            "plan": Plan(),
            "hazards": (),
            "dry_run": False,
        }
        return Question(**{**members, **changed})

    return asked


def test_a_grant_is_leave_to_go(question: Callable[..., Question]) -> None:
    tables = Tables()
    guard: Guard = GrantGuard(tables)
    decision = guard.decide(question())
    assert decision.verdict is Verdict.SHARE
    assert decision.rules == ("grants/talent",)
    assert decision.records == (
        sha256(dumps(tables.rows["grant", GRANT.key])),
        sha256(dumps(tables.rows["talent", AGENT.id])),
    )


@pytest.mark.parametrize("changed", [{"plan": None}, {"dry_run": True}])
def test_planning_and_dry_runs_need_the_grant_too(question: Callable[..., Question], changed: dict[str, Any]) -> None:
    assert GrantGuard(Tables()).decide(question(**changed)).verdict is Verdict.SHARE
    denied = GrantGuard(Tables(grant=None)).decide(question(**changed))
    assert (denied.verdict, denied.rules) == (Verdict.DENY, ("grants/none",))


@pytest.mark.parametrize(
    ("tables", "rule"),
    [
        (Tables(talent=None), "talents/unknown"),
        (Tables(revoked=True), "talents/revoked"),
        (Tables(grant=None), "grants/none"),
        (Tables(grant=GRANT.model_copy(update={"tenant": "other"})), "tenants/differ"),
        (Tables(talent=AGENT.model_copy(update={"tenant": "other"})), "tenants/differ"),
    ],
)
def test_each_refusal_has_its_rule(question: Callable[..., Question], tables: Tables, rule: str) -> None:
    decision = GrantGuard(tables).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, (rule,))


def test_a_target_of_another_tenant_is_out_of_reach(question: Callable[..., Question]) -> None:
    elsewhere = TARGET.model_copy(update={"tenant": "other"})
    assert GrantGuard(Tables()).decide(question(target=elsewhere)).rules == ("tenants/differ",)


def test_a_grant_is_for_one_talent_one_capability_and_one_target(
    question: Callable[..., Question], make_capability: Callable[..., Capability]
) -> None:
    guard = GrantGuard(Tables())
    others: list[dict[str, Any]] = [
        {"talent": Talent(id="if://agent/Studio.Agent/2")},
        {"capability": make_capability(name="lamp.dimmer")},
        {"target": Target(name="lamp@attic")},
    ]
    assert [guard.decide(question(**other)).verdict for other in others] == [Verdict.DENY] * 3


@pytest.mark.parametrize(
    ("granted", "asked", "rules"),
    [
        ((), (), "grants/talent"),
        ((), ("house:lights",), "grants/talent"),
        (("house:lights",), ("house:lights",), "grants/talent"),
        (("house:sound", "house:lights"), ("house:lights",), "grants/talent"),
        (("house:lights",), ("house:lights", "house:sound"), "grants/scopes"),
        (("nonsense:scope",), ("house:lights",), "grants/scopes"),
        (("house",), ("house:lights",), "grants/scopes"),
    ],
)
def test_a_grant_with_scopes_covers_all_that_the_manifest_asks_for(
    question: Callable[..., Question],
    make_capability: Callable[..., Capability],
    granted: tuple[str, ...],
    asked: tuple[str, ...],
    rules: str,
) -> None:
    tables = Tables(grant=GRANT.model_copy(update={"scopes": granted}))
    decision = GrantGuard(tables).decide(question(capability=make_capability(scopes=asked)))
    assert decision.rules == (rules,)
    assert decision.verdict is (Verdict.SHARE if rules == "grants/talent" else Verdict.DENY)
    assert len(decision.records) == 2


def test_hazards_are_told(question: Callable[..., Question]) -> None:
    decision = GrantGuard(Tables()).decide(question(hazards=("live-output", "costs-money")))
    assert decision.verdict is Verdict.SHARE
    assert "live-output, costs-money" in decision.reason


@pytest.mark.parametrize("revoked", [None, 0, "", "false"])
def test_what_is_not_plainly_unrevoked_is_revoked(question: Callable[..., Question], revoked: object) -> None:
    assert GrantGuard(Tables(revoked=revoked)).decide(question()).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("talent", {}),
        ("talent", AGENT.as_json()),
        ("talent", "text"),
        ("talent", {"revoked": False}),
        ("talent", {**AGENT.as_json(), "id": "if://person/Someone", "revoked": False}),
        ("grant", {}),
        ("grant", [1]),
        ("grant", {**GRANT.as_json(), "all": True}),
        ("grant", {**GRANT.as_json(), "target": "lamp@attic"}),
        ("grant", {"value": GRANT.as_json(), "change": "set"}),
    ],
)
def test_records_that_are_not_what_they_should_be_allow_nothing(
    question: Callable[..., Question], table: str, value: object
) -> None:
    tables = Tables()
    tables.rows[table, AGENT.id if table == "talent" else GRANT.key] = value
    decision = GrantGuard(tables).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("guard/error",))


@pytest.mark.parametrize("error", [FabricError(Code.LOG_STOPPED, "no facts now"), OSError("disk"), RecursionError()])
def test_facts_that_cannot_be_read_are_a_refusal(question: Callable[..., Question], error: Exception) -> None:
    class Broken(Tables):
        def get(self, table: str, key: str) -> Any | None:
            raise error

    decision = GrantGuard(Broken()).decide(question())
    assert (decision.verdict, decision.rules) == (Verdict.DENY, ("guard/error",))
