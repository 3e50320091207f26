"""Claims: what a talent says is so, how sure it is of it, and on what evidence.

Names and nesting are those of an envelope's `content` (IF.connect v2.1). Floats are taken from outside; inside, a
confidence is a decimal of at most six places, and entries hold it as a string.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.names import Digest

__all__ = [
    "CONFLICT", "Claim", "ClaimHazard", "ClaimId", "Confidence", "Evidence", "Number", "ScopeOf", "Share",
    "SourceDiversity",
]  # fmt: skip

CONFLICT = "conflict>20%"
"""The hazard of claims that contradict each other; the one hazard that is no plain name."""
MAX_SCOPE = 4 << 10

_SIX_PLACES = Decimal("0.000001")
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]
ClaimHazard = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9-]{0,47}|conflict>20%)$")]


def _decimal(value: object) -> object:
    """A JSON number or decimal string, exactly; what is beyond six places is cut off, never rounded up."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError("a number is expected")
    try:
        number = Decimal(str(value))
        if not number.is_finite() or (number and number.adjusted() >= 15):
            raise ValueError("a finite number below 10^15 is expected")
        return number.quantize(_SIX_PLACES, rounding=ROUND_FLOOR).normalize() + 0
    except ArithmeticError:
        raise ValueError("a decimal number is expected") from None


def _small(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(dumps(dict(value))) > MAX_SCOPE:
        raise ValueError(f"more than {MAX_SCOPE} bytes")
    return value


ClaimId = Text
ScopeOf = Annotated[Mapping[str, Any], AfterValidator(_small)]
Number = Annotated[Decimal, BeforeValidator(_decimal)]
Share = Annotated[Decimal, BeforeValidator(_decimal), Field(ge=0, le=1)]


class Evidence(Word):
    """A source: of what type, where it is, and the digest of what it said."""

    type: Text
    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    hash: Digest


class SourceDiversity(Word):
    """What the talent says of its sources. The kernel counts for itself."""

    domain_unique: bool = False
    type_mix: Annotated[tuple[Text, ...], Field(max_length=32)] = ()


class Confidence(Word):
    """How sure the talent is, from 0 to 1: as measured, and on the scale that all talents share."""

    raw: Share
    normalized: Share
    basis: Annotated[tuple[Text, ...], Field(max_length=32)] = ()


class Claim(Word):
    """What a talent bases an ask on."""

    claim_id: ClaimId
    confidence: Confidence
    topic_hash: Digest | None = None
    """Of what is it a claim about; claims on one topic are compared."""
    value: Number | None = None
    """The number that is claimed, where it is one."""
    scope: ScopeOf = {}
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=64)] = ()
    source_diversity: SourceDiversity = SourceDiversity()
    hazards: Annotated[tuple[ClaimHazard, ...], Field(max_length=32)] = ()
