"""What guard and governor work with: whom a plan waits for, what may be spent, when a write is tried again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from infrafabric.kernel.words.base import Word
from infrafabric.kernel.words.names import TenantId

__all__ = ["Budget", "Needs", "Pending", "Retry", "Role", "RoleName", "Spending", "Unit"]

RoleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class Role(Word):
    """A role, and the roles whose holders' rights it has too."""

    name: RoleName
    tenant: TenantId = "default"
    includes: tuple[RoleName, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.tenant} {self.name}"


class Needs(Word):
    """Whose agreement a HOLD or an ESCALATE waits for."""

    people: Annotated[int, Field(ge=1, le=16)] = 1
    """Distinct persons. Neither the asker nor a talent that the asker owns counts."""
    roles: tuple[RoleName, ...] = ()
    """Each of them has one of these, by itself or included; empty: whoever the policy lets approve."""
    source: bool = False
    """Whether a second independent source does as well (HOLD)."""
    wait_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 900
    """Seconds until the question expires."""


class Pending(Word):
    """A plan's question to people, as `action.decided` asks it."""

    needs: Needs
    nonce: str
    """128 random bits, base64url: an approval answers this question and no other."""
    expires: str
    """RFC 3339 UTC."""


class Spending(Word):
    """What an action may spend, or has spent."""

    requests: Annotated[int, Field(ge=0)] = 0
    """Writes."""
    money: Annotated[int, Field(ge=0)] = 0
    """In millionths of `currency`: manifests state up to six decimals."""
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""
    tokens: Annotated[int, Field(ge=0)] = 0
    day: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    """UTC date under which it counts in budgets: when it was set aside, also where it was spent later."""

    def after(self, writes: int) -> Spending:
        """What was spent of it with so many writes: nothing without any, else all of its money and tokens."""
        return self.model_copy(update={"requests": writes} if writes else {"requests": 0, "money": 0, "tokens": 0})


class Unit(StrEnum):
    REQUESTS = "requests"
    MONEY = "money"
    TOKENS = "tokens"


class Budget(Word):
    """What a talent, a capability or a tenant may spend in a day or a month (UTC)."""

    subject: Annotated[str, StringConstraints(pattern=r"^(talent|capability|tenant):.{1,300}$")]
    """`talent:if://agent/X`, `capability:if://capability/x.y`, `tenant:default`."""
    unit: Unit
    currency: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""
    """ISO 4217, for money only."""
    period: Literal["day", "month"]
    limit: Annotated[int, Field(ge=0, le=2**53 - 1)]
    """Requests, tokens, or millionths of the currency."""
    tenant: TenantId = "default"

    @property
    def key(self) -> str:
        unit = f"{self.unit.value}:{self.currency}" if self.currency else self.unit.value
        return f"{self.subject} {unit} {self.period} {self.tenant}"


class Retry(Word):
    """Where a write stands that is tried again."""

    attempt: Annotated[int, Field(ge=1)]
    limit: Annotated[int, Field(ge=1)]
    """Attempts in all."""
    next_at: str = ""
    """RFC 3339 UTC; "" where there is no next one."""
    cause: str = ""
    """Code of what made it fail."""
