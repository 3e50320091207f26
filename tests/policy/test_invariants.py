from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.words.plan import Verdict
from infrafabric.kernel.words.policy import Needs
from infrafabric.policy.invariants import Demand, RolesDiffer, combine, route, strongest


def verdict_of(hazards: tuple[str, ...], confidence: int | None) -> Verdict:
    return strongest(demand.verdict for demand in route(hazards, confidence))


@pytest.mark.parametrize("hazard", ["legal", "safety", "conflict>20%"])
@pytest.mark.parametrize("confidence", [None, 0, 299, 1000])
def test_some_hazards_need_people_whatever_the_confidence(hazard: str, confidence: int | None) -> None:
    demand = route(("live-output", hazard), confidence)[0]
    assert (demand.rule, demand.verdict) == ("routing/hazard-override", Verdict.ESCALATE)
    assert demand.reason.startswith("policy: hazard override")


@pytest.mark.parametrize(
    ("confidence", "verdict", "rules"),
    [
        (0, Verdict.ESCALATE, ["routing/low-confidence"]),
        (199, Verdict.ESCALATE, ["routing/low-confidence"]),
        (200, Verdict.HOLD, ["routing/borderline"]),
        (299, Verdict.HOLD, ["routing/borderline"]),
        (300, Verdict.SHARE, []),
        (1000, Verdict.SHARE, []),
        (None, Verdict.SHARE, []),
    ],
)
def test_confidence_routes_at_its_thresholds(confidence: int | None, verdict: Verdict, rules: list[str]) -> None:
    assert [demand.rule for demand in route(("live-output",), confidence)] == rules
    assert verdict_of((), confidence) is verdict


def test_only_a_borderline_confidence_is_content_with_a_second_source() -> None:
    assert [demand.needs.source for demand in route((), 250)] == [True]
    assert [demand.needs.source for demand in route(("legal",), 100)] == [False, False]


_NEEDS = st.builds(
    Needs,
    people=st.integers(1, 16),
    roles=st.sampled_from([(), ("owner",), ("director", "owner"), ("director",)]),
    source=st.booleans(),
    wait_s=st.integers(1, 86_400),
)
_DEMANDS = st.builds(
    Demand, st.sampled_from("abc"), st.sampled_from([Verdict.HOLD, Verdict.ESCALATE]), _NEEDS, st.just("why")
)


@given(st.lists(_DEMANDS, min_size=1, max_size=5))
def test_one_question_meets_every_demand(demands: list[Demand]) -> None:
    named = [set(demand.needs.roles) for demand in demands if demand.needs.roles]
    try:
        verdict, needs = combine(demands)
    except RolesDiffer:
        assert not set.intersection(*named)
        return
    assert verdict is (Verdict.ESCALATE if any(d.verdict is Verdict.ESCALATE for d in demands) else Verdict.HOLD)
    for demand in demands:
        assert needs.people >= demand.needs.people
        assert needs.wait_s <= demand.needs.wait_s
        assert demand.needs.source or not needs.source
        assert not demand.needs.roles or set() < set(needs.roles) <= set(demand.needs.roles)


@given(st.lists(st.sampled_from(list(Verdict))))
def test_the_strongest_verdict_counts(verdicts: list[Verdict]) -> None:
    order = [Verdict.SHARE, Verdict.HOLD, Verdict.ESCALATE, Verdict.DENY]
    assert order.index(strongest(verdicts)) == max((order.index(one) for one in verdicts), default=0)
