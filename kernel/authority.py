"""Targets, talents and grants as the log holds them, each believed only under an operator's signature.

The facts are a fold kept for speed in the same database as the log; whoever could edit them there would still need an
operator key. A record whose signature fails is as good as absent, so what it would have allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infrafabric.kernel.canonical import dumps, sha256, signed_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.entries import GrantChanged, Kind, Signed, TalentChanged, TargetChanged
from infrafabric.kernel.words.names import product_of, short_name
from infrafabric.kernel.words.things import Grant, Talent, Target

__all__ = ["Authority", "Verify", "change_bytes"]

Verify = Callable[[str, bytes, str], bool]
"""(public key base64, message, signature base64) → whether it holds."""

_MODELS: Mapping[str, tuple[Kind, type[Signed]]] = {
    "target": (Kind.TARGET_CHANGED, TargetChanged),
    "talent": (Kind.TALENT_CHANGED, TalentChanged),
    "grant": (Kind.GRANT_CHANGED, GrantChanged),
}
_REMEMBERED = 4096


def change_bytes(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """What an operator signs for a body of `target.changed`, `talent.changed` or `grant.changed` (JSON members)."""
    content = {name: value for name, value in body.items() if name != "signature"}
    return signed_bytes("infrafabric-change-v1", {"kind": kind.value, **content})


class Authority:
    """Verified reading of the operator's records. Implements `Facts` for those three tables and passes others on."""

    def __init__(self, facts: Facts, origin: str, operators: Callable[[], frozenset[str]], verify: Verify) -> None:
        """`operators` gives the operator keys that the trust set names now (base64)."""
        self._facts = facts
        self._origin = origin
        self._operators = operators
        self._verify = verify
        self._verified: dict[str, bool] = {}

    def get(self, table: str, key: str) -> Any | None:
        value = self._facts.get(table, key)
        if value is None or table not in _MODELS:
            return value
        return self._believed(table, key, value)

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        rows = self._facts.scan(table, prefix)
        if table not in _MODELS:
            return rows
        believed = ((key, self._believed(table, key, value)) for key, value in rows)
        return [(key, value) for key, value in believed if value is not None]

    def talent(self, talent: str) -> Talent:
        """Raises IF_ERR_TALENT_UNKNOWN, IF_ERR_TALENT_REVOKED."""
        value = self.get("talent", talent)
        if value is None:
            raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {talent}")
        if value.pop("revoked"):
            raise FabricError(Code.TALENT_REVOKED, f"the talent {talent} was revoked")
        return Talent.model_validate(value)

    def target(self, name: str) -> Target:
        """Raises IF_ERR_TARGET_UNKNOWN."""
        value = self.get("target", name)
        if value is None:
            raise FabricError(Code.TARGET_UNKNOWN, f"there is no target {name}")
        return Target.model_validate(value)

    def target_for(self, capability: str, name: str | None, tenant: str) -> Target:
        """The target named, or the only one of the capability's product that the tenant has.

        Raises IF_ERR_TARGET_UNKNOWN, IF_ERR_TARGET_AMBIGUOUS, IF_ERR_TARGET_MISMATCH.
        """
        product = product_of(capability)
        if name is not None:
            target = self.target(name)
            if target.tenant != tenant:
                raise FabricError(Code.TARGET_UNKNOWN, f"there is no target {name}")
            if product_of(name) != product:
                raise FabricError(Code.TARGET_MISMATCH, f"{short_name(capability)} does not act on {name}")
            return target
        found = [key for key, value in self.scan("target", f"{product}@") if value["tenant"] == tenant]
        if not found:
            raise FabricError(Code.TARGET_UNKNOWN, f"there is no target of the product {product}")
        if len(found) > 1:
            raise FabricError(Code.TARGET_AMBIGUOUS, f"{short_name(capability)} could act on {', '.join(found)}")
        return self.target(found[0])

    def record(self, table: str, key: str) -> str:
        """Digest of the believed record behind a fact, "" where there is none: it changes when the record does."""
        value = self._facts.get(table, key)
        return "" if value is None or self._believed(table, key, value) is None else sha256(dumps(value))

    def _believed(self, table: str, key: str, value: Mapping[str, Any]) -> dict[str, Any] | None:
        kind, model = _MODELS[table]
        digest = sha256(dumps(dict(value)))
        holds = self._verified.get(digest)
        if holds is None:
            holds = self._check(kind, model, value)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[digest] = holds
        if not holds or value["operator"] not in self._operators():
            return None
        content = dict(value["value"])
        if key != _name(table, content):
            return None  # moved to where it says nothing
        if table == "talent":
            content["revoked"] = value["change"] == "revoked"
        return content

    def _check(self, kind: Kind, model: type[Signed], value: Mapping[str, Any]) -> bool:
        try:
            body = model.model_validate(value)
        except ValueError:
            return False
        return body.origin == self._origin and self._verify(
            body.operator, change_bytes(kind, body.as_json()), body.signature
        )


def _name(table: str, content: Mapping[str, Any]) -> str:
    """The key under which a record stands."""
    match table:
        case "target":
            return str(content["name"])
        case "talent":
            return str(content["id"])
        case _:
            return Grant.model_validate(content).key
