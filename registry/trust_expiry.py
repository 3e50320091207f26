"""What happens as a trust set grows old: people are told ahead, then nothing loads, save under an operator's grace.

A grace is a document signed by one operator key of the set. It names that set, the log that it is given in, and the
bundles that are loaded, reaches a fixed time, and covers nothing else: what was not loaded does not start. A newer
set, whatever it changes, ends it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.names import Digest
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.signed_json import open_document, sign_document
from infrafabric.registry.trust import Instant, Trusted

__all__ = [
    "MAX_GRACE", "WARN_DAYS", "Given", "Grace", "check_expiry", "expiry_warning", "instant", "make_grace", "read_grace",
]  # fmt: skip

DOMAIN = "infrafabric-trust-grace-v1"
WARN_DAYS = (30, 7, 1)
"""Days before expiry at which people are told."""
MAX_GRACE = timedelta(days=14)
"""How long after the expiry a grace may reach at most, whatever a home's settings say."""


class Grace(Word):
    """That an expired trust set still holds for some bundles, for a while."""

    format: Literal["infrafabric-trust-grace-v1"] = "infrafabric-trust-grace-v1"
    trust: Digest
    """The set that expires."""
    origin: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """Origin of the log that it is given in; it counts in no other."""
    until: Instant
    covers: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=10_000)]
    """Digests of the bundles that were loaded."""
    why: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]

    @property
    def until_at(self) -> datetime:
        return datetime.fromisoformat(self.until)


@dataclass(frozen=True, slots=True)
class Given:
    """A grace whose signature and bounds were verified. Made by `read_grace` only."""

    grace: Grace
    digest: str
    """SHA-256 of the signed bytes."""
    operators: tuple[str, ...]
    """The operator keys that signed it."""


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, as trust sets write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expiry_warning(trusted: Trusted, now: datetime) -> int | None:
    """The threshold of `WARN_DAYS` that has been reached: 30, 7, 1, or 0 once expired. None while there is time."""
    left = trusted.trust.expires_at - now
    if left <= timedelta(0):
        return 0
    reached = [days for days in WARN_DAYS if left <= timedelta(days=days)]
    return min(reached) if reached else None


def check_expiry(trusted: Trusted, now: datetime, *, digest: str, given: Given | None) -> Given | None:
    """The grace under which the bundle of that digest may still be used; None as long as the set itself holds.

    Raises IF_ERR_TRUST_EXPIRED where the set has expired and no grace covers the bundle.
    """
    if now < trusted.trust.expires_at:
        return None
    expired = f"the trust set of version {trusted.trust.version} expired at {trusted.trust.expires}"
    if given is None or given.grace.trust != trusted.digest:
        raise FabricError(Code.TRUST_EXPIRED, expired)
    if now >= given.grace.until_at:
        raise FabricError(Code.TRUST_EXPIRED, f"{expired}, and the grace ended at {given.grace.until}")
    if digest not in given.grace.covers:
        raise FabricError(Code.TRUST_EXPIRED, f"{expired}, and the grace covers only what was loaded")
    return given


def make_grace(
    trusted: Trusted, origin: str, loaded: Iterable[str], until: datetime, why: str, key: SigningKey
) -> bytes:
    """A grace over the bundles of the digests `loaded`, signed by an operator key.

    Raises IF_ERR_GRACE_EMPTY where nothing is loaded, and as `read_grace` does.
    """
    covers = sorted(set(loaded))
    if not covers:
        raise FabricError(Code.GRACE_EMPTY, f"nothing is loaded that trust set {trusted.trust.version} allows")
    signed = {"format": DOMAIN, "trust": trusted.digest, "origin": origin, "until": instant(until), "covers": covers}
    document = sign_document(DOMAIN, {**signed, "why": why}, key)
    read_grace(document, trusted, origin)
    return document


def read_grace(document: bytes, trusted: Trusted, origin: str, longest: timedelta = MAX_GRACE) -> Given:
    """The grace in `document`, for that trust set and the log of that origin.

    Raises IF_ERR_GRACE_INVALID where it is malformed, or of another set or log; IF_ERR_GRACE_TOO_LONG where it reaches
    more than `longest` or `MAX_GRACE` beyond the expiry; IF_ERR_OPERATOR_UNKNOWN where no operator key of the set
    signed it.
    """
    try:
        opened = open_document(document, DOMAIN, "the grace")
        grace = opened.parse(Grace)
    except FabricError as error:
        raise FabricError(Code.GRACE_INVALID, error.message) from None
    if grace.trust != trusted.digest:
        raise FabricError(Code.GRACE_INVALID, "the grace is for another trust set")
    if grace.origin != origin:
        raise FabricError(Code.GRACE_INVALID, "the grace was given in another log")
    longest = min(longest, MAX_GRACE)
    if grace.until_at > trusted.trust.expires_at + longest:
        beyond = f"more than {longest.days} days beyond the expiry at {trusted.trust.expires}"
        raise FabricError(Code.GRACE_TOO_LONG, f"the grace reaches to {grace.until}, {beyond}")
    operators = tuple(key for key in trusted.trust.operator_keys if key in opened.signers)
    if not operators:
        raise FabricError(Code.OPERATOR_UNKNOWN, "no operator key of the trust set signed the grace")
    return Given(grace, opened.digest, operators)
