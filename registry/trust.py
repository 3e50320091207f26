"""The trust set: who may sign what, what is allowed, what is revoked. A pure state machine that raises.

Rules that hold for every `Trusted`:

- It is the set whose bytes were signed: at least `threshold` distinct root keys of its own signed them.
- `load` takes a set only if it is not older than one already seen, and, where the log names the current set by digest,
  only if it is that very set. Without a digest the set is believed on first sight: that is for making a home only.
- `advance` takes the next set only with a higher version and with the thresholds of the old *and* the new root keys.
- An expired set still loads, so that it can be renewed and say that it has expired; `trust_expiry` is asked before
  anything is done under it.

The document is `{"signed": …, "signatures": [{"key", "sig"}]}`, signed over `infrafabric-trust-v1`, a line feed, and
the RFC 8785 JSON of `signed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.names import CAPABILITY, Digest, product_of, short_name
from infrafabric.keys.signing import PublicKey, SigningKey
from infrafabric.registry.signed_json import add_signatures, open_document, sign_document

__all__ = [
    "DOMAIN", "Instant", "Publisher", "Revoked", "Seen", "TrustSet", "Trusted", "Why", "add_trust_signature",
    "advance", "load", "matches", "sign_trust", "signers",
]  # fmt: skip

DOMAIN = "infrafabric-trust-v1"
_WHAT = "the trust set"
_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,40}\.\*")
_ALLOWED = re.compile(rf"{CAPABILITY.pattern}@[0-9A-Za-z.-]{{5,80}}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def _enrolled(text: str) -> str:
    PublicKey.enrol(text)
    return text


def _pattern(text: str) -> str:
    if _PATTERN.fullmatch(text) is None and CAPABILITY.fullmatch(f"if://capability/{short_name(text)}") is None:
        raise ValueError(f"{text[:80]!r} is neither a capability's id nor product.*")
    return text


def _instant(text: str) -> str:
    if _INSTANT.fullmatch(text) is None:
        raise ValueError("an instant is written like 2027-11-21T00:00:00Z")
    datetime.fromisoformat(text)
    return text


def _allowed(text: str) -> str:
    if _ALLOWED.fullmatch(text) is None:
        raise ValueError(f"{text[:80]!r} is not of the form if://capability/NAME@VERSION")
    return text


Key = Annotated[str, AfterValidator(_enrolled)]
"""A public key, base64, that may be enrolled. Raises IF_ERR_KEY_INVALID."""
Pattern = Annotated[str, AfterValidator(_pattern)]
"""A capability's id (`vmix.switcher`, or in full) or `vmix.*`: all capabilities of a product. Nothing else."""
Instant = Annotated[str, AfterValidator(_instant)]
"""RFC 3339 in UTC, whole seconds: `2027-11-21T00:00:00Z`."""
AllowKey = Annotated[str, AfterValidator(_allowed)]
"""`if://capability/vmix.switcher@1.2.0`"""
PublisherName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Why = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Publisher(Word):
    """Someone whose adapters may be loaded: `threshold` of `keys` must sign, for ids that `patterns` name."""

    keys: Annotated[tuple[Key, ...], Field(min_length=1, max_length=32)]
    patterns: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=256)]
    threshold: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _reachable(self) -> Publisher:
        _check_threshold(self.keys, self.threshold)
        return self


class Revoked(Word):
    """What is trusted no more, each with the reason."""

    keys: Mapping[Key, Why] = {}
    digests: Mapping[Digest, Why] = {}


class TrustSet(Word):
    """What the root keys sign."""

    format: Literal["infrafabric-trust-v1"] = "infrafabric-trust-v1"
    version: Annotated[int, Field(ge=1, le=2**53 - 1)]
    expires: Instant
    root_keys: Annotated[tuple[Key, ...], Field(min_length=1, max_length=32)]
    threshold: Annotated[int, Field(ge=1)]
    publishers: Mapping[PublisherName, Publisher] = {}
    allow: Mapping[AllowKey, Digest] = {}
    revoked: Revoked = Revoked()
    operator_keys: Annotated[tuple[Key, ...], Field(max_length=32)] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> TrustSet:
        _check_threshold(self.root_keys, self.threshold)
        if len(set(self.operator_keys)) != len(self.operator_keys):
            raise ValueError("an operator key stands twice")
        if dead := {*self.root_keys, *self.operator_keys} & set(self.revoked.keys):
            raise ValueError(f"{min(dead)} is revoked and a root or operator key")
        keys = [key for publisher in self.publishers.values() for key in publisher.keys]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"{min(twice)} belongs to more than one publisher")
        return self

    @property
    def expires_at(self) -> datetime:
        return datetime.fromisoformat(self.expires)


