"""What operators said, as the log holds it, each record believed only under an operator's signature: targets, talents,
grants, roles, budgets, policies, and by what callers are known.

The facts are a fold kept for speed in the same database as the log; whoever could edit them there would still need an
operator key. A record whose signature fails is as good as absent, so what it would have allowed is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from infrafabric.kernel.canonical import dumps, sha256, signed_bytes
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Facts
from infrafabric.kernel.words.access import Identity
from infrafabric.kernel.words.entries import (
    ApiKeyChanged,
    BudgetChanged,
    GrantChanged,
    IdentityChanged,
    Kind,
    PasskeyChanged,
    PolicyChanged,
    RoleChanged,
    Signed,
    TalentChanged,
    TargetChanged,
)
from infrafabric.kernel.words.names import product_of, short_name
from infrafabric.kernel.words.policy import Budget, Role
from infrafabric.kernel.words.things import Grant, Talent, Target

__all__ = ["Authority", "Verify", "change_bytes"]

Verify = Callable[[str, bytes, str], bool]
"""(public key base64, message, signature base64) → whether it holds."""

_MODELS: Mapping[str, tuple[Kind, type[Signed]]] = {
    "target": (Kind.TARGET_CHANGED, TargetChanged),
    "talent": (Kind.TALENT_CHANGED, TalentChanged),
    "grant": (Kind.GRANT_CHANGED, GrantChanged),
    "role": (Kind.ROLE_CHANGED, RoleChanged),
    "budget": (Kind.BUDGET_CHANGED, BudgetChanged),
    "policy": (Kind.POLICY_CHANGED, PolicyChanged),
    "api_key": (Kind.API_KEY_CHANGED, ApiKeyChanged),
    "identity": (Kind.IDENTITY_CHANGED, IdentityChanged),
    "passkey": (Kind.PASSKEY_CHANGED, PasskeyChanged),
}
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Examined:
    """What came of looking at a stored record. `operator` is the key that signed it, "" where none did."""

    stored: bytes
    digest: str
    operator: str
    content: Mapping[str, Any]


def change_bytes(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """What an operator signs for a body of an entry that is `Signed` (JSON members)."""
    content = {name: value for name, value in body.items() if name != "signature"}
    return signed_bytes("infrafabric-change-v1", {"kind": kind.value, **content})


class Authority:
    """Verified reading of the operator's records. Implements `Facts` for their tables and passes others on."""

    def __init__(self, facts: Facts, origin: str, operators: Callable[[], frozenset[str]], verify: Verify) -> None:
        """`operators` gives the operator keys that the trust set names now (base64)."""
        self._facts = facts
        self._origin = origin
        self._operators = operators
        self._verify = verify
        self._examined: dict[tuple[str, str], _Examined] = {}

    def get(self, table: str, key: str) -> Any | None:
        if table not in _MODELS:
            return self._facts.get(table, key)
        examined = self._believed(table, key)
        return None if examined is None else dict(examined.content)

    def stored(self, table: str, key: str) -> bytes | None:
        if table not in _MODELS:
            return self._facts.stored(table, key)
        examined = self._believed(table, key)
        return None if examined is None else dumps(dict(examined.content))

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        rows = self._facts.scan(table, prefix)
        if table not in _MODELS:
            return rows
        believed = ((key, self._believed(table, key)) for key, _ in rows)
        return [(key, dict(examined.content)) for key, examined in believed if examined is not None]

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
        examined = self._believed(table, key)
        return "" if examined is None else examined.digest

    def _believed(self, table: str, key: str) -> _Examined | None:
        """The record under a fact, examined once for as long as it stands unchanged."""
        stored = self._facts.stored(table, key)
        if stored is None:
            return None
        examined = self._examined.get((table, key))
        if examined is None or examined.stored != stored:
            examined = self._examine(table, key, stored)
            if len(self._examined) >= _REMEMBERED:
                self._examined.clear()
            self._examined[table, key] = examined
        return examined if examined.operator in self._operators() else None

    def _examine(self, table: str, key: str, stored: bytes) -> _Examined:
        kind, model = _MODELS[table]
        value = orjson.loads(stored)
        content = {"digest": value["digest"], "files": value["files"]} if table == "policy" else dict(value["value"])
        if not self._check(kind, model, value) or key != _name(table, content):
            return _Examined(stored, "", "", {})  # not signed, or moved to where it says nothing
        if table == "talent":
            content["revoked"] = value["change"] == "revoked"
        return _Examined(stored, sha256(stored), value["operator"], content)

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
        case "talent" | "api_key" | "passkey":
            return str(content["id"])
        case "identity":
            return Identity.model_validate(content).key
        case "role":
            return Role.model_validate(content).key
        case "budget":
            return Budget.model_validate(content).key
        case "policy":
            return "set"
        case _:
            return Grant.model_validate(content).key
