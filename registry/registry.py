"""The registry: from a capability's id to verified bytes that the trust set lets run, or the reason why not.

Everything is decided again from the stored bytes when a bundle is first asked for, and from the present trust set each
time. What was handed out is remembered, so that a new trust set can say what must stop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Capability
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.registry import signing
from infrafabric.registry.bundle import Bundle
from infrafabric.registry.entitlement import Claim, Entitlement, entitle, entitled_publisher
from infrafabric.registry.store import BundleStore
from infrafabric.registry.trust import Trusted
from infrafabric.registry.trust_expiry import Given, check_expiry

__all__ = ["AdapterRegistry", "Listed", "Unload", "precedence"]

_VERSION = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)(?:-(.+))?")


@dataclass(frozen=True, slots=True)
class Listed:
    """One bundle, and whether it may be loaded."""

    id: str
    version: str
    digest: str
    publisher: str
    """Name in the trust set, "" where nobody trusted stands behind it."""
    loaded: bool
    """Whether it was handed out since the start."""
    manifest: Manifest | None
    """None where the store has it no more, or damaged."""
    reason: FabricError | None
    """Why it may not be loaded; None: it may."""


@dataclass(frozen=True, slots=True)
class Unload:
    """A capability that was handed out and may not run any more."""

    capability: Capability
    reason: FabricError


@dataclass(frozen=True, slots=True)
class _Installed:
    """A bundle in the store, its manifest verified, its files not read yet."""

    manifest: Manifest
    claim: Claim


class AdapterRegistry:
    """Implements `kernel.ports.Registry` over a bundle store and a trust set.

    `now` is the clock that expiry is judged by. Without a trust set every question is answered IF_ERR_TRUST_MISSING.
    Not thread-safe; `resolve` reads files the first time it is asked for a bundle.
    """

    def __init__(
        self, store: BundleStore, trusted: Trusted | None, *, now: Callable[[], datetime], grace: Given | None = None
    ) -> None:
        self._store = store
        self._trusted = trusted
        self._now = now
        self._grace = grace
        self._installed: dict[str, _Installed] = {}
        self._damaged: dict[str, FabricError] = {}
        self._loaded: dict[str, Capability] = {}
        self._entitlements: dict[str, Entitlement | FabricError] = {}
        self._orders: dict[str, tuple[str, ...]] = {}
        self.revision = 0
        """Another one whenever what `list` gives may have changed by more than time."""
        self.refresh()

    # --- the port ---------------------------------------------------------------------------------------------

    def resolve(self, capability_id: str) -> Capability:
        """The highest version of the capability that is installed and may be loaded.

        Where none may, raises the reason of the highest version that the operator allowed, or else of the highest
        there is; IF_ERR_CAPABILITY_UNKNOWN where there is none at all.
        """
        reasons: list[FabricError] = []
        for digest in self._candidates(capability_id):
            try:
                return self._load(digest)
            except FabricError as error:
                reasons.append(error)
        if reasons:
            raise reasons[0]
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"no bundle of {capability_id[:200]} is installed")

    def recorded(self, capability_id: str, digest: str) -> Capability:
        """The bundle that a recorded run named, for replay: its bytes verified, whatever the trust set now says of it.

        Its `records` are empty. Raises IF_ERR_REPLAY_UNAVAILABLE where it is not stored, damaged, or of another id.
        """
        try:
            bundle = self._store.load(digest)
        except FabricError as error:
            raise FabricError(Code.REPLAY_UNAVAILABLE, f"the bundle of {capability_id[:200]}: {error}") from None
        if bundle.manifest.id != capability_id:
            raise FabricError(Code.REPLAY_UNAVAILABLE, f"{digest} is {bundle.manifest.id}, not {capability_id[:200]}")
        publisher = self._publisher(bundle) or f"key:{bundle.signers[0].fingerprint}"
        return Capability(bundle.manifest, digest, publisher, bundle.files, ())

    def recheck(self, capability: Capability) -> None:
        """Raise unless `capability` may still run: IF_ERR_KEY_REVOKED, IF_ERR_DIGEST_REVOKED, IF_ERR_NOT_ALLOWED, …

        No I/O.
        """
        self._entitled(capability.digest)

    # --- for the doors ----------------------------------------------------------------------------------------

    @property
    def trusted(self) -> Trusted | None:
        return self._trusted

    def loaded(self) -> tuple[Capability, ...]:
        """What was handed out and may still run, by digest."""
        return tuple(self._loaded[digest] for digest in sorted(self._loaded))

    def list(self) -> tuple[Listed, ...]:
        """Every bundle that is installed or allowed, by id, the highest version first, with the reason against it."""
        known = {digest: (it.claim.id, it.claim.version) for digest, it in self._installed.items()}
        for digest, name in self._allowed_names():
            known.setdefault(digest, name)
        for digest in self._damaged:
            known.setdefault(digest, ("", ""))
        rows = sorted(known.items(), key=lambda row: precedence(row[1][1]), reverse=True)
        return tuple(self._listed(digest, *name) for digest, name in sorted(rows, key=lambda row: row[1][0]))

    def examine(self, bundle: Bundle) -> Entitlement:
        """Why a bundle could be loaded if it were installed; raises the reason why not."""
        trusted = self._present()
        return self._in_time(trusted, bundle.digest, entitle(trusted.trust, _claim(bundle)))

    # --- change -----------------------------------------------------------------------------------------------

    def update_trust(self, trusted: Trusted, grace: Given | None = None) -> tuple[Unload, ...]:
        """Judge by another trust set from now on. Returns what was handed out and may not run any more.

        The caller drops those instances and records `adapter.unloaded`; `recheck` refuses them from now on. Raises
        IF_ERR_TRUST_ROLLBACK for a set older than the present one.
        """
        version, present = trusted.trust.version, self._trusted
        if present is not None and trusted.digest != present.digest and version <= present.trust.version:
            raise FabricError(
                Code.TRUST_ROLLBACK, f"the trust set has version {version}, the present one {present.trust.version}"
            )
        self._trusted = trusted
        self._grace = grace
        self.revision += 1
        self._entitlements.clear()
        self._orders.clear()
        return self._unload()

    def refresh(self) -> tuple[Unload, ...]:
        """Look at the store again: bundles were installed or removed. Returns as `update_trust` does."""
        digests = self._store.digests()
        self._installed = {digest: it for digest, it in self._installed.items() if digest in digests}
        self._damaged.clear()
        for digest in digests:
            if digest not in self._installed:
                self._index(digest)
        self.revision += 1
        self._entitlements.clear()
        self._orders.clear()
        return self._unload()

    # --- inside -----------------------------------------------------------------------------------------------

    def _index(self, digest: str) -> None:
        try:
            document = self._store.manifest(digest)
            keys = signing.signers(document)
        except FabricError as error:
            self._damaged[digest] = error  # told by `list`, and by `resolve` where the bundle is allowed
            return
        manifest = document.manifest
        self._installed[digest] = _Installed(manifest, Claim(manifest.id, manifest.version, digest, keys))

    def _present(self) -> Trusted:
        if self._trusted is None:
            raise FabricError(Code.TRUST_MISSING, "there is no trust set")
        return self._trusted

    def _candidates(self, capability_id: str) -> tuple[str, ...]:
        """Digests of that id's bundles: those allowed first, higher versions first."""
        self._present()
        order = self._orders.get(capability_id, ())
        if not order:
            installed = {digest: it.claim for digest, it in self._installed.items()}
            allowed = {
                digest: version
                for digest, (name, version) in self._allowed_names()
                # A bundle that is allowed under another id than its own is not what was asked for.
                if name == capability_id and (digest not in installed or installed[digest].id == capability_id)
            }
            others = {
                digest: claim.version
                for digest, claim in installed.items()
                if claim.id == capability_id and digest not in allowed
            }
            order = (*_highest_first(allowed), *_highest_first(others))
            if order:  # ids that callers make up are not remembered
                self._orders[capability_id] = order
        return order

    def _allowed_names(self) -> tuple[tuple[str, tuple[str, str]], ...]:
        """(digest, (id, version)) of the allow-list."""
        if self._trusted is None:
            return ()
        return tuple((digest, _parted(name)) for name, digest in self._trusted.trust.allow.items())

    def _load(self, digest: str) -> Capability:
        entitlement = self._entitled(digest)
        capability = self._loaded.get(digest)
        if capability is None or capability.records != entitlement.records:
            bundle = self._store.load(digest)
            capability = Capability(bundle.manifest, digest, entitlement.publisher, bundle.files, entitlement.records)
            self._loaded[digest] = capability
        return capability

    def _entitled(self, digest: str) -> Entitlement:
        trusted = self._present()
        entitlement = self._entitlements.get(digest)
        if entitlement is None:
            entitlement = self._entitlements[digest] = self._judged(trusted, digest)
        if isinstance(entitlement, FabricError):
            raise FabricError(entitlement.code, entitlement.message, remedy=entitlement.remedy)
        return self._in_time(trusted, digest, entitlement)

    def _in_time(self, trusted: Trusted, digest: str, entitlement: Entitlement) -> Entitlement:
        """The entitlement, which rests on the grace too once the set has expired. Raises IF_ERR_TRUST_EXPIRED."""
        given = check_expiry(trusted, self._now(), digest=digest, given=self._grace)
        return entitlement if given is None else replace(entitlement, records=(*entitlement.records, given.digest))

    def _judged(self, trusted: Trusted, digest: str) -> Entitlement | FabricError:
        if digest in self._damaged:
            return self._damaged[digest]
        if digest not in self._installed:
            return FabricError(Code.BUNDLE_MISSING, f"the bundle {digest[:80]} is not in the bundle store")
        try:
            return entitle(trusted.trust, self._installed[digest].claim)
        except FabricError as error:
            return error

    def _publisher(self, bundle: Bundle) -> str:
        """Who stands behind the bundle today, or ""."""
        if self._trusted is None:
            return ""
        try:
            return entitled_publisher(self._trusted.trust, _claim(bundle))
        except FabricError:
            return ""

    def _unload(self) -> tuple[Unload, ...]:
        """Forget what may not run any more. Expiry unloads nothing: it is asked anew before every write."""
        gone = []
        for digest, capability in sorted(self._loaded.items()):
            judged = self._judged(self._present(), digest)
            if isinstance(judged, FabricError):
                gone.append(Unload(capability, judged))
                del self._loaded[digest]
        return tuple(gone)

    def _listed(self, digest: str, capability_id: str, version: str) -> Listed:
        installed = self._installed.get(digest)
        manifest = installed.manifest if installed else None
        try:
            entitlement = self._entitled(digest)
        except FabricError as error:
            return Listed(capability_id, version, digest, "", digest in self._loaded, manifest, error)
        return Listed(capability_id, version, digest, entitlement.publisher, digest in self._loaded, manifest, None)


def _claim(bundle: Bundle) -> Claim:
    return Claim(bundle.manifest.id, bundle.manifest.version, bundle.digest, bundle.signers)


def _highest_first(versions: Mapping[str, str]) -> Iterable[str]:
    return sorted(versions, key=lambda digest: (precedence(versions[digest]), digest), reverse=True)


def _parted(name: str) -> tuple[str, str]:
    capability_id, _, version = name.rpartition("@")
    return capability_id, version


def precedence(version: str) -> tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]:
    """A key that sorts versions as Semantic Versioning 2.0 section 11 does; what is no version sorts lowest."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return (-1, -1, -1, False, ())
    before = tuple(
        (0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part)
        for part in (found[4] or "").split(".")
        if found[4]
    )
    return (int(found[1]), int(found[2]), int(found[3]), not before, before)
