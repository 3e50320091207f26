"""A trust set on its way round the holders of root keys: the next set, its signatures so far, and the set it follows.

The file is `{"format", "present", "next"}`, both sets as signed documents, so that whoever signs needs nothing but the
file and a key. What changes is worked out from the two sets, never read from the file. The present set in the file is
only what its sender says: the signer compares its digest with `ifctl trust show`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infrafabric.kernel import canonical
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.signed_json import MAX_BYTES, open_document
from infrafabric.registry.trust import DOMAIN, Seen, Trusted, TrustSet, add_trust_signature, load, sign_trust

__all__ = ["MAX_PROPOSAL", "Proposal", "propose", "read_proposal", "sign_proposal", "trust_changes"]

FORMAT = "infrafabric-trust-proposal-v1"
_AGAIN = "Ask for it again: `ifctl trust … --propose FILE` writes one. The trust set itself is as it was."
MAX_PROPOSAL = 2 * MAX_BYTES + 1_000
"""Bytes: two trust sets and what holds them together."""
_WHAT = "the proposal"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A well-formed proposal. Whether enough root keys signed it, `trust.advance` judges."""

    present: Trusted
    """The set that it says it follows: signed by its own root keys, not known to be the home's."""
    following: TrustSet
    digest: str
    """SHA-256 of the bytes that are signed."""
    document: bytes
    """The next set with its signatures so far, fit for `advance`."""
    signers: frozenset[str]
    """The keys whose signature on it is valid."""

    @property
    def missing(self) -> int:
        """How many more root keys must sign, at least: of the present set's or its own, whichever lacks more."""
        sets = (self.present.trust, self.following)
        return max(0, *(one.threshold - len(set(one.root_keys) & self.signers) for one in sets))


def propose(present: Trusted, following: TrustSet, *keys: SigningKey) -> bytes:
    """The proposal that `following` take the place of `present`, signed by `keys`. Raises as `sign_proposal` does."""
    for key in keys:
        _check_root(key, present.trust, following)
    return _written(present, sign_trust(following, *keys))


def read_proposal(data: bytes) -> Proposal:
    """Raises IF_ERR_TRUST_INVALID, IF_ERR_KEY_INVALID, IF_ERR_TRUST_THRESHOLD where the present set is not signed, and
    IF_ERR_TRUST_ROLLBACK where the next version is not the one after the present."""
    try:
        parts = canonical.loads(data, limit=MAX_PROPOSAL)
        if not isinstance(parts, dict) or set(parts) != {"format", "present", "next"} or parts["format"] != FORMAT:
            raise FabricError(Code.TRUST_INVALID, f"it is not an {FORMAT}")
        documents = [canonical.dumps(parts[name]) + b"\n" for name in ("present", "next")]
    except FabricError as error:
        raise FabricError(Code.TRUST_INVALID, f"{_WHAT}: {error.message}", remedy=_AGAIN) from None
    present = load(documents[0], Seen())
    opened = open_document(documents[1], DOMAIN, _WHAT)
    following = opened.parse(TrustSet)
    if following.version != present.trust.version + 1:
        raise FabricError(
            Code.TRUST_ROLLBACK, f"{_WHAT} has version {following.version}, the set it follows {present.trust.version}"
        )
    return Proposal(present, following, opened.digest, documents[1], opened.signers)


def sign_proposal(proposal: Proposal, key: SigningKey) -> bytes:
    """The proposal with a signature by `key`; the same again where that key has signed.

    Raises IF_ERR_TRUST_SIGNER where it is a root key of neither set.
    """
    _check_root(key, proposal.present.trust, proposal.following)
    if str(key.public) in proposal.signers:
        return _written(proposal.present, proposal.document)
    return _written(proposal.present, add_trust_signature(proposal.document, key))


def trust_changes(present: TrustSet, following: TrustSet) -> tuple[str, ...]:
    """What differs, a line each, member by member; the version is left out."""
    return tuple(_differences("", present.as_json(), following.as_json()))


def _differences(where: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            if where or name != "version":
                yield from _differences(f"{where} {name}".strip(), old.get(name), new.get(name))
    elif old != new:
        was, becomes = _text(old), _text(new)
        yield f"{where}: {was} becomes {becomes}" if old is not None else f"{where}: {becomes} is new"


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else canonical.dumps(value).decode()


def _check_root(key: SigningKey, *sets: TrustSet) -> None:
    if not any(str(key.public) in one.root_keys for one in sets):
        raise FabricError(Code.TRUST_SIGNER, f"{key.public} is a root key of neither the present nor the next set")


def _written(present: Trusted, document: bytes) -> bytes:
    parts = {"format": FORMAT, "present": canonical.loads(present.document, limit=MAX_BYTES)}
    return canonical.dumps({**parts, "next": canonical.loads(document, limit=MAX_BYTES)}) + b"\n"
