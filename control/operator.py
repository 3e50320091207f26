"""What an operator changes, as signed entries: targets, talents, grants, roles, budgets, policies, and by what callers
are known."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from infrafabric.kernel.authority import change_bytes
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.access import ApiKey, Identity, Passkey
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
from infrafabric.kernel.words.policy import Budget, Role
from infrafabric.kernel.words.things import Grant, Talent, Target
from infrafabric.keys.signing import SigningKey

__all__ = ["OPERATOR", "Operator"]

OPERATOR = "if://person/operator"
"""The person that `ifctl init` makes: whoever has the home open and names no other talent."""

S = TypeVar("S", bound=Signed)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator key at work on one log. Each method gives the entry to append; nothing is appended here."""

    key: SigningKey
    origin: str
    trace: str
    who: str = OPERATOR
    """Talent id of the person who makes the change."""

    def target(self, value: Target, why: str, change: Literal["set", "removed"] = "set") -> Entry:
        """`value` as a whole replaces what stood under its name."""
        body = TargetChanged(
            tenant=value.tenant, target=value.name, change=change, value=value, why=why, signature="", **self._common
        )
        return self._signed(Kind.TARGET_CHANGED, body)

    def talent(self, value: Talent, why: str, change: Literal["set", "revoked"] = "set") -> Entry:
        """`value` as a whole replaces what stood under its id."""
        body = TalentChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.TALENT_CHANGED, body)

    def grant(self, value: Grant, why: str, change: Literal["set", "revoked"] = "set") -> Entry:
        body = GrantChanged(
            tenant=value.tenant, target=value.target, change=change, value=value, why=why, signature="", **self._common
        )
        return self._signed(Kind.GRANT_CHANGED, body)

    def role(self, value: Role, why: str, change: Literal["set", "removed"] = "set") -> Entry:
        """`value` as a whole replaces what stood under its tenant and name."""
        body = RoleChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.ROLE_CHANGED, body)

    def budget(self, value: Budget, why: str, change: Literal["set", "removed"] = "set") -> Entry:
        """`value` as a whole replaces what stood under its key; what was used of it stays used."""
        body = BudgetChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.BUDGET_CHANGED, body)

    def policy(self, digest: str, files: Mapping[str, str], why: str) -> Entry:
        """`files` as a whole are the policies in force from now on. They were checked before."""
        body = PolicyChanged(digest=digest, files=dict(files), why=why, signature="", **self._common)
        return self._signed(Kind.POLICY_CHANGED, body)

    def api_key(self, value: ApiKey, why: str, change: Literal["set", "revoked"] = "set") -> Entry:
        """`value` as a whole replaces what stood under its id."""
        body = ApiKeyChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.API_KEY_CHANGED, body)

    def identity(self, value: Identity, why: str, change: Literal["set", "revoked"] = "set") -> Entry:
        """`value` replaces whom the provider's subject was before."""
        body = IdentityChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.IDENTITY_CHANGED, body)

    def passkey(self, value: Passkey, why: str, change: Literal["set", "revoked"] = "set") -> Entry:
        body = PasskeyChanged(tenant=value.tenant, change=change, value=value, why=why, signature="", **self._common)
        return self._signed(Kind.PASSKEY_CHANGED, body)

    @property
    def _common(self) -> dict[str, str]:
        return {
            "talent": self.who,
            "trace": self.trace,
            "origin": self.origin,
            "operator": str(self.key.public),
        }

    def _signed(self, kind: Kind, body: S) -> Entry:
        signature = self.key.sign(change_bytes(kind, body.as_json()))
        signed = body.model_copy(update={"signature": base64.b64encode(signature).decode("ascii")})
        return Entry(kind, signed, actor=self.who)
