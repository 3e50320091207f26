"""A proposal that strangers sign, that was signed over other bytes, or that follows another set."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.trust import Seen, Trusted, TrustSet, advance, load, sign_trust
from infrafabric.registry.trust_edit import first, renew, rotate_root
from infrafabric.registry.trust_proposal import propose, read_proposal, sign_proposal, trust_changes

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEYS = [SigningKey(bytes([number]) * 32) for number in range(1, 7)]


def held(threshold: int = 2) -> Trusted:
    trust = first([key.public for key in KEYS[:3]], threshold, [], NOW + timedelta(days=90))
    return load(sign_trust(trust, *KEYS[:3]), Seen())


def renewed(present: Trusted) -> TrustSet:
    return renew(present.trust, NOW + timedelta(days=400))


def test_a_stranger_signs() -> None:
    present = held()
    proposal = read_proposal(propose(present, renewed(present)))
    with pytest.raises(FabricError) as caught:
        sign_proposal(proposal, KEYS[5])
    assert caught.value.code is Code.TRUST_SIGNER


def test_the_same_key_twice_counts_once() -> None:
    present = held()
    once = propose(present, renewed(present), KEYS[0])
    twice = read_proposal(sign_proposal(read_proposal(once), KEYS[0]))
    assert twice.missing == 1
    with pytest.raises(FabricError) as caught:
        advance(present, twice.document, NOW)
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_signed_over_other_bytes() -> None:
    present = held()
    parts = json.loads(propose(present, renewed(present), *KEYS[:2]))
    parts["next"]["signed"]["expires"] = "2039-01-01T00:00:00Z"
    proposal = read_proposal(json.dumps(parts).encode())
    assert not proposal.signers
    with pytest.raises(FabricError) as caught:
        advance(present, proposal.document, NOW)
    assert caught.value.code is Code.TRUST_THRESHOLD


def test_version_that_does_not_follow() -> None:
    present = held()
    parts = json.loads(propose(present, renewed(present)))
    parts["next"]["signed"]["version"] = 1
    with pytest.raises(FabricError) as caught:
        read_proposal(json.dumps(parts).encode())
    assert caught.value.code is Code.TRUST_ROLLBACK


def test_what_changes_is_read_from_the_sets() -> None:
    present = held()
    (line,) = trust_changes(present.trust, renewed(present))
    assert line == f"expires: {present.trust.expires} becomes {renewed(present).expires}"


@given(st.integers(1, 3), st.integers(1, 3), st.sets(st.integers(0, 5)))
def test_adopted_exactly_when_both_thresholds_signed(old: int, new: int, signers: set[int]) -> None:
    present = held(old)
    following = rotate_root(present.trust, [key.public for key in KEYS[2:5]], new)
    data = propose(present, following)
    for number in sorted(signers - {5}):
        data = sign_proposal(read_proposal(data), KEYS[number])
    proposal = read_proposal(data)
    enough = len(signers & {0, 1, 2}) >= old and len(signers & {2, 3, 4}) >= new
    assert (proposal.missing == 0) == enough
    if enough:
        assert advance(present, proposal.document, NOW).digest == proposal.digest
    else:
        with pytest.raises(FabricError) as caught:
            advance(present, proposal.document, NOW)
        assert caught.value.code is Code.TRUST_THRESHOLD


def test_junk_as_a_proposal_is_said_to_be_one_and_leaves_the_trust_set_alone() -> None:
    for junk in (b"", b"[]", b"{}", b'{"format": "infrafabric-trust-proposal/0", "present": {}, "next": {}}', b"\xff"):
        with pytest.raises(FabricError) as caught:
            read_proposal(junk)
        assert caught.value.code is Code.TRUST_INVALID
        assert caught.value.message.startswith("the proposal")
        assert "as it was" in caught.value.remedy