def _check_threshold(keys: tuple[str, ...], threshold: int) -> None:
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    if threshold > len(keys):
        raise ValueError(f"the threshold {threshold} is more than the {len(keys)} keys")


def matches(pattern: str, capability_id: str) -> bool:
    """Whether a publisher's pattern names that capability."""
    if pattern.endswith(".*"):
        return product_of(capability_id) == pattern.removesuffix(".*")
    return short_name(pattern) == short_name(capability_id)


# --- the state machine ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What the log says of trust sets so far: the highest version, and the digest of that set."""

    version: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Trusted:
    """A trust set whose signatures were verified. Made by `load` and `advance` only."""

    trust: TrustSet
    digest: str
    """SHA-256 of the signed bytes."""
    document: bytes
    """The document as it was read: to be stored and handed on."""


def load(document: bytes, seen: Seen) -> Trusted:
    """The trust set that the home has stored.

    Raises IF_ERR_TRUST_INVALID, IF_ERR_KEY_INVALID, IF_ERR_TRUST_THRESHOLD, and IF_ERR_TRUST_ROLLBACK where it is older
    than, or another one than, the set last seen.
    """
    trusted, signers = _verified(document)
    _require(trusted.trust.root_keys, trusted.trust.threshold, signers, "its own")
    version = trusted.trust.version
    if version < seen.version:
        raise FabricError(Code.TRUST_ROLLBACK, f"the trust set has version {version}; version {seen.version} was seen")
    if seen.digest and trusted.digest != seen.digest:
        if version == seen.version:
            raise FabricError(Code.TRUST_ROLLBACK, f"another trust set of version {version} was seen")
        raise FabricError(
            Code.TRUST_INVALID,
            f"the trust set of version {version} does not follow from version {seen.version}, the last in the log",
        )
    return trusted


def advance(current: Trusted, document: bytes, now: datetime) -> Trusted:
    """The set that follows `current`.

    Raises as `load` does; IF_ERR_TRUST_THRESHOLD unless old and new root keys signed it, each by their threshold;
    IF_ERR_TRUST_ROLLBACK unless the version rises; IF_ERR_TRUST_EXPIRED where the new set has expired already.
    """
    following, signers = _verified(document)
    _require(current.trust.root_keys, current.trust.threshold, signers, "the present")
    _require(following.trust.root_keys, following.trust.threshold, signers, "its own")
    if following.trust.version <= current.trust.version:
        raise FabricError(
            Code.TRUST_ROLLBACK,
            f"the trust set has version {following.trust.version}, the present one {current.trust.version}",
        )
    if following.trust.expires_at <= now:
        raise FabricError(Code.TRUST_EXPIRED, f"the new trust set expired at {following.trust.expires}")
    return following


def signers(trusted: Trusted) -> frozenset[str]:
    """The root keys of the set that signed it. Whoever else signed counts for nothing."""
    return open_document(trusted.document, DOMAIN, _WHAT).signers & set(trusted.trust.root_keys)


def _verified(document: bytes) -> tuple[Trusted, frozenset[str]]:
    """A well-formed set, and the keys whose signatures on it are valid."""
    opened = open_document(document, DOMAIN, _WHAT)
    return Trusted(opened.parse(TrustSet), opened.digest, document), opened.signers


def _require(keys: Iterable[str], threshold: int, signers: frozenset[str], whose: str) -> None:
    valid = len(set(keys) & signers)
    if valid < threshold:
        raise FabricError(Code.TRUST_THRESHOLD, f"{valid} of {whose} root keys signed the trust set, {threshold} must")


# --- signing -------------------------------------------------------------------------------------------------------


def sign_trust(trust: TrustSet, *keys: SigningKey) -> bytes:
    """The document of `trust` with a signature by each of `keys`, fit for `load` or `advance`."""
    return sign_document(DOMAIN, trust.as_json(), *keys)


def add_trust_signature(document: bytes, *keys: SigningKey) -> bytes:
    """The document with more signatures: for root keys that lie apart. Raises IF_ERR_TRUST_INVALID."""
    return add_signatures(document, DOMAIN, _WHAT, *keys)
