"""The edits of a trust set. Each gives the next set, one version higher and unsigned; `trust.sign_trust` signs it.

All are pure and raise IF_ERR_TRUST_INVALID for a set that would not hang together, IF_ERR_KEY_INVALID for a key that
may not be enrolled, and what they say themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pydantic

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import short_name
from infrafabric.keys.signing import PublicKey
from infrafabric.registry.trust import TrustSet
from infrafabric.registry.trust_expiry import instant

__all__ = [
    "add_publisher", "allow", "disallow", "first", "remove_publisher", "renew", "revoke_digest", "revoke_key",
    "rotate_root", "set_operator_keys",
]  # fmt: skip


def first(
    root_keys: Iterable[PublicKey], threshold: int, operator_keys: Iterable[PublicKey], expires: datetime
) -> TrustSet:
    """The set of version 1: nobody may sign anything yet."""
    return _built(
        {
            "version": 1,
            "expires": instant(expires),
            "root_keys": _texts(root_keys),
            "threshold": threshold,
            "operator_keys": _texts(operator_keys),
        }
    )


def add_publisher(
    trust: TrustSet, name: str, keys: Iterable[PublicKey], patterns: Iterable[str], threshold: int = 1
) -> TrustSet:
    """Enrol a publisher, or put other keys and patterns in the place of those that one of this name has."""
    publisher = {"keys": _texts(keys), "patterns": tuple(short_name(text) for text in patterns), "threshold": threshold}
    return _next(trust, publishers={**trust.publishers, name: publisher})


def remove_publisher(trust: TrustSet, name: str) -> TrustSet:
    """Trust a publisher no more. What it signed stays on the allow-list and is refused. Raises IF_ERR_NAME_INVALID."""
    if name not in trust.publishers:
        raise FabricError(Code.NAME_INVALID, f"the trust set has no publisher {name[:64]!r}")
    return _next(trust, publishers=_without(trust.publishers, name))


def allow(trust: TrustSet, capability_id: str, version: str, digest: str) -> TrustSet:
    """Put a bundle on the allow-list; it takes the place of another bundle of that id and version.

    Raises IF_ERR_DIGEST_REVOKED for a revoked one.
    """
    if digest in trust.revoked.digests:
        raise FabricError(Code.DIGEST_REVOKED, f"{digest} was revoked: {trust.revoked.digests[digest]}")
    return _next(trust, allow={**trust.allow, f"{capability_id}@{version}": digest})


def disallow(trust: TrustSet, capability_id: str, version: str) -> TrustSet:
    """Take a bundle off the allow-list. Raises IF_ERR_NOT_ALLOWED where it is not on it."""
    key = f"{capability_id}@{version}"
    if key not in trust.allow:
        raise FabricError(Code.NOT_ALLOWED, f"{key[:200]} is not on the allow-list")
    return _next(trust, allow=_without(trust.allow, key))


def revoke_key(trust: TrustSet, key: PublicKey, why: str) -> TrustSet:
    """Trust a key no more: signatures by it count for nothing, and an operator key is one no longer.

    A root key cannot be revoked: rotate the root instead (IF_ERR_TRUST_INVALID).
    """
    text = str(key)
    if text in trust.root_keys:
        raise FabricError(
            Code.TRUST_INVALID, f"{text} is a root key", remedy="Rotate the root keys: `ifctl trust rotate`."
        )
    operators = tuple(operator for operator in trust.operator_keys if operator != text)
    revoked = {"keys": {**trust.revoked.keys, text: why}, "digests": trust.revoked.digests}
    return _next(trust, revoked=revoked, operator_keys=operators)


def revoke_digest(trust: TrustSet, digest: str, why: str) -> TrustSet:
    """Trust a bundle no more. It stays on the allow-list, so that who asks for it learns why it is refused."""
    return _next(trust, revoked={"keys": trust.revoked.keys, "digests": {**trust.revoked.digests, digest: why}})


def set_operator_keys(trust: TrustSet, keys: Iterable[PublicKey]) -> TrustSet:
    return _next(trust, operator_keys=_texts(keys))


def rotate_root(trust: TrustSet, root_keys: Iterable[PublicKey], threshold: int) -> TrustSet:
    """Other root keys. The set must be signed by the old and the new ones, each by their threshold."""
    return _next(trust, root_keys=_texts(root_keys), threshold=threshold)


def renew(trust: TrustSet, expires: datetime) -> TrustSet:
    """The same set with another expiry."""
    return _next(trust, expires=instant(expires))


def _next(trust: TrustSet, **changed: Any) -> TrustSet:
    return _built({**trust.model_dump(), "version": trust.version + 1, **changed})


def _built(members: Mapping[str, Any]) -> TrustSet:
    try:
        return TrustSet.model_validate(members)
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, found["loc"])) or "trust set"
        raise FabricError(Code.TRUST_INVALID, f"{where}: {found['msg'][:200]}") from None


def _texts(keys: Iterable[PublicKey]) -> tuple[str, ...]:
    return tuple(str(key) for key in keys)


def _without(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}
