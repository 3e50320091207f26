"""Whether a trust set lets a bundle be loaded, in the order: verified → entitled → allowed → not revoked. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import PublicKey
from infrafabric.registry.trust import Publisher, TrustSet, matches

__all__ = ["Claim", "Entitlement", "entitle", "entitled_publisher"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a bundle says of itself, its signatures verified."""

    id: str
    version: str
    digest: str
    signers: tuple[PublicKey, ...]

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Why a bundle may be loaded."""

    publisher: str
    records: tuple[str, ...]
    """Digests of the records of the trust set that allowed it: the publisher's and the allow-list's."""


def entitle(trust: TrustSet, claim: Claim) -> Entitlement:
    """Why `claim` may be loaded under `trust`.

    Raises the first of IF_ERR_PUBLISHER_UNKNOWN, IF_ERR_KEY_REVOKED, IF_ERR_PUBLISHER_NOT_ENTITLED,
    IF_ERR_SIGNATURE_THRESHOLD, IF_ERR_NOT_ALLOWED, IF_ERR_DIGEST_REVOKED that applies.
    """
    name = entitled_publisher(trust, claim)
    digest = trust.allow.get(claim.name)
    if digest != claim.digest:
        why = "is not on the allow-list" if digest is None else f"is allowed as {digest}, not as {claim.digest}"
        raise FabricError(Code.NOT_ALLOWED, f"{claim.name} {why}")
    if claim.digest in trust.revoked.digests:
        raise FabricError(Code.DIGEST_REVOKED, f"{claim.name} was revoked: {trust.revoked.digests[claim.digest]}")
    publisher = {"name": name, **trust.publishers[name].as_json()}
    records = ({"publisher": publisher}, {"allow": {claim.name: digest}})
    return Entitlement(name, tuple(canonical.sha256(canonical.dumps(record)) for record in records))


def entitled_publisher(trust: TrustSet, claim: Claim) -> str:
    """The name of the publisher that stands behind the bundle: the first, by name, for whom nothing is missing.

    Signatures by unknown and revoked keys count for nothing, so a bundle that a good key signed again loads. Where
    nobody stands behind it, the reason is that of the publisher who comes nearest.
    """
    signers = {str(key) for key in claim.signers}
    behind = {name: it for name, it in sorted(trust.publishers.items()) if signers & set(it.keys)}
    if not behind:
        keys = ", ".join(sorted(signers))
        if revoked := sorted(signers & set(trust.revoked.keys)):
            raise FabricError(Code.KEY_REVOKED, _revoked(trust, claim, revoked[0]))
        raise FabricError(Code.PUBLISHER_UNKNOWN, f"{claim.name} is signed by {keys}, which no publisher holds")
    reasons = []
    for name, publisher in behind.items():
        reason = _missing(trust, claim, name, publisher, signers)
        if reason is None:
            return name
        reasons.append(reason)
    raise max(reasons, key=lambda reason: _NEARNESS.index(reason.code))


_NEARNESS = (Code.PUBLISHER_NOT_ENTITLED, Code.SIGNATURE_THRESHOLD, Code.KEY_REVOKED)
"""Reasons, the most telling last."""


def _missing(trust: TrustSet, claim: Claim, name: str, publisher: Publisher, signers: set[str]) -> FabricError | None:
    """What keeps this publisher from standing behind the bundle."""
    signed = signers & set(publisher.keys)
    good = signed - set(trust.revoked.keys)
    if not any(matches(pattern, claim.id) for pattern in publisher.patterns):
        return FabricError(Code.PUBLISHER_NOT_ENTITLED, f"{name} may not sign {claim.id}")
    if len(good) >= publisher.threshold:
        return None
    if len(signed) >= publisher.threshold:
        return FabricError(Code.KEY_REVOKED, _revoked(trust, claim, min(signed - good)))
    return FabricError(
        Code.SIGNATURE_THRESHOLD,
        f"{claim.name} is signed by {len(signed)} of {name}'s keys, {publisher.threshold} must",
    )


def _revoked(trust: TrustSet, claim: Claim, key: str) -> str:
    return f"{claim.name} is signed by {key}, which was revoked: {trust.revoked.keys[key]}"
