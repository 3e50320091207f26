from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infrafabric.kernel.canonical import dumps, sha256
from infrafabric.kernel.claims import assess, conflicting, counted
from infrafabric.kernel.words.claims import Claim
from infrafabric.kernel.words.things import Talent

TOPIC = sha256(b"topic")


def claim(normalized: float = 1.0, raw: float = 1.0, **members: Any) -> Claim:
    confidence = {"raw": raw, "normalized": normalized, "basis": ["sample:large"]}
    return Claim.model_validate({"claim_id": "C-1", "confidence": confidence, **members})


def evidence(*sources: tuple[str, str, bytes]) -> list[dict[str, str]]:
    return [{"type": kind, "url": url, "hash": sha256(data)} for kind, url, data in sources]


A = ("filing", "https://www.sec.example.org/a", b"a")
B = ("filing", "https://other.example.net/b", b"b")
C = ("db", "https://db.example.net/c", b"c")
SAME_HOUSE = ("db", "https://archive.example.org/d", b"d")
SAME_BYTES = ("db", "https://mirror.example.com/a", b"a")


@pytest.mark.parametrize(
    ("sources", "checked", "most"),
    [
        ([], [], 290),
        ([A], [], 290),
        ([A, B, C], [b"x"], 290),
        ([A], [b"a"], 600),
        ([A, SAME_HOUSE], [b"a", b"d"], 600),
        ([A, SAME_BYTES], [b"a"], 600),
        ([A, B], [b"a", b"b"], 800),
        ([A, B, C], [b"a"], 600),
        ([A, C], [b"a", b"c"], 1000),
    ],
)
def test_confidence_is_capped_by_evidence_that_was_checked(
    sources: list[tuple[str, str, bytes]], checked: list[bytes], most: int
) -> None:
    made = claim(evidence=evidence(*sources), source_diversity={"domain_unique": True, "type_mix": ["filing", "db"]})
    assert assess(made, [sha256(data) for data in checked]) == most


def test_what_is_stated_is_an_upper_bound() -> None:
    sources = {"evidence": evidence(A, C)}
    held = [sha256(b"a"), sha256(b"c")]
    assert assess(claim(0.72, 0.75, **sources), held) == 720
    assert assess(claim(0.9, 0.4, **sources), held) == 400


@pytest.mark.parametrize("url", ["http://[", "data:,x", "https://192.0.2.1/x", "https:///x"])
def test_an_address_without_a_name_is_a_domain_like_another(url: str) -> None:
    assert assess(claim(evidence=evidence(("a", url, b"a"))), [sha256(b"a")]) == 600


def test_confidence_counts_where_it_is_required_or_claimed() -> None:
    agent, marked = Talent(id="if://agent/A"), Talent(id="if://agent/A", confidence_required=True)
    assert counted(agent, None, ()) is None
    assert counted(marked, None, ()) == 0
    assert counted(agent, claim(0.1), ()) == counted(marked, claim(0.1), ()) == 100


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_is_never_rounded_up_and_goes_into_the_log_as_it_is(raw: float, normalized: float) -> None:
    made = claim(normalized, raw)
    assert made.confidence.raw <= Decimal(str(raw))
    assert Claim.model_validate(made.as_json()) == made
    assert b"." not in dumps(made.as_json()["confidence"]).replace(b'"0.', b"")
    assert assess(made, ()) <= min(raw, normalized) * 1000


@pytest.mark.parametrize(
    "confidence", [1.01, -0.1, float("nan"), float("inf"), True, None, "much", "1e999999999", [1], "0x1"]
)
def test_what_is_no_confidence_is_refused(confidence: object) -> None:
    with pytest.raises(ValidationError):
        Claim.model_validate({"claim_id": "C", "confidence": {"raw": confidence, "normalized": 0.5}})


def test_a_claim_is_small() -> None:
    with pytest.raises(ValidationError):
        claim(scope={"all": "x" * 5_000})
    with pytest.raises(ValidationError):
        claim(evidence=evidence(A) * 65)


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (100, 100, False),
        (100, 80, False),
        (100, 79.99, True),
        (100, 125, False),
        (100, 125.1, True),
        (-100, 100, True),
        (0, 0, False),
        (0, 0.000001, True),
    ],
)
def test_claims_conflict_where_they_differ_by_more_than_a_fifth(one: float, other: float, differ: bool) -> None:
    a, b = claim(topic_hash=TOPIC, value=one), claim(topic_hash=TOPIC, value=other)
    assert conflicting(a, b) is conflicting(b, a) is differ


def test_claims_on_other_matters_do_not_conflict() -> None:
    one = claim(topic_hash=TOPIC, value=1, scope={"year": 2024})
    assert conflicting(one, claim(topic_hash=TOPIC, value=9, scope={"year": 2024}))
    assert not conflicting(one, claim(topic_hash=TOPIC, value=9, scope={"year": 2023}))
    assert not conflicting(one, claim(topic_hash=sha256(b"other"), value=9, scope={"year": 2024}))
    assert not conflicting(claim(value=1), claim(value=9))
    assert not conflicting(one, claim(topic_hash=TOPIC, scope={"year": 2024}))
