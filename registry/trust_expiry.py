"""What happens as a trust set grows old: people are told ahead, then nothing loads, save under an operator's grace.

A grace is a document signed by one operator key of the expired set. It names that set and the bundles that are loaded,
reaches a fixed time, and covers nothing else: what was not running does not start. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.names import Digest
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.signed_json import open_document, sign_document
from infrafabric.registry.trust import Instant, Trusted, Why

__all__ = ["MAX_GRACE", "WARN_DAYS", "Grace", "check_expiry", "expiry_warning", "instant", "make_grace", "read_grace"]

DOMAIN = "infrafabric-trust-grace-v1"
WARN_DAYS = (30, 7, 1)
"""Days before expiry at which people are told."""
MAX_GRACE = timedelta(days=14)
"""How long after the expiry a grace may reach."""


class Grace(Word):
    """That an expired trust set still holds for some bundles, for a while."""

    format: Literal["infrafabric-trust-grace-v1"] = "infrafabric-trust-grace-v1"
    trust: Digest
    """The set that has expired."""
    until: Instant
    covers: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=10_000)]
    """Digests of the bundles that were loaded."""
    why: Why


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


def check_expiry(trusted: Trusted, now: datetime, *, digest: str, grace: Grace | None) -> None:
    """Raise IF_ERR_TRUST_EXPIRED where the set has expired and no grace covers the bundle of that digest."""
    if now < trusted.trust.expires_at:
        return
    expired = f"the trust set of version {trusted.trust.version} expired at {trusted.trust.expires}"
    if grace is None or grace.trust != trusted.digest:
        raise FabricError(Code.TRUST_EXPIRED, expired)
    if now >= datetime.fromisoformat(grace.until):
        raise FabricError(Code.TRUST_EXPIRED, f"{expired}, and the grace ended at {grace.until}")
    if digest not in grace.covers:
        raise FabricError(Code.TRUST_EXPIRED, f"{expired}, and the grace covers only what was loaded")


def make_grace(trusted: Trusted, loaded: Iterable[str], until: datetime, why: str, key: SigningKey) -> bytes:
    """A grace over the bundles of the digests `loaded`, signed by an operator key. Raises as `read_grace` does."""
    grace = Grace(trust=trusted.digest, until=instant(until), covers=tuple(sorted(set(loaded))), why=why)
    document = sign_document(DOMAIN, grace.as_json(), key)
    read_grace(document, trusted)
    return document


def read_grace(document: bytes, trusted: Trusted) -> Grace:
    """The grace in `document`, for that trust set.

    Raises IF_ERR_TRUST_INVALID where it is malformed, of another set, or reaches more than `MAX_GRACE` beyond the
    expiry; IF_ERR_TRUST_THRESHOLD where no operator key of the set signed it.
    """
    opened = open_document(document, DOMAIN, "the grace")
    grace = opened.parse(Grace)
    if grace.trust != trusted.digest:
        raise FabricError(Code.TRUST_INVALID, "the grace is for another trust set")
    if datetime.fromisoformat(grace.until) > trusted.trust.expires_at + MAX_GRACE:
        raise FabricError(Code.TRUST_INVALID, f"the grace reaches more than {MAX_GRACE.days} days beyond the expiry")
    if not opened.signers & set(trusted.trust.operator_keys):
        raise FabricError(Code.TRUST_THRESHOLD, "no operator key of the trust set signed the grace")
    return grace
