"""A talent that states its own confidence: it counts for no more than the evidence that the kernel could check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infrafabric.kernel.canonical import sha256
from infrafabric.kernel.claims import assess
from infrafabric.kernel.history import History
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome, Verdict
from infrafabric.kernel.words.things import Grant, Talent

if TYPE_CHECKING:
    from world import World

    from infrafabric.control.house import House

ANALYST = "if://agent/Analyst"


def claim(raw: float = 1.0, evidence: list[dict[str, Any]] | None = None, **members: Any) -> Claim:
    confidence = {"raw": raw, "normalized": 1.0, "basis": ["because I say so"]}
    diversity = {"domain_unique": True, "type_mix": ["filing", "db", "press"]}
    shape = {"claim_id": "C", "confidence": confidence, "source_diversity": diversity, "evidence": evidence or []}
    return Claim.model_validate({**shape, **members})


def source(url: str, data: bytes, kind: str = "filing") -> dict[str, Any]:
    return {"type": kind, "url": url, "hash": sha256(data)}


async def enrol(house: House) -> None:
    operator = house.operator(new_trace_id())
    grant = Grant(talent=ANALYST, capability=capability_id("house.lamps"), target="house@home")
    talent = Talent(id=ANALYST, confidence_required=True)
    await house.record(operator.talent(talent, "test"), operator.grant(grant, "test"))


@pytest.mark.parametrize(
    ("said", "held", "outcome", "verdict"),
    [
        (None, (), Outcome.WAITING, Verdict.ESCALATE),
        (claim(), (), Outcome.WAITING, Verdict.HOLD),
        (claim(evidence=[source("https://a.example/1", b"1")]), (), Outcome.WAITING, Verdict.HOLD),
        (claim(evidence=[source("https://a.example/1", b"1")]), (b"2",), Outcome.WAITING, Verdict.HOLD),
        (claim(0.1, [source("https://a.example/1", b"1")]), (b"1",), Outcome.WAITING, Verdict.ESCALATE),
        (claim(evidence=[source("https://a.example/1", b"1")]), (b"1",), Outcome.CONVERGED, Verdict.SHARE),
        (
            claim(evidence=[source("https://a.example/1", b"1")], hazards=["conflict>20%"]),
            (b"1",),
            Outcome.WAITING,
            Verdict.ESCALATE,
        ),
    ],
    ids=["none", "bare", "not handed in", "other bytes", "raw is low", "checked", "a conflict"],
)
async def test_a_word_alone_moves_nothing(
    world: World, said: Claim | None, held: tuple[bytes, ...], outcome: Outcome, verdict: Verdict
) -> None:
    digests = tuple(sha256(data) for data in held)
    async with world.opened() as house:
        await enrol(house)
        ask = world.ask("house.lamps", {"lamps": {"hall": True}}, talent=ANALYST, claim=said, evidence=digests)
        report = await house.kernel.act(ask)
        received = History.of(report.action, house.log.entries(report.action)).received
    assert report.decision is not None
    assert (report.outcome, report.decision.verdict) == (outcome, verdict)
    assert bool(world.peer.writes) is (outcome is Outcome.CONVERGED)
    assert received is not None and (received.claim, received.evidence) == (said, digests)


def test_one_source_under_many_names_is_one_source() -> None:
    names = [source(f"https://mirror{n}.example.com/{n}", b"1", f"type {n}") for n in range(20)]
    assert assess(claim(evidence=names), [sha256(b"1")]) == 600
    subdomains = [source(f"https://m{n}.example.com/", b"%d" % n, f"type {n}") for n in range(20)]
    assert assess(claim(evidence=subdomains), [sha256(b"%d" % n) for n in range(20)]) == 600
